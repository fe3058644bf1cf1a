//! What `run.json` says of times, data loss and availability, beyond the contract.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::logins::region_key;
use super::{lower, upper};
use crate::measure::{self, AVAILABILITY_WINDOW_S, Interval, LAG_LEVELS_S};

/// A bar of the waterfall that adds up to the RTO.
#[derive(Serialize, JsonSchema)]
pub(super) struct WaterfallBar {
    name: &'static str,
    /// A milestone.
    from: &'static str,
    /// A milestone.
    to: &'static str,
    /// Where it begins, in seconds after the middle of `fault_effective`.
    start_s: f64,
    /// Where it ends, likewise; below `start_s` where its end came before its beginning.
    end_s: f64,
    /// What it cost, at least.
    lower_s: f64,
    /// What it cost, at most.
    upper_s: f64,
}

/// A time between two milestones; null where either was not reached.
#[derive(Serialize, JsonSchema)]
pub(super) struct Duration {
    /// As `sustained_rto`.
    name: &'static str,
    /// A milestone.
    from: &'static str,
    /// A milestone.
    to: &'static str,
    lower_s: Option<f64>,
    upper_s: Option<f64>,
}

/// When the record's change arrived at one place.
#[derive(Serialize, JsonSchema)]
pub(super) struct PropagationJson<'a> {
    /// `authoritative`, `resolver` or `cohort`.
    kind: &'static str,
    /// The server, or the cohort.
    name: &'a str,
    /// From when on it gave the replica, up to the heal, in seconds after `zero_at`; for a cohort, from when on its logins went there. Null where it never did.
    to_replica: Option<BoundsJson>,
    /// How long that was after `fault_effective`.
    after_fault: Option<BoundsJson>,
    /// How long that was after `dns_flip_authoritative`; null for authoritative servers, below zero where it came before.
    after_flip: Option<BoundsJson>,
    /// From when on it gave the primary again, after the heal, in seconds after `zero_at`.
    to_primary: Option<BoundsJson>,
}

#[derive(Serialize, JsonSchema)]
struct BoundsJson {
    lower_s: f64,
    upper_s: f64,
}

/// What would have been lost, had the primary been gone for good when the fault became effective; null where it was not measured.
#[derive(Serialize, JsonSchema)]
pub(super) struct RpoJson {
    /// The age of the oldest write that is certainly lost; 0 where none is.
    lower_s: Option<f64>,
    /// Nothing older can be lost.
    upper_s: Option<f64>,
    /// Canary writes that the primary acknowledged until the fault.
    writes_acknowledged: Option<u64>,
    /// Those of them that are certainly lost.
    writes_lost: Option<u64>,
    lag_ms: Option<LagJson>,
    /// The age, when the fault became effective, of the newest write that was lost; null where none is certainly lost.
    newest_lost_age: Option<BoundsJson>,
}

/// The replication lag before the fault, at most, in milliseconds: from sending a write to the answer of the first read that shows it.
#[derive(Serialize, JsonSchema)]
struct LagJson {
    /// Writes seen at the replica before the fault.
    samples: u64,
    p50: f64,
    p99: f64,
    max: f64,
    p90: f64,
    /// How many writes took longer than each level.
    beyond: Vec<BeyondJson>,
}

#[derive(Serialize, JsonSchema)]
struct BeyondJson {
    /// `slo`, `alarm` or `page`.
    level: &'static str,
    level_s: f64,
    /// Writes whose lag was certainly longer.
    certainly: u64,
    /// Writes whose lag may have been longer; those that certainly were are among them.
    possibly: u64,
}

/// The lag of one acknowledged write.
#[derive(Serialize, JsonSchema)]
pub(super) struct LagPointJson {
    /// When the write was sent, in seconds after `zero_at`.
    at_s: f64,
    lower_ms: f64,
    /// Null where no read shows it.
    upper_ms: Option<f64>,
}

/// Everything counts by the instants for which logins were scheduled.
#[derive(Serialize, JsonSchema)]
pub(super) struct AvailabilityJson {
    /// The width of a window.
    window_s: f64,
    /// From at most 30 s before `zero_at` to the end; those without a login are left out.
    windows: Vec<AvailabilityWindowJson>,
    /// How long the service was not available after `zero_at`, as seconds of full unavailability.
    unavailable: BoundsJson,
    user_minutes: UserMinutesJson,
    error_budget: ErrorBudgetJson,
}

#[derive(Serialize, JsonSchema)]
struct AvailabilityWindowJson {
    /// Its beginning, in seconds after `zero_at`.
    from_s: f64,
    attempted: u64,
    succeeded: u64,
    /// By the Region that served, or was asked; `none` for logins that reached none.
    by_region: BTreeMap<String, CountsJson>,
}

#[derive(Serialize, JsonSchema)]
struct CountsJson {
    attempted: u64,
    succeeded: u64,
}

/// How long the users who were turned away could not get in, all together, in minutes.
#[derive(Serialize, JsonSchema)]
struct UserMinutesJson {
    /// Users who were turned away.
    users: u64,
    lower_min: f64,
    /// Null where somebody's cohort and flow never succeeded again.
    upper_min: Option<f64>,
    /// Users whose cohort and flow never succeeded again.
    never_recovered: u64,
}

#[derive(Serialize, JsonSchema)]
struct ErrorBudgetJson {
    /// The service level objective, 0 to 1.
    availability: f64,
    /// Over so long.
    window_s: f64,
    /// Whether it is an assumption, because the scenario has no `[slo]`.
    assumed: bool,
    /// So long may the service be unavailable in the window.
    budget_s: f64,
    /// The share of the budget that the run would take, at least; 1 is all of it.
    used_lower: f64,
    used_upper: f64,
}

impl BoundsJson {
    fn of(interval: Interval) -> Self {
        Self { lower_s: interval.lower, upper_s: interval.upper }
    }
}

impl WaterfallBar {
    pub(super) fn of(bar: &measure::Bar) -> Self {
        Self {
            name: bar.name,
            from: bar.from.as_str(),
            to: bar.to.as_str(),
            start_s: bar.start_s,
            end_s: bar.end_s,
            lower_s: bar.cost.lower,
            upper_s: bar.cost.upper,
        }
    }
}

impl Duration {
    pub(super) fn of(took: &measure::Took) -> Self {
        Self {
            name: took.name,
            from: took.from.as_str(),
            to: took.to.as_str(),
            lower_s: lower(took.took),
            upper_s: upper(took.took),
        }
    }
}

impl<'a> PropagationJson<'a> {
    pub(super) fn of(place: &'a measure::Propagation) -> Self {
        Self {
            kind: place.place.as_str(),
            name: &place.name,
            to_replica: place.to_replica.map(BoundsJson::of),
            after_fault: place.after_fault.map(BoundsJson::of),
            after_flip: place.after_flip.map(BoundsJson::of),
            to_primary: place.to_primary.map(BoundsJson::of),
        }
    }
}

impl RpoJson {
    pub(super) fn of(rpo: Option<&measure::Rpo>) -> Self {
        Self {
            lower_s: rpo.map(|rpo| rpo.lower_s),
            upper_s: rpo.and_then(|rpo| rpo.upper_s),
            writes_acknowledged: rpo.map(|rpo| rpo.writes_acknowledged),
            writes_lost: rpo.and_then(|rpo| rpo.writes_lost),
            lag_ms: rpo.and_then(|rpo| rpo.lag).map(LagJson::of),
            newest_lost_age: rpo.and_then(|rpo| rpo.newest_lost_age).map(BoundsJson::of),
        }
    }
}

impl LagJson {
    fn of(lag: measure::Lag) -> Self {
        let levels = LAG_LEVELS_S.into_iter().zip(lag.beyond);
        let beyond = levels.map(|((level, level_s), beyond)| BeyondJson {
            level,
            level_s,
            certainly: beyond.certainly,
            possibly: beyond.possibly,
        });
        Self { samples: lag.samples, p50: lag.p50, p99: lag.p99, max: lag.max, p90: lag.p90, beyond: beyond.collect() }
    }
}

impl LagPointJson {
    pub(super) fn of(point: &measure::LagPoint) -> Self {
        Self { at_s: point.at_s, lower_ms: point.lower_ms, upper_ms: point.upper_ms }
    }
}

impl AvailabilityJson {
    pub(super) fn of(availability: &measure::Availability) -> Self {
        let counts = |(attempted, succeeded): (u64, u64)| CountsJson { attempted, succeeded };
        let window = |second: &measure::Second| AvailabilityWindowJson {
            from_s: second.from_s,
            attempted: second.attempted,
            succeeded: second.succeeded,
            by_region: second.by_region.iter().map(|(region, of)| (region_key(region.as_ref()), counts(*of))).collect(),
        };
        let minutes = availability.user_minutes;
        let budget = availability.budget;
        Self {
            window_s: AVAILABILITY_WINDOW_S,
            windows: availability.windows.iter().map(window).collect(),
            unavailable: BoundsJson::of(availability.unavailable_s),
            user_minutes: UserMinutesJson {
                users: minutes.users,
                lower_min: minutes.lower,
                upper_min: minutes.upper,
                never_recovered: minutes.never_recovered,
            },
            error_budget: ErrorBudgetJson {
                availability: budget.availability,
                window_s: budget.window_s,
                assumed: budget.assumed,
                budget_s: budget.budget_s,
                used_lower: budget.used.lower,
                used_upper: budget.used.upper,
            },
        }
    }
}
