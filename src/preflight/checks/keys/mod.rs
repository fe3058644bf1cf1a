//! GD2xx: the key that the user pool is encrypted with, in both Regions.

mod customer_managed;
mod multi_region;
mod not_enabled;
mod pending_deletion;
mod policy;
mod policy_conditions;
mod policy_denies;
mod policy_services;
mod policy_third_party;
mod policy_wildcard;
mod replica;
mod rotation;

use std::sync::Arc;

use aws_sdk_kms::types::KeyMetadata;
use futures::future::try_join_all;
use serde_json::Value;

use super::Check;
use crate::preflight::facts::{Facts, Unavailable, found};
use gameday_core::model::RegionRole::{Primary, Replica};
use gameday_core::model::{Region, RegionRole};

/// By code.
pub const ALL: &[&Check] = &[
    &customer_managed::CHECK,
    &multi_region::CHECK,
    &replica::CHECK,
    &not_enabled::CHECK,
    &pending_deletion::CHECK,
    &policy_denies::CHECK,
    &policy_conditions::CHECK,
    &policy_wildcard::CHECK,
    &policy_third_party::CHECK,
    &policy_services::CHECK,
    &rotation::CHECK,
];

/// The pool's key in one Region.
struct Held<'a> {
    role: RegionRole,
    region: &'a Region,
    arn: String,
}

/// The pool's customer-managed keys, primary first. A Region whose pool has a key of AWS's own is not among them.
async fn held(facts: &Facts) -> Result<Vec<Held<'_>>, Unavailable> {
    let arns = try_join_all([Primary, Replica].map(|role| facts.key_arn(role))).await?;
    let held = [Primary, Replica].into_iter().zip(arns).filter_map(|(role, arn)| {
        let region = &facts.cloud.region(role).region;
        arn.map(|arn| Held { role, region, arn })
    });
    Ok(held.collect())
}

/// The keys that are there, with what KMS tells of them.
async fn described(facts: &Facts) -> Result<Vec<(Held<'_>, Arc<KeyMetadata>)>, Unavailable> {
    let held = held(facts).await?;
    let keys = held.iter().map(async |held| found(facts.key(held.role, &held.arn).await));
    let keys = try_join_all(keys).await?;
    Ok(held.into_iter().zip(keys).filter_map(|(held, key)| Some((held, key?))).collect())
}

/// The policies of the keys that are there.
async fn policies(facts: &Facts) -> Result<Vec<(Held<'_>, Arc<Value>)>, Unavailable> {
    let held = held(facts).await?;
    let policies = held.iter().map(async |held| found(facts.key_policy(held.role, &held.arn).await));
    let policies = try_join_all(policies).await?;
    Ok(held.into_iter().zip(policies).filter_map(|(held, policy)| Some((held, policy?))).collect())
}

/// The last part of a key's ARN.
fn key_id(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}
