//! GD704: authorizers that do not know the UPDATED issuer.

use super::super::{BOTH, Check, Looked, Sight};
use super::{is_updated, pool_authorizers};
use crate::model::{Predicts, Severity};
use crate::preflight::facts::Facts;

/// See its text.
pub const CHECK: Check = Check {
    code: "GD704",
    severity: Severity::Risk,
    regions: BOTH,
    predicts: Predicts::FailedLogins,
    title: "An API refuses the UPDATED issuer",
    why: "COGNITO_USER_POOLS authorizers of API Gateway accept the issuer ORIGINAL alone. With UPDATED they answer 401 to every token, in \
          both Regions: what is behind them is out of reach already, and no failover will help.",
    remedy: "Verify tokens in a Lambda authorizer, or set the issuer back:\n\n\
             ```sh\naws cognito-idp update-user-pool --user-pool-id POOL --issuer-configuration Type=ORIGINAL\n```\n\n\
             (UpdateUserPool sets what is left out to its default: give it everything that DescribeUserPool tells.)",
    calls: &["cognito-idp:DescribeUserPool", "apigateway:GET"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> Looked {
    if !is_updated(facts).await? {
        return Ok(Vec::new());
    }
    let found = pool_authorizers(facts).await?.into_iter();
    Ok(found
        .map(|(role, it)| {
            let region = &facts.site.region(role).region;
            Sight::of(format!("{region}, {}: COGNITO_USER_POOLS; issuer UPDATED", it.label())).at(role)
        })
        .collect())
}
