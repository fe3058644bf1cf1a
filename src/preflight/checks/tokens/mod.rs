//! GD7xx: tokens, who verifies them, and with which keys.

mod authorizer_keys;
mod authorizer_pools;
mod key_sets;
mod request_time_keys;
mod updated_issuer;

use aws_sdk_apigateway::types::AuthorizerType;
use aws_sdk_cognitoidentityprovider::types::IssuerType;

use super::Check;
use crate::model::{Region, RegionRole};
use crate::preflight::facts::{Facts, Guarded, Missing};

/// By code.
pub const ALL: &[&Check] = &[
    &authorizer_pools::CHECK,
    &key_sets::CHECK,
    &updated_issuer::CHECK,
    &authorizer_keys::CHECK,
    &request_time_keys::CHECK,
];

/// Whether the pool's issuer is the UPDATED one; without a word of it, it is the ORIGINAL one (Cognito API reference,
/// IssuerConfigurationType).
async fn is_updated(facts: &Facts) -> Result<bool, Missing> {
    let pool = facts.user_pool(RegionRole::Primary).await?;
    Ok(pool.issuer_configuration().and_then(|issuer| issuer.r#type()) == Some(&IssuerType::Updated))
}

/// The COGNITO_USER_POOLS authorizers of both Regions' REST APIs that ask for the pool.
async fn pool_authorizers(facts: &Facts) -> Result<Vec<(Region, Guarded)>, Missing> {
    let (one, other) =
        futures::try_join!(facts.authorizers(RegionRole::Primary), facts.authorizers(RegionRole::Replica))?;
    let (here, there) = (&facts.site.primary.region, &facts.site.replica.region);
    let all = one.into_iter().map(|it| (here.clone(), it)).chain(other.into_iter().map(|it| (there.clone(), it)));
    let suffix = format!("/{}", facts.site.pool.id);
    let ours = |guarded: &Guarded| guarded.authorizer.provider_arns().iter().any(|arn| arn.ends_with(&suffix));
    let cognito = |guarded: &Guarded| guarded.authorizer.r#type() == Some(&AuthorizerType::CognitoUserPools);
    Ok(all.filter(|(_, guarded)| cognito(guarded) && ours(guarded)).collect())
}
