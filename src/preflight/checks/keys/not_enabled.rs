use super::described;
use crate::model::{Predicts, Severity};
use crate::preflight::checks::{BOTH, Check, Sight};

pub const CHECK: Check = Check {
    code: "GD204",
    severity: Severity::Blocker,
    regions: BOTH,
    predicts: Predicts::FailedLogins,
    title: "The pool's key is not enabled in one Region",
    why: "Each Region's copy of a multi-Region key has a state of its own. Cognito cannot decrypt users with a key that is disabled there: \
          every sign-in fails, while the other Region goes on as if nothing were wrong.",
    remedy: "Enable it in that Region:\n\n```\naws kms enable-key --region REGION --key-id ID\n```\n\n\
             `PendingImport` waits for key material, `Creating` and `Updating` pass by themselves.",
    calls: &["cognito-idp:DescribeUserPool", "kms:DescribeKey"],
    look: |facts| {
        Box::pin(async move {
            let keys = described(facts).await?.into_iter();
            let told = keys.filter_map(|(held, key)| {
                let state = key.key_state()?.as_str();
                // To be deleted is another finding.
                let bad = state != "Enabled" && !state.starts_with("Pending") || state == "PendingImport";
                bad.then(|| {
                    Sight::of(format!("kms:DescribeKey in {}: KeyState {state} of {}", held.region, held.arn))
                        .at(held.role)
                        .remedy(format!("aws kms enable-key --region {} --key-id {}", held.region, held.arn))
                })
            });
            Ok(told.collect())
        })
    },
};
