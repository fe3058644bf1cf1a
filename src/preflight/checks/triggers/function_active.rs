use aws_sdk_lambda::types::{LastUpdateStatus, State};

use super::super::{BOTH, Check, Looked, Sight};
use super::deployed;
use crate::model::{Predicts, Severity};
use crate::preflight::facts::Facts;

/// GD404.
pub const CHECK: Check = Check {
    code: "GD404",
    severity: Severity::Blocker,
    regions: BOTH,
    predicts: Predicts::FailedLogins,
    title: "A trigger's function cannot be invoked",
    why: "Lambda runs a function that is Active alone. One that is Failed or Pending refuses every invocation, and with it every sign-in. \
          Lambda makes functions Inactive that were not used for weeks, as a replica's are: the first invocation fails, and wakes it. \
          A last update that failed leaves older code in place than the primary has.",
    remedy: "Look at the reason, and deploy again; invoke an Inactive function once:\n\n\
             ```sh\naws lambda get-function-configuration --region REGION --function-name NAME \
             --query '[State,StateReason,LastUpdateStatus,LastUpdateStatusReason]'\n```",
    calls: &["cognito-idp:DescribeUserPool", "lambda:GetFunctionConfiguration"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> Looked {
    let pairs = facts.trigger_functions().await?;
    let mut sights = Vec::new();
    for (function, configuration, role) in deployed(&pairs) {
        let region = &facts.site.region(role).region;
        let said = "lambda:GetFunctionConfiguration";
        if let Some(state) = configuration.state().filter(|state| **state != State::Active) {
            let reason = configuration.state_reason().map(|reason| format!(" ({reason})")).unwrap_or_default();
            let sight = Sight::of(format!("{said}: {} in {region} has State {state}{reason}", function.name()));
            let worst = if *state == State::Inactive { Severity::Risk } else { Severity::Blocker };
            sights.push(sight.at(role).severity(worst));
        }
        if let Some(status) = configuration.last_update_status().filter(|it| **it != LastUpdateStatus::Successful) {
            let reason = configuration.last_update_status_reason().map(|reason| format!(" ({reason})"));
            let reason = reason.unwrap_or_default();
            let evidence = format!("{said}: {} in {region} has LastUpdateStatus {status}{reason}", function.name());
            sights.push(Sight::of(evidence).at(role).severity(Severity::Risk));
        }
    }
    Ok(sights)
}
