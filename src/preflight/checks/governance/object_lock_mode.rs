//! GD925: whether somebody may delete the record all the same.

use aws_sdk_s3::types::ObjectLockRetentionMode;

use super::{in_both, retentions};
use crate::model::Severity::Note;
use crate::model::{Predicts, RegionRole};
use crate::preflight::checks::{BOTH, Check};
use crate::preflight::facts::{Facts, Missing};

/// See its text.
pub const CHECK: Check = Check {
    code: "GD925",
    severity: Note,
    regions: BOTH,
    predicts: Predicts::Nothing,
    title: "The trail's Object Lock can be bypassed",
    why: "In governance mode whoever has `s3:BypassGovernanceRetention` deletes files before their time. An auditor will ask who has \
          it; in compliance mode nobody has.",
    remedy: "Set the default retention's mode to COMPLIANCE (`aws s3api put-object-lock-configuration`), or note in your records who may \
             bypass it, and why",
    calls: &["cloudtrail:DescribeTrails", "cloudtrail:GetTrailStatus", "s3:GetBucketObjectLockConfiguration"],
    look: |facts| Box::pin(in_both(facts, look)),
};

async fn look(facts: &Facts, role: RegionRole) -> Result<Vec<String>, Missing> {
    let all = retentions(facts, role).await?;
    // That there is none is GD924.
    let modes = all.iter().filter_map(|one| Some((&one.bucket, one.retention.as_ref()?.mode()?)));
    let modes: Vec<_> = modes.collect();
    if modes.iter().any(|(_, mode)| **mode == ObjectLockRetentionMode::Compliance) {
        return Ok(Vec::new());
    }
    let told = modes.iter().map(|(bucket, mode)| {
        format!("s3:GetObjectLockConfiguration of {bucket}: DefaultRetention.Mode={}", mode.as_str())
    });
    Ok(told.collect())
}
