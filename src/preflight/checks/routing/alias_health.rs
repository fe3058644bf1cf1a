//! GD527: an alias with an opinion of its own.

use super::super::{Check, CheckResult, Occurrence};
use crate::preflight::facts::Facts;
use gameday_core::model::{Predicts, Severity};

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD527",
    severity: Severity::Note,
    regions: &[],
    predicts: Predicts::Nothing,
    title: "The primary's alias also follows the health of its target",
    why: "With `EvaluateTargetHealth`, the record fails over as soon as either the health check or the alias target is \
          unhealthy (for example a load balancer whose targets all fail). The record can then move while the health \
          check is healthy: managed login stays at the primary, and the detection time of a drill does not apply to a \
          real failure.",
    remedy: "Set `EvaluateTargetHealth` of the PRIMARY alias to false, so that only the health check decides (in \
             Terraform: `alias { evaluate_target_health = false }`). If you need both, keep the setting and accept \
             this finding.\n\n\
             ```sh\n\
             aws route53 list-resource-record-sets --hosted-zone-id HOSTED_ZONE_ID --output json \\\n  \
             | jq '{Changes: [.ResourceRecordSets[] | select(.Name == \"RECORD.\" and .Failover == \"PRIMARY\")\n    \
             | .AliasTarget.EvaluateTargetHealth = false | {Action: \"UPSERT\", ResourceRecordSet: .}]}' > \
             change.json\n\
             aws route53 change-resource-record-sets --hosted-zone-id HOSTED_ZONE_ID --change-batch \
             file://change.json\n\
             ```",
    calls: &["route53:ListResourceRecordSets"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
    let Some(primary) = facts.primary_record().await? else { return Ok(Vec::new()) };
    let Some(id) = primary.health_check_id() else { return Ok(Vec::new()) };
    let both = primary.alias_target().filter(|alias| alias.evaluate_target_health());
    let sight = |alias: &aws_sdk_route53::types::AliasTarget| {
        Occurrence::of(format!("PRIMARY alias of {}: EvaluateTargetHealth true, HealthCheckId {id}", alias.dns_name()))
    };
    Ok(both.map(sight).into_iter().collect())
}
