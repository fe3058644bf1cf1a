//! GD7xx: tokens, who verifies them, and with which keys.

mod access_validity;
mod authorizer_keys;
mod authorizer_pools;
mod key_sets;
mod refresh_validity;
mod request_time_keys;
mod updated_issuer;

use std::time::Duration;

use aws_sdk_apigateway::types::AuthorizerType;
use aws_sdk_cognitoidentityprovider::types::{IssuerType, TimeUnitsType, UserPoolClientType};

use super::Check;
use crate::preflight::facts::{Facts, Guarded, Unavailable};
use gameday_core::model::RegionRole;

/// By code.
pub const ALL: &[&Check] = &[
    &authorizer_pools::CHECK,
    &key_sets::CHECK,
    &updated_issuer::CHECK,
    &authorizer_keys::CHECK,
    &access_validity::CHECK,
    &refresh_validity::CHECK,
    &request_time_keys::CHECK,
];

/// Seconds of an hour and a day.
const HOUR_S: u64 = 3600;
const DAY_S: u64 = 24 * HOUR_S;

/// Whether the pool's issuer is the UPDATED one; without a word of it, it is the ORIGINAL one (Cognito API reference,
/// IssuerConfigurationType).
async fn is_updated(facts: &Facts) -> Result<bool, Unavailable> {
    let pool = facts.user_pool(RegionRole::Primary).await?;
    Ok(pool.issuer_configuration().and_then(|issuer| issuer.r#type()) == Some(&IssuerType::Updated))
}

/// The COGNITO_USER_POOLS authorizers of both Regions' REST APIs that ask for the pool.
async fn pool_authorizers(facts: &Facts) -> Result<Vec<(RegionRole, Guarded)>, Unavailable> {
    let (one, other) =
        futures::try_join!(facts.authorizers(RegionRole::Primary), facts.authorizers(RegionRole::Replica))?;
    let one = one.into_iter().map(|it| (RegionRole::Primary, it));
    let all = one.chain(other.into_iter().map(|it| (RegionRole::Replica, it)));
    let suffix = format!("/{}", facts.site.pool.id);
    let ours = |guarded: &Guarded| guarded.authorizer.provider_arns().iter().any(|arn| arn.ends_with(&suffix));
    let cognito = |guarded: &Guarded| guarded.authorizer.r#type() == Some(&AuthorizerType::CognitoUserPools);
    Ok(all.filter(|(_, guarded)| cognito(guarded) && ours(guarded)).collect())
}

fn client_label(client: &UserPoolClientType) -> String {
    format!("{} ({})", client.client_name().unwrap_or("-"), client.client_id().unwrap_or("-"))
}

fn span(number: u64, unit: Option<&TimeUnitsType>, default: &TimeUnitsType) -> Duration {
    let seconds = match unit.unwrap_or(default) {
        TimeUnitsType::Seconds => 1,
        TimeUnitsType::Minutes => 60,
        TimeUnitsType::Hours => HOUR_S,
        _ => DAY_S,
    };
    Duration::from_secs(number.saturating_mul(seconds))
}

/// How long access tokens are good: a number without a unit is in hours, and without a number it is an hour (Cognito API reference,
/// UserPoolClientType).
fn access_validity(client: &UserPoolClientType) -> Duration {
    let unit = client.token_validity_units().and_then(|units| units.access_token());
    match client.access_token_validity().and_then(|number| u64::try_from(number).ok()).filter(|number| *number > 0) {
        Some(number) => span(number, unit, &TimeUnitsType::Hours),
        None => Duration::from_secs(HOUR_S),
    }
}

/// How long refresh tokens are good: a number without a unit is in days, and without a number it is 30 days (Cognito API reference,
/// UserPoolClientType).
fn refresh_validity(client: &UserPoolClientType) -> Duration {
    let unit = client.token_validity_units().and_then(|units| units.refresh_token());
    match u64::try_from(client.refresh_token_validity()).ok().filter(|number| *number > 0) {
        Some(number) => span(number, unit, &TimeUnitsType::Days),
        None => Duration::from_secs(30 * DAY_S),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_cognitoidentityprovider::types::TokenValidityUnitsType;

    #[test]
    fn a_number_without_a_unit_is_in_hours_or_days() {
        let plain = UserPoolClientType::builder().access_token_validity(2).refresh_token_validity(5).build();
        assert_eq!(access_validity(&plain), Duration::from_secs(2 * HOUR_S));
        assert_eq!(refresh_validity(&plain), Duration::from_secs(5 * DAY_S));
        let units = TokenValidityUnitsType::builder();
        let units = units.access_token(TimeUnitsType::Minutes).refresh_token(TimeUnitsType::Minutes).build();
        let short = UserPoolClientType::builder().access_token_validity(5).refresh_token_validity(90);
        let short = short.token_validity_units(units).build();
        assert_eq!((access_validity(&short).as_secs(), refresh_validity(&short).as_secs()), (300, 5400));
        let silent = UserPoolClientType::builder().build();
        assert_eq!((access_validity(&silent).as_secs(), refresh_validity(&silent).as_secs()), (HOUR_S, 30 * DAY_S));
    }
}
