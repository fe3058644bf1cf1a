//! What `run.json` says of users, beyond the contract.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{lower, upper};
use crate::measure::{Calls, Curve, Fates, Outcome, Recovery, Sessions, Throttled};

pub(super) fn recovery(recovery: &Recovery) -> Value {
    let named = |curves: &BTreeMap<String, Curve>| -> Map<String, Value> {
        curves.iter().map(|(name, c)| (name.clone(), curve(c))).collect()
    };
    json!({
        "window_s": recovery.window_s,
        "all": curve(&recovery.all),
        "by_cohort": named(&recovery.by_cohort),
        "by_flow": named(&recovery.by_flow),
    })
}

fn curve(curve: &Curve) -> Value {
    let back = |back: &crate::measure::Back| {
        json!({
            "percent": back.percent,
            "lower_s": lower(back.at),
            "upper_s": upper(back.at),
            "after_heal": back.after_heal,
            "logins": back.logins,
        })
    };
    let window = |window: &crate::measure::Window| json!({ "from_s": window.from_s, "attempted": window.attempted, "succeeded": window.succeeded });
    json!({
        "steady_share": curve.steady,
        "back": curve.back.iter().map(back).collect::<Vec<_>>(),
        "windows": curve.windows.iter().map(window).collect::<Vec<_>>(),
    })
}

pub(super) fn expectations(outcome: &Outcome) -> Vec<Value> {
    let row = |limit: &crate::measure::LimitResult| {
        json!({
            "action": limit.action,
            "role": limit.role.as_str(),
            "region": limit.region,
            "expected": limit.expect.as_str(),
            "seen": limit.seen,
            "held": limit.held,
        })
    };
    outcome.limits.iter().map(row).collect()
}

pub(super) fn sessions(sessions: &Sessions) -> Value {
    let plan = |((flow, cohort), of_plan): (&(String, String), &Fates)| {
        let mut row = fates(of_plan);
        row["flow"] = json!(flow);
        row["cohort"] = json!(cohort);
        row
    };
    let mut all = fates(&sessions.all);
    all["not_opened"] = json!(sessions.not_opened);
    all["by_plan"] = sessions.by_plan.iter().map(plan).collect();
    all["api_in_outage"] = calls(sessions.api_in_outage);
    all["api_refused_in_outage"] = json!(sessions.api_refused_in_outage);
    all["api_held_up_in_outage"] = json!(sessions.api_held_up_in_outage);
    all["longest_without_api_s"] = json!(sessions.longest_without_api_s);
    all["without_api_to_the_end"] = json!(sessions.without_api_to_the_end);
    all["refreshes_at_replica"] = calls(sessions.refreshes_at_replica);
    all["refreshes_after_failback"] = calls(sessions.refreshes_after_failback);
    all
}

fn fates(fates: &Fates) -> Value {
    json!({
        "opened": fates.opened,
        "kept": fates.kept,
        "interrupted": fates.interrupted,
        "forced": fates.forced,
        "lost": fates.lost,
    })
}

fn calls(calls: Calls) -> Value {
    json!({ "tried": calls.tried, "worked": calls.worked })
}

pub(super) fn failures(outcome: &Outcome) -> Vec<Value> {
    let row = |failure: &crate::measure::Failure| {
        let by_phase: Map<String, Value> =
            failure.by_phase.iter().map(|(phase, count)| (phase.as_str().to_owned(), json!(count))).collect();
        json!({
            "error": failure.label,
            "region": failure.region,
            "count": failure.count(),
            "by_phase": by_phase,
            "first_s": failure.first_s,
            "last_s": failure.last_s,
        })
    };
    outcome.failures.iter().map(row).collect()
}

pub(super) fn tries(outcome: &Outcome) -> Value {
    let tries = &outcome.tries;
    let by_tries = |(tries, (logins, succeeded)): (&u8, &(u64, u64))| json!({ "tries": tries, "logins": logins, "succeeded": succeeded });
    let back_in = |(arrivals, users): (&u32, &u64)| json!({ "arrivals": arrivals, "users": users });
    json!({
        "retried": tries.retried,
        "rescued": tries.rescued,
        "by_tries": tries.by_tries.iter().map(by_tries).collect::<Vec<_>>(),
        "failed_tries": tries.failed,
        "repeated_arrivals": tries.repeats,
        "back_in": tries.back_in.iter().map(back_in).collect::<Vec<_>>(),
        "gave_up": tries.gave_up,
    })
}

pub(super) fn throttling(outcome: &Outcome) -> Vec<Value> {
    let share = |throttled: Throttled| json!({ "attempted": throttled.attempted, "throttled": throttled.throttled });
    let window = |(from_s, throttled): &(f64, Throttled)| json!({ "from_s": from_s, "attempted": throttled.attempted, "throttled": throttled.throttled });
    let row = |at: &crate::measure::Throttling| {
        json!({
            "region": at.region,
            "all": share(at.all),
            "windows": at.windows.iter().map(window).collect::<Vec<_>>(),
            "raised": at.raised.map(|raised| json!({
                "at_s": raised.at_s,
                "before": share(raised.before),
                "after": share(raised.after),
            })),
        })
    };
    outcome.throttling.iter().map(row).collect()
}
