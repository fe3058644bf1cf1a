use std::time::Duration;

use aws_sdk_cognitoidentityprovider::types::AttributeType;
use jiff::Timestamp;
use rand::RngExt;

use super::slo;
use crate::cloud::CloudError;
use crate::env::Canary;
use crate::model::RegionRole::{Primary, Replica};
use crate::model::{Predicts, Severity};
use crate::preflight::checks::{Check, REPLICA, Sight};
use crate::preflight::facts::{Facts, Missing};

const WRITE: &str = "cognito-idp:AdminUpdateUserAttributes";
/// How often the replica is asked.
const PAUSE: Duration = Duration::from_millis(250);

pub const CHECK: Check = Check {
    code: "GD309",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::Nothing,
    title: "Replication is behind by more than is aimed at",
    why: "What the primary has accepted and the replica has not heard of is lost for as long as the primary is gone: the recovery point. \
          No lag is published, so one is measured now: an attribute of the canary user (`users.canary`) is set at the primary, and the \
          replica is asked until it has it. **This is the one write of preflight**, the same that the observers of a run make. What is \
          aimed at is `preflight.lag_slo` of the environment file, 30 s where that is left out.",
    remedy: "Look for the reason before any failover: a bulk import, a throttled bridge, an incident (AWS Health). Measure again:\n\n\
             ```\ngameday preflight SCENARIO --env FILE\n```",
    calls: &[WRITE, "cognito-idp:AdminGetUser"],
    look: |facts| {
        Box::pin(async move {
            let canary = facts.site.users.canary.as_ref().ok_or_else(|| Missing::setting("users.canary"))?;
            let aim = slo(facts);
            let told = measure(facts, canary, aim).await?.map(|waited| {
                Sight::of(format!(
                    "{WRITE} in {} set {} of {}; cognito-idp:AdminGetUser in {} did not have it after {:.0} s, aimed at are {} s",
                    facts.cloud.primary.region,
                    canary.attribute,
                    canary.username,
                    facts.cloud.replica.region,
                    waited.as_secs_f64(),
                    aim.as_secs_f64()
                ))
            });
            Ok(told.into_iter().collect())
        })
    },
};

/// Writes a canary and waits for it; gives how long it certainly took where that is longer than the aim.
async fn measure(facts: &Facts, canary: &Canary, aim: Duration) -> Result<Option<Duration>, Missing> {
    // Smaller than the sequence numbers of runs, which begin with the milliseconds since 1970: to them it is an old write.
    let value = rand::rng().random_range(1..u32::MAX).to_string();
    let call = facts.cloud.primary.cognito.admin_update_user_attributes().user_pool_id(facts.pool_id(Primary));
    let attribute = AttributeType::builder().name(&canary.attribute).value(&value).build();
    facts
        .call(WRITE, Primary, "", async {
            let attribute = attribute.map_err(|_| CloudError::incomplete(WRITE, "attribute name"))?;
            let call = call.username(&canary.username).user_attributes(attribute);
            call.send().await.map(drop).map_err(CloudError::of(WRITE))
        })
        .await?;
    let written = facts.clock.now();
    let since = |at: Timestamp| Duration::try_from(at.duration_since(written)).unwrap_or_default();
    for turn in 0_u32.. {
        let asked = facts.clock.now();
        let user = facts.user(Replica, &canary.username, turn).await?;
        let mut attributes = user.user_attributes().iter();
        if attributes.any(|own| own.name() == canary.attribute && own.value() == Some(value.as_str())) {
            return Ok(None);
        }
        // It was not there when this question was asked, at the earliest.
        if since(asked) > aim {
            return Ok(Some(since(asked)));
        }
        facts.clock.sleep(PAUSE).await;
    }
    Ok(None)
}
