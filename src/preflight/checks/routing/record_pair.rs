//! GD501: the failover record pair.

use crate::preflight::checks::{Check, Occurrence};
use crate::preflight::facts::{found, side};
use gameday_core::model::{Milestone, Predicts, RegionRole};

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD501",
    severity: gameday_core::model::Severity::Blocker,
    regions: &[],
    predicts: Predicts::Unreached(Milestone::DnsFlipAuthoritative),
    title: "The failover record pair does not exist",
    why: "Users find a Region through this DNS name. Route 53 fails over only if one record set is PRIMARY and another \
          is SECONDARY. With a single record, or none, users never reach the replica.",
    remedy: "Create both record sets with the failover routing policy, and attach the health check to the PRIMARY \
             one:\n\n\
             ```terraform\n\
             resource \"aws_route53_record\" \"primary\" {\n  \
             zone_id         = var.zone_id\n  \
             name            = var.record\n  \
             type            = \"A\"\n  \
             ttl             = 60\n  \
             set_identifier  = \"primary\"\n  \
             records         = var.primary_addresses\n  \
             health_check_id = var.health_check_id\n  \
             failover_routing_policy { type = \"PRIMARY\" }\n\
             }\n\n\
             resource \"aws_route53_record\" \"secondary\" {\n  \
             zone_id        = var.zone_id\n  \
             name           = var.record\n  \
             type           = \"A\"\n  \
             ttl            = 60\n  \
             set_identifier = \"secondary\"\n  \
             records        = var.replica_addresses\n  \
             failover_routing_policy { type = \"SECONDARY\" }\n\
             }\n\
             ```\n\n\
             This command lists the record sets: `aws route53 list-resource-record-sets --hosted-zone-id \
             HOSTED_ZONE_ID`",
    calls: &["route53:ListResourceRecordSets"],
    look: |facts| {
        Box::pin(async move {
            let dns = &facts.site.dns;
            let Some(sets) = found(facts.record_sets().await)? else {
                return Ok(vec![Occurrence::of(format!("Route 53 has no hosted zone {}", dns.hosted_zone_id))]);
            };
            if side(&sets, RegionRole::Primary).is_some() && side(&sets, RegionRole::Replica).is_some() {
                return Ok(Vec::new());
            }
            let kinds: Vec<String> = sets
                .iter()
                .map(|set| format!("{} {}", set.r#type(), set.failover().map_or("simple", |side| side.as_str())))
                .collect();
            let there = if kinds.is_empty() { "no record".to_owned() } else { kinds.join(", ") };
            Ok(vec![Occurrence::of(format!("{} in zone {}: {there}", dns.record, dns.hosted_zone_id))])
        })
    },
};
