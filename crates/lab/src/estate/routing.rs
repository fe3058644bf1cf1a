//! Route 53 and the front doors: how the health check asks, what the failover record hangs on, and what answers.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::topology;
use gameday_core::model::RegionRole;

/// The health check on the failover record's primary.
pub(crate) const HEALTH_CHECK_ID: &str = "6a6d4461-7900-4000-8000-000000000001";
/// The health check that counts others, where there is one.
pub(crate) const CALCULATED_CHECK_ID: &str = "6a6d4461-7900-4000-8000-000000000002";

/// Record, health checks, name servers, and what answers at the front doors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Routing {
    /// The health check of the primary's front door; taken away, it was deleted.
    pub health_check: Option<HealthCheckFixture>,
    /// A health check that counts others.
    pub calculated_check: Option<CalculatedCheck>,
    /// The failover record's two sets.
    pub records: Records,
    /// The TTL of the Regions' own names, which an alias leads to; the failover record's where left out.
    pub direct_ttl_s: Option<u32>,
    /// The zone's name servers, in their order.
    pub name_servers: Vec<NameServer>,
    /// What answers at the front doors, by Region.
    pub front_doors: BTreeMap<String, EndpointFixture>,
    /// How long the front doors' certificate is valid yet; for ever where left out.
    pub certificate_days: Option<u32>,
}

/// A health check, as HealthCheckConfig has it (Route 53 API reference); how many checkers ask and how often is in `[lab]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HealthCheckFixture {
    /// `HTTPS`, `HTTP` or `TCP`; TCP checkers only connect, the others ask.
    #[serde(rename = "type")]
    pub kind: String,
    /// The port that it tells of; the front door's where left out. The checkers ask at the front door's all the same.
    pub port: Option<u16>,
    /// What the checkers ask; nothing is `/`.
    pub path: Option<String>,
    /// Whether they name the host in the TLS handshake.
    pub enable_sni: bool,
    /// Where they are; everywhere where empty.
    pub regions: Vec<String>,
    /// Says the opposite.
    pub inverted: bool,
    /// Says healthy.
    pub disabled: bool,
}

/// A calculated health check: healthy while so many of its children are. Children other than the front door's are always healthy here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CalculatedCheck {
    /// How many must be healthy.
    pub health_threshold: u32,
    /// Their IDs.
    pub children: Vec<String>,
}

/// The failover record's sets; one that is taken away is not there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Records {
    /// Of the primary.
    pub primary: Option<Record>,
    /// Of the replica.
    pub secondary: Option<Record>,
}

/// One set of the failover record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Record {
    /// What it hangs on; healthy where nothing.
    pub health_check_id: Option<String>,
    /// Whether it is an alias of the Region's own name instead of addresses.
    pub alias: Option<Alias>,
    /// Its TTL; that of `[lab]` where left out.
    pub ttl_s: Option<u32>,
}

/// An alias (Route 53 API reference, AliasTarget).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Alias {
    /// Whether it takes on the health of what it leads to. The Regions' own names have no health check, so they are healthy.
    pub evaluate_target_health: bool,
}

/// One of the zone's name servers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NameServer {
    /// Gives what the zone once was, whatever the health check says: the first address of the primary alone.
    pub stale: bool,
}

/// What answers at a Region's front door.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EndpointFixture {
    /// The status of its health page.
    pub health_status: u16,
}

impl Default for HealthCheckFixture {
    fn default() -> Self {
        Self {
            kind: "HTTPS".to_owned(),
            port: None,
            path: Some(topology::HEALTH_PATH.to_owned()),
            enable_sni: true,
            regions: Vec::new(),
            inverted: false,
            disabled: false,
        }
    }
}

impl Routing {
    /// As it should be.
    pub(crate) fn healthy() -> Self {
        let front_doors = [RegionRole::Primary, RegionRole::Replica]
            .map(|role| (topology::region(role).to_owned(), EndpointFixture { health_status: 200 }));
        Self {
            health_check: Some(HealthCheckFixture::default()),
            calculated_check: None,
            records: Records {
                primary: Some(Record { health_check_id: Some(HEALTH_CHECK_ID.to_owned()), alias: None, ttl_s: None }),
                secondary: Some(Record { health_check_id: None, alias: None, ttl_s: None }),
            },
            direct_ttl_s: None,
            name_servers: vec![NameServer { stale: false }; topology::AUTHORITATIVE_ADDRESSES.len()],
            front_doors: front_doors.into(),
            certificate_days: None,
        }
    }

    /// The set of a Region.
    pub(crate) fn record(&self, role: RegionRole) -> Option<&Record> {
        match role {
            RegionRole::Primary => self.records.primary.as_ref(),
            RegionRole::Replica => self.records.secondary.as_ref(),
        }
    }

    /// The status of a Region's health page.
    pub(crate) fn health_status(&self, role: RegionRole) -> u16 {
        self.front_doors.get(topology::region(role)).map_or(200, |door| door.health_status)
    }

    /// Whether that name server is stale.
    pub(crate) fn is_stale(&self, server: usize) -> bool {
        self.name_servers.get(server).is_some_and(|server| server.stale)
    }

    /// The Region that name servers give while the front door's health check says `healthy`: the primary's unless it is unhealthy and the
    /// secondary healthy (Route 53 developer guide, "How health checks work in simple Amazon Route 53 configurations" and "Active-active and
    /// active-passive failover": where both are unhealthy, the primary's).
    pub(crate) fn given(&self, healthy: bool) -> RegionRole {
        let [primary, secondary] = [&self.records.primary, &self.records.secondary]
            .map(|record| record.as_ref().map(|record| self.is_healthy(record, healthy)));
        match (primary, secondary) {
            (Some(false), Some(true)) | (None, Some(_)) => RegionRole::Replica,
            _ => RegionRole::Primary,
        }
    }

    fn is_healthy(&self, record: &Record, healthy: bool) -> bool {
        match record.health_check_id.as_deref() {
            // A record whose health check was deleted counts as healthy.
            Some(HEALTH_CHECK_ID) => healthy || self.health_check.is_none(),
            Some(CALCULATED_CHECK_ID) => self.calculated_check.as_ref().is_none_or(|check| check.is_healthy(healthy)),
            _ => true,
        }
    }
}

impl CalculatedCheck {
    fn is_healthy(&self, front_door: bool) -> bool {
        let healthy = self.children.iter().filter(|child| *child != HEALTH_CHECK_ID || front_door).count();
        u32::try_from(healthy).is_ok_and(|healthy| healthy >= self.health_threshold)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gives(routing: &Routing) -> [RegionRole; 2] {
        [true, false].map(|healthy| routing.given(healthy))
    }

    #[test]
    fn the_record_follows_what_it_hangs_on() {
        use RegionRole::{Primary, Replica};
        let routing = Routing::healthy();
        assert_eq!(gives(&routing), [Primary, Replica]);
        let mut detached = routing.clone();
        detached.records.primary = Some(Record { health_check_id: None, alias: None, ttl_s: None });
        assert_eq!(gives(&detached), [Primary, Primary]);
        // Where both are unhealthy, Route 53 gives the primary.
        let mut both = routing.clone();
        both.records.secondary =
            Some(Record { health_check_id: Some(HEALTH_CHECK_ID.to_owned()), alias: None, ttl_s: None });
        assert_eq!(gives(&both), [Primary, Primary]);
        let mut alone = routing.clone();
        alone.records.secondary = None;
        assert_eq!(gives(&alone), [Primary, Primary]);
        let mut gone = routing;
        gone.health_check = None;
        assert_eq!(gives(&gone), [Primary, Primary]);
    }

    #[test]
    fn a_calculated_parent_hides_one_child_unless_all_must_be_healthy() {
        let children = vec![HEALTH_CHECK_ID.to_owned(), "another".to_owned()];
        let with = |health_threshold| {
            let mut routing = Routing::healthy();
            routing.calculated_check = Some(CalculatedCheck { health_threshold, children: children.clone() });
            routing.records.primary =
                Some(Record { health_check_id: Some(CALCULATED_CHECK_ID.to_owned()), alias: None, ttl_s: None });
            routing
        };
        assert_eq!(gives(&with(1)), [RegionRole::Primary, RegionRole::Primary]);
        assert_eq!(gives(&with(2)), [RegionRole::Primary, RegionRole::Replica]);
    }
}
