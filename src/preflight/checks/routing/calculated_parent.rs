//! GD517: a health check over the health check.

use super::super::{Check, Looked, Sight};
use crate::model::{Milestone, Predicts, Severity};
use crate::preflight::facts::{Facts, counts, found};

/// See its text.
pub const CHECK: Check = Check {
    code: "GD517",
    severity: Severity::Blocker,
    regions: &[],
    predicts: Predicts::Unreached(Milestone::DnsFlipAuthoritative),
    title: "A calculated health check hides the primary's outage",
    why: "The record hangs on a health check that counts others, and stays healthy while enough of them are. With fewer needed than there \
          are, the one that watches the primary's front door may fail for as long as it likes: the record never moves, and nobody gets to \
          the replica.",
    remedy: "Let all children be needed, or attach the front door's own health check to the PRIMARY record:\n\n\
             ```sh\naws route53 update-health-check --health-check-id PARENT --health-threshold CHILDREN\n```",
    calls: &["route53:ListResourceRecordSets", "route53:GetHealthCheck"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> Looked {
    let Some(primary) = facts.primary_record().await? else { return Ok(Vec::new()) };
    let Some(id) = primary.health_check_id() else { return Ok(Vec::new()) };
    let Some(config) = found(facts.health_check_of(id).await)? else { return Ok(Vec::new()) };
    let Some(counted) = counts(&config) else { return Ok(Vec::new()) };
    let own = &facts.site.dns.health_check_id;
    let others = counted.children.iter().filter(|child| *child != own).count();
    // One child that fails must be enough, also where the environment's health check is the calculated one.
    let without = if others == counted.children.len() { others.saturating_sub(1) } else { others };
    let sight = || {
        let (needed, all) = (counted.needed, counted.children.len());
        let watched = if own == id { "the one that watches the front door" } else { own.as_str() };
        Sight::of(format!(
            "PRIMARY record hangs on {id}: CALCULATED, healthy while {needed} of {all} children are; without {watched}, {without} are left"
        ))
    };
    Ok((without >= counted.needed).then(sight).into_iter().collect())
}
