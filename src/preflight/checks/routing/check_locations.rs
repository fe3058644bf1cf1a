//! GD516: from where it is asked.

use std::collections::BTreeSet;

use super::super::{Check, CheckResult, Occurrence};
use crate::preflight::facts::Facts;
use gameday_core::model::{Predicts, Severity};

/// Route 53 recommends no fewer (Route 53 API reference, HealthCheckConfig, `Regions`).
const LEAST: usize = 3;

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD516",
    severity: Severity::Risk,
    regions: &[],
    predicts: Predicts::Nothing,
    title: "The health checkers are in too few locations",
    why: "The health check is healthy while more than 18 % of its checkers report healthy. If all of them are on one \
          continent, or in one or two Regions, a network problem there looks like an outage of the primary, and an \
          outage that affects users elsewhere is not detected.",
    remedy: "Use all checker locations, or choose at least three Regions on two continents:\n\n\
             ```sh\n\
             aws route53 update-health-check --health-check-id HEALTH_CHECK_ID --reset-elements Regions\n\
             ```",
    calls: &["route53:GetHealthCheck"],
    look: |facts| Box::pin(look(facts)),
};

/// As `us` of `us-east-1`; North and South America are two.
fn continent(region: &str) -> &str {
    region.split('-').next().unwrap_or(region)
}

async fn look(facts: &Facts) -> CheckResult {
    let config = facts.health_check().await?;
    // None named are all.
    let regions: BTreeSet<&str> =
        config.regions().iter().map(aws_sdk_route53::types::HealthCheckRegion::as_str).collect();
    let continents: BTreeSet<&str> = regions.iter().map(|region| continent(region)).collect();
    let few = !regions.is_empty() && (regions.len() < LEAST || continents.len() < 2);
    let sight = || {
        let list: Vec<&str> = regions.iter().copied().collect();
        let id = &facts.site.dns.health_check_id;
        Occurrence::of(format!("{id}: Regions {} on {} continent(s)", list.join(", "), continents.len()))
    };
    Ok(few.then(sight).into_iter().collect())
}
