//! GD510: the names that lead to a Region's front door whatever the record says.

use futures::future::join_all;

use crate::model::{Predicts, RegionRole};
use crate::preflight::checks::{BOTH, Check, Sight};

/// See its text.
pub const CHECK: Check = Check {
    code: "GD510",
    severity: crate::model::Severity::Blocker,
    regions: BOTH,
    predicts: Predicts::UnknownAddress,
    title: "A front door's direct name does not resolve",
    why: "By these names a run tells the Regions apart, logs in at each of them beforehand, and probes when packets stop. Without \
          them it could not say where a user got in.",
    remedy: "Correct `primary.direct` and `replica.direct` in the environment file; `dig NAME` must give addresses.",
    calls: &[],
    look: |facts| {
        Box::pin(async move {
            let asked = [RegionRole::Primary, RegionRole::Replica].map(async |role| (role, facts.direct(role).await));
            let answers = join_all(asked).await;
            let failed = answers.into_iter().flat_map(|(role, answers)| {
                let failed = answers.into_iter().filter_map(|(name, answer)| Some((name, answer.err()?)));
                failed.map(move |(name, error)| {
                    let (at, role) = (role, role.as_str());
                    Sight::of(format!("{name} of the {role} Region: {error}"))
                        .at(at)
                        .remedy(format!("Correct `{role}.direct` in the environment file; then: dig {name}"))
                })
            });
            Ok(failed.collect())
        })
    },
};
