//! GD509: an alias has the TTL of what it leads to.

use super::super::{Check, CheckResult, Occurrence};
use crate::preflight::facts::Facts;
use gameday_core::model::{Predicts, Severity};

/// The TTL that answers should have, in seconds; that of aliases of AWS's load balancers (Route 53 FAQ, "DNS failover").
const TTL_S: u32 = 60;

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD509",
    severity: Severity::Risk,
    regions: &[],
    predicts: Predicts::SlowRecovery,
    title: "The failover record is an alias with a TTL above 60 s",
    why: "An alias has no TTL: its answers have the TTL of its target. For a load balancer that is 60 s; for another \
          record of the zone it is the TTL of that record, which is easy to miss in a review. Clients keep the \
          primary's address for that time after a failover.",
    remedy: "Lower the TTL of the record that the alias points to:\n\n\
             ```sh\n\
             aws route53 list-resource-record-sets --hosted-zone-id HOSTED_ZONE_ID --output json \\\n  \
             | jq '{Changes: [.ResourceRecordSets[] | select(.Name == \"TARGET_RECORD.\")\n    \
             | .TTL = 60 | {Action: \"UPSERT\", ResourceRecordSet: .}]}' > change.json\n\
             aws route53 change-resource-record-sets --hosted-zone-id HOSTED_ZONE_ID --change-batch \
             file://change.json\n\
             ```",
    calls: &["route53:ListResourceRecordSets", "route53:GetHostedZone"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
    let Some(primary) = facts.primary_record().await? else { return Ok(Vec::new()) };
    let Some(alias) = primary.alias_target() else { return Ok(Vec::new()) };
    let answers = facts.authoritative_answers().await?;
    let longest = answers.iter().filter_map(|(_, answer)| answer.as_ref().ok()).map(|answer| answer.ttl_s).max();
    let sight = |ttl| {
        let (record, target) = (&facts.site.dns.record, alias.dns_name());
        Occurrence::of(format!("{record} is an alias of {target}; its name servers answer with TTL {ttl} s"))
    };
    Ok(longest.filter(|ttl| *ttl > TTL_S).map(sight).into_iter().collect())
}
