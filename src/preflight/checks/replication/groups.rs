use futures::future::try_join_all;

use super::SAMPLE;
use crate::preflight::checks::{Check, Occurrence, REPLICA};
use crate::preflight::facts::{Facts, Unavailable, found};
use gameday_core::model::RegionRole::{Primary, Replica};
use gameday_core::model::{Predicts, Severity};
use gameday_protocols::timer::Timer as _;

pub(super) const CHECK: Check = Check {
    code: "GD306",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::Nothing,
    title: "Users are in different groups at the replica",
    why: "Groups are in every token (`cognito:groups`), and applications use them to authorize users. If a user is in \
          fewer groups at the replica, the sign-in succeeds, but the application denies access. Groups whose name \
          begins with the pool's ID belong to Cognito and are not compared. Differences are checked again after the \
          target lag (`preflight.lag_slo`).",
    remedy: "Add the users to their groups. With native replication, do this at the primary, which replicates the user \
             again:\n\n\
             ```sh\n\
             aws cognito-idp admin-add-user-to-group --region REGION --user-pool-id USER_POOL_ID --username USERNAME \
             --group-name GROUP\n\
             ```",
    calls: &["cognito-idp:ListUsers", "cognito-idp:AdminListGroupsForUser"],
    look: |facts| {
        Box::pin(async move {
            // Without a pool there every user would be missing.
            let (names, _) = tokio::try_join!(facts.sampled_users(), facts.user_pool(Replica))?;
            let names = &names[..names.len().min(SAMPLE)];
            let differ = differing(facts, names, 1).await?;
            if differ.is_empty() {
                return Ok(Vec::new());
            }
            facts.clock.sleep(super::slo(facts)).await;
            let differ = differing(facts, &differ, 2).await?;
            let sight = || {
                Occurrence::of(format!(
                    "cognito-idp:AdminListGroupsForUser: {} of {} sampled users are in other groups: {}",
                    differ.len(),
                    names.len(),
                    differ.join(", ")
                ))
            };
            Ok((!differ.is_empty()).then(sight).into_iter().collect())
        })
    },
};

/// Those of the users that are in both Regions, and in other groups.
async fn differing(facts: &Facts, names: &[String], turn: u32) -> Result<Vec<String>, Unavailable> {
    let differ = try_join_all(names.iter().map(|name| differs(facts, name, turn))).await?;
    Ok(names.iter().zip(differ).filter(|(_, differs)| *differs).map(|(name, _)| name.clone()).collect())
}

async fn differs(facts: &Facts, name: &str, turn: u32) -> Result<bool, Unavailable> {
    let (here, there) = tokio::join!(facts.groups_of(Primary, name, turn), facts.groups_of(Replica, name, turn));
    let (Some(here), Some(there)) = (found(here)?, found(there)?) else { return Ok(false) };
    let ids = [Primary, Replica].map(|role| format!("{}_", facts.pool_id(role)));
    let own = |group: &&String| !ids.iter().any(|id| group.starts_with(id.as_str()));
    Ok(!here.iter().filter(own).eq(there.iter().filter(own)))
}
