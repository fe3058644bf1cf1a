//! What `run.json` says of logins.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use crate::measure;
use crate::model::{Phase, Region};
use crate::report::words::by_label;

/// Stands in `by_region` for logins that reached no Region.
const NO_REGION: &str = "none";

#[derive(Serialize, JsonSchema)]
pub(super) struct LoginsJson<'a> {
    /// Logins that ended; cancelled ones, refusals that are expected and failures of the runner itself left out.
    attempted: u64,
    /// Those with a valid token that holds every required claim, accepted by the protected API.
    succeeded: u64,
    /// By the Region that served, or was asked; `none` for logins that reached none.
    by_region: BTreeMap<String, GroupJson>,
    by_flow: BTreeMap<&'a str, GroupJson>,
    /// By the phase in which they were scheduled.
    by_phase: BTreeMap<Phase, GroupJson>,
    /// Of the successes, from the scheduled instant.
    latency_ms: LatencyJson,
    /// Failures by their class, step and detail.
    errors: BTreeMap<String, u64>,
    by_cohort: BTreeMap<&'a str, GroupJson>,
    /// Stopped because the run ended; counted nowhere else.
    cancelled: u64,
    /// Refusals by the replica that the scenario expects; they count nowhere else.
    expected_refusals: u64,
    /// Those of `attempted` of which a try was throttled.
    throttled: u64,
    /// How much later than scheduled logins started; null where none did.
    start_delay_ms: Option<StartDelay>,
    missing_claims: Vec<MissingClaimJson<'a>>,
    steps: Vec<StepLatencyJson>,
    success_share: LoginShareJson,
    by_phase_and_region: Vec<PhaseAndRegion>,
    /// Logins that the runner itself could not make; they count nowhere else but in `errors`. Absent where there were none.
    #[serde(skip_serializing_if = "is_none")]
    harness_failed: u64,
}

/// Some of the logins.
#[derive(Serialize, JsonSchema)]
struct GroupJson {
    attempted: u64,
    succeeded: u64,
    expected_refusals: u64,
    throttled: u64,
    /// Of the successes, from the scheduled instant.
    latency_ms: LatencyJson,
    success_share: LoginShareJson,
}

/// The share of `attempted` that succeeded, 0 to 1, with Clopper and Pearson's interval at 95 % confidence; null where nobody tried.
#[derive(Serialize, JsonSchema)]
struct LoginShareJson {
    observed: Option<f64>,
    lower: Option<f64>,
    upper: Option<f64>,
}

/// Quantiles in milliseconds of scenario time; null where there is nothing.
#[derive(Serialize, JsonSchema)]
struct LatencyJson {
    p50: Option<f64>,
    p90: Option<f64>,
    p99: Option<f64>,
    p999: Option<f64>,
    max: Option<f64>,
}

#[derive(Serialize, JsonSchema)]
struct StartDelay {
    p50: f64,
    p99: f64,
    max: f64,
}

/// A required claim that tokens lacked.
#[derive(Serialize, JsonSchema)]
struct MissingClaimJson<'a> {
    claim: &'a str,
    /// Which Region issued the tokens, where that is known.
    region: Option<&'a Region>,
    count: u64,
}

/// What a step took in every try.
#[derive(Serialize, JsonSchema)]
struct StepLatencyJson {
    step: &'static str,
    /// Tries that got past it.
    count: u64,
    latency_ms: LatencyJson,
    unfinished: TakenJson,
}

/// Tries that failed, were refused or were given up in it: what it took until then.
#[derive(Serialize, JsonSchema)]
struct TakenJson {
    count: u64,
    latency_ms: LatencyJson,
}

#[derive(Serialize, JsonSchema)]
struct PhaseAndRegion {
    phase: Phase,
    /// Null for logins that reached no Region.
    region: Option<Region>,
    #[serde(flatten)]
    group: GroupJson,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_none(count: &u64) -> bool {
    *count == 0
}

impl<'a> LoginsJson<'a> {
    pub(super) fn of(logins: &'a measure::Logins) -> Self {
        let named = |groups: &'a BTreeMap<String, measure::Group>| {
            groups.iter().map(|(name, g)| (name.as_str(), GroupJson::of(g)))
        };
        let by_region =
            logins.by_region.iter().map(|(region, group)| (region_key(region.as_ref()), GroupJson::of(group)));
        let both = logins.by_phase_and_region.iter().map(|((phase, region), group)| PhaseAndRegion {
            phase: *phase,
            region: region.clone(),
            group: GroupJson::of(group),
        });
        let claim = |claim: &'a measure::MissingClaim| MissingClaimJson {
            claim: &claim.claim,
            region: claim.region.as_ref(),
            count: claim.count,
        };
        Self {
            attempted: logins.all.attempted,
            succeeded: logins.all.succeeded,
            by_region: by_region.collect(),
            by_flow: named(&logins.by_flow).collect(),
            by_phase: logins.by_phase.iter().map(|(phase, group)| (*phase, GroupJson::of(group))).collect(),
            latency_ms: LatencyJson::of(logins.all.latency),
            errors: by_label(&logins.errors),
            by_cohort: named(&logins.by_cohort).collect(),
            cancelled: logins.cancelled,
            expected_refusals: logins.all.expected_refusals,
            throttled: logins.all.throttled,
            start_delay_ms: logins.start_delay.map(|l| StartDelay { p50: l.p50, p99: l.p99, max: l.max }),
            missing_claims: logins.missing_claims.iter().map(claim).collect(),
            steps: logins.steps.iter().map(StepLatencyJson::of).collect(),
            success_share: LoginShareJson::of(&logins.all),
            by_phase_and_region: both.collect(),
            harness_failed: logins.all.harness_failed,
        }
    }
}

pub(super) fn region_key(region: Option<&Region>) -> String {
    region.map_or(NO_REGION, Region::as_str).to_owned()
}

impl GroupJson {
    fn of(group: &measure::Group) -> Self {
        Self {
            attempted: group.attempted,
            succeeded: group.succeeded,
            expected_refusals: group.expected_refusals,
            throttled: group.throttled,
            latency_ms: LatencyJson::of(group.latency),
            success_share: LoginShareJson::of(group),
        }
    }
}

impl LoginShareJson {
    fn of(group: &measure::Group) -> Self {
        let bounds = group.success_bounds();
        Self { observed: group.success_share(), lower: bounds.map(|(low, _)| low), upper: bounds.map(|(_, high)| high) }
    }
}

impl LatencyJson {
    fn of(latency: Option<measure::Latency>) -> Self {
        Self {
            p50: latency.map(|l| l.p50),
            p90: latency.map(|l| l.p90),
            p99: latency.map(|l| l.p99),
            p999: latency.map(|l| l.p999),
            max: latency.map(|l| l.max),
        }
    }
}

impl StepLatencyJson {
    fn of(step: &measure::StepLatency) -> Self {
        Self {
            step: step.step.as_str(),
            count: step.ended.count,
            latency_ms: LatencyJson::of(step.ended.latency),
            unfinished: TakenJson {
                count: step.unfinished.count,
                latency_ms: LatencyJson::of(step.unfinished.latency),
            },
        }
    }
}
