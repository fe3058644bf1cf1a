//! GD921: whether the record goes on, and arrives.

use super::in_both;
use crate::model::Severity::Risk;
use crate::model::{Predicts, RegionRole};
use crate::preflight::checks::{BOTH, Check};
use crate::preflight::facts::governance::Recorder;
use crate::preflight::facts::{Facts, Missing};

/// See its text.
pub const CHECK: Check = Check {
    code: "GD921",
    severity: Risk,
    regions: BOTH,
    predicts: Predicts::Nothing,
    title: "The trails of a Region record nothing, or it does not arrive",
    why: "A trail that was stopped, or whose bucket refuses it, looks like a trail in every list. What happens meanwhile is not \
          recorded anywhere for longer than the 90 days of the event history.",
    remedy: "`aws cloudtrail start-logging --name TRAIL`; where a delivery failed, correct the bucket's policy: `aws cloudtrail \
             get-trail-status --name TRAIL` names the reason",
    calls: &["cloudtrail:DescribeTrails", "cloudtrail:GetTrailStatus"],
    look: |facts| Box::pin(in_both(facts, look)),
};

async fn look(facts: &Facts, role: RegionRole) -> Result<Vec<String>, Missing> {
    let told = |trail: &Recorder| {
        let logging = trail.status.is_logging().unwrap_or_default();
        let error = trail.status.latest_delivery_error().unwrap_or("-");
        format!("cloudtrail:GetTrailStatus: {}: IsLogging={logging}, LatestDeliveryError={error}", trail.name())
    };
    let trails = facts.recorders(role).await?;
    let none = !trails.iter().any(Recorder::works);
    Ok(if none { trails.iter().map(told).collect() } else { Vec::new() })
}
