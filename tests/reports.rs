//! What the reports say of synthetic runs.

#[path = "schema/mod.rs"]
mod schema;

use std::collections::BTreeSet;

use crate::synthetic::{self, HOSTILE, World, at, hostile, outcome, started, with_objectives};
use gameday_core::measure::{Outcome, Verdict};
use gameday_core::model::*;
use gameday_core::report::{headline, hypothesis_verdict, reports};
use serde_json::{Value, json};

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

/// The texts of the cells of each row of a page's tables.
fn rows(html: &str) -> Vec<Vec<String>> {
    let text = |cell: &str| {
        // It begins within its own tag.
        let mut tag = true;
        let shown = |c: &char| {
            let text = !tag && *c != '<';
            tag = *c == '<' || (tag && *c != '>');
            text
        };
        cell.chars().filter(shown).collect::<String>()
    };
    let cells = |row: &str| row.replace("<th", "<td").split("<td").skip(1).map(text).collect::<Vec<_>>();
    html.split("<tr>").skip(1).filter_map(|row| row.split("</tr>").next()).map(cells).collect()
}

#[test]
fn the_page_has_every_figure_of_the_markdown() {
    let outcome = sample();
    let (markdown, html) = (report(&outcome, "report.md"), report(&outcome, "report.html"));
    let page = rows(&html);
    let groups = ["| Phase | Region ", "| Region | Attempted ", "| Phase | Attempted ", "| Flow ", "| Cohort "];
    for head in ["| Part ", "| Kind ", "| Figure "].into_iter().chain(groups) {
        let tables: Vec<&str> = markdown.split("\n\n").filter(|block| block.starts_with(head)).collect();
        assert!(!tables.is_empty(), "{head}");
        // The page's tables of figures and values have no head.
        let row = |line: &&str| !line.starts_with("|---") && *line != "| Figure | Value |";
        for line in tables.into_iter().flat_map(str::lines).filter(row) {
            let cells = line.trim_matches(['|', ' ']).split(" | ").map(|cell| cell.replace(['`', '\\', '*'], ""));
            let cells: Vec<String> = cells.collect();
            assert!(page.contains(&cells), "{cells:?}");
        }
    }
    for start in ["When each server, ", "The 95 % confidence ", "Replication before ", "No write lagged "] {
        let text = markdown.split("\n\n").find(|block| block.starts_with(start)).unwrap();
        assert!(html.contains(&format!(">{text}</p>")), "{text}");
    }
}

#[test]
fn no_two_tables_of_the_page_have_the_same_name() {
    for records in [World::sample().run().0, hostile()] {
        let html = report(&outcome(&records).unwrap(), "report.html");
        let mut names: Vec<&str> = html.split("\"><table>").map(|before| before.rsplit('"').next().unwrap()).collect();
        // After the last table.
        names.pop();
        let different: BTreeSet<&&str> = names.iter().collect();
        assert!(names.len() > 15 && different.len() == names.len(), "{names:?}");
    }
}

#[test]
fn only_the_log_of_a_whole_run_is_compressed() {
    for whole in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let mut records = World::sample().run().0;
        records.truncate(records.len() - usize::from(!whole));
        let lines = records.iter().map(|record| serde_json::to_string(record).unwrap() + "\n").collect::<String>();
        std::fs::write(folder.path().join("events.ndjson"), lines).unwrap();
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_gameday"));
        let done = command.arg("report").arg(folder.path()).arg("--compress-log").output().unwrap();
        assert_eq!(done.status.code(), Some(if whole { 0 } else { 2 }), "{done:?}");
        let there = |name: &str| folder.path().join(name).exists();
        assert_eq!((there("events.ndjson"), there("events.ndjson.zst"), there("report.md")), (!whole, whole, whole));
    }
}

#[test]
fn the_same_log_gives_the_same_bytes() {
    let records = World::sample().run().0;
    let lines: Vec<String> = records.iter().map(|record| serde_json::to_string(record).unwrap()).collect();
    let read: Vec<Record> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(reports(&outcome(&records).unwrap()), reports(&outcome(&read).unwrap()));
}

/// A run's folder with that event log.
fn folder_of(records: &[Record]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let lines: String = records.iter().map(|record| serde_json::to_string(record).unwrap() + "\n").collect();
    std::fs::write(folder.path().join("events.ndjson"), lines).unwrap();
    folder
}

fn gameday_report(folder: &std::path::Path, format: &[&str]) -> std::process::Output {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_gameday"));
    let done = command.arg("report").arg(folder).args(format).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    done
}

/// What `--format` takes, and the file that it prints.
const FORMATS: [(&str, &str); 8] = [
    ("md", "report.md"),
    ("markdown", "report.md"),
    ("html", "report.html"),
    ("json", "run.json"),
    ("junit", "junit.xml"),
    ("hlog", "logins.hlog"),
    ("openmetrics", "metrics.txt"),
    ("journal", "journal.json"),
];

#[test]
fn gameday_report_prints_and_writes_the_same_bytes_in_every_format() {
    let killed: Vec<Record> = World::sample().run().0.into_iter().filter(|record| record.at < at(100.0)).collect();
    for (records, whole) in [(World::sample().run().0, true), (hostile(), true), (killed, false)] {
        let folder = folder_of(&records);
        let expected = reports(&outcome(&records).unwrap());
        let written = gameday_report(folder.path(), &[]);
        for (name, bytes) in &expected {
            assert!(std::fs::read(folder.path().join(name)).unwrap() == *bytes, "{name}");
            assert!(FORMATS.iter().any(|(_, file)| file == name), "no --format prints {name}");
        }
        let warned = String::from_utf8(written.stderr).unwrap();
        assert_eq!(warned.contains("what is missing: "), !whole, "{warned}");
        for (format, name) in FORMATS {
            let printed = gameday_report(folder.path(), &["--format", format]).stdout;
            assert!(expected.iter().any(|(file, bytes)| *file == name && *bytes == printed), "{format}");
        }
    }
}

#[test]
fn whoever_reads_no_further_has_read_enough() {
    let run = folder_of(&World::sample().run().0);
    let run = run.path().to_str().unwrap();
    let scenario = "scenarios/full-failover.toml";
    for args in
        [&["schema", "run"][..], &["validate", scenario], &["report", run], &["report", run, "--format", "html"]]
    {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_gameday"));
        let done = command.args(args).stdout(writer).output().unwrap();
        assert_eq!(done.status.code(), Some(0), "{args:?}: {done:?}");
    }
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
        json!({ "mutations": 3, "reverted": 3, "state_identical": true, "not_reverted": [], "differences": [] })
    );
}

#[test]
fn success_rates_of_one_region_are_told_apart_by_phase() {
    let rate = |region, phase| json!({ "metric": "success_rate", "region": region, "phase": phase, "at_least": "90%" });
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
    assert!(markdown.contains("Phases that did not start: restore, failback, verify."), "{markdown}");
    assert!(markdown.contains("gameday rollback"), "{markdown}");
    assert!(report(&outcome, "report.html").contains("Phases that did not start: restore, failback, verify."));
    let metrics = report(&outcome, "metrics.txt");
    assert!(metrics.contains("\ngameday_run_complete 0\n") && !metrics.contains("exit_code"), "{metrics}");
    let journal: Value = serde_json::from_str(&report(&outcome, "journal.json")).unwrap();
    assert_eq!((&journal["status"], &journal["deviated"]), (&json!("interrupted"), &json!(false)));
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
    records.push(record(22.0, Event::Restored { mutations: 3, reverted: 3, not_reverted: Vec::new() }));
    records.push(record(23.0, Event::RunEnded { failure: Some(RunFailure::Aborted("SIGINT".into())) }));
    let aborted = outcome(&records).unwrap();
    assert_eq!(aborted.exit_code, Some(4));
    let undecided =
        |name: &str| aborted.objectives.iter().any(|o| o.name == name && o.verdict == Verdict::Inconclusive);
    assert!(["detection", "rto", "sustained_rto", "failback", "replica_success_rate"].into_iter().all(undecided));
    assert!(codes(&aborted).contains(&"aborted"));

    // What could not be restored outranks the abort.
    edit(&mut records, |event| {
        if let Event::Restored { not_reverted, .. } = event {
            not_reverted.push("acl-1: AccessDenied".into());
        }
    });
    let left = outcome(&records).unwrap();
    assert_eq!(left.exit_code, Some(5));
    assert!(report(&left, "report.md").contains("acl-1: AccessDenied"));
}

#[test]
fn a_run_that_was_aborted_or_not_put_back_confirms_nothing() {
    assert_eq!(hypothesis_verdict(&sample()), "confirmed");
    // While it verified, when every objective had been decided.
    let mut stopped = with_events([Event::Abort { reason: "SIGINT".into() }]);
    edit(&mut stopped, |event| {
        if let Event::RunEnded { failure } = event {
            *failure = Some(RunFailure::Aborted("SIGINT".into()));
        }
    });
    let mut left = World::sample().run().0;
    edit(&mut left, |event| {
        if let Event::Restored { not_reverted, .. } = event {
            not_reverted.push("acl-1: AccessDenied".into());
        }
    });
    for (records, code) in [(stopped, 4), (left, 5)] {
        let outcome = outcome(&records).unwrap();
        assert_eq!((outcome.exit_code, outcome.all_met()), (Some(code), true));
        assert_eq!(hypothesis_verdict(&outcome), "neither confirmed nor refuted");
    }
}

#[test]
fn a16_preflight_that_refuses_touches_nothing_and_says_why_first() {
    let finding = Finding {
        code: "GD501".into(),
        severity: Severity::Blocker,
        regions: Vec::new(),
        predicts: Some(Predicts::Unreached(Milestone::DnsFlipAuthoritative)),
        title: "The health check's target is not behind the blackhole".into(),
        evidence: "hc-1 probes 192.0.2.1".into(),
        remedy: "Point it at the front door.".into(),
        accepted: None,
        ignored: false,
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
        markdown.contains("REFUSED") && markdown.contains("GD501") && markdown.contains("No fault was injected"),
        "{markdown}"
    );
    assert!(report(&outcome, "junit.xml").contains("nothing was changed"));
    // A16: the reason comes before everything else, and no empty table stands in its way.
    let page = report(&outcome, "report.html");
    for (text, reason) in [(&markdown, "**GD501**"), (&page, "<strong>GD501</strong>")] {
        let (reason, timeline) = (text.find(reason).unwrap(), text.find("No fault was injected, so").unwrap());
        assert!(reason < timeline, "{text}");
        for empty in ["Objectives</h2>", "## Objectives", "Where the recovery time went"] {
            assert!(!text.contains(empty), "{empty}: {text}");
        }
        assert_eq!(text.matches("Findings of preflight").count(), 1);
    }
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
    assert!(report(&outcome, "report.md").contains("had no effect on 127.0.1.11"));
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
    records.insert(records.len() - 1, Record { seq: 0, at: records[records.len() - 2].at, event: gap });
    let outcome = outcome(&records).unwrap();
    let codes = codes(&outcome);
    for code in ["checkers_blind", "login_before_dns_flip", "late_starts", "observer_gaps"] {
        assert!(codes.contains(&code), "{code} not in {codes:?}");
    }
    assert!(report(&outcome, "report.md").contains("the chain did not run in its usual order"));
}

#[test]
fn what_bends_the_figures_of_observers_is_put_into_words() {
    let calm = sample();
    let calm = codes(&calm);
    assert!(
        !calm.contains(&"resolver_ignored_ttl") && !calm.contains(&"clock_jumped") && !calm.contains(&"runner_stalled")
    );

    // The second resolver keeps the primary's address for 87 s, with a TTL of 60 s; the first for 29 s.
    let late = outcome(&World { resolvers: vec![61.7, 120.0], switched: 121.0, ..World::sample() }.run().0).unwrap();
    let told: Vec<&str> =
        late.anomalies.iter().filter(|a| a.code == "resolver_ignored_ttl").map(|a| a.text.as_str()).collect();
    assert!(told.len() == 1 && told[0].starts_with("The resolver resolver1 ignored the TTL"), "{told:?}");
    assert!(told[0].contains("the record's TTL is 60 s"), "{told:?}");

    let mut records = World::sample().run().0;
    let still = records.iter().filter(|record| !(at(50.0)..at(75.0)).contains(&record.at)).cloned().collect::<Vec<_>>();
    assert!(anomaly(&outcome(&still).unwrap(), "runner_stalled").contains("stalled once, for 25."));
    let place = records.iter().position(|record| matches!(record.event, Event::Health { .. })).unwrap();
    records[place].at -= jiff::SignedDuration::from_secs(3600);
    let jumped = outcome(&records).unwrap();
    assert!(jumped.anomalies.iter().any(|anomaly| anomaly.code == "clock_jumped" && anomaly.severe));

    // No answer of the health check while it changed.
    let mut records = World::sample().run().0;
    let window = Window { sent: at(29.0), received: at(34.0) };
    records.retain(|record| !matches!(&record.event, Event::Health { window: look, .. } if look.sent >= window.sent && look.sent < window.received));
    let gap = Event::ObserverGap { window, observer: "health".into(), error: "Throttling".into() };
    let place = records.iter().position(|record| record.at > at(34.0)).unwrap();
    records.insert(place, record(34.0, gap));
    let wide = outcome(&records).unwrap();
    assert!(anomaly(&wide, "observer_gaps").contains("Affected: health_check_unhealthy."));
    let width = |outcome: &Outcome| outcome.milestone(Milestone::HealthCheckUnhealthy).unwrap().width();
    assert!(width(&wide) > 4.0 && width(&sample()) < 1.0);
}

#[test]
fn an_error_budget_is_that_of_the_scenario_or_an_assumption_that_is_said() {
    let assumed = sample();
    let budget = assumed.availability.as_ref().unwrap().budget;
    assert!(budget.assumed && (budget.budget_s - 2592.0).abs() < 1e-6, "{budget:?}");
    assert!(report(&assumed, "report.md").contains("assumed: the scenario has no"));
    let mut records = World::sample().run().0;
    edit(&mut records, |event| {
        if let Event::RunStarted(run) = event {
            run.scenario["slo"] = json!({ "availability": "99%", "window": "24h" });
        }
    });
    let told = outcome(&records).unwrap();
    let availability = told.availability.as_ref().unwrap();
    assert!(!availability.budget.assumed && (availability.budget.budget_s - 864.0).abs() < 1e-6);
    let used = availability.unavailable_s.upper / 864.0;
    assert!((availability.budget.used.upper - used).abs() < 1e-6 && used > 0.06, "{used}");
    assert!(report(&told, "report.md").contains("| Error budget | 14 min 24 s: 99.00 % over 1 day |"));
}

#[test]
fn lag_beyond_a_level_is_counted_and_said() {
    let within = sample().rpo.unwrap().lag.unwrap();
    assert!(
        within.beyond.iter().all(|beyond| beyond.possibly == 0) && within.p50 <= within.p90 && within.p90 <= within.p99
    );
    let text = report(&sample(), "report.md");
    assert!(
        text.contains("within the service level objective of 30 s.") && text.contains("No write lagged beyond"),
        "{text}"
    );
    // Ten times slower than the canaries' lead before the cut: nothing but the levels' order can be told.
    let mut records = World::sample().run().0;
    edit(&mut records, |event| {
        if let Event::CanaryWritten { window, .. } = event {
            window.sent -= jiff::SignedDuration::from_secs(70);
            window.received -= jiff::SignedDuration::from_secs(70);
        }
    });
    let slow = outcome(&records).unwrap();
    let beyond = slow.rpo.unwrap().lag.unwrap().beyond;
    assert!(
        beyond[0].certainly > 10 && beyond[0].certainly == beyond[1].certainly && beyond[2].possibly == 0,
        "{beyond:?}"
    );
    assert!(report(&slow, "report.md").contains("lagged beyond the alarm at 60 s"));
}

#[test]
fn hostile_names_change_no_document() {
    let hostile = outcome(&hostile()).unwrap();

    let markdown = report(&hostile, "report.md");
    assert!(!markdown.contains("<script>") && !markdown.contains("x|y") && !markdown.contains("[l]("));
    assert!(!markdown.contains("http://") && !markdown.contains('\u{1b}') && !markdown.contains('\u{202e}'));
    assert!(!markdown.contains("`z`") && markdown.lines().filter(|line| line.starts_with("# ")).count() == 1);
    // Every table keeps its columns, and each diagram is fenced once.
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
    // Timeline, recovery curve and lag, each opened and closed.
    assert_eq!(fences, 6);

    let html = report(&hostile, "report.html");
    assert!(!html.contains("<script") && !html.contains("' &") && html.contains("&#60;script&#62;"));
    assert_eq!(html.matches("<h1").count(), 1);
    // Nor does a name turn round the report's own words.
    assert!(!html.contains('\u{202e}') && !html.contains('\u{1b}') && html.contains("&#60;img src=x onerror"));
    assert_eq!(run_json(&hostile)["environment"]["name"], HOSTILE);
    let junit = report(&hostile, "junit.xml");
    assert!(!junit.contains("<script") && !junit.contains('\u{1b}'));
    let metrics = report(&hostile, "metrics.txt");
    let comment = |line: &str| {
        ["# HELP gameday_", "# TYPE gameday_", "# UNIT gameday_"].iter().any(|start| line.starts_with(start))
    };
    let (end, lines) = metrics
        .lines()
        .map(str::to_owned)
        .collect::<Vec<_>>()
        .split_last()
        .map(|(e, l)| (e.clone(), l.to_vec()))
        .unwrap();
    assert_eq!(end, "# EOF");
    assert!(lines.iter().all(|line| comment(line) || line.starts_with("gameday_")), "{metrics}");
    assert!(!metrics.contains('\u{1b}') && !metrics.contains('\u{202e}') && metrics.contains(r#"\"} 1 # EOF"#));
    let journal = report(&hostile, "journal.json");
    assert!(!journal.contains("<script") && !journal.contains(r"\u001b") && !journal.contains("http://"));
    assert!(report(&hostile, "logins.hlog").lines().all(|line| line.starts_with('#') || line.starts_with("Tag=")));
}

fn record(seconds: f64, event: Event) -> Record {
    Record { seq: 0, at: at(seconds), event }
}

/// The sample run with other events before its end.
fn with_events(events: impl IntoIterator<Item = Event>) -> Vec<Record> {
    let mut records = World::sample().run().0;
    let place = records.len() - 2;
    let before = records[place - 1].at;
    records.splice(place..place, events.into_iter().map(|event| Record { seq: 0, at: before, event }));
    records
}

fn logins(records: &mut [Record], mut change: impl FnMut(&mut Login)) {
    edit(records, |event| {
        if let Event::Login(login) = event {
            change(login);
        }
    });
}

fn anomaly<'a>(outcome: &'a Outcome, code: &str) -> &'a str {
    &outcome.anomalies.iter().find(|anomaly| anomaly.code == code).unwrap().text
}

fn rejected(code: &str) -> LoginOutcome {
    LoginOutcome::Rejected { step: LoginStep::InitiateAuth, code: code.into() }
}

#[test]
fn a_refusal_that_is_expected_is_no_failure_and_a_surprise_is_a_finding() {
    let mut records = World::sample().run().0;
    let totp = Flow::UserPassword.as_str();
    logins(&mut records, |login| {
        login.at_replica = (login.flow == totp).then_some(Expect::Refused);
        if login.at_replica.is_some() && login.role == Some(RegionRole::Replica) {
            login.outcome = rejected("OperationNotEnabledException");
        }
    });
    let calm = outcome(&records).unwrap();
    assert_eq!(calm.exit_code, Some(0), "{}", headline(&calm));
    let refused = calm.logins.by_flow[totp].expected_refusals;
    assert!(refused > 20);
    assert_eq!(calm.logins.all.expected_refusals, refused);
    assert_eq!(calm.logins.all.attempted + refused, sample().logins.all.attempted);
    assert!(!calm.logins.errors.keys().any(|outcome| matches!(outcome, LoginOutcome::Rejected { .. })));
    assert!(calm.milestone(Milestone::ReplicaSustained).is_some());
    assert_eq!(run_json(&calm)["expectations"][0]["held"], true);
    assert!(headline(&calm).contains("the only expected limit held"));

    let mut let_in = 0;
    logins(&mut records, |login| {
        if login.outcome == rejected("OperationNotEnabledException") && let_in == 0 {
            (login.outcome, let_in) = (LoginOutcome::Succeeded, 1);
        }
    });
    let surprised = outcome(&records).unwrap();
    assert_eq!(surprised.exit_code, Some(1));
    assert_eq!(
        headline(&surprised),
        "FAILED: 1 of 1 expected limit did not hold (login by USER_PASSWORD_AUTH); everything was restored."
    );
    let finding = surprised.findings.iter().find(|finding| finding.code == "GD103").unwrap();
    assert!(
        finding.evidence.contains(" rejected at InitiateAuth (OperationNotEnabledException), 1 succeeded"),
        "{finding:?}"
    );
    assert!(report(&surprised, "report.md").contains("**surprise**"));
    assert!(report(&surprised, "junit.xml").contains("login by USER_PASSWORD_AUTH at the replica"));
}

#[test]
fn an_outage_of_the_replica_is_no_refusal_that_is_expected() {
    let untold = ["HTTP 500", "InternalErrorException", "UnexpectedLambdaException", "ResourceNotFoundException"];
    for code in untold.into_iter().chain(["the login form was shown again"]) {
        let mut records = World::sample().run().0;
        let mut failed = 0;
        logins(&mut records, |login| {
            let here = login.flow == Flow::UserPassword.as_str() && login.role == Some(RegionRole::Replica);
            if here {
                (login.at_replica, login.outcome) = (Some(Expect::Refused), rejected(code));
                failed += 1;
            }
        });
        let outcome = outcome(&records).unwrap();
        let logins = &outcome.logins;
        assert_eq!((logins.all.expected_refusals, logins.all.attempted), (0, sample().logins.all.attempted), "{code}");
        assert_eq!(logins.errors[&rejected(code)], failed, "{code}");
        let row = &run_json(&outcome)["expectations"][0];
        assert!(row["held"].is_null(), "{row}");
        assert_eq!(row["seen"], format!("0 succeeded, {failed} failed with another error, which proves nothing"));
        assert_eq!(outcome.exit_code, Some(1));
    }
}

#[test]
fn the_step_in_which_a_try_fails_is_told_apart_from_those_that_ended() {
    let steady = sample().logins.steps;
    let mut records = World::sample().run().0;
    let (mut blackholed, mut earlier) = (0, 0);
    let step = |step, ms, ended| StepTime { step, ms, ended };
    logins(&mut records, |login| {
        if login.outcome == LoginOutcome::ConnectTimeout {
            login.steps = vec![step(LoginStep::Dns, 2.0, true), step(LoginStep::Connect, 3000.0, false)];
            blackholed += 1;
        } else if login.arrival % 10 == 0 {
            let (ended, role, outcome) = (login.started, None, LoginOutcome::ConnectTimeout);
            let steps = vec![step(LoginStep::Dns, 2.0, true), step(LoginStep::Connect, 1500.0, false)];
            login.earlier = vec![FailedTry { ended, role, outcome, api_sent: None, steps }];
            earlier += 1;
        }
    });
    let outcome = outcome(&records).unwrap();
    let of = |wanted| *outcome.logins.steps.iter().find(|row| row.step == wanted).unwrap();
    let before = |wanted| steady.iter().find(|row| row.step == wanted).unwrap().ended;
    let (dns, connect) = (of(LoginStep::Dns), of(LoginStep::Connect));
    assert!(blackholed > 20 && earlier > 5);
    assert_eq!(dns.ended.count, before(LoginStep::Dns).count + blackholed + earlier);
    assert_eq!((dns.unfinished.count, dns.unfinished.latency), (0, None));
    assert_eq!(connect.ended, before(LoginStep::Connect));
    assert_eq!(connect.unfinished.count, blackholed + earlier);
    let p99 = connect.unfinished.latency.unwrap().p99;
    assert!((p99 - 3000.0).abs() < 3.0, "{p99}");
    let rows = run_json(&outcome)["logins"]["steps"].clone();
    let row = rows.as_array().unwrap().iter().find(|row| row["step"] == "connect").unwrap();
    assert_eq!(
        (&row["count"], &row["unfinished"]["count"]),
        (&json!(connect.ended.count), &json!(blackholed + earlier))
    );
    let shown = format!("| connect | failed | {} |", blackholed + earlier);
    assert!(
        report(&outcome, "report.md").contains(&shown) && report(&outcome, "report.html").contains("<td>failed</td>")
    );
}

#[test]
fn a_log_from_before_steps_could_fail_is_read() {
    let read = |text: &str| serde_json::from_str::<StepTime>(text).unwrap();
    assert!(read(r#"{ "step": "connect", "ms": 1.5 }"#).ended);
    let text = serde_json::to_string(&StepTime { step: LoginStep::Connect, ms: 1.5, ended: false }).unwrap();
    assert!(!read(&text).ended);
    let cut = r#"{ "ended": "2026-01-02T03:04:05Z", "outcome": { "class": "connect_timeout" } }"#;
    assert_eq!(serde_json::from_str::<FailedTry>(cut).unwrap().steps, []);
    assert_eq!(serde_json::from_str::<LoginOutcome>(r#"{ "class": "cancelled" }"#).unwrap(), LoginOutcome::Cancelled);
}

#[test]
fn what_a_replica_may_not_do_decides_like_an_objective() {
    let tried = |action, held: Option<bool>, seen: &str| {
        let window = Window { sent: at(100.0), received: at(100.2) };
        let (role, region) = (RegionRole::Replica, synthetic::REPLICA.into());
        let seen = seen.to_owned();
        Event::Expectation(Expectation { action, role, region, expect: Expect::Refused, held, seen, window })
    };
    let stated = |records: &mut Vec<Record>| {
        edit(records, |event| {
            if let Event::RunStarted(run) = event {
                run.scenario["expectations"] = json!([
                    { "action": "sign-up", "expect": "refused" },
                    { "action": "password-reset", "expect": "refused" }
                ]);
            }
        });
    };
    let judged = |held: Option<bool>| {
        let reset = tried(UserAction::PasswordReset, held, "InvalidParameterException");
        let mut records = with_events([tried(UserAction::SignUp, Some(true), "NotAuthorizedException"), reset]);
        stated(&mut records);
        outcome(&records).unwrap()
    };
    assert_eq!(judged(Some(true)).exit_code, Some(0));
    let surprised = judged(Some(false));
    assert_eq!((surprised.exit_code, surprised.findings[0].code.as_str()), (Some(1), "GD103"));
    assert!(headline(&surprised).contains("1 of 2 expected limits did not hold (password-reset)"));
    let unknown = judged(None);
    assert_eq!((unknown.exit_code, unknown.findings.len()), (Some(1), 0));
    assert!(headline(&unknown).contains("1 of 2 expected limits could not be verified (password-reset)"));

    let mut records = with_events([tried(UserAction::SignUp, Some(true), "NotAuthorizedException")]);
    stated(&mut records);
    let untried = outcome(&records).unwrap();
    let row = json!({
        "action": "password-reset", "role": "replica", "region": "us-west-2", "expected": "refused", "seen": "not tried", "held": null
    });
    assert_eq!(run_json(&untried)["expectations"][1], row);
    assert_eq!(untried.exit_code, Some(1));
}

fn session(session: u64, step: SessionStep, sent: f64, role: RegionRole, outcome: LoginOutcome) -> Event {
    let window = Window { sent: at(sent), received: at(sent + 0.5) };
    let (user, flow, cohort) = ("user".into(), "REFRESH_TOKEN_AUTH".into(), "honours-ttl".into());
    let role = Some(role);
    Event::Session(Box::new(SessionCall {
        session,
        user,
        flow,
        cohort,
        step,
        window,
        phase: Phase::Hold,
        role,
        outcome,
        blocked: false,
    }))
}

/// Four sessions: kept over a stall, interrupted, forced to sign in again, lost; and one that was never opened.
fn sessions() -> Vec<Event> {
    use RegionRole::{Primary, Replica};
    use SessionStep::{ApiCall, Refresh, SignIn, SignInAgain};
    let good = || LoginOutcome::Succeeded;
    let stalled = || LoginOutcome::Stalled { step: LoginStep::ProtectedApi };
    let refused = || LoginOutcome::ApiRefused { status: 401, reason: String::new() };
    let ended = || rejected("NotAuthorizedException");
    let mut events: Vec<Event> = (0..4).map(|n| session(n, SignIn, -20.0, Primary, good())).collect();
    events.push(session(4, SignIn, -20.0, Primary, ended()));
    events.extend([
        session(0, ApiCall, 10.0, Primary, stalled()),
        session(0, ApiCall, 20.0, Primary, stalled()),
        session(0, ApiCall, 70.0, Replica, good()),
        session(0, Refresh, 80.0, Replica, good()),
        session(0, Refresh, 245.0, Primary, good()),
        session(1, ApiCall, 70.0, Replica, refused()),
        session(1, ApiCall, 75.0, Replica, good()),
        session(1, ApiCall, 245.0, Primary, good()),
        session(2, Refresh, 80.0, Replica, ended()),
        session(2, SignInAgain, 81.0, Replica, good()),
        session(2, Refresh, 245.0, Primary, good()),
        session(3, Refresh, 80.0, Replica, good()),
        session(3, Refresh, 245.0, Primary, ended()),
        session(3, SignInAgain, 246.0, Primary, ended()),
        session(3, ApiCall, 259.0, Primary, LoginOutcome::Cancelled),
    ]);
    events
}

#[test]
fn sessions_are_kept_interrupted_forced_or_lost() {
    let records = with_events(sessions());
    let outcome = outcome(&records).unwrap();
    let sessions = run_json(&outcome)["sessions"].clone();
    let outcomes =
        ["opened", "kept", "interrupted", "forced", "lost", "not_opened"].map(|fate| sessions[fate].as_u64().unwrap());
    assert_eq!(outcomes, [4, 1, 1, 1, 1, 1]);
    assert_eq!(sessions["api_in_outage"], json!({ "tried": 5, "worked": 2 }));
    assert_eq!(sessions["api_refused_in_outage"], 1);
    // From the call that hung at 10 s to the answer at 70.5 s.
    assert_eq!(sessions["longest_without_api_s"], 60.5);
    assert_eq!(sessions["without_api_to_the_end"], 0);
    assert_eq!(sessions["refreshes_at_replica"], json!({ "tried": 3, "worked": 2 }));
    assert_eq!(sessions["refreshes_after_failback"], json!({ "tried": 3, "worked": 2 }));
    assert_eq!(sessions["by_plan"][0]["cohort"], "honours-ttl");
    assert!(report(&outcome, "report.md").contains("| REFRESH_TOKEN_AUTH | honours-ttl | 4 | 1 | 1 | 1 | 1 |"));
}

#[test]
fn a_session_that_was_opened_after_the_cut_is_not_one_from_before_it() {
    use RegionRole::Primary;
    let late = [
        session(4, SessionStep::SignIn, 0.5, Primary, LoginOutcome::Succeeded),
        // Sent before the cut, answered after it.
        session(5, SessionStep::SignIn, -0.2, Primary, LoginOutcome::Succeeded),
        session(5, SessionStep::ApiCall, 6.0, Primary, LoginOutcome::Succeeded),
    ];
    let on_time: Vec<Event> = sessions().into_iter().filter(|event| !is_session(event, 4)).collect();
    let outcome = outcome(&with_events(on_time.into_iter().chain(late))).unwrap();
    let sessions = outcome.sessions.unwrap();
    assert_eq!((sessions.all.opened, sessions.all.kept, sessions.not_opened), (4, 1, 2));
    assert_eq!(sessions.api_in_outage.tried, 5);
}

fn is_session(event: &Event, number: u64) -> bool {
    matches!(event, Event::Session(call) if call.session == number)
}

#[test]
fn calls_that_a_stall_held_up_count_as_calls_that_failed() {
    let stalled = || LoginOutcome::Stalled { step: LoginStep::ProtectedApi };
    let mut due = session(0, SessionStep::ApiCall, 26.0, RegionRole::Primary, stalled());
    let mut renewal = session(3, SessionStep::ApiCall, 245.2, RegionRole::Primary, rejected("NotAuthorizedException"));
    for event in [&mut due, &mut renewal] {
        if let Event::Session(call) = event {
            call.blocked = true;
        }
    }
    let outcome = outcome(&with_events(sessions().into_iter().chain([due, renewal]))).unwrap();
    let found = run_json(&outcome)["sessions"].clone();
    assert_eq!(found["api_in_outage"], json!({ "tried": 6, "worked": 2 }));
    assert_eq!((&found["api_blocked_in_outage"], &found["api_refused_in_outage"]), (&json!(1), &json!(1)));
    let outcomes = ["kept", "interrupted", "forced", "lost"].map(|fate| found[fate].as_u64().unwrap());
    assert_eq!(outcomes, [1, 1, 1, 1]);
}

#[test]
fn the_share_of_sessions_that_are_kept_is_an_objective() {
    let judged = |records: Vec<Record>, at_least: &str| {
        let objectives = json!([{ "metric": "sessions_kept", "at_least": at_least }]);
        let result = outcome(&with_objectives(records, &objectives)).unwrap().objectives.remove(0);
        (result.verdict, result.observed)
    };
    assert_eq!(judged(with_events(sessions()), "0.5%"), (Verdict::Met, Some(0.25)));
    assert_eq!(judged(with_events(sessions()), "25%"), (Verdict::Inconclusive, Some(0.25)));
    assert_eq!(judged(with_events(sessions()), "90%"), (Verdict::Missed, Some(0.25)));
    assert_eq!(judged(World::sample().run().0, "1%"), (Verdict::Missed, None));
    let mut broken_off = with_events(sessions());
    broken_off.retain(|record| record.event != Event::PhaseStarted { phase: Phase::Verify });
    broken_off.truncate(broken_off.len() - 2);
    assert_eq!(judged(broken_off, "25%").0, Verdict::Inconclusive);
}

#[test]
fn throttling_is_told_by_region_and_before_and_after_the_limit_was_raised() {
    let raised = Mutation {
        fault: None,
        window: Window { sent: at(120.0), received: at(120.5) },
        region: synthetic::REPLICA.into(),
        step: Step::Prepare,
        call: "cognito-idp:UpdateProvisionedLimit".into(),
        resource: "UserAuthentication".into(),
        ipv4: false,
        error: None,
    };
    let mut records = with_events([Event::Mutation(raised)]);
    let (mut throttled, mut before, mut after) = (0, 0, 0);
    logins(&mut records, |login| {
        if login.role == Some(RegionRole::Replica) {
            before += u64::from(login.ended <= at(120.0));
            after += u64::from(login.scheduled >= at(120.5));
            if login.ended <= at(120.0) && login.arrival % 2 == 0 {
                login.outcome = LoginOutcome::Throttled { step: LoginStep::InitiateAuth };
                throttled += 1;
            }
        }
    });
    let objective = |phase: &str, at_most: &str| json!({ "metric": "throttled_share", "region": "replica", "phase": phase, "at_most": at_most });
    let records = with_objectives(
        records,
        &json!([objective("hold", "99%"), objective("outage", "3%"), objective("failback", "3%")]),
    );
    let outcome = outcome(&records).unwrap();
    let share = f64::from(throttled) / before as f64 * 100.0;
    assert_eq!(
        anomaly(&outcome, "throttled"),
        format!(
            "{throttled} of {before} logins ({share:.2} %) were throttled at us-west-2 before its limit was changed 120.50 s \
             after fault injection, 0 of {after} logins (0.00 %) after that."
        )
    );
    let verdicts: Vec<_> = outcome.objectives.iter().map(|o| (o.name.as_str(), o.verdict)).collect();
    let expected = [
        ("replica_throttled_share_hold", Verdict::Met),
        ("replica_throttled_share_outage", Verdict::Missed),
        ("replica_throttled_share_failback", Verdict::Met),
    ];
    assert_eq!(verdicts, expected);
    let json = run_json(&outcome);
    assert_eq!(json["objectives"][0]["bound"], "at_most");
    assert_eq!(json["logins"]["throttled"], throttled);
    assert_eq!(json["throttling"][0]["windows"][0]["from_s"], 60.0);
    assert!(report(&outcome, "report.md").contains("at most 99.00 %"));
}

#[test]
fn users_who_try_again_are_counted_by_their_tries() {
    let mut records = World::sample().run().0;
    let (mut failed, mut rescued, mut others) = (Vec::new(), 0, 0);
    logins(&mut records, |login| {
        if login.phase == Phase::Outage && login.outcome == LoginOutcome::ConnectTimeout {
            // A chain of users that never gets in, but for the last.
            login.retry_of = failed.last().copied();
            failed.push(login.arrival);
        } else if login.phase == Phase::Hold && rescued < 3 {
            login.retry_of = (rescued == 0).then(|| failed.last().copied().unwrap());
            let (ended, role) = (login.started, Some(RegionRole::Replica));
            let throttled = LoginOutcome::Throttled { step: LoginStep::InitiateAuth };
            login.earlier = vec![FailedTry { ended, role, outcome: throttled, api_sent: None, steps: Vec::new() }; 2];
            rescued += 1;
        } else if !matches!(login.outcome, LoginOutcome::Succeeded | LoginOutcome::Cancelled) {
            others += 1;
        }
    });
    let outcome = outcome(&records).unwrap();
    let tries = run_json(&outcome)["tries"].clone();
    assert_eq!((&tries["retried"], &tries["succeeded_by_retry"]), (&json!(3), &json!(3)));
    assert_eq!(tries["by_tries"][1], json!({ "tries": 3, "logins": 3, "succeeded": 3 }));
    assert_eq!(tries["failed_tries"]["throttled at InitiateAuth"], 6);
    assert_eq!(tries["repeated_arrivals"], failed.len());
    assert_eq!(tries["signed_in_again"], json!([{ "arrivals": failed.len() + 1, "users": 1 }]));
    assert!(others > 0);
    assert_eq!(tries["gave_up"], others, "who failed and did not come again is not back by the end of the run");
}

#[test]
fn failures_name_their_cause() {
    let mut records = World::sample().run().0;
    let reason = "the keys of us-east-1 could not be fetched: timed out";
    logins(&mut records, |login| {
        if login.role == Some(RegionRole::Replica) {
            match login.arrival % 5 {
                0 => login.outcome = rejected("ResourceNotFoundException"),
                1 => login.outcome = LoginOutcome::ApiRefused { status: 401, reason: reason.into() },
                2 => {
                    let (asked, served) = (synthetic::REPLICA.into(), synthetic::PRIMARY.into());
                    login.outcome = LoginOutcome::WrongRegion { asked, served };
                }
                3 if login.arrival % 2 == 0 => login.outcome = LoginOutcome::Shed,
                3 => login.outcome = LoginOutcome::NoSession,
                _ => {}
            }
        } else if login.arrival == 1 {
            login.outcome = LoginOutcome::HarnessFailed { what: "the app client has no callback URL".into() };
        }
    });
    let outcome = outcome(&records).unwrap();
    // What the runner itself could not make counts nowhere.
    let missing = LoginOutcome::HarnessFailed { what: "the app client has no callback URL".into() };
    assert_eq!(outcome.logins.all.attempted, sample().logins.all.attempted - 1);
    assert_eq!(outcome.logins.errors[&missing], 1);
    assert!(anomaly(&outcome, "harness_failed").contains("the app client has no callback URL"));
    assert!(
        anomaly(&outcome, "no_session").contains("found no session")
            && outcome.logins.errors[&LoginOutcome::NoSession] > 1
    );
    assert!(anomaly(&outcome, "app_client_missing").contains("does not exist at the replica's pool"));
    let keys = anomaly(&outcome, "jwks_on_request_path");
    assert!(keys.contains("JWKS is fetched on the request path") && keys.contains(reason), "{keys}");
    assert!(
        anomaly(&outcome, "wrong_region").contains("an address of us-west-2 and got a token that us-east-1 issued")
    );
    let shed = outcome.logins.errors[&LoginOutcome::Shed];
    assert!(anomaly(&outcome, "shed").starts_with(&format!("{shed} logins")));
    assert!(anomaly(&outcome, "shed").contains("`most_in_flight`"));
    let markdown = report(&outcome, "report.md");
    let (top, _) = markdown.split_once("## Objectives").unwrap();
    assert!(top.contains("not a wrong password") && top.contains("JWKS is fetched"), "{top}");
    let rows = run_json(&outcome)["failures"].clone();
    let missing = rows
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["error"].as_str().unwrap().contains("ResourceNotFound"))
        .unwrap();
    assert_eq!((&missing["region"], &missing["by_phase"]["failback"].is_number()), (&json!("us-west-2"), &true));
    assert!(missing["first_s"].as_f64().unwrap() > 60.0 && missing["last_s"].as_f64().unwrap() < 245.0);
}

#[test]
fn a_cohort_that_keeps_its_first_answer_is_back_only_after_the_heal() {
    let mut records = World::sample().run().0;
    logins(&mut records, |login| {
        if login.cohort == Cohort::FreshLookup.as_str() && login.role == Some(RegionRole::Replica) {
            (login.role, login.region) = (None, None);
            if login.scheduled < at(181.0) {
                login.outcome = LoginOutcome::ConnectTimeout;
            }
        }
    });
    let outcome = outcome(&records).unwrap();
    let (markdown, html) = (report(&outcome, "report.md"), report(&outcome, "report.html"));
    let recovery = outcome.recovery.unwrap();
    let slow = recovery.by_cohort[Cohort::FreshLookup.as_str()].recovered[3];
    assert!(slow.after_restore && slow.at.unwrap().lower < 181.0 && slow.at.unwrap().upper >= 181.0, "{slow:?}");
    assert!(
        markdown.contains(", after removal of the fault, ") && html.contains("<br><small>after removal of the fault, ")
    );
    let quick = recovery.by_cohort[Cohort::HonoursTtl.as_str()].recovered[3];
    assert!(!quick.after_restore && quick.at.unwrap().upper < 64.0, "{quick:?}");
}

/// In seconds after the cut.
/// The health check was inverted by hand in the baseline: record and users were at the replica before the cut, and the outage sent them back.
#[test]
fn users_at_the_replica_before_the_cut_give_no_rto() {
    let mut records = World::sample().run().0;
    edit(&mut records, |event| match event {
        Event::Answer { window, role, .. } if window.received <= at(0.3) => *role = Some(RegionRole::Replica),
        Event::Login(login) if login.ended <= at(0.35) => {
            (login.role, login.region) = (Some(RegionRole::Replica), Some(started().replica));
            login.outcome = LoginOutcome::Succeeded;
        }
        _ => {}
    });
    let outcome = outcome(&records).unwrap();
    let verdict = |name: &str| outcome.objectives.iter().find(|objective| objective.name == name).unwrap();
    for name in ["rto", "failback"] {
        assert_eq!(verdict(name).verdict, Verdict::Inconclusive, "{name}");
        assert_eq!(verdict(name).reason.as_deref(), Some("first_replica_login was already so before the fault"));
    }
    assert_eq!(outcome.exit_code, Some(1));
    let row = "| `first_replica_login` | a user can log in at the replica | already so before the fault |";
    assert!(report(&outcome, "report.md").contains(row));
    let run = run_json(&outcome);
    let milestone = run["milestones"].as_array().unwrap().iter().find(|m| m["name"] == "first_replica_login").unwrap();
    assert_eq!(
        milestone,
        &json!({ "name": "first_replica_login", "lower_s": null, "upper_s": null, "before_cut": "already" })
    );
    assert!(report(&outcome, "report.html").contains("already so before the fault"));
}

/// Nobody looked from 16 s before the cut to 16 s after it, and then it was unhealthy.
#[test]
fn a_state_that_nobody_saw_around_the_cut_meets_nothing() {
    let mut records = World::sample().run().0;
    records.retain(|record| match &record.event {
        Event::Health { window, .. } => window.received < at(-16.0) || window.sent > at(31.4),
        _ => true,
    });
    let outcome = outcome(&records).unwrap();
    let detection = &outcome.objectives[0];
    assert_eq!((detection.name.as_str(), detection.verdict), ("detection", Verdict::Inconclusive));
    let reason = "no observation shortly before the fault shows that health_check_unhealthy was not already so";
    assert_eq!(detection.reason.as_deref(), Some(reason));
}

/// A fault that ends by itself after 20 s does not end an outage in which another one stands.
#[test]
fn an_outage_of_two_faults_lasts_until_the_longer_one_is_healed() {
    let (one, mut two) = (World::sample().run().0, World::sample().run().0);
    let Event::RunStarted(run) = &mut two[0].event else { panic!("the first record") };
    let fault = |lasts: Value| json!({ "kind": "nacl-blackhole", "region": "primary", "for": lasts });
    run.scenario["faults"] = json!([fault("20s".into()), fault(Value::Null)]);
    // The sample's own fault is the second here.
    for record in &mut two {
        if let Event::Mutation(mutation) = &mut record.event {
            mutation.fault = mutation.fault.map(|_| 2);
        }
    }
    let call = |sent: f64, step| {
        let window = Window { sent: at(sent), received: at(sent + 0.05) };
        let (call, resource) = ("ec2:CreateNetworkAclEntry".into(), "acl-9".into());
        let mutation = Mutation {
            window,
            region: started().primary,
            step,
            call,
            resource,
            ipv4: true,
            fault: Some(1),
            error: None,
        };
        record(sent + 0.05, Event::Mutation(mutation))
    };
    two.extend([call(0.0, Step::Cut), call(20.0, Step::Heal)]);
    two.sort_by_key(|record| record.at);
    let (one, two) = (outcome(&one).unwrap(), outcome(&two).unwrap());
    for milestone in [Milestone::FirstReplicaLogin, Milestone::DnsFlipResolver, Milestone::ReplicaSustained] {
        assert_eq!(two.milestone(milestone), one.milestone(milestone), "{milestone:?}");
        assert!(two.milestone(milestone).is_some());
    }
    assert!(two.milestone(Milestone::FaultReverted).unwrap().lower > 180.0);
    let verdicts = |outcome: &Outcome| outcome.objectives.iter().map(|objective| objective.verdict).collect::<Vec<_>>();
    assert_eq!(verdicts(&two), verdicts(&one));
}

/// A pause of 30 s in the outage, as Ctrl-Z makes it: the log of an older version does not name it, and has no record of that time.
#[test]
fn a_pause_is_a_gap_in_every_figure_that_it_touches() {
    for told in [true, false] {
        let world = World { unhealthy: 46.0, stopped: Some((20.0, 50.6)), ..World::sample() };
        let mut records = world.run().0;
        records.retain(|record| told || !matches!(record.event, Event::HarnessStalled { .. }));
        let outcome = outcome(&records).unwrap();
        let detection = &outcome.objectives[0];
        assert_eq!(detection.verdict, Verdict::Inconclusive, "{detection:?}");
        assert!(outcome.milestone(Milestone::HealthCheckUnhealthy).unwrap().lower <= 20.0);
        let shown = anomaly(&outcome, "runner_stalled");
        assert!(shown.contains("stalled") && outcome.anomalies.iter().any(|anomaly| anomaly.of_runner), "{shown}");
        assert!(run_json(&outcome)["runner_stalled"]["longest_s"].as_f64().unwrap() > 30.0);
    }
    assert_eq!(run_json(&sample())["runner_stalled"], Value::Null);
}

/// What this machine could not do is in no figure of the service, and leaves open what it may have decided.
#[test]
fn logins_that_the_runner_could_not_make_count_nowhere() {
    let mut records = World::sample().run().0;
    let mut failed = 0;
    logins(&mut records, |login| {
        if login.phase == Phase::Hold && login.arrival % 10 == 0 {
            failed += 1;
            login.outcome =
                LoginOutcome::HarnessFailed { what: "this machine had no file descriptor left for a socket".into() };
        }
    });
    let (outcome, whole) = (outcome(&records).unwrap(), sample());
    assert_eq!(outcome.logins.all.harness_failed, failed);
    assert_eq!(outcome.logins.all.attempted + failed, whole.logins.all.attempted);
    assert_eq!(outcome.milestone(Milestone::ReplicaSustained), whole.milestone(Milestone::ReplicaSustained));
    let rate = outcome.objectives.iter().find(|objective| objective.name == "replica_success_rate").unwrap();
    assert_eq!((rate.observed, rate.verdict), (Some(1.0), Verdict::Inconclusive));
    assert_eq!(
        rate.reason.as_deref(),
        Some(format!("{failed} logins may have failed in the runner itself, so the result is open").as_str())
    );
    assert!(
        report(&outcome, "report.md")
            .contains(&format!("Not counted: {failed} logins that failed in the runner itself"))
    );
    assert_eq!(run_json(&outcome)["logins"]["harness_failed"], failed);
}

#[test]
fn what_others_changed_is_a_warning_and_no_failure() {
    let mut records = World::sample().run().0;
    let event = Event::ChangedByOthers {
        region: Some(started().primary),
        resource: "subnet-0a".into(),
        found: "associated with acl-9 by somebody else".into(),
    };
    let place = records.len() - 1;
    records.splice(place..place, [event.clone(), event].map(|event| Record { seq: 0, at: at(261.0), event }));
    let outcome = outcome(&records).unwrap();
    assert_eq!(outcome.exit_code, sample().exit_code);
    assert!(
        headline(&outcome).ends_with("Changed by others during the run, not restored: subnet-0a."),
        "{}",
        headline(&outcome)
    );
    let line = "- subnet-0a in us-east-1: associated with acl-9 by somebody else";
    assert_eq!(report(&outcome, "report.md").matches(line).count(), 1);
    assert!(report(&outcome, "report.html").contains("associated with acl-9 by somebody else"));
    assert_eq!(
        report(&outcome, "junit.xml").matches("<failure").count(),
        report(&sample(), "junit.xml").matches("<failure").count()
    );
    assert_eq!(run_json(&outcome)["rollback"]["changed_by_others"][0]["resource"], "subnet-0a");
}

fn first_replica_login(records: &[Record]) -> (f64, f64) {
    let outcome = outcome(records).unwrap();
    let reached = outcome.milestone(Milestone::FirstReplicaLogin).unwrap();
    (reached.lower, reached.upper)
}

#[test]
fn a_token_that_was_accepted_counts_whatever_failed_after_it() {
    let whole = World::sample().run().0;
    let first = |record: &Record| match &record.event {
        Event::Login(login) if login.outcome == LoginOutcome::Succeeded && login.role == Some(RegionRole::Replica) => {
            Some((**login).clone())
        }
        _ => None,
    };
    let mut served = whole.iter().filter_map(first);
    let (first, second) = (served.next().unwrap(), served.next().unwrap());
    let asked = first.api_sent.unwrap().duration_since(at(0.0)).as_secs_f64();
    let untouched = first_replica_login(&whole);
    assert!(untouched.0 <= asked && asked < untouched.1, "{untouched:?} and {asked}");

    let mut failed = whole.clone();
    logins(&mut failed, |login| {
        if login.arrival == first.arrival {
            login.outcome = LoginOutcome::Stalled { step: LoginStep::GetUser };
        }
    });
    let bounds = first_replica_login(&failed);
    assert!(bounds.0 <= asked && bounds.1 > untouched.1, "{bounds:?} and {asked}");

    // The same as an earlier try of the next login.
    let mut tried_again = whole.clone();
    tried_again.retain(|record| !matches!(&record.event, Event::Login(login) if login.arrival == first.arrival));
    let alone = first_replica_login(&tried_again);
    assert!(alone.0 <= asked && alone.1 > untouched.1, "{alone:?} and {asked}");
    let outcome = LoginOutcome::Stalled { step: LoginStep::GetUser };
    logins(&mut tried_again, |login| {
        if login.arrival == second.arrival {
            let (ended, role, api_sent) = (first.ended, first.role, first.api_sent);
            login.earlier = vec![FailedTry { ended, role, outcome: outcome.clone(), api_sent, steps: Vec::new() }];
        }
    });
    assert_eq!(first_replica_login(&tried_again), alone);

    let sign_in = session(1, SessionStep::SignInAgain, 40.0, RegionRole::Replica, LoginOutcome::Succeeded);
    let bounds = first_replica_login(&with_events([sign_in]));
    assert!(bounds.0 <= bounds.1 && (bounds.1 - 40.5).abs() < 1e-9, "{bounds:?}");
}

/// On an overloaded machine users lose their patience at a Region that serves, which proves nothing of whether a quicker one could sign in.
#[test]
fn a_sign_in_without_an_answer_in_time_proves_nothing() {
    let mut slow = World::sample().run().0;
    // Refusals prove something of their own flow alone.
    logins(&mut slow, |login| login.flow = Flow::UserSrp.as_str().to_owned());
    let untouched = first_replica_login(&slow);
    let mut stalled = 0;
    logins(&mut slow, |login| {
        let late = login.started < at(75.0) && login.role == Some(RegionRole::Replica);
        if late && login.outcome == LoginOutcome::Succeeded {
            login.outcome = LoginOutcome::Stalled { step: LoginStep::InitiateAuth };
            login.api_sent = None;
            stalled += 1;
        }
    });
    assert!(stalled > 10, "{stalled}");
    let bounds = first_replica_login(&slow);
    assert!(bounds.0 <= untouched.1 && bounds.1 >= 75.0, "{untouched:?}, then {bounds:?}");
    // A refusal of all of them does prove it.
    logins(&mut slow, |login| {
        if matches!(login.outcome, LoginOutcome::Stalled { .. }) {
            login.outcome = rejected("ResourceNotFoundException");
        }
    });
    let refused = first_replica_login(&slow);
    assert!(refused.0 > 70.0, "{refused:?}");
}

/// Where the primary served some users all the time, as with one zone of two cut, a login that began before the heal was done shows nothing.
#[test]
fn a_primary_that_served_all_the_time_is_back_for_who_comes_after_the_heal() {
    let mut records = World::sample().run().0;
    let heal = World::sample().heal;
    // The last call that heals takes effect after two seconds.
    edit(&mut records, |event| match event {
        Event::Path { window, open, .. } if window.received >= at(heal) && window.sent < at(heal + 2.0) => {
            *open = false;
        }
        _ => {}
    });
    let milestone = |records: &[Record], name| outcome(records).unwrap().milestone(name).unwrap();
    let reverted = milestone(&records, Milestone::FaultReverted);
    let first = milestone(&records, Milestone::FirstPrimaryLoginAfterFailback);
    assert!(first.lower > reverted.upper, "{first:?} {reverted:?}");
    logins(&mut records, |login| {
        if login.arrival.is_multiple_of(2) {
            (login.role, login.outcome) = (Some(RegionRole::Primary), LoginOutcome::Succeeded);
            login.ended = login.started + std::time::Duration::from_millis(30);
        }
    });
    let first = milestone(&records, Milestone::FirstPrimaryLoginAfterFailback);
    assert!(first.upper >= reverted.upper && first.lower <= reverted.lower, "{first:?} {reverted:?}");
}

/// The record goes back a moment before the look that sees the health check healthy, and flips again later: the flip is the first one.
#[test]
fn a_flip_that_is_undone_before_the_health_check_is_seen_healthy_is_the_flip() {
    let mut records = World::sample().run().0;
    let untouched = outcome(&records).unwrap().milestone(Milestone::DnsFlipAuthoritative).unwrap();
    // Nobody looked at the health check between the flip back and its recovery.
    let unseen = |window: &Window| window.sent >= at(89.9) && window.sent < at(91.0);
    records.retain(|record| !matches!(&record.event, Event::Health { window, .. } if unseen(window)));
    let mut servers: Vec<String> = Vec::new();
    edit(&mut records, |event| match event {
        Event::Answer { window, source: DnsSource::Authoritative, server, role, .. } => {
            if !servers.contains(server) {
                servers.push(server.clone());
            }
            let back = if *server == servers[0] { 90.0 } else { 92.0 };
            if window.sent >= at(back) && window.sent < at(120.0) {
                *role = Some(RegionRole::Primary);
            }
        }
        Event::Health { window, healthy, status_healthy, .. } if window.sent >= at(91.0) && window.sent < at(119.0) => {
            (*healthy, *status_healthy) = (16, true);
        }
        _ => {}
    });
    assert_eq!(servers.len(), 2);
    let flip = outcome(&records).unwrap().milestone(Milestone::DnsFlipAuthoritative).unwrap();
    assert_eq!(flip, untouched);
}

/// A share is met only where its bounds say so: a hundred logins in a row prove no 99 %.
#[test]
fn a_share_that_its_logins_do_not_prove_is_inconclusive() {
    let rate = |at_least: &str| json!({ "metric": "success_rate", "region": "replica", "phase": "hold", "at_least": at_least });
    let judged = |at_least: &str, failing: u64| {
        let mut records = with_objectives(World { gap: 1.2, ..World::sample() }.run().0, &json!([rate(at_least)]));
        let mut left = failing;
        logins(&mut records, |login| {
            if login.phase == Phase::Hold && left > 0 {
                left -= 1;
                login.outcome = LoginOutcome::Stalled { step: LoginStep::Token };
            }
        });
        outcome(&records).unwrap().objectives.remove(0)
    };
    let all = judged("95%", 0);
    assert_eq!((all.verdict, all.observed, all.reason.as_deref()), (Verdict::Met, Some(1.0), None), "{all:?}");
    let few = judged("99%", 0);
    assert_eq!((few.verdict, few.observed), (Verdict::Inconclusive, Some(1.0)), "{few:?}");
    assert!(few.reason.as_deref().is_some_and(|why| why.contains("at least 368 are needed")), "{few:?}");
    let some = judged("95%", 4);
    assert!(some.observed > Some(0.95) && some.verdict == Verdict::Inconclusive, "{some:?}");
    assert_eq!(judged("95%", 40).verdict, Verdict::Missed);
}

#[test]
fn a_blind_observer_proves_no_miss() {
    let objective = json!([{ "metric": "detection", "at_most": "10s" }]);
    let mut records = with_objectives(World::sample().run().0, &objective);
    let verdict = |records: &[Record]| outcome(records).unwrap().objectives[0].verdict;
    assert_eq!(verdict(&records), Verdict::Missed);
    records.retain(|record| !matches!(record.event, Event::Health { .. }) || record.at < at(5.0));
    assert_eq!(verdict(&records), Verdict::Inconclusive);
    // What was seen for long enough does.
    let mut records = with_objectives(World::sample().run().0, &objective);
    records.retain(|record| !matches!(record.event, Event::Health { .. }) || record.at < at(25.0));
    assert_eq!(verdict(&records), Verdict::Missed);
}

#[test]
fn a_read_that_shows_less_than_an_earlier_one_loses_nothing_more() {
    let mut records = World::sample().run().0;
    let rpo = |records: &[Record]| outcome(records).unwrap().rpo.unwrap();
    let before = rpo(&records);
    edit(&mut records, |event| {
        if let Event::CanaryRead { window, sequence } = event
            && window.sent > at(0.0)
        {
            *sequence = 0;
        }
    });
    let after = rpo(&records);
    assert!(after.lower_s <= after.upper_s.unwrap(), "{after:?}");
    assert_eq!(after.upper_s, before.upper_s);
    assert!(
        after.writes_lost >= before.writes_lost && after.writes_lost < Some(after.writes_acknowledged),
        "{after:?}"
    );
}
