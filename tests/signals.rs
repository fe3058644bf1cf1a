//! Whatever ends a run, in whichever phase: the network is as it was, and a report says what was seen.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::support;
use crate::support::{Lab, SHORT_TTL, current_phase, events, gameday, json, lab_with, phases, short_scenario, tools};
use gameday::faults::read_journal;
use gameday_core::model::{Event, Phase, Record};
use serde_json::Value;

/// A run under way against a lab of its own.
struct Run {
    process: tools::Running,
    folder: tempfile::TempDir,
    lab: Lab,
    out: PathBuf,
}

impl Run {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = lab_with(folder.path(), SHORT_TTL);
        let lab = Lab::start(folder.path(), &["--speed", "10", "--seed", "5", "--env", settings.to_str().unwrap()]);
        let (out, scenario) = (folder.path().join("run"), short_scenario(folder.path()));
        let said = std::fs::File::create(folder.path().join("said")).unwrap();
        let mut command = gameday();
        command.arg("run").arg(scenario).args(["--seed", "5", "--env"]).arg(lab.with_slow_ec2()).arg("--out").arg(&out);
        let process = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(said).spawn().unwrap();
        Self { process: tools::Running(process), folder, lab, out }
    }

    /// What it said on standard error.
    fn said(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("said")).unwrap()
    }

    /// Waits until a phase begins, and holds the run there. Nothing else happens until it goes on.
    fn hold_in(&mut self, phase: Phase) {
        let since = Instant::now();
        while current_phase(&self.out) != Some(phase) {
            let ended = self.process.0.try_wait().unwrap();
            assert!(ended.is_none(), "the run ended before {}: {}", phase.as_str(), self.said());
            assert!(since.elapsed() < Duration::from_mins(1), "{} never came: {}", phase.as_str(), self.said());
            std::thread::sleep(Duration::from_millis(2));
        }
        self.signal("STOP");
        assert_eq!(current_phase(&self.out), Some(phase), "the phase was over before it could be held");
    }

    fn signal(&self, name: &str) {
        signal(&self.process.0, name);
    }

    /// Sends the signals, each once the one before was taken notice of.
    fn interrupt(&mut self, signals: &[&str]) {
        for (number, name) in signals.iter().enumerate() {
            self.signal(name);
            if number == 0 {
                self.signal("CONT");
            }
            let said = self.folder.path().join("said");
            tools::within(Duration::from_secs(30), "the signal to be taken", || {
                let said = std::fs::read_to_string(&said).unwrap();
                let ended = self.process.0.try_wait().unwrap().is_some();
                ended || said.matches(&format!("SIG{name}: ")).count() > number
            });
        }
    }

    /// Its exit code.
    fn end(&mut self) -> i32 {
        let status = self.process.0.wait().unwrap();
        status.code().unwrap_or_else(|| panic!("{status}: {}", self.said()))
    }
}

fn signal(process: &Child, name: &str) {
    assert!(Command::new("kill").args([&format!("-{name}"), &process.id().to_string()]).status().unwrap().success());
}

/// What an interrupted run left behind.
struct Left {
    code: i32,
    events: Vec<Record>,
    run: Value,
    said: String,
}

/// Interrupts a run in a phase; what was changed must be back, by the run's word and by the lab's.
async fn interrupted(phase: Phase, signals: &[&str]) -> Left {
    let mut run = Run::start();
    let before = run.lab.world().await;
    run.hold_in(phase);
    run.interrupt(signals);
    let code = run.end();
    let said = run.said();
    assert_eq!(run.lab.world().await, before, "{said}");
    let (events, json) = (events(&run.out), json(&run.out.join("run.json")));
    assert_eq!(json["exit_code"], code, "{said}");
    assert_eq!(json["rollback"]["mutations"], json["rollback"]["reverted"], "{said}");
    assert_eq!(json["rollback"]["not_reverted"], serde_json::json!([]), "{said}");
    let title = std::fs::read_to_string(run.out.join("report.md")).unwrap();
    assert!(title.contains("A short failover"), "{title}");
    if phase == Phase::Preflight {
        assert!(!run.out.join("journal.ndjson").exists(), "nothing is touched in preflight");
        assert!(!events.iter().any(|record| matches!(record.event, Event::Mutation(_))));
    } else {
        assert_eq!(json["rollback"]["state_identical"], true, "{said}");
        assert!(read_journal(&run.out.join("journal.ndjson")).unwrap().closed, "{said}");
    }
    Left { code, events, run: json, said }
}

impl Left {
    fn phases(&self) -> Vec<Phase> {
        phases(&self.events)
    }

    /// The run was aborted by that signal, which the report tells.
    fn was_aborted_by(&self, signal: &str) {
        assert_eq!(self.code, 4, "{}", self.said);
        let reason = self.events.iter().find_map(|record| match &record.event {
            Event::Abort { reason } => Some(reason.as_str()),
            _ => None,
        });
        assert_eq!(reason, Some(signal));
    }

    fn cut(&self) -> bool {
        !self.run["zero_at"].is_null()
    }
}

const WAY_BACK: [Phase; 3] = [Phase::Restore, Phase::Failback, Phase::Verify];

#[tokio::test]
async fn a_signal_in_preflight_ends_before_anything_is_touched() {
    let left = interrupted(Phase::Preflight, &["INT"]).await;
    left.was_aborted_by("SIGINT");
    assert_eq!(left.phases(), [Phase::Preflight]);
}

#[tokio::test]
async fn a_signal_in_baseline_ends_before_the_fault() {
    let left = interrupted(Phase::Baseline, &["INT"]).await;
    left.was_aborted_by("SIGINT");
    assert_eq!(left.phases(), [Phase::Preflight, Phase::Baseline, Phase::Restore, Phase::Verify]);
    // The lock alone.
    assert_eq!((&left.run["rollback"]["mutations"], &left.run["rollback"]["reverted"]), (&1.into(), &1.into()));
}

#[tokio::test]
async fn a_signal_in_inject_restores() {
    let left = interrupted(Phase::Inject, &["INT"]).await;
    left.was_aborted_by("SIGINT");
    assert!(!left.phases().contains(&Phase::Hold));
}

#[tokio::test]
async fn two_signals_in_inject_restore() {
    let left = interrupted(Phase::Inject, &["TERM", "TERM"]).await;
    left.was_aborted_by("SIGTERM");
    assert!(!left.phases().contains(&Phase::Hold));
}

#[tokio::test]
async fn a_signal_in_outage_restores() {
    let left = interrupted(Phase::Outage, &["INT"]).await;
    left.was_aborted_by("SIGINT");
    assert!(left.cut());
    assert_eq!(left.phases()[3..], [&[Phase::Outage], &WAY_BACK[..]].concat());
}

#[tokio::test]
async fn two_signals_in_outage_restore() {
    let left = interrupted(Phase::Outage, &["INT", "INT"]).await;
    left.was_aborted_by("SIGINT");
    assert!(left.cut());
}

#[tokio::test]
async fn a_closed_terminal_in_outage_restores() {
    let left = interrupted(Phase::Outage, &["HUP", "HUP"]).await;
    left.was_aborted_by("SIGHUP");
}

#[tokio::test]
async fn a_signal_in_hold_restores() {
    let left = interrupted(Phase::Hold, &["INT"]).await;
    left.was_aborted_by("SIGINT");
    assert_eq!(left.phases()[3..], [&[Phase::Outage, Phase::Hold], &WAY_BACK[..]].concat());
    assert!(support::bounds(&left.run, "first_replica_login").is_some(), "what was seen is reported");
}

#[tokio::test]
async fn a_signal_in_restore_does_not_stop_it() {
    let left = interrupted(Phase::Restore, &["INT"]).await;
    left.was_aborted_by("SIGINT");
    assert_eq!(left.phases()[5..], WAY_BACK);
    assert!(support::bounds(&left.run, "fault_reverted").is_some(), "the way back is still watched");
}

#[tokio::test]
async fn two_signals_in_restore_do_not_stop_it() {
    let left = interrupted(Phase::Restore, &["INT", "INT"]).await;
    left.was_aborted_by("SIGINT");
    // The second one asks not to watch the way back.
    assert_eq!(left.phases()[5..], [Phase::Restore, Phase::Verify]);
    assert!(left.said.contains("the failback was not observed"), "{}", left.said);
}

#[tokio::test]
async fn a_signal_in_failback_lets_it_be_watched_to_its_end() {
    let left = interrupted(Phase::Failback, &["INT"]).await;
    left.was_aborted_by("SIGINT");
    assert!(support::bounds(&left.run, "first_primary_login_after_failback").is_some());
}

#[tokio::test]
async fn two_signals_in_failback_end_the_watching() {
    let left = interrupted(Phase::Failback, &["INT", "INT"]).await;
    left.was_aborted_by("SIGINT");
    let notice = |record: &Record| match &record.event {
        Event::Notice { text } => text.contains("not observed to its end"),
        _ => false,
    };
    assert!(left.events.iter().any(notice), "{}", left.said);
}

/// Everything is back by then; whether the run counts as aborted depends on who is first.
#[tokio::test]
async fn a_signal_in_verify_changes_nothing() {
    let left = interrupted(Phase::Verify, &["INT"]).await;
    assert!([0, 4].contains(&left.code), "{}: {}", left.code, left.said);
}

#[test]
fn a_killed_run_is_rolled_back_from_its_journal_alone() {
    let mut run = Run::start();
    run.hold_in(Phase::Outage);
    run.signal("KILL");
    assert_eq!(run.process.0.wait().unwrap().code(), None);
    let preflight = || gameday().args(["preflight", "--env"]).arg(&run.lab.environment).output().unwrap();
    assert_eq!(preflight().status.code(), Some(3), "the primary must still be blackholed");
    let rollback = || gameday().arg("rollback").arg(&run.out).output().unwrap();
    let first = rollback();
    assert_eq!(first.status.code(), Some(0), "{}", String::from_utf8_lossy(&first.stderr));
    assert!(String::from_utf8_lossy(&first.stdout).contains("ec2:DeleteNetworkAcl "));
    let second = rollback();
    assert_eq!(second.status.code(), Some(0));
    assert!(!String::from_utf8_lossy(&second.stdout).contains("ec2:"), "a second rollback has nothing to do");
    let ready = preflight();
    assert_eq!(ready.status.code(), Some(0), "{}", String::from_utf8_lossy(&ready.stdout));
    let secrets = std::fs::read_to_string(run.lab.environment.with_extension("secrets.toml")).unwrap();
    let secrets: Vec<&str> = secrets.lines().filter_map(|line| line.split('"').nth(1)).collect();
    assert!(secrets.len() >= 2);
    for entry in std::fs::read_dir(&run.out).unwrap() {
        let text = String::from_utf8_lossy(&std::fs::read(entry.unwrap().path()).unwrap()).into_owned();
        assert!(secrets.iter().all(|secret| !text.contains(secret)), "a secret is in a file of the run");
    }
}
