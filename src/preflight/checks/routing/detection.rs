//! GD507: how fast a fault is seen.

use crate::model::Predicts;
use crate::preflight::checks::{Check, Sight};
use crate::preflight::facts::{DEFAULT_INTERVAL, DEFAULT_THRESHOLD};

/// See its text.
pub const CHECK: Check = Check {
    code: "GD507",
    severity: crate::model::Severity::Risk,
    regions: &[],
    predicts: Predicts::SlowRecovery,
    title: "The health check is slower than 3 failures of 10 s",
    why: "Detection takes about the interval times the threshold, and is the first link of the recovery time. With 30 s and 3 it \
          takes 90 s, three quarters of a target of 2 min.",
    remedy: "`FailureThreshold` 3: `aws route53 update-health-check --health-check-id ID --failure-threshold 3`. `RequestInterval` \
             is fixed when a health check is created: make a new one with 10, and attach it to the PRIMARY record.",
    calls: &["route53:GetHealthCheck"],
    look: |facts| {
        Box::pin(async move {
            let (config, id) = (facts.health_check().await?, &facts.site.dns.health_check_id);
            let interval = config.request_interval().unwrap_or(DEFAULT_INTERVAL);
            let threshold = config.failure_threshold().unwrap_or(DEFAULT_THRESHOLD);
            let slow = interval > 10 || threshold > 3;
            let sight = || {
                let takes = interval * threshold;
                Sight::of(format!(
                    "{id}: interval {interval} s, threshold {threshold}: detection takes about {takes} s"
                ))
            };
            Ok(slow.then(sight).into_iter().collect())
        })
    },
};
