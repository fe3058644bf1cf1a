//! GD906: how long anything may be broken.

use crate::model::{Predicts, format_duration};
use crate::preflight::checks::{Check, Sight};

/// See its text.
pub const CHECK: Check = Check {
    code: "GD906",
    severity: crate::model::Severity::Blocker,
    regions: &[],
    predicts: Predicts::Nothing,
    title: "The fault may last longer than the environment allows",
    why: "Outage and hold are the longest that users of the primary may be cut off, by plan. `guard.max_duration` bounds it for \
          every scenario.",
    remedy: "Shorten `phases.outage` and `phases.hold`, or raise `guard.max_duration`.",
    calls: &[],
    look: |facts| {
        Box::pin(async move {
            let phases = &facts.scenario.phases;
            let broken = phases.outage.0 + phases.hold.0;
            let most = facts.site.guard.max_duration.filter(|most| broken > most.0);
            let sight =
                |most| Sight::of(format!("outage and hold last up to {}; allowed: {most}", format_duration(broken)));
            Ok(most.map(sight).into_iter().collect())
        })
    },
};
