//! GD925: whether somebody may delete the record all the same.

use aws_sdk_s3::types::ObjectLockRetentionMode;
use futures::future::try_join_all;

use super::{sights, working};
use crate::model::RegionRole;
use crate::model::Severity::Note;
use crate::preflight::checks::Check;
use crate::preflight::facts::{Facts, Missing};

/// See its text.
pub const CHECK: Check = Check {
    code: "GD925",
    severity: Note,
    title: "The trail's Object Lock can be bypassed",
    why: "In governance mode whoever has `s3:BypassGovernanceRetention` deletes files before their time. An auditor will ask who has \
          it; in compliance mode nobody has.",
    remedy: "Set the default retention's mode to COMPLIANCE (`aws s3api put-object-lock-configuration`), or note in your records who may \
             bypass it, and why",
    calls: &["cloudtrail:DescribeTrails", "cloudtrail:GetTrailStatus", "s3:GetBucketObjectLockConfiguration"],
    look: |facts| {
        Box::pin(async move {
            let both = (look(facts, RegionRole::Primary), look(facts, RegionRole::Replica));
            Ok(sights(facts.in_each_region(both.0, both.1).await?))
        })
    },
};

async fn look(facts: &Facts, role: RegionRole) -> Result<Vec<String>, Missing> {
    let trails = working(facts, role).await?;
    let looked = trails.iter().map(async |one| {
        let bucket = one.trail.s3_bucket_name().unwrap_or_default();
        let lock = facts.object_lock(bucket).await?;
        let retention = lock.as_ref().and_then(|lock| lock.rule()?.default_retention());
        // That there is none is GD924.
        let mode = retention.and_then(|retention| retention.mode()).cloned();
        Ok(mode.map(|mode| {
            let text = format!("s3:GetObjectLockConfiguration of {bucket}: DefaultRetention.Mode={}", mode.as_str());
            (mode, text)
        }))
    });
    let looked: Vec<_> = try_join_all(looked).await?.into_iter().flatten().collect();
    let good = looked.iter().any(|(mode, _)| *mode == ObjectLockRetentionMode::Compliance);
    Ok(if good { Vec::new() } else { looked.into_iter().map(|(_, text)| text).collect() })
}
