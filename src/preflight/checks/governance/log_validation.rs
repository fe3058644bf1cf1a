//! GD923: whether it can be proved that the record was not changed.

use super::{in_both, unless_one_is_good, working};
use crate::preflight::checks::{BOTH, Check};
use crate::preflight::facts::{Facts, Unavailable};
use gameday_core::model::Severity::Risk;
use gameday_core::model::{Predicts, RegionRole};

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD923",
    severity: Risk,
    regions: BOTH,
    predicts: Predicts::Nothing,
    title: "No trail of a Region validates its log files",
    why: "With validation, CloudTrail signs a digest of its log files every hour. Without it you cannot prove that the \
          audit log of a failover was not changed.",
    remedy: "Turn on log file validation (in Terraform: `enable_log_file_validation = true`). It applies to new log \
             files only:\n\n\
             ```sh\n\
             aws cloudtrail update-trail --region HOME_REGION --name TRAIL --enable-log-file-validation\n\
             ```",
    calls: &["cloudtrail:DescribeTrails", "cloudtrail:GetTrailStatus"],
    look: |facts| Box::pin(in_both(facts, look)),
};

async fn look(facts: &Facts, role: RegionRole) -> Result<Vec<String>, Unavailable> {
    let trails = working(facts, role).await?;
    Ok(unless_one_is_good(
        &trails,
        |one| one.trail.log_file_validation_enabled() == Some(true),
        |one| format!("cloudtrail:DescribeTrails: {}: LogFileValidationEnabled=false", one.name()),
    ))
}
