use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

use rand::Rng;
use rand_chacha::ChaCha12Rng;

use super::{Association, Interface, NetworkAcl, SecurityGroup, State, Subnet, Vpc};
use crate::lab::acl::{ALL_PROTOCOLS, Action, Cidr, Entry, Permission, Ports, TCP};
use crate::lab::topology;
use crate::model::RegionRole;

/// The final rule of IPv4, which EC2 shows as `*` (VPC user guide, "Default network ACL").
pub const LAST_RULE_V4: u32 = 32767;
/// The final rule of IPv6, in a VPC that has IPv6.
pub const LAST_RULE_V6: u32 = 32768;

pub(super) fn state(ids: ChaCha12Rng, port: u16) -> State {
    let mut state = State {
        vpcs: Vec::new(),
        subnets: Vec::new(),
        acls: Vec::new(),
        groups: Vec::new(),
        interfaces: Vec::new(),
        tags: BTreeMap::new(),
        tokens: BTreeMap::new(),
        ids,
    };
    for role in [RegionRole::Primary, RegionRole::Replica] {
        add_region(&mut state, role, port);
    }
    add_clients(&mut state);
    state
}

fn add_region(state: &mut State, role: RegionRole, port: u16) {
    let vpc = state.id("vpc");
    let cidr_v6 = ipv6_block(state);
    let (association, association_v6) = (state.id("vpc-cidr-assoc"), state.id("vpc-cidr-assoc"));
    let blocks = topology::subnets(role);
    state.vpcs.push(Vpc {
        id: vpc.clone(),
        region: role,
        cidr: block(blocks[0], 24),
        cidr_v6: (cidr_v6, association_v6),
        association,
    });
    name(state, &vpc, "gameday-lab");

    let acl = state.id("acl");
    let mut associations = Vec::new();
    let group = add_groups(state, role, &vpc, port);
    for (index, address) in blocks.into_iter().enumerate() {
        let zone_letter = ['a', 'b'][index];
        let subnet = state.id("subnet");
        associations.push(Association { id: state.id("aclassoc"), subnet: subnet.clone() });
        let zone = format!("{}{zone_letter}", topology::region(role));
        name(state, &subnet, &format!("front-door-{zone_letter}"));
        state.tags.entry(subnet.clone()).or_default().insert("tier".to_owned(), "front-door".to_owned());
        let interface = Interface {
            id: state.id("eni"),
            region: role,
            subnet: subnet.clone(),
            address: topology::front_doors(role)[index],
            second: Some(topology::checked_doors(role)[index]),
            groups: vec![group.clone()],
            mac: mac(state),
            attachment: state.id("eni-attach"),
            description: format!("Front door in {zone}"),
        };
        name(state, &interface.id, &format!("front-door-{zone_letter}"));
        state.interfaces.push(interface);
        let (vpc, cidr) = (vpc.clone(), block(address, 25));
        state.subnets.push(Subnet { id: subnet, region: role, vpc, zone, cidr, clients: false });
    }
    let entries = open_entries();
    state.acls.push(NetworkAcl { id: acl, region: role, vpc, is_default: true, entries, associations });
}

/// What a default network ACL has: everything passes.
fn open_entries() -> Vec<Entry> {
    let mut entries = final_entries();
    entries.extend(
        [Cidr::ANY_V4, Cidr::ANY_V6]
            .into_iter()
            .zip([100, 101])
            .flat_map(|(cidr, number)| both_ways(number, cidr, Action::Allow)),
    );
    entries
}

/// The users' own VPC and subnet, in the primary Region.
fn add_clients(state: &mut State) {
    let region = RegionRole::Primary;
    let (vpc, subnet, acl) = (state.id("vpc"), state.id("subnet"), state.id("acl"));
    let (association, association_v6) = (state.id("vpc-cidr-assoc"), state.id("vpc-cidr-assoc"));
    let cidr = block(topology::CLIENTS, 24);
    let cidr_v6 = ipv6_block(state);
    state.vpcs.push(Vpc { id: vpc.clone(), region, cidr, cidr_v6: (cidr_v6, association_v6), association });
    name(state, &vpc, "clients");
    let zone = format!("{}a", topology::region(region));
    state.subnets.push(Subnet { id: subnet.clone(), region, vpc: vpc.clone(), zone, cidr, clients: true });
    name(state, &subnet, "clients-a");
    let associations = vec![Association { id: state.id("aclassoc"), subnet }];
    state.acls.push(NetworkAcl { id: acl, region, vpc, is_default: true, entries: open_entries(), associations });
}

/// The rules that every network ACL ends with and nobody can change.
pub fn final_entries() -> Vec<Entry> {
    let v4 = both_ways(LAST_RULE_V4, Cidr::ANY_V4, Action::Deny);
    v4.into_iter().chain(both_ways(LAST_RULE_V6, Cidr::ANY_V6, Action::Deny)).collect()
}

fn both_ways(rule_number: u32, cidr: Cidr, action: Action) -> [Entry; 2] {
    [true, false].map(|egress| Entry {
        rule_number,
        egress,
        cidr,
        protocol: ALL_PROTOCOLS,
        action,
        ports: None,
        icmp: None,
    })
}

/// The VPC's default group, which nothing uses, and the front door's; gives the latter's ID.
fn add_groups(state: &mut State, role: RegionRole, vpc: &str, port: u16) -> String {
    let anywhere = vec![Cidr::ANY_V4];
    let out = vec![Permission { protocol: ALL_PROTOCOLS, ports: None, cidrs: anywhere.clone() }];
    let (default, front) = (state.id("sg"), state.id("sg"));
    state.groups.push(SecurityGroup {
        id: default,
        region: role,
        vpc: vpc.to_owned(),
        name: "default".to_owned(),
        description: "default VPC security group".to_owned(),
        inbound: Vec::new(),
        outbound: out.clone(),
    });
    let inbound = vec![Permission { protocol: TCP, ports: Some(Ports { from: port, to: port }), cidrs: anywhere }];
    state.groups.push(SecurityGroup {
        id: front.clone(),
        region: role,
        vpc: vpc.to_owned(),
        name: "front-door".to_owned(),
        description: "HTTPS from anywhere".to_owned(),
        inbound,
        outbound: out,
    });
    front
}

fn name(state: &mut State, id: &str, name: &str) {
    state.tags.entry(id.to_owned()).or_default().insert("Name".to_owned(), name.to_owned());
}

fn block(address: IpAddr, prefix: u8) -> Cidr {
    // The prefixes here are constants below 32.
    Cidr::new(address, prefix).unwrap_or(Cidr::ANY_V4)
}

/// A /56 out of the documentation block (RFC 3849).
fn ipv6_block(state: &mut State) -> Cidr {
    let random = u128::from(state.ids.next_u32()) << 72;
    let address = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0).to_bits() | (random & (u128::MAX >> 32));
    Cidr::new(IpAddr::V6(Ipv6Addr::from_bits(address)), 56).unwrap_or(Cidr::ANY_V6)
}

fn mac(state: &mut State) -> String {
    let [a, b, c, d] = state.ids.next_u32().to_be_bytes();
    format!("02:00:{a:02x}:{b:02x}:{c:02x}:{d:02x}")
}
