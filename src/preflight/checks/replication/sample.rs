use std::collections::BTreeSet;

use aws_sdk_cognitoidentityprovider::operation::admin_get_user::AdminGetUserOutput;
use futures::future::try_join_all;

use super::SAMPLE;
use crate::preflight::checks::{Check, Occurrence, REPLICA};
use crate::preflight::facts::{Facts, Unavailable, found};
use gameday_core::model::RegionRole::{Primary, Replica};
use gameday_core::model::{Predicts, Severity};
use gameday_protocols::timer::Timer as _;

/// Attributes that independent pools give each user anew.
const OF_THE_POOL: [&str; 2] = ["sub", "identities"];

pub(super) const CHECK: Check = Check {
    code: "GD305",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "Users differ between the Regions",
    why: "No metric shows data that the replication or a manual copy has lost: a missing user, an old address, or a \
          tenant attribute that the token trigger reads. Preflight compares a sample of users, attribute by attribute. \
          It checks differences again after the target lag (`preflight.lag_slo`), because a user may just have \
          changed. Evidence names attributes, never their values.",
    remedy: "Compare one of the users in both Regions:\n\n\
             ```sh\n\
             aws cognito-idp admin-get-user --region REGION --user-pool-id USER_POOL_ID --username USERNAME\n\
             ```\n\n\
             Wait for the initial replication, or import the users again. A change at the primary replicates a user \
             again.",
    calls: &["cognito-idp:ListUsers", "cognito-idp:AdminGetUser"],
    look: |facts| {
        Box::pin(async move {
            // Without a pool there every user would be missing.
            let (names, _) = tokio::try_join!(facts.sampled_users(), facts.user_pool(Replica))?;
            let names = &names[..names.len().min(SAMPLE)];
            let told = differences(facts, names, 1).await?;
            if told.iter().all(Option::is_none) {
                return Ok(Vec::new());
            }
            facts.clock.sleep(super::slo(facts)).await;
            let again: Vec<String> =
                names.iter().zip(told).filter(|(_, told)| told.is_some()).map(|(name, _)| name.clone()).collect();
            let told: Vec<String> = differences(facts, &again, 2).await?.into_iter().flatten().collect();
            let sight = || {
                Occurrence::of(format!(
                    "cognito-idp:AdminGetUser: {} of {} sampled users differ: {}",
                    told.len(),
                    names.len(),
                    told.join("; ")
                ))
            };
            Ok((!told.is_empty()).then(sight).into_iter().collect())
        })
    },
};

async fn differences(facts: &Facts, names: &[String], turn: u32) -> Result<Vec<Option<String>>, Unavailable> {
    try_join_all(names.iter().map(|name| difference(facts, name, turn))).await
}

/// How a user differs, without what only a person should read.
async fn difference(facts: &Facts, name: &str, turn: u32) -> Result<Option<String>, Unavailable> {
    let (here, there) = tokio::join!(facts.user(Primary, name, turn), facts.user(Replica, name, turn));
    let (here, there) = (found(here)?, found(there)?);
    // Gone since the list was made.
    let Some(here) = here else { return Ok(None) };
    let Some(there) = there else { return Ok(Some(format!("{name} is missing at the replica"))) };
    let native = facts.is_native();
    let mut differ: Vec<&str> = Vec::new();
    let of = |user: &AdminGetUserOutput, attribute: &str| {
        let found = user.user_attributes().iter().find(|own| own.name() == attribute);
        found.and_then(|own| own.value()).map(str::to_owned)
    };
    let all = here.user_attributes().iter().chain(there.user_attributes());
    let all: BTreeSet<&str> = all.map(aws_sdk_cognitoidentityprovider::types::AttributeType::name).collect();
    let all = all.into_iter().filter(|attribute| native || !OF_THE_POOL.contains(attribute));
    differ.extend(all.filter(|attribute| of(&here, attribute) != of(&there, attribute)));
    if here.enabled() != there.enabled() {
        differ.push("Enabled");
    }
    if here.user_status() != there.user_status() {
        differ.push("UserStatus");
    }
    Ok((!differ.is_empty()).then(|| format!("{name} ({})", differ.join(", "))))
}
