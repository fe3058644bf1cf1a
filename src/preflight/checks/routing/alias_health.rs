//! GD527: an alias with an opinion of its own.

use super::super::{Check, Looked, Sight};
use crate::model::{Predicts, Severity};
use crate::preflight::facts::Facts;

/// See its text.
pub const CHECK: Check = Check {
    code: "GD527",
    severity: Severity::Note,
    regions: &[],
    predicts: Predicts::Nothing,
    title: "The primary's alias takes on its target's health besides the health check's",
    why: "With `EvaluateTargetHealth` the record moves as soon as either the health check or the target is unhealthy, a load balancer \
          whose targets all fail for instance. That may be what you want; but then the record can move while the health check says healthy, \
          managed login stays behind, and what a drill measures as detection is not what moves the record in earnest.",
    remedy: "Set `EvaluateTargetHealth` of the PRIMARY record's alias to false, so that the health check alone decides; or leave it, and \
             know it.",
    calls: &["route53:ListResourceRecordSets"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> Looked {
    let Some(primary) = facts.primary_record().await? else { return Ok(Vec::new()) };
    let Some(id) = primary.health_check_id() else { return Ok(Vec::new()) };
    let both = primary.alias_target().filter(|alias| alias.evaluate_target_health());
    let sight = |alias: &aws_sdk_route53::types::AliasTarget| {
        Sight::of(format!("PRIMARY alias of {}: EvaluateTargetHealth true, HealthCheckId {id}", alias.dns_name()))
    };
    Ok(both.map(sight).into_iter().collect())
}
