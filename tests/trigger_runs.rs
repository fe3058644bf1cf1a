//! Runs that go on in spite of what preflight found of the replica's triggers: they fail as it foretold.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod support;

use std::path::Path;

use serde_json::Value;
use support::{bounds, gameday, json, short_scenario};

/// Runs a short failover in a broken lab; gives the exit code and `run.json`.
fn run(variant: &str, ignored: &[&str]) -> (Option<i32>, Value) {
    let folder = tempfile::tempdir().unwrap();
    let (env, out) = (folder.path().join("env.toml"), folder.path().join("run"));
    let text = std::fs::read_to_string(Path::new("scenarios/broken").join(variant)).unwrap();
    // The short scenario's hold is shorter than the usual TTL.
    let text = text.replacen("[[lab.estate]]", "[lab]\nttl = \"20s\"\n\n[[lab.estate]]", 1);
    std::fs::write(&env, text).unwrap();
    let mut command = gameday();
    command.arg("run").arg(short_scenario(folder.path())).args(["--speed", "10", "--seed", "3", "--no-progress"]);
    command.arg("--env").arg(&env).arg("--out").arg(&out);
    command.args(ignored.iter().flat_map(|code| ["--ignore", code]));
    let done = command.output().unwrap();
    assert!(out.join("run.json").exists(), "{}", String::from_utf8_lossy(&done.stderr));
    (done.status.code(), json(&out.join("run.json")))
}

/// What is ignored comes true: nobody gets in at the replica, for the reason that the finding names.
fn comes_true(variant: &str, ignored: &[&str], seen: &str) {
    let (code, run) = run(variant, ignored);
    assert_eq!(code, Some(1), "{variant}");
    assert!(bounds(&run, "dns_flip_resolver").is_some() && bounds(&run, "first_replica_login").is_none(), "{variant}");
    let findings = run["findings"].as_array().unwrap();
    let finding = findings.iter().find(|finding| finding["code"] == ignored[0]).unwrap();
    let became = &finding["became"];
    assert_eq!((&finding["ignored"], &became["verdict"]), (&true.into(), &"came_true".into()), "{finding}");
    assert!(became["evidence"].as_str().unwrap().contains(seen), "{finding}");
}

#[test]
fn a_policy_for_the_primary_alone_keeps_users_out() {
    let variant = "GD410-policy-allows-primary-alone.toml";
    assert_eq!(run(variant, &[]).0, Some(3));
    // Preflight's own login fails for the same reason.
    comes_true(variant, &["GD410", "GD102"], "UnexpectedLambdaException");
}

#[test]
fn a_table_that_is_missing_keeps_users_out() {
    comes_true("GD414-table-missing-in-replica.toml", &["GD414", "GD102"], "UserLambdaValidationException");
}

#[test]
fn a_token_trigger_that_is_missing_makes_tokens_of_no_use() {
    comes_true("GD401-token-trigger-missing-in-replica.toml", &["GD401"], "tenant");
}
