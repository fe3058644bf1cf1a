//! GD703: a replicated pool whose keys one Region publishes.

use super::super::{Check, CheckResult, Occurrence, REPLICA};
use super::observed;
use crate::preflight::facts::{Facts, NoKeys, Unavailable};
use gameday_core::model::{Predicts, RegionRole, Severity};
use gameday_protocols::tokens::SignedBy;

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD703",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::Nothing,
    title: "Only the primary Region publishes the keys of the replica's tokens",
    why: "Tokens of both Regions name the issuer ORIGINAL of the primary, and the replica does not publish their signing \
          keys. So a validator that fetches the keys needs the primary: one that starts during the outage, or whose \
          cached keys expire, refuses every token, although the replica signs users in.",
    remedy: "Set the issuer UPDATED, whose keys several Regions publish. Change every validator to that issuer first. \
             COGNITO_USER_POOLS authorizers of API Gateway (GD704) and `authenticate-cognito` of load balancers do not \
             accept it. `update-user-pool` resets every setting that it does not receive: put the current settings of \
             the pool into `pool.json`, in the form that `aws cognito-idp update-user-pool --generate-cli-skeleton` \
             prints.\n\n\
             ```sh\n\
             aws cognito-idp describe-user-pool --region PRIMARY_REGION --user-pool-id USER_POOL_ID\n\
             aws cognito-idp update-user-pool --region PRIMARY_REGION --cli-input-json file://pool.json \
             --issuer-configuration Type=UPDATED\n\
             ```\n\n\
             Or give every validator the keys before the outage, and let it keep the last ones while no Region answers.",
    calls: &[],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
    let tokens = observed(facts).await?;
    let there = &tokens.replica;
    // Of independent pools each has its own issuer, or somebody in between who translates.
    if !facts.is_native() || there.updated || there.region != facts.site.primary.region.as_str() {
        return Ok(Vec::new());
    }
    let (region, SignedBy { issuer, key_id }) = (&facts.site.replica.region, &there.token);
    let found = match facts.published_keys(RegionRole::Replica).await {
        Ok(known) if known.contains(key_id) => return Ok(Vec::new()),
        Ok(_) => "its keys lack that of the token".to_owned(),
        Err(NoKeys::NotFound) => "it publishes no keys (HTTP 404)".to_owned(),
        Err(NoKeys::Failed(error)) => return Err(Unavailable::because(format!("the keys of {region}"), error)),
    };
    Ok(vec![Occurrence::of(format!("tokens of {region} name {issuer}; {found}"))])
}
