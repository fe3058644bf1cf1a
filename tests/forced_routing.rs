//! What preflight calls a blocker of routing or tokens really stops a failover: a run that is forced past the finding fails as predicted.

use std::path::Path;

use crate::support::{bounds, gameday, json, ties};

/// A failover that is over in under three minutes of scenario time; the hold is the TTL of the variants.
const SCENARIO: &str = r#"
schema_version = 1
title = "Forced"
hypothesis = "It fails as preflight said."
required_claims = ["tenant", "risk_profile"]
[phases]
baseline = "10s"
outage = "70s"
hold = "60s"
failback = "30s"
[[faults]]
kind = "nacl-blackhole"
region = "primary"
[users.arrivals]
process = "constant"
rate = "2/s"
[[users.flows]]
flow = "USER_PASSWORD_AUTH"
share = "100%"
[[users.cohorts]]
cohort = "fresh-lookup"
share = "100%"
[[objectives]]
metric = "detection"
at_most = "1m"
[[objectives]]
metric = "rto"
at_most = "70s"
[[objectives]]
metric = "failback"
at_most = "30s"
"#;

/// What does not come to pass.
const NEVER_MOVES: [&str; 3] = ["dns_flip_authoritative", "dns_flip_resolver", "first_replica_login"];

/// One test for each variant, so that the test runner decides how many go side by side.
macro_rules! predicted {
    ($($test:ident: $variant:literal never reaches $missing:expr;)*) => {
        $(#[test]
        fn $test() {
            fails_as_predicted($variant, $missing);
        })*
    };
}

predicted! {
    gd501: "GD501-no-secondary-record" never reaches &NEVER_MOVES;
    gd503: "GD503-no-health-check-attached" never reaches &NEVER_MOVES;
    gd504: "GD504-health-check-deleted" never reaches &["health_check_unhealthy", "dns_flip_authoritative", "first_replica_login"];
    gd505: "GD505-health-check-disabled" never reaches &["health_check_unhealthy", "dns_flip_authoritative", "first_replica_login"];
    gd506: "GD506-health-check-elsewhere" never reaches &["health_check_unhealthy", "dns_flip_authoritative", "first_replica_login"];
    gd517: "GD517-calculated-parent" never reaches &NEVER_MOVES;
    // Users are at the replica from the beginning, so that its figures look well; but nobody ever comes back.
    gd520: "GD520-unhealthy-already" never reaches &["health_check_healthy", "dns_failback_authoritative", "first_primary_login_after_failback"];
    gd526: "GD526-secondary-hangs-on-the-same" never reaches &NEVER_MOVES;
}

fn fails_as_predicted(variant: &str, missing: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let scenario = folder.join("forced.toml");
    std::fs::write(&scenario, SCENARIO).unwrap();
    let code = &variant[..5];
    let environment = Path::new("scenarios/broken").join(format!("{variant}.toml"));
    let run = |out: &Path, forced: &[&str]| {
        let mut command = gameday();
        command.arg("run").arg(&scenario).args(["--time", "virtual", "--seed", "3", "--env"]).arg(&environment);
        command.args(forced).arg("--out").arg(out).output().unwrap()
    };
    let refused = run(&folder.join(format!("{variant}-refused")), &[]);
    assert_eq!(refused.status.code(), Some(3), "{variant}: {}", String::from_utf8_lossy(&refused.stderr));
    let out = folder.join(variant);
    // Where the finding shows in steady state already, the gate has to be told, too.
    let done = run(&out, &["--ignore", code, "--ignore", "steady-state"]);
    let told = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(1), "{variant}: {told}");
    let run = json(&out.join("run.json"));
    for milestone in missing {
        assert_eq!(bounds(&run, milestone), None, "{variant}: {milestone} was reached");
    }
    assert!(bounds(&run, "fault_effective").is_some(), "{variant}: nothing was cut");
    assert_eq!(run["rollback"]["state_identical"], true, "{variant}");
    let report = std::fs::read_to_string(out.join("report.md")).unwrap();
    assert!(report.contains(code), "{variant}: the report does not name {code}");
    let finding = run["findings"].as_array().unwrap().iter().find(|finding| finding["code"] == code).unwrap();
    assert_eq!(finding["prediction_outcome"]["verdict"], "came_true", "{variant}: {finding}");
    // Whoever is kept from the primary is so by the finding; where nobody comes back, all get in at the replica.
    if missing.contains(&"first_replica_login") {
        ties(&report, "connect_timeout", code);
    }
}
