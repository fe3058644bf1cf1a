//! GD703: a replicated pool whose keys one Region publishes.

use super::super::{Check, CheckResult, Occurrence, REPLICA};
use super::seen;
use crate::preflight::facts::Facts;
use gameday_core::model::{Predicts, Severity};

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD703",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::Nothing,
    title: "Only the primary Region publishes the keys of the replica's tokens",
    why: "Tokens of both Regions name the issuer ORIGINAL of the primary, so a validator that fetches the signing keys \
          needs the primary: one that starts during the outage, or whose cached keys expire, refuses every token, \
          although the replica signs users in. That the replica does not publish these keys is assumed; AWS does not \
          document it.",
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
    calls: &["cognito-idp:InitiateAuth"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
    let [here, there] = seen(facts).await?;
    let depends = !there.updated && there.region == facts.site.primary.region.as_str();
    let sight = || Occurrence::of(format!("tokens of {} name {}", facts.site.replica.region, there.token.issuer));
    Ok((depends && here.token.issuer == there.token.issuer).then(sight).into_iter().collect())
}
