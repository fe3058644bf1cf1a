//! GD510: the names that lead to a Region's front door whatever the record says.

use futures::future::join_all;

use crate::preflight::checks::{BOTH, Check, Occurrence};
use gameday_core::model::{Predicts, RegionRole};

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD510",
    severity: gameday_core::model::Severity::Blocker,
    regions: BOTH,
    predicts: Predicts::UnknownAddress,
    title: "A direct name of an endpoint does not resolve",
    why: "With these names a run distinguishes the Regions, logs in at each of them beforehand, and probes when \
          packets are dropped. Without them it cannot report at which Region a user logged in.",
    remedy: "Correct `primary.direct` and `replica.direct` in the environment file. Each name must resolve to \
             addresses:\n\n\
             ```sh\n\
             dig +short NAME\n\
             ```",
    calls: &[],
    look: |facts| {
        Box::pin(async move {
            let asked = [RegionRole::Primary, RegionRole::Replica].map(async |role| (role, facts.direct(role).await));
            let answers = join_all(asked).await;
            let failed = answers.into_iter().flat_map(|(role, answers)| {
                let failed = answers.into_iter().filter_map(|(name, answer)| Some((name, answer.err()?)));
                failed.map(move |(name, error)| {
                    let (at, role) = (role, role.as_str());
                    Occurrence::of(format!("{name} of the {role} Region: {error}")).at(at).remedy(format!(
                        "Correct `{role}.direct` in the environment file. It must resolve: `dig +short {name}`"
                    ))
                })
            });
            Ok(failed.collect())
        })
    },
};
