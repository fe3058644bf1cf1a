//! GD920: whether anything records what is done.

use super::in_both;
use crate::preflight::checks::{BOTH, Check};
use crate::preflight::facts::{Facts, Unavailable};
use gameday_core::model::Severity::Risk;
use gameday_core::model::{Predicts, RegionRole};

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD920",
    severity: Risk,
    regions: BOTH,
    predicts: Predicts::Nothing,
    title: "No CloudTrail trail records a Region of the identity plane",
    why: "Regulators ask who changed what in an authentication system, and a failover moves all of it to the other \
          Region. A trail that records only the primary has no events from the time of the failover.",
    remedy: "Create a trail that records every Region (in Terraform: `is_multi_region_trail = true`):\n\n\
             ```sh\n\
             aws cloudtrail create-trail --region HOME_REGION --name identity-audit --s3-bucket-name BUCKET \\\n  \
             --is-multi-region-trail --include-global-service-events --enable-log-file-validation\n\
             aws cloudtrail start-logging --region HOME_REGION --name identity-audit\n\
             ```",
    calls: &["cloudtrail:DescribeTrails", "cloudtrail:GetTrailStatus"],
    look: |facts| Box::pin(in_both(facts, look)),
};

async fn look(facts: &Facts, role: RegionRole) -> Result<Vec<String>, Unavailable> {
    let none = facts.recorders(role).await?.is_empty();
    let text = "cloudtrail:DescribeTrails, shadow trails included: no trail";
    Ok(none.then(|| text.to_owned()).into_iter().collect())
}
