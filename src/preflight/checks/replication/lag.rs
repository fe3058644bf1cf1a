use std::time::Duration;

use aws_sdk_cognitoidentityprovider::types::AttributeType;
use jiff::Timestamp;
use rand::RngExt;

use super::slo;
use crate::cloud::CloudError;
use crate::preflight::checks::{Check, Occurrence, REPLICA};
use crate::preflight::facts::{Facts, Unavailable};
use gameday_core::env::Canary;
use gameday_core::model::RegionRole::{Primary, Replica};
use gameday_core::model::{Predicts, Seed, Severity};
use gameday_protocols::timer::Timer as _;

const WRITE: &str = "cognito-idp:AdminUpdateUserAttributes";
/// How often the replica is asked.
const PAUSE: Duration = Duration::from_millis(250);

pub(super) const CHECK: Check = Check {
    code: "GD309",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::Nothing,
    title: "The replication lag is above its target",
    why: "Data that the primary has accepted and the replica has not received is lost while the primary is down: this \
          is the recovery point. No lag is published, so preflight measures it: it sets an attribute of the canary \
          user (`users.canary`) at the primary, and polls the replica until the value arrives. **This is the only \
          write of preflight**; the observers of a run make the same one. The target is `preflight.lag_slo` of the \
          environment file, by default 30 s.",
    remedy: "Find the cause before any failover: a bulk import, a throttled bridge, an incident (AWS Health). Then \
             measure again:\n\n\
             ```sh\n\
             gameday preflight SCENARIO --env FILE\n\
             ```",
    calls: &[WRITE, "cognito-idp:AdminGetUser"],
    look: |facts| {
        Box::pin(async move {
            let canary = facts.site.users.canary.as_ref().ok_or_else(|| Unavailable::setting("users.canary"))?;
            let aim = slo(facts);
            let told = measure(facts, canary, aim).await?.map(|waited| {
                Occurrence::of(format!(
                    "{WRITE} in {} set {} of {}; cognito-idp:AdminGetUser in {} did not return it after {:.0} s; the target is {} s",
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
async fn measure(facts: &Facts, canary: &Canary, aim: Duration) -> Result<Option<Duration>, Unavailable> {
    // Smaller than the sequence numbers of runs, which begin with the milliseconds since 1970: to them it is an old write.
    // Never that of an earlier preflight, which the replica may show for ever where replication has stopped since.
    let value = Seed(0).unique(&facts.run.0).random_range(1..u32::MAX).to_string();
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
