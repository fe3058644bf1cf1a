//! The checks of pool, keys and replication where the standby is a pool of its own instead of a native replica.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::support::{Lab, gameday};
use gameday::cloud::Cloud;
use serde_json::Value;

const POOL: &str = "/cognito/pools/us-west-2";
const KEY: &str = "/kms/us-west-2/0/policy/Statement";
const ARN: &str = "\"arn:aws:cognito-idp:us-west-2:111122223333:userpool/us-west-2_Standby01\"";
const CONTEXT: &str = "StringLike/kms:EncryptionContext:aws:cognito-idp:userpool-arn";

/// What preflight finds of the areas GD1xx to GD3xx where the standby has an ID of its own and this is otherwise besides.
fn found(changes: &[(&str, Option<&str>)]) -> (BTreeSet<String>, Vec<String>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("independent.toml");
    let mut text = "schema_version = 1\nname = \"independent\"\nkind = \"lab\"\n".to_owned();
    let [use_it, look_at_it] = ["0", "1"].map(|number| format!("{KEY}/{number}/Condition/ArnEquals/aws:SourceArn"));
    let context = format!("{KEY}/0/Condition/{CONTEXT}");
    let id = format!("{POOL}/id");
    let own = [(&id, "\"us-west-2_Standby01\""), (&use_it, ARN), (&look_at_it, ARN), (&context, ARN)];
    let own = own.map(|(path, value)| (path.as_str(), Some(value)));
    for (path, value) in own.iter().chain(changes) {
        write!(text, "\n[[lab.estate]]\npath = \"{path}\"\n").unwrap();
        if let Some(value) = value {
            writeln!(text, "value = {value}").unwrap();
        }
    }
    std::fs::write(&path, text).unwrap();
    let done = gameday().args(["preflight", "--format", "json", "--speed", "5", "--env"]).arg(&path).output().unwrap();
    let told: Value = serde_json::from_slice(&done.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&done.stderr)));
    let ours = |code: &str| ["GD1", "GD2", "GD3"].iter().any(|area| code.starts_with(area));
    let codes = told["findings"].as_array().unwrap().iter().map(|finding| finding["code"].as_str().unwrap().to_owned());
    let not_checked = told["not_checked"].as_array().unwrap().iter().map(ToString::to_string);
    // Each begins with its code, whatever form it has.
    let not_checked = not_checked.filter(|told| told.find("GD").is_some_and(|at| ours(&told[at..])));
    (codes.filter(|code| ours(code)).collect(), not_checked.collect())
}

#[test]
fn a_pool_of_its_own_is_no_finding_and_everything_is_looked_at() {
    // It is in no list of replicas, and another plan than that of a native replica will do.
    let lite = format!("{POOL}/tier");
    let (codes, not_checked) = found(&[("/cognito/replicas/1", None), (&lite, Some("\"LITE\""))]);
    assert!(codes.is_empty() && not_checked.is_empty(), "{codes:?} {not_checked:?}");
}

#[test]
fn what_somebody_has_not_kept_in_step_is_found() {
    let at = |rest: &str| format!("{POOL}/{rest}");
    let (group, client, attribute) = (at("groups/1"), at("clients/2/own_id"), at("attributes/3"));
    let (codes, _) = found(&[(&group, None), (&client, Some("\"7otheridofarotatingclient07\"")), (&attribute, None)]);
    assert_eq!(codes.iter().map(String::as_str).collect::<Vec<_>>(), ["GD110", "GD114", "GD117"]);
}

/// What an earlier preflight wrote may be at the replica for ever: seen there, it would hide that replication has stopped since.
#[tokio::test(flavor = "multi_thread")]
async fn each_preflight_writes_a_canary_of_its_own() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::start(folder.path(), &["--speed", "10", "--seed", "5"]);
    let site = lab.site();
    let cloud = Cloud::connect(&site).await.unwrap();
    let canary = site.users.canary.clone().unwrap();
    let mut written = Vec::new();
    for _ in 0..2 {
        let done = gameday().args(["preflight", "--env"]).arg(&lab.environment).output().unwrap();
        assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
        let user = cloud.primary.cognito.admin_get_user().user_pool_id(&site.pool.id).username(&canary.username);
        let user = user.send().await.unwrap();
        let value = user.user_attributes().iter().find(|own| own.name() == canary.attribute).unwrap();
        written.push(value.value().unwrap().to_owned());
    }
    assert_ne!(written[0], written[1]);
}
