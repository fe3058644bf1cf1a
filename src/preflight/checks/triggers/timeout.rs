use super::super::{BOTH, Check, CheckResult, Occurrence};
use super::deployed;
use crate::preflight::facts::Facts;
use gameday_core::model::{Predicts, Severity};

/// How long Cognito waits for a function, in seconds (Cognito developer guide, "Customizing user pool workflows with Lambda triggers").
const COGNITO_WAITS_S: i32 = 5;

/// GD409.
pub(super) const CHECK: Check = Check {
    code: "GD409",
    severity: Severity::Risk,
    regions: BOTH,
    predicts: Predicts::FailedLogins,
    title: "A trigger's function can run longer than Cognito waits",
    why: "Cognito waits 5 s for a trigger, and retries up to two times. A function with a longer timeout continues \
          after Cognito gives up: its work is done up to three times, it uses concurrency that other invocations need, \
          and its own error is never seen. Functions are slowest right after a failover, when they start cold.",
    remedy: "Set a timeout of at most 5 s, and keep the function warm or use provisioned concurrency:\n\n\
             ```sh\n\
             aws lambda update-function-configuration --region REGION --function-name FUNCTION --timeout 5\n\
             ```",
    calls: &["cognito-idp:DescribeUserPool", "lambda:GetFunctionConfiguration"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
    let pairs = facts.trigger_functions().await?;
    let slow = deployed(&pairs).into_iter().filter_map(|(function, configuration, role)| {
        let timeout = configuration.timeout().filter(|timeout| *timeout > COGNITO_WAITS_S)?;
        let (name, region) = (function.name(), &facts.site.region(role).region);
        Some(
            Occurrence::of(format!("lambda:GetFunctionConfiguration: Timeout of {name} in {region} is {timeout} s"))
                .at(role),
        )
    });
    Ok(slow.collect())
}
