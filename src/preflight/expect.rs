//! What should happen in a run, from what the health check, the record and the faults say.

use std::time::Duration;

use futures::future::try_join_all;

use crate::faults::Plan;
use crate::scenario::FaultKind;

use super::facts::{DEFAULT_INTERVAL, DEFAULT_THRESHOLD, Facts, Missing};

/// A checker waits so long for a connection (Route 53 developer guide, "How Route 53 determines whether a health check is
/// healthy").
const CONNECT: Duration = Duration::from_secs(4);
/// From the status to the authoritative servers; our own allowance, Route 53 names no bound.
const PROPAGATION: Duration = Duration::from_secs(5);

/// Something that should happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    /// What.
    pub event: String,
    /// Not before, after the cut.
    pub from: Duration,
    /// Not after; the same moment where this is nothing.
    pub to: Option<Duration>,
}

/// What health checkers ask, and how much of it the faults cover.
struct Seen {
    /// The health check's name or address.
    target: String,
    /// How many addresses it leads to.
    addresses: usize,
    /// How many of them are behind the faults.
    covered: usize,
    /// Between two checks of one checker.
    interval: Duration,
    /// FailureThreshold.
    threshold: u32,
    /// The failover record's TTL.
    ttl: Duration,
}

async fn seen(facts: &Facts, plan: &Plan) -> Result<Seen, String> {
    let words = |missing: Missing| missing.to_string();
    let record = facts.primary_record().await.map_err(words)?;
    let record = record.ok_or("the failover record pair is not there")?;
    let config = facts.health_check().await.map_err(words)?;
    let target = facts.health_target().await.map_err(words)?.ok_or("the health check has no target address")?;
    let addresses = facts.addresses(&target).await.map_err(words)?;
    let addresses = addresses.as_ref().as_ref().map_err(Clone::clone)?;
    let covered = try_join_all(plan.faults.iter().map(|fault| facts.covered(fault))).await.map_err(words)?;
    let seconds =
        |seconds: Option<i64>| Duration::from_secs(seconds.and_then(|s| s.try_into().ok()).unwrap_or_default());
    Ok(Seen {
        covered: addresses.iter().filter(|address| covered.iter().any(|of| of.contains(address))).count(),
        addresses: addresses.len(),
        target,
        interval: seconds(Some(config.request_interval().unwrap_or(DEFAULT_INTERVAL).into())),
        threshold: u32::try_from(config.failure_threshold().unwrap_or(DEFAULT_THRESHOLD)).unwrap_or(1).max(1),
        ttl: seconds(record.ttl()),
    })
}

fn expect_at(event: impl Into<String>, from: Duration, to: Duration) -> Expectation {
    Expectation { event: event.into(), from, to: (to != from).then_some(to) }
}

/// What health checkers will see, and the chain of events with times. Only reads.
///
/// # Errors
/// In words, when the health check or the record cannot be read.
pub async fn expect(facts: &Facts, plan: &Plan) -> Result<(String, Vec<Expectation>), String> {
    let (seen, scenario) = (seen(facts, plan).await?, &facts.scenario);
    let inverted = plan.faults.iter().any(|fault| fault.spec.kind == FaultKind::HealthCheckInvert);
    let (all, none) = (seen.covered == seen.addresses && seen.addresses > 0, seen.covered == 0);
    let checkers = match () {
        () if inverted => "the health check is inverted, so its status is the opposite of what they see".to_owned(),
        () if all => format!("every address of {} is behind the faults: every check fails until the heal", seen.target),
        () if none => format!("no address of {} is behind the faults: the health check stays healthy", seen.target),
        () => format!(
            "{} of {} addresses of {} are behind the faults: checks of the others succeed, and the health check may stay \
             healthy",
            seen.covered, seen.addresses, seen.target
        ),
    };
    let hold = scenario.phases.outage.0 + scenario.phases.hold.0;
    let mut chain = Vec::new();
    for fault in &plan.faults {
        let windows = fault.spec.windows();
        if let (Some((from, _)), Some((last, to))) = (windows.first(), windows.last()) {
            let turns = if windows.len() > 1 { format!(" ({} turns)", windows.len()) } else { String::new() };
            let end = to.unwrap_or(hold).max(*last);
            chain.push(expect_at(format!("fault {}, {}{turns}", fault.number, fault.spec.kind.as_str()), *from, end));
        }
    }
    if inverted || all {
        let (interval, threshold) = (seen.interval, seen.threshold);
        // The first failure comes within an interval; the last of them may take a connect timeout.
        let slowest = interval * threshold + CONNECT;
        let (from, to) = if inverted { (Duration::ZERO, PROPAGATION) } else { (interval * (threshold - 1), slowest) };
        chain.push(expect_at("the health check is unhealthy", from, to));
        chain.push(expect_at("authoritative servers give the replica", from, to + PROPAGATION));
        let ttl = seen.ttl;
        chain.push(expect_at("resolvers give the replica, and users log in there", from, to + PROPAGATION + ttl));
        // The outage ends early when users are at the replica; the hold lasts until every fault has had its turns.
        let early = (to + PROPAGATION + ttl + scenario.phases.hold.0).max(plan.lasts()).min(hold);
        chain.push(expect_at("restore: everything is put back", early, hold));
    } else {
        chain.push(expect_at("restore: everything is put back; the record is not expected to move", hold, hold));
    }
    Ok((checkers, chain))
}
