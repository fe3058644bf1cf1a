//! GD526: what the secondary record hangs on.

use super::super::{Check, Looked, Sight};
use crate::model::{Milestone, Predicts, RegionRole, Severity};
use crate::preflight::facts::{Facts, side};

/// See its text.
pub const CHECK: Check = Check {
    code: "GD526",
    severity: Severity::Blocker,
    regions: &[],
    predicts: Predicts::Unreached(Milestone::DnsFlipAuthoritative),
    title: "The secondary record hangs on the primary's health check",
    why: "Where both records are unhealthy, Route 53 gives the primary's. With one health check on both of them, the primary's outage makes \
          both unhealthy in the same moment: the record never moves.",
    remedy: "Take the health check off the SECONDARY record, or attach one that asks the replica's front door \
             (`aws route53 change-resource-record-sets`; in Terraform `health_check_id` of the secondary record).",
    calls: &["route53:ListResourceRecordSets"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> Looked {
    let sets = facts.record_sets().await?;
    let of = |role| side(&sets, role).and_then(|set| set.health_check_id());
    let (primary, secondary) = (of(RegionRole::Primary), of(RegionRole::Replica));
    let same = primary.is_some() && primary == secondary;
    let sight = || Sight::of(format!("PRIMARY and SECONDARY record: HealthCheckId {}", primary.unwrap_or_default()));
    Ok(same.then(sight).into_iter().collect())
}
