//! The tables of a report as text, the same for every format that people read. The text is not escaped
//! yet: each template does that in its own way.

use jiff::Timestamp;

use super::figures::{Figures, link_name, no_earlier};
use super::logins::LoginTables;
use super::summary::{Summary, real_time};
use super::users::UsersSection;
use super::words::{carries, counted, pace, percentiles, seconds, seconds_down, seconds_up, span_s};
use crate::measure::{Failure, Interval, Outcome, Prediction, PredictionOutcome, Rpo, Verdict};
use crate::model::{ClockSync, Finding, Milestone, Region, Severity, SteadyPart, SteadyState, Step};

pub(super) struct View {
    /// The first screen.
    pub summary: Summary,
    /// `good`, `bad` or `unsure`, for colour.
    pub tone: &'static str,
    pub missing: Vec<String>,
    pub anomalies: Vec<String>,
    pub steady: Vec<SteadyRow>,
    /// When the first disruptive call was sent; nothing where no fault was injected.
    pub zero_at: Option<String>,
    pub milestones: Vec<MilestoneRow>,
    pub chain_notes: Vec<String>,
    pub logins: LoginTables,
    pub users: UsersSection,
    pub figures: Figures,
    pub rpo: Vec<(&'static str, String)>,
    pub restore: Vec<(&'static str, String)>,
    pub restore_problems: Vec<String>,
    /// What others changed during the run, and was not restored.
    pub by_others: Vec<String>,
    pub faults: Vec<FaultRow>,
    pub findings: Vec<FindingRow>,
    /// Of the run itself, not of preflight.
    pub surprises: Vec<FindingRow>,
    pub not_checked: Vec<String>,
    pub facts: Vec<(&'static str, String)>,
    pub phases: Vec<PhaseRow>,
}

/// A part of steady state.
pub(super) struct SteadyRow {
    pub judged_at: &'static str,
    pub part: &'static str,
    pub found: String,
    pub verdict: &'static str,
}

pub(super) struct MilestoneRow {
    pub name: &'static str,
    pub meaning: &'static str,
    /// Between which times it was reached, or why it has none.
    pub reached: String,
    pub at: Option<Interval>,
}

pub(super) struct FaultRow {
    pub fault: String,
    pub region: String,
    pub targets: Vec<String>,
}

pub(super) struct FindingRow {
    pub code: String,
    pub severity: &'static str,
    pub title: String,
    pub evidence: String,
    pub remedy: String,
    /// Whether the run confirmed it, in words; empty where it is no prediction.
    pub prediction: String,
    pub ignored: bool,
}

pub(super) struct PhaseRow {
    pub name: &'static str,
    pub started: String,
    pub lasted: String,
    /// Seconds after fault injection, for the diagrams; nothing where no fault was injected.
    pub at: Option<(f64, f64)>,
}

/// In the place of a figure that does not exist.
pub(super) const NONE: &str = "–";

impl View {
    pub(super) fn of(outcome: &Outcome) -> Self {
        Self {
            summary: Summary::of(outcome),
            tone: tone(outcome),
            missing: outcome.missing.clone(),
            anomalies: anomalies(outcome, false),
            steady: outcome.steady.iter().flat_map(steady).collect(),
            zero_at: outcome.zero_at.map(|zero| moment(outcome, zero)),
            milestones: milestones(outcome),
            chain_notes: chain_notes(outcome),
            logins: LoginTables::of(outcome),
            users: UsersSection::of(outcome),
            figures: Figures::of(outcome),
            rpo: outcome.rpo.as_ref().map(rpo).unwrap_or_default(),
            restore: restore(outcome),
            restore_problems: outcome
                .rollback
                .not_reverted
                .iter()
                .chain(&outcome.rollback.differences)
                .cloned()
                .collect(),
            by_others: by_others(outcome),
            faults: faults(outcome),
            findings: outcome.predictions.iter().map(prediction).collect(),
            surprises: outcome.findings.iter().skip(outcome.predictions.len()).map(finding).collect(),
            not_checked: outcome.not_checked.clone(),
            facts: facts(outcome),
            phases: phases(outcome),
        }
    }
}

fn steady(state: &SteadyState) -> Vec<SteadyRow> {
    let verdict = |part: &SteadyPart| match (part.steady, state.ignored) {
        (true, _) => "steady",
        (false, false) => "not steady",
        (false, true) => "not steady, ignored",
    };
    let row = |part: &SteadyPart| SteadyRow {
        judged_at: state.judged_at.words(),
        part: part.figures.name(),
        found: part.figures.to_string(),
        verdict: verdict(part),
    };
    state.parts.iter().map(row).collect()
}

fn tone(outcome: &Outcome) -> &'static str {
    match outcome.exit_code {
        Some(0) => "good",
        Some(1)
            if outcome.objectives.iter().all(|objective| objective.verdict != Verdict::Missed)
                && outcome.limits.iter().all(|limit| limit.held != Some(false)) =>
        {
            "unsure"
        }
        Some(3 | 4) | None => "unsure",
        Some(_) => "bad",
    }
}

pub(super) fn region_name(region: Option<&Region>) -> String {
    region.map_or_else(|| "no Region reached".to_owned(), ToString::to_string)
}

pub(super) fn anomalies(outcome: &Outcome, severe: bool) -> Vec<String> {
    outcome.anomalies.iter().filter(|anomaly| anomaly.severe == severe).map(|anomaly| anomaly.text.clone()).collect()
}

/// Whether a fault stops packets on their way to the primary; one that inverts a health check, or breaks a function, stops none.
pub(super) fn stops_packets(outcome: &Outcome) -> bool {
    outcome.mutations.iter().any(|mutation| mutation.step == Step::Cut && mutation.ipv4)
}

/// Whether a rule of AWS WAF refuses users.
pub(super) fn refuses(outcome: &Outcome) -> bool {
    outcome.mutations.iter().any(|mutation| mutation.step == Step::Cut && mutation.call == "wafv2:AssociateWebACL")
}

fn meaning(milestone: Milestone, stops_packets: bool, refuses: bool) -> &'static str {
    match milestone {
        Milestone::FaultEffective if refuses && !stops_packets => {
            "AWS WAF refuses sign-ins with 403: no packet is dropped"
        }
        Milestone::FaultReverted if refuses && !stops_packets => "AWS WAF lets sign-ins pass again",
        Milestone::FaultEffective if stops_packets => "all traffic to the affected endpoints is dropped",
        Milestone::FaultEffective => "the fault is in force, according to the API",
        Milestone::FirstFailedLogin => "the first login failed at the client",
        Milestone::HealthCheckUnhealthy => "the health check reports unhealthy",
        Milestone::DnsFlipAuthoritative => "every authoritative server answers with the replica",
        Milestone::DnsFlipResolver => "every resolver answers with the replica",
        Milestone::FirstReplicaLogin => "a user can log in at the replica",
        Milestone::ReplicaSustained => "from here on every login succeeds at the replica",
        Milestone::FaultReverted if stops_packets => "traffic to the endpoints passes again",
        Milestone::FaultReverted => "the fault is removed, according to the API",
        Milestone::HealthCheckHealthy => "the health check reports healthy again",
        Milestone::DnsFailbackAuthoritative => "every authoritative server answers with the primary again",
        Milestone::FirstPrimaryLoginAfterFailback => "a user can log in at the primary again",
    }
}

fn milestones(outcome: &Outcome) -> Vec<MilestoneRow> {
    let (stops_packets, refuses) = (stops_packets(outcome), refuses(outcome));
    let first = outcome.milestone(Milestone::FirstReplicaLogin);
    let row = |reached: &crate::measure::Reached| {
        let at = match reached.milestone {
            Milestone::ReplicaSustained => reached.at.map(|at| no_earlier(at, first)),
            _ => reached.at,
        };
        MilestoneRow {
            name: reached.milestone.as_str(),
            meaning: meaning(reached.milestone, stops_packets, refuses),
            reached: at.map_or_else(|| reached.absence().to_owned(), span_s),
            at,
        }
    };
    outcome.milestones.iter().map(row).collect()
}

/// A time of day with milliseconds. At another speed than 1 it is one of the scenario's clock, not of the wall clock.
fn moment(outcome: &Outcome, at: Timestamp) -> String {
    let clock = if real_time(outcome) { "" } else { ", scenario time" };
    format!("{}{clock}", at.strftime("%Y-%m-%d %H:%M:%S.%3f UTC"))
}

fn chain_notes(outcome: &Outcome) -> Vec<String> {
    let early = outcome.chain.links.iter().filter(|link| link.cost.is_some_and(|cost| cost.upper < 0.0));
    let note = |link: &crate::measure::Link| {
        format!(
            "“{}” is out of order: {} came before {}, so the chain did not run in its usual order.",
            link_name(link.to),
            link.to.as_str(),
            link.from.as_str()
        )
    };
    early.map(note).collect()
}

fn rpo(rpo: &Rpo) -> Vec<(&'static str, String)> {
    let mut rows = vec![
        ("Data-loss window, at least", seconds_down(rpo.lower_s)),
        ("Data-loss window, at most", rpo.upper_s.map_or_else(|| "unknown".to_owned(), seconds_up)),
        ("Canary writes acknowledged before the fault", rpo.writes_acknowledged.to_string()),
        ("Confirmed lost", rpo.writes_lost.map_or_else(|| "unknown".to_owned(), |lost| lost.to_string())),
        (
            "Age of the newest lost write",
            rpo.newest_lost_age.map_or_else(|| "no write is confirmed lost".to_owned(), span_s),
        ),
    ];
    if let Some(lag) = rpo.lag {
        let text = format!(
            "{} ({}{})",
            percentiles([lag.p50, lag.p90, lag.p99, lag.max], lag.samples),
            counted(lag.samples, "write"),
            if carries(99, lag.samples) { "" } else { ", too few for p99" }
        );
        rows.push(("Replication lag before the fault, at most", text));
    }
    rows
}

/// Calls by what they are for, with their sum.
fn calls(outcome: &Outcome) -> String {
    let of = |step| outcome.mutations.iter().filter(|mutation| mutation.step == step).count();
    let parts = [
        (Step::Prepare, "to prepare"),
        (Step::Cut, "to inject the fault"),
        (Step::Heal, "to remove the fault"),
        (Step::Dismantle, "to clean up"),
    ];
    let parts: Vec<String> = parts.map(|(step, what)| format!("{} {what}", of(step))).into();
    format!("{} = {}", outcome.mutations.len(), parts.join(" + "))
}

fn restore(outcome: &Outcome) -> Vec<(&'static str, String)> {
    let rollback = &outcome.rollback;
    if outcome.mutations.is_empty() && !rollback.reported {
        return vec![("API calls that changed something", "none".to_owned())];
    }
    let reverted = if rollback.reported {
        format!("{} of {}", rollback.reverted, rollback.mutations)
    } else {
        "not recorded".to_owned()
    };
    let identical = match rollback.state_identical {
        Some(true) => "yes",
        Some(false) => "NO",
        None => "not compared",
    };
    let mut rows = vec![
        ("API calls that changed something", calls(outcome)),
        ("Changes to restore, and restored (one call may restore several)", reverted),
        ("Time to inject the fault", took(outcome.inject_took_s)),
        ("Time to remove the fault", took(outcome.restore_took_s)),
        ("Network configuration identical before and after (association IDs excluded)", identical.to_owned()),
    ];
    if let Some((before, after)) = &rollback.sha256 {
        rows.push(("SHA-256 of the configuration before", before.clone()));
        rows.push(("SHA-256 of the configuration after", after.clone()));
    }
    rows
}

fn by_others(outcome: &Outcome) -> Vec<String> {
    let row = |other: &crate::measure::ByOthers| {
        let place = other.region.as_ref().map(|region| format!(" in {region}")).unwrap_or_default();
        format!("{}{place}: {}", other.resource, other.found)
    };
    outcome.rollback.by_others.iter().map(row).collect()
}

fn faults(outcome: &Outcome) -> Vec<FaultRow> {
    let row = |plan: &crate::measure::FaultPlan| FaultRow {
        fault: plan.fault.clone(),
        region: plan.region.to_string(),
        targets: plan.targets.clone(),
    };
    outcome.faults.iter().map(row).collect()
}

fn finding(finding: &Finding) -> FindingRow {
    let severity = match finding.severity {
        Severity::Note => "note",
        Severity::Risk => "risk",
        Severity::Blocker => "blocker",
    };
    let Finding { code, title, evidence, remedy, ignored, .. } = finding.clone();
    FindingRow { code, severity, title, evidence, remedy, prediction: String::new(), ignored }
}

fn prediction(predicted: &Prediction) -> FindingRow {
    let prediction = match &predicted.outcome {
        PredictionOutcome::CameTrue(seen) => format!("confirmed by the run: {seen}"),
        PredictionOutcome::DidNot(seen) => format!("not confirmed by the run: {seen}"),
        PredictionOutcome::Untested(why) => format!("not tested by the run: {why}"),
    };
    FindingRow { prediction, ..finding(&predicted.finding) }
}

fn took(time_s: Option<f64>) -> String {
    time_s.map_or_else(|| "no such call".to_owned(), seconds)
}

/// The findings that predicted a failure of logins.
pub(super) fn predicted_by<'a>(outcome: &'a Outcome, failure: &Failure) -> Vec<&'a str> {
    let told = outcome.predictions.iter().filter(|predicted| predicted.explains(failure, &outcome.run));
    let mut codes: Vec<&str> = told.map(|predicted| predicted.finding.code.as_str()).collect();
    codes.dedup();
    codes
}

/// ` Predicted by GD402.`, where a finding of preflight predicted a failure.
pub(super) fn predicted(codes: &[&str]) -> String {
    if codes.is_empty() { String::new() } else { format!(" Predicted by {}.", codes.join(", ")) }
}

fn facts(outcome: &Outcome) -> Vec<(&'static str, String)> {
    let run = &outcome.run;
    let polls: Vec<String> = run.poll_s.iter().map(|(observer, period)| format!("{observer} {period} s")).collect();
    vec![
        ("Run", run.run_id.to_string()),
        ("Scenario", run.scenario_name.clone()),
        ("Scenario SHA-256", run.scenario_sha256.clone()),
        ("Environment", format!("{} ({})", run.environment_name, run.environment_kind)),
        ("Environment SHA-256", run.environment_sha256.clone()),
        ("Primary Region", run.primary.to_string()),
        ("Replica Region", run.replica.to_string()),
        ("Failover record", run.record.clone()),
        ("Started", moment(outcome, outcome.started_at)),
        ("Last event", moment(outcome, outcome.last_at)),
        ("Seed", run.seed.to_string()),
        ("Time", pace(run.speed, run.virtual_time)),
        ("Poll periods", polls.join(", ")),
        ("GameDay", run.tool_version.clone()),
        ("Runner", run.host.clone()),
        ("Runner's system clock", clock_sync(run.clock_sync)),
        (
            "Exit code",
            outcome.exit_code.map_or_else(|| "none: the run did not end".to_owned(), |code| code.to_string()),
        ),
    ]
}

/// How far the times of day may be from those of other logs.
fn clock_sync(told: Option<ClockSync>) -> String {
    match told {
        Some(ClockSync { synchronised: true, at_most_off_ms }) => {
            format!("synchronised, error at most {at_most_off_ms:.1} ms when the run began")
        }
        Some(_) => {
            "NOT synchronised by NTP: times of day may differ from those in other logs; durations are not affected"
                .to_owned()
        }
        None => "unknown whether it is synchronised; durations are not affected".to_owned(),
    }
}

/// When something began: how far into the run, and the time of day where that is the wall clock's.
fn started(outcome: &Outcome, at: Timestamp) -> String {
    let into = seconds(crate::measure::seconds_between(outcome.started_at, at));
    if real_time(outcome) { format!("{into} ({})", at.strftime("%H:%M:%S UTC")) } else { into }
}

fn phases(outcome: &Outcome) -> Vec<PhaseRow> {
    let row = |span: &crate::measure::PhaseSpan| {
        let end = span.end.unwrap_or(outcome.last_at).max(span.start);
        let after_injection =
            |zero| (crate::measure::seconds_between(zero, span.start), crate::measure::seconds_between(zero, end));
        PhaseRow {
            name: span.phase.as_str(),
            started: started(outcome, span.start),
            lasted: match span.end {
                Some(end) => seconds(crate::measure::seconds_between(span.start, end)),
                None => "not ended".to_owned(),
            },
            at: outcome.zero_at.map(after_injection),
        }
    };
    outcome.phases.iter().map(row).collect()
}
