//! GD707: how long sessions last.

use std::time::Duration;

use super::super::{Check, CheckResult, Occurrence, REPLICA};
use super::{client_label, refresh_validity};
use crate::preflight::facts::Facts;
use gameday_core::model::{Predicts, RegionRole, Severity, format_duration};

/// A failback waits until people are awake who can judge it: so long a session must last in any case; our own choice.
const LEAST: Duration = Duration::from_hours(8);

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD707",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::Nothing,
    title: "Refresh tokens expire before a failover is over",
    why: "A session must outlive failover and failback, also in a real failover, when the failback waits for the next \
          working day. If refresh tokens expire in between, users are signed out without need and all sign in again at \
          a Region that has just taken over, and a drill's figures of lost sessions do not show the effect of the \
          failover.",
    remedy: "Make refresh tokens valid for longer than a drill (Cognito's default is 30 days). A number without a unit \
             in `TokenValidityUnits` is in days. `update-user-pool-client` resets every setting that it does not \
             receive, so send the whole configuration:\n\n\
             ```sh\n\
             aws cognito-idp describe-user-pool-client --region PRIMARY_REGION --user-pool-id USER_POOL_ID --client-id \
             CLIENT_ID --output json \\\n  \
             | jq '.UserPoolClient | del(.ClientSecret, .CreationDate, .LastModifiedDate)\n    \
             | .RefreshTokenValidity = 30 | .TokenValidityUnits.RefreshToken = \"days\"' > client.json\n\
             aws cognito-idp update-user-pool-client --region PRIMARY_REGION --cli-input-json file://client.json\n\
             ```",
    calls: &["cognito-idp:ListUserPoolClients", "cognito-idp:DescribeUserPoolClient"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
    let drill = facts.scenario.phases.longest().max(LEAST);
    let clients = facts.app_clients(RegionRole::Primary).await?;
    let short = clients.iter().filter_map(|client| {
        let validity = refresh_validity(client);
        let (is, wanted) = (format_duration(validity), format_duration(drill));
        let told =
            || format!("{}: refresh tokens are valid for {is}; a failover can take {wanted}", client_label(client));
        (validity < drill).then(|| Occurrence::of(told()))
    });
    Ok(short.collect())
}
