//! GD520: whether there is anything to fail over from.

use super::super::{Check, CheckResult, Occurrence, PRIMARY};
use crate::preflight::facts::{Facts, Unavailable, has_checkers};
use gameday_core::model::{Milestone, Predicts, Severity};

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD520",
    severity: Severity::Blocker,
    regions: PRIMARY,
    predicts: Predicts::Unreached(Milestone::FirstPrimaryLoginAfterFailback),
    title: "The health check is already unhealthy",
    why: "DNS already points to the replica, so a drill would break a Region that serves no users: the results look \
          good because nothing has to fail over, and after the restore no user returns to the primary. It also means \
          that an earlier failover was never reverted, or that the health check is wrong.",
    remedy: "Find out what the checkers see, and restore the primary first:\n\n\
             ```sh\n\
             aws route53 get-health-check-status --health-check-id HEALTH_CHECK_ID\n\
             ```",
    calls: &["route53:GetHealthCheck", "route53:GetHealthCheckStatus"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
    let config = facts.health_check().await?;
    if !has_checkers(&config) {
        let reason = format!("health check {} is of type {}", facts.site.dns.health_check_id, config.r#type().as_str());
        return Err(Unavailable::because("checkers of the health check", reason));
    }
    // Then nothing follows from what the checkers see; see GD505.
    if config.disabled() == Some(true) || config.inverted() == Some(true) || facts.is_seen_healthy().await? {
        return Ok(Vec::new());
    }
    let seen = facts.observations().await?;
    let failed: Vec<&String> = seen.iter().filter(|status| !status.starts_with("Success")).collect();
    let first = failed.first().map_or("-", |status| status.as_str());
    let (id, all) = (&facts.site.dns.health_check_id, seen.len());
    Ok(vec![Occurrence::of(format!("{id}: {} of {all} checkers fail; the first reports: {first}", failed.len()))])
}
