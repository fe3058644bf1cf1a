//! GD704: authorizers that do not know the UPDATED issuer.

use super::super::{BOTH, Check, CheckResult, Occurrence};
use super::{observed, pool_authorizers};
use crate::preflight::facts::Facts;
use gameday_core::model::{Predicts, Severity};

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD704",
    severity: Severity::Risk,
    regions: BOTH,
    predicts: Predicts::FailedLogins,
    title: "An API refuses the UPDATED issuer",
    why: "COGNITO_USER_POOLS authorizers of API Gateway accept only the issuer ORIGINAL. With UPDATED they answer 401 \
          to every token, in both Regions: the API is already unavailable, and a failover does not change that.",
    remedy: "Verify tokens in a Lambda authorizer, or set the issuer back to ORIGINAL. `update-user-pool` resets every \
             setting that it does not receive: put the current settings of the pool into `pool.json`, in the form that \
             `aws cognito-idp update-user-pool --generate-cli-skeleton` prints.\n\n\
             ```sh\n\
             aws cognito-idp describe-user-pool --region PRIMARY_REGION --user-pool-id USER_POOL_ID\n\
             aws cognito-idp update-user-pool --region PRIMARY_REGION --cli-input-json file://pool.json \
             --issuer-configuration Type=ORIGINAL\n\
             ```",
    calls: &["apigateway:GET"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
    let tokens = observed(facts).await?;
    let Some(updated) = tokens.both().into_iter().find(|token| token.updated) else { return Ok(Vec::new()) };
    let found = pool_authorizers(facts).await?.into_iter();
    Ok(found
        .map(|(role, it)| {
            let region = &facts.site.region(role).region;
            let issuer = &updated.token.issuer;
            Occurrence::of(format!("{region}, {}: COGNITO_USER_POOLS; tokens name {issuer}", it.label())).at(role)
        })
        .collect())
}
