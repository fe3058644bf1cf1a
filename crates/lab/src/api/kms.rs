//! Key Management Service: AWS JSON 1.1 over `POST /`, the operation in `X-Amz-Target` (KMS API reference). It tells of keys, and does
//! nothing with them.

use std::collections::BTreeMap;

use http::request::Parts;
use serde_json::{Value, json};

use super::{Reply, ServiceError, json_input, json_operation, json_reply};
use crate::estate::kms::Key;
use crate::topology;
use gameday_core::model::RegionRole;

/// What the operation's name begins with on the wire.
const TARGET: &str = "TrentService.";
/// The name that every key policy has (API reference, GetKeyPolicy).
const POLICY: &str = "default";
/// When every key was made: nothing follows from it.
const CREATED: f64 = 1_767_225_600.0;
/// Days until a key is deleted, where it is to be (API reference, ScheduleKeyDeletion: the default).
const WINDOW_DAYS: u32 = 30;

/// What a request asks for; nothing where its headers do not say.
pub(super) fn operation(parts: &Parts) -> Option<&str> {
    json_operation(parts, TARGET)
}

/// Keys by Region, and the Region that is asked.
pub(super) struct RegionKeys<'a> {
    /// By Region.
    pub keys: &'a BTreeMap<String, Vec<Key>>,
    /// Which Region.
    pub role: RegionRole,
}

impl RegionKeys<'_> {
    /// Answers one request.
    pub(super) fn handle(&self, parts: &Parts, body: &[u8]) -> Reply {
        json_reply(self.act(operation(parts).unwrap_or_default(), body))
    }

    fn region(&self) -> &'static str {
        topology::region(self.role)
    }

    fn here(&self) -> &[Key] {
        self.keys.get(self.region()).map(Vec::as_slice).unwrap_or_default()
    }

    /// The key that a request names by ID, ARN or alias.
    fn named(&self, input: &Value) -> Result<&Key, ServiceError> {
        let named = input["KeyId"].as_str().ok_or_else(|| {
            let why = "Value null at 'keyId' failed to satisfy constraint: Member must not be null";
            ServiceError::bad("ValidationException", format!("1 validation error detected: {why}"))
        })?;
        let (region, name) =
            match named.strip_prefix("arn:aws:kms:").map(|rest| rest.splitn(3, ':').collect::<Vec<_>>()) {
                Some(parts) => match parts.as_slice() {
                    [region, _, resource] => (*region, resource.strip_prefix("key/").unwrap_or(resource)),
                    _ => return Err(ServiceError::bad("InvalidArnException", format!("Invalid ARN {named}"))),
                },
                None => (self.region(), named),
            };
        let is = |key: &&Key| key.id == name || key.aliases.iter().any(|alias| alias == name);
        let found = self.here().iter().find(is).filter(|_| region == self.region());
        found.ok_or_else(|| {
            let arn = if named.starts_with("arn:") {
                named.to_owned()
            } else {
                format!("arn:aws:kms:{region}:{}:key/{name}", topology::ACCOUNT)
            };
            ServiceError::bad("NotFoundException", format!("Key '{arn}' does not exist"))
        })
    }

    fn act(&self, operation: &str, body: &[u8]) -> Result<Value, ServiceError> {
        let input = json_input(body)?;
        match operation {
            "DescribeKey" => Ok(json!({ "KeyMetadata": self.describe(self.named(&input)?) })),
            "GetKeyPolicy" => {
                let key = self.named(&input)?;
                if input["PolicyName"].as_str().is_some_and(|name| name != POLICY) {
                    return Err(ServiceError::bad("NotFoundException", "No such policy exists"));
                }
                Ok(json!({ "Policy": key.policy.to_string(), "PolicyName": POLICY }))
            }
            "GetKeyRotationStatus" => {
                let key = self.named(&input)?;
                let mut status =
                    json!({ "KeyId": key.arn(self.region()), "KeyRotationEnabled": key.rotation_days.is_some() });
                if let Some(days) = key.rotation_days {
                    status["RotationPeriodInDays"] = days.into();
                    status["NextRotationDate"] = (CREATED + f64::from(days) * 86_400.0).into();
                }
                Ok(status)
            }
            "ListKeyPolicies" => self.named(&input).map(|_| json!({ "PolicyNames": [POLICY], "Truncated": false })),
            "ListKeys" => {
                let keys = self.here().iter();
                let keys = keys.map(|key| json!({ "KeyId": key.id, "KeyArn": key.arn(self.region()) }));
                Ok(json!({ "Keys": keys.collect::<Vec<_>>(), "Truncated": false }))
            }
            "ListAliases" => self.list_aliases(&input),
            _ => Err(ServiceError::bad(
                "UnknownOperationException",
                format!("The lab's KMS has no operation {operation}."),
            )),
        }
    }

    fn list_aliases(&self, input: &Value) -> Result<Value, ServiceError> {
        let asked = if input["KeyId"].is_string() { Some(self.named(input)?) } else { None };
        let keys = self.here().iter().filter(|key| asked.is_none_or(|asked| asked == *key));
        let aliases = keys.flat_map(|key| key.aliases.iter().map(move |alias| (key, alias)));
        let (region, account) = (self.region(), topology::ACCOUNT);
        let described = aliases.map(|(key, alias)| {
            json!({
                "AliasName": alias,
                "AliasArn": format!("arn:aws:kms:{region}:{account}:{alias}"),
                "TargetKeyId": key.id,
                "CreationDate": CREATED,
                "LastUpdatedDate": CREATED,
            })
        });
        Ok(json!({ "Aliases": described.collect::<Vec<_>>(), "Truncated": false }))
    }

    fn describe(&self, key: &Key) -> Value {
        let multi_region = key.id.starts_with("mrk-");
        let mut described = json!({
            "AWSAccountId": topology::ACCOUNT,
            "KeyId": key.id,
            "Arn": key.arn(self.region()),
            "CreationDate": CREATED,
            "Enabled": key.state == "Enabled",
            "Description": "",
            "KeyUsage": "ENCRYPT_DECRYPT",
            "KeyState": key.state,
            "Origin": "AWS_KMS",
            "KeyManager": key.manager,
            "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
            "KeySpec": "SYMMETRIC_DEFAULT",
            "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
            "MultiRegion": multi_region,
        });
        match key.state.as_str() {
            "PendingDeletion" => described["DeletionDate"] = (CREATED + f64::from(WINDOW_DAYS) * 86_400.0).into(),
            // Its time begins once every replica is gone (KMS developer guide, "Deleting multi-Region keys").
            "PendingReplicaDeletion" => described["PendingDeletionWindowInDays"] = WINDOW_DAYS.into(),
            _ => {}
        }
        if multi_region {
            let primary = topology::region(RegionRole::Primary);
            let has = |region: &str| self.keys.get(region).is_some_and(|keys| keys.iter().any(|own| own.id == key.id));
            let entry = |region: &str| json!({ "Arn": key.arn(region), "Region": region });
            let replicas = self.keys.keys().filter(|region| *region != primary && has(region));
            described["MultiRegionConfiguration"] = json!({
                "MultiRegionKeyType": if self.role == RegionRole::Primary { "PRIMARY" } else { "REPLICA" },
                "PrimaryKey": entry(primary),
                "ReplicaKeys": replicas.map(|region| entry(region)).collect::<Vec<_>>(),
            });
        }
        described
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estate::kms::POOL_KEY;

    fn ask(role: RegionRole, operation: &str, key: &str) -> Result<Value, ServiceError> {
        let of = |role| {
            let region = topology::region(role).to_owned();
            let key = Key::healthy(&region, "us-east-1_LAB");
            (region, vec![key])
        };
        let keys = BTreeMap::from([of(RegionRole::Primary), of(RegionRole::Replica)]);
        RegionKeys { keys: &keys, role }.act(operation, json!({ "KeyId": key }).to_string().as_bytes())
    }

    #[test]
    fn a_key_is_known_by_id_alias_and_the_arn_of_its_own_region() {
        let arn = |region: &str| format!("arn:aws:kms:{region}:111122223333:key/{POOL_KEY}");
        for name in [POOL_KEY, "alias/gameday-pool", &arn("us-west-2")] {
            let described = ask(RegionRole::Replica, "DescribeKey", name).unwrap();
            assert_eq!(described["KeyMetadata"]["MultiRegionConfiguration"]["MultiRegionKeyType"], "REPLICA", "{name}");
        }
        for name in ["mrk-other", &arn("us-east-1"), "arn:aws:kms:us-west-2"] {
            assert!(ask(RegionRole::Replica, "DescribeKey", name).is_err(), "{name}");
        }
        assert_eq!(ask(RegionRole::Primary, "GetKeyPolicy", "mrk-other").unwrap_err().code, "NotFoundException");
    }
}
