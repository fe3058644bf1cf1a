//! `gameday trend`, `compare` and `runbook`: a difference is one only where the intervals do not overlap, and a runbook holds what an
//! environment and a run say, as text.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support;
use crate::support::{gameday, tools};
use gameday::compare::{Accepted, Bounds, CLAIMS, Change, Contender, Figure, Probed, RunRecord, Verdict, pair, trend};
use proptest::prelude::*;
use serde_json::{Value, json};

/// The committed sample: a run that went its way to the end.
fn sample() -> Value {
    support::json(&tools::in_repository("reports/sample-full-failover/run.json"))
}

/// The same run of another day, with milestones so much later, in seconds after the cut.
fn run(day: &str, later: &[(&str, f64)]) -> Value {
    let mut run = sample();
    run["run_id"] = json!(format!("gd-{day}"));
    run["started_at"] = json!(format!("{day}T09:00:00Z"));
    for (name, seconds) in later {
        let milestones = run["milestones"].as_array_mut().unwrap();
        let milestone = milestones.iter_mut().find(|milestone| milestone["name"] == *name).unwrap();
        for bound in ["lower_s", "upper_s"] {
            milestone[bound] = json!(milestone[bound].as_f64().unwrap() + seconds);
        }
    }
    run
}

fn record(run: &Value) -> RunRecord {
    RunRecord::read(run.to_string().as_bytes()).unwrap()
}

fn save(folder: &Path, name: &str, run: &Value) -> PathBuf {
    let path = folder.join(name);
    std::fs::create_dir(&path).unwrap();
    std::fs::write(path.join("run.json"), run.to_string()).unwrap();
    path
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

proptest! {
    /// Marked only where no value of one interval is a value of the other.
    #[test]
    fn a_change_is_marked_only_where_intervals_do_not_overlap(a in 0.0..100.0f64, b in 0.0..9.0f64, c in 0.0..100.0f64, d in 0.0..9.0f64) {
        let (before, now) = (Bounds { lower_s: a, upper_s: Some(a + b) }, Bounds { lower_s: c, upper_s: Some(c + d) });
        let overlap = a.max(c) <= (a + b).min(c + d);
        let change = now.change(before);
        prop_assert_eq!(change == Change::WithinBounds, overlap);
        let back = before.change(now);
        prop_assert_eq!(change == Change::Regression, back == Change::Improvement);
        prop_assert_eq!(change == Change::Improvement, back == Change::Regression);
        // Without an upper bound nothing is ever better.
        let open = Bounds { lower_s: c, upper_s: None };
        prop_assert!(open.change(before) != Change::Improvement);
        prop_assert!(before.change(open) != Change::Regression);
    }
}

#[test]
fn figures_are_compared_with_the_last_run_that_went_to_its_end() {
    let mut aborted = run("2026-05-01", &[("first_replica_login", 500.0)]);
    aborted["exit_code"] = json!(4);
    let mut never = run("2026-11-01", &[]);
    for milestone in never["milestones"].as_array_mut().unwrap() {
        if milestone["name"] == "first_replica_login" {
            (milestone["lower_s"], milestone["upper_s"]) = (Value::Null, Value::Null);
        }
    }
    let runs = [
        run("2026-08-01", &[("first_replica_login", 20.0)]),
        run("2026-02-01", &[]),
        never,
        aborted,
        run("2026-03-01", &[("first_replica_login", 0.001)]),
    ];
    let trend = trend(runs.iter().map(record).collect());
    let [series] = &trend.series[..] else { panic!("one scenario in one environment") };
    let days = series.runs.iter().map(|row| row.started_at.strftime("%m").to_string());
    assert_eq!(days.collect::<Vec<_>>(), ["02", "03", "05", "08", "11"]);
    let rto = |row: usize| series.runs[row].figures.iter().find(|cell| cell.figure == Figure::Rto).unwrap();
    let changes = (0..5).map(|row| rto(row).change).collect::<Vec<_>>();
    assert_eq!(changes, [Change::First, Change::WithinBounds, Change::First, Change::Regression, Change::Regression]);
    assert_eq!((rto(2).bounds, rto(4).bounds), (None, None));
    let worse: Vec<Figure> = trend.regressions().iter().map(|(_, cell)| cell.figure).collect();
    assert_eq!(worse, [Figure::Rto]);
}

#[test]
fn an_rpo_that_was_not_measured_is_neither_worse_nor_better() {
    let (with, mut without) = (run("2026-02-01", &[]), run("2026-05-01", &[]));
    for bound in ["lower_s", "upper_s"] {
        without["rpo"][bound] = Value::Null;
    }
    let (with, without) = (record(&with), record(&without));
    for runs in [[&with, &without], [&without, &with]] {
        let pair = pair(runs[0], runs[1]);
        let rpo = pair.figures.iter().find(|part| part.name == "RPO").unwrap();
        assert_eq!((rpo.change, rpo.absent), (Change::First, "not measured"));
    }
    let trend = trend(vec![with, without]);
    assert!(trend.regressions().is_empty());
}

#[test]
fn the_latest_run_of_a_trend_is_named_where_it_has_no_figures() {
    let folder = tempfile::tempdir().unwrap();
    let first = save(folder.path(), "a", &run("2026-02-01", &[]));
    for (ending, exit_code, expected) in [("aborted", 4, 0), ("not restored", 5, 1)] {
        let mut second = run("2026-05-01", &[]);
        second["exit_code"] = json!(exit_code);
        let second = save(folder.path(), ending, &second);
        let done = gameday().arg("trend").args([&first, &second]).arg("--fail-on-regression").output().unwrap();
        assert_eq!(done.status.code(), Some(expected), "{}", said(&done));
        assert!(said(&done).contains(&format!("ended {ending}, has no figures")), "{}", said(&done));
    }
}

#[test]
fn a_document_is_written_whole_where_it_is_meant() {
    let folder = tempfile::tempdir().unwrap();
    let run = save(folder.path(), "a", &run("2026-02-01", &[]));
    let out = folder.path().join("out");
    fs::create_dir(&out).unwrap();
    let (file, link, pipe) = (out.join("trend.md"), out.join("link.md"), out.join("pipe"));
    let write = |out: &Path| {
        gameday().arg("trend").arg(&run).args(["--format", "markdown", "--out"]).arg(out).output().unwrap()
    };
    fs::write(&file, "old").unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
    symlink(&file, &link).unwrap();
    assert!(write(&link).status.success());
    assert!(fs::read_to_string(&file).unwrap().starts_with("# Trend over runs"));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || fs::read_to_string(pipe).unwrap()
    });
    assert!(write(&pipe).status.success());
    assert!(reader.join().unwrap().starts_with("# Trend over runs"));
    assert_eq!(fs::read_dir(&out).unwrap().count(), 3, "nothing is left beside");
}

#[test]
fn a_trend_names_findings_and_fails_on_a_regression() {
    let folder = tempfile::tempdir().unwrap();
    let finding =
        |code: &str| json!({ "code": code, "severity": "risk", "title": "<script>a|b", "evidence": "", "remedy": "" });
    let mut first = run("2026-02-01", &[]);
    first["findings"] = json!([finding("GD502")]);
    let mut second = run("2026-05-01", &[("first_replica_login", 30.0)]);
    second["findings"] = json!([finding("GD601")]);
    second["scenario"]["sha256"] = json!("another");
    let folders = [save(folder.path(), "a", &first), save(folder.path(), "b", &second)];
    let trend = |arguments: &[&str]| {
        let mut command = gameday();
        command.arg("trend").args(&folders).arg(folder.path()).args(arguments).output().unwrap()
    };
    let plain = trend(&[]);
    assert_eq!(plain.status.code(), Some(0), "{}", said(&plain));
    assert!(said(&plain).contains("no run.json, so it is left out"), "{}", said(&plain));
    let failed = trend(&["--fail-on-regression"]);
    assert_eq!(failed.status.code(), Some(1));
    assert!(said(&failed).contains("RTO is worse than before: 119."), "{}", said(&failed));
    let markdown = said(&trend(&["--format", "markdown"]));
    for text in ["new: GD601; closed: GD502; the scenario `full-failover` was changed", "▲ regression", "xychart-beta"]
    {
        let text = text.replace('`', "\\`");
        assert!(markdown.contains(&text), "{text}: {markdown}");
    }
    let page = said(&trend(&["--format", "html"]));
    assert!(page.contains("<svg") && page.contains("class=\"worse\""), "{page}");
    assert!(!page.contains("<script") && !page.contains("http"), "{page}");
    let rows: Value = serde_json::from_slice(&trend(&["--format", "json"]).stdout).unwrap();
    assert_eq!(rows["series"][0]["runs"][1]["figures"][0]["change"], "regression");

    let nothing = gameday().arg("trend").arg(folder.path()).output().unwrap();
    assert_eq!(nothing.status.code(), Some(2), "{}", said(&nothing));
    first["schema_version"] = json!(99);
    let newer = save(folder.path(), "c", &first);
    let newer = gameday().arg("trend").arg(newer).output().unwrap();
    assert!(newer.status.code() == Some(2) && said(&newer).contains("schema version is 99"), "{}", said(&newer));
}

#[test]
fn a_difference_is_explained_link_by_link() {
    let folder = tempfile::tempdir().unwrap();
    let (first, mut second) = (run("2026-02-01", &[]), run("2026-05-01", &[("first_replica_login", 30.0)]));
    let last = second["chain"]["links"].as_array_mut().unwrap().last_mut().unwrap();
    for bound in ["lower_s", "upper_s"] {
        last[bound] = json!(last[bound].as_f64().unwrap() + 30.0);
    }
    second["findings"] =
        json!([{ "code": "GD601", "severity": "risk", "title": "<b>a|b", "evidence": "", "remedy": "" }]);
    let pair = pair(&record(&first), &record(&second));
    assert!(
        pair.explanation.contains(
            "the RTO changed by +30.00 s (a difference beyond the bounds): first login at the replica +30.00 s"
        ),
        "{}",
        pair.explanation
    );
    let folders = [save(folder.path(), "a", &first), save(folder.path(), "b", &second)];
    let done = gameday().arg("compare").args(&folders).args(["--format", "markdown"]).output().unwrap();
    assert!(said(&done).contains("- GD601: &lt;b&gt;a\\|b"), "{}", said(&done));
    let same = gameday().arg("compare").args([&folders[0], &folders[0]]).output().unwrap();
    assert!(said(&same).contains("lies within the bounds, so none was measured"), "{}", said(&same));
}

#[test]
fn links_that_one_run_did_not_observe_are_in_the_sum() {
    let (first, mut second) = (run("2026-02-01", &[]), run("2026-05-01", &[]));
    let mut missing = 0.0;
    for link in &mut second["chain"]["links"].as_array_mut().unwrap()[1..3] {
        missing += ["lower_s", "upper_s"].map(|bound| link[bound].as_f64().unwrap()).iter().sum::<f64>() / 2.0;
        (link["lower_s"], link["upper_s"]) = (Value::Null, Value::Null);
    }
    // The time of what was not observed is in the link after it.
    let last = second["chain"]["links"].as_array_mut().unwrap().last_mut().unwrap();
    for bound in ["lower_s", "upper_s"] {
        last[bound] = json!(last[bound].as_f64().unwrap() + missing);
    }
    let pair = pair(&record(&first), &record(&second));
    assert_eq!(pair.links[1].change, Change::First);
    let words = format!("first login at the replica +{missing:.2} s, ");
    let rest = format!("-{missing:.2} s in links that one run did not observe.");
    assert!(pair.explanation.contains(&words) && pair.explanation.ends_with(&rest), "{}", pair.explanation);
}

#[test]
fn a_run_that_does_not_count_is_compared_with_nothing() {
    let mut aborted = run("2026-05-01", &[("first_replica_login", 30.0)]);
    aborted["exit_code"] = json!(4);
    let pair = pair(&record(&run("2026-02-01", &[])), &record(&aborted));
    assert!(pair.figures.iter().chain(&pair.links).all(|part| part.change == Change::First));
    assert_eq!(pair.differences, ["the second run was aborted: its figures say nothing of a failover"]);
}

#[test]
fn objectives_that_are_new_or_gone_are_named() {
    let (first, mut second) = (run("2026-02-01", &[]), run("2026-05-01", &[]));
    let objectives = second["objectives"].as_array_mut().unwrap();
    let gone = objectives.remove(0)["name"].as_str().unwrap().to_owned();
    let mut new = objectives[0].clone();
    new["name"] = json!("zero_downtime");
    objectives.push(new);
    let verdicts = pair(&record(&first), &record(&second)).verdicts;
    let none = || "no objective".to_owned();
    assert_eq!(verdicts, [(gone, "met".to_owned(), none()), ("zero_downtime".to_owned(), none(), "met".to_owned())]);
}

#[test]
fn a_race_can_be_shown_and_not_refuted() {
    let verdict = |strategy: usize, accepted: Option<Accepted>| {
        let probed = Probed { at_cut: accepted, ..Probed::default() };
        Contender::new(CLAIMS[strategy], record(&sample()), probed, 0).passwords_verdict
    };
    let (newest, old) = (Some(Accepted::Newest), Some(Accepted::Old));
    let of = |strategy| [newest, old, None].map(|accepted| verdict(strategy, accepted));
    assert_eq!(of(0), [Verdict::Confirmed, Verdict::NotConfirmed, Verdict::Open]);
    assert_eq!(of(1), [Verdict::Open, Verdict::Confirmed, Verdict::Open]);
}

#[test]
fn a_runbook_says_what_the_environment_and_the_last_run_say() {
    let folder = tempfile::tempdir().unwrap();
    let staging = std::fs::read_to_string(tools::in_repository("environments/aws-example.toml")).unwrap();
    let (staging, _) = staging.split_once("[runbook]").unwrap();
    let people = "[runbook]\ndecides = \"incident commander | <b>\"\ncontacts = [\"identity on-call\"]\n";
    let environment = folder.path().join("staging.toml");
    std::fs::write(&environment, format!("{staging}{people}")).unwrap();
    let last = save(folder.path(), "last", &run("2026-08-01", &[]));
    let done = gameday()
        .args(["runbook", "--env"])
        .arg(&environment)
        .arg("--run")
        .arg(&last)
        .env("GAMEDAY_USER_PASSWORD", "marked-password")
        .output()
        .unwrap();
    let text = said(&done);
    assert_eq!(done.status.code(), Some(0), "{text}");
    for part in [
        "arn:aws:cognito-idp:us-west-2:111122223333:userpool/us-east-1_EXAMPLE01",
        "incident commander \\| &lt;b&gt;",
        "| Contact | identity on-call |",
        "Secrets Manager: gameday/staging/app-client, key client_secret",
        "--profile gameday-staging --health-check-id aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee --inverted",
        "| RTO | from the fault until the first login at the replica | ",
        "--no-inverted",
        "TOTP",
        "gameday rollback --discover",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("marked-password"), "{text}");
    let without =
        gameday().args(["runbook", "--env"]).arg(&environment).env("GAMEDAY_USER_PASSWORD", "x").output().unwrap();
    assert!(said(&without).contains("Not measured yet"), "{}", said(&without));
}
