//! GD911: what heals when the runner cannot.

use crate::model::Predicts;
use crate::preflight::checks::{Check, Sight};

/// See its text.
pub const CHECK: Check = Check {
    code: "GD911",
    severity: crate::model::Severity::Blocker,
    regions: &[],
    predicts: Predicts::Nothing,
    title: "Nothing heals the faults if this machine dies",
    why: "A run puts everything back by itself, on every way out. If its machine dies, schedules in the account heal instead, a \
          while after the planned end. Without `[dead_man]` there are none.",
    remedy: "Add `[dead_man]` with the role of `gameday iam-policy --of dead-man`, or accept the risk with `--no-dead-man`.",
    calls: &[],
    look: |facts| {
        Box::pin(async move {
            let nothing = facts.site.dead_man.is_none() && !facts.allowed.no_dead_man;
            Ok(nothing.then(|| Sight::of("the environment has no `[dead_man]`")).into_iter().collect())
        })
    },
};
