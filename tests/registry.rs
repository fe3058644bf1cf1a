//! `gameday rollback` finds what a killed run left, wherever its folder is and wherever it is called from, and says what it looked at.

use std::path::Path;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use gameday::cloud::{Access, Cloud};
use gameday::faults::{Executor, Journal, plan};
use gameday_core::model::{Clock, Phase, RunId};
use gameday_core::scenario::FaultSpec;
use tokio_util::sync::CancellationToken;

use crate::support::{Lab, SHORT_TTL, current_phase, gameday, lab_with, short_scenario, tools};

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout)
}

/// A run with --out elsewhere that is killed in its outage.
fn kill_in_outage(folder: &Path, lab: &Lab, out: &Path) {
    let mut command = gameday();
    command.arg("run").arg(short_scenario(folder)).arg("--env").arg(&lab.environment).arg("--no-progress");
    command.arg("--out").arg(out).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut process = tools::Running(command.spawn().unwrap());
    tools::within(Duration::from_mins(1), "the outage", || {
        assert!(process.0.try_wait().unwrap().is_none(), "the run has ended");
        current_phase(out) == Some(Phase::Outage)
    });
    process.0.kill().unwrap();
    process.0.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_run_is_found_from_everywhere_and_restored_though_nobody_reads() {
    let folder = tempfile::tempdir().unwrap();
    let settings = lab_with(folder.path(), SHORT_TTL);
    let lab = Lab::start(folder.path(), &["--speed", "20", "--seed", "5", "--env", settings.to_str().unwrap()]);
    let before = lab.world().await;
    let (out, elsewhere) = (folder.path().join("drill q4"), tempfile::tempdir().unwrap());
    let rollback = |more: &[&str]| {
        let mut command = gameday();
        command.current_dir(elsewhere.path()).arg("rollback").args(more);
        command
    };
    for lost in [false, true] {
        kill_in_outage(folder.path(), &lab, &out);
        assert_ne!(lab.world().await, before);
        let mut next = gameday();
        next.current_dir(elsewhere.path()).arg("run").arg(short_scenario(folder.path()));
        let next = next.arg("--env").arg(&lab.environment).output().unwrap();
        assert_eq!(next.status.code(), Some(3), "{}", said(&next));
        // The command that it prints can be pasted.
        assert!(said(&next).contains("is not restored") && said(&next).contains("/drill q4'"), "{}", said(&next));
        if lost {
            std::fs::remove_dir_all(&out).unwrap();
        }
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let done = rollback(&["--all"]).stdout(writer).output().unwrap();
        assert_eq!(done.status.code(), Some(0), "{}", said(&done));
        assert_eq!(lab.world().await, before, "{}", said(&done));
        for more in [&["--all"][..], &[]] {
            let done = rollback(more).output().unwrap();
            assert_eq!(done.status.code(), Some(0), "{}", said(&done));
            for text in ["no unfinished run in ", "No account was searched", "--discover --env"] {
                assert!(said(&done).contains(text), "{more:?}: {}", said(&done));
            }
        }
        let _ = std::fs::remove_dir_all(&out);
    }
    let done = rollback(&["--all", "--env", lab.environment.to_str().unwrap()]).output().unwrap();
    assert!(done.status.success() && said(&done).contains("no change by any run is left in"), "{}", said(&done));
    let done = rollback(&["--all", "--env", "nowhere.toml"]).output().unwrap();
    assert_eq!(done.status.code(), Some(5), "an account that could not be searched: {}", said(&done));
}

/// Where nothing can be written, neither beside other runs nor with the registered ones, what is found is put back all the same.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_found_is_put_back_where_nothing_can_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::start(folder.path(), &["--seed", "5"]);
    let (site, before) = (lab.site(), lab.world().await);
    let cloud = Cloud::connect(&site).await.unwrap();
    let (run, clock, stop) = (RunId::from("gd-20260101t000000z-000001"), Clock::start(1.0), CancellationToken::new());
    let plan = plan(&[FaultSpec::default()], &site, &cloud, &run).await.unwrap();
    let journal = Journal::create(&folder.path().join("journal.ndjson"), run, Access::of(&site), clock.now()).unwrap();
    let executor = Executor::new(Arc::new(journal), [cloud.primary.clone()], clock, Arc::new(|_| ()));
    for actions in [plan.prepare(), plan.cut_at(Duration::ZERO)] {
        executor.make(&actions, &stop).await.unwrap();
    }
    assert_ne!(lab.world().await, before);
    let mut command = gameday();
    // Not even root can make a folder there.
    command.current_dir("/proc").env("GAMEDAY_STATE_DIR", "/proc/nowhere");
    let done = command.args(["rollback", "--discover", "--env"]).arg(&lab.environment).output().unwrap();
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    assert!(said(&done).contains("cannot be recorded"), "{}", said(&done));
    assert_eq!(lab.world().await, before, "{}", said(&done));
}

#[test]
fn a_journal_that_is_damaged_or_missing_leads_to_the_account() {
    let folder = tempfile::tempdir().unwrap();
    let rollback = || gameday().arg("rollback").arg(folder.path()).output().unwrap();
    let missing = rollback();
    assert_eq!(missing.status.code(), Some(2), "{}", said(&missing));
    std::fs::write(folder.path().join("journal.ndjson"), "no journal\nat all\n").unwrap();
    let damaged = rollback();
    assert_eq!(damaged.status.code(), Some(5), "{}", said(&damaged));
    for done in [missing, damaged] {
        // Long lines are wrapped.
        let text = said(&done).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains("rollback --discover --env FILE"), "{text}");
    }
}

#[test]
fn a_registration_that_cannot_be_read_is_not_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    std::fs::create_dir(&state).unwrap();
    std::fs::write(state.join("gd-1.json"), "{").unwrap();
    let mut command = gameday();
    let done = command.current_dir(folder.path()).env("GAMEDAY_STATE_DIR", &state).args(["rollback", "--all"]).output();
    let done = done.unwrap();
    assert_eq!(done.status.code(), Some(5), "{}", said(&done));
    assert!(said(&done).contains("gd-1.json"), "{}", said(&done));
}
