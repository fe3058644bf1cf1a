//! The real binary against the lab: whole runs, refusals, signals, kill and rollback.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const SCENARIO: &str = "scenarios/full-failover.toml";

fn gameday() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gameday"));
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn bounds(run: &Value, name: &str) -> Option<(f64, f64)> {
    let found = run["milestones"].as_array().unwrap().iter().find(|milestone| milestone["name"] == name)?;
    Some((found["lower_s"].as_f64()?, found["upper_s"].as_f64()?))
}

/// Starts a run and waits until it prints a line that contains `until`.
fn start(out: &Path, extra: &[&str], until: &str) -> (Child, BufReader<std::process::ChildStderr>) {
    let mut child = gameday()
        .args(["run", SCENARIO, "--seed", "5", "--out"])
        .arg(out)
        .args(extra)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains(until) {
        line.clear();
        assert!(lines.read_line(&mut line).unwrap() > 0, "the run ended before `{until}`");
    }
    (child, lines)
}

fn signal(child: &Child, name: &str) {
    assert!(Command::new("kill").args([&format!("-{name}"), &child.id().to_string()]).status().unwrap().success());
}

#[test]
fn a_full_failover_is_measured_truly_and_everything_is_put_back() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let done = gameday().args(["run", SCENARIO, "--speed", "10", "--seed", "2", "--out"]).arg(&out).output().unwrap();
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

fn lab_with(folder: &Path, settings: &str) -> std::path::PathBuf {
    let path = folder.join("env.toml");
    std::fs::write(
        &path,
        format!(
            "schema_version = 1\nname = \"lab\"\nkind = \"lab\"\n[account]\nallowed = [\"111122223333\"]\n{settings}"
        ),
    )
    .unwrap();
    path
}

#[test]
fn a_health_check_outside_the_blackhole_is_refused_and_nothing_is_touched() {
    let folder = tempfile::tempdir().unwrap();
    let (env, out) = (lab_with(folder.path(), "[lab]\nhealth_target = \"elsewhere\"\n"), folder.path().join("run"));
    let done =
        gameday().args(["run", SCENARIO, "--speed", "10", "--env"]).arg(&env).arg("--out").arg(&out).output().unwrap();
    assert_eq!(done.status.code(), Some(3), "{}", String::from_utf8_lossy(&done.stderr));
    assert!(std::fs::read_to_string(out.join("report.md")).unwrap().contains("GD506"));
    assert!(!out.join("journal.ndjson").exists());
}

#[test]
fn a_trigger_that_is_broken_at_the_replica_alone_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let settings = "[lab]\n[[lab.broken_triggers]]\nregion = \"replica\"\nclaim = \"risk_profile\"\n";
    let (env, out) = (lab_with(folder.path(), settings), folder.path().join("run"));
    let done =
        gameday().args(["run", SCENARIO, "--speed", "10", "--env"]).arg(&env).arg("--out").arg(&out).output().unwrap();
    assert_eq!(done.status.code(), Some(1), "{}", String::from_utf8_lossy(&done.stderr));
    let run = json(&out.join("run.json"));
    assert!(bounds(&run, "dns_flip_resolver").is_some() && bounds(&run, "first_replica_login").is_none());
    assert!(std::fs::read_to_string(out.join("report.md")).unwrap().contains("risk_profile"));
}

fn interrupted(phase: &str, signals: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let (mut child, lines) = start(&out, &["--speed", "20"], phase);
    for name in signals {
        signal(&child, name);
        std::thread::sleep(Duration::from_millis(50));
    }
    let rest = std::thread::spawn(move || lines.lines().map_while(Result::ok).collect::<Vec<_>>().join("\n"));
    let status = child.wait().unwrap();
    let rest = rest.join().unwrap();
    assert_eq!(status.code(), Some(4), "{rest}");
    let run = json(&out.join("run.json"));
    assert_eq!(run["rollback"]["state_identical"], true, "{rest}");
    assert!(out.join("report.md").exists());
}

#[test]
fn a_signal_in_baseline_restores() {
    interrupted("phase: baseline", &["INT"]);
}

#[test]
fn a_signal_in_inject_restores() {
    interrupted("phase: inject", &["TERM", "TERM"]);
}

#[test]
fn two_signals_in_outage_restore() {
    interrupted("phase: outage", &["INT", "INT"]);
}

#[test]
fn a_closed_terminal_in_outage_restores() {
    interrupted("phase: outage", &["HUP", "HUP"]);
}

#[test]
fn a_signal_in_failback_ends_the_watching() {
    interrupted("phase: failback", &["INT", "INT"]);
}

/// A lab of its own process, ended when dropped.
struct Lab(Child);

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_killed_run_is_rolled_back_from_its_journal_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (env, out) = (folder.path().join("lab.toml"), folder.path().join("run"));
    let lab = gameday().args(["lab", "--speed", "10", "--out"]).arg(&env).stdout(Stdio::null()).spawn().unwrap();
    let _lab = Lab(lab);
    let since = Instant::now();
    while !env.exists() {
        assert!(since.elapsed() < Duration::from_secs(30), "the lab did not start");
        std::thread::sleep(Duration::from_millis(50));
    }
    let env_text = env.to_str().unwrap();
    let (mut child, _lines) = start(&out, &["--env", env_text], "phase: outage");
    child.kill().unwrap();
    child.wait().unwrap();
    let refused = gameday().args(["preflight", "--env", env_text]).output().unwrap();
    assert_eq!(refused.status.code(), Some(3), "the primary must still be blackholed");
    let rollback = || gameday().arg("rollback").arg(&out).output().unwrap();
    let first = rollback();
    assert_eq!(first.status.code(), Some(0), "{}", String::from_utf8_lossy(&first.stderr));
    assert!(String::from_utf8_lossy(&first.stdout).contains("ec2:DeleteNetworkAcl "));
    let second = rollback();
    assert_eq!(second.status.code(), Some(0));
    assert!(!String::from_utf8_lossy(&second.stdout).contains("ec2:"), "a second rollback has nothing to do");
    let ready = gameday().args(["preflight", "--env", env_text]).output().unwrap();
    assert_eq!(ready.status.code(), Some(0), "{}", String::from_utf8_lossy(&ready.stdout));
    let secrets = std::fs::read_to_string(folder.path().join("lab.secrets.toml")).unwrap();
    let secrets: Vec<&str> = secrets.lines().filter_map(|line| line.split('"').nth(1)).collect();
    assert!(secrets.len() >= 2);
    for entry in std::fs::read_dir(&out).unwrap() {
        let text = String::from_utf8_lossy(&std::fs::read(entry.unwrap().path()).unwrap()).into_owned();
        assert!(secrets.iter().all(|secret| !text.contains(secret)), "a secret is in a file of the run");
    }
}
