use super::super::{Check, Looked, Sight};
use crate::model::Severity;
use crate::preflight::facts::Facts;

/// GD403.
pub const CHECK: Check = Check {
    code: "GD403",
    severity: Severity::Blocker,
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
        let regions = [(&pair.primary, &facts.site.primary.region), (&pair.replica, &facts.site.replica.region)];
        for (deployed, region) in regions.into_iter().filter(|(deployed, _)| deployed.configuration.is_none()) {
            let label = pair.label();
            sights.push(Sight::of(format!(
                "{label} in {region} is {}; lambda:GetFunctionConfiguration there: ResourceNotFoundException",
                deployed.arn
            )));
        }
    }
    Ok(sights)
}
