//! GD502: how long a dead answer is kept.

use crate::preflight::checks::{Check, Occurrence};
use gameday_core::model::Predicts;

/// The TTL that the failover record should have, in seconds: more delays clients, less floods the servers.
const TTL_S: i64 = 60;

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD502",
    severity: gameday_core::model::Severity::Risk,
    regions: &[],
    predicts: Predicts::SlowRecovery,
    title: "The failover record's TTL is above 60 s",
    why: "Resolvers and clients keep the primary's address for up to the TTL after Route 53 answers with the \
          replica's. Every second above 60 s adds to the recovery time of every user.",
    remedy: "Set the TTL of both record sets to 60 (in Terraform: `ttl = 60`). Do this at least one old TTL before a \
             planned failover.\n\n\
             ```sh\n\
             aws route53 list-resource-record-sets --hosted-zone-id HOSTED_ZONE_ID --output json \\\n  \
             | jq '{Changes: [.ResourceRecordSets[] | select(.Name == \"RECORD.\" and .Failover != null)\n    \
             | .TTL = 60 | {Action: \"UPSERT\", ResourceRecordSet: .}]}' > change.json\n\
             aws route53 change-resource-record-sets --hosted-zone-id HOSTED_ZONE_ID --change-batch \
             file://change.json\n\
             ```",
    calls: &["route53:ListResourceRecordSets"],
    look: |facts| {
        Box::pin(async move {
            let ttl = facts.primary_record().await?.and_then(|record| record.ttl()).filter(|ttl| *ttl > TTL_S);
            let sight = |ttl| {
                Occurrence::of(format!(
                    "{}: TTL {ttl} s; clients keep the old answer that long after detection",
                    facts.site.dns.record
                ))
            };
            Ok(ttl.map(sight).into_iter().collect())
        })
    },
};
