//! GD910: another run.

use futures::future::join_all;

use crate::cloud::CloudError;
use crate::faults::held_by_another;
use crate::model::Predicts;
use crate::preflight::checks::{Check, Sight};

/// See its text.
pub const CHECK: Check = Check {
    code: "GD910",
    severity: crate::model::Severity::Blocker,
    regions: &[],
    predicts: Predicts::Nothing,
    title: "Another run is at work in this environment, or may be",
    why: "Two runs at once would take each other's changes for the normal state, and put that back. A tag on each VPC is the lock; \
          who cannot read it cannot know.",
    remedy: "Wait until the other run has ended; after a crash: `gameday rollback --all` on its machine, or `gameday rollback \
             --discover`. To read the lock, ec2:DescribeTags is needed.",
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
                Ok((vpc, Some(holder))) => Some(Sight::of(format!("{vpc} is locked by {holder}"))),
                Err(error) => Some(Sight::of(format!("the lock cannot be read: {error}"))),
            });
            Ok(sights.collect())
        })
    },
};
