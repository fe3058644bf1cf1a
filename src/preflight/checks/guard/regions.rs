//! GD902: where faults may be.

use crate::model::Predicts;
use crate::preflight::checks::{Check, Sight};

/// See its text.
pub const CHECK: Check = Check {
    code: "GD902",
    severity: crate::model::Severity::Blocker,
    regions: &[],
    predicts: Predicts::Nothing,
    title: "A fault is meant for a Region that the environment does not allow",
    why: "`guard.regions` of the environment file says where faults may be, for every scenario.",
    remedy: "Change the fault's `region`, or add the Region to `guard.regions`.",
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
                .map(|fault| Sight::of(format!("fault {} ({}) is in {}", fault.number, fault.spec, fault.region)))
                .collect())
        })
    },
};
