use super::super::{BOTH, Check, Looked, Sight};
use crate::model::{Predicts, RegionRole, Severity};
use crate::preflight::facts::Facts;

/// GD403.
pub const CHECK: Check = Check {
    code: "GD403",
    severity: Severity::Blocker,
    regions: BOTH,
    predicts: Predicts::FailedLogins,
    title: "A trigger's function does not exist in its Region",
    why: "A user pool keeps the ARN of a trigger's function, whether or not the function is still there, and a function of another \
          Region cannot be one. Every sign-in that needs the trigger then fails with `UnexpectedLambdaException`.",
    remedy: "Deploy the function to the Region, as the primary has it, or set the trigger to the right one:\n\n\
             ```sh\naws lambda get-function-configuration --region REGION --function-name ARN\n\
             aws cognito-idp describe-user-pool --region REGION --user-pool-id POOL --query UserPool.LambdaConfig\n```",
    calls: &["cognito-idp:DescribeUserPool", "lambda:GetFunctionConfiguration"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> Looked {
    let pairs = facts.trigger_functions().await?;
    let mut sights = Vec::new();
    for pair in pairs.iter() {
        let regions = [(&pair.primary, RegionRole::Primary), (&pair.replica, RegionRole::Replica)];
        for (deployed, role) in regions.into_iter().filter(|(deployed, _)| deployed.configuration.is_none()) {
            let (label, region) = (pair.label(), &facts.site.region(role).region);
            let evidence = format!(
                "{label} in {region} is {}; lambda:GetFunctionConfiguration there: ResourceNotFoundException",
                deployed.arn
            );
            sights.push(Sight::of(evidence).at(role));
        }
    }
    Ok(sights)
}
