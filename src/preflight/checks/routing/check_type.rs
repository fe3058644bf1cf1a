//! GD511: what kind of question decides.

use aws_sdk_route53::types::HealthCheckType;

use super::super::{Check, Looked, Sight};
use crate::model::{Milestone, Predicts, Severity};
use crate::preflight::facts::Facts;

/// See its text.
pub const CHECK: Check = Check {
    code: "GD511",
    severity: Severity::Risk,
    regions: &[],
    predicts: Predicts::Unreached(Milestone::DnsFlipAuthoritative),
    title: "The health check does not ask as users do",
    why: "Users come by HTTPS. A TCP check is content with an open port, whatever stands behind it; an HTTP check asks another listener; an \
          alarm or a switch (CLOUDWATCH_METRIC, RECOVERY_CONTROL) does not ask at all, and turns when something else says so. The record \
          then stays with a Region that signs nobody in, or leaves one that does.",
    remedy: "The type is fixed when a health check is made: make one that asks by HTTPS, and attach it to the PRIMARY record.\n\n\
             ```sh\naws route53 create-health-check --caller-reference NEW --health-check-config \
             Type=HTTPS,FullyQualifiedDomainName=NAME,Port=443,ResourcePath=/health,RequestInterval=10,FailureThreshold=3,EnableSNI=true\n```",
    calls: &["route53:GetHealthCheck"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> Looked {
    let config = facts.health_check().await?;
    let kind = config.r#type();
    // What a calculated one hides is GD517.
    let good = [HealthCheckType::Https, HealthCheckType::HttpsStrMatch, HealthCheckType::Calculated].contains(kind);
    let sight = || Sight::of(format!("{}: type {}", facts.site.dns.health_check_id, kind.as_str()));
    Ok((!good).then(sight).into_iter().collect())
}
