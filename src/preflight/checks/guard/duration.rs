//! GD906: how long anything may be broken.

use crate::preflight::checks::{Check, Occurrence};
use gameday_core::model::{Predicts, format_duration};

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD906",
    severity: gameday_core::model::Severity::Blocker,
    regions: &[],
    predicts: Predicts::Nothing,
    title: "The fault can last longer than the environment allows",
    why: "The outage and hold phases together are the longest time for which the plan interrupts the primary's users. \
          `guard.max_duration` limits this time for every scenario.",
    remedy: "Shorten `phases.outage` and `phases.hold` in the scenario, or raise `guard.max_duration` in the \
             environment file.",
    calls: &[],
    look: |facts| {
        Box::pin(async move {
            let phases = &facts.scenario.phases;
            let broken = phases.outage_and_hold();
            let most = facts.site.guard.max_duration.filter(|most| broken > most.0);
            let sight = |most| {
                Occurrence::of(format!("outage and hold can last up to {}; allowed: {most}", format_duration(broken)))
            };
            Ok(most.map(sight).into_iter().collect())
        })
    },
};
