//! `run.json`: the document as types, so that its schema is derived from what is written.

mod figures;
mod logins;
mod natural_variation;
mod users;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Serialize;

use super::words::instant;
use crate::measure::{BeforeCut, Interval, Missed, Outcome};
use crate::model::{Finding, RUN_VERSION, Region, SteadyState};
use figures::{AvailabilityJson, Duration, LagPointJson, PropagationJson, RpoJson, WaterfallBar};
use logins::LoginsJson;
use natural_variation::NaturalVariationJson;
use users::{ExpectationJson, FailureJson, RecoveryJson, Retries, SessionsJson, ThrottlingJson};

/// The result of a run of GameDay: `run.json`. Times that end in `_s` are seconds of scenario time, those in `_ms` milliseconds; times of day are RFC 3339 in
/// UTC with nanoseconds; shares go from 0 to 1. A bound that is null is not known. Later versions of GameDay may add keys.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "GameDay run.json")]
struct RunDocument<'a> {
    /// The version of this format.
    schema_version: u32,
    /// The run's name, which its resources carry as a tag.
    run_id: String,
    scenario: ScenarioName<'a>,
    environment: EnvironmentName<'a>,
    /// Scenario seconds in one real second.
    speed: f64,
    /// Whether time was virtual: simulated, and no wall clock's.
    virtual_time: bool,
    /// The seed of every random draw.
    seed: u64,
    started_at: String,
    /// 0 every objective met, 1 one missed or inconclusive, 3 refused before anything was cut, 4 aborted, 5 not everything restored; null where the log breaks off.
    exit_code: Option<u8>,
    /// When the first call that cuts was sent; null where nothing was cut.
    zero_at: Option<String>,
    /// In causal order.
    milestones: Vec<MilestoneJson>,
    /// In the order of the scenario.
    objectives: Vec<ObjectiveJson<'a>>,
    logins: LoginsJson<'a>,
    rpo: RpoJson,
    rollback: RollbackJson<'a>,
    /// From the first to the last call that injects the fault, in seconds.
    inject_took_s: Option<f64>,
    /// From the first to the last call that removes the fault, in seconds.
    restore_took_s: Option<f64>,
    /// Whether the event log is whole.
    complete: bool,
    /// What a log that breaks off does not say.
    missing: &'a [String],
    phases: Vec<PhaseJson>,
    chain: ChainJson,
    /// What a reader of the figures must know.
    anomalies: Vec<AnomalyJson<'a>>,
    /// Of preflight, with what became of them, and of the run.
    findings: Vec<FindingRowJson<'a>>,
    /// What preflight could not look at.
    not_checked: &'a [String],
    tool_version: &'a str,
    environment_sha256: &'a str,
    primary: &'a Region,
    replica: &'a Region,
    /// The share able to log in over time; null where nothing was cut or nobody tried.
    recovery: Option<RecoveryJson<'a>>,
    /// What a replica may not do, and whether it did.
    expectations: Vec<ExpectationJson<'a>>,
    /// What became of sessions opened before the fault; null where there were none.
    sessions: Option<SessionsJson<'a>>,
    /// Why logins failed, the most frequent reason first.
    failures: Vec<FailureJson<'a>>,
    tries: Retries,
    throttling: Vec<ThrottlingJson<'a>>,
    /// Times between milestones that have a name of their own.
    durations: Vec<Duration>,
    /// How the record's change spread to each authoritative server, each resolver and each cohort of clients.
    propagation: Vec<PropagationJson<'a>>,
    /// How much of the service users had; null where nothing was cut or nobody tried.
    availability: Option<AvailabilityJson>,
    /// The replication lag of every acknowledged canary write, in the order of their sequence.
    lag_over_time: Vec<LagPointJson>,
    /// What makes the figures of two runs of an unchanged environment differ.
    natural_variation: NaturalVariationJson,
    /// Whether there was steady state, part by part: before the fault, and after failback. Absent where the run did not judge it.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    steady_state: &'a [SteadyState],
    /// When the runner itself did not keep up, which makes figures less sure; absent where it always did.
    #[serde(skip_serializing_if = "Option::is_none")]
    runner_stalled: Option<RunnerStalledJson>,
}

#[derive(Serialize, JsonSchema)]
struct ScenarioName<'a> {
    /// The file's name without folder and ending.
    name: &'a str,
    /// SHA-256 of the file's bytes.
    sha256: &'a str,
}

#[derive(Serialize, JsonSchema)]
struct EnvironmentName<'a> {
    /// `aws` or `lab`.
    kind: &'a str,
    name: &'a str,
}

/// When a milestone was reached, in seconds after `zero_at`; null where it was not.
#[derive(Serialize, JsonSchema)]
struct MilestoneJson {
    name: &'static str,
    /// Certainly not before.
    lower_s: Option<f64>,
    /// Certainly not after.
    upper_s: Option<f64>,
    /// Why it has no bounds although it was so after the cut: `already` so before it, or `unseen`, as nothing tells that it was not; absent
    /// elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    before_cut: Option<&'static str>,
}

/// Times in which the runner itself did not keep up, in seconds of scenario time.
#[derive(Serialize, JsonSchema)]
struct RunnerStalledJson {
    times: u64,
    /// All of them together.
    total_s: f64,
    longest_s: f64,
}

/// Something that others changed in the run's time, and that was left as it is.
#[derive(Serialize, JsonSchema)]
struct ByOthersJson<'a> {
    region: Option<&'a Region>,
    /// Its ID.
    resource: &'a str,
    /// What was found.
    found: &'a str,
}

/// What came of an objective. `target`, `lower`, `upper` and `observed` are in `unit`.
#[derive(Serialize, JsonSchema)]
struct ObjectiveJson<'a> {
    name: &'a str,
    target: f64,
    /// For a share, the lower end of Clopper and Pearson's interval at 95 % confidence.
    lower: Option<f64>,
    /// For a share, the upper end of that interval.
    upper: Option<f64>,
    /// `met`, `missed` or `inconclusive`.
    verdict: &'static str,
    /// `s` or `share`.
    unit: &'static str,
    /// The share that was observed; null for times.
    observed: Option<f64>,
    /// Why, where the bounds alone do not tell.
    reason: Option<&'a str>,
    /// Which side of the target is good: `at_most` or `at_least`.
    bound: &'static str,
}

/// That everything was put back.
#[derive(Serialize, JsonSchema)]
struct RollbackJson<'a> {
    /// Mutations that needed a revert.
    mutations: u32,
    /// Those that were reverted.
    reverted: u32,
    /// Whether the described state after equals the state before; null where they were not compared.
    state_identical: Option<bool>,
    /// What could not be restored: resource and reason.
    not_reverted: &'a [String],
    differences: &'a [String],
    /// What others changed meanwhile; absent where that was nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    changed_by_others: Vec<ByOthersJson<'a>>,
}

#[derive(Serialize, JsonSchema)]
struct PhaseJson {
    name: &'static str,
    started_at: String,
    /// Null where the log breaks off in it.
    ended_at: Option<String>,
}

/// What each link of the failover chain cost.
#[derive(Serialize, JsonSchema)]
struct ChainJson {
    links: Vec<LinkJson>,
    total: Cost,
    /// The links between milestones that were reached: each bar begins where the one before ends, and the last one ends at the middle of the total.
    waterfall: Vec<WaterfallBar>,
}

/// Below zero where its end came before its beginning; null where either was not reached.
#[derive(Serialize, JsonSchema)]
struct LinkJson {
    name: &'static str,
    /// A milestone.
    from: &'static str,
    /// A milestone.
    to: &'static str,
    lower_s: Option<f64>,
    upper_s: Option<f64>,
}

#[derive(Serialize, JsonSchema)]
struct Cost {
    lower_s: Option<f64>,
    upper_s: Option<f64>,
}

#[derive(Serialize, JsonSchema)]
struct AnomalyJson<'a> {
    /// As `fault_did_not_bite`.
    code: &'static str,
    text: &'a str,
}

#[derive(Serialize, JsonSchema)]
struct FindingRowJson<'a> {
    #[serde(flatten)]
    finding: &'a Finding,
    /// Whether the run confirmed what preflight predicted; absent for findings of the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    prediction_outcome: Option<PredictionOutcomeJson<'a>>,
}

#[derive(Serialize, JsonSchema)]
struct PredictionOutcomeJson<'a> {
    /// `came_true`, `did_not` or `untested`.
    verdict: &'static str,
    evidence: &'a str,
}

/// The JSON Schema of `run.json`.
pub fn run_schema() -> serde_json::Value {
    SchemaSettings::draft2020_12().for_serialize().into_generator().into_root_schema_for::<RunDocument<'_>>().to_value()
}

/// `run.json`, as DESIGN.md's contract lists it, with more keys after those of the contract.
#[expect(clippy::expect_used, reason = "serialising to memory")]
pub fn run_json(outcome: &Outcome) -> Vec<u8> {
    // Cannot fail: every key is a string, and a `Vec` takes every write.
    let mut bytes = serde_json::to_vec_pretty(&RunDocument::of(outcome)).expect("a document in memory");
    bytes.push(b'\n');
    bytes
}

impl<'a> RunDocument<'a> {
    fn of(outcome: &'a Outcome) -> Self {
        let run = &outcome.run;
        Self {
            schema_version: RUN_VERSION,
            run_id: run.run_id.to_string(),
            scenario: ScenarioName { name: &run.scenario_name, sha256: &run.scenario_sha256 },
            environment: EnvironmentName { kind: &run.environment_kind, name: &run.environment_name },
            speed: run.speed,
            virtual_time: run.virtual_time,
            seed: run.seed,
            started_at: instant(outcome.started_at),
            exit_code: outcome.exit_code,
            zero_at: outcome.zero_at.map(instant),
            milestones: milestones(outcome),
            objectives: objectives(outcome),
            logins: LoginsJson::of(&outcome.logins),
            rpo: RpoJson::of(outcome.rpo.as_ref()),
            rollback: rollback(outcome),
            inject_took_s: outcome.inject_took_s,
            restore_took_s: outcome.restore_took_s,
            complete: outcome.complete(),
            missing: &outcome.missing,
            phases: phases(outcome),
            chain: chain(outcome),
            anomalies: outcome.anomalies.iter().map(|a| AnomalyJson { code: a.code, text: &a.text }).collect(),
            findings: findings(outcome),
            not_checked: &outcome.not_checked,
            tool_version: &run.tool_version,
            environment_sha256: &run.environment_sha256,
            primary: &run.primary,
            replica: &run.replica,
            recovery: outcome.recovery.as_ref().map(RecoveryJson::of),
            expectations: outcome.limits.iter().map(ExpectationJson::of).collect(),
            sessions: outcome.sessions.as_ref().map(SessionsJson::of),
            failures: outcome.failures.iter().map(FailureJson::of).collect(),
            tries: Retries::of(&outcome.tries),
            throttling: outcome.throttling.iter().map(ThrottlingJson::of).collect(),
            durations: outcome.durations.iter().map(Duration::of).collect(),
            propagation: outcome.propagation.iter().map(PropagationJson::of).collect(),
            availability: outcome.availability.as_ref().map(AvailabilityJson::of),
            lag_over_time: outcome.lag_over_time.iter().map(LagPointJson::of).collect(),
            natural_variation: NaturalVariationJson::of(&outcome.natural_variation),
            steady_state: &outcome.steady,
            runner_stalled: outcome.missed.map(|Missed { times, total_s, longest_s }| RunnerStalledJson {
                times,
                total_s,
                longest_s,
            }),
        }
    }
}

fn lower(interval: Option<Interval>) -> Option<f64> {
    interval.map(|interval| interval.lower)
}

fn upper(interval: Option<Interval>) -> Option<f64> {
    interval.map(|interval| interval.upper)
}

fn milestones(outcome: &Outcome) -> Vec<MilestoneJson> {
    let row = |reached: &crate::measure::Reached| MilestoneJson {
        name: reached.milestone.as_str(),
        lower_s: lower(reached.at),
        upper_s: upper(reached.at),
        before_cut: match reached.before {
            BeforeCut::No => None,
            BeforeCut::Already => Some("already"),
            BeforeCut::Unseen => Some("unseen"),
        },
    };
    outcome.milestones.iter().map(row).collect()
}

fn objectives(outcome: &Outcome) -> Vec<ObjectiveJson<'_>> {
    outcome.objectives.iter().map(ObjectiveJson::of).collect()
}

impl<'a> ObjectiveJson<'a> {
    fn of(objective: &'a crate::measure::ObjectiveResult) -> Self {
        Self {
            name: &objective.name,
            target: objective.target,
            lower: objective.lower,
            upper: objective.upper,
            verdict: objective.verdict.as_str(),
            unit: objective.unit.as_str(),
            observed: objective.observed,
            reason: objective.reason.as_deref(),
            bound: objective.unit.bound(),
        }
    }
}

fn phases(outcome: &Outcome) -> Vec<PhaseJson> {
    let row = |span: &crate::measure::PhaseSpan| PhaseJson {
        name: span.phase.as_str(),
        started_at: instant(span.start),
        ended_at: span.end.map(instant),
    };
    outcome.phases.iter().map(row).collect()
}

fn chain(outcome: &Outcome) -> ChainJson {
    let row = |link: &crate::measure::Link| LinkJson {
        name: link.name,
        from: link.from.as_str(),
        to: link.to.as_str(),
        lower_s: lower(link.cost),
        upper_s: upper(link.cost),
    };
    let chain = &outcome.chain;
    ChainJson {
        links: chain.links.iter().map(row).collect(),
        total: Cost { lower_s: lower(chain.total), upper_s: upper(chain.total) },
        waterfall: chain.waterfall.iter().map(WaterfallBar::of).collect(),
    }
}

impl<'a> ByOthersJson<'a> {
    fn of(other: &'a crate::measure::ByOthers) -> Self {
        Self { region: other.region.as_ref(), resource: &other.resource, found: &other.found }
    }
}

fn findings(outcome: &Outcome) -> Vec<FindingRowJson<'_>> {
    let prediction_outcome = |index: usize| {
        let shown = &outcome.predictions.get(index)?.outcome;
        Some(PredictionOutcomeJson { verdict: shown.verdict(), evidence: shown.evidence() })
    };
    let rows = outcome.findings.iter().enumerate();
    rows.map(|(index, finding)| FindingRowJson { finding, prediction_outcome: prediction_outcome(index) }).collect()
}

fn rollback(outcome: &Outcome) -> RollbackJson<'_> {
    let rollback = &outcome.rollback;
    RollbackJson {
        mutations: rollback.mutations,
        reverted: rollback.reverted,
        state_identical: rollback.state_identical,
        not_reverted: &rollback.not_reverted,
        differences: &rollback.differences,
        changed_by_others: rollback.by_others.iter().map(ByOthersJson::of).collect(),
    }
}
