use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

use rand::Rng;
use rand_chacha::ChaCha12Rng;

use super::{Association, GroupRule, Interface, LoadBalancer, NetworkAcl, SecurityGroup, State, Subnet, Vpc};
use crate::acl::{ALL_PROTOCOLS, Action, Cidr, Entry, Peer, Permission, PortSpan, TCP};
use crate::topology;
use gameday_core::model::RegionRole;

/// The final rule of IPv4, which EC2 shows as `*` (VPC user guide, "Default network ACL").
pub(crate) const LAST_RULE_V4: u32 = 32767;
/// The final rule of IPv6, in a VPC that has IPv6.
pub(super) const LAST_RULE_V6: u32 = 32768;

pub(super) fn state(ids: ChaCha12Rng, port: u16) -> State {
    let mut state = State {
        vpcs: Vec::new(),
        subnets: Vec::new(),
        acls: Vec::new(),
        groups: Vec::new(),
        interfaces: Vec::new(),
        balancers: Vec::new(),
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
    let blocks = topology::subnets(role);
    let vpc = add_vpc(state, role, blocks[0], "gameday-lab");
    let acl = state.id("acl");
    let mut associations = Vec::new();
    let inbound = permission(false, TCP, Some(PortSpan { from: port, to: port }));
    let group = add_group(state, role, &vpc, "front-door", "HTTPS from anywhere", Some(inbound));
    let (users, checked, keys) =
        (topology::front_doors(role), topology::checked_doors(role), topology::key_doors(role));
    for (index, address) in blocks.into_iter().enumerate() {
        let zone_letter = ['a', 'b'][index];
        let zone = format!("{}{zone_letter}", topology::region(role));
        let label = format!("front-door-{zone_letter}");
        let subnet = add_subnet(state, role, &vpc, block(address, 25), &zone, &label);
        associations.push(Association { id: state.id("aclassoc"), subnet: subnet.clone() });
        state.tags.entry(subnet.clone()).or_default().insert("tier".to_owned(), "front-door".to_owned());
        let description = format!("Endpoint in {zone}");
        let addresses = vec![users[index], checked[index], keys[index]];
        add_interface(state, role, subnet, addresses, &group, &label, description);
    }
    add_default_acl(state, role, vpc, acl, associations);
}

/// The network that the synthetic users connect from.
fn add_clients(state: &mut State) {
    let role = RegionRole::Primary;
    let vpc = add_vpc(state, role, topology::CLIENTS, "clients");
    let acl = state.id("acl");
    let group = add_group(state, role, &vpc, "clients", "The synthetic users", None);
    let zone = format!("{}a", topology::region(role));
    let subnet = add_subnet(state, role, &vpc, block(topology::CLIENTS, 24), &zone, "clients-a");
    let association = Association { id: state.id("aclassoc"), subnet: subnet.clone() };
    let addresses = vec![topology::USERS_ADDRESS];
    add_interface(state, role, subnet, addresses, &group, "clients-a", "The synthetic users".to_owned());
    add_default_acl(state, role, vpc, acl, vec![association]);
}

/// Puts a load balancer in front of each Region: the front doors' interfaces are its own from then on.
pub(super) fn add_load_balancers(state: &mut State) {
    for region in [RegionRole::Primary, RegionRole::Replica] {
        let id = format!("{:016x}", state.ids.next_u64());
        let (name, place) = ("front-door", topology::region(region));
        let account = topology::ACCOUNT;
        let arn = format!("arn:aws:elasticloadbalancing:{place}:{account}:loadbalancer/app/{name}/{id}");
        let subnets: Vec<String> = state.subnets_of(region, false).map(|subnet| subnet.id.clone()).collect();
        let vpc = state.subnets_of(region, false).next().map(|subnet| subnet.vpc.clone()).unwrap_or_default();
        let mut groups = Vec::new();
        for interface in state.interfaces.iter_mut().filter(|interface| subnets.contains(&interface.subnet)) {
            interface.description = format!("ELB app/{name}/{id}");
            interface.balancer = Some(arn.clone());
            groups.clone_from(&interface.groups);
        }
        state.tags.entry(arn.clone()).or_default().insert("tier".to_owned(), "front-door".to_owned());
        state.balancers.push(LoadBalancer { arn, region, vpc, name: name.to_owned(), groups });
    }
}

fn add_vpc(state: &mut State, role: RegionRole, first: IpAddr, label: &str) -> String {
    let vpc = state.id("vpc");
    let cidr_v6 = ipv6_block(state);
    let (association, association_v6) = (state.id("vpc-cidr-assoc"), state.id("vpc-cidr-assoc"));
    state.vpcs.push(Vpc {
        id: vpc.clone(),
        region: role,
        cidr: block(first, 24),
        cidr_v6: (cidr_v6, association_v6),
        association,
    });
    name(state, &vpc, label);
    vpc
}

fn add_subnet(state: &mut State, role: RegionRole, vpc: &str, cidr: Cidr, zone: &str, label: &str) -> String {
    let id = state.id("subnet");
    name(state, &id, label);
    state.subnets.push(Subnet { id: id.clone(), region: role, vpc: vpc.to_owned(), zone: zone.to_owned(), cidr });
    id
}

fn add_interface(
    state: &mut State,
    role: RegionRole,
    subnet: String,
    addresses: Vec<IpAddr>,
    group: &str,
    label: &str,
    description: String,
) {
    let interface = Interface {
        id: state.id("eni"),
        region: role,
        subnet,
        addresses,
        groups: vec![group.to_owned()],
        mac: mac(state),
        attachment: state.id("eni-attach"),
        description,
        balancer: None,
    };
    name(state, &interface.id, label);
    state.interfaces.push(interface);
}

fn add_default_acl(state: &mut State, role: RegionRole, vpc: String, acl: String, associations: Vec<Association>) {
    let mut entries = final_entries();
    entries.extend(
        [Cidr::ANY_V4, Cidr::ANY_V6]
            .into_iter()
            .zip([100, 101])
            .flat_map(|(cidr, number)| both_ways(number, cidr, Action::Allow)),
    );
    state.acls.push(NetworkAcl { id: acl, region: role, vpc, is_default: true, entries, associations });
}

/// The rules that every network ACL ends with and nobody can change.
pub(crate) fn final_entries() -> Vec<Entry> {
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

/// The VPC's default group, which nothing uses, and one that something uses; gives the latter's ID.
fn add_group(
    state: &mut State,
    role: RegionRole,
    vpc: &str,
    label: &str,
    description: &str,
    inbound: Option<Permission>,
) -> String {
    let (default, own) = (state.id("sg"), state.id("sg"));
    // VPC user guide, "Default security groups": in from itself, out to everywhere.
    let itself = Permission { peer: Peer::Group(default.clone()), ..permission(false, ALL_PROTOCOLS, None) };
    for (id, name, description, inbound) in
        [(default, "default", "default VPC security group", Some(itself)), (own.clone(), label, description, inbound)]
    {
        let rules = inbound.into_iter().chain([all_outbound()]);
        let rules = rules.map(|permission| GroupRule { id: state.id("sgr"), permission, description: None });
        let rules = rules.collect();
        let (name, description) = (name.to_owned(), description.to_owned());
        state.groups.push(SecurityGroup { id, region: role, vpc: vpc.to_owned(), name, description, rules });
    }
    own
}

/// What every new security group allows (VPC user guide, "Security group rules").
pub(crate) fn all_outbound() -> Permission {
    permission(true, ALL_PROTOCOLS, None)
}

/// For every IPv4 address.
fn permission(egress: bool, protocol: i16, ports: Option<PortSpan>) -> Permission {
    Permission { egress, protocol, ports, icmp: None, peer: Peer::Block(Cidr::ANY_V4) }
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
