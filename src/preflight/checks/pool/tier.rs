use crate::preflight::checks::{Check, Occurrence, REPLICA};
use gameday_core::model::RegionRole::Primary;
use gameday_core::model::{Predicts, Severity};

pub(super) const CHECK: Check = Check {
    code: "GD123",
    severity: Severity::Blocker,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "The pool's feature plan does not support replication",
    why: "Native multi-Region replication needs the Essentials or the Plus plan. With Lite there is no replica, so \
          after a failover no user can sign in.",
    remedy: "Change the feature plan (in Terraform: `user_pool_tier = \"ESSENTIALS\"`). This changes the price for \
             each monthly active user. `update-user-pool` resets every setting that it does not receive: put the \
             current settings of the pool into `pool.json`, in the form that `aws cognito-idp update-user-pool \
             --generate-cli-skeleton` prints.\n\n\
             ```sh\n\
             aws cognito-idp describe-user-pool --region PRIMARY_REGION --user-pool-id USER_POOL_ID\n\
             aws cognito-idp update-user-pool --region PRIMARY_REGION --cli-input-json file://pool.json \
             --user-pool-tier ESSENTIALS\n\
             ```\n\n\
             If the replica is an independent pool, set `pool.replica_id` in the environment file.",
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
                Occurrence::of(format!(
                    "cognito-idp:DescribeUserPool in {region}: UserPoolTier {}, which allows no replica in {replica}",
                    tier.as_str()
                ))
            });
            Ok(told.into_iter().collect())
        })
    },
};
