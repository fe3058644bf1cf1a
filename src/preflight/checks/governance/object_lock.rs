//! GD924: whether the record can be deleted.

use futures::future::try_join_all;

use super::{sights, working};
use crate::model::RegionRole;
use crate::model::Severity::Risk;
use crate::preflight::checks::Check;
use crate::preflight::facts::{Facts, Missing};

/// See its text.
pub const CHECK: Check = Check {
    code: "GD924",
    severity: Risk,
    title: "The bucket of a trail has no Object Lock with a retention",
    why: "Whoever can write to the account could delete the record of what was done in it. Object Lock with a default retention keeps \
          every file for its time, whoever asks.",
    remedy: "`aws s3api put-object-lock-configuration --bucket BUCKET --object-lock-configuration \
             '{\"ObjectLockEnabled\":\"Enabled\",\"Rule\":{\"DefaultRetention\":{\"Mode\":\"COMPLIANCE\",\"Years\":7}}}'`; versioning must \
             be on, and a retention in compliance mode cannot be shortened by anybody",
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
        let kept = lock.as_ref().and_then(|lock| lock.rule()?.default_retention()).is_some();
        let state = if lock.is_some() { "no DefaultRetention" } else { "ObjectLockConfigurationNotFoundError" };
        let text = format!("s3:GetObjectLockConfiguration of {bucket}, where {} goes: {state}", one.name());
        Ok((!kept).then_some(text))
    });
    let looked = try_join_all(looked).await?;
    let good = looked.iter().any(Option::is_none);
    Ok(if good { Vec::new() } else { looked.into_iter().flatten().collect() })
}
