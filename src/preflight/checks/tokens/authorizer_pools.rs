//! GD701: authorizers that know one Region's issuer.

use super::super::{Check, CheckResult, Occurrence, REPLICA};
use super::{ObservedToken, observed, pool_authorizers};
use crate::preflight::facts::Facts;
use gameday_core::model::{Predicts, Severity};

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD701",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "An API does not accept the issuer of every token",
    why: "A COGNITO_USER_POOLS authorizer accepts tokens of the user pools that it lists. Preflight signed in at both \
          Regions and read which issuers the tokens name; tokens of a pool that the authorizer does not list are \
          refused. Two independent pools have an issuer each. A native replica's tokens name the primary's issuer; that \
          an authorizer then needs the ARN of the primary's pool, and not that of the replica, is assumed, since AWS does \
          not document it.",
    remedy: "List the ARNs of the user pools that the evidence names:\n\n\
             ```sh\n\
             aws apigateway update-authorizer --region REGION --rest-api-id API_ID --authorizer-id AUTHORIZER_ID \\\n  \
             --patch-operations \
             op=add,path=/providerARNs,value=arn:aws:cognito-idp:OTHER_REGION:ACCOUNT_ID:userpool/USER_POOL_ID\n\
             aws apigateway create-deployment --region REGION --rest-api-id API_ID --stage-name STAGE\n\
             ```\n\n\
             Or verify tokens in a Lambda authorizer that has the keys of both Regions.",
    calls: &["apigateway:GET"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
    let tokens = observed(facts).await?;
    // Of these, GD704 tells.
    if tokens.both().iter().any(|token| token.updated) {
        return Ok(Vec::new());
    }
    let mut needed = tokens.both().to_vec();
    needed.dedup_by_key(|token| &token.token.issuer);
    let sights = pool_authorizers(facts).await?.into_iter().filter_map(|(role, guarded)| {
        let region = &facts.site.region(role).region;
        let known = guarded.authorizer.provider_arns();
        let is_of = |arn: &str, token: &ObservedToken| {
            arn.split(':').nth(3) == Some(token.region.as_str()) && arn.ends_with(&format!("/{}", token.pool))
        };
        let missing: Vec<&str> = needed
            .iter()
            .filter(|token| !known.iter().any(|arn| is_of(arn, token)))
            .map(|token| token.token.issuer.as_str())
            .collect();
        let sight = || {
            let (label, known, missing) = (guarded.label(), known.join(", "), missing.join(" and "));
            Occurrence::of(format!("{region}, {label}: providerARNs {known}; no user pool of the issuer {missing}"))
        };
        // Where there is one issuer, tokens of both Regions are refused here, and else those of the other Region.
        (!missing.is_empty()).then(|| if tokens.shared() { sight().at(role) } else { sight() })
    });
    Ok(sights.collect())
}
