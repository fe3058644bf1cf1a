use super::super::{Check, CheckResult, Occurrence, REPLICA};
use crate::preflight::facts::Facts;
use gameday_core::model::{Predicts, RegionRole, Severity};

/// GD408.
pub(super) const CHECK: Check = Check {
    code: "GD408",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "The account's Lambda concurrency quota is lower in the replica's Region",
    why: "Concurrent executions of Lambda are an account quota in each Region, and are raised for each Region \
          separately. After a failover the replica's triggers take the whole load, in addition to all other functions \
          in that Region. Users above the quota cannot sign in.",
    remedy: "Raise the quota in the replica's Region to the value of the primary's Region:\n\n\
             ```sh\n\
             aws service-quotas request-service-quota-increase --region REPLICA_REGION --service-code lambda \\\n  \
             --quota-code L-B99A9384 --desired-value NUMBER\n\
             ```",
    calls: &["cognito-idp:DescribeUserPool", "lambda:GetAccountSettings"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
    if facts.triggers(RegionRole::Primary).await?.is_empty() {
        return Ok(Vec::new());
    }
    let one = facts.account_concurrency(RegionRole::Primary);
    let (one, other) = tokio::try_join!(one, facts.account_concurrency(RegionRole::Replica))?;
    let (here, there) = (&facts.site.primary.region, &facts.site.replica.region);
    let evidence =
        || format!("lambda:GetAccountSettings: ConcurrentExecutions is {one} in {here} and {other} in {there}");
    Ok((other < one).then(|| Occurrence::of(evidence())).into_iter().collect())
}
