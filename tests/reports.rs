//! What the reports say of synthetic runs.

#![allow(clippy::large_futures, clippy::unwrap_used)]

mod synthetic;

use gameday::measure::{Outcome, Verdict};
use gameday::model::*;
use gameday::report::{headline, reports};
use serde_json::{Value, json};
use synthetic::{World, all_objectives, at, outcome, scenario, started, with_objectives};

fn sample() -> Outcome {
    outcome(&World::sample().run().0).unwrap()
}

fn report(outcome: &Outcome, name: &str) -> String {
    let (_, bytes) = reports(outcome).into_iter().find(|(file, _)| *file == name).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn run_json(outcome: &Outcome) -> Value {
    serde_json::from_str(&report(outcome, "run.json")).unwrap()
}

fn codes(outcome: &Outcome) -> Vec<&str> {
    outcome.anomalies.iter().map(|anomaly| anomaly.code).collect()
}

fn edit(records: &mut [Record], mut change: impl FnMut(&mut Event)) {
    for record in records {
        change(&mut record.event);
    }
}

#[test]
fn every_report_of_the_sample_run() {
    let outcome = sample();
    for (name, bytes) in reports(&outcome) {
        insta::assert_snapshot!(name, String::from_utf8(bytes).unwrap());
    }
}

#[test]
fn the_same_log_gives_the_same_bytes() {
    let records = World::sample().run().0;
    let lines: Vec<String> = records.iter().map(|record| serde_json::to_string(record).unwrap()).collect();
    let read: Vec<Record> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(reports(&outcome(&records).unwrap()), reports(&outcome(&read).unwrap()));
}

#[test]
fn run_json_keeps_the_contract() {
    let json = run_json(&sample());
    assert_eq!(json["exit_code"], 0);
    assert_eq!(json["zero_at"], "2026-01-02T03:04:05.000000000Z");
    assert_eq!(json["milestones"].as_array().unwrap().len(), Milestone::ALL.len());
    let names: Vec<&str> = json["objectives"].as_array().unwrap().iter().map(|o| o["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["detection", "rto", "sustained_rto", "rpo", "failback", "replica_success_rate"]);
    assert_eq!(
        json["rollback"],
        json!({ "mutations": 3, "reverted": 3, "state_identical": true, "left": [], "differences": [] })
    );
}

#[test]
fn success_rates_of_one_region_are_told_apart_by_phase() {
    let rate = |region, phase| json!({ "metric": "success_rate", "region": region, "phase": phase, "at_least": "99%" });
    let rates = json!([rate("replica", "hold"), rate("replica", "outage"), rate("primary", "baseline")]);
    let outcome = outcome(&with_objectives(World::sample().run().0, &rates)).unwrap();
    let verdicts: Vec<_> = outcome.objectives.iter().map(|o| (o.name.as_str(), o.verdict)).collect();
    let expected = [
        ("replica_success_rate_hold", Verdict::Met),
        ("replica_success_rate_outage", Verdict::Missed),
        ("primary_success_rate", Verdict::Met),
    ];
    assert_eq!(verdicts, expected);
}

#[test]
fn a_claim_missing_at_the_replica_alone_is_a_failover_that_did_not_happen() {
    let world = World { broken_claim: Some("tenant_id".into()), ..World::sample() };
    let outcome = outcome(&world.run().0).unwrap();
    assert!(outcome.milestone(Milestone::DnsFlipResolver).is_some());
    assert_eq!(outcome.milestone(Milestone::FirstReplicaLogin), None);
    assert_eq!(outcome.exit_code, Some(1));
    let rto = outcome.objectives.iter().find(|o| o.name == "rto").unwrap();
    assert_eq!(rto.verdict, Verdict::Missed);
    assert!(rto.lower.unwrap() > 179.0 && rto.upper.is_none(), "{rto:?}");
    let json = run_json(&outcome);
    assert_eq!(json["milestones"][5], json!({ "name": "first_replica_login", "lower_s": null, "upper_s": null }));
    assert_eq!(json["logins"]["missing_claims"][0]["claim"], "tenant_id");
    let markdown = report(&outcome, "report.md");
    assert!(markdown.contains(r"issued in us-west-2 lacked the required claim tenant_id"), "{markdown}");
    assert!(report(&outcome, "report.html").contains("lacked the required claim tenant_id"));
    assert!(report(&outcome, "junit.xml").contains("first_replica_login was not reached"));
    insta::assert_snapshot!("claim_missing.md", markdown);
}

#[test]
fn a_run_that_leaves_out_the_hold_has_missed_what_should_have_held() {
    let world = World { broken_claim: Some("tenant_id".into()), ..World::sample() };
    let mut records = world.run().0;
    records.retain(|record| record.event != Event::PhaseStarted { phase: Phase::Hold });
    edit(&mut records, |event| match event {
        Event::Login(login) if login.phase == Phase::Hold => login.phase = Phase::Outage,
        _ => {}
    });
    let outcome = outcome(&records).unwrap();
    let verdict = |name: &str| outcome.objectives.iter().find(|o| o.name == name).unwrap().verdict;
    assert_eq!(verdict("sustained_rto"), Verdict::Missed);
    // Nobody was asked in that phase, so no share can be told.
    assert_eq!(verdict("replica_success_rate"), Verdict::Inconclusive);
}

#[test]
fn a_log_that_breaks_off_says_what_is_missing() {
    let mut records = World::sample().run().0;
    records.retain(|record| record.at < at(100.0));
    let outcome = outcome(&records).unwrap();
    assert_eq!(outcome.exit_code, None);
    assert!(headline(&outcome).starts_with("INTERRUPTED"));
    assert!(run_json(&outcome)["exit_code"].is_null());
    let markdown = report(&outcome, "report.md");
    assert!(markdown.contains("Phases that were not begun: restore, failback, verify."), "{markdown}");
    assert!(markdown.contains("gameday rollback"), "{markdown}");
    // What was seen is still reported.
    assert!(outcome.milestone(Milestone::FirstReplicaLogin).is_some());
    let failback = outcome.objectives.iter().find(|o| o.name == "failback").unwrap();
    assert_eq!(failback.verdict, Verdict::Inconclusive);
}

#[test]
fn an_abort_leaves_what_it_cut_short_inconclusive() {
    let mut records = World::sample().run().0;
    records.retain(|record| record.at < at(20.0));
    let record = |seconds, event| Record { seq: 0, at: at(seconds), event };
    records.push(record(20.0, Event::Abort { reason: "SIGINT".into() }));
    records.push(record(20.1, Event::PhaseStarted { phase: Phase::Restore }));
    records.push(record(22.0, Event::Restored { mutations: 3, reverted: 3, left: Vec::new() }));
    records.push(record(23.0, Event::RunEnded { failure: Some(RunFailure::Aborted("SIGINT".into())) }));
    let aborted = outcome(&records).unwrap();
    assert_eq!(aborted.exit_code, Some(4));
    let undecided =
        |name: &str| aborted.objectives.iter().any(|o| o.name == name && o.verdict == Verdict::Inconclusive);
    assert!(["detection", "rto", "sustained_rto", "failback", "replica_success_rate"].into_iter().all(undecided));
    assert!(codes(&aborted).contains(&"aborted"));

    // What could not be restored outranks the abort.
    edit(&mut records, |event| {
        if let Event::Restored { left, .. } = event {
            left.push("acl-1: AccessDenied".into());
        }
    });
    let left = outcome(&records).unwrap();
    assert_eq!(left.exit_code, Some(5));
    assert!(report(&left, "report.md").contains("acl-1: AccessDenied"));
}

#[test]
fn preflight_that_refuses_touches_nothing() {
    let finding = Finding {
        code: "GD501".into(),
        severity: Severity::Blocker,
        title: "The health check's target is not behind the blackhole".into(),
        evidence: "hc-1 probes 192.0.2.1".into(),
        remedy: "Point it at the front door.".into(),
    };
    let events = [
        Event::RunStarted(Box::new(started())),
        Event::PhaseStarted { phase: Phase::Preflight },
        Event::Finding(finding),
        Event::RunEnded { failure: Some(RunFailure::PreflightRefused) },
    ];
    let record = |(seq, event)| Record { seq, at: at(seq as f64), event };
    let records: Vec<Record> = (0..).zip(events).map(record).collect();
    let outcome = outcome(&records).unwrap();
    assert_eq!(outcome.exit_code, Some(3));
    let markdown = report(&outcome, "report.md");
    assert!(
        markdown.contains("REFUSED") && markdown.contains("GD501") && markdown.contains("Nothing was cut"),
        "{markdown}"
    );
    assert!(report(&outcome, "junit.xml").contains("nothing was touched"));
}

#[test]
fn a_fault_that_does_not_bite_is_said_and_starts_no_clock() {
    let world = World { cut: vec![0.2, f64::MAX], ..World::sample() };
    let mut records = World { cut: vec![0.2, 0.25], ..world.clone() }.run().0;
    edit(&mut records, |event| {
        if let Event::Path { address, open, window, .. } = event
            && *address == synthetic::address(1, 1)
        {
            *open = true;
            window.received = window.sent + jiff::SignedDuration::from_millis(50);
        }
    });
    let outcome = outcome(&records).unwrap();
    assert_eq!(outcome.milestone(Milestone::FaultEffective), None);
    assert!(codes(&outcome).contains(&"fault_did_not_bite"));
    assert!(report(&outcome, "report.md").contains("did not bite on 127.0.1.11"));
    assert!(outcome.objectives.iter().any(|o| o.name == "rto" && o.verdict == Verdict::Inconclusive));
}

#[test]
fn without_path_probes_the_fault_rests_on_the_api_and_says_so() {
    let mut records = World::sample().run().0;
    records.retain(|record| !matches!(record.event, Event::Path { .. }));
    let outcome = outcome(&records).unwrap();
    let effective = outcome.milestone(Milestone::FaultEffective).unwrap();
    assert_eq!((effective.lower, effective.upper), (0.0, 0.29));
    assert!(codes(&outcome).contains(&"no_path_probes"));
}

#[test]
fn oddities_are_put_into_words() {
    let mut records = World { switched: 20.0, ..World::sample() }.run().0;
    edit(&mut records, |event| match event {
        Event::Health { healthy, status_healthy: false, .. } => *healthy = 2,
        Event::Login(login) if login.arrival == 40 => {
            login.started = login.scheduled + jiff::SignedDuration::from_millis(700);
        }
        _ => {}
    });
    let window = Window { sent: at(70.0), received: at(75.0) };
    let gap = Event::ObserverGap { window, observer: "health".into(), error: "Throttling".into() };
    records.insert(records.len() - 1, Record { seq: 0, at: at(75.0), event: gap });
    let outcome = outcome(&records).unwrap();
    let codes = codes(&outcome);
    for code in ["checkers_blind", "login_before_dns_flip", "late_starts", "observer_gaps"] {
        assert!(codes.contains(&code), "{code} not in {codes:?}");
    }
    assert!(report(&outcome, "report.md").contains("the chain did not run in its usual order"));
}

/// Everything that a document's syntax could be broken with.
const HOSTILE: &str =
    "x|y`z`<script>alert(1)</script>\n# H *b* [l](http://evil.example) \"q\" ' & ]]> --> ;:,\u{202e}\u{1b}[31m ```";

#[test]
fn hostile_names_change_no_document() {
    let mut records = World { broken_claim: Some(HOSTILE.into()), ..World::sample() }.run().0;
    edit(&mut records, |event| match event {
        Event::RunStarted(run) => {
            run.scenario = scenario(&all_objectives());
            run.scenario["title"] = HOSTILE.into();
            run.scenario["hypothesis"] = HOSTILE.into();
            (run.environment_name, run.record, run.host) = (HOSTILE.into(), HOSTILE.into(), HOSTILE.into());
            (run.scenario_name, run.replica) = (HOSTILE.into(), HOSTILE.into());
        }
        Event::FaultPlanned { targets, .. } => targets.push(HOSTILE.into()),
        Event::StateCompared { differences, .. } => differences.push(HOSTILE.into()),
        Event::Restored { left, .. } => left.push(HOSTILE.into()),
        Event::Login(login) if login.role == Some(RegionRole::Replica) => login.region = Some(HOSTILE.into()),
        _ => {}
    });
    let extra = [
        Event::Notice { text: HOSTILE.into() },
        Event::NotChecked { what: HOSTILE.into() },
        Event::Finding(Finding {
            code: HOSTILE.into(),
            severity: Severity::Risk,
            title: HOSTILE.into(),
            evidence: HOSTILE.into(),
            remedy: HOSTILE.into(),
        }),
    ];
    let place = records.len() - 1;
    let record = |event| Record { seq: 0, at: at(1.0), event };
    records.splice(place..place, extra.map(record));
    let hostile = outcome(&records).unwrap();

    let markdown = report(&hostile, "report.md");
    assert!(!markdown.contains("<script>") && !markdown.contains("x|y") && !markdown.contains("[l]("));
    assert!(!markdown.contains("http://") && !markdown.contains('\u{1b}') && !markdown.contains('\u{202e}'));
    assert!(!markdown.contains("`z`") && markdown.lines().filter(|line| line.starts_with("# ")).count() == 1);
    // Every table keeps its columns, and the diagram is fenced once.
    let (mut columns, mut fences) = (None, 0);
    for line in markdown.lines() {
        let bars = line.replace(r"\|", "").matches('|').count();
        if line.starts_with('|') {
            assert_eq!(*columns.get_or_insert(bars), bars, "{line}");
        } else {
            columns = None;
        }
        fences += usize::from(line.starts_with("```"));
    }
    assert_eq!(fences, 2);

    let html = report(&hostile, "report.html");
    assert!(!html.contains("<script") && !html.contains("' &") && html.contains("&#60;script&#62;"));
    assert_eq!(html.matches("<h1").count(), 1);
    assert_eq!(run_json(&hostile)["environment"]["name"], HOSTILE);
    let junit = report(&hostile, "junit.xml");
    assert!(!junit.contains("<script") && !junit.contains('\u{1b}'));
    assert!(report(&hostile, "logins.hlog").lines().all(|line| line.starts_with('#') || line.starts_with("Tag=")));
}
