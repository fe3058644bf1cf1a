//! `gameday trend`, `compare` and `runbook`: a difference is one only where the intervals do not overlap, and a runbook holds what an
//! environment and a run say, as text.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support;
use crate::support::{gameday, tools};
use gameday_core::compare::{
    AcceptedPassword, CLAIMS, Change, ClaimVerdict, Contender, Figure, FigureBounds, Pair, Probed, Room, RunRecord,
    pair, trend,
};
use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
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
    /// Marked only where the intervals lie further apart than chance explains.
    #[test]
    fn a_change_is_marked_only_beyond_bounds_and_chance(
        (a, b) in (0.0..100.0f64, 0.0..9.0f64),
        (c, d) in (0.0..100.0f64, 0.0..9.0f64),
        by_chance in 0.0..40.0f64,
    ) {
        let (before, now) = (FigureBounds { lower_s: a, upper_s: Some(a + b) }, FigureBounds { lower_s: c, upper_s: Some(c + d) });
        let apart = a.max(c) - (a + b).min(c + d);
        let chance = Some(Room { earlier_s: by_chance, later_s: by_chance });
        let change = now.change(before, chance);
        prop_assert_eq!(change == Change::WithinBounds, apart <= 0.0);
        prop_assert_eq!(change == Change::WithinChance, apart > 0.0 && apart <= by_chance);
        prop_assert_eq!(now.change(before, None) == Change::CannotTell, apart > 0.0);
        let back = before.change(now, chance);
        prop_assert_eq!(change == Change::Regression, back == Change::Improvement);
        prop_assert_eq!(change == Change::Improvement, back == Change::Regression);
        // Without an upper bound nothing is ever better.
        let open = FigureBounds { lower_s: c, upper_s: None };
        prop_assert!(open.change(before, chance) != Change::Improvement);
        prop_assert!(before.change(open, chance) != Change::Regression);
    }
}

#[test]
fn figures_are_compared_with_the_last_run_that_went_to_its_end() {
    let mut aborted = run("2026-05-01", &[("first_replica_login", 500.0)]);
    aborted["exit_code"] = json!(4);
    let mut never = run("2026-11-01", &[]);
    let mut phases = never["phases"].as_array_mut().unwrap().iter_mut();
    phases.find(|phase| phase["name"] == "outage").unwrap()["ended_at"] = json!("2026-11-28T21:34:00Z");
    for milestone in never["milestones"].as_array_mut().unwrap() {
        if milestone["name"] == "first_replica_login" {
            (milestone["lower_s"], milestone["upper_s"]) = (Value::Null, Value::Null);
        }
    }
    let runs = [
        run("2026-08-01", &[("first_replica_login", 40.0)]),
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

/// Five runs of one lab, by five seeds.
fn unchanged() -> Vec<Value> {
    let quarters = (1..=4).map(|quarter| format!("reports/sample-quarters/q{quarter}/run.json"));
    quarters.map(|path| support::json(&tools::in_repository(&path))).chain([sample()]).collect()
}

fn set(run: &mut Value, name: &str, at: f64, width: f64) {
    let milestones = run["milestones"].as_array_mut().unwrap();
    let milestone = milestones.iter_mut().find(|milestone| milestone["name"] == name).unwrap();
    (milestone["lower_s"], milestone["upper_s"]) = (json!(at - width), json!(at));
}

/// A run of the lab as another seed would have it: 16 checkers anywhere in their 10 s, a cache anywhere in its TTL, two users a second, lags from a
/// lognormal distribution.
fn by_seed(seed: u64) -> Value {
    let mut rng = rand::rngs::StdRng::seed_from_u64(seed);
    let mut run = sample();
    let mut phases: Vec<f64> = (0..16).map(|_| rng.random_range(0.0..10.0)).collect();
    phases.sort_by(f64::total_cmp);
    let (unhealthy, flip) = (20.3 + phases[13], rng.random_range(0.0..1.0));
    let cached = rng.random_range(0.0..60.0);
    let first = unhealthy + flip + cached + rng.random_range(0.0..0.7);
    set(&mut run, "health_check_unhealthy", unhealthy, 1.0);
    set(&mut run, "dns_flip_authoritative", unhealthy + flip, 0.5);
    set(&mut run, "dns_flip_resolver", unhealthy + flip + cached, 0.5);
    set(&mut run, "first_replica_login", first, 0.1);
    set(&mut run, "replica_sustained", first + rng.random_range(0.0..0.5), 0.5);
    let reverted = run["milestones"][7]["upper_s"].as_f64().unwrap();
    let healthy = reverted + 20.0 + phases[2];
    set(&mut run, "health_check_healthy", healthy, 1.0);
    set(&mut run, "dns_failback_authoritative", healthy + flip, 0.5);
    let back = healthy + flip + rng.random_range(0.0..60.0) + rng.random_range(0.0..0.7);
    set(&mut run, "first_primary_login_after_failback", back, 0.1);
    let mut lag = || (rng.random_range(0.0..1.0_f64) + rng.random_range(0.0..1.0) + rng.random_range(0.0..1.0)).exp();
    let lags: Vec<f64> = (0..30).map(|_| lag()).collect();
    let most = lags.iter().copied().fold(0.0, f64::max);
    run["natural_variation"]["replication_lag_s"] = json!({ "lower_s": 0.0, "upper_s": most, "samples": 30 });
    let rpo = lag();
    (run["rpo"]["lower_s"], run["rpo"]["upper_s"]) = (json!((rpo - 1.4).max(0.0)), json!(rpo));
    run["natural_variation"]["health_check_interval_s"] = json!(10.0);
    run["run_id"] = json!(format!("seed {seed}"));
    run
}

fn changes(pair: &Pair, change: Change) -> Vec<String> {
    let parts = pair.figures.iter().chain(&pair.links).filter(|part| part.change == change);
    parts.map(|part| format!("{}: {:?}", part.name, part)).collect()
}

#[test]
fn a14_runs_of_an_unchanged_lab_differ_by_chance_alone() {
    let made: Vec<RunRecord> = unchanged().iter().map(record).collect();
    let drawn: Vec<RunRecord> = (0..60).map(|seed| record(&by_seed(seed))).collect();
    let mut by_chance = 0;
    for runs in [&made, &drawn] {
        for (a, b) in runs.iter().flat_map(|a| runs.iter().map(move |b| (a, b))) {
            let pair = pair(a, b);
            for change in [Change::Regression, Change::Improvement, Change::CannotTell] {
                assert_eq!(changes(&pair, change), [""; 0], "{} and {}", a.run_id, b.run_id);
            }
            by_chance += changes(&pair, Change::WithinChance).len();
        }
    }
    assert!(by_chance > 0, "chance explains what bounds alone do not");
}

#[test]
fn a14_an_unchanged_lab_does_not_fail_a_gate() {
    let runs: Vec<PathBuf> =
        (1..=4).map(|quarter| tools::in_repository(&format!("reports/sample-quarters/q{quarter}"))).collect();
    let sample = tools::in_repository("reports/sample-full-failover");
    for runs in [&runs[..], &[sample.clone(), runs[0].clone()], &[sample, runs[3].clone()]] {
        let done = gameday().arg("trend").args(runs).arg("--fail-on-regression").output().unwrap();
        assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    }
}

#[test]
fn a14_what_is_beyond_chance_is_a_regression() {
    let slower = |run: &Value, later: &[(&str, f64)]| {
        let mut run = run.clone();
        for milestone in run["milestones"].as_array_mut().unwrap() {
            if let Some((_, by)) = later.iter().find(|(name, _)| milestone["name"] == *name) {
                for bound in ["lower_s", "upper_s"] {
                    milestone[bound] = json!(milestone[bound].as_f64().unwrap() + by);
                }
            }
        }
        record(&run)
    };
    let of = |pair: &Pair, figure: Figure| pair.figures.iter().find(|part| part.name == figure.name()).unwrap().change;
    let minute = [("dns_flip_resolver", 60.0), ("first_replica_login", 60.0), ("replica_sustained", 60.0)];
    // One more failed check of 10 s: every event after it comes later by that much.
    let later = ["health_check_unhealthy", "dns_flip_authoritative", "dns_flip_resolver", "first_replica_login"];
    for (a, b) in unchanged().iter().flat_map(|a| unchanged().into_iter().map(move |b| (a.clone(), b))) {
        let (pair_up, back) = (pair(&record(&a), &slower(&b, &minute)), pair(&slower(&b, &minute), &record(&a)));
        for figure in [Figure::Rto, Figure::SustainedRto, Figure::Dns] {
            assert_eq!(of(&pair_up, figure), Change::Regression, "{pair_up:?}");
            assert_eq!(of(&back, figure), Change::Improvement, "{back:?}");
        }
        assert_ne!(of(&pair_up, Figure::Detection), Change::Regression);
        let (mut a, mut b) = (a, b);
        for run in [&mut a, &mut b] {
            run["natural_variation"]["health_check_interval_s"] = json!(10.0);
        }
        let check = pair(&record(&a), &slower(&b, &later.map(|name| (name, 10.0))));
        assert_eq!(of(&check, Figure::Detection), Change::Regression, "{check:?}");
        b["rpo"] = json!({ "lower_s": 40.0, "upper_s": 41.0 });
        b["natural_variation"]["replication_lag_s"] = json!({ "lower_s": 30.0, "upper_s": 45.0, "samples": 30 });
        assert_eq!(of(&pair(&record(&a), &record(&b)), Figure::Rpo), Change::Regression);
    }
}

/// Not reached says as much as it was waited for.
#[test]
fn a14_what_was_not_reached_is_worse_where_it_was_waited_for_long_enough() {
    let whole = record(&sample());
    let mut never = sample();
    for milestone in never["milestones"].as_array_mut().unwrap() {
        if milestone["name"] == "first_replica_login" {
            (milestone["lower_s"], milestone["upper_s"]) = (Value::Null, Value::Null);
        }
    }
    let rto = |first: &RunRecord, second: &RunRecord| {
        pair(first, second).figures.iter().find(|part| part.name == "RTO").unwrap().change
    };
    let zero: jiff::Timestamp = never["zero_at"].as_str().unwrap().parse().unwrap();
    for (waited_s, then, back) in
        [(209, Change::Regression, Change::Improvement), (92, Change::WithinChance, Change::WithinChance)]
    {
        let ended_at = (zero + jiff::SignedDuration::from_secs(waited_s)).to_string();
        never["phases"].as_array_mut().unwrap().iter_mut().find(|phase| phase["name"] == "outage").unwrap()["ended_at"] =
            json!(ended_at);
        let never = record(&never);
        assert_eq!((rto(&whole, &never), rto(&never, &whole)), (then, back), "{ended_at}");
    }
}

#[test]
fn a14_of_older_runs_it_cannot_be_told() {
    let folder = tempfile::tempdir().unwrap();
    let (mut first, mut second) = (run("2026-02-01", &[]), run("2026-05-01", &[("first_replica_login", 5.0)]));
    for run in [&mut first, &mut second] {
        run.as_object_mut().unwrap().remove("natural_variation");
    }
    let folders = [save(folder.path(), "a", &first), save(folder.path(), "b", &second)];
    let done = gameday().arg("trend").args(&folders).arg("--fail-on-regression").output().unwrap();
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    assert!(
        said(&done).contains("? cannot tell") && said(&done).contains("whether the change of RTO is more than chance"),
        "{}",
        said(&done)
    );
    // Of an unchanged environment, what one of them says holds for both.
    first["natural_variation"] = sample()["natural_variation"].clone();
    assert_eq!(changes(&pair(&record(&first), &record(&second)), Change::CannotTell), [""; 0]);
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
        assert!(said(&done).contains(&format!("has no figures: {ending}")), "{}", said(&done));
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
    let mut second = run("2026-05-01", &[("first_replica_login", 60.0)]);
    second["findings"] = json!([finding("GD601")]);
    second["scenario"]["sha256"] = json!("another");
    let folders = [save(folder.path(), "a", &first), save(folder.path(), "b", &second)];
    let trend = |arguments: &[&str]| {
        let mut command = gameday();
        command.arg("trend").args(&folders).arg(folder.path()).args(arguments).output().unwrap()
    };
    let plain = trend(&[]);
    assert_eq!(plain.status.code(), Some(0), "{}", said(&plain));
    assert!(said(&plain).contains("has no run.json and is skipped"), "{}", said(&plain));
    let failed = trend(&["--fail-on-regression"]);
    assert_eq!(failed.status.code(), Some(1));
    assert!(said(&failed).contains("RTO is worse than in the run before: "), "{}", said(&failed));
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

/// Mermaid draws two runs of one name at one place, and an axis that does not begin at 0 makes noise look like a change.
#[test]
fn a15_runs_of_one_day_are_drawn_side_by_side() {
    let runs: Vec<PathBuf> =
        (1..=4).map(|quarter| tools::in_repository(&format!("reports/sample-quarters/q{quarter}"))).collect();
    let markdown = said(&gameday().arg("trend").args(runs).args(["--format", "markdown"]).output().unwrap());
    let axis = |name: &str| markdown.lines().find(|line| line.trim_start().starts_with(name)).unwrap().to_owned();
    let names: Vec<String> = axis("x-axis").split('"').skip(1).step_by(2).map(str::to_owned).collect();
    assert!(names.len() == 4 && names.iter().collect::<std::collections::BTreeSet<_>>().len() == 4, "{names:?}");
    assert!(axis("y-axis").contains(" 0 --> 120") && markdown.contains("plotColorPalette"), "{markdown}");
    assert!(markdown.contains("## LAB: full-failover in lab"), "{markdown}");
}

#[test]
fn a_difference_is_explained_link_by_link() {
    let folder = tempfile::tempdir().unwrap();
    let (first, mut second) = (run("2026-02-01", &[]), run("2026-05-01", &[("first_replica_login", 60.0)]));
    let last = second["chain"]["links"].as_array_mut().unwrap().last_mut().unwrap();
    for bound in ["lower_s", "upper_s"] {
        last[bound] = json!(last[bound].as_f64().unwrap() + 60.0);
    }
    second["findings"] =
        json!([{ "code": "GD601", "severity": "risk", "title": "<b>a|b", "evidence": "", "remedy": "" }]);
    let pair = pair(&record(&first), &record(&second));
    assert!(
        pair.explanation.contains(
            "the RTO changed by +60.00 s (a difference larger than bounds and chance explain): First login at the replica +60.00 s"
        ),
        "{}",
        pair.explanation
    );
    let folders = [save(folder.path(), "a", &first), save(folder.path(), "b", &second)];
    let done = gameday().arg("compare").args(&folders).args(["--format", "markdown"]).output().unwrap();
    assert!(said(&done).contains("- GD601: &lt;b&gt;a\\|b"), "{}", said(&done));
    let same = gameday().arg("compare").args([&folders[0], &folders[0]]).output().unwrap();
    assert!(said(&same).contains("the intervals overlap, so no difference was measured"), "{}", said(&same));
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
    let words = format!("First login at the replica +{missing:.2} s, ");
    let rest = format!("-{missing:.2} s in parts that one run did not observe.");
    assert!(pair.explanation.contains(&words) && pair.explanation.ends_with(&rest), "{}", pair.explanation);
}

#[test]
fn a_run_that_does_not_count_is_compared_with_nothing() {
    let mut aborted = run("2026-05-01", &[("first_replica_login", 30.0)]);
    aborted["exit_code"] = json!(4);
    let pair = pair(&record(&run("2026-02-01", &[])), &record(&aborted));
    assert!(pair.figures.iter().chain(&pair.links).all(|part| part.change == Change::First));
    assert_eq!(pair.differences, ["the second run was aborted: its figures say nothing about a failover"]);
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
    let verdict = |strategy: usize, accepted: Option<AcceptedPassword>| {
        let probed = Probed { at_cut: accepted, ..Probed::default() };
        Contender::new(CLAIMS[strategy], record(&sample()), probed, 0).passwords_verdict
    };
    let (newest, old) = (Some(AcceptedPassword::Newest), Some(AcceptedPassword::Old));
    let of = |strategy| [newest, old, None].map(|accepted| verdict(strategy, accepted));
    assert_eq!(of(0), [ClaimVerdict::Confirmed, ClaimVerdict::NotConfirmed, ClaimVerdict::Open]);
    assert_eq!(of(1), [ClaimVerdict::Open, ClaimVerdict::Confirmed, ClaimVerdict::Open]);
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
        "update-provisioned-limit --profile gameday-staging --region us-west-2",
        "**The control plane of Route 53 is in us-east-1.**",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("marked-password") && text.contains("**LAB** (a simulation) run gd-"), "{text}");
    let without =
        gameday().args(["runbook", "--env"]).arg(&environment).env("GAMEDAY_USER_PASSWORD", "x").output().unwrap();
    assert!(said(&without).contains("Not measured yet"), "{}", said(&without));

    // UpdateProvisionedLimit does not work for pools with managed login, and Route 53 depends on us-east-1 alone.
    let managed =
        staging.replace("us-east-1", "eu-west-1") + people + "[managed_login]\ndomain = \"login.example.com\"\n";
    std::fs::write(&environment, managed).unwrap();
    let managed = gameday().args(["runbook", "--env"]).arg(&environment).env("GAMEDAY_USER_PASSWORD", "x").output();
    let managed = said(&managed.unwrap());
    assert!(managed.contains("The request limit of the replica cannot be raised here"), "{managed}");
    assert!(
        !managed.contains("update-provisioned-limit") && !managed.contains("control plane of Route 53"),
        "{managed}"
    );
}
