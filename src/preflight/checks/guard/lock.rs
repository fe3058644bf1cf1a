//! GD910: another run.

use futures::future::join_all;

use crate::cloud::CloudError;
use crate::faults::held_by_another;
use crate::preflight::checks::{Check, Occurrence};
use gameday_core::model::Predicts;

/// See its text.
pub const CHECK: Check = Check {
    code: "GD910",
    severity: gameday_core::model::Severity::Blocker,
    regions: &[],
    predicts: Predicts::Nothing,
    title: "Another run holds the lock of this environment, or the lock cannot be read",
    why: "Two concurrent runs would record each other's changes as the original state, and restore the wrong state. \
          The lock is a tag on each VPC; without permission to read it, a run cannot exclude another one.",
    remedy: "Wait until the other run ends. After a crash, run `gameday rollback --all` on its machine, or `gameday \
             rollback --discover --env FILE` on any machine. To read the lock, grant `ec2:DescribeTags`.",
    calls: &["ec2:DescribeTags"],
    look: |facts| {
        Box::pin(async move {
            let plan = facts.plan().await?;
            let held = plan.vpcs.iter().map(async |(region, vpc)| {
                let clients = facts.cloud.of(region)?;
                Ok::<_, CloudError>((vpc, held_by_another(clients, vpc, &facts.run, facts.clock.now()).await?))
            });
            let sights = join_all(held).await.into_iter().filter_map(|held| match held {
                Ok((_, None)) => None,
                Ok((vpc, Some(holder))) => Some(Occurrence::of(format!("{vpc} is locked by {holder}"))),
                Err(error) => Some(Occurrence::of(format!("the lock cannot be read: {error}"))),
            });
            Ok(sights.collect())
        })
    },
};
