//! GD514: whether checkers name the host.

use aws_sdk_route53::types::HealthCheckType;

use super::super::{Check, CheckResult, Occurrence};
use crate::preflight::facts::Facts;
use gameday_core::model::{Milestone, Predicts, Severity};

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD514",
    severity: Severity::Risk,
    regions: &[],
    predicts: Predicts::Unreached(Milestone::DnsFlipAuthoritative),
    title: "The health check does not send SNI in the TLS handshake",
    why: "Load balancers, CloudFront and API Gateway select the certificate, and some of them the site, by the name in \
          the TLS handshake (SNI). Without it they answer for another site or close the connection, so the health \
          check does not test what users reach.",
    remedy: "Turn on SNI for the health check:\n\n\
             ```sh\n\
             aws route53 update-health-check --health-check-id HEALTH_CHECK_ID --enable-sni\n\
             ```",
    calls: &["route53:GetHealthCheck"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
    let config = facts.health_check().await?;
    let https = [HealthCheckType::Https, HealthCheckType::HttpsStrMatch].contains(config.r#type());
    let sight = || Occurrence::of(format!("{}: EnableSNI false", facts.site.dns.health_check_id));
    Ok((https && config.enable_sni() == Some(false)).then(sight).into_iter().collect())
}
