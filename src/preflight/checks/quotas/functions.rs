//! GD609: how many triggers can run at once.

use super::super::{Check, Looked, REPLICA, Sight};
use crate::model::{Predicts, RegionRole, Severity};
use crate::preflight::facts::Facts;

/// How long Cognito waits for a trigger, in seconds (Cognito developer guide, "Customizing user pool workflows with Lambda triggers").
const LONGEST_S: f64 = 5.0;

/// See its text.
pub const CHECK: Check = Check {
    code: "GD609",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::Throttling,
    title: "At the peak the replica's functions are throttled where triggers are slow",
    why: "Every sign-in and every refresh runs the token trigger, and holds one of the account's concurrent executions for as long. After a \
          failover triggers are slow: they start cold, and what they depend on has just moved as well. With each at Cognito's patience of 5 s \
          the replica needs five times the peak's rate; beyond the quota sign-ins fail.",
    remedy: "Raise the quota in the replica's Region, or keep functions warm with provisioned concurrency there:\n\n\
             ```sh\naws service-quotas request-service-quota-increase --region REPLICA --service-code lambda \
             --quota-code L-B99A9384 --desired-value N\n```",
    calls: &["lambda:GetAccountSettings", "cloudwatch:ListMetrics", "cloudwatch:GetMetricData"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> Looked {
    let (allowed, need) = futures::try_join!(facts.account_concurrency(RegionRole::Replica), facts.need())?;
    let (allowed, wanted) = (f64::from(allowed), need.total() * LONGEST_S);
    let sight = || {
        let (region, longest) = (&facts.site.replica.region, 1000.0 * allowed / need.total());
        Sight::of(format!(
            "{}: {wanted:.0} at once, 5 s each; {region} allows {allowed}, enough for triggers of {longest:.0} ms",
            need.words()
        ))
    };
    Ok((wanted > allowed).then(sight).into_iter().collect())
}
