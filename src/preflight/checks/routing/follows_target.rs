//! GD505: a health check that does not follow its target.

use crate::model::{Milestone, Predicts};
use crate::preflight::checks::{Check, Sight};

/// See its text.
pub const CHECK: Check = Check {
    code: "GD505",
    severity: crate::model::Severity::Blocker,
    regions: &[],
    predicts: Predicts::Unreached(Milestone::DnsFlipAuthoritative),
    title: "The health check does not follow its target",
    why: "A disabled health check counts as healthy whatever its checkers see, so the record never moves. An inverted one moves it \
          to the replica while the primary is well, and back when it breaks.",
    remedy: "`aws route53 update-health-check --health-check-id ID --no-disabled --no-inverted`",
    calls: &["route53:GetHealthCheck"],
    look: |facts| {
        Box::pin(async move {
            let (config, id) = (facts.health_check().await?, &facts.site.dns.health_check_id);
            let set = [(config.disabled(), "disabled"), (config.inverted(), "inverted")];
            let sight = |what| {
                let remedy = format!("aws route53 update-health-check --health-check-id {id} --no-{what}");
                Sight::of(format!("{id} is {what}")).remedy(remedy)
            };
            Ok(set.into_iter().filter(|(set, _)| *set == Some(true)).map(|(_, what)| sight(what)).collect())
        })
    },
};
