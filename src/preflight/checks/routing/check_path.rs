//! GD512: which page decides.

use super::super::{Check, Looked, Sight};
use crate::model::{Milestone, Predicts, Severity};
use crate::preflight::facts::{Facts, asks};

/// See its text.
pub const CHECK: Check = Check {
    code: "GD512",
    severity: Severity::Risk,
    regions: &[],
    predicts: Predicts::Unreached(Milestone::DnsFlipAuthoritative),
    title: "The health check asks for no health page",
    why: "Whatever `/` answers, it was not made to tell whether users can sign in: a start page, a redirect or a CDN's cached copy stays \
          good while the user pool behind it does not. A health page of its own looks at what sign-in needs in its Region, and at nothing \
          in another one.",
    remedy: "Serve a health page, and ask for it:\n\n\
             ```sh\naws route53 update-health-check --health-check-id ID --resource-path /health\n```",
    calls: &["route53:GetHealthCheck"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> Looked {
    let config = facts.health_check().await?;
    let path = config.resource_path().filter(|path| !path.is_empty());
    let bare = asks(&config) && path.is_none_or(|path| path == "/");
    let sight = || {
        let id = &facts.site.dns.health_check_id;
        Sight::of(format!("{id}: ResourcePath {}", path.unwrap_or("is not set, which asks for /")))
    };
    Ok(bare.then(sight).into_iter().collect())
}
