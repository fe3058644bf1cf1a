//! GD515: how easily the record moves.

use super::super::{Check, CheckResult, Occurrence};
use crate::preflight::facts::{DEFAULT_THRESHOLD, Facts, has_checkers};
use gameday_core::model::{Predicts, Severity};

/// Failures in a row that a checker should wait for (the article: 3 of 10 s).
const FAILURES: i32 = 3;

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD515",
    severity: Severity::Note,
    regions: &[],
    predicts: Predicts::Nothing,
    title: "Fewer than three failed checks trigger a failover",
    why: "One or two consecutive failures occur on any busy day, and each time all users move to the replica and back. \
          At the replica they cannot sign up, change a password or use an authenticator app.",
    remedy: "Set the failure threshold to 3:\n\n\
             ```sh\n\
             aws route53 update-health-check --health-check-id HEALTH_CHECK_ID --failure-threshold 3\n\
             ```",
    calls: &["route53:GetHealthCheck"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
    let config = facts.health_check().await?;
    if !has_checkers(&config) {
        return Ok(Vec::new());
    }
    let threshold = config.failure_threshold().unwrap_or(DEFAULT_THRESHOLD);
    let sight = || Occurrence::of(format!("{}: FailureThreshold {threshold}", facts.site.dns.health_check_id));
    Ok((threshold < FAILURES).then(sight).into_iter().collect())
}
