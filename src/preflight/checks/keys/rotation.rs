use futures::future::try_join_all;

use super::held;
use crate::preflight::checks::{BOTH, Check, Occurrence};
use crate::preflight::facts::found;
use gameday_core::model::{Predicts, Severity};

pub(super) const CHECK: Check = Check {
    code: "GD211",
    severity: Severity::Note,
    regions: BOTH,
    predicts: Predicts::Nothing,
    title: "Rotation of the pool's key is off",
    why: "Rotation replaces the key material in all Regions at once and needs no other change. Most audit rules \
          require it once a year. It is set on the primary key of a multi-Region key, and applies to its replicas.",
    remedy: "Turn on rotation at the primary key:\n\n\
             ```sh\n\
             aws kms enable-key-rotation --region PRIMARY_REGION --key-id KEY_ID --rotation-period-in-days 365\n\
             ```",
    calls: &["cognito-idp:DescribeUserPool", "kms:GetKeyRotationStatus"],
    look: |facts| {
        Box::pin(async move {
            let held = held(facts).await?;
            let looks = held.iter().map(async |held| found(facts.key_rotation(held.role, &held.arn).await));
            let states = try_join_all(looks).await?;
            let off = held
                .iter()
                .zip(states)
                .filter(|(_, state)| state.as_ref().is_some_and(|it| !it.key_rotation_enabled()));
            let told = off.map(|(held, _)| {
                Occurrence::of(format!(
                    "kms:GetKeyRotationStatus in {}: KeyRotationEnabled false for {}",
                    held.region, held.arn
                ))
                .at(held.role)
            });
            Ok(told.collect())
        })
    },
};
