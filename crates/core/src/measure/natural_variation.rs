//! What moves a run's figures by chance: the settings of the chain that it ran through, as its own log tells them.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::history::Logbook;
use super::interval::{Interval, seconds_between, to_nanos};
use super::lag::LagPoint;
use super::timeline::Timeline;
use crate::model::{Cohort, DnsSource, Event, Record, RunStarted};
use crate::scenario::{CohortShare, Scenario};

/// What a figure of an unchanged environment depends on beside that environment: where in its interval each checker was at the cut, how old
/// the resolvers' answers were, who logged in next, how far the replica was behind.
#[derive(Debug, Clone, PartialEq)]
pub struct NaturalVariation {
    /// The health check's RequestInterval, in seconds; nothing in logs of versions that did not write it.
    pub health_check_interval_s: Option<f64>,
    /// How many checkers reported; nothing where nobody looked.
    pub checkers: Option<u32>,
    /// The record's TTL at the authoritative servers, in seconds; nothing where none answered before the cut.
    pub record_ttl_s: Option<f64>,
    /// How long clients with a cache of their own keep an answer, in seconds: those that keep it least, and those that keep it longest.
    pub client_cache_s: (f64, f64),
    /// The longest time between two logins of one cohort that follow each other, in seconds; nothing where nobody logged in twice.
    pub login_gap_s: Option<f64>,
    /// From the beginning of a fault's first turn to that of its last one, in seconds.
    pub fault_turns_s: f64,
    /// Between two canary writes, in seconds.
    pub canary_period_s: f64,
    /// Between what the shortest and the longest replication lag before the cut can have been, in seconds, and how many there were.
    pub replication_lag_s: Option<(Interval, usize)>,
}

pub(super) fn natural_variation(
    records: &[Record],
    run: &RunStarted,
    scenario: &Scenario,
    line: &Timeline<'_>,
    lags: &[LagPoint],
) -> NaturalVariation {
    let interval = records.iter().find_map(|record| match &record.event {
        Event::HealthCheckRead { interval_s, .. } => Some(*interval_s),
        _ => None,
    });
    let before = |at: Timestamp| line.zero.is_none_or(|zero| at <= zero);
    let asked = line.answers.iter().filter(|answer| answer.source == DnsSource::Authoritative);
    let ttl = asked.filter(|answer| before(answer.window.received)).map(|answer| answer.ttl_s).max();
    let keeps = |cohort: &CohortShare| match cohort.cohort {
        Cohort::CachesFor => cohort.caches_for.map_or(0.0, |span| span.0.as_secs_f64()),
        _ => 0.0,
    };
    let kept = || scenario.users.cohorts.iter().map(keeps);
    let turns = scenario.faults.iter().map(|fault| {
        let windows = fault.windows();
        let (first, last) = (windows.first().map(|(at, _)| *at), windows.last().map(|(at, _)| *at));
        first.zip(last).map_or(0.0, |(first, last)| last.saturating_sub(first).as_secs_f64())
    });
    NaturalVariation {
        health_check_interval_s: interval,
        checkers: line.health.iter().map(|look| look.checkers).max().filter(|checkers| *checkers > 0),
        record_ttl_s: ttl.map(f64::from),
        client_cache_s: (kept().reduce(f64::min).unwrap_or(0.0), kept().fold(0.0, f64::max)),
        login_gap_s: line.zero.and_then(|zero| login_gap(line.logins, zero)),
        fault_turns_s: turns.fold(0.0, f64::max),
        canary_period_s: run.poll_s.get("canary").copied().unwrap_or(0.0),
        replication_lag_s: lag_range(lags),
    }
}

/// After the cut, of the cohort that waited longest.
fn login_gap(logins: &Logbook, zero: Timestamp) -> Option<f64> {
    let mut scheduled: BTreeMap<&str, Vec<Timestamp>> = BTreeMap::new();
    for login in logins.iter().filter(|login| login.scheduled() >= zero) {
        scheduled.entry(login.cohort()).or_default().push(login.scheduled());
    }
    let gaps = scheduled.into_values().flat_map(|mut moments| {
        moments.sort_unstable();
        moments.windows(2).map(|pair| seconds_between(pair[0], pair[1])).collect::<Vec<_>>()
    });
    gaps.reduce(f64::max).map(to_nanos)
}

/// Of the writes that were seen at the replica.
fn lag_range(lags: &[LagPoint]) -> Option<(Interval, usize)> {
    let seen: Vec<(f64, f64)> =
        lags.iter().filter(|lag| lag.at_s < 0.0).filter_map(|lag| Some((lag.lower_ms, lag.upper_ms?))).collect();
    let least = seen.iter().map(|(lower, _)| *lower).reduce(f64::min)?;
    let most = seen.iter().map(|(_, upper)| *upper).reduce(f64::max)?;
    Some((Interval::new(to_nanos(least / 1e3), to_nanos(most / 1e3)), seen.len()))
}
