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

/// A token that a Region gave to a synthetic user, and what its issuer says of where its keys are.
#[derive(Clone)]
struct ObservedToken {
    /// Issuer and key.
    token: SignedBy,
    /// The issuer is the UPDATED form.
    updated: bool,
    /// The Region that the issuer names.
    region: String,
    /// The user pool that it names.
    pool: String,
}

/// The tokens of both Regions.
struct ObservedTokens {
    primary: ObservedToken,
    replica: ObservedToken,
}

impl ObservedTokens {
    fn both(&self) -> [&ObservedToken; 2] {
        [&self.primary, &self.replica]
    }

    /// They name one issuer.
    fn shared(&self) -> bool {
        self.primary.token.issuer == self.replica.token.issuer
    }

    /// They name one issuer, whose keys several Regions publish.
    fn published_twice(&self) -> bool {
        self.shared() && self.primary.updated
    }
}

/// The tokens that the primary and the replica gave to synthetic users: whatever form of issuer the pool says that it has, they tell. A pool and
/// its native replica share their issuer, so that a token of one of them stands for both where no user signs in at the other.
async fn observed(facts: &Facts) -> Result<ObservedTokens, Unavailable> {
    let of = async |role| {
        let token = facts.token(role).await?;
        let unknown = || {
            Unavailable::because(format!("the keys of the issuer {}", token.issuer), "no user pool has such an issuer")
        };
        let (updated, region, pool) = parts(&token.issuer).ok_or_else(unknown)?;
        let (region, pool) = (region.to_owned(), pool.to_owned());
        Ok(ObservedToken { token, updated, region, pool })
    };
    let (primary, replica) = futures::join!(of(RegionRole::Primary), of(RegionRole::Replica));
    let native = facts.is_native();
    Ok(match (primary, replica) {
        (Ok(primary), Err(_)) if native => ObservedTokens { replica: primary.clone(), primary },
        (Err(_), Ok(replica)) if native => ObservedTokens { primary: replica.clone(), replica },
        (primary, replica) => ObservedTokens { primary: primary?, replica: replica? },
    })
}

/// Whether an issuer is the UPDATED form, and the Region and the user pool that it names (Cognito API reference, IssuerConfigurationType).
fn parts(issuer: &str) -> Option<(bool, &str, &str)> {
    let (host, pool) = issuer.strip_prefix("https://")?.split_once('/')?;
    let (service, rest) = host.split_once('.')?;
    let region = rest.split('.').next()?;
    match service {
        "cognito-idp" => Some((false, region, pool)),
        "issuer-cognito-idp" => Some((true, region, pool)),
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
