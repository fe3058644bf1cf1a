//! GD504: the health check is there.

use crate::model::{Milestone, Predicts};
use crate::preflight::checks::{Check, Sight};
use crate::preflight::facts::found;

/// See its text.
pub const CHECK: Check = Check {
    code: "GD504",
    severity: crate::model::Severity::Blocker,
    regions: &[],
    predicts: Predicts::Unreached(Milestone::DnsFlipAuthoritative),
    title: "The health check does not exist",
    why: "Failover begins when this health check turns unhealthy, and the run times that. One that is gone leaves a record that \
          names it in an undefined state, and the run without its first figure.",
    remedy: "Correct `dns.health_check_id`: `aws route53 list-health-checks` tells those that are there.",
    calls: &["route53:GetHealthCheck"],
    look: |facts| {
        Box::pin(async move {
            let gone = found(facts.health_check().await)?.is_none();
            let sight = || Sight::of(format!("Route 53 knows no health check {}", facts.site.dns.health_check_id));
            Ok(gone.then(sight).into_iter().collect())
        })
    },
};
