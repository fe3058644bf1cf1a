use super::described;
use crate::preflight::checks::{BOTH, Check, Occurrence};
use gameday_core::model::{Predicts, Severity};

pub(super) const CHECK: Check = Check {
    code: "GD205",
    severity: Severity::Blocker,
    regions: BOTH,
    predicts: Predicts::FailedLogins,
    title: "The pool's key is scheduled for deletion",
    why: "A key that is pending deletion does not encrypt or decrypt: every sign-in in that Region already fails. When \
          the waiting period ends, the key and everything that it encrypted are lost permanently.",
    remedy: "Cancel the deletion, then enable the key:\n\n\
             ```sh\n\
             aws kms cancel-key-deletion --region REGION --key-id KEY_ID\n\
             aws kms enable-key --region REGION --key-id KEY_ID\n\
             ```",
    calls: &["cognito-idp:DescribeUserPool", "kms:DescribeKey"],
    look: |facts| {
        Box::pin(async move {
            let keys = described(facts).await?.into_iter();
            let told = keys.filter_map(|(held, key)| {
                let state = key.key_state()?.as_str();
                let when = key.deletion_date().map(|date| format!(", DeletionDate {date}")).unwrap_or_default();
                ["PendingDeletion", "PendingReplicaDeletion"].contains(&state).then(|| {
                    Occurrence::of(format!(
                        "kms:DescribeKey in {}: KeyState {state}{when} of {}",
                        held.region, held.arn
                    ))
                    .at(held.role)
                    .remedy(format!(
                        "Cancel the deletion, then enable the key:\n\n\
                             ```sh\n\
                             aws kms cancel-key-deletion --region {region} --key-id {arn}\n\
                             aws kms enable-key --region {region} --key-id {arn}\n\
                             ```",
                        region = held.region,
                        arn = held.arn
                    ))
                })
            });
            Ok(told.collect())
        })
    },
};
