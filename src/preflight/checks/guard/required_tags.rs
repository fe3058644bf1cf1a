//! GD903: tags that targets must carry.

use crate::model::Predicts;
use crate::preflight::checks::{Check, Sight};

/// See its text.
pub const CHECK: Check = Check {
    code: "GD903",
    severity: crate::model::Severity::Blocker,
    regions: &[],
    predicts: Predicts::Nothing,
    title: "A target does not carry a required tag",
    why: "By `guard.required_tags` the owners of resources agree to drills. What does not carry them is not to be broken.",
    remedy: "Tag it once its owner has agreed (`aws ec2 create-tags`), or leave it out by the fault's `targets`.",
    calls: &[],
    look: |facts| {
        Box::pin(async move {
            let required = &facts.site.guard.required_tags;
            if required.is_empty() {
                return Ok(Vec::new());
            }
            let plan = facts.plan().await?;
            let targets = plan.faults.iter().flat_map(|fault| &fault.targets);
            let lacking = targets.flat_map(|target| {
                let lacks = required.iter().filter(|(key, value)| target.tags.get(*key) != Some(value));
                lacks.map(|(key, value)| {
                    let has = target.tags.get(key).map_or("not there", String::as_str);
                    Sight::of(format!("{}: {key} must be {value}, is {has}", target.label))
                })
            });
            Ok(lacking.collect())
        })
    },
};
