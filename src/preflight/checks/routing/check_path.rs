//! GD512: which page decides.

use super::super::{Check, CheckResult, Occurrence};
use crate::preflight::facts::{Facts, asks};
use gameday_core::model::{Milestone, Predicts, Severity};

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD512",
    severity: Severity::Risk,
    regions: &[],
    predicts: Predicts::Unreached(Milestone::DnsFlipAuthoritative),
    title: "The health check does not request a health page",
    why: "The answer to `/` does not show whether users can sign in: a start page, a redirect or a cached copy of a \
          CDN stays good while the user pool behind it fails, and the record does not fail over. A dedicated health \
          page tests what sign-in needs in its Region, and nothing in the other.",
    remedy: "Serve a health page, and let the health check request it:\n\n\
             ```sh\n\
             aws route53 update-health-check --health-check-id HEALTH_CHECK_ID --resource-path /health\n\
             ```",
    calls: &["route53:GetHealthCheck"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
    let config = facts.health_check().await?;
    let path = config.resource_path().filter(|path| !path.is_empty());
    let bare = asks(&config) && path.is_none_or(|path| path == "/");
    let sight = || {
        let id = &facts.site.dns.health_check_id;
        Occurrence::of(format!("{id}: ResourcePath {}", path.unwrap_or("is not set, so it requests /")))
    };
    Ok(bare.then(sight).into_iter().collect())
}
