//! GD1xx: the user pool in both Regions.

mod attribute_limits;
mod attribute_missing;
mod attribute_type;
mod auth_flows;
mod callback_urls;
mod client_id;
mod client_missing;
mod client_secret;
mod deletion_protection;
mod device_tracking;
mod domain_failover;
mod group_differs;
mod group_missing;
mod legacy_attributes;
mod oauth;
mod tier;
mod token_validity;
mod totp_users;

use std::sync::Arc;

use aws_sdk_cognitoidentityprovider::types::{SchemaAttributeType, UserPoolClientType};
use tokio::try_join;

use super::Check;
use crate::preflight::facts::{Facts, Unavailable};
use gameday_core::model::RegionRole::{Primary, Replica};

/// By code.
pub const ALL: &[&Check] = &[
    &attribute_missing::CHECK,
    &attribute_type::CHECK,
    &attribute_limits::CHECK,
    &legacy_attributes::CHECK,
    &group_missing::CHECK,
    &group_differs::CHECK,
    &client_missing::CHECK,
    &client_id::CHECK,
    &auth_flows::CHECK,
    &oauth::CHECK,
    &callback_urls::CHECK,
    &token_validity::CHECK,
    &client_secret::CHECK,
    &tier::CHECK,
    &totp_users::CHECK,
    &deletion_protection::CHECK,
    &domain_failover::CHECK,
    &device_tracking::CHECK,
];

/// An app client of the primary, and the one that stands for it at the replica: that of the same ID, else that of the same name.
struct ClientPair {
    primary: Arc<UserPoolClientType>,
    replica: Option<Arc<UserPoolClientType>>,
}

impl ClientPair {
    /// What to call it in evidence.
    fn label(&self) -> String {
        label(&self.primary)
    }
}

fn label(client: &UserPoolClientType) -> String {
    format!("app client {} ({})", client.client_name().unwrap_or("-"), client.client_id().unwrap_or("-"))
}

/// Every app client of the primary with its counterpart.
async fn client_pairs(facts: &Facts) -> Result<Vec<ClientPair>, Unavailable> {
    let (primary, replica) = try_join!(facts.app_clients(Primary), facts.app_clients(Replica))?;
    let pair = |client: &Arc<UserPoolClientType>| {
        let same_id = replica.iter().find(|other| other.client_id == client.client_id);
        let same_name = || replica.iter().find(|other| other.client_name == client.client_name);
        ClientPair { primary: Arc::clone(client), replica: same_id.or_else(same_name).cloned() }
    };
    Ok(primary.iter().map(pair).collect())
}

/// Pairs of which both are there.
async fn both_there(facts: &Facts) -> Result<Vec<(ClientPair, Arc<UserPoolClientType>)>, Unavailable> {
    let pairs = client_pairs(facts).await?.into_iter();
    Ok(pairs.filter_map(|pair| pair.replica.clone().map(|replica| (pair, replica))).collect())
}

/// What the primary has and the replica lacks, and the reverse: `at the primary only: a; at the replica only: b`. Nothing where they
/// agree.
fn difference<T: AsRef<str>>(primary: &[T], replica: &[T]) -> Option<String> {
    let lacks = |these: &[T], those: &[T]| {
        let mut lacks: Vec<String> = these
            .iter()
            .map(|it| it.as_ref().to_owned())
            .filter(|it| !those.iter().any(|other| other.as_ref() == it))
            .collect();
        lacks.sort_unstable();
        lacks.join(", ")
    };
    let told = [("primary", lacks(primary, replica)), ("replica", lacks(replica, primary))];
    let told: Vec<String> = told
        .into_iter()
        .filter(|(_, list)| !list.is_empty())
        .map(|(place, list)| format!("at the {place} only: {list}"))
        .collect();
    (!told.is_empty()).then(|| told.join("; "))
}

/// Attributes of the pool's own, in both Regions.
struct Schemas {
    primary: Vec<SchemaAttributeType>,
    replica: Vec<SchemaAttributeType>,
}

impl Schemas {
    async fn of(facts: &Facts) -> Result<Self, Unavailable> {
        let (primary, replica) = try_join!(facts.user_pool(Primary), facts.user_pool(Replica))?;
        let own = |attributes: &[SchemaAttributeType]| {
            let own = |attribute: &&SchemaAttributeType| attribute.name().is_some_and(|name| name.contains(':'));
            attributes.iter().filter(own).cloned().collect()
        };
        Ok(Self { primary: own(primary.schema_attributes()), replica: own(replica.schema_attributes()) })
    }

    /// Attributes that both have, by name.
    fn shared(&self) -> impl Iterator<Item = (&str, &SchemaAttributeType, &SchemaAttributeType)> {
        self.primary.iter().filter_map(|attribute| {
            let other = self.replica.iter().find(|other| other.name == attribute.name)?;
            Some((attribute.name()?, attribute, other))
        })
    }
}
