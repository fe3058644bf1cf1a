//! GD608: the rate that everybody gets.

use super::super::{Check, CheckResult, Occurrence, REPLICA};
use crate::preflight::facts::Facts;
use gameday_core::model::{Predicts, RegionRole, Severity};

/// From this share of the rate on, a peak that is an average over five minutes comes too near; our own choice.
const NEAR: f64 = 0.8;

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD608",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::Throttling,
    title: "The replica uses the default sign-in quota, and the peak is close to it",
    why: "The default rate of InitiateAuth is 120 per second for the account in each Region. The measured peak is an \
          average over five minutes, and after a failover all clients sign in again at once: if the average is above \
          80 % of the quota, the real peak exceeds it, and sign-ins are throttled.",
    remedy: "Raise the quota in the replica's Region before it is needed, and provision it there:\n\n\
             ```sh\n\
             aws service-quotas request-service-quota-increase --region REPLICA_REGION --service-code cognito-idp \\\n  \
             --quota-code L-026ADBA3 --desired-value NUMBER\n\
             aws cognito-idp update-provisioned-limit --region REPLICA_REGION --requested-limit-value NUMBER \\\n  \
             --limit-definition 'LimitClass=API_CATEGORY,Attributes={Category=UserAuthentication}'\n\
             ```\n\n\
             Pools with managed login do not support `update-provisioned-limit` for UserAuthentication and \
             UserFederation: only request a quota increase.",
    calls: &["cognito-idp:GetProvisionedLimit", "cloudwatch:ListMetrics", "cloudwatch:GetMetricData"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
    let (limit, need) = futures::try_join!(facts.sign_in_limit(RegionRole::Replica), facts.need())?;
    let (enforced, wanted) = (f64::from(limit.enforced), need.total());
    // What is above the rate is GD604.
    let near = limit.enforced == limit.default && wanted > NEAR * enforced && wanted <= enforced;
    let region = &facts.site.replica.region;
    let sight = || {
        let share = 100.0 * wanted / enforced;
        Occurrence::of(format!("{}: {share:.0} % of the default {enforced}/s that {region} enforces", need.words()))
    };
    Ok(near.then(sight).into_iter().collect())
}
