//! What the observers and the log itself say that a reader must know, in words.

use std::collections::BTreeMap;

use super::harness::{Missed, Stalls};
use super::interval::{Interval, seconds_between};
use super::milestones::server_moves;
use super::notes::Anomaly;
use super::timeline::{Answer, Timeline};
use crate::model::{DnsSource, Event, Milestone, Record, RegionRole, Window};

/// A resolver may have got its last answer so long, in seconds, after the authoritative server gave it: our own choice, beyond what
/// an answer takes on its way.
const ON_THE_WAY_S: f64 = 1.0;

type At<'a> = &'a dyn Fn(Milestone) -> Option<Interval>;

pub(super) fn of_observers(
    records: &[Record],
    line: &Timeline<'_>,
    stalls: &Stalls,
    at: At<'_>,
    found: &mut Vec<Anomaly>,
) {
    unknown(line, found);
    ttl(line, at, found);
    clock(records, found);
    stalled(stalls, found);
    gaps(records, line, at, found);
}

/// Addresses of the record that lead to neither Region, as far as the Regions' direct names tell.
fn unknown(line: &Timeline<'_>, found: &mut Vec<Anomaly>) {
    for (address, servers) in &line.unknown {
        let servers: Vec<&str> = servers.iter().copied().collect();
        let text = format!(
            "The record resolved to {address} (according to {}), which is not an address of a direct name of either Region: traffic to that address counts for neither Region. \
             Add its name to `primary.direct` or `replica.direct` in the environment file.",
            servers.join(", ")
        );
        found.push(Anomaly::new("unknown_address", text));
    }
}

/// What a resolver gives is at most as old as the TTL of the last answer that it can have got.
fn ttl(line: &Timeline<'_>, at: At<'_>, found: &mut Vec<Anomaly>) {
    let (Some(zero), Some(flip)) = (line.zero, at(Milestone::DnsFlipAuthoritative)) else { return };
    let to_primary = |answer: &&Answer<'_>| answer.role == Some(RegionRole::Primary);
    let given = line.answers.iter().filter(|answer| answer.source == DnsSource::Authoritative).filter(to_primary);
    let Some(ttl_s) = given.map(|answer| answer.ttl_s).max() else { return };
    for moves in server_moves(line).iter().filter(|moves| moves.source == DnsSource::Resolver) {
        let stale = line.answers.iter().filter(|answer| {
            answer.source == DnsSource::Resolver
                && answer.server == moves.server
                && line.before_heal(answer.window.sent)
        });
        let Some(last) = stale.filter(to_primary).map(|answer| answer.window.sent).max() else { continue };
        let late = seconds_between(zero, last) - flip.upper;
        if late > f64::from(ttl_s) + ON_THE_WAY_S {
            let came = if moves.flipped.is_some() {
                ""
            } else {
                ", and did not answer with the replica before the fault was removed"
            };
            let text = format!(
                "The resolver {} ignored the TTL: it still answered with the primary {late:.1} s after every authoritative server answered with the \
                 replica, and the record's TTL is {ttl_s} s{came}. Its users recover later than the TTL allows.",
                moves.server
            );
            found.push(Anomaly::new("resolver_ignored_ttl", text));
        }
    }
}

/// Records are stamped by a monotonic clock as they are written.
fn clock(records: &[Record], found: &mut Vec<Anomaly>) {
    let back = |pair: &[Record]| seconds_between(pair[1].at, pair[0].at);
    let back = records.windows(2).map(back).fold(0.0, f64::max);
    if back > 0.0 {
        let text = format!(
            "The clock jumped: a record of the event log has a time {back:.3} s before that of the record written before it. Do not trust times \
             around it."
        );
        found.push(Anomaly::severe("clock_jumped", text));
    }
}

/// The runner itself did not keep up.
fn stalled(stalls: &Stalls, found: &mut Vec<Anomaly>) {
    let Some(Missed { times, total_s, longest_s }) = stalls.missed() else { return };
    let often = if times == 1 { "once".to_owned() } else { format!("{times} times") };
    let text = format!(
        "The runner stalled {often}, for {total_s:.1} s in total and {longest_s:.1} s at most: it was overloaded or stopped, or its machine \
         was paused. Bounds that overlap a stall include it, and a time between two milestones is uncertain by all stalls before its end."
    );
    found.push(Anomaly::of_runner("runner_stalled", text));
}

/// The milestones that an observer tells.
fn told_by(observer: &str, line: &Timeline<'_>) -> &'static [Milestone] {
    let source = line.answers.iter().find(|answer| answer.server == observer).map(|answer| answer.source);
    match (observer, source) {
        ("health", _) => &[Milestone::HealthCheckUnhealthy, Milestone::HealthCheckHealthy],
        ("path", _) => &[Milestone::FaultEffective, Milestone::FaultReverted],
        (_, Some(DnsSource::Authoritative)) => &[Milestone::DnsFlipAuthoritative, Milestone::DnsFailbackAuthoritative],
        (_, Some(DnsSource::Resolver)) => &[Milestone::DnsFlipResolver],
        _ => &[],
    }
}

/// An observer's polls without an answer.
struct Gaps<'a> {
    windows: Vec<Window>,
    first_error: &'a str,
}

fn gaps(records: &[Record], line: &Timeline<'_>, at: At<'_>, found: &mut Vec<Anomaly>) {
    let mut gaps: BTreeMap<&str, Gaps<'_>> = BTreeMap::new();
    for record in records {
        if let Event::ObserverGap { window, observer, error } = &record.event {
            let gap = gaps.entry(observer).or_insert_with(|| Gaps { windows: Vec::new(), first_error: error });
            gap.windows.push(*window);
        }
    }
    for (observer, Gaps { windows, first_error }) in gaps {
        let longest = windows.iter().map(|gap| seconds_between(gap.sent, gap.received)).fold(0.0, f64::max);
        let inside = |milestone: &&Milestone| {
            let Some((zero, at)) = line.zero.zip(at(**milestone)) else { return false };
            let overlaps = |gap: &Window| {
                seconds_between(zero, gap.sent) < at.upper && seconds_between(zero, gap.received) > at.lower
            };
            windows.iter().any(overlaps)
        };
        let wider: Vec<&str> =
            told_by(observer, line).iter().filter(inside).map(|milestone| milestone.as_str()).collect();
        let wider = if wider.is_empty() { String::new() } else { format!(" Affected: {}.", wider.join(", ")) };
        let is_server = !matches!(observer, "health" | "path" | "canary writer" | "canary reader");
        if is_server && line.answers.iter().all(|answer| answer.server != observer) {
            let text = format!(
                "The DNS server {observer} never answered ({} queries), so its change is in no milestone: the DNS milestones are those of the \
                 other servers. First error: {first_error}",
                windows.len()
            );
            found.push(Anomaly::new("server_never_answered", text));
            continue;
        }
        let text = format!(
            "The {observer} observer got no answer {} times, for up to {longest:.1} s; the bounds of milestones in that time are \
             wider.{wider} First error: {first_error}",
            windows.len()
        );
        found.push(Anomaly::new("observer_gaps", text));
    }
}
