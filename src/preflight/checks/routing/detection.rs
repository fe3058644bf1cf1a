//! GD507: how fast a fault is seen.

use crate::preflight::checks::{Check, Occurrence};
use crate::preflight::facts::{DEFAULT_INTERVAL, DEFAULT_THRESHOLD, connect_timeout, has_checkers};
use gameday_core::model::Predicts;

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD507",
    severity: gameday_core::model::Severity::Risk,
    regions: &[],
    predicts: Predicts::SlowRecovery,
    title: "The health check is slower than 3 failures at 10 s",
    why: "Detection is the first part of the recovery time. Where packets vanish, each check ends at its time-out (4 s, 10 s \
          for TCP), and the interval counts from there to the next one. With an interval of 10 s and a threshold of 3 \
          that is 32 s to 42 s; with 30 s it is 72 s to 102 s, most of a target of 2 min.",
    remedy: "Set `FailureThreshold` to 3. `RequestInterval` cannot be changed: if it is 30, create a health check with \
             10, and attach it to the PRIMARY record.\n\n\
             ```sh\n\
             aws route53 update-health-check --health-check-id HEALTH_CHECK_ID --failure-threshold 3\n\
             aws route53 create-health-check --caller-reference UNIQUE_TEXT --health-check-config \\\n  \
             Type=HTTPS,FullyQualifiedDomainName=NAME,Port=443,ResourcePath=/health,RequestInterval=10,FailureThreshold=3,EnableSNI=true\n\
             ```",
    calls: &["route53:GetHealthCheck"],
    look: |facts| {
        Box::pin(async move {
            let (config, id) = (facts.health_check().await?, &facts.site.dns.health_check_id);
            // How fast an alarm or a switch is, Route 53 does not say.
            if !has_checkers(&config) {
                return Ok(Vec::new());
            }
            let interval = config.request_interval().unwrap_or(DEFAULT_INTERVAL);
            let threshold = config.failure_threshold().unwrap_or(DEFAULT_THRESHOLD);
            let slow = interval > 10 || threshold > 3;
            let sight = || {
                let takes =
                    (i64::from(interval) + connect_timeout(&config).as_secs().cast_signed()) * i64::from(threshold);
                Occurrence::of(format!(
                    "{id}: interval {interval} s, threshold {threshold}: detection takes up to {takes} s"
                ))
            };
            Ok(slow.then(sight).into_iter().collect())
        })
    },
};
