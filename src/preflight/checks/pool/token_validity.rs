use aws_sdk_cognitoidentityprovider::types::{TimeUnitsType, UserPoolClientType};

use super::both_there;
use crate::model::{Predicts, Severity};
use crate::preflight::checks::{Check, REPLICA, Sight};

pub const CHECK: Check = Check {
    code: "GD121",
    severity: Severity::Note,
    regions: REPLICA,
    predicts: Predicts::Nothing,
    title: "Tokens of an app client are good for another time at the replica",
    why: "Shorter tokens at the standby mean more refreshes exactly when it takes over all users, and a shorter refresh token sends them \
          all to the login form. Units count: `30` is 30 days or 30 minutes, by `TokenValidityUnits`.",
    remedy: "Give both app clients the same validity, with its units:\n\n\
             ```\naws cognito-idp update-user-pool-client --region REGION --user-pool-id POOL --client-id ID \\\n  \
             --access-token-validity 60 --id-token-validity 60 --refresh-token-validity 30 \\\n  \
             --token-validity-units AccessToken=minutes,IdToken=minutes,RefreshToken=days\n```",
    calls: &["cognito-idp:ListUserPoolClients", "cognito-idp:DescribeUserPoolClient"],
    look: |facts| {
        Box::pin(async move {
            let pairs = both_there(facts).await?.into_iter();
            let told = pairs.filter_map(|(pair, replica)| {
                let (here, there) = (validity(&pair.primary), validity(&replica));
                let differ = (0..here.len()).filter(|at| here[*at].1 != there[*at].1);
                let told: Vec<String> =
                    differ.map(|at| format!("{} {} s and {} s", here[at].0, here[at].1, there[at].1)).collect();
                (!told.is_empty()).then(|| {
                    Sight::of(format!(
                        "cognito-idp:DescribeUserPoolClient: {}: {} at the replica",
                        pair.label(),
                        told.join(", ")
                    ))
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
