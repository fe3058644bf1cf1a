//! Version 1 of the event log and of `run.json` is read, a later version is refused, and version 2 has the new names alone. In
//! `version_1`, `events.ndjson` and `run.json` are parts of what GameDay 0.1.0 wrote of one run; `session.ndjson` is written by hand.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use gameday_core::compare::{RecordError, RunRecord};
use gameday_core::measure::{self, History, MeasureError, Outcome};
use gameday_core::model::{Event, JudgedAt, Login, Record, SessionCall, SteadyFigures, SteadyState};
use gameday_core::report::{run_json, run_schema};
use serde_json::{Value, json};

const LOG: &str = include_str!("version_1/events.ndjson");
const RUN: &str = include_str!("version_1/run.json");

/// A call of a session as version 1 has it; that run had no sessions.
const SESSION: &str = include_str!("version_1/session.ndjson");

/// Old and new names of the event log's keys.
const LOG_KEYS: [(&str, &str); 6] = [
    ("again_of", "retry_of"),
    ("held_up", "blocked"),
    ("left", "not_reverted"),
    ("asked", "judged_at"),
    ("least", "min_logins"),
    ("saying_healthy", "reporting_healthy"),
];

/// Old and new names of keys of `run.json`.
const RUN_KEYS: [(&str, &str); 18] = [
    ("cut_took_s", "inject_took_s"),
    ("heal_took_s", "restore_took_s"),
    ("left", "not_reverted"),
    ("became", "prediction_outcome"),
    ("back", "recovered"),
    ("after_heal", "after_restore"),
    ("api_held_up_in_outage", "api_blocked_in_outage"),
    ("rescued", "succeeded_by_retry"),
    ("back_in", "signed_in_again"),
    ("never_back", "never_recovered"),
    ("not_ended", "unfinished"),
    ("chance", "natural_variation"),
    ("client_cache_least_s", "client_cache_min_s"),
    ("client_cache_most_s", "client_cache_max_s"),
    ("asked", "judged_at"),
    ("saying_healthy", "reporting_healthy"),
    ("least", "min_logins"),
    ("all_s", "total_s"),
];

fn records(log: &str) -> Vec<Record> {
    log.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn outcome(log: &str) -> Result<Outcome, MeasureError> {
    measure::outcome(&records(log).into_iter().collect::<History>())
}

/// Only the first line has the version of the log; the scenario in it has its own.
fn of_version(log: &str, version: u32) -> String {
    log.replacen("\"schema_version\":1", &format!("\"schema_version\":{version}"), 1)
}

fn key(name: &str) -> String {
    format!("\"{name}\":")
}

#[test]
fn an_event_log_of_version_1_is_read() {
    let records = records(&format!("{LOG}{SESSION}"));
    let logins: Vec<&Login> =
        records.iter().filter_map(|it| if let Event::Login(it) = &it.event { Some(&**it) } else { None }).collect();
    assert_eq!(logins.iter().map(|login| login.retry_of).collect::<Vec<_>>(), [None, None, Some(26)]);
    let calls: Vec<&SessionCall> =
        records.iter().filter_map(|it| if let Event::Session(it) = &it.event { Some(&**it) } else { None }).collect();
    assert!(calls.len() == 1 && calls[0].blocked);
    let gates: Vec<&SteadyState> =
        records.iter().filter_map(|it| if let Event::SteadyState(it) = &it.event { Some(it) } else { None }).collect();
    assert_eq!(
        gates.iter().map(|gate| gate.judged_at).collect::<Vec<_>>(),
        [JudgedAt::BeforeFault, JudgedAt::AfterFailback]
    );
    let [logins, health] = [0, 1].map(|part| &gates[0].parts[part].figures);
    assert!(matches!(logins, SteadyFigures::Logins { min_logins: 5, .. }), "{logins:?}");
    assert!(matches!(health, SteadyFigures::HealthCheck { reporting_healthy: 16, .. }), "{health:?}");

    let outcome = outcome(LOG).unwrap();
    assert_eq!((outcome.logins.all.attempted, outcome.tries.repeats), (3, 1));
    assert_eq!((outcome.rollback.mutations, outcome.rollback.reverted), (12, 12));
    let left = LOG.replace("\"left\":[]", "\"left\":[\"acl-1: AccessDenied\"]");
    assert_eq!(self::outcome(&left).unwrap().rollback.not_reverted, ["acl-1: AccessDenied"]);
}

#[test]
fn an_event_log_is_written_with_the_names_of_version_2() {
    let old = format!("{LOG}{SESSION}");
    let line = |record: &Record| serde_json::to_string(record).unwrap() + "\n";
    let new: String = records(&old).iter().map(line).collect();
    for (old_name, new_name) in LOG_KEYS {
        assert!(old.contains(&key(old_name)) && !new.contains(&key(old_name)), "{old_name}: {new}");
        assert!(new.contains(&key(new_name)), "{new_name}: {new}");
    }
    assert_eq!(records(&new), records(&old));
    // Nothing else was changed.
    let renamed = LOG_KEYS.iter().fold(old, |text, (from, to)| text.replace(&key(from), &key(to)));
    let values = |text: &str| text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<Value>>();
    assert_eq!(values(&new), values(&renamed));
}

#[test]
fn an_event_log_of_another_version_is_refused() {
    assert!(outcome(&of_version(LOG, 2)).is_ok());
    for version in [0, 3] {
        let error = outcome(&of_version(LOG, version)).unwrap_err();
        let text = format!("the event log has schema version {version}, and this GameDay reads versions 1 to 2");
        assert!(matches!(error, MeasureError::SchemaVersion(found) if found == version));
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn a_run_json_of_version_1_is_read() {
    let mut old: Value = serde_json::from_str(RUN).unwrap();
    old["runner_stalled"] = json!({ "times": 2, "all_s": 1.5, "longest_s": 1.0 });
    old["rollback"]["left"] = json!(["acl-1: AccessDenied"]);
    let run = RunRecord::read(old.to_string().as_bytes()).unwrap();
    let settings = run.natural_variation.as_ref().unwrap();
    assert_eq!((settings.health_check_interval_s, settings.checkers), (Some(10.0), Some(16)));
    assert_eq!((settings.client_cache_min_s, settings.client_cache_max_s), (0.0, 0.0));
    assert_eq!(run.runner_stalled.map(|it| (it.times, it.total_s, it.longest_s)), Some((2, 1.5, 1.0)));
    assert_eq!(run.rollback.not_reverted, ["acl-1: AccessDenied"]);
    assert_eq!(run.milestone("first_replica_login").map(|at| (at.lower, at.upper)), Some((39.922, 40.043)));

    let names = RUN_KEYS.iter().fold(old.to_string(), |text, (from, to)| text.replace(&key(from), &key(to)));
    let mut new: Value = serde_json::from_str(&names).unwrap();
    new["schema_version"] = json!(2);
    let new = RunRecord::read(new.to_string().as_bytes()).unwrap();
    assert_eq!((&new.natural_variation, &new.runner_stalled), (&run.natural_variation, &run.runner_stalled));
    assert_eq!((&new.rollback, &new.milestones), (&run.rollback, &run.milestones));
}

#[test]
fn a_run_json_of_another_version_is_refused() {
    for version in [0, 3] {
        let mut run: Value = serde_json::from_str(RUN).unwrap();
        run["schema_version"] = json!(version);
        let error = RunRecord::read(run.to_string().as_bytes()).unwrap_err();
        let text = format!(
            "its schema version is {version}, and this GameDay reads versions 1 to 2; write it again with `gameday report`"
        );
        assert!(matches!(error, RecordError::SchemaVersion(found) if found == version));
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn run_json_is_written_with_the_names_of_version_2() {
    let outcome = outcome(LOG).unwrap();
    let run: Value = serde_json::from_slice(&run_json(&outcome)).unwrap();
    assert_eq!(run["schema_version"], 2);
    // An old log gives a new document, which is read.
    RunRecord::read(run.to_string().as_bytes()).unwrap();
    assert!(run["inject_took_s"].is_f64() && run["restore_took_s"].is_f64(), "{run}");
    assert_eq!((&run["rollback"]["not_reverted"], &run["tries"]["succeeded_by_retry"]), (&json!([]), &json!(0)));
    assert_eq!(run["steady_state"][0]["judged_at"], "before_fault");
    assert_eq!(run["natural_variation"]["checkers"], Value::Null);
    let schema = run_schema().to_string();
    for (old_name, new_name) in RUN_KEYS {
        assert!(!schema.contains(&key(old_name)), "{old_name}");
        assert!(schema.contains(&key(new_name)), "{new_name}");
    }
}
