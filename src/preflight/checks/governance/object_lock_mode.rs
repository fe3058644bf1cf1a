//! GD925: whether somebody may delete the record all the same.

use aws_sdk_s3::types::ObjectLockRetentionMode;

use super::{in_both, retentions};
use crate::preflight::checks::{BOTH, Check};
use crate::preflight::facts::{Facts, Unavailable};
use gameday_core::model::Severity::Note;
use gameday_core::model::{Predicts, RegionRole};

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD925",
    severity: Note,
    regions: BOTH,
    predicts: Predicts::Nothing,
    title: "The Object Lock of a trail's bucket can be bypassed",
    why: "In governance mode, a principal with `s3:BypassGovernanceRetention` can delete files before the retention \
          ends. An auditor will ask who has this permission. In compliance mode the retention cannot be bypassed.",
    remedy: "Set the mode of the default retention to COMPLIANCE, or record who may bypass it, and why:\n\n\
             ```sh\n\
             aws s3api put-object-lock-configuration --bucket BUCKET --object-lock-configuration \\\n  \
             '{\"ObjectLockEnabled\":\"Enabled\",\"Rule\":{\"DefaultRetention\":{\"Mode\":\"COMPLIANCE\",\"Years\":7}}}'\n\
             ```",
    calls: &["cloudtrail:DescribeTrails", "cloudtrail:GetTrailStatus", "s3:GetBucketObjectLockConfiguration"],
    look: |facts| Box::pin(in_both(facts, look)),
};

async fn look(facts: &Facts, role: RegionRole) -> Result<Vec<String>, Unavailable> {
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
