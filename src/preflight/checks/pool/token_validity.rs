use aws_sdk_cognitoidentityprovider::types::{TimeUnitsType, UserPoolClientType};

use super::both_there;
use crate::preflight::checks::{Check, Occurrence, REPLICA};
use gameday_core::model::{Predicts, Severity};

pub(super) const CHECK: Check = Check {
    code: "GD121",
    severity: Severity::Note,
    regions: REPLICA,
    predicts: Predicts::Nothing,
    title: "Token validity differs at the replica",
    why: "Shorter tokens at the replica cause more refreshes exactly when it takes over all users, and a shorter \
          refresh token sends users back to the login page. The units matter: `30` means 30 days or 30 minutes, \
          depending on `TokenValidityUnits`.",
    remedy: "Give both app clients the same validity, with the same units. `update-user-pool-client` resets every \
             setting that it does not receive, so send the whole configuration:\n\n\
             ```sh\n\
             aws cognito-idp describe-user-pool-client --region REGION --user-pool-id USER_POOL_ID --client-id \
             CLIENT_ID --output json \\\n  \
             | jq '.UserPoolClient | del(.ClientSecret, .CreationDate, .LastModifiedDate)' > client.json\n\
             aws cognito-idp update-user-pool-client --region REGION --cli-input-json file://client.json \\\n  \
             --access-token-validity 60 --id-token-validity 60 --refresh-token-validity 30 \\\n  \
             --token-validity-units AccessToken=minutes,IdToken=minutes,RefreshToken=days\n\
             ```",
    calls: &["cognito-idp:ListUserPoolClients", "cognito-idp:DescribeUserPoolClient"],
    look: |facts| {
        Box::pin(async move {
            let pairs = both_there(facts).await?.into_iter();
            let told = pairs.filter_map(|(pair, replica)| {
                let (here, there) = (validity(&pair.primary), validity(&replica));
                let differ = (0..here.len()).filter(|at| here[*at].1 != there[*at].1);
                let told: Vec<String> = differ
                    .map(|at| format!("{} is {} s, {} s at the replica", here[at].0, here[at].1, there[at].1))
                    .collect();
                (!told.is_empty()).then(|| {
                    Occurrence::of(format!("cognito-idp:DescribeUserPoolClient: {}: {}", pair.label(), told.join(", ")))
                })
            });
            Ok(told.collect())
        })
    },
};

/// In seconds. What is not set is as the API reference says (UserPoolClientType): one hour, one hour, 30 days.
fn validity(client: &UserPoolClientType) -> [(&'static str, i64); 3] {
    let units = client.token_validity_units();
    let seconds = |value: Option<i32>, unit: Option<&TimeUnitsType>, default_unit: i64, default: i64| {
        let unit = match unit {
            Some(TimeUnitsType::Seconds) => 1,
            Some(TimeUnitsType::Minutes) => 60,
            Some(TimeUnitsType::Hours) => 3600,
            Some(TimeUnitsType::Days) => 86_400,
            _ => default_unit,
        };
        // Nought stands for the default.
        value.filter(|value| *value != 0).map_or(default, |value| i64::from(value) * unit)
    };
    let access = units.and_then(|units| units.access_token());
    let id = units.and_then(|units| units.id_token());
    let refresh = units.and_then(|units| units.refresh_token());
    [
        ("AccessTokenValidity", seconds(client.access_token_validity(), access, 3600, 3600)),
        ("IdTokenValidity", seconds(client.id_token_validity(), id, 3600, 3600)),
        ("RefreshTokenValidity", seconds(Some(client.refresh_token_validity()), refresh, 86_400, 30 * 86_400)),
    ]
}
