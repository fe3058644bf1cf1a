//! How the change of the record spread: to each authoritative server, each resolver and each cohort of clients.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::interval::{Interval, seconds_between};
use super::milestones::server_moves;
use super::timeline::Timeline;
use crate::model::{DnsSource, Milestone, RegionRole};

/// Who asks for the record or answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DnsParty {
    /// An authoritative server of the zone.
    Authoritative,
    /// A recursive resolver.
    Resolver,
    /// The clients of a cohort, by where their logins went.
    Cohort,
}

impl DnsParty {
    /// The name in files and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Authoritative => "authoritative",
            Self::Resolver => "resolver",
            Self::Cohort => "cohort",
        }
    }
}

/// When the record's change arrived at one place, and when the way back did. All in seconds of scenario time.
#[derive(Debug, Clone, PartialEq)]
pub struct Propagation {
    /// What kind of place.
    pub place: DnsParty,
    /// The server, or the cohort.
    pub name: String,
    /// From when on it gave the replica up to the heal, after `zero_at`; nothing where it never did. For a cohort: from when on its logins went there.
    pub to_replica: Option<Interval>,
    /// How long that was after `fault_effective`, never below zero.
    pub after_fault: Option<Interval>,
    /// How long that was after every authoritative server had it; nothing for those themselves. Below zero where it came before.
    pub after_flip: Option<Interval>,
    /// From when on it gave the primary again, after `zero_at`; nothing where it had not left it, or did not come back.
    pub to_primary: Option<Interval>,
}

/// Of every server and cohort, in this order; none where nothing was cut.
pub(super) fn propagation(line: &Timeline<'_>, at: &dyn Fn(Milestone) -> Option<Interval>) -> Vec<Propagation> {
    let (fault, flip) = (at(Milestone::FaultEffective), at(Milestone::DnsFlipAuthoritative));
    let told = |place, name: &str, to_replica: Option<Interval>, to_primary| {
        let since = |start: Option<Interval>| Some(to_replica?.since(start?));
        Propagation {
            place,
            name: name.to_owned(),
            to_replica,
            after_fault: since(fault).map(Interval::at_least_zero),
            after_flip: if place == DnsParty::Authoritative { None } else { since(flip) },
            to_primary,
        }
    };
    let servers = server_moves(line);
    let servers = servers.iter().map(|moves| {
        let place = match moves.source {
            DnsSource::Authoritative => DnsParty::Authoritative,
            DnsSource::Resolver => DnsParty::Resolver,
        };
        told(place, moves.server, moves.flipped, moves.back)
    });
    let cohorts = cohorts(line);
    servers
        .chain(cohorts.iter().map(|(name, way)| told(DnsParty::Cohort, name, way.to_replica, way.to_primary)))
        .collect()
}

struct Way {
    to_replica: Option<Interval>,
    to_primary: Option<Interval>,
}

/// Where a login went: when it started, when it ended, and to which Region.
type Went = (Timestamp, Timestamp, RegionRole);

/// A login asked where to go at some moment between its start and its end, so it proves the way of its cohort as an answer proves
/// that of a server.
fn cohorts<'a>(line: &Timeline<'a>) -> BTreeMap<&'a str, Way> {
    let Some(zero) = line.zero else { return BTreeMap::new() };
    let mut logins: BTreeMap<&str, Vec<Went>> = BTreeMap::new();
    for login in line.logins.iter().filter(|login| !login.cancelled()) {
        let went = logins.entry(login.cohort()).or_default();
        went.extend(login.role().map(|role| (login.started(), login.ended(), role)));
    }
    let way = |went: &Vec<Went>| {
        let outage: Vec<Went> = went.iter().copied().filter(|(started, ..)| line.before_heal(*started)).collect();
        // What gave the primary again before the heal did not come back by it.
        let last = outage.iter().filter(|(.., role)| *role == RegionRole::Primary).map(|(started, ..)| *started).max();
        let since = last.map_or(zero, |last| last.max(zero));
        let left = went.iter().any(|(started, _, role)| *started >= since && *role == RegionRole::Replica);
        let back = line.heal.filter(|_| left).and_then(|heal| switched(went, RegionRole::Primary, zero, heal));
        Way { to_replica: switched(&outage, RegionRole::Replica, zero, zero), to_primary: back }
    };
    logins.iter().map(|(cohort, went)| (*cohort, way(went))).collect()
}

/// The last switch to `role`, not before `floor`.
fn switched(went: &[Went], role: RegionRole, zero: Timestamp, floor: Timestamp) -> Option<Interval> {
    let old = went.iter().filter(|(.., to)| *to != role).map(|(started, ..)| *started).max();
    let new =
        went.iter().filter(|(started, _, to)| *to == role && *started >= floor && old.is_none_or(|old| *started > old));
    let new = new.map(|(_, ended, _)| *ended).min()?;
    let lower = old.map_or(floor, |old| old.max(floor));
    Some(Interval::new(seconds_between(zero, lower), seconds_between(zero, new)))
}
