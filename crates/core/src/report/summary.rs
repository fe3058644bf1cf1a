//! The first screen: the verdict, what happened, one sentence for each objective, what it means, and what to do; with the facts that
//! say where it was and who did it.

use jiff::{SignedDuration, Timestamp};

use super::causes::{causes, next_steps};
use super::figures::{budget, sustained, used};
use super::view::stops_packets;
use super::words::{
    clock, counted, headline, hypothesis_verdict, measured, pace, seconds, seconds_down, span_s, target,
};
use crate::measure::{BeforeCut, Interval, ObjectiveResult, Outcome, seconds_between};
use crate::model::{Milestone, Phase, RegionRole};

/// The kind of environment that is simulated.
const LAB: &str = "lab";

pub(super) struct Summary {
    pub title: String,
    /// Whether the run was one of the lab, a simulation.
    pub lab: bool,
    pub headline: String,
    /// Date, environment, account, operator, Regions and run.
    pub facts: Vec<(&'static str, String)>,
    /// Why the run failed, or what a reader must know of a run that passed; the gravest first.
    pub causes: Vec<String>,
    /// What `causes` are.
    pub cause: &'static str,
    pub happened: Vec<String>,
    pub objectives: Vec<ObjectiveRow>,
    pub hypothesis: String,
    pub means: Vec<String>,
    pub next: Vec<String>,
}

pub(super) struct ObjectiveRow {
    pub name: String,
    pub verdict: &'static str,
    /// What was measured and what the target is, in one sentence.
    pub sentence: String,
    /// Why, where the sentence does not tell.
    pub reason: String,
}

impl Summary {
    pub(super) fn of(outcome: &Outcome) -> Self {
        Self {
            title: outcome.scenario.title.clone(),
            lab: is_lab(outcome),
            headline: headline(outcome),
            facts: facts(outcome),
            causes: causes(outcome),
            cause: if outcome.exit_code == Some(0) { "Warning" } else { "Cause" },
            happened: happened(outcome),
            objectives: shown_objectives(outcome).into_iter().map(row).collect(),
            hypothesis: outcome.scenario.hypothesis.clone(),
            means: means(outcome),
            next: next_steps(outcome),
        }
    }
}

/// Whether the environment is the lab.
pub(super) fn is_lab(outcome: &Outcome) -> bool {
    outcome.run.environment_kind == LAB
}

/// Whether the run's clock is the wall clock; the lab's may run faster.
pub(super) fn real_time(outcome: &Outcome) -> bool {
    outcome.run.speed.total_cmp(&1.0).is_eq() && !outcome.run.virtual_time
}

fn facts(outcome: &Outcome) -> Vec<(&'static str, String)> {
    let run = &outcome.run;
    let environment = if is_lab(outcome) {
        format!("LAB: {}, a simulation on the runner; no AWS account was used", run.environment_name)
    } else {
        format!("{} ({})", run.environment_name, run.environment_kind)
    };
    let unknown = || "not recorded".to_owned();
    let (account, operator) = outcome.caller.clone().unwrap_or_else(|| (unknown(), unknown()));
    let account = if is_lab(outcome) && outcome.caller.is_some() { format!("{account} (simulated)") } else { account };
    vec![
        ("Date", date(outcome)),
        ("Environment", environment),
        ("Account", account),
        ("Operator", operator),
        ("Regions", format!("{} (primary), {} (replica)", run.primary, run.replica)),
        ("Run", run.run_id.to_string()),
    ]
}

/// When the run was, by the wall clock, and how long it took.
fn date(outcome: &Outcome) -> String {
    let lasted_s = seconds_between(outcome.started_at, outcome.last_at);
    if outcome.run.virtual_time {
        return format!("virtual time, {} of it from {}", seconds(lasted_s.round()), clock(outcome.started_at));
    }
    if real_time(outcome) {
        let end = outcome.last_at.strftime("%H:%M:%S UTC");
        return format!(
            "{} to {end} ({})",
            outcome.started_at.strftime("%Y-%m-%d %H:%M:%S"),
            seconds(lasted_s.round())
        );
    }
    // The scenario's clock runs faster, and with a lab that was started earlier it is ahead: the run's name has the wall clock's time.
    let started = outcome.run.run_id.wall_time().unwrap_or(outcome.started_at);
    format!("{}; {} of scenario time at {}", clock(started), seconds(lasted_s.round()), pace(outcome.run.speed, false))
}

/// The wall clock's time of a moment, as far as it is known.
fn wall_clock(outcome: &Outcome, at: Timestamp) -> String {
    if real_time(outcome) || outcome.run.virtual_time {
        return clock(at);
    }
    let real_s = seconds_between(outcome.started_at, at) / outcome.run.speed.max(f64::MIN_POSITIVE);
    let started = outcome.run.run_id.wall_time().unwrap_or(outcome.started_at);
    let passed = SignedDuration::try_from_secs_f64(real_s).unwrap_or_default();
    format!("about {}", clock(started.checked_add(passed).unwrap_or(started)))
}

fn happened(outcome: &Outcome) -> Vec<String> {
    let Some(zero) = outcome.zero_at else {
        return vec![match outcome.exit_code {
            None => "The event log ends before fault injection.".to_owned(),
            Some(_) => "No fault was injected.".to_owned(),
        }];
    };
    let mut sentences = vec![format!("At {}, GameDay injected {}.", wall_clock(outcome, zero), injected(outcome))];
    sentences.extend(users(outcome));
    sentences.push(failover(outcome));
    sentences.extend(failback(outcome));
    sentences
}

/// `nacl-blackhole in us-east-1 and lambda-trigger-break in us-west-2`.
fn injected(outcome: &Outcome) -> String {
    let mut faults: Vec<String> = outcome.faults.iter().map(|it| format!("{} in {}", it.fault, it.region)).collect();
    faults.dedup();
    match faults.split_last() {
        None => "a fault".to_owned(),
        Some((only, [])) => only.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
    }
}

fn users(outcome: &Outcome) -> Option<String> {
    let availability = outcome.availability.as_ref()?;
    let failed = availability.user_minutes.users;
    Some(match failed {
        0 => "No login failed after that.".to_owned(),
        _ => format!(
            "After that {} failed, equivalent to {} without any service.",
            counted(failed, "login"),
            span_s(availability.unavailable_s)
        ),
    })
}

fn reached(outcome: &Outcome, milestone: Milestone) -> Option<Interval> {
    outcome.milestone(milestone)
}

fn failover(outcome: &Outcome) -> String {
    let replica = outcome.region(RegionRole::Replica);
    let first = outcome.milestones.iter().find(|it| it.milestone == Milestone::FirstReplicaLogin);
    let rto = outcome.durations.iter().find(|took| took.name == "rto").and_then(|took| took.took);
    let since =
        if stops_packets(outcome) { "after traffic to the primary stopped" } else { "after the fault took effect" };
    match (first.map(|it| it.before), rto) {
        (Some(BeforeCut::Already), _) => format!("Logins at {replica} succeeded before the fault already."),
        (_, Some(rto)) => format!("The first login at {replica} was possible {} {since}.", span_s(rto)),
        (_, None) => {
            let dns = reached(outcome, Milestone::DnsFlipResolver)
                .map(|at| format!("DNS answered with {replica} after {}, but no", span_s(at)));
            format!("{} login succeeded at {replica} during the fault.", dns.unwrap_or_else(|| "No".to_owned()))
        }
    }
}

fn failback(outcome: &Outcome) -> Option<String> {
    reached(outcome, Milestone::FaultReverted)?;
    let primary = outcome.region(RegionRole::Primary);
    let back = outcome.durations.iter().find(|took| took.name == "failback").and_then(|took| took.took);
    let ran = outcome.phases.iter().any(|span| span.phase == Phase::Failback);
    match back {
        Some(back) => Some(format!("Logins at {primary} worked again {} after the fault was removed.", span_s(back))),
        None => ran.then(|| format!("No login succeeded at {primary} after the fault was removed.")),
    }
}

/// The objectives as they are shown to people.
pub fn shown_objectives(outcome: &Outcome) -> Vec<ObjectiveResult> {
    outcome.objectives.iter().map(|objective| shown(objective, outcome)).collect()
}

/// The result of an objective as it is shown: a sustained RTO is never shorter than the RTO.
fn shown(objective: &ObjectiveResult, outcome: &Outcome) -> ObjectiveResult {
    let mut shown = objective.clone();
    if let (true, Some(lower), Some(upper)) = (objective.name == "sustained_rto", objective.lower, objective.upper)
        && let Some(at) = sustained(outcome, Some(Interval::new(lower, upper)))
    {
        (shown.lower, shown.upper) = (Some(at.lower), Some(at.upper));
    }
    shown
}

fn row(objective: ObjectiveResult) -> ObjectiveRow {
    let told = objective.upper.is_none() && objective.lower.is_some();
    ObjectiveRow {
        sentence: format!("{}; target: {}.", found(&objective), target(&objective)),
        reason: objective.reason.clone().filter(|_| !told).unwrap_or_default(),
        name: objective.name,
        verdict: objective.verdict.as_str(),
    }
}

/// What was measured for an objective, as a sentence without its end.
fn found(objective: &ObjectiveResult) -> String {
    let bounds = measured(objective);
    let waited = objective.lower.filter(|_| objective.upper.is_none()).map(seconds_down);
    let (did, did_not, since) = match objective.name.as_str() {
        "detection" => ("The health check reported unhealthy", "The health check did not report unhealthy", FAULT),
        "rto" => ("The first login at the replica was possible", "No login succeeded at the replica", FAULT),
        "sustained_rto" => {
            ("Every login at the replica succeeded from", "Logins at the replica did not succeed reliably", FAULT)
        }
        "failback" => ("The first login at the primary was possible", "No login succeeded at the primary", REMOVAL),
        "rpo" if objective.upper.is_some() => {
            return format!("Data of the last {bounds} before the fault would have been lost");
        }
        "rpo" => return format!("Data loss when the fault took effect: {bounds}"),
        _ => return format!("{}: {bounds}", sentence_case(&objective.demand)),
    };
    match (objective.upper, waited) {
        (Some(_), _) => format!("{did} {bounds} after {since}"),
        (None, Some(waited)) => format!("{did_not} within {waited} after {since}"),
        (None, None) => format!("{}: not measured", sentence_case(&objective.name.replace('_', " "))),
    }
}

/// What most times are counted from.
const FAULT: &str = "the fault took effect";
/// And those of failback.
const REMOVAL: &str = "the fault was removed";

fn sentence_case(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

fn means(outcome: &Outcome) -> Vec<String> {
    let mut means = vec![format!("The hypothesis is {}.", hypothesis_verdict(outcome))];
    if let Some(availability) = outcome.availability.as_ref().filter(|it| it.user_minutes.users > 0) {
        let assumed = if availability.budget.assumed { ", assumed" } else { "" };
        means.push(format!(
            "An outage like this one uses {} of the error budget of logins ({}{assumed}).",
            used(&availability.budget),
            budget(&availability.budget)
        ));
    }
    if is_lab(outcome) {
        means.push(
            "LAB: the figures are those of a simulation. They show how this design behaves, not how an AWS account behaves."
                .to_owned(),
        );
    }
    means
}
