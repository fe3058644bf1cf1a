//! GD502: how long a dead answer is kept.

use crate::model::Predicts;
use crate::preflight::checks::{Check, Sight};

/// The TTL that the failover record should have, in seconds: more delays clients, less floods the servers.
const TTL_S: i64 = 60;

/// See its text.
pub const CHECK: Check = Check {
    code: "GD502",
    severity: crate::model::Severity::Risk,
    regions: &[],
    predicts: Predicts::SlowRecovery,
    title: "The failover record's TTL is above 60 s",
    why: "Resolvers and clients keep the primary's address for up to the TTL after Route 53 gives the replica's. Whatever it is \
          above 60 s comes on top of the recovery time, for every user.",
    remedy: "Set `TTL` of both record sets to 60 (`aws route53 change-resource-record-sets`; in Terraform `ttl = 60`). Lower it at \
             least one old TTL before a planned failover.",
    calls: &["route53:ListResourceRecordSets"],
    look: |facts| {
        Box::pin(async move {
            let ttl = facts.primary_record().await?.and_then(|record| record.ttl()).filter(|ttl| *ttl > TTL_S);
            let sight = |ttl| {
                Sight::of(format!(
                    "{}: TTL {ttl} s; clients keep a dead answer that long after detection",
                    facts.site.dns.record
                ))
            };
            Ok(ttl.map(sight).into_iter().collect())
        })
    },
};
