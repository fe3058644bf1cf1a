use std::net::IpAddr;

use hickory_proto::rr::rdata::{A, NS, SOA};
use hickory_proto::rr::{LowerName, Name, RData, Record, RecordType};

use super::Answer;
use crate::estate::routing::Routing;
use crate::topology;
use gameday_core::model::RegionRole;
use hickory_proto::op::ResponseCode;

/// The lab's hosted zone.
pub(crate) const HOSTED_ZONE_ID: &str = "Z0GAMEDAYLAB00000001";
/// How long Route 53's SOA lets "not there" be cached: its record's own TTL, since its minimum is larger (RFC 2308).
pub(super) const NEGATIVE_TTL_S: u32 = 900;
/// Route 53's values for a new zone's SOA (Route 53 developer guide, "NS and SOA records").
const SOA_REFRESH_S: i32 = 7200;
const SOA_RETRY_S: i32 = 900;
const SOA_EXPIRE_S: i32 = 1_209_600;
const SOA_MINIMUM_S: u32 = 86400;
const NS_TTL_S: u32 = 172_800;

/// The types of records in the zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RecordKind {
    /// IPv4 addresses.
    A,
    /// Name servers.
    Ns,
    /// Start of authority.
    Soa,
}

impl RecordKind {
    /// Its name on the wire of the Route 53 API.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::Ns => "NS",
            Self::Soa => "SOA",
        }
    }

    fn on_wire(self) -> RecordType {
        match self {
            Self::A => RecordType::A,
            Self::Ns => RecordType::NS,
            Self::Soa => RecordType::SOA,
        }
    }
}

/// Failover routing of a record set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failover {
    /// Given while the primary is healthy, or while it is not.
    pub role: RegionRole,
    /// Tells the two sets of one name apart.
    pub set_identifier: &'static str,
}

/// One record set, as the Route 53 API lists it.
#[derive(Debug, Clone)]
pub(crate) struct RecordSet {
    /// Without the final dot.
    pub name: &'static str,
    /// Its type.
    pub kind: RecordKind,
    /// In seconds of scenario time.
    pub ttl_s: u32,
    /// Its values, as text.
    pub values: Vec<String>,
    /// For one of a failover pair.
    pub failover: Option<Failover>,
    /// What it hangs on.
    pub health_check_id: Option<String>,
    /// The name that it is an alias of, and whether it takes on that one's health.
    pub alias: Option<(&'static str, bool)>,
    records: Vec<Record>,
}

/// The lab's zone.
#[derive(Debug)]
pub(crate) struct Zone {
    origin: LowerName,
    sets: Vec<RecordSet>,
}

impl Zone {
    /// With that TTL on the records that lead to front doors, and the failover record as it is set up.
    pub(crate) fn new(ttl_s: u32, routing: &Routing) -> Self {
        let servers = topology::NAME_SERVERS;
        let soa = SOA::new(
            name(servers[0]),
            name("hostmaster.gameday.test"),
            1,
            SOA_REFRESH_S,
            SOA_RETRY_S,
            SOA_EXPIRE_S,
            SOA_MINIMUM_S,
        );
        let soa_text = format!("{soa}");
        let mut sets = vec![
            set(topology::ZONE, RecordKind::Soa, NEGATIVE_TTL_S, vec![soa_text], vec![RData::SOA(soa)]),
            set(
                topology::ZONE,
                RecordKind::Ns,
                NS_TTL_S,
                servers.iter().map(|server| format!("{server}.")).collect(),
                servers.iter().map(|server| RData::NS(NS(name(server)))).collect(),
            ),
        ];
        for (server, address) in servers.into_iter().zip(topology::AUTHORITATIVE_ADDRESSES) {
            sets.push(addresses(server, NS_TTL_S, &[address]));
        }
        let direct_ttl_s = routing.direct_ttl_s.unwrap_or(ttl_s);
        for (role, set_identifier) in [(RegionRole::Primary, "primary"), (RegionRole::Replica, "secondary")] {
            let doors = topology::front_doors(role);
            sets.extend(routing.record(role).map(|record| {
                let alias = record.alias.as_ref();
                let alias = alias.map(|alias| (topology::direct_name(role), alias.evaluate_target_health));
                // An alias of a record has that record's TTL (Route 53 developer guide, "Choosing between alias and non-alias records").
                let ttl_s = if alias.is_some() { direct_ttl_s } else { record.ttl_s.unwrap_or(ttl_s) };
                RecordSet {
                    failover: Some(Failover { role, set_identifier }),
                    health_check_id: record.health_check_id.clone(),
                    alias,
                    ..addresses(topology::FRONT_DOOR, ttl_s, &doors)
                }
            }));
            sets.push(addresses(topology::direct_name(role), direct_ttl_s, &doors));
        }
        sets.push(addresses(topology::HEALTH_NAME, ttl_s, &topology::checked_doors(RegionRole::Primary)));
        sets.push(addresses(topology::STATUS_NAME, ttl_s, &[topology::STATUS_ADDRESS]));
        sets.push(addresses(topology::IDENTITY_PROVIDER_NAME, ttl_s, &[topology::IDENTITY_PROVIDER_ADDRESS]));
        Self { origin: LowerName::from(name(topology::ZONE)), sets }
    }

    /// Every record set.
    pub(crate) fn sets(&self) -> &[RecordSet] {
        &self.sets
    }

    /// Whether a name belongs to the zone.
    pub(crate) fn holds(&self, name: &LowerName) -> bool {
        self.origin.zone_of(name)
    }

    /// What a server of the zone says that gives `role` for the failover record.
    pub(crate) fn answer(&self, asked: &LowerName, kind: RecordType, role: RegionRole) -> Answer {
        if !self.holds(asked) {
            return Answer::code(ResponseCode::Refused);
        }
        let known: Vec<&RecordSet> = self.sets.iter().filter(|set| LowerName::from(name(set.name)) == *asked).collect();
        let given = known.iter().filter(|set| set.failover.is_none_or(|failover| failover.role == role));
        let wanted = given.filter(|set| kind == RecordType::ANY || set.kind.on_wire() == kind);
        let answers: Vec<Record> = wanted.flat_map(|set| set.records.iter().cloned()).collect();
        let code = if known.is_empty() { ResponseCode::NXDomain } else { ResponseCode::NoError };
        let soa = if answers.is_empty() { self.soa() } else { Vec::new() };
        Answer { code, answers, soa }
    }

    fn soa(&self) -> Vec<Record> {
        self.sets.iter().find(|set| set.kind == RecordKind::Soa).map(|set| set.records.clone()).unwrap_or_default()
    }
}

/// Names here are constants of this module and [`topology`]; the root would be the visible sign of a mistyped one.
fn name(text: &str) -> Name {
    Name::from_ascii(format!("{text}.")).unwrap_or_else(|_| Name::root())
}

fn set(of: &'static str, kind: RecordKind, ttl_s: u32, values: Vec<String>, data: Vec<RData>) -> RecordSet {
    let records = data.into_iter().map(|data| Record::from_rdata(name(of), ttl_s, data)).collect();
    RecordSet { name: of, kind, ttl_s, values, failover: None, health_check_id: None, alias: None, records }
}

fn addresses(of: &'static str, ttl_s: u32, addresses: &[IpAddr]) -> RecordSet {
    let values = addresses.iter().map(ToString::to_string).collect();
    let data = addresses.iter().filter_map(|address| match address {
        IpAddr::V4(address) => Some(RData::A(A(*address))),
        // The lab's front doors have IPv4 addresses alone.
        IpAddr::V6(_) => None,
    });
    set(of, RecordKind::A, ttl_s, values, data.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(text: &str, kind: RecordType, role: RegionRole) -> Answer {
        Zone::new(60, &Routing::healthy()).answer(&LowerName::from(name(text)), kind, role)
    }

    #[test]
    fn the_failover_record_follows_the_role_and_others_do_not() {
        for role in [RegionRole::Primary, RegionRole::Replica] {
            let found: Vec<_> = ask(topology::FRONT_DOOR, RecordType::A, role)
                .answers
                .iter()
                .filter_map(|record| record.data.ip_addr())
                .collect();
            assert_eq!(found, topology::front_doors(role));
            assert_eq!(ask(topology::direct_name(RegionRole::Primary), RecordType::A, role).answers.len(), 2);
            let provider = ask(topology::IDENTITY_PROVIDER_NAME, RecordType::A, role).answers;
            assert_eq!(provider[0].data.ip_addr(), Some(topology::IDENTITY_PROVIDER_ADDRESS));
        }
    }

    #[test]
    fn missing_types_and_names_come_with_the_soa() {
        let no_data = ask(topology::FRONT_DOOR, RecordType::AAAA, RegionRole::Primary);
        assert_eq!((no_data.code, no_data.answers.len(), no_data.soa.len()), (ResponseCode::NoError, 0, 1));
        let no_name = ask("nobody.gameday.test", RecordType::A, RegionRole::Primary);
        assert_eq!((no_name.code, no_name.soa.len()), (ResponseCode::NXDomain, 1));
        assert_eq!(ask("example.com", RecordType::A, RegionRole::Primary).code, ResponseCode::Refused);
        assert_eq!(ask(topology::ZONE, RecordType::ANY, RegionRole::Primary).answers.len(), 3);
    }
}
