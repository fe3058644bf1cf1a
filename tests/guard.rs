//! What keeps a run from starting, what ends it early, and what heals when the runner is gone.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crate::support::{Lab, SHORT_TTL, current_phase, gameday, json, short_scenario, tools};
use aws_sdk_cloudwatch::types::StateValue;
use gameday::cloud::Cloud;
use gameday_core::model::Phase;
use serde_json::Value;

/// An environment file of a lab whose rules are `text`.
fn ruled(folder: &Path, accounts: &str, text: &str) -> PathBuf {
    let path = folder.join("ruled.toml");
    let head = "schema_version = 1\nname = \"ruled\"\nkind = \"lab\"\n";
    std::fs::write(&path, format!("{head}{text}\n[account]\nallowed = [{accounts}]\n{SHORT_TTL}")).unwrap();
    path
}

const OURS: &str = "\"111122223333\"";

fn run(scenario: &Path, environment: &Path, out: &Path) -> Command {
    let mut command = gameday();
    command.arg("run").arg(scenario).arg("--env").arg(environment).arg("--out").arg(out).arg("--no-progress");
    command
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout)
}

/// Refused with these findings, and nothing touched: not even a journal was begun.
fn refused(accounts: &str, rules: &str, codes: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let (scenario, out) = (short_scenario(folder.path()), folder.path().join("run"));
    let environment = ruled(folder.path(), accounts, rules);
    let done = run(&scenario, &environment, &out).args(["--time", "virtual"]).output().unwrap();
    assert_eq!(done.status.code(), Some(3), "{}", said(&done));
    assert!(!out.join("journal.ndjson").exists());
    let report = std::fs::read_to_string(out.join("report.md")).unwrap();
    for code in codes {
        assert!(report.contains(code), "{code} is not in {report}");
    }
}

#[test]
fn another_account_is_refused() {
    refused("\"999999999999\"", "", &["GD901"]);
}

#[test]
fn every_guard_rail_refuses() {
    // 01:00 to 01:01 on a day that is never today.
    let days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let today = jiff::Timestamp::now().strftime("%A").to_string().to_lowercase();
    let other = days.iter().find(|day| **day != today && **day != "sunday").unwrap();
    let rules = format!(
        "[guard]\nregions = [\"us-west-2\"]\nrequired_tags = {{ drill = \"allowed\" }}\n\
         forbidden_tags = {{ tier = \"*\" }}\nmax_duration = \"10s\"\nmax_share = \"50%\"\n\
         hours = {{ time_zone = \"UTC\", days = [\"{other}\"], from = \"01:00\", to = \"01:01\" }}\n\
         alarms = [{{ name = \"never-made\" }}]"
    );
    refused(OURS, &rules, &["GD902", "GD903", "GD904", "GD906", "GD907", "GD908", "GD909"]);
}

#[test]
fn production_takes_more_than_yes() {
    let folder = tempfile::tempdir().unwrap();
    let (scenario, out) = (short_scenario(folder.path()), folder.path().join("run"));
    let environment = ruled(folder.path(), OURS, "production = true");
    for (arguments, why) in [
        (vec!["--yes"], "--confirm is missing"),
        (vec!["--yes", "--confirm", "staging"], "does not match the name of the environment, `ruled`"),
    ] {
        let done = run(&scenario, &environment, &out).args(arguments).stdin(Stdio::null()).output().unwrap();
        assert_eq!(done.status.code(), Some(2));
        let text = said(&done).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(why), "{text}");
        assert!(!out.exists());
    }
}

/// A run under way; killed when the test ends.
struct Running {
    process: tools::Running,
    out: PathBuf,
    said: PathBuf,
}

impl Running {
    fn start(scenario: &Path, environment: &Path, out: PathBuf) -> Self {
        Self::start_with(scenario, environment, out, &[])
    }

    fn start_with(scenario: &Path, environment: &Path, out: PathBuf, more: &[&str]) -> Self {
        let path = out.with_extension("said");
        let file = std::fs::File::create(&path).unwrap();
        let mut command = run(scenario, environment, &out);
        command.args(more).stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file);
        Self { process: tools::Running(command.spawn().unwrap()), out, said: path }
    }

    fn reaches(&mut self, phase: Phase) {
        tools::within(Duration::from_mins(1), phase.as_str(), || {
            assert!(self.process.0.try_wait().unwrap().is_none(), "{}", self.said());
            current_phase(&self.out) == Some(phase)
        });
    }

    fn said(&self) -> String {
        std::fs::read_to_string(&self.said).unwrap()
    }

    fn kill(&mut self) {
        self.process.0.kill().unwrap();
        self.process.0.wait().unwrap();
    }
}

fn codes(environment: &Path) -> Vec<String> {
    let mut command = gameday();
    let done = command.args(["preflight", "--format", "json", "--env"]).arg(environment).output().unwrap();
    let found: Value = serde_json::from_slice(&done.stdout).unwrap_or_else(|_| panic!("{}", said(&done)));
    found["findings"].as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap().to_owned()).collect()
}

/// A second run in the same environment is refused by the first one's journal and, where it cannot see that, by its lock;
/// and an alarm ends the first.
#[tokio::test]
async fn two_runs_at_once_and_an_alarm() {
    let folder = tempfile::tempdir().unwrap();
    let rules = ruled(folder.path(), OURS, "[guard]\nalarms = [{ name = \"logins\", region = \"replica\" }]");
    let lab = Lab::start(folder.path(), &["--speed", "10", "--seed", "5", "--env", rules.to_str().unwrap()]);
    let alarms = Cloud::connect(&lab.site()).await.unwrap().replica.cloudwatch;
    alarms.put_metric_alarm().alarm_name("logins").evaluation_periods(1).send().await.unwrap();
    let scenario = short_scenario(folder.path());
    let text = std::fs::read_to_string(&scenario).unwrap();
    // Only the alarm ends it: on a busy machine the others take longer than a short hold.
    std::fs::write(&scenario, text.replace("hold = \"30s\"", "hold = \"10m\"")).unwrap();
    let before = lab.world().await;
    let mut first = Running::start(&scenario, &lab.environment, folder.path().join("first"));
    first.reaches(Phase::Outage);
    let during = lab.world().await;

    let second = run(&scenario, &lab.environment, &folder.path().join("second")).output().unwrap();
    assert_eq!(second.status.code(), Some(3), "{}", said(&second));
    assert!(said(&second).contains("is not restored"), "{}", said(&second));
    let elsewhere = folder.path().join("elsewhere").join("third");
    let third = run(&scenario, &lab.environment, &elsewhere).output().unwrap();
    assert_eq!(third.status.code(), Some(3), "{}", said(&third));
    assert!(said(&third).contains("GD910") && !elsewhere.join("journal.ndjson").exists(), "{}", said(&third));
    let rollback = gameday().arg("rollback").arg(&first.out).output().unwrap();
    assert_eq!(rollback.status.code(), Some(5), "a run that goes on is not rolled back: {}", said(&rollback));
    assert_eq!(lab.world().await, during, "nothing was touched by any of them");

    let call = alarms.set_alarm_state().alarm_name("logins").state_value(StateValue::Alarm).state_reason("too few");
    call.send().await.unwrap();
    first.reaches(Phase::Failback);
    let locked = lab.world().await.tags.iter().any(|tag| tag.contains("gameday:lock"));
    assert!(locked, "others are kept away until it is proved that everything is back");
    let status = first.process.0.wait().unwrap();
    assert_eq!(status.code(), Some(4), "{}", first.said());
    assert_eq!(lab.world().await, before);
    let report = std::fs::read_to_string(first.out.join("report.md")).unwrap();
    assert!(report.contains("CloudWatch alarm logins in us-west-2 is in ALARM: too few"), "{report}");
}

#[test]
fn an_outage_that_is_too_long_ends_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let (scenario, out) = (short_scenario(folder.path()), folder.path().join("run"));
    let text = std::fs::read_to_string(&scenario).unwrap();
    let text = text.replace("[users.arrivals]", "[stop]\nmax_outage = \"15s\"\n\n[users.arrivals]");
    std::fs::write(&scenario, text).unwrap();
    let environment = ruled(folder.path(), OURS, "");
    let done = run(&scenario, &environment, &out).args(["--time", "virtual", "--seed", "5"]).output().unwrap();
    assert_eq!(done.status.code(), Some(4), "{}", said(&done));
    let report = std::fs::read_to_string(out.join("report.md")).unwrap();
    assert!(report.contains("stop condition: no login succeeded in either Region for 15s"), "{report}");
    assert_eq!(json(&out.join("run.json"))["rollback"]["state_identical"], true);
}

/// The runner is killed in the outage and nobody rolls back: the schedules heal, and users are served at the primary
/// again. A rollback later takes away what is left.
#[tokio::test]
async fn the_dead_man_switch_heals() {
    let folder = tempfile::tempdir().unwrap();
    let rules = ruled(folder.path(), OURS, "");
    let lab = Lab::start(folder.path(), &["--speed", "20", "--seed", "6", "--env", rules.to_str().unwrap()]);
    let before = lab.world().await;
    let mut run = Running::start(&short_scenario(folder.path()), &lab.environment, folder.path().join("run"));
    run.reaches(Phase::Outage);
    run.kill();
    let cut = lab.world().await;
    assert!(cut != before && !cut.schedules.is_empty());
    assert!(codes(&lab.environment).contains(&"GD101".to_owned()), "nobody gets in at the primary");
    // A minute for arming, outage and hold of 150 s, a margin of a minute, and Scheduler's own: less than 17 s of real
    // time at this speed. How long it takes is Scheduler's; that it happens is the point.
    let since = std::time::Instant::now();
    while !lab.world().await.schedules.is_empty() {
        assert!(since.elapsed() < Duration::from_mins(1), "the schedules never fired");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let healed = codes(&lab.environment);
    assert!(!healed.contains(&"GD101".to_owned()), "users are served at the primary again: {healed:?}");
    let done = gameday().arg("rollback").arg(&run.out).output().unwrap();
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    assert_eq!(lab.world().await, before);
}

/// With its journal lost, what a killed run left is found by tags and schedules; not while its lock holds, unless asked.
#[tokio::test]
async fn leftovers_are_found_without_a_journal() {
    found_without_a_journal("", &[]).await;
}

/// Without schedules, the tags alone tell.
#[tokio::test]
async fn leftovers_are_found_without_journal_and_schedules() {
    found_without_a_journal("method = \"revoke-rules\"\n", &["--no-dead-man"]).await;
}

async fn found_without_a_journal(settings: &str, arguments: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let rules = ruled(folder.path(), OURS, "");
    let lab = Lab::start(folder.path(), &["--speed", "10", "--seed", "7", "--env", rules.to_str().unwrap()]);
    let before = lab.world().await;
    let scenario = short_scenario(folder.path());
    let more = ["client-egress-blackhole", "health-check-invert", "lambda-trigger-break", "waf-block"];
    let more = more.map(|kind| format!("[[faults]]\nkind = \"{kind}\"\n\n")).concat();
    let more = format!("{more}[[faults]]\nkind = \"provisioned-limit\"\nregion = \"replica\"\nrate = \"300/s\"\n\n");
    let first = format!("kind = \"security-group-blackhole\"\n{settings}");
    let text = std::fs::read_to_string(&scenario).unwrap().replace("kind = \"nacl-blackhole\"\n", &first);
    std::fs::write(&scenario, text.replace("[users.arrivals]", &format!("{more}[users.arrivals]"))).unwrap();
    let mut run = Running::start_with(&scenario, &lab.environment, folder.path().join("run"), arguments);
    // Users may be at the replica before the last cut is made, so that the outage is over as it begins.
    run.reaches(Phase::Hold);
    run.kill();
    std::fs::remove_dir_all(&run.out).unwrap();
    let left = lab.world().await;
    assert!(left != before && left.schedules.is_empty() != arguments.is_empty());

    // The journal of what is found goes under `reports/` of the working folder.
    let discover = |more: &[&str]| {
        let mut command = gameday();
        command.current_dir(folder.path()).args(["rollback", "--discover", "--env"]).arg(&lab.environment).args(more);
        command.output().unwrap()
    };
    let elsewhere = |more: &[&str]| {
        let mut command = gameday();
        command.env("GAMEDAY_STATE_DIR", folder.path().join("state")).current_dir(folder.path());
        command.args(["rollback", "--discover", "--env"]).arg(&lab.environment).args(more).output().unwrap()
    };
    // A machine that does not know the run cannot know that it was killed.
    let done = elsewhere(&[]);
    assert_eq!(done.status.code(), Some(5), "{}", said(&done));
    assert!(said(&done).contains("may still be in progress"), "{}", said(&done));
    assert_eq!(lab.world().await, left);
    let done = if arguments.is_empty() { discover(&[]) } else { elsewhere(&["--even-if-locked"]) };
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    assert_eq!(lab.world().await, before, "{}", said(&done));
    let done = discover(&[]);
    assert!(done.status.success() && said(&done).contains("no change by any run is left"), "{}", said(&done));
}
