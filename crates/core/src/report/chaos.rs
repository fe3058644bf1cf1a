//! The run as Chaos Toolkit would have journaled it.

use askama::filters::Escaper;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::escape::Markdown;
use super::summary::{is_lab, shown_objectives};
use super::words::{measured, target};
use crate::measure::{Outcome, Verdict, seconds_between};
use crate::model::{Mutation, RunFailure, Step};

/// The version of chaostoolkit-lib whose journal this follows; its reporting plugin chooses its template by it.
const CHAOSLIB: &str = "1.44.0";
/// The success rate of logins from which on they are in steady state.
const STEADY: f64 = 0.99;

/// `journal.json` in the format of chaostoolkit-lib, which its reporting plugin renders. The plugin copies texts into Markdown as
/// they are, so they are escaped for that.
pub fn chaos_journal(outcome: &Outcome) -> Vec<u8> {
    let run = &outcome.run;
    let cut = |mutation: &&Mutation| matches!(mutation.step, Step::Prepare | Step::Cut);
    let (made, undone): (Vec<&Mutation>, Vec<&Mutation>) = outcome.mutations.iter().partition(cut);
    let milestones = milestones(outcome);
    let runs: Vec<Value> = made.into_iter().map(|m| call(outcome, m)).chain(milestones.iter().cloned()).collect();
    let activity = |run: &Value| run["activity"].clone();
    let faults = outcome.faults.iter().map(|plan| {
        let name = format!("{} in {}", plan.fault, plan.region);
        activity_of("action", &name, &[plan.fault.clone(), plan.region.to_string()])
    });
    let method: Vec<Value> = faults.chain(milestones.iter().map(activity)).collect();
    let undone: Vec<Value> = undone.into_iter().map(|m| call(outcome, m)).collect();
    let (before, after) = (steady(outcome), objectives(outcome));
    let probes: Vec<Value> = [&before, &after].into_iter().flatten().map(activity).collect();
    let value = json!({
        "chaoslib-version": CHAOSLIB,
        "platform": plain(&run.host),
        "node": plain(&format!("GameDay {}", run.tool_version)),
        "experiment": {
            "version": "1.0.0",
            "title": named(&format!("{}{}", if is_lab(outcome) { "LAB: " } else { "" }, outcome.scenario.title)),
            "description": named(&outcome.scenario.hypothesis),
            "tags": [named(&run.scenario_name), named(&run.environment_name), named(&run.environment_kind)],
            "steady-state-hypothesis": { "title": named(&outcome.scenario.hypothesis), "probes": probes },
            "method": method,
            "rollbacks": undone.iter().map(activity).collect::<Vec<_>>(),
        },
        "start": utc(outcome.started_at),
        "status": status(outcome),
        "deviated": outcome.exit_code.is_some() && outcome.zero_at.is_some() && !outcome.all_met(),
        "steady_states": {
            "before": state(&before),
            "after": state(&after),
            "during": [],
        },
        "run": runs,
        "rollbacks": undone,
        "end": utc(outcome.last_at),
        "duration": seconds_between(outcome.started_at, outcome.last_at),
    });
    let mut text = format!("{value:#}");
    text.push('\n');
    text.into_bytes()
}

/// Text that stays text in the plugin's Markdown.
fn plain(text: &str) -> String {
    let mut out = String::new();
    // Cannot fail: a `String` takes every write.
    let _ = Markdown.write_escaped_str(&mut out, text);
    out
}

/// The same where an empty text is refused.
fn named(text: &str) -> String {
    if text.trim().is_empty() { "unnamed".to_owned() } else { plain(text) }
}

/// A time of day as `datetime.isoformat` writes it.
fn utc(at: Timestamp) -> String {
    format!("{at:.6}").replace('Z', "+00:00")
}

fn status(outcome: &Outcome) -> &'static str {
    match (outcome.exit_code, &outcome.failure) {
        (None, _) => "interrupted",
        (Some(0 | 1), _) => "completed",
        (Some(5), _) | (_, Some(RunFailure::NotRestored(_))) => "failed",
        _ => "aborted",
    }
}

/// Every activity counts as one of GameDay's program, since Chaos Toolkit did not carry it out.
fn activity_of(kind: &str, name: &str, arguments: &[String]) -> Value {
    let arguments: Vec<String> = arguments.iter().map(|text| plain(text)).collect();
    json!({
        "type": kind,
        "name": named(name),
        "provider": { "type": "process", "path": "gameday", "arguments": arguments },
    })
}

fn ran(activity: &Value, output: &Value, (start, end): (Timestamp, Timestamp), error: Option<&str>) -> Value {
    let mut run = json!({
        "activity": activity,
        "output": output,
        "start": utc(start),
        "end": utc(end),
        "duration": seconds_between(start, end),
        "status": if error.is_some() { "failed" } else { "succeeded" },
    });
    if let Some(error) = error {
        run["exception"] = json!([plain(error)]);
    }
    run
}

/// A call that changed something.
fn call(outcome: &Outcome, mutation: &Mutation) -> Value {
    let arguments = [mutation.call.clone(), mutation.region.to_string(), mutation.resource.clone()];
    let activity = activity_of("action", &format!("{} {}", mutation.call, mutation.resource), &arguments);
    let output = json!({ "run_id": outcome.run.run_id });
    ran(&activity, &output, (mutation.window.sent, mutation.window.received), mutation.error.as_deref())
}

/// Each milestone is a probe that took from the last moment before it to the first after it.
fn milestones(outcome: &Outcome) -> Vec<Value> {
    let Some(zero) = outcome.zero_at else { return Vec::new() };
    let after = |seconds: f64| {
        let offset = jiff::SignedDuration::try_from_secs_f64(seconds).unwrap_or_default();
        zero.checked_add(offset).unwrap_or(zero)
    };
    let probe = |reached: &crate::measure::Reached| {
        let name = reached.milestone.as_str();
        let activity = activity_of("probe", name, &["report".to_owned()]);
        let output = json!({ "lower_s": reached.at.map(|at| at.lower), "upper_s": reached.at.map(|at| at.upper) });
        let span = reached.at.map_or((zero, outcome.last_at), |at| (after(at.lower), after(at.upper)));
        ran(&activity, &output, span, reached.at.is_none().then_some(reached.absence()))
    };
    outcome.milestones.iter().map(probe).collect()
}

/// A steady state is met when every probe of it is.
fn state(probes: &[Value]) -> Value {
    json!({
        "steady_state_met": probes.iter().all(|probe| probe["tolerance_met"] == true),
        "probes": probes,
    })
}

fn tolerated(mut run: Value, tolerance: &str, met: bool) -> Value {
    run["activity"]["tolerance"] = json!(tolerance);
    run["tolerance_met"] = json!(met);
    run
}

/// Before the fault: that logins succeed.
fn steady(outcome: &Outcome) -> Vec<Value> {
    let span = outcome.phases.iter().find(|span| span.phase == crate::model::Phase::Baseline);
    let (start, end) =
        span.map_or((outcome.started_at, outcome.started_at), |span| (span.start, span.end.unwrap_or(outcome.last_at)));
    let group = outcome.logins.by_phase.get(&crate::model::Phase::Baseline);
    let share = group.and_then(crate::measure::Group::success_share);
    let activity = activity_of("probe", "logins succeed in the baseline", &["report".to_owned()]);
    let run = ran(&activity, &json!(share), (start, end), None);
    vec![tolerated(run, &format!("at least {:.0} %", STEADY * 100.0), share.is_some_and(|share| share >= STEADY))]
}

/// After the run: objectives and limits of the replica.
fn objectives(outcome: &Outcome) -> Vec<Value> {
    let span = (outcome.zero_at.unwrap_or(outcome.started_at), outcome.last_at);
    let objective = |objective: &crate::measure::ObjectiveResult| {
        let activity = activity_of("probe", &objective.name, &["report".to_owned()]);
        let run = ran(&activity, &json!(measured(objective)), span, None);
        tolerated(run, &target(objective), objective.verdict == Verdict::Met)
    };
    let limit = |limit: &crate::measure::LimitResult| {
        let name = format!("{} at the {}", limit.action, limit.role.as_str());
        let activity = activity_of("probe", &name, &["report".to_owned()]);
        let run = ran(&activity, &json!(plain(&limit.seen)), span, None);
        tolerated(run, limit.expect.as_str(), limit.held == Some(true))
    };
    shown_objectives(outcome).iter().map(objective).chain(outcome.limits.iter().map(limit)).collect()
}
