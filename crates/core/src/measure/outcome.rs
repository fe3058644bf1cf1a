use jiff::Timestamp;

use super::MeasureError;
use super::availability::{Availability, availability};
use super::chain::{Chain, Took, chain, durations};
use super::failures::{Failure, Throttling, Tries, failures, throttling, tries};
use super::harness::{Missed, Stalls};
use super::history::History;
use super::interval::Interval;
use super::lag::{LagPoint, lag_over_time};
use super::limits::{LimitResult, limits};
use super::logins::{Logins, logins};
use super::milestones::{BeforeCut, Reached, milestones};
use super::natural_variation::{NaturalVariation, natural_variation};
use super::notes::{Anomaly, CHANGED_BY_OTHERS, anomalies, missing};
use super::objectives::{Evidence, ObjectiveResult, Verdict, objectives};
use super::phases::{PhaseSpan, Progress, phases};
use super::predictions::{Prediction, Shown, predictions, recovery_time};
use super::propagation::{Propagation, propagation};
use super::recovery::{Recovery, recovery};
use super::rpo::{Rpo, rpo};
use super::sessions::{Sessions, sessions};
use super::timeline::Timeline;
use crate::model::{
    EVENT_LOG_VERSIONS, Event, Finding, Milestone, Mutation, Phase, Record, Region, RegionRole, RunFailure, RunStarted,
    SteadyState,
};
use crate::scenario::Scenario;

/// Everything that the reports of a run say.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// Run, environment, Regions, seed, versions.
    pub run: RunStarted,
    /// What was rehearsed.
    pub scenario: Scenario,
    /// When the run started.
    pub started_at: Timestamp,
    /// When the last record was written.
    pub last_at: Timestamp,
    /// When the first call that cuts was sent; milestones count from here. Nothing where nothing was cut.
    pub zero_at: Option<Timestamp>,
    /// 0 every objective met, 1 one missed or inconclusive, 3 refused before anything was cut, 4 aborted, 5 not
    /// everything restored. Nothing for a log that breaks off.
    pub exit_code: Option<u8>,
    /// Why the run did not go its way to the end.
    pub failure: Option<RunFailure>,
    /// Account and principal of the run, as `sts:GetCallerIdentity` answered; nothing where the run did not ask.
    pub caller: Option<(String, String)>,
    /// When each phase lasted.
    pub phases: Vec<PhaseSpan>,
    /// Every milestone in causal order.
    pub milestones: Vec<Reached>,
    /// What the runner itself missed; nothing where it always kept up.
    pub missed: Option<Missed>,
    /// In the order of the scenario.
    pub objectives: Vec<ObjectiveResult>,
    /// What each link of the failover chain cost.
    pub chain: Chain,
    /// The times that have a name of their own, as detection and failback.
    pub durations: Vec<Took>,
    /// How the record's change spread: authoritative servers, resolvers, cohorts.
    pub propagation: Vec<Propagation>,
    /// Data loss; nothing where there were no canary writes or no fault.
    pub rpo: Option<Rpo>,
    /// The lag of every canary write over the run; empty where there were none or nothing was cut.
    pub lag_over_time: Vec<LagPoint>,
    /// How much of the service users had; nothing where nothing was cut or nobody tried.
    pub availability: Option<Availability>,
    /// Who got in.
    pub logins: Logins,
    /// The share able to log in over time; nothing where nothing was cut or nobody tried.
    pub recovery: Option<Recovery>,
    /// Why logins failed, the most frequent reason first.
    pub failures: Vec<Failure>,
    /// Who tried again.
    pub tries: Tries,
    /// Who was throttled, by Region; empty where nobody was.
    pub throttling: Vec<Throttling>,
    /// What became of sessions; nothing where there were none.
    pub sessions: Option<Sessions>,
    /// What a replica may not do, and whether it did.
    pub limits: Vec<LimitResult>,
    /// The calls that cut and heal, and the preparation around them.
    pub mutations: Vec<Mutation>,
    /// From the first to the last call that cuts, in the first turn, in seconds.
    pub inject_took_s: Option<f64>,
    /// From the first to the last call that heals, in the last turn, in seconds.
    pub restore_took_s: Option<f64>,
    /// Whether there was steady state, each time that the run judged it.
    pub steady: Vec<SteadyState>,
    /// That everything was put back.
    pub rollback: Rollback,
    /// What was to be touched.
    pub faults: Vec<FaultPlan>,
    /// Findings of preflight, and limits of the replica that did not hold.
    pub findings: Vec<Finding>,
    /// What became of what preflight found.
    pub predictions: Vec<Prediction>,
    /// What preflight could not look at.
    pub not_checked: Vec<String>,
    /// What makes the figures of two runs of an unchanged environment differ.
    pub natural_variation: NaturalVariation,
    /// What a reader of the figures must know.
    pub anomalies: Vec<Anomaly>,
    /// What the log of an interrupted run does not say; empty for a whole one.
    pub missing: Vec<String>,
}

/// What a fault was to touch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultPlan {
    /// As `nacl-blackhole`.
    pub fault: String,
    /// Where.
    pub region: Region,
    /// IDs with names.
    pub targets: Vec<String>,
}

/// The proof that everything was put back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rollback {
    /// Whether the log says how restoring ended.
    pub reported: bool,
    /// Mutations that needed a revert.
    pub mutations: u32,
    /// Those that were reverted.
    pub reverted: u32,
    /// What could not be restored: resource and reason.
    pub not_reverted: Vec<String>,
    /// Whether the described state after equals the state before; nothing where they were not compared.
    pub state_identical: Option<bool>,
    /// The differences in words.
    pub differences: Vec<String>,
    /// SHA-256 of the described state before and after.
    pub sha256: Option<(String, String)>,
    /// What others changed meanwhile, which was left as it is.
    pub by_others: Vec<ByOthers>,
}

/// Something that others changed in the run's time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ByOthers {
    /// Where.
    pub region: Option<Region>,
    /// The resource's ID.
    pub resource: String,
    /// What was found.
    pub found: String,
}

impl Outcome {
    /// How much others changed while the run was at work.
    pub fn changed_by_others(&self) -> usize {
        self.anomalies.iter().filter(|anomaly| anomaly.code == CHANGED_BY_OTHERS).count()
    }

    /// When a milestone was reached, in seconds after `zero_at`.
    pub fn milestone(&self, milestone: Milestone) -> Option<Interval> {
        self.milestones.iter().find(|reached| reached.milestone == milestone).and_then(|reached| reached.at)
    }

    /// The Region that plays a part.
    pub fn region(&self, role: RegionRole) -> &Region {
        match role {
            RegionRole::Primary => &self.run.primary,
            RegionRole::Replica => &self.run.replica,
        }
    }

    /// Whether the log is whole.
    pub fn complete(&self) -> bool {
        self.missing.is_empty()
    }

    /// Whether every objective is met and every limit held; what is inconclusive is not met.
    pub fn all_met(&self) -> bool {
        all_met(&self.objectives, &self.limits)
    }
}

fn all_met(objectives: &[ObjectiveResult], limits: &[LimitResult]) -> bool {
    let met = objectives.iter().all(|objective| objective.verdict == Verdict::Met);
    met && limits.iter().all(|limit| limit.held == Some(true))
}

/// Computes what happened in a run.
///
/// # Errors
/// [`MeasureError`] when the log does not begin with a `run_started` of a version that is read, with a scenario that can be
/// read. A log that breaks off later is none: [`Outcome::missing`] says what it lacks.
pub fn outcome(history: &History) -> Result<Outcome, MeasureError> {
    let records = history.records.as_slice();
    let Some(Record { at: started_at, event: Event::RunStarted(run), .. }) = history.first() else {
        return Err(MeasureError::NotStarted);
    };
    if !EVENT_LOG_VERSIONS.contains(&run.schema_version) {
        return Err(MeasureError::SchemaVersion(run.schema_version));
    }
    let scenario: Scenario = serde_json::from_value(run.scenario.clone()).map_err(MeasureError::Scenario)?;
    let line = Timeline::of(history, &scenario);
    let ended = records.iter().rev().find_map(|record| match &record.event {
        Event::RunEnded { failure } => Some(failure.clone()),
        _ => None,
    });
    let failure = ended.clone().flatten();
    let phases = phases(records);
    let stalls = Stalls::of(records, &history.logins, run);
    let milestones = milestones(&line, &stalls, run, phases.iter().any(|span| span.phase == Phase::Hold));
    let reached = |milestone| milestones.iter().find(move |r: &&Reached| r.milestone == milestone);
    let at = |milestone| reached(milestone).and_then(|r| r.at);
    let before = |milestone| reached(milestone).map_or(BeforeCut::No, |r| r.before);
    let logins = logins(&history.logins, &stalls);
    let sessions = sessions(&history.calls, &line);
    let throttling = throttling(&history.logins, &line);
    let limits = limits(records, &history.logins, &scenario.expectations, &scenario.users.flows, run);
    let rpo = rpo(&line, at(Milestone::FaultEffective));
    let progress = Progress::of(records, &phases, failure.as_ref());
    let region_of = |role| run.region(role).clone();
    let evidence = Evidence {
        line: &line,
        progress: &progress,
        logins: &logins,
        rpo: rpo.as_ref(),
        sessions: sessions.as_ref(),
        region_of: &region_of,
        at: &at,
        before: &before,
        stalls: &stalls,
    };
    let objectives = objectives(&scenario.objectives, &evidence);
    let rollback = rollback(records);
    let failures = failures(&history.logins, line.zero);
    let found = findings(records);
    let shown = Shown {
        run,
        failure: failure.as_ref(),
        cut: line.zero.is_some(),
        logins: &logins,
        failures: &failures,
        throttling: &throttling,
        milestones: &milestones,
        recovery_time: recovery_time(&scenario.objectives, &objectives),
    };
    let predictions = predictions(&found, &shown);
    let met = all_met(&objectives, &limits);
    let lags = lag_over_time(&line);
    Ok(Outcome {
        exit_code: ended.map(|failure| exit_code(failure.as_ref(), &rollback, met)),
        started_at: *started_at,
        last_at: history.last_at().unwrap_or(*started_at),
        zero_at: line.zero,
        chain: chain(at),
        durations: durations(at, line.zero, &stalls),
        missed: stalls.missed(),
        propagation: propagation(&line, &at),
        natural_variation: natural_variation(records, run, &scenario, &line, &lags),
        lag_over_time: lags,
        availability: availability(&history.logins, &line, &stalls, scenario.slo.as_ref()),
        anomalies: anomalies(records, &line, run.speed, &throttling, &stalls, &at),
        missing: missing(records, &line, &phases),
        inject_took_s: line.inject_took_s(),
        restore_took_s: line.restore_took_s(),
        mutations: line.mutations.iter().copied().cloned().collect(),
        faults: faults(records),
        predictions,
        findings: found.into_iter().chain(limits.iter().filter_map(LimitResult::finding)).collect(),
        recovery: recovery(&history.logins, &line, &stalls),
        failures,
        tries: tries(&history.logins),
        steady: steady(records),
        caller: caller(records),
        not_checked: not_checked(records),
        run: RunStarted::clone(run),
        scenario,
        failure,
        phases,
        milestones,
        objectives,
        rpo,
        logins,
        throttling,
        sessions,
        limits,
        rollback,
    })
}

/// The contract of DESIGN.md. What could not be restored outranks everything.
fn exit_code(failure: Option<&RunFailure>, rollback: &Rollback, all_met: bool) -> u8 {
    let left = !rollback.not_reverted.is_empty() || rollback.state_identical == Some(false);
    match failure {
        Some(RunFailure::NotRestored(_)) => 5,
        _ if left => 5,
        Some(RunFailure::Aborted(_)) => 4,
        Some(RunFailure::PreflightRefused | RunFailure::Refused(_)) => 3,
        None => u8::from(!all_met),
    }
}

/// The last word on each counts: a rollback may have been tried again.
fn rollback(records: &[Record]) -> Rollback {
    let mut last = Rollback::default();
    for record in records {
        match &record.event {
            Event::Restored { mutations, reverted, not_reverted } => {
                last.reported = true;
                (last.mutations, last.reverted) = (*mutations, *reverted);
                last.not_reverted.clone_from(not_reverted);
            }
            Event::StateCompared { identical, differences, before_sha256, after_sha256 } => {
                last.state_identical = Some(*identical);
                last.differences.clone_from(differences);
                last.sha256 = Some((before_sha256.clone(), after_sha256.clone()));
            }
            Event::ChangedByOthers { region, resource, found } => {
                let other = ByOthers { region: region.clone(), resource: resource.clone(), found: found.clone() };
                // It is told each time that it is met.
                if !last.by_others.contains(&other) {
                    last.by_others.push(other);
                }
            }
            _ => {}
        }
    }
    last
}

fn caller(records: &[Record]) -> Option<(String, String)> {
    records.iter().find_map(|record| match &record.event {
        Event::Caller { account, arn } => Some((account.clone(), arn.clone())),
        _ => None,
    })
}

fn steady(records: &[Record]) -> Vec<SteadyState> {
    let judged = |record: &Record| match &record.event {
        Event::SteadyState(steady) => Some(steady.clone()),
        _ => None,
    };
    records.iter().filter_map(judged).collect()
}

fn faults(records: &[Record]) -> Vec<FaultPlan> {
    let plan = |record: &Record| match &record.event {
        Event::FaultPlanned { fault, region, targets, .. } => {
            Some(FaultPlan { fault: fault.clone(), region: region.clone(), targets: targets.clone() })
        }
        _ => None,
    };
    records.iter().filter_map(plan).collect()
}

fn findings(records: &[Record]) -> Vec<Finding> {
    let finding = |record: &Record| match &record.event {
        Event::Finding(finding) => Some(finding.clone()),
        _ => None,
    };
    records.iter().filter_map(finding).collect()
}

fn not_checked(records: &[Record]) -> Vec<String> {
    let what = |record: &Record| match &record.event {
        Event::NotChecked { what } => Some(what.clone()),
        _ => None,
    };
    records.iter().filter_map(what).collect()
}
