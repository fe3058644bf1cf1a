//! A process that is killed before or after any journal write or call, while it injects or while it restores:
//! `gameday rollback` puts everything back from the journal alone.
//!
//! The victim is this test binary, started again: it prepares, cuts and restores by the library, against a lab that
//! lives on, and kills itself with SIGKILL at the point whose number it is given.

#![allow(clippy::large_futures, clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod support;

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::Arc;
use std::time::Duration;

use gameday::cloud::{Access, Cloud};
use gameday::faults::{Arming, Executor, Holder, Journal, plan};
use gameday::model::{Clock, RunId};
use gameday::scenario::{self, FaultSpec};
use support::{Lab, gameday};
use tokio_util::sync::CancellationToken;

const FOLDER: &str = "GAMEDAY_TEST_FOLDER";
const ENVIRONMENT: &str = "GAMEDAY_TEST_ENVIRONMENT";
const LOCKING: &str = "GAMEDAY_TEST_LOCKING";
const FAULT: &str = "GAMEDAY_TEST_FAULT";

fn fault(text: &str) -> FaultSpec {
    let scenario = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(support::FULL_FAILOVER)).unwrap();
    let scenario = scenario.replace("kind = \"nacl-blackhole\"", text);
    scenario::read_str("crash.toml", &scenario, None).unwrap().value.faults.remove(0)
}

/// Not a test by itself: the process that is killed.
#[tokio::test]
#[ignore = "the other tests of this file start it"]
async fn victim() {
    let variable = |name| std::env::var(name).unwrap();
    let site = support::site(&PathBuf::from(variable(ENVIRONMENT)));
    // Every run has an ID of its own; client tokens follow from it.
    let folder = PathBuf::from(variable(FOLDER));
    let run = RunId(format!("gd-{}", folder.file_name().unwrap().display()));
    let (cloud, clock) = (Cloud::connect(&site).await.unwrap(), Clock::start(1.0));
    let plan = plan(&[fault(&variable(FAULT))], &site, &cloud, &run).await.unwrap();
    let path = folder.join("journal.ndjson");
    let journal = Arc::new(Journal::create(&path, run.clone(), Access::of(&site), clock.now()).unwrap());
    let clients = [cloud.primary.clone(), cloud.replica.clone()];
    let executor = Executor::new(Arc::clone(&journal), clients, clock, Arc::new(|_| {})).unwrap();
    let stop = CancellationToken::new();
    let lasting = Duration::from_mins(5);
    // The lock takes a second to settle, so only who asks for it is killed around it, too.
    let until = clock.now().checked_add(lasting).unwrap();
    let holder = Holder { run: run.clone(), owner: "victim@test".to_owned(), until };
    let lock = if std::env::var_os(LOCKING).is_some() { plan.lock(&holder) } else { Vec::new() };
    executor.make(&lock, &stop).await.unwrap();
    let prepare = plan.prepare();
    executor.make(&prepare, &stop).await.unwrap();
    executor.confirm(&prepare).await.unwrap();
    let settings = site.dead_man.as_ref().unwrap();
    let arm = plan.arm(&Arming { settings, run: &run, now: clock.now(), longest: lasting });
    assert!(!arm.is_empty());
    for actions in [arm, plan.cut_at(Duration::ZERO)] {
        executor.make(&actions, &stop).await.unwrap();
        executor.confirm(&actions).await.unwrap();
    }
    assert_eq!(executor.restore(&stop).await.unwrap().left, Vec::<String>::new());
    journal.close().unwrap();
}

fn start(lab: &Lab, fault: &str, folder: &Path, variable: (&str, &str)) -> ExitStatus {
    let mut victim = Command::new(std::env::current_exe().unwrap());
    victim.args(["--exact", "victim", "--ignored", "--nocapture"]).env(variable.0, variable.1);
    if fault.contains("health-check-invert") {
        victim.env(LOCKING, "1");
    }
    victim.env(FOLDER, folder).env(ENVIRONMENT, &lab.environment).env(FAULT, fault);
    let done = victim.output().unwrap();
    if done.status.code().is_some_and(|code| code != 0) {
        print!("{}", String::from_utf8_lossy(&done.stderr));
    }
    done.status
}

/// Kills at every point; gives how many there are.
async fn killed_at_every_point(fault: &str) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::start(folder.path(), &["--seed", "5"]);
    let before = lab.world().await;
    let (whole, list) = (folder.path().join("whole"), folder.path().join("points"));
    std::fs::create_dir(&whole).unwrap();
    let status = start(&lab, fault, &whole, ("GAMEDAY_CRASH_POINTS", list.to_str().unwrap()));
    assert!(status.success(), "nobody was killed: {status}");
    let points: Vec<String> = std::fs::read_to_string(&list).unwrap().lines().map(str::to_owned).collect();
    let mut changed = 0;
    for (number, point) in (1..).zip(&points) {
        let run = folder.path().join(format!("run-{number}"));
        std::fs::create_dir(&run).unwrap();
        let status = start(&lab, fault, &run, ("GAMEDAY_CRASH_AT", &number.to_string()));
        assert_eq!(status.signal(), Some(9), "{point}: {status}");
        changed += usize::from(lab.world().await != before);
        let rollback = gameday().arg("rollback").arg(&run).output().unwrap();
        let said = String::from_utf8_lossy(&rollback.stderr).into_owned();
        assert_eq!(rollback.status.code(), Some(0), "{point}: {said}");
        assert_eq!(lab.world().await, before, "{point}");
    }
    assert!(changed > points.len() / 3, "only {changed} of {} points left something to put back", points.len());
    points.len()
}

async fn rolled_back(fault: &str, least: usize) {
    let points = killed_at_every_point(fault).await;
    println!("{points} fault points");
    assert!(points >= least, "only {points} fault points");
}

#[tokio::test]
async fn nacl_blackhole() {
    rolled_back("kind = \"nacl-blackhole\"", 60).await;
}

#[tokio::test]
async fn nacl_deny_entries() {
    rolled_back("kind = \"nacl-deny-entries\"\nports = [\"443\", \"8000-8999\"]", 60).await;
}

#[tokio::test]
async fn security_group_blackhole_by_swapping_groups() {
    rolled_back("kind = \"security-group-blackhole\"", 40).await;
}

#[tokio::test]
async fn security_group_blackhole_by_revoking_rules() {
    rolled_back("kind = \"security-group-blackhole\"\nmethod = \"revoke-rules\"", 16).await;
}

#[tokio::test]
async fn health_check_invert_with_the_lock() {
    rolled_back("kind = \"health-check-invert\"", 24).await;
}

#[tokio::test]
async fn lambda_trigger_break() {
    rolled_back("kind = \"lambda-trigger-break\"", 16).await;
}

#[tokio::test]
async fn client_egress_blackhole() {
    rolled_back("kind = \"client-egress-blackhole\"", 60).await;
}
