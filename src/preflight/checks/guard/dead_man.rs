//! GD911: what heals when the runner cannot.

use crate::preflight::checks::{Check, Occurrence};
use gameday_core::model::Predicts;

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD911",
    severity: gameday_core::model::Severity::Blocker,
    regions: &[],
    predicts: Predicts::Nothing,
    title: "No dead-man switch: nothing restores the network if this machine fails",
    why: "A run reverts all its changes when it ends, also after an error. If its machine fails, schedules in the \
          account (the dead-man switch) revert them some time after the planned end. Without `[dead_man]` there are no \
          such schedules, and the fault stays in place.",
    remedy: "Add `[dead_man]` with a role to the environment file, or accept the risk with `--no-dead-man`. This \
             command prints the policy of the role:\n\n\
             ```sh\n\
             gameday iam-policy SCENARIO --env FILE --of dead-man\n\
             ```",
    calls: &[],
    look: |facts| {
        Box::pin(async move {
            let nothing = facts.site.dead_man.is_none() && !facts.allowed.no_dead_man;
            Ok(nothing.then(|| Occurrence::of("the environment has no `[dead_man]`")).into_iter().collect())
        })
    },
};
