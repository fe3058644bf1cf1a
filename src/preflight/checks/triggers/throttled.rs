use futures::future::try_join_all;

use super::super::{BOTH, Check, CheckResult, Occurrence};
use crate::preflight::facts::Facts;
use gameday_core::model::{Predicts, RegionRole, Severity};

/// GD407.
pub(super) const CHECK: Check = Check {
    code: "GD407",
    severity: Severity::Blocker,
    regions: BOTH,
    predicts: Predicts::FailedLogins,
    title: "A trigger's function is throttled",
    why: "A reserved concurrency of 0 stops a function completely: every sign-in fails with \
          `UnexpectedLambdaException`. If it is lower than the primary's, the function is throttled at a failover, \
          when all users arrive at once.",
    remedy: "Reserve the same concurrency as at the primary, or remove the reservation:\n\n\
             ```sh\n\
             aws lambda put-function-concurrency --region REGION --function-name FUNCTION \
             --reserved-concurrent-executions NUMBER\n\
             aws lambda delete-function-concurrency --region REGION --function-name FUNCTION\n\
             ```",
    calls: &["cognito-idp:DescribeUserPool", "lambda:GetFunctionConfiguration", "lambda:GetFunctionConcurrency"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
    let pairs = facts.trigger_functions().await?;
    let both = pairs.iter().filter(|pair| pair.both().is_some()).map(|pair| async move {
        let one = facts.reserved_concurrency(RegionRole::Primary, &pair.primary.arn);
        let other = facts.reserved_concurrency(RegionRole::Replica, &pair.replica.arn);
        tokio::try_join!(one, other).map(|(one, other)| (pair, one, other))
    });
    let (here, there) = (&facts.site.primary.region, &facts.site.replica.region);
    let mut sights = Vec::new();
    for (pair, one, other) in try_join_all(both).await? {
        let regions = [(&pair.primary, one, RegionRole::Primary), (&pair.replica, other, RegionRole::Replica)];
        for (function, _, role) in regions.into_iter().filter(|(_, reserved, _)| *reserved == Some(0)) {
            let (name, region) = (function.name(), &facts.site.region(role).region);
            let evidence =
                format!("lambda:GetFunctionConcurrency: ReservedConcurrentExecutions of {name} in {region} is 0");
            let command = format!(
                "Remove the reservation: `aws lambda delete-function-concurrency --region {region} --function-name {name}`"
            );
            sights.push(Occurrence::of(evidence).at(role).remedy(command));
        }
        // None reserved means a share of the account's; that one is compared by GD408.
        let Some(reserved) = other.filter(|other| *other > 0 && one.is_none_or(|one| *other < one)) else { continue };
        let primary = one.map_or_else(|| "none".to_owned(), |one| one.to_string());
        let sight = Occurrence::of(format!(
            "lambda:GetFunctionConcurrency: ReservedConcurrentExecutions of {} is {primary} in {here} and {reserved} in {there}",
            pair.replica.name()
        ));
        sights.push(sight.at(RegionRole::Replica).severity(Severity::Risk));
    }
    Ok(sights)
}
