//! The AWS resources around the identity plane: keys, functions, tables, certificates, trails, the user pool's own settings.
//!
//! They are one typed document, [`AccountFixture`], from which the lab's AWS APIs answer. `LabSettings::estate` (`[[lab.estate]]` in an
//! environment file) changes single values of it, so that a test or a check sees an account with one mistake. `gameday lab --print-estate`
//! prints the document.
//!
//! ```
//! use gameday_core::env::{EstateChange, LabSettings};
//! use gameday_core::model::Seed;
//! use gameday_lab::estate::AccountFixture;
//! use serde_json::json;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut settings = LabSettings::default();
//! let healthy = serde_json::to_value(AccountFixture::of(&settings, Seed(7))?)?;
//! assert_eq!(healthy["cognito"]["pools"]["us-west-2"]["tier"], "ESSENTIALS");
//!
//! // The replica's pool in another tier.
//! let path = "/cognito/pools/us-west-2/tier".to_owned();
//! settings.estate.push(EstateChange { path, value: Some(json!("LITE")) });
//! let broken = serde_json::to_value(AccountFixture::of(&settings, Seed(7))?)?;
//! assert_eq!(broken["cognito"]["pools"]["us-west-2"]["tier"], "LITE");
//!
//! // A path that leads nowhere is an error that names it.
//! settings.estate.push(EstateChange { path: "/cognito/pool/tier".to_owned(), value: Some(json!("LITE")) });
//! assert!(AccountFixture::of(&settings, Seed(7)).is_err());
//! # Ok(())
//! # }
//! ```

pub(crate) mod acm;
pub(crate) mod api_gateway;
pub(crate) mod cloudwatch;
pub(crate) mod cognito;
pub(crate) mod dynamodb;
pub(crate) mod governance;
pub(crate) mod iam;
pub(crate) mod kms;
pub(crate) mod lambda;
pub(crate) mod quotas;
pub(crate) mod rds;
pub(crate) mod routing;
pub(crate) mod secrets;
pub(crate) mod tokens;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::cognito::Cognito;
use self::kms::Key;
use super::{ids, topology};
use gameday_core::env::{EstateChange, LabSettings, Strategy};
use gameday_core::model::{Region, RegionRole, Seed};

/// Every resource of the lab's account, as it is in the healthy lab or after the changes of its settings. Its fields are read by their JSON
/// form: `cloudwatch`, `acm`, `kms`, `cognito` and so on, most of them by Region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountFixture {
    /// CloudWatch, by Region.
    pub(crate) cloudwatch: BTreeMap<String, cloudwatch::CloudWatch>,
    /// CloudWatch's dashboards, which are the account's and no Region's, by name.
    pub(crate) dashboards: BTreeMap<String, Value>,
    /// Certificates, by Region.
    pub(crate) acm: BTreeMap<String, acm::Certificates>,
    /// REST APIs, by Region.
    pub(crate) api_gateway: BTreeMap<String, api_gateway::RestApis>,
    /// The account's request rates, by Region.
    pub(crate) quotas: BTreeMap<String, quotas::Rates>,
    /// Trails, their bucket, and web ACLs.
    pub(crate) governance: governance::Governance,
    /// Route 53 and the front doors.
    pub(crate) routing: routing::Routing,
    /// The user pool's triggers, by Region.
    pub(crate) triggers: BTreeMap<String, lambda::Triggers>,
    /// Lambda, by Region.
    pub(crate) lambda: BTreeMap<String, lambda::Lambda>,
    /// DynamoDB, by Region.
    pub(crate) dynamodb: BTreeMap<String, dynamodb::Tables>,
    /// Secrets Manager, by Region.
    pub(crate) secrets: BTreeMap<String, secrets::Secrets>,
    /// Aurora and RDS Proxy.
    pub(crate) rds: rds::Rds,
    pub(crate) iam: iam::Iam,
    /// The user pool.
    pub(crate) cognito: Cognito,
    /// Keys, by Region.
    pub(crate) kms: BTreeMap<String, Vec<Key>>,
    /// What tokens are signed with.
    pub(crate) tokens: tokens::Tokens,
}

/// The names that the estate's resources are built around.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FixtureNames<'a> {
    /// The user pool's ID.
    pub pool_id: &'a str,
    /// The ID of its default app client.
    pub client_id: &'a str,
}

impl AccountFixture {
    /// Nothing is wrong with it.
    pub(crate) fn healthy(names: FixtureNames<'_>) -> Self {
        let regions = [RegionRole::Primary, RegionRole::Replica].map(topology::region);
        let keys = |region: &str| (region.to_owned(), vec![Key::healthy(region, names.pool_id)]);
        Self {
            cloudwatch: cloudwatch::healthy(names),
            dashboards: cloudwatch::dashboards(names),
            acm: acm::healthy(),
            api_gateway: api_gateway::healthy(),
            quotas: quotas::healthy(),
            governance: governance::healthy(),
            routing: routing::Routing::healthy(),
            triggers: by_region(|role| lambda::triggers(topology::region(role))),
            lambda: by_region(|role| lambda::Lambda::healthy(topology::region(role), names.pool_id)),
            dynamodb: by_region(|_| dynamodb::healthy()),
            secrets: by_region(secrets::healthy),
            rds: rds::Rds::healthy(),
            iam: iam::Iam::healthy(),
            cognito: Cognito::healthy(),
            kms: regions.map(keys).into(),
            tokens: tokens::Tokens::default(),
        }
    }

    /// The resources of a lab with these settings and this seed: the healthy ones, with the changes in [`LabSettings::estate`].
    ///
    /// # Errors
    /// A sentence that names the path of a change, when it leads to no place in the document or its value does not fit there.
    pub fn of(settings: &LabSettings, seed: Seed) -> Result<Self, String> {
        let primary = Region::from(topology::region(RegionRole::Primary));
        let (pool_id, client_id) = (ids::pool_id(&primary, seed), ids::client_id(&primary, seed));
        let names = FixtureNames { pool_id: &pool_id, client_id: &client_id };
        let mut healthy = Self::healthy(names);
        let replica = healthy.cloudwatch.get_mut(topology::region(RegionRole::Replica));
        if let Some(cloudwatch) = replica.filter(|_| settings.replication_metrics) {
            cloudwatch.tell_of_replication(names);
        }
        healthy.follow(settings.strategy, &pool_id);
        healthy.changed(&settings.estate)
    }

    /// The strategy's own pools and routing, before anything is broken.
    fn follow(&mut self, strategy: Strategy, pool_id: &str) {
        if strategy.is_native() {
            return;
        }
        let region = topology::region(RegionRole::Replica);
        self.cognito.replicas.clear();
        if let Some(pool) = self.cognito.pools.get_mut(region) {
            let own = pool_id.split_once('_').map_or(pool_id, |(_, own)| own);
            let own = format!("{region}_{}", own.chars().rev().collect::<String>());
            // Triggers and the key are set for that pool by hand, and without a mistake.
            let [theirs, ours] = [pool_id, &own].map(|id| arn("cognito-idp", region, &format!("userpool/{id}")));
            let functions = self.lambda.get_mut(region).into_iter().flat_map(|lambda| lambda.functions.values_mut());
            for statement in functions.flat_map(|function| &mut function.policy) {
                if statement.source_arn == theirs {
                    statement.source_arn.clone_from(&ours);
                }
            }
            self.kms.insert(region.to_owned(), vec![Key::healthy(region, &own)]);
            pool.id = Some(own);
        }
        if strategy == Strategy::ManualSync {
            self.routing.health_check.get_or_insert_default().disabled = true;
        }
    }

    /// Whether there is a secret with that ARN whose value can be read.
    pub(crate) fn has_secret(&self, arn: &str) -> bool {
        let readable = |(region, secrets): (&String, &secrets::Secrets)| {
            let mut readable = secrets.iter().filter(|(_, secret)| secret.status == "InSync");
            readable.any(|(name, _)| secrets::arn_of(region, name) == arn)
        };
        self.secrets.iter().any(readable)
    }

    fn changed(self, changes: &[EstateChange]) -> Result<Self, String> {
        let mut document = serde_json::to_value(self).map_err(|error| error.to_string())?;
        for change in changes {
            apply(&mut document, change).map_err(|reason| format!("`lab.estate` path {}: {reason}", change.path))?;
        }
        serde_json::from_value(document).map_err(|error| {
            let paths: Vec<&str> = changes.iter().map(|change| change.path.as_str()).collect();
            format!("`lab.estate` ({}): {error}", paths.join(", "))
        })
    }
}

/// Something of each Region, by its name.
fn by_region<T>(of: impl Fn(RegionRole) -> T) -> BTreeMap<String, T> {
    [RegionRole::Primary, RegionRole::Replica].map(|role| (topology::region(role).to_owned(), of(role))).into()
}

/// The ARN of something in the lab's account.
pub(crate) fn arn(service: &str, region: &str, resource: &str) -> String {
    format!("arn:aws:{service}:{region}:{}:{resource}", topology::ACCOUNT)
}

fn apply(document: &mut Value, change: &EstateChange) -> Result<(), String> {
    let (parent, last) = change.path.rsplit_once('/').ok_or("a path begins with /")?;
    let last = last.replace("~1", "/").replace("~0", "~");
    let parent = document.pointer_mut(parent).ok_or_else(|| format!("there is no {parent}"))?;
    match (parent, change.value.clone()) {
        (Value::Object(members), Some(value)) => {
            members.insert(last, value);
        }
        (Value::Object(members), None) => {
            members.shift_remove(&last).ok_or_else(|| format!("there is no `{last}` to take away"))?;
        }
        (Value::Array(items), Some(value)) if last == "-" => items.push(value),
        (Value::Array(items), value) => {
            let at = last.parse().ok().filter(|at| *at < items.len());
            let at: usize = at.ok_or_else(|| format!("the list has no item `{last}`"))?;
            match value {
                Some(value) => items[at] = value,
                None => drop(items.remove(at)),
            }
        }
        _ => return Err("leads into a plain value".to_owned()),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn change(path: &str, value: Option<Value>) -> EstateChange {
        EstateChange { path: path.to_owned(), value }
    }

    #[test]
    fn a_change_replaces_adds_appends_and_takes_away() {
        let mut document = json!({ "keys": [{ "enabled": true }], "a/b": 1 });
        for (path, value) in [
            ("/keys/0/enabled", Some(json!(false))),
            ("/keys/-", Some(json!({}))),
            ("/more", Some(json!("text"))),
            ("/a~1b", None),
        ] {
            apply(&mut document, &change(path, value)).unwrap();
        }
        assert_eq!(document, json!({ "keys": [{ "enabled": false }, {}], "more": "text" }));
    }

    #[test]
    fn a_path_that_leads_nowhere_is_named() {
        for (path, reason) in [
            ("keys", "a path begins with /"),
            ("/none/at", "there is no /none"),
            ("/keys/7", "the list has no item `7`"),
            ("/gone", "there is no `gone` to take away"),
        ] {
            let mut document = json!({ "keys": [] });
            assert_eq!(apply(&mut document, &change(path, None)), Err(reason.to_owned()));
        }
    }

    #[test]
    fn what_the_estate_does_not_know_is_refused() {
        let names = FixtureNames { pool_id: "us-east-1_LAB", client_id: "client" };
        let changes = [change("/no-such-service", Some(json!({})))];
        let told = AccountFixture::healthy(names).changed(&changes).unwrap_err();
        assert!(told.contains("/no-such-service"), "{told}");
    }
}
