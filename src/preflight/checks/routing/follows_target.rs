//! GD505: a health check that does not follow its target.

use crate::preflight::checks::{Check, Occurrence};
use gameday_core::model::{Milestone, Predicts};

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD505",
    severity: gameday_core::model::Severity::Blocker,
    regions: &[],
    predicts: Predicts::Unreached(Milestone::DnsFlipAuthoritative),
    title: "The health check is disabled or inverted",
    why: "A disabled health check is always healthy, so the record never fails over. An inverted one moves the record \
          to the replica while the primary is healthy, and back when the primary fails.",
    remedy: "Enable the health check, and turn off its inversion:\n\n\
             ```sh\n\
             aws route53 update-health-check --health-check-id HEALTH_CHECK_ID --no-disabled --no-inverted\n\
             ```",
    calls: &["route53:GetHealthCheck"],
    look: |facts| {
        Box::pin(async move {
            let (config, id) = (facts.health_check().await?, &facts.site.dns.health_check_id);
            let set = [(config.disabled(), "disabled"), (config.inverted(), "inverted")];
            let sight = |what| {
                let remedy = format!("`aws route53 update-health-check --health-check-id {id} --no-{what}`");
                Occurrence::of(format!("{id} is {what}")).remedy(remedy)
            };
            Ok(set.into_iter().filter(|(set, _)| *set == Some(true)).map(|(_, what)| sight(what)).collect())
        })
    },
};
