//! What `run.json` says of users, beyond the contract.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::{lower, upper};
use crate::measure::{self, LimitResult, Throttled};
use crate::model::{Phase, Region};
use crate::report::words::by_label;

#[derive(Serialize, JsonSchema)]
pub(super) struct RecoveryJson<'a> {
    /// How wide the windows of the curves are.
    window_s: f64,
    all: CurveJson,
    by_cohort: BTreeMap<&'a str, CurveJson>,
    by_flow: BTreeMap<&'a str, CurveJson>,
}

/// The share able to log in over time, by the instants for which logins were scheduled.
#[derive(Serialize, JsonSchema)]
struct CurveJson {
    /// The share before the fault; null where nobody tried.
    steady_share: Option<f64>,
    /// When 50, 90, 99 and 100 % of that were back.
    recovered: Vec<RecoveredJson>,
    /// Those without a login are left out.
    windows: Vec<CurveWindowJson>,
}

#[derive(Serialize, JsonSchema)]
struct RecoveredJson {
    /// How many percent of steady state.
    percent: u8,
    /// In seconds after `zero_at`; 0 where there never were fewer, null where it cannot be told or they were never back.
    lower_s: Option<f64>,
    upper_s: Option<f64>,
    /// Whether it took the heal.
    after_restore: bool,
    /// Logins from then on that tell so.
    logins: u64,
    /// Whether these are too few for that share, so that it may have been back later.
    too_few: bool,
}

#[derive(Serialize, JsonSchema)]
struct CurveWindowJson {
    /// Its beginning, in seconds after `zero_at`.
    from_s: f64,
    attempted: u64,
    succeeded: u64,
}

/// Something that a replica may not do, or a flow that it may not serve.
#[derive(Serialize, JsonSchema)]
pub(super) struct ExpectationJson<'a> {
    action: &'a str,
    /// `primary` or `replica`.
    role: &'static str,
    region: &'a Region,
    /// `refused` or `works`.
    expected: &'static str,
    /// What was seen, as an error's code.
    seen: &'a str,
    /// Whether it came so; null where that could not be told.
    held: Option<bool>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct SessionsJson<'a> {
    #[serde(flatten)]
    all: SessionOutcomesJson,
    /// Users whose sign-in before the fault failed.
    not_opened: u64,
    by_plan: Vec<Plan<'a>>,
    api_in_outage: CallsJson,
    api_refused_in_outage: u64,
    api_blocked_in_outage: u64,
    /// From sending the last call that worked to the answer of the next one that did, at most.
    longest_without_api_s: Option<f64>,
    without_api_to_the_end: u64,
    refreshes_at_replica: CallsJson,
    refreshes_after_failback: CallsJson,
}

#[derive(Serialize, JsonSchema)]
struct Plan<'a> {
    #[serde(flatten)]
    outcomes: SessionOutcomesJson,
    flow: &'a str,
    cohort: &'a str,
}

/// What became of sessions.
#[derive(Serialize, JsonSchema)]
struct SessionOutcomesJson {
    opened: u64,
    kept: u64,
    interrupted: u64,
    /// Signed in again.
    forced: u64,
    lost: u64,
}

#[derive(Serialize, JsonSchema)]
struct CallsJson {
    tried: u64,
    worked: u64,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct FailureJson<'a> {
    error: String,
    /// Null where no Region was reached.
    region: Option<&'a Region>,
    count: u64,
    by_phase: BTreeMap<Phase, u64>,
    /// When the first one ended, in seconds after `zero_at`; null where nothing was cut.
    first_s: Option<f64>,
    last_s: Option<f64>,
}

/// Who tried again.
#[derive(Serialize, JsonSchema)]
pub(super) struct Retries {
    /// Logins of more than one try.
    retried: u64,
    /// Those of them that succeeded.
    succeeded_by_retry: u64,
    by_tries: Vec<ByTries>,
    /// Why tries that were not the last failed.
    failed_tries: BTreeMap<String, u64>,
    /// Arrivals that repeat one that failed.
    repeated_arrivals: u64,
    signed_in_again: Vec<SignedInAgain>,
    /// Users who never got in.
    gave_up: u64,
}

#[derive(Serialize, JsonSchema)]
struct ByTries {
    tries: u8,
    logins: u64,
    succeeded: u64,
}

#[derive(Serialize, JsonSchema)]
struct SignedInAgain {
    arrivals: u32,
    users: u64,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct ThrottlingJson<'a> {
    region: &'a Region,
    all: ThrottleShareJson,
    windows: Vec<ThrottledWindow>,
    /// What changed when the Region's limit was changed; null where it was not.
    raised: Option<RaisedJson>,
}

#[derive(Serialize, JsonSchema)]
struct ThrottleShareJson {
    attempted: u64,
    throttled: u64,
}

#[derive(Serialize, JsonSchema)]
struct ThrottledWindow {
    /// Its beginning, in seconds after `zero_at`.
    from_s: f64,
    attempted: u64,
    throttled: u64,
}

#[derive(Serialize, JsonSchema)]
struct RaisedJson {
    /// In seconds after `zero_at`.
    at_s: f64,
    before: ThrottleShareJson,
    after: ThrottleShareJson,
}

impl<'a> RecoveryJson<'a> {
    pub(super) fn of(recovery: &'a measure::Recovery) -> Self {
        let named = |curves: &'a BTreeMap<String, measure::Curve>| {
            curves.iter().map(|(name, c)| (name.as_str(), CurveJson::of(c)))
        };
        Self {
            window_s: recovery.window_s,
            all: CurveJson::of(&recovery.all),
            by_cohort: named(&recovery.by_cohort).collect(),
            by_flow: named(&recovery.by_flow).collect(),
        }
    }
}

impl CurveJson {
    fn of(curve: &measure::Curve) -> Self {
        let recovered = |back: &measure::Recovered| RecoveredJson {
            percent: back.percent,
            lower_s: lower(back.at),
            upper_s: upper(back.at),
            after_restore: back.after_restore,
            logins: back.logins,
            too_few: back.too_few,
        };
        let window = |window: &measure::RecoveryWindow| CurveWindowJson {
            from_s: window.from_s,
            attempted: window.attempted,
            succeeded: window.succeeded,
        };
        Self {
            steady_share: curve.steady,
            recovered: curve.recovered.iter().map(recovered).collect(),
            windows: curve.windows.iter().map(window).collect(),
        }
    }
}

impl<'a> ExpectationJson<'a> {
    pub(super) fn of(limit: &'a LimitResult) -> Self {
        Self {
            action: &limit.action,
            role: limit.role.as_str(),
            region: &limit.region,
            expected: limit.expect.as_str(),
            seen: &limit.seen,
            held: limit.held,
        }
    }
}

impl<'a> SessionsJson<'a> {
    pub(super) fn of(sessions: &'a measure::Sessions) -> Self {
        let plan = |((flow, cohort), outcomes): (&'a (String, String), &measure::SessionOutcomes)| Plan {
            outcomes: SessionOutcomesJson::of(outcomes),
            flow,
            cohort,
        };
        Self {
            all: SessionOutcomesJson::of(&sessions.all),
            not_opened: sessions.not_opened,
            by_plan: sessions.by_plan.iter().map(plan).collect(),
            api_in_outage: CallsJson::of(sessions.api_in_outage),
            api_refused_in_outage: sessions.api_refused_in_outage,
            api_blocked_in_outage: sessions.api_blocked_in_outage,
            longest_without_api_s: sessions.longest_without_api_s,
            without_api_to_the_end: sessions.without_api_to_the_end,
            refreshes_at_replica: CallsJson::of(sessions.refreshes_at_replica),
            refreshes_after_failback: CallsJson::of(sessions.refreshes_after_failback),
        }
    }
}

impl SessionOutcomesJson {
    fn of(outcomes: &measure::SessionOutcomes) -> Self {
        let measure::SessionOutcomes { opened, kept, interrupted, forced, lost } = *outcomes;
        Self { opened, kept, interrupted, forced, lost }
    }
}

impl CallsJson {
    fn of(calls: measure::SessionCalls) -> Self {
        Self { tried: calls.tried, worked: calls.worked }
    }
}

impl<'a> FailureJson<'a> {
    pub(super) fn of(failure: &'a measure::Failure) -> Self {
        Self {
            error: failure.outcome.label(),
            region: failure.region.as_ref(),
            count: failure.count(),
            by_phase: failure.by_phase.clone(),
            first_s: failure.first_s,
            last_s: failure.last_s,
        }
    }
}

impl Retries {
    pub(super) fn of(tries: &measure::Tries) -> Self {
        let by_tries = |(tries, (logins, succeeded)): (&u8, &(u64, u64))| ByTries {
            tries: *tries,
            logins: *logins,
            succeeded: *succeeded,
        };
        let signed_in_again = |(arrivals, users): (&u32, &u64)| SignedInAgain { arrivals: *arrivals, users: *users };
        Self {
            retried: tries.retried,
            succeeded_by_retry: tries.succeeded_by_retry,
            by_tries: tries.by_tries.iter().map(by_tries).collect(),
            failed_tries: by_label(&tries.failed),
            repeated_arrivals: tries.repeats,
            signed_in_again: tries.signed_in_again.iter().map(signed_in_again).collect(),
            gave_up: tries.gave_up,
        }
    }
}

impl<'a> ThrottlingJson<'a> {
    pub(super) fn of(at: &'a measure::Throttling) -> Self {
        let window = |(from_s, throttled): &(f64, Throttled)| ThrottledWindow {
            from_s: *from_s,
            attempted: throttled.attempted,
            throttled: throttled.throttled,
        };
        let raised = |raised: measure::Raised| RaisedJson {
            at_s: raised.at_s,
            before: ThrottleShareJson::of(raised.before),
            after: ThrottleShareJson::of(raised.after),
        };
        Self {
            region: &at.region,
            all: ThrottleShareJson::of(at.all),
            windows: at.windows.iter().map(window).collect(),
            raised: at.raised.map(raised),
        }
    }
}

impl ThrottleShareJson {
    fn of(throttled: Throttled) -> Self {
        Self { attempted: throttled.attempted, throttled: throttled.throttled }
    }
}
