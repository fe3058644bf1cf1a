//! GD504: the health check is there.

use crate::preflight::checks::{Check, Occurrence};
use crate::preflight::facts::found;
use gameday_core::model::{Milestone, Predicts};

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD504",
    severity: gameday_core::model::Severity::Blocker,
    regions: &[],
    predicts: Predicts::Unreached(Milestone::DnsFlipAuthoritative),
    title: "The health check does not exist",
    why: "The failover starts when this health check becomes unhealthy, and the run measures that time. If the health \
          check does not exist, the state of a record that refers to it is undefined, and the run cannot measure the \
          detection.",
    remedy: "Correct `dns.health_check_id` in the environment file. This command lists the health checks:\n\n\
             ```sh\n\
             aws route53 list-health-checks\n\
             ```",
    calls: &["route53:GetHealthCheck"],
    look: |facts| {
        Box::pin(async move {
            let gone = found(facts.health_check().await)?.is_none();
            let sight = || Occurrence::of(format!("Route 53 has no health check {}", facts.site.dns.health_check_id));
            Ok(gone.then(sight).into_iter().collect())
        })
    },
};
