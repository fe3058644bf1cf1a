use super::described;
use crate::preflight::checks::{BOTH, Check, Occurrence};
use gameday_core::model::{Predicts, Severity};

pub(super) const CHECK: Check = Check {
    code: "GD204",
    severity: Severity::Blocker,
    regions: BOTH,
    predicts: Predicts::FailedLogins,
    title: "The pool's key is not enabled in one Region",
    why: "Each Region's copy of a multi-Region key has its own state. Cognito cannot decrypt users with a disabled \
          key: every sign-in in that Region fails, while the other Region works normally.",
    remedy: "Enable the key in that Region:\n\n\
             ```sh\n\
             aws kms enable-key --region REGION --key-id KEY_ID\n\
             ```\n\n\
             A key in the state `PendingImport` needs key material. The states `Creating` and `Updating` end without \
             an action.",
    calls: &["cognito-idp:DescribeUserPool", "kms:DescribeKey"],
    look: |facts| {
        Box::pin(async move {
            let keys = described(facts).await?.into_iter();
            let told = keys.filter_map(|(held, key)| {
                let state = key.key_state()?.as_str();
                // To be deleted is another finding.
                let bad = state != "Enabled" && !state.starts_with("Pending") || state == "PendingImport";
                bad.then(|| {
                    Occurrence::of(format!("kms:DescribeKey in {}: KeyState {state} of {}", held.region, held.arn))
                        .at(held.role)
                        .remedy(format!(
                            "Enable the key in that Region: `aws kms enable-key --region {} --key-id {}`. A key in the \
                             state `PendingImport` needs key material; `Creating` and `Updating` end without an action.",
                            held.region, held.arn
                        ))
                })
            });
            Ok(told.collect())
        })
    },
};
