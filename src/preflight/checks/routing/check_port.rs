//! GD513: which port decides.

use aws_sdk_route53::types::HealthCheckType;

use super::super::{Check, CheckResult, Occurrence};
use crate::preflight::facts::Facts;
use gameday_core::model::{Milestone, Predicts, Severity};

/// The ports where a health check names none (Route 53 API reference, HealthCheckConfig).
const HTTPS: i32 = 443;
const HTTP: i32 = 80;

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD513",
    severity: Severity::Risk,
    regions: &[],
    predicts: Predicts::Unreached(Milestone::DnsFlipAuthoritative),
    title: "The health check uses another port than users",
    why: "A separate listener for health checks has separate rules, certificates and security groups. If the users' \
          listener fails and this one does not, the record does not fail over. If only this one fails, the record \
          fails over without need.",
    remedy: "Check the port that users connect to, or correct `front_door.port` in the environment file:\n\n\
             ```sh\n\
             aws route53 update-health-check --health-check-id HEALTH_CHECK_ID --port 443\n\
             ```",
    calls: &["route53:GetHealthCheck"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
    let config = facts.health_check().await?;
    let default = match config.r#type() {
        HealthCheckType::Https | HealthCheckType::HttpsStrMatch => HTTPS,
        HealthCheckType::Http | HealthCheckType::HttpStrMatch => HTTP,
        HealthCheckType::Tcp => 0,
        _ => return Ok(Vec::new()),
    };
    let (port, users) = (config.port().unwrap_or(default), i32::from(facts.site.front_door.port));
    let sight = || Occurrence::of(format!("{}: port {port}; users connect to {users}", facts.site.dns.health_check_id));
    Ok((port != users).then(sight).into_iter().collect())
}
