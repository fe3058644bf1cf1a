//! GD608: the rate that everybody gets.

use super::super::{Check, Looked, REPLICA, Sight};
use crate::model::{Predicts, RegionRole, Severity};
use crate::preflight::facts::Facts;

/// From this share of the rate on, a peak that is an average over five minutes comes too near; our own choice.
const NEAR: f64 = 0.8;

/// See its text.
pub const CHECK: Check = Check {
    code: "GD608",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::Throttling,
    title: "The replica runs on the default quota of sign-ins, and the peak comes near",
    why: "The default rate of InitiateAuth is 120 a second for the account in each Region. Figures of the peak are averages over five \
          minutes, and after a failover clients sign in again all at once: a peak above 80 % of it is a peak above it.",
    remedy: "Raise the quota in the replica's Region before it is needed, and provision it there:\n\n\
             ```sh\naws service-quotas request-service-quota-increase --region REPLICA --service-code cognito-idp \
             --quota-code L-026ADBA3 --desired-value N\n\
             aws cognito-idp update-provisioned-limit --region REPLICA --requested-limit-value N \
             --limit-definition 'LimitClass=API_CATEGORY,Attributes={Category=UserAuthentication}'\n```",
    calls: &["cognito-idp:GetProvisionedLimit", "cloudwatch:ListMetrics", "cloudwatch:GetMetricData"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> Looked {
    let (limit, need) = futures::try_join!(facts.sign_in_limit(RegionRole::Replica), facts.need())?;
    let (enforced, wanted) = (f64::from(limit.enforced), need.total());
    // What is above the rate is GD604.
    let near = limit.enforced == limit.default && wanted > NEAR * enforced && wanted <= enforced;
    let region = &facts.site.replica.region;
    let sight = || {
        let share = 100.0 * wanted / enforced;
        Sight::of(format!("{}: {share:.0} % of the default {enforced}/s that {region} enforces", need.words()))
    };
    Ok(near.then(sight).into_iter().collect())
}
