//! Keys of the Key Management Service, as they are in each Region.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::topology;

/// The multi-Region key of the user pool: `mrk-` and 32 hexadecimal digits (KMS developer guide, "Multi-Region keys").
pub(crate) const POOL_KEY: &str = "mrk-1a2b3c4d5e6f47a8b9c0d1e2f3a4b5c6";

/// What Cognito does with a pool's key (Cognito developer guide, "Data protection in Amazon Cognito").
const USES: [&str; 4] = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKeyWithoutPlainText"];
/// As whom (the same).
const COGNITO: [&str; 2] = ["cognito-idp.amazonaws.com", "identitystore.amazonaws.com"];
/// The encryption context that it gives (the same).
const CONTEXT: &str = "kms:EncryptionContext:aws:cognito-idp:userpool-arn";

/// A key in one Region.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Key {
    /// `mrk-…` for a multi-Region key, else a UUID. Keys of one ID in several Regions are replicas of each other.
    pub id: String,
    /// `CUSTOMER` or `AWS`.
    pub manager: String,
    /// `Enabled`, `Disabled`, `PendingDeletion` and others (KMS API reference, KeyMetadata).
    pub state: String,
    /// Days between rotations; nothing where it is never rotated.
    pub rotation_days: Option<u32>,
    /// FixtureNames, as `alias/gameday-pool`.
    pub aliases: Vec<String>,
    /// The key policy, which each Region has of its own.
    pub policy: Value,
}

impl Key {
    /// The user pool's key in a Region, with the policy that the developer guide gives.
    pub(crate) fn healthy(region: &str, pool_id: &str) -> Self {
        Self {
            id: POOL_KEY.to_owned(),
            manager: "CUSTOMER".to_owned(),
            state: "Enabled".to_owned(),
            rotation_days: Some(365),
            aliases: vec!["alias/gameday-pool".to_owned()],
            policy: policy(region, pool_id),
        }
    }

    /// Its ARN in a Region.
    pub(crate) fn arn(&self, region: &str) -> String {
        key_arn(region, &self.id)
    }

    /// Why Cognito cannot use it for the user pool with that ARN, in KMS's words; nothing where it can.
    pub(crate) fn refusal(&self, region: &str, pool_arn: &str) -> Option<String> {
        let arn = self.arn(region);
        match self.state.as_str() {
            "Enabled" => {}
            "Disabled" => return Some(format!("DisabledException: {arn} is disabled.")),
            "PendingDeletion" | "PendingReplicaDeletion" => {
                return Some(format!("KMSInvalidStateException: {arn} is pending deletion."));
            }
            state => return Some(format!("KMSInvalidStateException: {arn} is in the state {state}.")),
        }
        let statements = self.policy["Statement"].as_array().into_iter().flatten();
        let serves = |statement: &Value| {
            statement["Effect"] == "Allow"
                && texts(&statement["Principal"]["Service"]).contains(&COGNITO[0])
                && texts(&statement["Action"]).iter().any(|action| fits(action, "kms:Decrypt"))
                && holds(&statement["Condition"], pool_arn)
        };
        let allowed = statements.into_iter().any(serves);
        (!allowed).then(|| format!("AccessDeniedException: no key policy allows kms:Decrypt on {arn} for {pool_arn}."))
    }
}

/// The ARN of a key in a Region.
pub(crate) fn key_arn(region: &str, id: &str) -> String {
    format!("arn:aws:kms:{region}:{}:key/{id}", topology::ACCOUNT)
}

/// Cognito's statements of the developer guide, and the one that KMS itself gives every key.
fn policy(region: &str, pool_id: &str) -> Value {
    let account = topology::ACCOUNT;
    let pool = format!("arn:aws:cognito-idp:{region}:{account}:userpool/{pool_id}");
    let from_pool =
        json!({ "ArnEquals": { "aws:SourceArn": [pool] }, "StringEquals": { "aws:SourceAccount": [account] } });
    let mut with_context = from_pool.clone();
    with_context["StringLike"] = json!({ CONTEXT: pool });
    let allow = |sid: &str, principal: Value, action: Value, condition: Value| {
        let mut statement =
            json!({ "Sid": sid, "Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*" });
        if condition.is_object() {
            statement["Condition"] = condition;
        }
        statement
    };
    let root = json!({ "AWS": format!("arn:aws:iam::{account}:root") });
    let through = json!({ "StringEquals": { "kms:ViaService": [format!("cognito-idp.{region}.amazonaws.com")] } });
    json!({
        "Version": "2012-10-17",
        "Id": "gameday-pool",
        "Statement": [
            allow("CognitoUsesTheKey", json!({ "Service": COGNITO }), json!(USES), with_context),
            allow("CognitoLooksAtTheKey", json!({ "Service": COGNITO }), json!(["kms:DescribeKey"]), from_pool),
            allow("CallersOfCognitoLookAtTheKey", json!({ "AWS": "*" }), json!(["kms:DescribeKey"]), through),
            allow("AdministratorsManageTheKey", root, json!("kms:*"), Value::Null),
        ],
    })
}

fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        other => other.as_array().into_iter().flatten().filter_map(Value::as_str).collect(),
    }
}

/// With `*` at the end of a pattern, which is where policies have it.
fn fits(pattern: &str, text: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == text, |begin| text.starts_with(begin))
}

/// Whether every condition holds for a call that Cognito makes for a pool. A key that is not told of fails.
fn holds(condition: &Value, pool_arn: &str) -> bool {
    let tests = condition.as_object().into_iter().flatten();
    tests.flat_map(|(_, keys)| keys.as_object().into_iter().flatten()).all(|(key, values)| {
        let has = match key.as_str() {
            "aws:SourceAccount" => topology::ACCOUNT,
            "aws:SourceArn" => pool_arn,
            key if key == CONTEXT => pool_arn,
            _ => return false,
        };
        texts(values).iter().any(|pattern| fits(pattern, has))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const POOL: &str = "arn:aws:cognito-idp:us-west-2:111122223333:userpool/us-east-1_LAB";

    #[test]
    fn cognito_can_use_the_key_of_its_own_pool_in_its_own_region_alone() {
        let key = Key::healthy("us-west-2", "us-east-1_LAB");
        assert_eq!(key.refusal("us-west-2", POOL), None);
        let told = key.refusal("us-west-2", &POOL.replace("us-west-2", "us-east-1")).unwrap();
        assert!(told.starts_with("AccessDeniedException"), "{told}");
        for state in ["Disabled", "PendingDeletion", "Unavailable"] {
            assert!(Key { state: state.to_owned(), ..key.clone() }.refusal("us-west-2", POOL).is_some(), "{state}");
        }
        let mut other = key;
        other.policy["Statement"][0]["Principal"] = json!({ "Service": "lambda.amazonaws.com" });
        assert!(other.refusal("us-west-2", POOL).is_some());
    }
}
