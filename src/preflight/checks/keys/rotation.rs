use futures::future::try_join_all;

use super::held;
use crate::model::{Predicts, Severity};
use crate::preflight::checks::{BOTH, Check, Sight};
use crate::preflight::facts::found;

pub const CHECK: Check = Check {
    code: "GD211",
    severity: Severity::Note,
    regions: BOTH,
    predicts: Predicts::Nothing,
    title: "The pool's key is never rotated",
    why: "Rotation makes new material for the same key, in all its Regions at once, and needs no change anywhere else. Most rules that an \
          auditor brings ask for it once a year. It is set at the primary key of a multi-Region key and holds for its replicas.",
    remedy: "Turn it on at the primary key:\n\n\
             ```\naws kms enable-key-rotation --region PRIMARY --key-id ID --rotation-period-in-days 365\n```",
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
                Sight::of(format!(
                    "kms:GetKeyRotationStatus in {}: KeyRotationEnabled false for {}",
                    held.region, held.arn
                ))
                .at(held.role)
            });
            Ok(told.collect())
        })
    },
};
