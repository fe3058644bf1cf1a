//! GD902: where faults may be.

use crate::preflight::checks::{Check, Occurrence};
use gameday_core::model::Predicts;

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD902",
    severity: gameday_core::model::Severity::Blocker,
    regions: &[],
    predicts: Predicts::Nothing,
    title: "A fault targets a Region that the environment does not allow",
    why: "`guard.regions` in the environment file lists the Regions in which faults are allowed, for every scenario.",
    remedy: "Change `region` of the fault in the scenario, or add the Region to `guard.regions` in the environment \
             file.",
    calls: &[],
    look: |facts| {
        Box::pin(async move {
            let allowed = &facts.site.guard.regions;
            if allowed.is_empty() {
                return Ok(Vec::new());
            }
            let plan = facts.plan().await?;
            let outside = plan.faults.iter().filter(|fault| !allowed.contains(&fault.region));
            Ok(outside
                .map(|fault| {
                    Occurrence::of(format!("fault {} ({}) targets {}", fault.number, fault.spec, fault.region))
                })
                .collect())
        })
    },
};
