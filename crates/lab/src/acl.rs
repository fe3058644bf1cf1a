//! Network ACLs and security groups: which packets pass. Pure.
//!
//! A network ACL is stateless: rules in the order of their numbers, the first match decides, `*` denies; each direction apart, so that a
//! connection needs its return packets, to the client's ephemeral port, allowed as well. A security group only allows, and is asked for the
//! first packet of a connection alone (VPC user guide, "Network ACLs" and "Security groups").

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

/// The IANA number of TCP.
pub(crate) const TCP: i16 = 6;
/// EC2's number for every protocol.
pub(crate) const ALL_PROTOCOLS: i16 = -1;

/// The ephemeral ports of Linux clients (VPC user guide, "Ephemeral ports": 32768-61000).
const EPHEMERAL: PortSpan = PortSpan { from: 32768, to: 61000 };

/// A block of addresses, in canonical form: bits behind the prefix are zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Cidr {
    first: IpAddr,
    prefix: u8,
}

impl Cidr {
    /// Every IPv4 address.
    pub(crate) const ANY_V4: Self = Self { first: IpAddr::V4(Ipv4Addr::UNSPECIFIED), prefix: 0 };
    /// Every IPv6 address.
    pub(crate) const ANY_V6: Self = Self { first: IpAddr::V6(Ipv6Addr::UNSPECIFIED), prefix: 0 };

    /// The block of `prefix` bits around an address; `None` when the prefix is too long. Bits behind it are cleared, as EC2 does.
    pub(crate) fn new(address: IpAddr, prefix: u8) -> Option<Self> {
        let first = match address {
            IpAddr::V4(_) if prefix > 32 => return None,
            IpAddr::V6(_) if prefix > 128 => return None,
            IpAddr::V4(address) => IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & mask_v4(prefix))),
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask_v6(prefix))),
        };
        Some(Self { first, prefix })
    }

    /// How many leading bits its addresses share.
    pub(crate) fn prefix(self) -> u8 {
        self.prefix
    }

    /// Its lowest address.
    pub(crate) fn first(self) -> IpAddr {
        self.first
    }

    /// Whether it is a block of IPv6 addresses.
    pub(crate) fn is_ipv6(self) -> bool {
        self.first.is_ipv6()
    }

    /// Whether an address lies in it; never one of the other family.
    pub(crate) fn contains(self, address: IpAddr) -> bool {
        match (self.first, address) {
            (IpAddr::V4(first), IpAddr::V4(address)) => address.to_bits() & mask_v4(self.prefix) == first.to_bits(),
            (IpAddr::V6(first), IpAddr::V6(address)) => address.to_bits() & mask_v6(self.prefix) == first.to_bits(),
            _ => false,
        }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.first, self.prefix)
    }
}

impl FromStr for Cidr {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("CIDR block {text} is malformed");
        let (address, prefix) = text.split_once('/').ok_or_else(wrong)?;
        let address = address.parse().map_err(|_| wrong())?;
        let prefix = prefix.parse().map_err(|_| wrong())?;
        Self::new(address, prefix).ok_or_else(wrong)
    }
}

fn mask_v4(prefix: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0)
}

fn mask_v6(prefix: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(prefix)).unwrap_or(0)
}

/// A range of ports, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct PortSpan {
    pub from: u16,
    pub to: u16,
}

impl PortSpan {
    /// Whether a port lies in it.
    pub(crate) fn contains(self, port: u16) -> bool {
        (self.from..=self.to).contains(&port)
    }
}

/// What a rule says of a packet that it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Action {
    /// It passes.
    Allow,
    /// It vanishes.
    Deny,
}

/// ICMP type and code; -1 is every one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct IcmpTypeCode {
    pub kind: i32,
    pub code: i32,
}

/// One rule of a network ACL.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Entry {
    /// Lower numbers decide first.
    pub rule_number: u32,
    /// Outbound rather than inbound.
    pub egress: bool,
    /// The other end: source of inbound, destination of outbound packets.
    pub cidr: Cidr,
    /// The IANA protocol number, or [`ALL_PROTOCOLS`].
    pub protocol: i16,
    /// Allow or deny.
    pub action: Action,
    /// Destination ports, where the protocol has ports; all where left out.
    pub ports: Option<PortSpan>,
    /// For ICMP rules.
    pub icmp: Option<IcmpTypeCode>,
}

/// A TCP connection: who opened it, and to where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flow {
    /// The client's end.
    pub client: SocketAddr,
    /// The front door's end.
    pub server: SocketAddr,
}

/// The network ACLs on a connection's way: of the server's subnet and of the client's, where there is one.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Acls<'a> {
    /// In front of the server.
    pub server: Option<&'a [Entry]>,
    /// In front of the client.
    pub client: Option<&'a [Entry]>,
}

impl Acls<'_> {
    /// Whether a connection's packets pass in both directions.
    pub(crate) fn pass(self, flow: Flow) -> bool {
        let (client, server) = (flow.client, flow.server);
        // What comes in at one end goes out at the other; the ports are always the destination's.
        self.server.is_none_or(|rules| {
            tcp_passes(rules, false, client.ip(), server.port()) && tcp_passes(rules, true, client.ip(), client.port())
        }) && self.client.is_none_or(|rules| {
            tcp_passes(rules, true, server.ip(), server.port()) && tcp_passes(rules, false, server.ip(), client.port())
        })
    }

    /// Whether they let at least one ephemeral port of a client through in both directions.
    pub(crate) fn pass_some_port(self, client: IpAddr, server: SocketAddr) -> bool {
        // The verdict only changes at the ends of the rules' ranges, so one port behind each end stands for all.
        let rules = self.server.into_iter().chain(self.client).flatten();
        let ends = rules.filter_map(|entry| entry.ports).flat_map(|ports| [ports.from, ports.to.saturating_add(1)]);
        let ends = ends.filter(|port| EPHEMERAL.contains(*port));
        let mut candidates = std::iter::once(EPHEMERAL.from).chain(ends);
        candidates.any(|port| self.pass(Flow { client: SocketAddr::new(client, port), server }))
    }
}

/// Whether one TCP packet passes: the matching rule with the lowest number decides; where none matches, the packet vanishes.
pub(crate) fn tcp_passes(entries: &[Entry], egress: bool, remote: IpAddr, destination_port: u16) -> bool {
    entries
        .iter()
        .filter(|entry| {
            entry.egress == egress
                && entry.cidr.contains(remote)
                && covers_tcp(entry.protocol, entry.ports, destination_port)
        })
        .min_by_key(|entry| entry.rule_number)
        .is_some_and(|entry| entry.action == Action::Allow)
}

/// Ports of a rule for every protocol count for nothing, as in EC2.
fn covers_tcp(protocol: i16, ports: Option<PortSpan>, port: u16) -> bool {
    protocol == ALL_PROTOCOLS || (protocol == TCP && ports.is_none_or(|ports| ports.contains(port)))
}

/// The other end that a rule of a security group names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Peer {
    /// A block of addresses.
    Block(Cidr),
    /// The network interfaces of a security group, by its ID.
    Group(String),
}

/// What one rule of a security group allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Permission {
    /// Outbound rather than inbound.
    pub egress: bool,
    /// The IANA protocol number, or [`ALL_PROTOCOLS`].
    pub protocol: i16,
    /// Destination ports; all where left out.
    pub ports: Option<PortSpan>,
    /// For ICMP.
    pub icmp: Option<IcmpTypeCode>,
    /// The other end.
    pub peer: Peer,
}

impl Permission {
    /// Whether it admits the first packet of a connection in its direction, to or from `remote`; `belongs` says whether an address is
    /// that of an interface in a group. Return packets need no permission: the connection is tracked.
    pub(crate) fn admits(
        &self,
        egress: bool,
        remote: IpAddr,
        destination_port: u16,
        belongs: impl Fn(IpAddr, &str) -> bool,
    ) -> bool {
        self.egress == egress
            && covers_tcp(self.protocol, self.ports, destination_port)
            && match &self.peer {
                Peer::Block(block) => block.contains(remote),
                Peer::Group(group) => belongs(remote, group),
            }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rule(rule_number: u32, egress: bool, cidr: &str, action: Action) -> Entry {
        Entry {
            rule_number,
            egress,
            cidr: cidr.parse().unwrap(),
            protocol: ALL_PROTOCOLS,
            action,
            ports: None,
            icmp: None,
        }
    }

    fn flow(client: &str) -> Flow {
        Flow { client: client.parse().unwrap(), server: "127.0.1.10:443".parse().unwrap() }
    }

    fn acl_passes(entries: &[Entry], flow: Flow) -> bool {
        Acls { server: Some(entries), client: None }.pass(flow)
    }

    fn acl_passes_some_port(entries: &[Entry], client: IpAddr, server: SocketAddr) -> bool {
        Acls { server: Some(entries), client: None }.pass_some_port(client, server)
    }

    fn open() -> Vec<Entry> {
        vec![
            rule(100, false, "0.0.0.0/0", Action::Allow),
            rule(32767, false, "0.0.0.0/0", Action::Deny),
            rule(100, true, "0.0.0.0/0", Action::Allow),
            rule(32767, true, "0.0.0.0/0", Action::Deny),
        ]
    }

    #[test]
    fn no_rule_means_no_packet() {
        assert!(!acl_passes(&[], flow("127.0.0.1:40000")));
        assert!(acl_passes(&open(), flow("127.0.0.1:40000")));
    }

    #[test]
    fn a_deny_in_either_direction_is_enough() {
        for egress in [false, true] {
            let mut entries = open();
            entries.push(rule(1, egress, "0.0.0.0/0", Action::Deny));
            assert!(!acl_passes(&entries, flow("127.0.0.1:40000")));
            assert!(!acl_passes_some_port(&entries, "127.0.0.1".parse().unwrap(), "127.0.1.10:443".parse().unwrap()));
        }
    }

    #[test]
    fn families_do_not_mix() {
        let mut entries = open();
        entries.push(rule(1, false, "::/0", Action::Deny));
        assert!(acl_passes(&entries, flow("127.0.0.1:40000")));
        let v6 = Flow { client: "[2001:db8::1]:40000".parse().unwrap(), server: "[2001:db8::2]:443".parse().unwrap() };
        assert!(!acl_passes(&entries, v6));
    }

    #[test]
    fn return_packets_need_the_ephemeral_ports() {
        let mut entries = open();
        entries.retain(|entry| !entry.egress);
        entries.push(Entry {
            ports: Some(PortSpan { from: 50000, to: 65535 }),
            protocol: TCP,
            ..rule(100, true, "0.0.0.0/0", Action::Allow)
        });
        assert!(!acl_passes(&entries, flow("127.0.0.1:40000")));
        assert!(acl_passes(&entries, flow("127.0.0.1:50000")));
        assert!(acl_passes_some_port(&entries, "127.0.0.1".parse().unwrap(), "127.0.1.10:443".parse().unwrap()));
    }

    #[test]
    fn udp_rules_say_nothing_of_tcp() {
        let mut entries = open();
        entries.push(Entry {
            protocol: 17,
            ports: Some(PortSpan { from: 0, to: 65535 }),
            ..rule(1, false, "0.0.0.0/0", Action::Deny)
        });
        assert!(acl_passes(&entries, flow("127.0.0.1:40000")));
    }

    #[test]
    fn the_clients_own_acl_sees_the_same_packets_the_other_way_round() {
        let passes =
            |client: &[Entry]| Acls { server: Some(&open()), client: Some(client) }.pass(flow("127.0.0.1:40000"));
        assert!(passes(&open()));
        for (egress, remote, expected) in [
            (true, "127.0.1.10/32", false),
            (false, "127.0.1.10/32", false),
            (true, "127.0.0.1/32", true),
            (true, "127.0.2.10/32", true),
        ] {
            let mut client = open();
            client.push(rule(1, egress, remote, Action::Deny));
            assert_eq!(passes(&client), expected, "{egress} {remote}");
        }
        let mut client = open();
        client.push(Entry {
            protocol: TCP,
            ports: Some(PortSpan { from: 443, to: 443 }),
            ..rule(1, false, "0.0.0.0/0", Action::Deny)
        });
        assert!(passes(&client), "replies come to the client's ephemeral port");
    }

    #[test]
    fn groups_only_allow() {
        let permission = |peer| Permission {
            egress: false,
            protocol: TCP,
            ports: Some(PortSpan { from: 443, to: 443 }),
            icmp: None,
            peer,
        };
        let member: IpAddr = "127.0.3.1".parse().unwrap();
        let belongs = |address, group: &str| address == member && group == "sg-1";
        let block = permission(Peer::Block("127.0.0.0/24".parse().unwrap()));
        let users: IpAddr = "127.0.0.1".parse().unwrap();
        assert!(block.admits(false, users, 443, belongs));
        assert!(!block.admits(true, users, 443, belongs));
        assert!(!block.admits(false, users, 22, belongs));
        assert!(!block.admits(false, member, 443, belongs));
        assert!(permission(Peer::Group("sg-1".to_owned())).admits(false, member, 443, belongs));
        assert!(!permission(Peer::Group("sg-2".to_owned())).admits(false, member, 443, belongs));
    }

    #[test]
    fn cidrs_are_canonical() {
        assert_eq!("100.68.0.18/18".parse::<Cidr>().unwrap().to_string(), "100.68.0.0/18");
        assert_eq!("2001:db8::1/32".parse::<Cidr>().unwrap().to_string(), "2001:db8::/32");
        for wrong in ["10.0.0.0", "10.0.0.0/33", "::/129", "x/8", ""] {
            assert!(wrong.parse::<Cidr>().is_err(), "{wrong}");
        }
    }

    fn entry() -> impl Strategy<Value = Entry> {
        let address = prop_oneof![
            (any::<u32>(), 0..=32u8)
                .prop_map(|(bits, prefix)| Cidr::new(Ipv4Addr::from_bits(bits).into(), prefix).unwrap()),
            Just(Cidr::ANY_V4),
            Just(Cidr::ANY_V6),
        ];
        let ports = proptest::option::of(
            (any::<u16>(), any::<u16>()).prop_map(|(a, b)| PortSpan { from: a.min(b), to: a.max(b) }),
        );
        let protocol = prop_oneof![Just(ALL_PROTOCOLS), Just(TCP), Just(17)];
        (1..200u32, any::<bool>(), address, protocol, any::<bool>(), ports).prop_map(
            |(rule_number, egress, cidr, protocol, allow, ports)| Entry {
                rule_number,
                egress,
                cidr,
                protocol,
                action: if allow { Action::Allow } else { Action::Deny },
                ports,
                icmp: None,
            },
        )
    }

    /// As EC2 has it: one rule for each number and direction.
    fn entries() -> impl Strategy<Value = Vec<Entry>> {
        proptest::collection::vec(entry(), 0..30).prop_map(|entries| {
            let mut seen = std::collections::BTreeSet::new();
            entries.into_iter().filter(|entry| seen.insert((entry.egress, entry.rule_number))).collect()
        })
    }

    fn client() -> impl Strategy<Value = SocketAddr> {
        (any::<u32>(), 1024..=u16::MAX).prop_map(|(bits, port)| SocketAddr::new(Ipv4Addr::from_bits(bits).into(), port))
    }

    proptest! {
        #[test]
        fn the_order_of_description_does_not_matter(entries in entries(), client in client()) {
            let flow = Flow { client, server: "127.0.1.10:443".parse().unwrap() };
            let mut reversed = entries.clone();
            reversed.reverse();
            prop_assert_eq!(acl_passes(&entries, flow), acl_passes(&reversed, flow));
        }

        #[test]
        fn a_deny_below_every_rule_stops_everything_and_its_removal_restores(entries in entries(), client in client(), egress in any::<bool>()) {
            let flow = Flow { client, server: "127.0.1.10:443".parse().unwrap() };
            let mut cut = entries.clone();
            cut.push(rule(0, egress, "0.0.0.0/0", Action::Deny));
            prop_assert!(!acl_passes(&cut, flow));
            cut.pop();
            prop_assert_eq!(acl_passes(&cut, flow), acl_passes(&entries, flow));
        }

        #[test]
        fn renumbering_in_order_changes_nothing(entries in entries(), client in client()) {
            let flow = Flow { client, server: "127.0.1.10:443".parse().unwrap() };
            let renumbered: Vec<_> = entries.iter().map(|entry| Entry { rule_number: entry.rule_number * 7 + 3, ..entry.clone() }).collect();
            prop_assert_eq!(acl_passes(&entries, flow), acl_passes(&renumbered, flow));
        }

    }

    proptest! {
        // Each case asks for 28,000 ports.
        #![proptest_config(ProptestConfig::with_cases(12))]
        #[test]
        fn some_port_passes_exactly_when_one_of_all_does(server_acl in entries(), client_acl in entries(), client in client()) {
            let server = "127.0.1.10:443".parse().unwrap();
            let acls = Acls { server: Some(&server_acl), client: Some(&client_acl) };
            let any = (EPHEMERAL.from..=EPHEMERAL.to)
                .any(|port| acls.pass(Flow { client: SocketAddr::new(client.ip(), port), server }));
            prop_assert_eq!(acls.pass_some_port(client.ip(), server), any);
        }
    }
}
