use super::super::{BOTH, Check, CheckResult, Occurrence};
use crate::preflight::facts::Facts;
use gameday_core::model::{Predicts, RegionRole, Severity};

/// GD403.
pub(super) const CHECK: Check = Check {
    code: "GD403",
    severity: Severity::Blocker,
    regions: BOTH,
    predicts: Predicts::FailedLogins,
    title: "A trigger's function does not exist in its Region",
    why: "A user pool keeps the ARN of a trigger's function even if the function is deleted, and a trigger cannot use \
          a function of another Region. Every sign-in that needs the trigger fails with `UnexpectedLambdaException`.",
    remedy: "Deploy the function to that Region, or set the trigger to an existing function. These commands show the \
             function and the pool's triggers:\n\n\
             ```sh\n\
             aws lambda get-function-configuration --region REGION --function-name FUNCTION_ARN\n\
             aws cognito-idp describe-user-pool --region REGION --user-pool-id USER_POOL_ID --query \
             UserPool.LambdaConfig\n\
             ```",
    calls: &["cognito-idp:DescribeUserPool", "lambda:GetFunctionConfiguration"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
    let pairs = facts.trigger_functions().await?;
    let mut sights = Vec::new();
    for pair in pairs.iter() {
        let regions = [(&pair.primary, RegionRole::Primary), (&pair.replica, RegionRole::Replica)];
        for (deployed, role) in regions.into_iter().filter(|(deployed, _)| deployed.configuration.is_none()) {
            let (label, region) = (pair.label(), &facts.site.region(role).region);
            let evidence = format!(
                "{label} in {region} is {}; lambda:GetFunctionConfiguration in {region}: ResourceNotFoundException",
                deployed.arn
            );
            sights.push(Occurrence::of(evidence).at(role));
        }
    }
    Ok(sights)
}
