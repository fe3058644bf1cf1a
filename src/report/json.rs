mod users;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::words::instant;
use crate::measure::{Group, Interval, Latency, Logins, Outcome};
use crate::model::{Region, SCHEMA_VERSION};

/// Stands in `by_region` for logins that reached no Region.
const NO_REGION: &str = "none";

/// `run.json`, as DESIGN.md's contract lists it, with more keys after those of the contract.
pub fn run_json(outcome: &Outcome) -> Vec<u8> {
    let run = &outcome.run;
    let value = json!({
        "schema_version": SCHEMA_VERSION,
        "run_id": run.run_id,
        "scenario": { "name": run.scenario_name, "sha256": run.scenario_sha256 },
        "environment": { "kind": run.environment_kind, "name": run.environment_name },
        "speed": run.speed,
        "seed": run.seed,
        "started_at": instant(outcome.started_at),
        "exit_code": outcome.exit_code,
        "zero_at": outcome.zero_at.map(instant),
        "milestones": milestones(outcome),
        "objectives": objectives(outcome),
        "logins": logins(&outcome.logins),
        "rpo": rpo(outcome),
        "rollback": rollback(outcome),
        "cut_took_s": outcome.cut_took_s,
        "heal_took_s": outcome.heal_took_s,
        "complete": outcome.complete(),
        "missing": outcome.missing,
        "phases": phases(outcome),
        "chain": chain(outcome),
        "anomalies": anomalies(outcome),
        "findings": findings(outcome),
        "not_checked": outcome.not_checked,
        "tool_version": run.tool_version,
        "environment_sha256": run.environment_sha256,
        "primary": run.primary,
        "replica": run.replica,
        "recovery": outcome.recovery.as_ref().map(users::recovery),
        "expectations": users::expectations(outcome),
        "sessions": outcome.sessions.as_ref().map(users::sessions),
        "failures": users::failures(outcome),
        "tries": users::tries(outcome),
        "throttling": users::throttling(outcome),
    });
    let mut text = format!("{value:#}");
    text.push('\n');
    text.into_bytes()
}

fn lower(interval: Option<Interval>) -> Option<f64> {
    interval.map(|interval| interval.lower)
}

fn upper(interval: Option<Interval>) -> Option<f64> {
    interval.map(|interval| interval.upper)
}

fn milestones(outcome: &Outcome) -> Vec<Value> {
    let row = |reached: &crate::measure::Reached| json!({ "name": reached.milestone.as_str(), "lower_s": lower(reached.at), "upper_s": upper(reached.at) });
    outcome.milestones.iter().map(row).collect()
}

fn objectives(outcome: &Outcome) -> Vec<Value> {
    let row = |objective: &crate::measure::ObjectiveResult| {
        json!({
            "name": objective.name,
            "target": objective.target,
            "lower": objective.lower,
            "upper": objective.upper,
            "verdict": objective.verdict.as_str(),
            "unit": objective.unit.as_str(),
            "observed": objective.observed,
            "reason": objective.reason,
            "bound": objective.unit.bound(),
        })
    };
    outcome.objectives.iter().map(row).collect()
}

fn phases(outcome: &Outcome) -> Vec<Value> {
    let row = |span: &crate::measure::PhaseSpan| json!({ "name": span.phase.as_str(), "started_at": instant(span.start), "ended_at": span.end.map(instant) });
    outcome.phases.iter().map(row).collect()
}

fn chain(outcome: &Outcome) -> Value {
    let row = |link: &crate::measure::Link| {
        json!({
            "name": link.name,
            "from": link.from.as_str(),
            "to": link.to.as_str(),
            "lower_s": lower(link.cost),
            "upper_s": upper(link.cost),
        })
    };
    let total = outcome.chain.total;
    json!({
        "links": outcome.chain.links.iter().map(row).collect::<Vec<_>>(),
        "total": { "lower_s": lower(total), "upper_s": upper(total) },
    })
}

/// Those of preflight with what became of them.
fn findings(outcome: &Outcome) -> Vec<Value> {
    let row = |(index, finding): (usize, &crate::model::Finding)| {
        let mut row = json!(finding);
        if let Some(foretold) = outcome.foretold.get(index) {
            let became = &foretold.became;
            row["became"] = json!({ "verdict": became.verdict(), "evidence": became.evidence() });
        }
        row
    };
    outcome.findings.iter().enumerate().map(row).collect()
}

fn anomalies(outcome: &Outcome) -> Vec<Value> {
    outcome.anomalies.iter().map(|anomaly| json!({ "code": anomaly.code, "text": anomaly.text })).collect()
}

fn rollback(outcome: &Outcome) -> Value {
    let rollback = &outcome.rollback;
    json!({
        "mutations": rollback.mutations,
        "reverted": rollback.reverted,
        "state_identical": rollback.state_identical,
        "left": rollback.left,
        "differences": rollback.differences,
    })
}

fn rpo(outcome: &Outcome) -> Value {
    let rpo = outcome.rpo.as_ref();
    json!({
        "lower_s": rpo.map(|rpo| rpo.lower_s),
        "upper_s": rpo.and_then(|rpo| rpo.upper_s),
        "writes_acknowledged": rpo.map(|rpo| rpo.writes_acknowledged),
        "writes_lost": rpo.and_then(|rpo| rpo.writes_lost),
        "lag_ms": rpo.and_then(|rpo| rpo.lag).map(|lag| {
            json!({ "samples": lag.samples, "p50": lag.p50, "p99": lag.p99, "max": lag.max })
        }),
    })
}

fn logins(logins: &Logins) -> Value {
    let step = |step: &crate::measure::StepLatency| {
        let not_ended = json!({ "count": step.not_ended.count, "latency_ms": latency(step.not_ended.latency) });
        let (count, latency_ms) = (step.ended.count, latency(step.ended.latency));
        json!({ "step": step.step.as_str(), "count": count, "latency_ms": latency_ms, "not_ended": not_ended })
    };
    let claim = |claim: &crate::measure::MissingClaim| json!({ "claim": claim.claim, "region": claim.region, "count": claim.count });
    json!({
        "attempted": logins.all.attempted,
        "succeeded": logins.all.succeeded,
        "by_region": by(&logins.by_region, |region| region_key(region.as_ref())),
        "by_flow": by(&logins.by_flow, Clone::clone),
        "by_phase": by(&logins.by_phase, |phase| phase.as_str().to_owned()),
        "latency_ms": latency(logins.all.latency),
        "errors": logins.errors,
        "by_cohort": by(&logins.by_cohort, Clone::clone),
        "cancelled": logins.cancelled,
        "expected_refusals": logins.all.expected_refusals,
        "throttled": logins.all.throttled,
        "start_delay_ms": logins.start_delay.map(|delay| json!({ "p50": delay.p50, "p99": delay.p99, "max": delay.max })),
        "missing_claims": logins.missing_claims.iter().map(claim).collect::<Vec<_>>(),
        "steps": logins.steps.iter().map(step).collect::<Vec<_>>(),
    })
}

fn region_key(region: Option<&Region>) -> String {
    region.map_or(NO_REGION, Region::as_str).to_owned()
}

fn by<K>(groups: &BTreeMap<K, Group>, key: impl Fn(&K) -> String) -> Map<String, Value> {
    let row = |group: &Group| {
        json!({
            "attempted": group.attempted,
            "succeeded": group.succeeded,
            "expected_refusals": group.expected_refusals,
            "throttled": group.throttled,
            "latency_ms": latency(group.latency),
        })
    };
    groups.iter().map(|(name, group)| (key(name), row(group))).collect()
}

fn latency(latency: Option<Latency>) -> Value {
    json!({
        "p50": latency.map(|l| l.p50),
        "p90": latency.map(|l| l.p90),
        "p99": latency.map(|l| l.p99),
        "p999": latency.map(|l| l.p999),
        "max": latency.map(|l| l.max),
    })
}
