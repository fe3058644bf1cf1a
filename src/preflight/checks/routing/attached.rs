//! GD503: whose health decides.

use crate::preflight::checks::{Check, Occurrence};
use crate::preflight::facts::{counts, found};
use gameday_core::model::{Milestone, Predicts};

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD503",
    severity: gameday_core::model::Severity::Blocker,
    regions: &[],
    predicts: Predicts::Unreached(Milestone::DnsFlipAuthoritative),
    title: "The environment's health check is not attached to the primary record",
    why: "Route 53 answers with the secondary record only while the health check of the primary record is unhealthy. \
          Without a health check it never fails over. With another health check it follows something that this drill \
          neither breaks nor observes.",
    remedy: "Set `HealthCheckId` of the PRIMARY record set (in Terraform: `health_check_id`), or correct \
             `dns.health_check_id` in the environment file.\n\n\
             ```sh\n\
             aws route53 list-resource-record-sets --hosted-zone-id HOSTED_ZONE_ID --output json \\\n  \
             | jq '{Changes: [.ResourceRecordSets[] | select(.Name == \"RECORD.\" and .Failover == \"PRIMARY\")\n    \
             | .HealthCheckId = \"HEALTH_CHECK_ID\" | {Action: \"UPSERT\", ResourceRecordSet: .}]}' > change.json\n\
             aws route53 change-resource-record-sets --hosted-zone-id HOSTED_ZONE_ID --change-batch \
             file://change.json\n\
             ```",
    calls: &["route53:ListResourceRecordSets", "route53:GetHealthCheck"],
    look: |facts| {
        Box::pin(async move {
            let Some(primary) = facts.primary_record().await? else { return Ok(Vec::new()) };
            let (attached, wanted) = (primary.health_check_id(), &facts.site.dns.health_check_id);
            let sight = || {
                Occurrence::of(format!(
                    "attached: {}; environment file: {wanted}",
                    attached.unwrap_or("no health check")
                ))
            };
            if attached == Some(wanted.as_str()) {
                return Ok(Vec::new());
            }
            // One that counts it follows it, or hides it: see GD517.
            let attached = match attached {
                Some(id) => found(facts.health_check_of(id).await)?,
                None => None,
            };
            let counted = attached.and_then(|config| counts(&config));
            let follows = counted.is_some_and(|counted| counted.children.contains(wanted));
            Ok((!follows).then(sight).into_iter().collect())
        })
    },
};
