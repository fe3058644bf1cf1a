//! Blockers of pool, keys and replication are no false alarms: a run that goes on in spite of one fails as its page says.

use std::path::{Path, PathBuf};

use crate::support::{gameday, json, ties, variant};

const CONFIDENTIAL: &str = "flow = \"USER_SRP_AUTH\"\nclient = \"confidential\"";
const CONFIDENTIAL_BY_PASSWORD: &str = "flow = \"USER_PASSWORD_AUTH\"\nclient = \"confidential\"";
const EVERYBODY: &str = "flow = \"USER_SRP_AUTH\"";

/// One test for each variant, so that the test runner decides how many go side by side: its code, the login flow that it breaks, and
/// what users are told at the replica.
macro_rules! predicted {
    ($($test:ident: $code:literal breaks $flow:ident with $told:literal;)*) => {
        $(#[test]
        fn $test() {
            fails_as_foretold($code, $flow, $told);
        })*
    };
}

predicted! {
    gd116: "GD116" breaks CONFIDENTIAL with "ResourceNotFoundException";
    gd118: "GD118" breaks CONFIDENTIAL_BY_PASSWORD with "InvalidParameterException";
    gd122: "GD122" breaks CONFIDENTIAL with "NotAuthorizedException";
    gd123: "GD123" breaks EVERYBODY with "FeatureUnavailableInTierException";
    gd203: "GD203" breaks EVERYBODY with "InvalidUserPoolConfigurationException";
    gd204: "GD204" breaks EVERYBODY with "InvalidUserPoolConfigurationException";
    gd205: "GD205" breaks EVERYBODY with "InvalidUserPoolConfigurationException";
    gd206: "GD206" breaks EVERYBODY with "InvalidUserPoolConfigurationException";
    gd301: "GD301" breaks EVERYBODY with "ResourceNotFoundException";
    gd302: "GD302" breaks EVERYBODY with "OperationNotEnabledException";
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

fn fails_as_foretold(code: &str, flow: &str, told: &str) {
    let folder = tempfile::tempdir().unwrap();
    let (scenario, out) = (scenario(folder.path(), flow), folder.path().join("run"));
    let mut command = gameday();
    command.arg("run").arg(&scenario).arg("--env").arg(variant(code)).arg("--out").arg(&out);
    command.args(["--time", "virtual", "--yes", "--no-progress", "--ignore", code]);
    // Preflight makes the scenario's own sign-ins, which fail as predicted.
    command.args(["--ignore", "GD102"]);
    // Without a replica nothing replicates, which the gate finds too.
    if code == "GD301" {
        command.args(["--ignore", "steady-state"]);
    }
    let done = command.output().unwrap();
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
    ties(&std::fs::read_to_string(out.join("report.md")).unwrap(), told, code);
}
