//! GD924: whether the record can be deleted.

use super::{TrailStorage, in_both, retentions};
use crate::preflight::checks::{BOTH, Check};
use crate::preflight::facts::{Facts, Unavailable};
use gameday_core::model::Severity::Risk;
use gameday_core::model::{Predicts, RegionRole};

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD924",
    severity: Risk,
    regions: BOTH,
    predicts: Predicts::Nothing,
    title: "The bucket of a trail has no Object Lock with a default retention",
    why: "Any principal with sufficient permissions in the account can delete the audit log. Object Lock with a \
          default retention keeps every file for the retention time.",
    remedy: "Set a default retention. Versioning must be on, and a retention in compliance mode cannot be shortened, \
             not even by the root user:\n\n\
             ```sh\n\
             aws s3api put-object-lock-configuration --bucket BUCKET --object-lock-configuration \\\n  \
             '{\"ObjectLockEnabled\":\"Enabled\",\"Rule\":{\"DefaultRetention\":{\"Mode\":\"COMPLIANCE\",\"Years\":7}}}'\n\
             ```",
    calls: &["cloudtrail:DescribeTrails", "cloudtrail:GetTrailStatus", "s3:GetBucketObjectLockConfiguration"],
    look: |facts| Box::pin(in_both(facts, look)),
};

async fn look(facts: &Facts, role: RegionRole) -> Result<Vec<String>, Unavailable> {
    let all = retentions(facts, role).await?;
    if all.iter().any(|one| one.retention.is_some()) {
        return Ok(Vec::new());
    }
    let told = |TrailStorage { trail, bucket, locked, .. }: &TrailStorage| {
        let state = if *locked { "no DefaultRetention" } else { "ObjectLockConfigurationNotFoundError" };
        format!("s3:GetObjectLockConfiguration of {bucket}, the bucket of {trail}: {state}")
    };
    Ok(all.iter().map(told).collect())
}
