//! GD609: how many triggers can run at once.

use super::super::{Check, CheckResult, Occurrence, REPLICA};
use crate::preflight::facts::Facts;
use gameday_core::model::{Predicts, RegionRole, Severity};

/// How long Cognito waits for a trigger, in seconds (Cognito developer guide, "Customizing user pool workflows with Lambda triggers").
const LONGEST_S: f64 = 5.0;

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD609",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::Throttling,
    title: "Slow triggers exceed the replica's Lambda concurrency at the peak",
    why: "Every sign-in and every refresh runs the token trigger, which holds one of the account's concurrent \
          executions. After a failover triggers are slow: they start cold, and their dependencies have just failed \
          over, too. If each takes the 5 s that Cognito waits, the replica needs five times the peak rate; above the \
          quota sign-ins fail.",
    remedy: "Raise the quota in the replica's Region, or keep functions warm with provisioned concurrency there:\n\n\
             ```sh\n\
             aws service-quotas request-service-quota-increase --region REPLICA_REGION --service-code lambda \\\n  \
             --quota-code L-B99A9384 --desired-value NUMBER\n\
             aws lambda put-provisioned-concurrency-config --region REPLICA_REGION --function-name FUNCTION \
             --qualifier ALIAS \\\n  \
             --provisioned-concurrent-executions NUMBER\n\
             ```",
    calls: &["lambda:GetAccountSettings", "cloudwatch:ListMetrics", "cloudwatch:GetMetricData"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
    let (allowed, need) = futures::try_join!(facts.account_concurrency(RegionRole::Replica), facts.need())?;
    let (allowed, wanted) = (f64::from(allowed), need.total() * LONGEST_S);
    let sight = || {
        let (region, longest) = (&facts.site.replica.region, 1000.0 * allowed / need.total());
        Occurrence::of(format!(
            "{}: {wanted:.0} concurrent executions of 5 s each; {region} allows {allowed}, enough for {longest:.0} ms each",
            need.words()
        ))
    };
    Ok((wanted > allowed).then(sight).into_iter().collect())
}
