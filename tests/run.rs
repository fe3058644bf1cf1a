//! The real binary against the lab: whole runs and refusals.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

mod support;

use std::path::Path;

use support::{FULL_FAILOVER, bounds, gameday, json, lab_with};

#[test]
fn a_full_failover_is_measured_truly_and_everything_is_put_back() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let done =
        gameday().args(["run", FULL_FAILOVER, "--speed", "10", "--seed", "2", "--out"]).arg(&out).output().unwrap();
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    let (run, truth) = (json(&out.join("run.json")), json(&out.join("truth.json")));
    for milestone in truth["milestones"].as_array().unwrap() {
        let (name, at) = (milestone["name"].as_str().unwrap(), milestone["at_s"].as_f64().unwrap());
        let (lower, upper) = bounds(&run, name).unwrap_or_else(|| panic!("{name} was not reached"));
        assert!(lower <= at && at <= upper, "{name}: {at} s is outside {lower} s to {upper} s");
    }
    assert_eq!(truth["milestones"].as_array().unwrap().len(), 10);
    let detected = bounds(&run, "health_check_unhealthy").unwrap();
    assert!(detected.0 > 20.0 && detected.1 < 45.0, "{detected:?}");
    assert!(bounds(&run, "first_replica_login").unwrap().1 < 120.0);
    assert_eq!(run["rollback"]["state_identical"], true);
    assert_eq!(run["rollback"]["mutations"], run["rollback"]["reverted"]);
    let before: Vec<Vec<u8>> = reports(&out);
    assert!(gameday().arg("report").arg(&out).status().unwrap().success());
    assert!(before == reports(&out), "gameday report writes other bytes than the run did");
}

fn reports(out: &Path) -> Vec<Vec<u8>> {
    let names = ["report.md", "report.html", "run.json", "junit.xml", "logins.hlog"];
    names.map(|name| std::fs::read(out.join(name)).unwrap()).into()
}

#[test]
fn a_health_check_outside_the_blackhole_is_refused_and_nothing_is_touched() {
    let folder = tempfile::tempdir().unwrap();
    let (env, out) = (lab_with(folder.path(), "[lab]\nhealth_target = \"elsewhere\"\n"), folder.path().join("run"));
    let done = gameday()
        .args(["run", FULL_FAILOVER, "--speed", "10", "--env"])
        .arg(&env)
        .arg("--out")
        .arg(&out)
        .output()
        .unwrap();
    assert_eq!(done.status.code(), Some(3), "{}", String::from_utf8_lossy(&done.stderr));
    assert!(std::fs::read_to_string(out.join("report.md")).unwrap().contains("GD506"));
    assert!(!out.join("journal.ndjson").exists());
}

#[test]
fn a_trigger_that_is_broken_at_the_replica_alone_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let settings = "[lab]\n[[lab.broken_triggers]]\nregion = \"replica\"\nclaim = \"risk_profile\"\n";
    let (env, out) = (lab_with(folder.path(), settings), folder.path().join("run"));
    let done = gameday()
        .args(["run", FULL_FAILOVER, "--speed", "10", "--env"])
        .arg(&env)
        .arg("--out")
        .arg(&out)
        .output()
        .unwrap();
    assert_eq!(done.status.code(), Some(1), "{}", String::from_utf8_lossy(&done.stderr));
    let run = json(&out.join("run.json"));
    assert!(bounds(&run, "dns_flip_resolver").is_some() && bounds(&run, "first_replica_login").is_none());
    assert!(std::fs::read_to_string(out.join("report.md")).unwrap().contains("risk_profile"));
}
