use super::super::{BOTH, Check, Looked, Sight};
use super::deployed;
use crate::model::{Predicts, Severity};
use crate::preflight::facts::Facts;

/// How long Cognito waits for a function, in seconds (Cognito developer guide, "Customizing user pool workflows with Lambda triggers").
const COGNITO_WAITS_S: i32 = 5;

/// GD409.
pub const CHECK: Check = Check {
    code: "GD409",
    severity: Severity::Risk,
    regions: BOTH,
    predicts: Predicts::FailedLogins,
    title: "A trigger's function may run longer than Cognito waits",
    why: "Cognito waits 5 s for a trigger, and then tries again up to two times. A function that may run longer goes on after Cognito gave \
          up: its work is done up to three times, it holds concurrency that others need, and its own error never shows. In a cold \
          Region, right after a failover, functions are at their slowest.",
    remedy: "Set a timeout of at most 5 s, and keep the function warm or give it provisioned concurrency:\n\n\
             ```sh\naws lambda update-function-configuration --region REGION --function-name NAME --timeout 5\n```",
    calls: &["cognito-idp:DescribeUserPool", "lambda:GetFunctionConfiguration"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> Looked {
    let pairs = facts.trigger_functions().await?;
    let slow = deployed(&pairs).into_iter().filter_map(|(function, configuration, role)| {
        let timeout = configuration.timeout().filter(|timeout| *timeout > COGNITO_WAITS_S)?;
        let (name, region) = (function.name(), &facts.site.region(role).region);
        Some(
            Sight::of(format!("lambda:GetFunctionConfiguration: Timeout of {name} in {region} is {timeout} s"))
                .at(role),
        )
    });
    Ok(slow.collect())
}
