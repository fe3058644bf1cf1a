//! GD4xx: the pool's functions, and what they depend on.

mod account_concurrency;
mod function_active;
mod function_exists;
mod global_clusters;
mod layers;
mod proxies;
mod resource_policy;
mod roles;
mod same_claims;
mod same_code;
mod same_runtime;
mod same_triggers;
mod same_variables;
mod secrets;
mod tables;
mod throttled;
mod timeout;
mod variables_region;
mod vpc;

use serde_json::Value;

use super::{Check, CheckResult, Occurrence};
use crate::preflight::facts::Facts;
use crate::preflight::facts::lambda::Configuration;
use crate::preflight::facts::triggers::{Deployed, Pair};
use gameday_core::model::{Region, RegionRole};

/// By code.
pub const ALL: &[&Check] = &[
    &same_triggers::CHECK,
    &function_exists::CHECK,
    &function_active::CHECK,
    &same_code::CHECK,
    &same_runtime::CHECK,
    &throttled::CHECK,
    &account_concurrency::CHECK,
    &timeout::CHECK,
    &resource_policy::CHECK,
    &variables_region::CHECK,
    &layers::CHECK,
    &vpc::CHECK,
    &tables::CHECK,
    &secrets::CHECK,
    &global_clusters::CHECK,
    &proxies::CHECK,
    &roles::CHECK,
    &same_claims::CHECK,
    &same_variables::CHECK,
];

/// Every function that is there, in both Regions.
fn deployed(pairs: &[Pair]) -> Vec<(&Deployed, &Configuration, RegionRole)> {
    let regions = [RegionRole::Primary, RegionRole::Replica];
    let all = pairs.iter().flat_map(|pair| [&pair.primary, &pair.replica].into_iter().zip(regions));
    all.filter_map(|(deployed, role)| Some((deployed, deployed.configuration.as_deref()?, role))).collect()
}

/// A function of the replica beside the primary's.
struct Both<'a> {
    /// The replica's name of it.
    name: &'a str,
    primary: &'a Configuration,
    replica: &'a Configuration,
    here: &'a Region,
    there: &'a Region,
}

/// Looks at every pair of functions of which both are there.
async fn beside(facts: &Facts, look: fn(&Both<'_>) -> Vec<Occurrence>) -> CheckResult {
    let pairs = facts.trigger_functions().await?;
    let (here, there) = (&facts.site.primary.region, &facts.site.replica.region);
    let both = pairs.iter().filter_map(|pair| {
        let (primary, replica) = pair.both()?;
        Some(Both { name: pair.replica.name(), primary, replica, here, there })
    });
    Ok(both.flat_map(|both| look(&both)).collect())
}

/// One, or a list of them: policies have both.
fn many(value: &Value) -> Vec<&Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(items) => items.iter().collect(),
        one => vec![one],
    }
}

impl Facts {
    /// Whether tokens without the trigger's claims are of no use.
    fn requires_claims(&self) -> bool {
        !self.scenario.required_claims.is_empty()
    }
}
