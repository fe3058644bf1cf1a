//! The state of the lab's AWS accounts: VPCs, subnets, network ACLs and their associations, security groups, network interfaces, load
//! balancers, tags.
//!
//! Everything that decides about packets follows from this state alone, so several faults on one path compose by themselves.

mod build;

pub(crate) use build::{LAST_RULE_V4, all_outbound, final_entries};

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rand::Rng;
use rand_chacha::ChaCha12Rng;
use tokio::sync::watch;

use crate::acl::{Acls, Cidr, Entry, Flow, Peer, Permission};
use crate::topology;
use gameday_core::model::{RegionRole, Seed};

/// The state, and who wants to hear of its changes.
#[derive(Debug)]
pub(crate) struct World {
    state: Mutex<State>,
    changed: watch::Sender<u64>,
}

/// What EC2 knows.
#[derive(Debug)]
pub(crate) struct State {
    /// Virtual private clouds: one for each Region, and the clients'.
    pub vpcs: Vec<Vpc>,
    pub subnets: Vec<Subnet>,
    /// Network ACLs in the order of their creation.
    pub acls: Vec<NetworkAcl>,
    /// Security groups.
    pub groups: Vec<SecurityGroup>,
    /// Network interfaces.
    pub interfaces: Vec<Interface>,
    /// Application Load Balancers, where the lab has them.
    pub balancers: Vec<LoadBalancer>,
    /// Tags by resource ID.
    pub tags: BTreeMap<String, BTreeMap<String, String>>,
    /// Answers already given to CreateNetworkAcl, by Region and client token.
    pub tokens: BTreeMap<(RegionRole, String), Creation>,
    ids: ChaCha12Rng,
}

/// What a client token stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Creation {
    /// The VPC it was for.
    pub vpc: String,
    /// The tags it had.
    pub tags: BTreeMap<String, String>,
    /// The ACL that came of it.
    pub acl: String,
}

/// A virtual private cloud.
#[derive(Debug)]
pub(crate) struct Vpc {
    /// `vpc-…`.
    pub id: String,
    pub region: RegionRole,
    /// Its IPv4 block.
    pub cidr: Cidr,
    /// Its IPv6 block and the association's ID.
    pub cidr_v6: (Cidr, String),
    /// The IPv4 block's association ID.
    pub association: String,
}

#[derive(Debug)]
pub(crate) struct Subnet {
    /// `subnet-…`.
    pub id: String,
    pub region: RegionRole,
    pub vpc: String,
    /// Its Availability Zone's name.
    pub zone: String,
    /// Its IPv4 block.
    pub cidr: Cidr,
}

#[derive(Debug)]
pub(crate) struct NetworkAcl {
    /// `acl-…`.
    pub id: String,
    pub region: RegionRole,
    pub vpc: String,
    /// Whether the VPC came with it.
    pub is_default: bool,
    /// Its rules, the two final ones of each direction included.
    pub entries: Vec<Entry>,
    /// The subnets that it filters.
    pub associations: Vec<Association>,
}

/// A subnet's association with a network ACL.
#[derive(Debug, Clone)]
pub(crate) struct Association {
    /// `aclassoc-…`; a new one after every replacement.
    pub id: String,
    pub subnet: String,
}

#[derive(Debug)]
pub(crate) struct SecurityGroup {
    /// `sg-…`.
    pub id: String,
    pub region: RegionRole,
    pub vpc: String,
    pub name: String,
    pub description: String,
    /// What it allows.
    pub rules: Vec<GroupRule>,
}

/// One rule of a security group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct GroupRule {
    /// `sgr-…`.
    pub id: String,
    /// What it allows.
    pub permission: Permission,
    pub description: Option<String>,
}

/// A network interface.
#[derive(Debug)]
pub(crate) struct Interface {
    /// `eni-…`.
    pub id: String,
    pub region: RegionRole,
    pub subnet: String,
    /// Its addresses, the primary one first.
    pub addresses: Vec<IpAddr>,
    /// Its security groups.
    pub groups: Vec<String>,
    /// Its hardware address.
    pub mac: String,
    /// `eni-attach-…`.
    pub attachment: String,
    /// What it says of itself.
    pub description: String,
    /// The load balancer that it is of, by ARN: then nobody else may change it.
    pub balancer: Option<String>,
}

/// An Application Load Balancer.
#[derive(Debug)]
pub(crate) struct LoadBalancer {
    /// `arn:aws:elasticloadbalancing:…:loadbalancer/app/NAME/ID`.
    pub arn: String,
    pub region: RegionRole,
    pub vpc: String,
    pub name: String,
    /// The security groups of all its interfaces.
    pub groups: Vec<String>,
}

impl World {
    /// The lab's two Regions and the clients' network, with default rules and front doors at `port`.
    pub(crate) fn new(seed: Seed, port: u16) -> Self {
        let state = build::state(seed.stream("resource-ids"), port);
        Self { state: Mutex::new(state), changed: watch::Sender::new(0) }
    }

    /// The same, with a load balancer in each Region that the front doors are of.
    #[must_use]
    pub(crate) fn with_load_balancers(self) -> Self {
        build::add_load_balancers(&mut self.lock());
        self
    }

    /// Looks at the state.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.lock())
    }

    /// Changes the state. Whoever listens is woken when the change succeeded.
    ///
    /// # Errors
    /// The change's own.
    pub(crate) fn change<T, E>(&self, change: impl FnOnce(&mut State) -> Result<T, E>) -> Result<T, E> {
        let outcome = change(&mut self.lock());
        if outcome.is_ok() {
            self.changed.send_modify(|version| *version += 1);
        }
        outcome
    }

    /// Wakes after every change.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// A new resource ID: the prefix and 17 hexadecimal digits, as EC2's are.
    pub(crate) fn id(&mut self, prefix: &str) -> String {
        format!("{prefix}-0{:016x}", self.ids.next_u64())
    }

    /// The tags of a resource.
    pub(crate) fn tags(&self, id: &str) -> impl Iterator<Item = (&str, &str)> {
        self.tags.get(id).into_iter().flatten().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The network ACL that filters a subnet, with the association.
    pub(crate) fn acl_of(&self, subnet: &str) -> Option<(&NetworkAcl, &Association)> {
        self.acls
            .iter()
            .find_map(|acl| acl.associations.iter().find(|known| known.subnet == subnet).map(|known| (acl, known)))
    }

    /// A subnet by its ID.
    pub(crate) fn subnet(&self, id: &str) -> Option<&Subnet> {
        self.subnets.iter().find(|subnet| subnet.id == id)
    }

    /// The VPC of a network interface.
    pub(crate) fn vpc_of(&self, interface: &Interface) -> &str {
        self.subnet(&interface.subnet).map_or("", |subnet| subnet.vpc.as_str())
    }

    /// A security group of a Region by its ID.
    pub(crate) fn group(&self, region: RegionRole, id: &str) -> Option<&SecurityGroup> {
        self.groups.iter().find(|group| group.id == id && group.region == region)
    }

    /// The subnets of a Region that front doors are in, and with `clients` those that the users connect from.
    pub(crate) fn subnets_of(&self, region: RegionRole, clients: bool) -> impl Iterator<Item = &Subnet> {
        let here = self.subnets.iter().filter(move |subnet| subnet.region == region);
        here.filter(move |subnet| subnet.cidr.contains(topology::USERS_ADDRESS) == clients)
    }

    /// Whether the network ACLs at both ends let an open connection's packets through.
    pub(crate) fn passes(&self, flow: Flow) -> bool {
        self.acls_between(flow.client.ip(), flow.server.ip()).pass(flow)
    }

    /// Whether a new connection gets in: network ACLs and security groups.
    pub(crate) fn admits(&self, flow: Flow) -> bool {
        self.passes(flow) && self.groups_admit(flow.client.ip(), flow.server)
    }

    /// Whether a new connection from an address can get in from any ephemeral port.
    pub(crate) fn admits_some(&self, client: IpAddr, server: SocketAddr) -> bool {
        self.acls_between(client, server.ip()).pass_some_port(client, server) && self.groups_admit(client, server)
    }

    /// One address of every block that a rule in front of an interface names.
    pub(crate) fn named_sources(&self, server: IpAddr) -> Vec<IpAddr> {
        let Some(interface) = self.interface_at(server) else { return Vec::new() };
        let entries = self.acl_of(&interface.subnet).into_iter().flat_map(|(acl, _)| &acl.entries);
        let blocks = self.rules_of(interface).filter_map(|rule| match &rule.permission.peer {
            Peer::Block(block) => Some(*block),
            Peer::Group(_) => None,
        });
        entries.map(|entry| entry.cidr).chain(blocks).filter(|cidr| !cidr.is_ipv6()).map(Cidr::first).collect()
    }

    fn interface_at(&self, address: IpAddr) -> Option<&Interface> {
        self.interfaces.iter().find(|interface| interface.addresses.contains(&address))
    }

    fn acls_between(&self, client: IpAddr, server: IpAddr) -> Acls<'_> {
        let before = |address| {
            let (acl, _) = self.acl_of(&self.interface_at(address)?.subnet)?;
            Some(acl.entries.as_slice())
        };
        Acls { server: before(server), client: before(client) }
    }

    fn rules_of(&self, interface: &Interface) -> impl Iterator<Item = &GroupRule> {
        let groups = self.groups.iter().filter(|group| interface.groups.contains(&group.id));
        groups.flat_map(|group| &group.rules)
    }

    /// Whether a group of the client's interface lets the first packet out and one of the server's lets it in.
    fn groups_admit(&self, client: IpAddr, server: SocketAddr) -> bool {
        let belongs = |address: IpAddr, group: &str| {
            self.interface_at(address).is_some_and(|interface| interface.groups.iter().any(|known| known == group))
        };
        let admit = |interface: &Interface, egress: bool, remote: IpAddr| {
            self.rules_of(interface).any(|rule| rule.permission.admits(egress, remote, server.port(), belongs))
        };
        self.interface_at(client).is_none_or(|interface| admit(interface, true, server.ip()))
            && self.interface_at(server.ip()).is_none_or(|interface| admit(interface, false, client))
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;
    use crate::acl::{ALL_PROTOCOLS, Action};

    fn flow(port: u16) -> Flow {
        let server = SocketAddr::new(topology::front_doors(RegionRole::Primary)[0], port);
        Flow { client: SocketAddr::new(topology::USERS_ADDRESS, 40000), server }
    }

    #[test]
    fn the_same_seed_gives_the_same_ids() {
        let ids = |seed| {
            World::new(Seed(seed), 443).read(|state| state.acls.iter().map(|acl| acl.id.clone()).collect::<Vec<_>>())
        };
        assert_eq!(ids(1), ids(1));
        assert_ne!(ids(1), ids(2));
    }

    #[test]
    fn open_at_first_then_a_deny_entry_and_a_group_close_it() {
        let world = World::new(Seed(1), 8443);
        assert!(world.read(|state| state.admits(flow(8443))));
        assert!(!world.read(|state| state.admits(flow(22))), "the security group admits the front door's port alone");
        assert!(world.read(|state| state.passes(flow(22))));
        let mut heard = world.subscribe();
        let done: Result<(), Infallible> = world.change(|state| {
            let subnet = state.interfaces[0].subnet.clone();
            let acl =
                state.acls.iter_mut().find(|acl| acl.associations.iter().any(|known| known.subnet == subnet)).unwrap();
            acl.entries.push(Entry {
                rule_number: 1,
                egress: false,
                cidr: Cidr::ANY_V4,
                protocol: ALL_PROTOCOLS,
                action: Action::Deny,
                ports: None,
                icmp: None,
            });
            Ok(())
        });
        done.unwrap();
        assert!(heard.has_changed().unwrap());
        heard.mark_unchanged();
        assert!(
            world.read(
                |state| !state.passes(flow(8443)) && !state.admits_some(topology::USERS_ADDRESS, flow(8443).server)
            )
        );
    }

    #[test]
    fn the_clients_network_acl_stops_the_users_and_nobody_else() {
        let world = World::new(Seed(1), 8443);
        let checker = topology::checker_address(0);
        for role in [RegionRole::Primary, RegionRole::Replica] {
            let server = SocketAddr::new(topology::front_doors(role)[0], 8443);
            assert!(world.read(|state| state.admits_some(topology::USERS_ADDRESS, server)));
        }
        let done: Result<(), Infallible> = world.change(|state| {
            let subnet = state.subnets_of(RegionRole::Primary, true).next().unwrap().id.clone();
            let of = |acl: &&mut NetworkAcl| acl.associations.iter().any(|known| known.subnet == subnet);
            let acl = state.acls.iter_mut().find(of).unwrap();
            acl.entries.push(Entry {
                rule_number: 1,
                egress: true,
                cidr: "127.0.1.0/24".parse().unwrap(),
                protocol: ALL_PROTOCOLS,
                action: Action::Deny,
                ports: None,
                icmp: None,
            });
            Ok(())
        });
        done.unwrap();
        world.read(|state| {
            assert!(!state.admits(flow(8443)) && !state.passes(flow(8443)));
            let primary = flow(8443).server;
            assert!(!state.admits_some(topology::USERS_ADDRESS, primary) && state.admits_some(checker, primary));
            let replica = SocketAddr::new(topology::front_doors(RegionRole::Replica)[0], 8443);
            assert!(state.admits_some(topology::USERS_ADDRESS, replica));
        });
    }
}
