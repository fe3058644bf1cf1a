//! GD903: tags that targets must carry.

use crate::preflight::checks::{Check, Occurrence};
use gameday_core::model::Predicts;

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD903",
    severity: gameday_core::model::Severity::Blocker,
    regions: &[],
    predicts: Predicts::Nothing,
    title: "A target lacks a required tag",
    why: "With `guard.required_tags`, the owners of resources agree to drills. Resources without these tags must not \
          be broken.",
    remedy: "Tag the resource after its owner has agreed, or exclude it with the fault's `targets` in the \
             scenario:\n\n\
             ```sh\n\
             aws ec2 create-tags --region REGION --resources RESOURCE_ID --tags Key=KEY,Value=VALUE\n\
             ```",
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
                    let has = target.tags.get(key).map_or("missing", String::as_str);
                    Occurrence::of(format!("{}: {key} must be {value}, is {has}", target.label))
                })
            });
            Ok(lacking.collect())
        })
    },
};
