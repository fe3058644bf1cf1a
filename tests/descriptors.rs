//! A machine that lets the runner open few sockets: everything is put back, and what it lacked is nobody else's failure.

use std::process::Command;

use crate::support::{Lab, bounds, events, json, tools};
use gameday_core::model::{Event, LoginOutcome};
use jiff::Timestamp;

/// Logins hang for 10 s, so that 300 of them are under way in the outage: more than there are descriptors.
const SCENARIO: &str = r#"
schema_version = 1
title = "More logins hang than the machine has descriptors"
hypothesis = "Everything is put back."

[phases]
baseline = "10s"
outage = "20s"
hold = "70s"
failback = "20s"

[[faults]]
kind = "nacl-blackhole"
region = "primary"

[users.arrivals]
process = "constant"
rate = "30/s"

[[users.flows]]
flow = "USER_PASSWORD_AUTH"
share = "100%"

[[users.cohorts]]
cohort = "fresh-lookup"
share = "100%"
connect_timeout = "10s"
login_timeout = "12s"

[[objectives]]
metric = "success_rate"
region = "primary"
phase = "baseline"
at_least = "50%"
"#;

#[test]
fn few_descriptors_are_the_runners_own_failure_and_everything_is_put_back() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::start(folder.path(), &["--speed", "3", "--seed", "4"]);
    let (scenario, out) = (folder.path().join("few.toml"), folder.path().join("run"));
    std::fs::write(&scenario, SCENARIO).unwrap();
    let done = Command::new("sh")
        .args(["-c", "ulimit -n 256 && exec \"$@\"", "sh", env!("CARGO_BIN_EXE_gameday"), "run"])
        .arg(&scenario)
        .arg("--env")
        .arg(&lab.environment)
        .arg("--out")
        .arg(&out)
        .args(["--yes", "--no-dead-man"])
        .current_dir(tools::in_repository("."))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(matches!(done.status.code(), Some(0 | 1)), "{:?}: {said}", done.status);
    let (run, truth, events) = (json(&out.join("run.json")), json(&out.join("truth.json")), events(&out));
    assert_eq!(run["rollback"]["state_identical"], true);
    assert_eq!(
        (&run["rollback"]["reverted"], &run["rollback"]["not_reverted"]),
        (&run["rollback"]["mutations"], &serde_json::json!([]))
    );
    let found = |event: &Event| matches!(event, Event::Finding(finding) if finding.code == "GD610");
    assert!(events.iter().any(|record| found(&record.event)), "no finding tells of it beforehand");
    // The runner lacked descriptors, and says so of itself alone.
    let lacked = |event: &Event| match event {
        Event::Login(login) => {
            matches!(&login.outcome, LoginOutcome::HarnessFailed { what } if what.contains("descriptor"))
        }
        _ => false,
    };
    assert!(events.iter().any(|record| lacked(&record.event)), "nothing was lacking: {said}");
    let zero: Timestamp = run["zero_at"].as_str().unwrap().parse().unwrap();
    let closed_early =
        |event: &Event| matches!(event, Event::Path { window, open: false, .. } if window.received <= zero);
    assert!(!events.iter().any(|record| closed_early(&record.event)), "a path closed before the cut");
    for milestone in truth["milestones"].as_array().unwrap() {
        let (name, at) = (milestone["name"].as_str().unwrap(), milestone["at_s"].as_f64().unwrap());
        if let Some((lower, upper)) = bounds(&run, name) {
            assert!(lower <= at && at <= upper, "{name}: {at} s is outside {lower} s to {upper} s");
        }
    }
}
