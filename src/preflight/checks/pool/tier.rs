use crate::model::RegionRole::Primary;
use crate::model::{Predicts, Severity};
use crate::preflight::checks::{Check, REPLICA, Sight};

pub const CHECK: Check = Check {
    code: "GD123",
    severity: Severity::Blocker,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "The pool's feature plan has no replication",
    why: "Native multi-Region replication needs the Essentials or the Plus plan. With Lite there is no replica that anybody could sign in \
          at, whatever DNS says.",
    remedy: "Change the plan, which changes the price for each monthly active user:\n\n\
             ```\naws cognito-idp update-user-pool --user-pool-id POOL --user-pool-tier ESSENTIALS ...\n```\n\n\
             update-user-pool resets what it is not told: pass the whole configuration, or change the plan in Terraform \
             (`user_pool_tier = \"ESSENTIALS\"`). Where the replica is a pool of its own, set `pool.replica_id` in the environment file.",
    calls: &["cognito-idp:DescribeUserPool"],
    look: |facts| {
        Box::pin(async move {
            if !facts.is_native() {
                return Ok(Vec::new());
            }
            let pool = facts.user_pool(Primary).await?;
            let lite = pool.user_pool_tier().filter(|tier| tier.as_str() == "LITE");
            let (region, replica) = (&facts.cloud.primary.region, &facts.cloud.replica.region);
            let told = lite.map(|tier| {
                Sight::of(format!(
                    "no replica in {replica} can serve: cognito-idp:DescribeUserPool in {region} has UserPoolTier {}",
                    tier.as_str()
                ))
            });
            Ok(told.into_iter().collect())
        })
    },
};
