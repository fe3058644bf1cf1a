//! GD701: authorizers that know one Region's issuer.

use super::super::{Check, CheckResult, Occurrence, REPLICA};
use super::{pool_authorizers, seen};
use crate::preflight::facts::Facts;
use gameday_core::model::{Predicts, Severity};

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD701",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "An API does not accept the issuer of every token",
    why: "A COGNITO_USER_POOLS authorizer accepts tokens of the user pools that it lists, by their issuer and signing \
          keys. Preflight signed in at both Regions and read which issuers the tokens name: the tokens of a pool that \
          the authorizer does not list are refused. Two independent pools have an issuer each, so users who signed in \
          before the failover are refused at the replica's API, or those who signed in during it are.",
    remedy: "List the ARNs of the user pools that the evidence names:\n\n\
             ```sh\n\
             aws apigateway update-authorizer --region REGION --rest-api-id API_ID --authorizer-id AUTHORIZER_ID \\\n  \
             --patch-operations \
             op=add,path=/providerARNs,value=arn:aws:cognito-idp:OTHER_REGION:ACCOUNT_ID:userpool/USER_POOL_ID\n\
             aws apigateway create-deployment --region REGION --rest-api-id API_ID --stage-name STAGE\n\
             ```\n\n\
             Or verify tokens in a Lambda authorizer that has the keys of both Regions.",
    calls: &["cognito-idp:InitiateAuth", "apigateway:GET"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
    let tokens = seen(facts).await?;
    // Of these, GD704 tells.
    if tokens.iter().any(|token| token.updated) {
        return Ok(Vec::new());
    }
    let mut needed: Vec<&str> = tokens.iter().map(|token| token.region.as_str()).collect();
    needed.dedup();
    let sights = pool_authorizers(facts).await?.into_iter().filter_map(|(role, guarded)| {
        let region = &facts.site.region(role).region;
        let known = guarded.authorizer.provider_arns();
        let knows = |region: &str| known.iter().any(|arn| arn.split(':').nth(3) == Some(region));
        let missing: Vec<&str> = needed.iter().copied().filter(|region| !knows(region)).collect();
        let told = || format!("{region}, {}: providerARNs {}", guarded.label(), known.join(", "));
        (!missing.is_empty())
            .then(|| Occurrence::of(format!("{}; the tokens' issuers are of {}", told(), needed.join(" and "))))
    });
    Ok(sights.collect())
}
