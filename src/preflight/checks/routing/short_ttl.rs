//! GD508: how often resolvers come back.

use super::super::{Check, CheckResult, Occurrence};
use crate::preflight::facts::{Facts, side};
use gameday_core::model::{Predicts, RegionRole, Severity};

/// The TTL that the failover record should have, in seconds.
const TTL_S: i64 = 60;

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD508",
    severity: Severity::Note,
    regions: &[],
    predicts: Predicts::Nothing,
    title: "The failover record's TTL is below 60 s without a stated reason",
    why: "A shorter TTL saves part of a minute after a failover, but costs every day: resolvers query the name servers \
          more often, and more sign-ins wait for a look-up. 60 s is a good compromise; a lower value needs a reason.",
    remedy: "Set the TTL of both record sets to 60 (see below), or write the reason into the environment file:\n\n\
             ```toml\n\
             [preflight]\n\
             short_ttl_reason = \"REASON\"\n\
             ```\n\n\
             ```sh\n\
             aws route53 list-resource-record-sets --hosted-zone-id HOSTED_ZONE_ID --output json \\\n  \
             | jq '{Changes: [.ResourceRecordSets[] | select(.Name == \"RECORD.\" and .Failover != null)\n    \
             | .TTL = 60 | {Action: \"UPSERT\", ResourceRecordSet: .}]}' > change.json\n\
             aws route53 change-resource-record-sets --hosted-zone-id HOSTED_ZONE_ID --change-batch \
             file://change.json\n\
             ```",
    calls: &["route53:ListResourceRecordSets"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
    if facts.site.preflight.short_ttl_reason.as_ref().is_some_and(|reason| !reason.trim().is_empty()) {
        return Ok(Vec::new());
    }
    let sets = facts.record_sets().await?;
    let of =
        |role| side(&sets, role).and_then(aws_sdk_route53::types::ResourceRecordSet::ttl).filter(|ttl| *ttl < TTL_S);
    let short = [RegionRole::Primary, RegionRole::Replica].into_iter().filter_map(|role| Some((role, of(role)?)));
    let told: Vec<String> = short.map(|(role, ttl)| format!("{} record: TTL {ttl} s", role.as_str())).collect();
    let sight = || Occurrence::of(format!("{}: {}", facts.site.dns.record, told.join(", ")));
    Ok((!told.is_empty()).then(sight).into_iter().collect())
}
