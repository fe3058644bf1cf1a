use super::described;
use crate::model::{Predicts, Severity};
use crate::preflight::checks::{BOTH, Check, Sight};

pub const CHECK: Check = Check {
    code: "GD205",
    severity: Severity::Blocker,
    regions: BOTH,
    predicts: Predicts::FailedLogins,
    title: "The pool's key is about to be deleted",
    why: "A key that is pending deletion encrypts and decrypts nothing any more: every sign-in in that Region fails now. When its time is \
          over it is gone, and with it everything that it encrypted; nobody can bring that back.",
    remedy: "Cancel the deletion, then enable the key:\n\n\
             ```\naws kms cancel-key-deletion --region REGION --key-id ID\naws kms enable-key --region REGION --key-id ID\n```",
    calls: &["cognito-idp:DescribeUserPool", "kms:DescribeKey"],
    look: |facts| {
        Box::pin(async move {
            let keys = described(facts).await?.into_iter();
            let told = keys.filter_map(|(held, key)| {
                let state = key.key_state()?.as_str();
                let when = key.deletion_date().map(|date| format!(", DeletionDate {date}")).unwrap_or_default();
                ["PendingDeletion", "PendingReplicaDeletion"].contains(&state).then(|| {
                    Sight::of(format!("kms:DescribeKey in {}: KeyState {state}{when} of {}", held.region, held.arn))
                        .at(held.role)
                        .remedy(format!("aws kms cancel-key-deletion --region {} --key-id {}", held.region, held.arn))
                })
            });
            Ok(told.collect())
        })
    },
};
