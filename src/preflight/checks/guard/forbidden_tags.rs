//! GD904: tags that targets must not carry.

use crate::preflight::checks::{Check, Occurrence};
use gameday_core::model::Predicts;

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD904",
    severity: gameday_core::model::Severity::Blocker,
    regions: &[],
    predicts: Predicts::Nothing,
    title: "A target has a forbidden tag",
    why: "With `guard.forbidden_tags`, the owners of resources exclude them from drills.",
    remedy: "Exclude the resource with the fault's `targets` in the scenario, or with `subnets` in the environment \
             file.",
    calls: &[],
    look: |facts| {
        Box::pin(async move {
            let forbidden = &facts.site.guard.forbidden_tags;
            if forbidden.is_empty() {
                return Ok(Vec::new());
            }
            let plan = facts.plan().await?;
            let targets = plan.faults.iter().flat_map(|fault| &fault.targets);
            let carrying = targets.flat_map(|target| {
                forbidden.iter().filter_map(|(key, value)| {
                    let has = target.tags.get(key).filter(|has| value == "*" || *has == value)?;
                    Some(Occurrence::of(format!("{}: {key} is {has}", target.label)))
                })
            });
            Ok(carrying.collect())
        })
    },
};
