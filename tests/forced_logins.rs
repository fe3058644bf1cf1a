//! Blockers of triggers and of preflight's own sign-ins are no false alarms: a run that goes on in spite of one fails as its page says.

use std::path::Path;

use crate::support::{Lab, SHORT_TTL, bounds, gameday, json, lab_with, short_scenario, ties, variant};
use serde_json::Value;

/// What keeps users out lets preflight's own login at the replica fail, too.
const AT_REPLICA: &str = "GD102";

/// Where the token trigger itself cannot run, and where it runs and fails.
const NOT_RUN: &str = "UnexpectedLambdaException";
const FAILED: &str = "UserLambdaValidationException";

/// One test for each variant, so that the test runner decides how many go side by side: its code, what is ignored beside it, and what
/// the failed logins show.
macro_rules! predicted {
    ($($test:ident: $code:literal beside $also:expr, seen by $seen:expr;)*) => {
        $(#[test]
        fn $test() {
            comes_true($code, $also, $seen);
        })*
    };
}

predicted! {
    gd401: "GD401" beside &["GD402"], seen by "tenant";
    gd402: "GD402" beside &[], seen by "risk_profile";
    gd403: "GD403" beside &[AT_REPLICA], seen by NOT_RUN;
    gd404_and_gd102: "GD404" beside &[AT_REPLICA], seen by NOT_RUN;
    gd407: "GD407" beside &[AT_REPLICA], seen by NOT_RUN;
    gd410: "GD410" beside &[AT_REPLICA], seen by NOT_RUN;
    gd414: "GD414" beside &[AT_REPLICA], seen by FAILED;
    gd418: "GD418" beside &[AT_REPLICA], seen by FAILED;
}

/// A failover, of whose users some live on sessions from before it.
const REFRESHED: &str = r#"
schema_version = 1
title = "Forced"
hypothesis = "It fails as preflight said."
required_claims = ["tenant", "risk_profile"]
[phases]
baseline = "10s"
outage = "90s"
hold = "60s"
failback = "40s"
[[faults]]
kind = "nacl-blackhole"
region = "primary"
[users.arrivals]
process = "constant"
rate = "2/s"
[[users.flows]]
flow = "USER_PASSWORD_AUTH"
share = "50%"
[[users.flows]]
flow = "GET_TOKENS_FROM_REFRESH_TOKEN"
client = "rotating"
share = "50%"
[[users.cohorts]]
cohort = "fresh-lookup"
share = "100%"
[[objectives]]
metric = "rto"
at_most = "90s"
[[objectives]]
metric = "failback"
at_most = "40s"
"#;

/// A run that went on in spite of findings.
struct Forced {
    exit: Option<i32>,
    run: Value,
    report: String,
}

impl Forced {
    fn run(scenario: &Path, environment: &Path, out: &Path, ignored: &[&str]) -> Self {
        let mut command = gameday();
        command.arg("run").arg(scenario).args(["--speed", "10", "--seed", "3", "--no-progress", "--yes"]);
        command.arg("--env").arg(environment).arg("--out").arg(out);
        // Where the finding shows in steady state already, the gate has to be told, too.
        let gate = ignored.first().map(|_| &"steady-state");
        let done = command.args(ignored.iter().chain(gate).flat_map(|code| ["--ignore", code])).output().unwrap();
        assert!(out.join("run.json").exists(), "{}", String::from_utf8_lossy(&done.stderr));
        let report = std::fs::read_to_string(out.join("report.md")).unwrap_or_default();
        Self { exit: done.status.code(), run: json(&out.join("run.json")), report }
    }

    fn finding(&self, code: &str) -> &Value {
        let findings = self.run["findings"].as_array().unwrap();
        findings.iter().find(|finding| finding["code"] == code).unwrap()
    }

    /// What a finding predicted came true, and the report says so of the logins that failed like this.
    fn came_true(&self, code: &str, seen: &str) {
        let finding = self.finding(code);
        let prediction = &finding["prediction_outcome"];
        assert_eq!((&finding["ignored"], &prediction["verdict"]), (&true.into(), &"came_true".into()), "{finding}");
        ties(&self.report, seen, code);
        assert_eq!(self.run["rollback"]["state_identical"], true, "{code}");
    }
}

/// Their trigger runs after a sign-in with a password, and not when a session is refreshed.
#[test]
fn gd415() {
    sign_ins_fail("GD415");
}

#[test]
fn gd417() {
    sign_ins_fail("GD417");
}

fn sign_ins_fail(code: &str) {
    let folder = tempfile::tempdir().unwrap();
    let scenario = short_scenario(folder.path());
    let text = std::fs::read_to_string(&scenario).unwrap();
    std::fs::write(&scenario, text.replace("REFRESH_TOKEN_AUTH", "ADMIN_USER_PASSWORD_AUTH")).unwrap();
    keeps_everybody_out(code, &[AT_REPLICA], FAILED, &scenario);
}

/// A failover in a variant of the lab.
fn in_variant(code: &str, ignored: &[&str], scenario: &Path) -> Forced {
    let folder = tempfile::tempdir().unwrap();
    let env = folder.path().join("env.toml");
    let text = std::fs::read_to_string(variant(code)).unwrap();
    // The short scenario's hold is shorter than the usual TTL.
    let text = text.replacen("[[lab.estate]]", "[lab]\nttl = \"20s\"\n\n[[lab.estate]]", 1);
    std::fs::write(&env, text).unwrap();
    Forced::run(scenario, &env, &folder.path().join("run"), ignored)
}

fn comes_true(code: &str, also: &[&str], seen: &str) {
    let folder = tempfile::tempdir().unwrap();
    keeps_everybody_out(code, also, seen, &short_scenario(folder.path()));
}

/// What is ignored comes true: nobody gets in at the replica, for the reason that the finding names.
fn keeps_everybody_out(code: &str, also: &[&str], seen: &str, scenario: &Path) {
    let ignored: Vec<&str> = std::iter::once(code).chain(also.iter().copied()).collect();
    let forced = in_variant(code, &ignored, scenario);
    assert_eq!(forced.exit, Some(1), "{code}");
    let reached = |milestone| bounds(&forced.run, milestone).is_some();
    assert!(reached("dns_flip_resolver") && !reached("first_replica_login"), "{code}");
    for code in ignored {
        forced.came_true(code, seen);
    }
}

#[test]
fn without_being_told_a_run_does_not_begin() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(in_variant("GD410", &[], &short_scenario(folder.path())).exit, Some(3));
}

/// Users whom the primary does not let in never come back there.
#[test]
fn gd101() {
    let folder = tempfile::tempdir().unwrap();
    let estate = "[[lab.estate]]\npath = \"/lambda/us-east-1/functions/gameday-pre-token/state\"\nvalue = \"Failed\"\n";
    let env = lab_with(folder.path(), &format!("{SHORT_TTL}\n{estate}"));
    // The function is a finding of its own, and no session can be opened there.
    let forced =
        Forced::run(&short_scenario(folder.path()), &env, &folder.path().join("run"), &["GD101", "GD104", "GD404"]);
    assert_eq!(forced.exit, Some(1));
    assert_eq!(bounds(&forced.run, "first_primary_login_after_failback"), None);
    forced.came_true("GD101", NOT_RUN);
    forced.came_true("GD104", "no_session");
    forced.came_true("GD404", NOT_RUN);
}

/// With another address of the replica.
fn with_direct(text: &str, address: &str) -> String {
    let (before, after) = text.split_once("\n[replica]\n").unwrap();
    let direct = after.lines().find(|line| line.starts_with("direct = ")).unwrap();
    format!("{before}\n[replica]\n{}", after.replacen(direct, &format!("direct = [\"{address}\"]"), 1))
}

/// In a lab that runs, with its file changed.
fn edited(code: &str, edit: impl FnOnce(&str) -> String) -> Forced {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let lab = Lab::start(folder, &["--seed", "5", "--speed", "10"]);
    let environment = folder.join("edited.toml");
    std::fs::write(&environment, edit(&std::fs::read_to_string(&lab.environment).unwrap())).unwrap();
    let scenario = folder.join("forced.toml");
    std::fs::write(&scenario, REFRESHED).unwrap();
    Forced::run(&scenario, &environment, &folder.join("run"), &[code])
}

/// Refreshes have nothing to refresh, before the fault as after it.
#[test]
fn gd104() {
    let forced = edited("GD104", |text| {
        let (_, after) = text.split_once("name = \"rotating\"\nid = \"").unwrap();
        text.replace(after.split('"').next().unwrap(), "0000000000000000000000000a")
    });
    forced.came_true("GD104", "no_session");
    let flow = &forced.run["logins"]["by_flow"]["GET_TOKENS_FROM_REFRESH_TOKEN rotating"];
    assert_eq!(flow["succeeded"], 0, "{flow}");
}

/// Users are led to addresses that the run knows no Region of: it does not see the record move. That they are at the replica, their tokens tell.
#[test]
fn gd510() {
    let forced = edited("GD510", |text| with_direct(text, "no-such-name.gameday.test"));
    assert_eq!(forced.exit, Some(1));
    assert_eq!(bounds(&forced.run, "dns_flip_authoritative"), None);
    assert!(bounds(&forced.run, "first_replica_login").is_some());
    let prediction = &forced.finding("GD510")["prediction_outcome"];
    let told = "logins succeeded at the replica, and no change of the record was observed";
    assert_eq!((&prediction["verdict"], &prediction["evidence"]), (&"came_true".into(), &told.into()));
    assert_eq!(forced.run["rollback"]["state_identical"], true);
}
