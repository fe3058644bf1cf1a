use aws_sdk_lambda::types::{LastUpdateStatus, State};

use super::super::{BOTH, Check, CheckResult, Occurrence};
use super::deployed;
use crate::preflight::facts::Facts;
use gameday_core::model::{Predicts, Severity};

/// GD404.
pub(super) const CHECK: Check = Check {
    code: "GD404",
    severity: Severity::Blocker,
    regions: BOTH,
    predicts: Predicts::FailedLogins,
    title: "A trigger's function cannot be invoked",
    why: "Lambda runs only functions in the state Active. A function that is Failed or Pending refuses every \
          invocation, so every sign-in fails. Lambda makes a function Inactive if it was not used for weeks, as at a \
          replica: the first invocation fails, and activates it again. After a failed update the function runs older \
          code than the primary's.",
    remedy: "Find the reason, and deploy the function again. Invoke an Inactive function once:\n\n\
             ```sh\n\
             aws lambda get-function-configuration --region REGION --function-name FUNCTION \\\n  \
             --query '[State,StateReason,LastUpdateStatus,LastUpdateStatusReason]'\n\
             aws lambda invoke --region REGION --function-name FUNCTION --payload '{}' --cli-binary-format \
             raw-in-base64-out /dev/stdout\n\
             ```",
    calls: &["cognito-idp:DescribeUserPool", "lambda:GetFunctionConfiguration"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
    let pairs = facts.trigger_functions().await?;
    let mut sights = Vec::new();
    for (function, configuration, role) in deployed(&pairs) {
        let region = &facts.site.region(role).region;
        let said = "lambda:GetFunctionConfiguration";
        if let Some(state) = configuration.state().filter(|state| **state != State::Active) {
            let reason = configuration.state_reason().map(|reason| format!(" ({reason})")).unwrap_or_default();
            let sight = Occurrence::of(format!("{said}: {} in {region} has State {state}{reason}", function.name()));
            let worst = if *state == State::Inactive { Severity::Risk } else { Severity::Blocker };
            sights.push(sight.at(role).severity(worst));
        }
        if let Some(status) = configuration.last_update_status().filter(|it| **it != LastUpdateStatus::Successful) {
            let reason = configuration.last_update_status_reason().map(|reason| format!(" ({reason})"));
            let reason = reason.unwrap_or_default();
            let evidence = format!("{said}: {} in {region} has LastUpdateStatus {status}{reason}", function.name());
            sights.push(Occurrence::of(evidence).at(role).severity(Severity::Risk));
        }
    }
    Ok(sights)
}
