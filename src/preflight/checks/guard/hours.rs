//! GD908: when a run may be.

use jiff::SignedDuration;

use crate::preflight::checks::{Check, Occurrence};
use gameday_core::model::Predicts;

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD908",
    severity: gameday_core::model::Severity::Blocker,
    regions: &[],
    predicts: Predicts::Nothing,
    title: "The run is outside the allowed hours",
    why: "`guard.hours` are the hours in which people are available to help if a drill goes wrong. The run must also \
          end within them.",
    remedy: "Start the run earlier or later, so that all of it is within `guard.hours` of the environment file.",
    calls: &[],
    look: |facts| {
        Box::pin(async move {
            let Some(hours) = &facts.site.guard.hours else { return Ok(Vec::new()) };
            let now = facts.clock.wall_now();
            let longest = SignedDuration::try_from(facts.scenario.phases.longest()).unwrap_or(SignedDuration::MAX);
            let ends = now.saturating_add(longest).unwrap_or(now);
            let within = hours.contain(now) && hours.contain(ends);
            let sight = || Occurrence::of(format!("from {now:.0} to {ends:.0}; allowed: {hours}"));
            Ok((!within).then(sight).into_iter().collect())
        })
    },
};
