//! GD921: whether the record goes on, and arrives.

use super::in_both;
use crate::preflight::checks::{BOTH, Check};
use crate::preflight::facts::governance::Recorder;
use crate::preflight::facts::{Facts, Unavailable};
use gameday_core::model::Severity::Risk;
use gameday_core::model::{Predicts, RegionRole};

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD921",
    severity: Risk,
    regions: BOTH,
    predicts: Predicts::Nothing,
    title: "The trails of a Region do not record or deliver events",
    why: "A trail that is stopped, or whose bucket refuses its files, still appears in every list. Events of that time \
          are kept only in the event history, for 90 days.",
    remedy: "Start the trail. If the delivery failed, `get-trail-status` shows the reason: correct the bucket's \
             policy.\n\n\
             ```sh\n\
             aws cloudtrail start-logging --region HOME_REGION --name TRAIL\n\
             aws cloudtrail get-trail-status --region HOME_REGION --name TRAIL\n\
             ```",
    calls: &["cloudtrail:DescribeTrails", "cloudtrail:GetTrailStatus"],
    look: |facts| Box::pin(in_both(facts, look)),
};

async fn look(facts: &Facts, role: RegionRole) -> Result<Vec<String>, Unavailable> {
    let told = |trail: &Recorder| {
        let logging = trail.status.is_logging().unwrap_or_default();
        let error = trail.status.latest_delivery_error().unwrap_or("-");
        format!("cloudtrail:GetTrailStatus: {}: IsLogging={logging}, LatestDeliveryError={error}", trail.name())
    };
    let trails = facts.recorders(role).await?;
    let none = !trails.iter().any(Recorder::works);
    Ok(if none { trails.iter().map(told).collect() } else { Vec::new() })
}
