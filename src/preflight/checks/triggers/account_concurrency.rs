use super::super::{Check, Looked, REPLICA, Sight};
use crate::model::{Predicts, RegionRole, Severity};
use crate::preflight::facts::Facts;

/// GD408.
pub const CHECK: Check = Check {
    code: "GD408",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "The account may run fewer functions at once in the replica's Region",
    why: "The concurrent executions of Lambda are a quota of the account in each Region, and raised there alone. After a failover the \
          replica's triggers take the whole load, beside everything else in that Region; whoever comes beyond the quota cannot sign in.",
    remedy: "Raise the quota in the replica's Region to what the primary's has:\n\n\
             ```sh\naws service-quotas request-service-quota-increase --region REPLICA --service-code lambda \
             --quota-code L-B99A9384 --desired-value N\n```",
    calls: &["cognito-idp:DescribeUserPool", "lambda:GetAccountSettings"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> Looked {
    if facts.triggers(RegionRole::Primary).await?.is_empty() {
        return Ok(Vec::new());
    }
    let one = facts.account_concurrency(RegionRole::Primary);
    let (one, other) = tokio::try_join!(one, facts.account_concurrency(RegionRole::Replica))?;
    let (here, there) = (&facts.site.primary.region, &facts.site.replica.region);
    let evidence =
        || format!("lambda:GetAccountSettings: ConcurrentExecutions is {one} in {here} and {other} in {there}");
    Ok((other < one).then(|| Sight::of(evidence())).into_iter().collect())
}
