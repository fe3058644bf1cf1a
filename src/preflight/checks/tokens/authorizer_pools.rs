//! GD701: authorizers that know one Region's issuer.

use super::super::{Check, Looked, REPLICA, Sight};
use super::{is_updated, pool_authorizers};
use crate::model::{Predicts, Severity};
use crate::preflight::facts::Facts;

/// See its text.
pub const CHECK: Check = Check {
    code: "GD701",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "An API accepts tokens of one Region's issuer alone",
    why: "With the issuer ORIGINAL each Region names itself in the tokens that it issues, and signs them with keys of its own. A \
          COGNITO_USER_POOLS authorizer that lists one Region's user pool refuses the other's tokens: who signed in before the failover is \
          refused at the replica's API, who signed in during it at the primary's after the failback.",
    remedy: "List the ARN of both Regions' user pools, which share their ID:\n\n\
             ```sh\naws apigateway update-authorizer --rest-api-id API --authorizer-id AUTHORIZER \
             --patch-operations op=add,path=/providerARNs,value=arn:aws:cognito-idp:OTHER-REGION:ACCOUNT:userpool/POOL\n```\n\n\
             or verify tokens in a Lambda authorizer that holds both Regions' keys.",
    calls: &["cognito-idp:DescribeUserPool", "apigateway:GET"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> Looked {
    if is_updated(facts).await? {
        return Ok(Vec::new());
    }
    let regions = [&facts.site.primary.region, &facts.site.replica.region];
    let sights = pool_authorizers(facts).await?.into_iter().filter_map(|(role, guarded)| {
        let region = &facts.site.region(role).region;
        let known = guarded.authorizer.provider_arns();
        let knows = |region: &str| known.iter().any(|arn| arn.split(':').nth(3) == Some(region));
        let missing: Vec<&str> = regions.iter().map(|it| it.as_str()).filter(|region| !knows(region)).collect();
        let told = || format!("{region}, {}: issuer ORIGINAL; providerARNs {}", guarded.label(), known.join(", "));
        (!missing.is_empty()).then(|| Sight::of(format!("{}, of {} none", told(), missing.join(", "))))
    });
    Ok(sights.collect())
}
