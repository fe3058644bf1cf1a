use super::interval::Interval;
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
}

/// The links that DOMAIN.md names, with the milestones between which they lie.
const LINKS: [(&str, Milestone, Milestone); 4] = [
    ("detection by the health check", Milestone::FaultEffective, Milestone::HealthCheckUnhealthy),
    ("DNS flip at the authoritative servers", Milestone::HealthCheckUnhealthy, Milestone::DnsFlipAuthoritative),
    ("caches of the resolvers", Milestone::DnsFlipAuthoritative, Milestone::DnsFlipResolver),
    ("first login at the replica", Milestone::DnsFlipResolver, Milestone::FirstReplicaLogin),
];

pub(super) fn chain(at: impl Fn(Milestone) -> Option<Interval>) -> Chain {
    let cost = |from, to| Some(at(to)?.since(at(from)?));
    let links = LINKS.into_iter().map(|(name, from, to)| Link { name, from, to, cost: cost(from, to) });
    Chain { links: links.collect(), total: cost(Milestone::FaultEffective, Milestone::FirstReplicaLogin) }
}
