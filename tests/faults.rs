//! Faults in whole runs on the lab: each scenario with its verdict, and what it puts back.

use std::path::Path;

use crate::support::{FULL_FAILOVER, bounds, gameday, json, keeps_tokens, texts, without_debug};
use gameday::faults::read_journal;
use serde_json::Value;

struct Done {
    code: Option<i32>,
    run: Value,
    truth: Value,
    journal: Vec<Value>,
    events: Vec<Value>,
    report: String,
    told: String,
}

fn run(scenario: &Path, seed: &str) -> Done {
    run_in(scenario, seed, None)
}

/// In virtual time. That no known secret is left behind is for runs on labs of their own process (flows, policy): here is looked for what is
/// like a token.
fn run_in(scenario: &Path, seed: &str, environment: Option<&Path>) -> Done {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let mut command = gameday();
    command.arg("run").arg(scenario);
    if let Some(environment) = environment {
        command.arg("--env").arg(environment);
    }
    command.args(["--no-progress", "--time", "virtual", "--seed", seed, "--out"]).arg(&out).env("GAMEDAY_LOG", "debug");
    let done = command.output().unwrap();
    keeps_tokens(&texts(&out, &[&done.stdout, &done.stderr]));
    is_as_planned(scenario, seed, environment, &out.join("journal.ndjson"));
    let lines = |name: &str| -> Vec<Value> {
        let text = std::fs::read_to_string(out.join(name)).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    Done {
        events: lines("events.ndjson"),
        code: done.status.code(),
        run: json(&out.join("run.json")),
        truth: json(&out.join("truth.json")),
        journal: lines("journal.ndjson"),
        report: std::fs::read_to_string(out.join("report.md")).unwrap(),
        told: without_debug(&done.stderr),
    }
}

/// The plan shows the same mutations, in the same order, as the journal of the run that follows: the lab has the same IDs
/// with the same seed.
fn is_as_planned(scenario: &Path, seed: &str, environment: Option<&Path>, journal: &Path) {
    let mut command = gameday();
    command.arg("plan").arg(scenario).args(["--format", "json", "--seed", seed]);
    if let Some(environment) = environment {
        command.arg("--env").arg(environment);
    }
    let planned = command.output().unwrap();
    assert!(planned.status.success(), "{}", String::from_utf8_lossy(&planned.stderr));
    let planned: Value = serde_json::from_slice(&planned.stdout).unwrap();
    let planned = planned["calls"].as_array().unwrap().iter();
    let planned: Vec<[String; 3]> =
        planned.map(|call| ["region", "call", "resource"].map(|key| call[key].as_str().unwrap().to_owned())).collect();
    let made = read_journal(journal).unwrap().actions.into_iter().map(|made| {
        let change = made.action.change();
        [made.region.to_string(), change.call().to_owned(), change.resource()]
    });
    assert_eq!(planned, made.collect::<Vec<_>>());
}

impl Done {
    fn bounds(&self, name: &str) -> (f64, f64) {
        bounds(&self.run, name).unwrap_or_else(|| panic!("{name} was not reached"))
    }

    fn true_at(&self, name: &str) -> f64 {
        let found = self.truth["milestones"].as_array().unwrap().iter().find(|one| one["name"] == name);
        found.unwrap_or_else(|| panic!("no {name} in {}", self.truth))["at_s"].as_f64().unwrap()
    }

    fn holds_the_truth(&self, name: &str) {
        let ((lower, upper), at) = (self.bounds(name), self.true_at(name));
        assert!(lower <= at && at <= upper, "{name}: {at} s is outside {lower} s to {upper} s");
    }

    fn intents(&self, action: &str) -> usize {
        self.journal.iter().filter(|line| line["entry"]["action"]["action"] == action).count()
    }

    fn restored(&self) {
        assert_eq!(self.run["rollback"]["state_identical"], true);
        assert_eq!(self.run["rollback"]["mutations"], self.run["rollback"]["reverted"]);
        assert_eq!(self.journal.last().unwrap()["entry"]["entry"], "closed");
    }
}

#[test]
fn a_flapping_primary_is_cut_and_healed_in_turns_and_timed_from_first_to_last() {
    let done = run(Path::new("scenarios/flapping.toml"), "3");
    assert_eq!(done.code, Some(0), "{}", done.told);
    for milestone in ["fault_effective", "health_check_unhealthy", "dns_flip_authoritative", "fault_reverted"] {
        done.holds_the_truth(milestone);
    }
    // Three turns of 45 s, 65 s from one to the next: the last ends 175 s after the first began.
    // The turns count from just before the journal's line that precedes the first call.
    let reverted = done.bounds("fault_reverted");
    assert!(reverted.0 >= 174.5 && reverted.1 < 177.0, "{reverted:?}");
    assert!(done.bounds("fault_effective").1 < 2.0);
    assert!(done.report.contains("nacl-blackhole, 3 times for 45s, one every 1m5s"), "{}", done.report);
    // Two rules for the one clone, in each of three turns; the clone is made once.
    assert_eq!((done.intents("deny"), done.intents("create_clone")), (6, 1));
    done.restored();
}

/// A fault that begins late and covers one port of the front door in one direction only.
#[test]
fn chosen_traffic_is_denied_from_a_later_moment_on() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("deny.toml");
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(FULL_FAILOVER));
    let faults = "kind = \"nacl-deny-entries\"\nregion = \"primary\"\ndirection = \"ingress\"\nports = [\"1-65535\"]\n\
                  cidrs = [\"127.0.0.0/8\"]\n\n[[faults]]\nkind = \"nacl-deny-entries\"\nregion = \"replica\"\n\
                  ports = [\"9\"]\nat = \"10s\"\nfor = \"20s\"";
    let text = text.unwrap().replace("kind = \"nacl-blackhole\"\nregion = \"primary\"", faults);
    std::fs::write(&scenario, text).unwrap();
    let done = run(&scenario, "4");
    assert_eq!(done.code, Some(0), "{}", done.told);
    done.holds_the_truth("fault_effective");
    done.holds_the_truth("health_check_unhealthy");
    // The replica's fault begins and ends while the primary's lasts, and is not taken for it.
    done.holds_the_truth("fault_reverted");
    assert!(done.bounds("fault_reverted").0 > 60.0);
    let denied = |region| {
        let of = |line: &&Value| line["entry"]["action"]["action"] == "deny" && line["entry"]["region"] == region;
        done.journal.iter().filter(of).count()
    };
    // One rule for the one direction; two for both directions, IPv4 alone, as the lab's subnets are.
    assert_eq!((denied("us-east-1"), denied("us-west-2")), (1, 2));
    done.restored();
}

#[test]
fn a_security_group_fails_over_and_the_report_counts_tracked_connections() {
    let done = run(Path::new("scenarios/sg-blackhole.toml"), "3");
    assert_eq!(done.code, Some(0), "{}", done.told);
    for milestone in ["fault_effective", "health_check_unhealthy", "dns_flip_authoritative", "fault_reverted"] {
        done.holds_the_truth(milestone);
    }
    assert!(done.report.contains("Logins at the primary that used such a connection"), "{}", done.report);
    assert_eq!((done.intents("create_empty"), done.intents("swap_groups")), (1, 2));
    done.restored();
}

#[test]
fn one_zone_does_not_move_the_record() {
    let done = run(Path::new("scenarios/single-az.toml"), "3");
    assert_eq!(done.code, Some(0), "{}", done.told);
    assert!(done.bounds("fault_effective").1 < 2.0 && done.bounds("fault_reverted").0 > 100.0);
    assert!(bounds(&done.run, "dns_flip_authoritative").is_none());
    assert_eq!(done.intents("swap"), 1);
    done.restored();
}

#[test]
fn a_throttled_trigger_at_the_replica_keeps_everybody_out() {
    let done = run(Path::new("scenarios/silent-trigger-failure.toml"), "3");
    assert_eq!(done.code, Some(1), "{}", done.told);
    done.holds_the_truth("dns_flip_authoritative");
    assert!(bounds(&done.run, "first_replica_login").is_none());
    assert!(done.report.contains("UnexpectedLambdaException"), "{}", done.report);
    done.restored();
}

/// Cognito's own API is behind no network ACL: WAF refuses users there, and no health check learns of it.
#[test]
fn a_web_acl_refuses_synthetic_users_and_nothing_fails_over() {
    let done = run(Path::new("scenarios/waf-block.toml"), "3");
    assert_eq!(done.code, Some(1), "{}", done.told);
    for milestone in ["health_check_unhealthy", "dns_flip_authoritative", "first_replica_login"] {
        assert!(bounds(&done.run, milestone).is_none(), "{milestone}");
    }
    // The association takes 3 s to be in force, in the lab.
    for (milestone, call) in [("fault_effective", "cut"), ("fault_reverted", "heal")] {
        let call = done.events.iter().find(|event| event["event"] == "mutation" && event["step"] == call).unwrap();
        let at = |value: &Value| value.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
        let zero = at(&done.run["zero_at"]);
        let after = |value: &Value| at(value).duration_since(zero).as_secs_f64() + 3.0;
        let (lower, upper) = done.bounds(milestone);
        assert!(lower <= after(&call["received"]) && after(&call["sent"]) <= upper, "{milestone}: {lower} to {upper}");
        assert!(upper - lower < 2.0, "{milestone}: {lower} to {upper}");
    }
    assert!(done.report.contains("AWS WAF refuses sign-ins with 403"), "{}", done.report);
    assert!(done.report.contains("ForbiddenException"), "{}", done.report);
    assert_eq!((done.intents("create_blocking_acl"), done.intents("associate_blocking_acl")), (1, 1));
    done.restored();
}

/// Everyone, whatever headers a request carries; and a pool that has no web ACL gets one, and loses it again.
#[test]
fn a_web_acl_refuses_everyone() {
    let folder = tempfile::tempdir().unwrap();
    let read = |path: &str| std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let environment = folder.path().join("without.toml");
    let without = "\n[[lab.estate]]\npath = \"/governance/web_acls/us-east-1\"\n";
    std::fs::write(&environment, read("environments/lab.toml") + without).unwrap();
    let scenario = folder.path().join("waf-block.toml");
    std::fs::write(&scenario, read("scenarios/waf-block.toml").replace("synthetic-users", "everyone")).unwrap();
    let done = run_in(&scenario, "3", Some(&environment));
    assert_eq!(done.code, Some(1), "{}", done.told);
    assert!(done.report.contains("ForbiddenException"), "{}", done.report);
    let calls: Vec<_> =
        done.events.iter().filter(|event| event["event"] == "mutation").map(|event| &event["call"]).collect();
    assert!(calls.iter().any(|call| *call == "wafv2:DisassociateWebACL"), "{calls:?}");
    done.restored();
}

#[test]
fn nobody_notices_that_the_primarys_keys_cannot_be_fetched() {
    let done = run(Path::new("scenarios/jwks-outage.toml"), "3");
    assert_eq!(done.code, Some(0), "{}", done.told);
    assert_eq!(done.run["logins"]["attempted"], done.run["logins"]["succeeded"]);
    // Nothing failed over, and users' packets never vanished.
    for milestone in ["health_check_unhealthy", "dns_flip_authoritative", "first_failed_login"] {
        assert!(bounds(&done.run, milestone).is_none(), "{milestone}");
    }
    // Both directions of the one range.
    assert_eq!((done.intents("deny"), done.intents("create_clone")), (2, 1));
    done.restored();
}

#[test]
fn an_authorizer_that_fetches_keys_for_each_request_refuses_everybody() {
    let folder = tempfile::tempdir().unwrap();
    let environment = folder.path().join("per-request.toml");
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("environments/lab.toml")).unwrap();
    // Keys that the primary alone publishes.
    let text = text.replace("jwks_fetch = \"cached\"", "jwks_fetch = \"per-request\"");
    std::fs::write(&environment, text.replace("issuer = \"updated\"", "issuer = \"original\"")).unwrap();
    // A minute shows it.
    let scenario = folder.path().join("jwks-outage.toml");
    let text =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/jwks-outage.toml")).unwrap();
    std::fs::write(&scenario, text.replace("outage = \"11m\"", "outage = \"30s\"")).unwrap();
    let done = run_in(&scenario, "3", Some(&environment));
    assert_eq!(done.code, Some(1), "{}", done.told);
    // Not by phases: a login may be scheduled at the end of one, and ask the API in the next.
    let at = |value: &Value| value.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let first = |step: &str| {
        let of_step = done.events.iter().filter(|event| event["event"] == "mutation" && event["step"] == step);
        of_step.map(|event| at(&event["sent"])).min().unwrap()
    };
    let logins = || done.events.iter().filter(|event| event["event"] == "login");
    let served = |login: &&Value| login["outcome"]["class"] == "succeeded";
    let before: Vec<&Value> = logins().filter(|login| at(&login["ended"]) < first("cut")).collect();
    assert!(before.len() > 10 && before.iter().all(served), "{before:?}");
    let hold: Vec<&Value> =
        logins().filter(|login| login["phase"] == "hold" && at(&login["ended"]) < first("heal")).collect();
    assert!(hold.len() > 30 && !hold.iter().any(served), "{hold:?}");
    assert!(done.report.contains("api_refused (503: the keys of us-east-1 could not be fetched"), "{}", done.report);
    done.restored();
}

/// A tenth of the scenario's load and limits, with a short TTL: what it shows is the same, on any machine.
#[test]
fn the_replica_throttles_until_its_limit_is_raised() {
    let folder = tempfile::tempdir().unwrap();
    let (scenario, environment) = (folder.path().join("throttle.toml"), folder.path().join("tenth.toml"));
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("scenarios/quota-throttle.toml")).unwrap();
    let text = text.replace("\"200/s\"", "\"20/s\"").replace("\"300/s\"", "\"30/s\"");
    let text = text.replace("at = \"120s\"", "at = \"80s\"").replace("hold = \"100s\"", "hold = \"60s\"");
    std::fs::write(&scenario, text).unwrap();
    let head = "schema_version = 1\nname = \"tenth\"\nkind = \"lab\"\n";
    let lab = "[lab]\nttl = \"10s\"\nuser_authentication_rps = 12\nservice_quota_rps = 100\n";
    std::fs::write(&environment, format!("{head}{lab}")).unwrap();
    let done = run_in(&scenario, "3", Some(&environment));
    assert_eq!(done.code, Some(1), "{}", done.told);
    // What is under way while the limit changes may see either.
    let call = |step: &str| {
        let of = |event: &&Value| event["call"] == "cognito-idp:UpdateProvisionedLimit" && event["step"] == step;
        done.events.iter().find(of).unwrap_or_else(|| panic!("no such {step}"))
    };
    let (raise, lowered) = (call("cut"), call("heal"));
    let at = |value: &Value| value.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    let login = |event: &&Value| event["event"] == "login" && event["role"] == "replica";
    let throttled = |event: &Value| event["outcome"].to_string().contains("throttled");
    let (sent, received) = (at(&raise["sent"]), at(&raise["received"]));
    let (mut before, mut after) = ((0, 0), (0, 0));
    for event in done.events.iter().filter(login) {
        let count = if at(&event["ended"]) < sent {
            &mut before
        } else if at(&event["started"]) > received && at(&event["ended"]) < at(&lowered["sent"]) {
            &mut after
        } else {
            continue;
        };
        *count = (count.0 + usize::from(throttled(event)), count.1 + 1);
    }
    println!(
        "throttled at the replica: {} of {} before the raise, {} of {} after",
        before.0, before.1, after.0, after.1
    );
    // 8 of 20, but for the second's worth in the bucket.
    assert!(before.1 > 100 && before.0 * 10 > before.1 * 3, "{before:?}");
    assert!(after.1 > 100 && after.0 == 0, "{after:?}");
    assert!(done.report.contains("throttled"), "{}", done.report);
    done.restored();
}

#[test]
fn an_inverted_health_check_moves_everybody_and_nobody_fails() {
    let done = run(Path::new("scenarios/health-check-drill.toml"), "3");
    assert_eq!(done.code, Some(0), "{}", done.told);
    for milestone in ["health_check_unhealthy", "dns_flip_authoritative", "dns_failback_authoritative"] {
        done.holds_the_truth(milestone);
    }
    assert_eq!(done.run["logins"]["attempted"], done.run["logins"]["succeeded"]);
    done.restored();
}
