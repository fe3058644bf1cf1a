//! `--time virtual`: the same seed gives the same event log, byte for byte, whatever else the machine does.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::support::gameday;

/// Keeps a processor busy until it is dropped.
struct Hog(Child);

impl Hog {
    fn start() -> Self {
        Self(Command::new("sh").args(["-c", "while :; do :; done"]).stdout(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Hog {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn run(scenario: &str, seed: &str, out: &Path) -> Vec<u8> {
    let done = gameday()
        .args(["run", scenario, "--time", "virtual", "--seed", seed, "--no-progress", "--out"])
        .arg(out)
        .output()
        .unwrap();
    assert!(matches!(done.status.code(), Some(0 | 1)), "{}", String::from_utf8_lossy(&done.stderr));
    std::fs::read(out.join("events.ndjson")).unwrap()
}

fn first_difference(one: &[u8], other: &[u8]) -> String {
    let lines = |bytes: &[u8]| String::from_utf8_lossy(bytes).lines().map(str::to_owned).collect::<Vec<_>>();
    let (one, other) = (lines(one), lines(other));
    let at = one.iter().zip(&other).position(|(one, other)| one != other).unwrap_or(one.len().min(other.len()));
    format!("line {}:\n{}\n{}", at + 1, one.get(at).map_or("-", |line| line), other.get(at).map_or("-", |line| line))
}

#[test]
fn the_same_seed_gives_the_same_bytes_twice_and_on_a_busy_machine() {
    let folder = tempfile::tempdir().unwrap();
    let first = run("scenarios/full-failover.toml", "7", &folder.path().join("first"));
    let hogs = [Hog::start(), Hog::start(), Hog::start()];
    let second = run("scenarios/full-failover.toml", "7", &folder.path().join("second"));
    drop(hogs);
    assert!(first == second, "{}", first_difference(&first, &second));
    let other = run("scenarios/full-failover.toml", "8", &folder.path().join("other"));
    assert!(first != other);
}

#[test]
fn what_cannot_be_simulated_is_refused_before_anything_is_touched() {
    let folder = tempfile::tempdir().unwrap();
    let lab = crate::support::Lab::start(folder.path(), &["--seed", "5"]);
    let out = folder.path().join("run");
    let mut run = gameday();
    let run = run.args(["run", "scenarios/full-failover.toml", "--time", "virtual", "--env"]).arg(&lab.environment);
    let done = run.arg("--out").arg(&out).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(2), "{said}");
    assert!(said.contains("--time virtual needs the built-in lab"), "{said}");
    assert!(!out.exists());
}

/// Compares every milestone that the lab knows with the report of a run.
fn truth_lies_inside(out: &Path) {
    let (report, truth) = (crate::support::json(&out.join("run.json")), crate::support::json(&out.join("truth.json")));
    let mut compared = 0;
    for milestone in truth["milestones"].as_array().unwrap() {
        let (name, at) = (milestone["name"].as_str().unwrap(), milestone["at_s"].as_f64().unwrap());
        let (lower, upper) = crate::support::bounds(&report, name).unwrap_or_else(|| panic!("{name} is missing"));
        assert!(lower <= at && at <= upper, "{name}: {at} is not in {lower} to {upper}");
        compared += 1;
    }
    assert_eq!(compared, 10);
}

/// The lab's truth lies inside the bounds, with nothing of the machine in between.
#[test]
fn the_truth_lies_inside_the_bounds() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    run("scenarios/full-failover.toml", "11", &out);
    truth_lies_inside(&out);
}

/// An environment whose paths are as long as those between continents.
fn far_away(folder: &Path) -> std::path::PathBuf {
    let file = folder.join("far.toml");
    let text = "schema_version = 1\nname = \"far\"\nkind = \"lab\"\n[account]\nallowed = [\"111122223333\"]\n[lab]\nlatency_max = \"150ms\"\n";
    std::fs::write(&file, text).unwrap();
    file
}

#[test]
fn slow_paths_make_logins_slow_and_leave_the_truth_inside_the_bounds() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let mut command = gameday();
    let command = command.args(["run", "full-failover", "--time", "virtual", "--seed", "11", "--no-progress", "--env"]);
    let done = command.arg(far_away(folder.path())).arg("--out").arg(&out).output().unwrap();
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    truth_lies_inside(&out);
    // Several round trips; with paths of at most 4 ms it is 25 ms.
    let p50 = crate::support::json(&out.join("run.json"))["logins"]["latency_ms"]["p50"].as_f64().unwrap();
    assert!(p50 > 100.0, "{p50} ms");
}

#[test]
fn latency_cannot_be_chosen_in_real_time() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let mut command = gameday();
    let command = command.args(["run", "full-failover", "--speed", "10", "--no-progress", "--env"]);
    let done = command.arg(far_away(folder.path())).arg("--out").arg(&out).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr).split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(done.status.code(), Some(2), "{said}");
    assert!(said.contains("`lab.latency_max` is for virtual time"), "{said}");
    assert!(!out.exists());
}
