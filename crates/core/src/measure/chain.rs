use jiff::Timestamp;

use super::harness::Stalls;
use super::interval::{Interval, to_nanos};
use crate::model::Milestone;

/// One link of the failover chain: from one milestone to the next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Link {
    /// What takes its time here.
    pub name: &'static str,
    /// Where it begins.
    pub from: Milestone,
    /// Where it ends.
    pub to: Milestone,
    /// What it cost, in seconds; below zero where its end came before its beginning. Nothing where either was not reached.
    pub cost: Option<Interval>,
}

/// What each link of the chain cost, from the fault to the first login at the replica. The middles of the
/// intervals add up to the middle of the total; their bounds do not, since each milestone's
/// uncertainty counts for the link before it and for the link after it.
#[derive(Debug, Clone, PartialEq)]
pub struct Chain {
    /// In order.
    pub links: Vec<Link>,
    /// From the fault to the first login at the replica, in seconds.
    pub total: Option<Interval>,
    /// The links as a waterfall that adds up to the total's middle, whatever was not observed; empty where there is no total.
    pub waterfall: Vec<Bar>,
}

/// A bar of the waterfall: a link between two milestones that were reached. Each begins where the one before ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bar {
    /// What takes its time here, by the milestone where it ends.
    pub name: &'static str,
    /// Where it begins.
    pub from: Milestone,
    /// Where it ends.
    pub to: Milestone,
    /// Where it begins, in seconds after the middle of `fault_effective`.
    pub start_s: f64,
    /// Where it ends, likewise; below `start_s` where its end came before its beginning.
    pub end_s: f64,
    /// What it cost, with bounds, in seconds.
    pub cost: Interval,
}

/// A time between two milestones that has a name of its own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Took {
    /// As `sustained_rto`.
    pub name: &'static str,
    /// Where it begins.
    pub from: Milestone,
    /// Where it ends.
    pub to: Milestone,
    /// In seconds, never below zero; nothing where either was not reached.
    pub took: Option<Interval>,
}

/// The links that DOMAIN.md names, with the milestones between which they lie.
const LINKS: [(&str, Milestone, Milestone); 4] = [
    ("detection by the health check", Milestone::FaultEffective, Milestone::HealthCheckUnhealthy),
    ("DNS flip at the authoritative servers", Milestone::HealthCheckUnhealthy, Milestone::DnsFlipAuthoritative),
    ("caches of the resolvers", Milestone::DnsFlipAuthoritative, Milestone::DnsFlipResolver),
    ("first login at the replica", Milestone::DnsFlipResolver, Milestone::FirstReplicaLogin),
];

/// The times that have a name in the field, each by its milestones.
const DURATIONS: [(&str, Milestone, Milestone); 8] = [
    ("detection", Milestone::FaultEffective, Milestone::HealthCheckUnhealthy),
    ("dns_flip", Milestone::HealthCheckUnhealthy, Milestone::DnsFlipAuthoritative),
    ("rto", Milestone::FaultEffective, Milestone::FirstReplicaLogin),
    ("sustained_rto", Milestone::FaultEffective, Milestone::ReplicaSustained),
    ("fault", Milestone::FaultEffective, Milestone::FaultReverted),
    ("failback_detection", Milestone::FaultReverted, Milestone::HealthCheckHealthy),
    ("failback_dns", Milestone::HealthCheckHealthy, Milestone::DnsFailbackAuthoritative),
    ("failback", Milestone::FaultReverted, Milestone::FirstPrimaryLoginAfterFailback),
];

pub(super) fn chain(at: impl Fn(Milestone) -> Option<Interval>) -> Chain {
    let cost = |from, to| Some(at(to)?.since(at(from)?));
    let links = LINKS.into_iter().map(|(name, from, to)| Link { name, from, to, cost: cost(from, to) });
    Chain {
        links: links.collect(),
        total: cost(Milestone::FaultEffective, Milestone::FirstReplicaLogin),
        waterfall: waterfall(&at).unwrap_or_default(),
    }
}

/// The time before a milestone that was not reached counts for the link after it: a chain with a gap would not add up.
fn waterfall(at: impl Fn(Milestone) -> Option<Interval>) -> Option<Vec<Bar>> {
    at(Milestone::FirstReplicaLogin)?;
    let zero = at(Milestone::FaultEffective)?;
    let (mut from, mut start) = (Milestone::FaultEffective, zero);
    let mut bars = Vec::new();
    for (name, _, to) in LINKS {
        let Some(end) = at(to) else { continue };
        let seconds = |at: Interval| to_nanos(at.middle() - zero.middle());
        bars.push(Bar { name, from, to, start_s: seconds(start), end_s: seconds(end), cost: end.since(start) });
        (from, start) = (to, end);
    }
    Some(bars)
}

/// With what the runner missed in between as a part of their bounds.
pub(super) fn durations(
    at: impl Fn(Milestone) -> Option<Interval>,
    zero: Option<Timestamp>,
    stalls: &Stalls,
) -> Vec<Took> {
    let took = |from, to| Some(stalls.between(zero?, at(from)?, at(to)?));
    DURATIONS.into_iter().map(|(name, from, to)| Took { name, from, to, took: took(from, to) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waterfall_adds_up_whatever_was_not_observed() {
        let reached = |milestone| match milestone {
            Milestone::FaultEffective => Some(Interval::new(0.0, 0.4)),
            Milestone::HealthCheckUnhealthy => Some(Interval::new(31.0, 32.0)),
            Milestone::DnsFlipAuthoritative => Some(Interval::new(33.0, 34.0)),
            Milestone::FirstReplicaLogin => Some(Interval::new(90.0, 91.0)),
            _ => None,
        };
        let chain = chain(reached);
        assert_eq!(chain.waterfall.len(), 3);
        let sum: f64 = chain.waterfall.iter().map(|bar| bar.end_s - bar.start_s).sum();
        assert!((sum - chain.total.unwrap().middle()).abs() < 1e-9);
        let last = chain.waterfall[2];
        assert_eq!((last.from, last.to), (Milestone::DnsFlipAuthoritative, Milestone::FirstReplicaLogin));
        assert_eq!((last.cost, last.end_s), (Interval::new(56.0, 58.0), 90.3));
    }
}
