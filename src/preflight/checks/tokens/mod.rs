//! GD7xx: tokens, who verifies them, and with which keys.

mod access_validity;
mod authorizer_keys;
mod authorizer_pools;
mod key_sets;
mod one_publisher;
mod refresh_validity;
mod request_time_keys;
mod updated_issuer;

use std::time::Duration;

use aws_sdk_apigateway::types::AuthorizerType;
use aws_sdk_cognitoidentityprovider::types::{TimeUnitsType, UserPoolClientType};

use super::Check;
use crate::preflight::facts::{Facts, Guarded, Unavailable};
use gameday_core::model::RegionRole;
use gameday_protocols::tokens::SignedBy;

/// By code.
pub const ALL: &[&Check] = &[
    &authorizer_pools::CHECK,
    &key_sets::CHECK,
    &one_publisher::CHECK,
    &updated_issuer::CHECK,
    &authorizer_keys::CHECK,
    &access_validity::CHECK,
    &refresh_validity::CHECK,
    &request_time_keys::CHECK,
];

/// Seconds of an hour and a day.
const HOUR_S: u64 = 3600;
const DAY_S: u64 = 24 * HOUR_S;

/// A token that was seen, and what its issuer says of where its keys are.
struct Seen {
    token: SignedBy,
    updated: bool,
    /// The Region that the issuer names, which publishes its keys; both do where it is UPDATED and they share it.
    region: String,
}

/// The tokens that the primary and the replica gave to synthetic users: whatever form of issuer the pool says that it has, they tell.
async fn seen(facts: &Facts) -> Result<[Seen; 2], Unavailable> {
    let (here, there) = futures::try_join!(facts.token(RegionRole::Primary), facts.token(RegionRole::Replica))?;
    let of = |token: SignedBy| {
        let known = parts(&token.issuer).map(|(updated, region)| (updated, region.to_owned()));
        let (updated, region) = known.ok_or_else(|| {
            Unavailable::because(format!("the keys of the issuer {}", token.issuer), "no user pool has such an issuer")
        })?;
        Ok(Seen { token, updated, region })
    };
    Ok([of(here)?, of(there)?])
}

/// Whether an issuer is the UPDATED form, and the Region that it names (Cognito API reference, IssuerConfigurationType).
fn parts(issuer: &str) -> Option<(bool, &str)> {
    let host = issuer.strip_prefix("https://")?.split('/').next()?;
    let (service, rest) = host.split_once('.')?;
    let region = rest.split('.').next()?;
    match service {
        "cognito-idp" => Some((false, region)),
        "issuer-cognito-idp" => Some((true, region)),
        _ => None,
    }
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
