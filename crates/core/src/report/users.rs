//! The tables of users, as text: who was back when, what became of sessions, why logins failed.

use super::view::{NONE, predicted_by, region_name};
use super::words::{by_label, counted, percent, percentiles, seconds, seconds_up, span_s, too_few, window};
use crate::measure::{Curve, LimitResult, Outcome, Recovered, Recovery, SessionOutcomes, Sessions, Throttling};

/// Kinds of failure that are shown; the rest is in `run.json`.
const MOST_FAILURES: usize = 30;

pub(super) struct UsersSection {
    /// Of all users, and of each cohort.
    pub recovery: Vec<RecoveryRow>,
    pub recovery_by_flow: Vec<RecoveryRow>,
    pub shares: Option<Shares>,
    pub limits: Vec<LimitRow>,
    pub outcomes: Vec<SessionRow>,
    pub sessions: Vec<(&'static str, String)>,
    pub failures: Vec<FailureRow>,
    pub more_failures: usize,
    /// Sentences about retries.
    pub tries: Vec<String>,
    pub throttled: Vec<ThrottleRow>,
    pub start_delay: Option<String>,
}

pub(super) struct RecoveryRow {
    pub kind: &'static str,
    pub name: String,
    pub steady: String,
    /// 50, 90, 99 and 100 %: when, and a remark.
    pub recovered: Vec<(String, String)>,
}

/// The share able to log in, over time.
pub(super) struct Shares {
    pub window: String,
    pub names: Vec<String>,
    pub rows: Vec<(String, Vec<String>)>,
}

pub(super) struct LimitRow {
    pub action: String,
    pub region: String,
    pub expected: &'static str,
    pub seen: String,
    /// `held`, `surprise` or `unknown`, and the class that colours it.
    pub verdict: &'static str,
    pub tone: &'static str,
}

pub(super) struct SessionRow {
    pub name: String,
    pub cohort: String,
    pub outcomes: SessionOutcomes,
}

pub(super) struct FailureRow {
    pub label: String,
    /// The findings of preflight that predicted it.
    pub predicted: String,
    pub region: String,
    pub phases: String,
    pub count: u64,
    pub first: String,
    pub last: String,
}

pub(super) struct ThrottleRow {
    pub region: String,
    pub window: String,
    pub attempted: u64,
    pub throttled: u64,
    pub share: String,
}

impl UsersSection {
    pub(super) fn of(outcome: &Outcome) -> Self {
        let logins = &outcome.logins;
        let start_delay = logins.start_delay.map(|delay| {
            format!(
                "Delay between the scheduled and the actual start of a login, in scenario time: {}{}.",
                percentiles([delay.p50, delay.p90, delay.p99, delay.max], logins.all.attempted),
                too_few(logins.all.attempted, "login")
            )
        });
        let rows = outcome.recovery.as_ref().map(recovery).unwrap_or_default();
        let (recovery_by_flow, recovery) = rows.into_iter().partition(|row| row.kind == "flow");
        Self {
            recovery,
            recovery_by_flow,
            shares: outcome.recovery.as_ref().map(shares),
            limits: outcome.limits.iter().map(limit).collect(),
            outcomes: outcome.sessions.as_ref().map(outcomes).unwrap_or_default(),
            sessions: outcome.sessions.as_ref().map(sessions).unwrap_or_default(),
            failures: outcome.failures.iter().take(MOST_FAILURES).map(|of| failure(of, outcome)).collect(),
            more_failures: outcome.failures.len().saturating_sub(MOST_FAILURES),
            tries: tries(outcome),
            throttled: outcome.throttling.iter().flat_map(throttled).collect(),
            start_delay,
        }
    }
}

/// The curves worth a row or a line: of all users, and of each cohort and flow where there are several.
fn curves(recovery: &Recovery) -> impl Iterator<Item = (&'static str, &str, &Curve)> {
    let several = |curves: &std::collections::BTreeMap<String, Curve>| curves.len() > 1;
    let cohorts = recovery.by_cohort.iter().filter(move |_| several(&recovery.by_cohort));
    let flows = recovery.by_flow.iter().filter(move |_| several(&recovery.by_flow));
    std::iter::once(("all", "all users", &recovery.all))
        .chain(cohorts.map(|(name, curve)| ("cohort", name.as_str(), curve)))
        .chain(flows.map(|(name, curve)| ("flow", name.as_str(), curve)))
}

/// The cohorts' curves, or that of all users where there is one cohort.
pub(super) fn drawn(recovery: &Recovery) -> Vec<(&str, &Curve)> {
    let cohorts: Vec<_> = curves(recovery).filter(|(kind, ..)| *kind == "cohort").map(|(_, n, c)| (n, c)).collect();
    if cohorts.is_empty() { vec![("all users", &recovery.all)] } else { cohorts }
}

fn recovery(recovery: &Recovery) -> Vec<RecoveryRow> {
    let row = |(kind, name, curve): (&'static str, &str, &Curve)| RecoveryRow {
        kind,
        name: name.to_owned(),
        steady: curve.steady.map_or_else(|| "no login: rates are of all logins".to_owned(), percent),
        recovered: if curve.recovered.is_empty() {
            vec![(NONE.to_owned(), String::new()); 4]
        } else {
            let all: Vec<(String, String)> = curve.recovered.iter().map(back).collect();
            same_once(&all)
        },
    };
    curves(recovery).map(row).collect()
}

/// What is the same as in the column before is not written again.
fn same_once(all: &[(String, String)]) -> Vec<(String, String)> {
    let cell = |(index, back): (usize, &(String, String))| match index.checked_sub(1).and_then(|before| all.get(before))
    {
        Some(before) if before == back => ("same".to_owned(), String::new()),
        _ => back.clone(),
    };
    all.iter().enumerate().map(cell).collect()
}

/// When, and on how many logins that rests.
fn back(back: &Recovered) -> (String, String) {
    let rests = counted(back.logins, "login");
    match back.at {
        None if back.logins > 0 => ("too few logins".to_owned(), rests),
        None => ("not back".to_owned(), String::new()),
        Some(_) if back.never_fewer() => ("never below".to_owned(), rests),
        Some(at) if back.after_restore => (span_s(at), format!("after removal of the fault, {rests}")),
        Some(at) if back.too_few => (span_s(at), format!("{rests}: too few for {} %", back.percent)),
        Some(at) => (span_s(at), rests),
    }
}

/// Windows in which nothing changes are one row.
fn shares(recovery: &Recovery) -> Shares {
    let curves = drawn(recovery);
    let width = recovery.window_s;
    let mut rows: Vec<(f64, f64, Vec<String>)> = Vec::new();
    for window in &recovery.all.windows {
        let share = |(_, curve): &(&str, &Curve)| {
            let same = curve.windows.iter().find(|other| other.from_s.total_cmp(&window.from_s).is_eq());
            same.map_or_else(|| NONE.to_owned(), |same| percent(same.share()))
        };
        let shares: Vec<String> = curves.iter().map(share).collect();
        match rows.last_mut() {
            Some((_, end, last)) if *last == shares && window.from_s - *end < width / 2.0 => {
                *end = window.from_s + width;
            }
            _ => rows.push((window.from_s, window.from_s + width, shares)),
        }
    }
    let row = |(from, to, shares): (f64, f64, Vec<String>)| (self::window(from, to), shares);
    Shares {
        window: format!("{width:.0} s"),
        names: curves.iter().map(|(name, _)| (*name).to_owned()).collect(),
        rows: rows.into_iter().map(row).collect(),
    }
}

fn limit(limit: &LimitResult) -> LimitRow {
    LimitRow {
        action: limit.action.clone(),
        region: format!("{} ({})", limit.region, limit.role.as_str()),
        expected: limit.expect.as_str(),
        seen: limit.seen.clone(),
        verdict: limit.verdict(),
        tone: match limit.held {
            Some(true) => "met",
            Some(false) => "missed",
            None => "inconclusive",
        },
    }
}

fn outcomes(sessions: &Sessions) -> Vec<SessionRow> {
    let row = |((flow, cohort), outcomes): (&(String, String), &SessionOutcomes)| SessionRow {
        name: flow.clone(),
        cohort: cohort.clone(),
        outcomes: *outcomes,
    };
    let mut rows: Vec<SessionRow> = sessions.by_plan.iter().map(row).collect();
    if rows.len() > 1 {
        rows.push(SessionRow { name: "all".to_owned(), cohort: String::new(), outcomes: sessions.all });
    }
    rows
}

fn sessions(sessions: &Sessions) -> Vec<(&'static str, String)> {
    let of = |calls: crate::measure::SessionCalls| format!("{} of {}", calls.worked, calls.tried);
    let mut rows = vec![
        ("API calls during the fault that succeeded", of(sessions.api_in_outage)),
        ("API calls during the fault that were refused", sessions.api_refused_in_outage.to_string()),
        (
            "API calls during the fault that were due while their session waited for another answer; each counts like that answer",
            sessions.api_blocked_in_outage.to_string(),
        ),
        (
            "Longest time in which a session could not call the API before a call succeeded again, at most",
            sessions.longest_without_api_s.map_or_else(|| "no call succeeded".to_owned(), seconds_up),
        ),
        ("Sessions that could not call the API until the end of the run", sessions.without_api_to_the_end.to_string()),
        ("Refreshes at the replica that succeeded", of(sessions.refreshes_at_replica)),
        ("Refreshes at the primary after removal of the fault that succeeded", of(sessions.refreshes_after_failback)),
    ];
    if sessions.not_opened > 0 {
        rows.push((
            "Sessions that were not open when the fault began; not counted anywhere else",
            sessions.not_opened.to_string(),
        ));
    }
    rows
}

fn failure(failure: &crate::measure::Failure, outcome: &Outcome) -> FailureRow {
    let phases: Vec<String> =
        failure.by_phase.iter().map(|(phase, count)| format!("{} {count}", phase.as_str())).collect();
    let at = |at: Option<f64>| at.map_or_else(|| NONE.to_owned(), seconds);
    FailureRow {
        label: failure.outcome.label(),
        predicted: predicted_by(outcome, failure).join(", "),
        region: region_name(failure.region.as_ref()),
        phases: phases.join(", "),
        count: failure.count(),
        first: at(failure.first_s),
        last: at(failure.last_s),
    }
}

fn tries(outcome: &Outcome) -> Vec<String> {
    let tries = &outcome.tries;
    let mut sentences = Vec::new();
    if tries.retried > 0 {
        let most = tries.by_tries.last_key_value().map_or(1, |(most, _)| *most);
        let mut failed: Vec<(String, u64)> = by_label(&tries.failed).into_iter().collect();
        failed.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let failed: Vec<String> = failed.into_iter().take(3).map(|(label, count)| format!("{label} {count}")).collect();
        sentences.push(format!(
            "{} needed more than one attempt, up to {most}; {} of them succeeded, only because the client retried. Earlier attempts failed with: {}.",
            counted(tries.retried, "login"),
            tries.succeeded_by_retry,
            failed.join(", ")
        ));
    }
    if tries.repeats > 0 {
        let back: Vec<String> = tries
            .signed_in_again
            .iter()
            .map(|(arrivals, users)| format!("{users} at login number {arrivals}"))
            .collect();
        let back = if back.is_empty() { "none".to_owned() } else { back.join(", ") };
        sentences.push(format!(
            "Users whose login failed logged in again, {} in total. Users who succeeded: {back}. Users who did not succeed by the end of the run: {}.",
            counted(tries.repeats, "time"), tries.gave_up
        ));
    }
    sentences
}

fn throttled(at: &Throttling) -> Vec<ThrottleRow> {
    let row = |(from, throttled): &(f64, crate::measure::Throttled)| ThrottleRow {
        region: at.region.to_string(),
        window: self::window(*from, from + 10.0),
        attempted: throttled.attempted,
        throttled: throttled.throttled,
        share: throttled.share().map_or_else(|| NONE.to_owned(), percent),
    };
    at.windows.iter().map(row).collect()
}
