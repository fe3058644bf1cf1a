//! Blockers of pool, keys and replication are no false alarms: a run that goes on in spite of one fails as its page says.

#![allow(clippy::large_futures, clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod support;

use std::path::{Path, PathBuf};

use support::{gameday, json, tools};

/// A variant by the beginning of its name, the login flow that it breaks, and what users are told at the replica.
type Case = (&'static str, &'static str, &'static str);

/// Some users are kept out.
const APP_CLIENTS: [Case; 3] = [
    ("GD116", "flow = \"USER_SRP_AUTH\"\nclient = \"confidential\"", "ResourceNotFoundException"),
    ("GD118", "flow = \"USER_PASSWORD_AUTH\"\nclient = \"confidential\"", "InvalidParameterException"),
    ("GD122", "flow = \"USER_SRP_AUTH\"\nclient = \"confidential\"", "NotAuthorizedException"),
];

const EVERYBODY: &str = "flow = \"USER_SRP_AUTH\"";
/// Everybody is.
const KEYS: [Case; 4] = [
    ("GD203", EVERYBODY, "InvalidUserPoolConfigurationException"),
    ("GD204", EVERYBODY, "InvalidUserPoolConfigurationException"),
    ("GD205", EVERYBODY, "InvalidUserPoolConfigurationException"),
    ("GD206", EVERYBODY, "InvalidUserPoolConfigurationException"),
];
const REPLICAS: [Case; 3] = [
    ("GD123", EVERYBODY, "FeatureUnavailableInTierException"),
    ("GD301", EVERYBODY, "ResourceNotFoundException"),
    ("GD302", EVERYBODY, "OperationNotEnabledException"),
];

fn variant(code: &str) -> PathBuf {
    let folder = tools::in_repository("scenarios/broken");
    let mut files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.find(|path| path.file_name().unwrap().to_str().unwrap().starts_with(code)).unwrap()
}

fn scenario(folder: &Path, flow: &str) -> PathBuf {
    let path = folder.join("forced.toml");
    let text = format!(
        "schema_version = 1\ntitle = \"In spite of a blocker\"\nhypothesis = \"Nobody gets in at the replica.\"\n\
         required_claims = [\"tenant\", \"risk_profile\"]\n\n\
         [phases]\nbaseline = \"10s\"\noutage = \"60s\"\nhold = \"60s\"\nfailback = \"90s\"\n\n\
         [[faults]]\nkind = \"nacl-blackhole\"\nregion = \"primary\"\n\n\
         [users.arrivals]\nprocess = \"constant\"\nrate = \"2/s\"\n\n\
         [[users.flows]]\n{flow}\nshare = \"100%\"\n\n\
         [[users.cohorts]]\ncohort = \"fresh-lookup\"\nshare = \"100%\"\n\n\
         [[objectives]]\nmetric = \"rto\"\nat_most = \"1m\"\n"
    );
    std::fs::write(&path, text).unwrap();
    path
}

fn fails_as_foretold((code, flow, told): Case) {
    let folder = tempfile::tempdir().unwrap();
    let (scenario, out) = (scenario(folder.path(), flow), folder.path().join("run"));
    let mut command = gameday();
    command.arg("run").arg(&scenario).arg("--env").arg(variant(code)).arg("--out").arg(&out);
    let done = command.args(["--speed", "10", "--yes", "--no-progress", "--ignore", code]).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert_eq!(done.status.code(), Some(1), "{code}: {said}");
    let run = json(&out.join("run.json"));
    let logins = &run["logins"];
    assert_eq!(logins["by_region"]["us-west-2"]["succeeded"].as_u64().unwrap_or_default(), 0, "{code}: {logins}");
    assert!(logins["by_region"]["us-east-1"]["succeeded"].as_u64().unwrap() > 10, "{code}: {logins}");
    let errors = logins["errors"].as_object().unwrap();
    let count: u64 =
        errors.iter().filter(|(error, _)| error.contains(told)).filter_map(|(_, count)| count.as_u64()).sum();
    assert!(count > 10, "{code}: {told} is not among {errors:?}");
    assert_eq!(run["rollback"]["state_identical"], true, "{code}");
    assert!(std::fs::read_to_string(out.join("report.md")).unwrap().contains(code), "{code} is not in the report");
}

/// Runs wait most of the time, so they go side by side.
fn fail_as_foretold(cases: &[Case]) {
    std::thread::scope(|scope| {
        for case in cases {
            scope.spawn(|| fails_as_foretold(*case));
        }
    });
}

#[test]
fn app_clients_of_the_replica_keep_their_users_out() {
    fail_as_foretold(&APP_CLIENTS);
}

#[test]
fn keys_of_the_replica_keep_everybody_out() {
    fail_as_foretold(&KEYS);
}

#[test]
fn a_replica_that_does_not_serve_keeps_everybody_out() {
    fail_as_foretold(&REPLICAS);
}
