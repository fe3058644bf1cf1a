//! GD526: what the secondary record hangs on.

use super::super::{Check, CheckResult, Occurrence};
use crate::preflight::facts::{Facts, side};
use gameday_core::model::{Milestone, Predicts, RegionRole, Severity};

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD526",
    severity: Severity::Blocker,
    regions: &[],
    predicts: Predicts::Unreached(Milestone::DnsFlipAuthoritative),
    title: "The secondary record uses the primary's health check",
    why: "If both records are unhealthy, Route 53 answers with the primary record. With the same health check on both \
          records, an outage of the primary makes both unhealthy at the same time, and the record never fails over.",
    remedy: "Remove the health check from the SECONDARY record (in Terraform: `health_check_id`), or attach one that \
             checks the replica's endpoint:\n\n\
             ```sh\n\
             aws route53 list-resource-record-sets --hosted-zone-id HOSTED_ZONE_ID --output json \\\n  \
             | jq '{Changes: [.ResourceRecordSets[] | select(.Name == \"RECORD.\" and .Failover == \"SECONDARY\")\n    \
             | del(.HealthCheckId) | {Action: \"UPSERT\", ResourceRecordSet: .}]}' > change.json\n\
             aws route53 change-resource-record-sets --hosted-zone-id HOSTED_ZONE_ID --change-batch \
             file://change.json\n\
             ```",
    calls: &["route53:ListResourceRecordSets"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
    let sets = facts.record_sets().await?;
    let of = |role| side(&sets, role).and_then(|set| set.health_check_id());
    let (primary, secondary) = (of(RegionRole::Primary), of(RegionRole::Replica));
    let same = primary.is_some() && primary == secondary;
    let sight = || {
        Occurrence::of(format!("PRIMARY and SECONDARY record both have HealthCheckId {}", primary.unwrap_or_default()))
    };
    Ok(same.then(sight).into_iter().collect())
}
