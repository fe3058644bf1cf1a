//! GD517: a health check over the health check.

use super::super::{Check, CheckResult, Occurrence};
use crate::preflight::facts::{Facts, counts, found};
use gameday_core::model::{Milestone, Predicts, Severity};

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD517",
    severity: Severity::Blocker,
    regions: &[],
    predicts: Predicts::Unreached(Milestone::DnsFlipAuthoritative),
    title: "A calculated health check hides an outage of the primary",
    why: "The record uses a calculated health check, which stays healthy while enough of its child health checks are \
          healthy. The child that checks the primary's endpoint can fail without making it unhealthy: the record never \
          fails over, and no user reaches the replica.",
    remedy: "Require all children to be healthy, or attach the health check of the endpoint to the PRIMARY record:\n\n\
             ```sh\n\
             aws route53 update-health-check --health-check-id PARENT_HEALTH_CHECK_ID --health-threshold \
             NUMBER_OF_CHILDREN\n\
             ```",
    calls: &["route53:ListResourceRecordSets", "route53:GetHealthCheck"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
    let Some(primary) = facts.primary_record().await? else { return Ok(Vec::new()) };
    let Some(id) = primary.health_check_id() else { return Ok(Vec::new()) };
    let Some(config) = found(facts.health_check_of(id).await)? else { return Ok(Vec::new()) };
    let Some(counted) = counts(&config) else { return Ok(Vec::new()) };
    let own = &facts.site.dns.health_check_id;
    let others = counted.children.iter().filter(|child| *child != own).count();
    // One child that fails must be enough, also where the environment's health check is the calculated one.
    let without = if others == counted.children.len() { others.saturating_sub(1) } else { others };
    let sight = || {
        let (needed, all) = (counted.needed, counted.children.len());
        let watched = if own == id { "the one that checks the endpoint" } else { own.as_str() };
        Occurrence::of(format!(
            "PRIMARY record uses {id}: CALCULATED, healthy while {needed} of {all} children are; without {watched}, {without} remain"
        ))
    };
    Ok((without >= counted.needed).then(sight).into_iter().collect())
}
