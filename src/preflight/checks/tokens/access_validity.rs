//! GD706: how long signed-in users get on without their Region.

use std::time::Duration;

use super::super::{Check, CheckResult, Occurrence, REPLICA};
use super::{access_validity, client_label};
use crate::preflight::facts::Facts;
use gameday_core::model::{Predicts, RegionRole, Severity, format_duration};

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD706",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::Nothing,
    title: "Access tokens expire before an outage ends",
    why: "APIs verify an access token without Cognito, so a user with a valid access token does not notice that \
          sign-in is down. If tokens expire during the outage, all signed-in users refresh at the replica as soon as \
          it answers, on top of the users who sign in.",
    remedy: "Make access tokens valid for longer than the outage that you expect (Cognito's default is one hour), or \
             write the expected outage into the environment file:\n\n\
             ```toml\n\
             [preflight]\n\
             expected_outage = \"5m\"\n\
             ```\n\n\
             To change the validity, send the whole configuration, because `update-user-pool-client` resets every \
             setting that it does not receive:\n\n\
             ```sh\n\
             aws cognito-idp describe-user-pool-client --region PRIMARY_REGION --user-pool-id USER_POOL_ID --client-id \
             CLIENT_ID --output json \\\n  \
             | jq '.UserPoolClient | del(.ClientSecret, .CreationDate, .LastModifiedDate)\n    \
             | .AccessTokenValidity = 60 | .TokenValidityUnits.AccessToken = \"minutes\"' > client.json\n\
             aws cognito-idp update-user-pool-client --region PRIMARY_REGION --cli-input-json file://client.json\n\
             ```",
    calls: &["cognito-idp:ListUserPoolClients", "cognito-idp:DescribeUserPoolClient"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
    let phases = &facts.scenario.phases;
    let (expected, whence) = match facts.site.preflight.expected_outage {
        Some(span) => (span.0, "preflight.expected_outage"),
        None => (phases.outage_and_hold(), "outage and hold of the scenario"),
    };
    let clients = facts.app_clients(RegionRole::Primary).await?;
    let short = clients.iter().filter_map(|client| {
        let validity: Duration = access_validity(client);
        let (is, wanted) = (format_duration(validity), format_duration(expected));
        let told = || format!("{}: access tokens are valid for {is}; {whence}: {wanted}", client_label(client));
        (validity < expected).then(|| Occurrence::of(told()))
    });
    Ok(short.collect())
}
