//! GD701: authorizers that know one Region's issuer.

use super::super::{Check, CheckResult, Occurrence, REPLICA};
use super::{is_updated, pool_authorizers};
use crate::preflight::facts::Facts;
use gameday_core::model::{Predicts, Severity};

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD701",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "An API accepts tokens of one Region's issuer only",
    why: "With the issuer ORIGINAL, the tokens of the two Regions can have different issuers and signing keys. A \
          COGNITO_USER_POOLS authorizer that lists the user pool of one Region then refuses the tokens of the other: \
          users who signed in before the failover are refused at the replica's API, and users who signed in during it \
          are refused at the primary's after the failback.",
    remedy: "List the ARNs of both Regions' user pools, which share their ID:\n\n\
             ```sh\n\
             aws apigateway update-authorizer --region REGION --rest-api-id API_ID --authorizer-id AUTHORIZER_ID \\\n  \
             --patch-operations \
             op=add,path=/providerARNs,value=arn:aws:cognito-idp:OTHER_REGION:ACCOUNT_ID:userpool/USER_POOL_ID\n\
             aws apigateway create-deployment --region REGION --rest-api-id API_ID --stage-name STAGE\n\
             ```\n\n\
             Or verify tokens in a Lambda authorizer that has the keys of both Regions.",
    calls: &["cognito-idp:DescribeUserPool", "apigateway:GET"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
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
        (!missing.is_empty()).then(|| Occurrence::of(format!("{}; no user pool of {}", told(), missing.join(", "))))
    });
    Ok(sights.collect())
}
