//! GD511: what kind of question decides.

use aws_sdk_route53::types::HealthCheckType;

use super::super::{Check, CheckResult, Occurrence};
use crate::preflight::facts::{Facts, has_checkers};
use gameday_core::model::{Milestone, Predicts, Severity};

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD511",
    severity: Severity::Risk,
    regions: &[],
    predicts: Predicts::Unreached(Milestone::DnsFlipAuthoritative),
    title: "The health check does not use HTTPS as users do",
    why: "Users connect with HTTPS. A TCP check only tests that the port is open; an HTTP check tests another \
          listener. The record can then stay with a Region where sign-in fails, or leave a Region where it works.",
    remedy: "Create a health check that uses HTTPS, and attach it to the PRIMARY record. The type of an existing \
             health check cannot be changed.\n\n\
             ```sh\n\
             aws route53 create-health-check --caller-reference UNIQUE_TEXT --health-check-config \\\n  \
             Type=HTTPS,FullyQualifiedDomainName=NAME,Port=443,ResourcePath=/health,RequestInterval=10,FailureThreshold=3,EnableSNI=true\n\
             ```",
    calls: &["route53:GetHealthCheck"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
    let config = facts.health_check().await?;
    let kind = config.r#type();
    // What a calculated one hides is GD517. That an alarm or a switch decides is a design of its own, and no mistake.
    let good = !has_checkers(&config) || [HealthCheckType::Https, HealthCheckType::HttpsStrMatch].contains(kind);
    let sight = || Occurrence::of(format!("{}: type {}", facts.site.dns.health_check_id, kind.as_str()));
    Ok((!good).then(sight).into_iter().collect())
}
