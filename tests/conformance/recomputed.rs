//! Every figure of run.json once more, from the event log alone, by a script that shares no code with GameDay.

use std::fs;
use std::path::Path;
use std::process::Command;

use gameday_core::model::{Event, LoginOutcome, LoginStep, Phase, Record, RegionRole, RunFailure};
use gameday_core::report::reports;

use crate::synthetic::{World, at, outcome};
use crate::tools::{in_repository, python_tool};

fn agrees(events: &Path, run: &Path) {
    let mut script = Command::new(python_tool("python"));
    script.arg("-B").arg(in_repository("tests/conformance/recompute.py")).arg(events).arg(run);
    let done = script.output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    println!("{said}");
    assert!(done.status.success(), "{}: {said}", run.display());
}

#[test]
fn python_recomputes_every_figure_of_the_committed_runs() {
    let folder = tempfile::tempdir().unwrap();
    let samples = ["sample-full-failover", "sample-retry-storm", "sample-silent-trigger-failure"].map(str::to_owned);
    let quarters = ["q1", "q2", "q3", "q4"].map(|quarter| format!("sample-quarters/{quarter}"));
    let strategies = ["native-replica", "bridge", "manual-sync"].map(|strategy| format!("strategies/{strategy}"));
    for name in samples.into_iter().chain(quarters).chain(strategies) {
        let at = in_repository("reports").join(name);
        let events = folder.path().join("events.ndjson");
        let log = zstd::decode_all(fs::File::open(at.join("events.ndjson.zst")).unwrap()).unwrap();
        fs::write(&events, log).unwrap();
        agrees(&events, &at.join("run.json"));
    }
}

/// Until then, and stopped.
fn aborted(seconds: f64) -> Vec<Record> {
    let mut records = World::sample().run().0;
    records.retain(|record| record.at < at(seconds));
    let ends = [
        Event::Abort { reason: "SIGINT".into() },
        Event::PhaseStarted { phase: Phase::Restore },
        Event::RunEnded { failure: Some(RunFailure::Aborted("SIGINT".into())) },
    ];
    records.extend((0..).zip(ends).map(|(n, event)| Record { seq: 0, at: at(seconds + f64::from(n)), event }));
    records
}

/// The primary serves every second user all the time, and its paths open two seconds after the call that heals.
fn served_all_the_time() -> Vec<Record> {
    let mut records = World::sample().run().0;
    let heal = World::sample().heal;
    for record in &mut records {
        match &mut record.event {
            Event::Path { window, open, .. } if window.received >= at(heal) && window.sent < at(heal + 2.0) => {
                *open = false;
            }
            Event::Login(login) if login.arrival.is_multiple_of(2) => {
                (login.role, login.outcome) = (Some(RegionRole::Primary), LoginOutcome::Succeeded);
                login.ended = login.started + std::time::Duration::from_millis(30);
                login.api_sent = Some(login.started + std::time::Duration::from_millis(20));
            }
            _ => {}
        }
    }
    records
}

/// The replica's first answers do not come in time.
fn stalled() -> Vec<Record> {
    let mut records = World::sample().run().0;
    for record in &mut records {
        if let Event::Login(login) = &mut record.event
            && login.started < at(75.0)
            && login.role == Some(RegionRole::Replica)
            && login.outcome == LoginOutcome::Succeeded
        {
            (login.outcome, login.api_sent) = (LoginOutcome::Stalled { step: LoginStep::InitiateAuth }, None);
        }
    }
    records
}

#[test]
fn python_recomputes_runs_that_passed_failed_and_were_aborted() {
    let failed = World { broken_claim: Some("tenant_id".into()), ..World::sample() }.run().0;
    let several = World { faults: Some(vec![(0.0, Some(20.0)), (0.0, None)]), ..World::sample() };
    let several = World { reverted: vec![20.1, 180.14], ..several };
    let logs = [
        ("passed", World::sample().run().0),
        ("failed", failed),
        ("aborted", aborted(100.0)),
        ("aborted early", aborted(20.0)),
        ("two faults", several.run().0),
        ("served by the primary", served_all_the_time()),
        ("stalled at the replica", stalled()),
    ];
    let folder = tempfile::tempdir().unwrap();
    for (name, records) in logs {
        let at = folder.path().join(name);
        fs::create_dir(&at).unwrap();
        let lines: String = records.iter().map(|record| serde_json::to_string(record).unwrap() + "\n").collect();
        fs::write(at.join("events.ndjson"), lines).unwrap();
        for (file, bytes) in reports(&outcome(&records).unwrap()) {
            fs::write(at.join(file), bytes).unwrap();
        }
        agrees(&at.join("events.ndjson"), &at.join("run.json"));
    }
}
