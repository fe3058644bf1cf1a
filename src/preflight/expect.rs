//! What should happen in a run, from what the health check, the record and the faults say.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

use futures::future::try_join_all;

use crate::faults::{Fault, Plan};
use gameday_core::model::format_duration;
use gameday_core::scenario::{FaultKind, FaultWindow, Scenario};

use super::facts::{DEFAULT_INTERVAL, DEFAULT_THRESHOLD, Facts, Unavailable, connect_timeout};

/// A checker waits so long for a connection (Route 53 developer guide, "How Route 53 determines whether a health check is
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
struct CoveredCheckers {
    /// The health check's name or address.
    target: String,
    /// How many addresses it leads to.
    addresses: usize,
    /// How many of them are behind the faults at some time.
    covered: usize,
    /// When all of them are, in order: from when, and until when where a fault ends by itself.
    all_covered: Vec<FaultWindow>,
    /// From the end of one check to the next one of a checker.
    interval: Duration,
    /// How long a check waits for a connection.
    patience: Duration,
    /// FailureThreshold.
    threshold: u32,
    /// The failover record's TTL.
    ttl: Duration,
}

async fn seen(facts: &Facts, plan: &Plan) -> Result<CoveredCheckers, String> {
    let words = |missing: Unavailable| missing.to_string();
    let record = facts.primary_record().await.map_err(words)?;
    let record = record.ok_or("the failover record pair does not exist")?;
    let config = facts.health_check().await.map_err(words)?;
    let target = facts.health_target().await.map_err(words)?.ok_or("the health check has no target address")?;
    let addresses = facts.addresses(&target).await.map_err(words)?;
    let addresses = addresses.as_ref().as_ref().map_err(Clone::clone)?;
    let covered = try_join_all(plan.faults.iter().map(|fault| facts.covered(fault))).await.map_err(words)?;
    let seconds =
        |seconds: Option<i64>| Duration::from_secs(seconds.and_then(|s| s.try_into().ok()).unwrap_or_default());
    let windows = plan.faults.iter().map(|fault| fault.spec.windows());
    let by_fault: Vec<(Vec<FaultWindow>, BTreeSet<IpAddr>)> = windows.zip(covered.iter().cloned()).collect();
    Ok(CoveredCheckers {
        all_covered: all_covered(addresses, &by_fault),
        covered: addresses.iter().filter(|address| covered.iter().any(|of| of.contains(address))).count(),
        addresses: addresses.len(),
        target,
        patience: connect_timeout(&config),
        interval: seconds(Some(config.request_interval().unwrap_or(DEFAULT_INTERVAL).into())),
        threshold: u32::try_from(config.failure_threshold().unwrap_or(DEFAULT_THRESHOLD)).unwrap_or(1).max(1),
        ttl: seconds(record.ttl()),
    })
}

/// When every address is behind some fault: faults may begin late, end early and take turns.
fn all_covered(addresses: &[IpAddr], faults: &[(Vec<FaultWindow>, BTreeSet<IpAddr>)]) -> Vec<FaultWindow> {
    let stands = |window: &FaultWindow, at: Duration| window.0 <= at && window.1.is_none_or(|end| at < end);
    let all = |at: Duration| {
        let standing = |(windows, _): &&(Vec<FaultWindow>, _)| windows.iter().any(|window| stands(window, at));
        let behind = |address| faults.iter().filter(standing).any(|(_, covered)| covered.contains(address));
        !addresses.is_empty() && addresses.iter().all(behind)
    };
    let windows = || faults.iter().flat_map(|(windows, _)| windows);
    // What stands changes at these moments alone.
    let moments: BTreeSet<Duration> =
        windows().map(|(from, _)| *from).chain(windows().filter_map(|(_, to)| *to)).collect();
    let mut found: Vec<FaultWindow> = Vec::new();
    let mut since = None;
    for at in moments {
        match (all(at), since) {
            (true, None) => since = Some(at),
            (false, Some(from)) => {
                found.push((from, Some(at)));
                since = None;
            }
            _ => {}
        }
    }
    found.extend(since.map(|from| (from, None)));
    found
}

fn expect_at(event: impl Into<String>, from: Duration, to: Duration) -> Expectation {
    Expectation { event: event.into(), from, to: (to != from).then_some(to) }
}

/// What health checkers will see, and the chain of events with times. Only reads.
///
/// # Errors
/// In words, when the health check or the record cannot be read.
pub async fn expect(facts: &Facts, plan: &Plan) -> Result<(String, Vec<Expectation>), String> {
    let seen = seen(facts, plan).await?;
    Ok((checkers(&seen, inversion(plan).is_some()), chain(&seen, plan, &facts.scenario)))
}

/// When the health check is inverted first, where a fault does that.
fn inversion(plan: &Plan) -> Option<Duration> {
    let inverts = |fault: &&Fault| fault.spec.kind == FaultKind::HealthCheckInvert;
    plan.faults.iter().filter(inverts).filter_map(|fault| Some(fault.spec.windows().first()?.0)).min()
}

/// What health checkers will see.
fn checkers(seen: &CoveredCheckers, inverted: bool) -> String {
    let CoveredCheckers { target, covered, addresses, all_covered, .. } = seen;
    if inverted {
        return "the health check is inverted, so its status is the opposite of what the checkers see".to_owned();
    }
    match (&all_covered[..], covered) {
        ([(Duration::ZERO, None), ..], _) => {
            format!("every address of {target} is behind the faults: every check fails until the restore")
        }
        ([(from, to), rest @ ..], _) => {
            let until = to.map_or_else(|| "the restore".to_owned(), format_duration);
            let again = if rest.is_empty() { "" } else { ", and again later" };
            format!(
                "every address of {target} is behind the faults from {} to {until} after the fault injection{again}: every check \
                 fails only then",
                format_duration(*from)
            )
        }
        ([], 0) => format!("no address of {target} is behind the faults: the health check stays healthy"),
        ([], _) => format!(
            "{covered} of {addresses} addresses of {target} are behind the faults, but never all at once: checks of the \
             others succeed, and the health check can stay healthy"
        ),
    }
}

/// The chain of events with times. It begins when the health check has a reason to turn, which faults that begin late give late.
fn chain(seen: &CoveredCheckers, plan: &Plan, scenario: &Scenario) -> Vec<Expectation> {
    let hold = scenario.phases.outage_and_hold();
    let mut chain = Vec::new();
    for fault in &plan.faults {
        let windows = fault.spec.windows();
        if let (Some((from, _)), Some((last, to))) = (windows.first(), windows.last()) {
            let turns = if windows.len() > 1 { format!(" ({} times)", windows.len()) } else { String::new() };
            let end = to.unwrap_or(hold).max(*last);
            chain.push(expect_at(format!("fault {}, {}{turns}", fault.number, fault.spec.kind.as_str()), *from, end));
        }
    }
    // The first check that fails begins within an interval, each takes its timeout, and the next one follows an interval later.
    let (interval, failures) = (seen.interval, seen.patience * seen.threshold);
    let (fastest, slowest) = (interval * (seen.threshold - 1) + failures, interval * seen.threshold + failures);
    let lasts = |(from, to): &&FaultWindow| to.is_none_or(|to| to.saturating_sub(*from) > fastest);
    let failing = seen.all_covered.iter().find(lasts).map(|(from, _)| (*from + fastest, *from + slowest));
    let turned = inversion(plan).map(|at| (at, at + PROPAGATION));
    let Some((from, to)) = [failing, turned].into_iter().flatten().min() else {
        chain.push(expect_at("restore: all changes are reverted; the record is not expected to move", hold, hold));
        return chain;
    };
    chain.push(expect_at("the health check is unhealthy", from, to));
    chain.push(expect_at("authoritative servers answer with the replica", from, to + PROPAGATION));
    let ttl = seen.ttl;
    chain.push(expect_at("resolvers answer with the replica, and users log in there", from, to + PROPAGATION + ttl));
    // The outage ends early when users are at the replica; the hold lasts until every fault has had its turns.
    let early = (to + PROPAGATION + ttl + scenario.phases.hold.0).max(plan.lasts()).min(hold);
    chain.push(expect_at("restore: all changes are reverted", early, hold));
    chain
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::BlastRadius;
    use gameday_core::model::Region;

    fn seconds(number: u64) -> Duration {
        Duration::from_secs(number)
    }

    fn seen(faults: &[(Vec<FaultWindow>, &[u8])]) -> CoveredCheckers {
        let address = |last: &u8| IpAddr::from([10, 0, 0, *last]);
        let addresses = [1, 2].map(|last| address(&last));
        let faults: Vec<(Vec<FaultWindow>, BTreeSet<IpAddr>)> =
            faults.iter().map(|(windows, of)| (windows.clone(), of.iter().map(address).collect())).collect();
        CoveredCheckers {
            target: "auth".to_owned(),
            addresses: 2,
            covered: addresses.iter().filter(|a| faults.iter().any(|(_, of)| of.contains(*a))).count(),
            all_covered: all_covered(&addresses, &faults),
            interval: seconds(10),
            patience: seconds(4),
            threshold: 3,
            ttl: seconds(60),
        }
    }

    fn told(scenario: &str, seen: &CoveredCheckers) -> Vec<(String, u64, u64)> {
        let scenario = gameday_core::scenario::read_str("s.toml", scenario, None).unwrap().value;
        let fault = |(number, spec): (usize, &gameday_core::scenario::FaultSpec)| Fault {
            number,
            spec: spec.clone(),
            region: Region::from("us-east-1"),
            targets: Vec::new(),
            blast_radius: BlastRadius::default(),
            actions: Vec::new(),
        };
        let plan = Plan { faults: (1..).zip(&scenario.faults).map(fault).collect(), ..Plan::default() };
        let row = |e: Expectation| (e.event, e.from.as_secs(), e.to.unwrap_or(e.from).as_secs());
        chain(seen, &plan, &scenario).into_iter().map(row).collect()
    }

    /// One Availability Zone at once, the other one 45 s later.
    #[test]
    fn a7_a_chain_begins_when_every_address_is_behind_the_faults() {
        let staggered = seen(&[(vec![(seconds(0), None)], &[1]), (vec![(seconds(45), None)], &[2])]);
        assert!(checkers(&staggered, false).contains("from 45s to the restore"), "{}", checkers(&staggered, false));
        let full = include_str!("../../scenarios/full-failover.toml");
        let zone = "[[faults]]\nkind = \"nacl-blackhole\"\nregion = \"primary\"\n";
        let scenario = full.replacen(zone, &format!("{zone}\n{zone}at = \"45s\"\n"), 1);
        let chain = told(&scenario, &staggered);
        assert_eq!(chain[2], ("the health check is unhealthy".to_owned(), 77, 87));
        assert_eq!((chain[3].1, chain[3].2), (77, 92));
        assert_eq!((chain[4].1, chain[4].2), (77, 152));
    }

    #[test]
    fn a7_turns_that_are_too_short_move_nothing() {
        let full = include_str!("../../scenarios/full-failover.toml");
        let turns = |lasts| (0..3).map(|n| (seconds(60 * n), Some(seconds(60 * n + lasts)))).collect::<Vec<_>>();
        let [short, long] = [15, 40].map(|lasts| told(full, &seen(&[(turns(lasts), &[1, 2])])));
        assert!(short[1].0.ends_with("the record is not expected to move"), "{short:?}");
        assert_eq!((long[1].1, long[1].2), (32, 42));
        // One zone after the other, and never both.
        let apart = seen(&[(vec![(seconds(0), Some(seconds(40)))], &[1]), (vec![(seconds(40), None)], &[2])]);
        assert!(apart.all_covered.is_empty() && checkers(&apart, false).contains("never all at once"));
    }
}
