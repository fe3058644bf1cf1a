use futures::future::try_join_all;

use crate::preflight::checks::{BOTH, Check, Occurrence};
use gameday_core::model::RegionRole::{Primary, Replica};
use gameday_core::model::{Predicts, Severity};

pub(super) const CHECK: Check = Check {
    code: "GD125",
    severity: Severity::Risk,
    regions: BOTH,
    predicts: Predicts::Nothing,
    title: "Deletion protection of a user pool is off",
    why: "One call deletes the pool, for example when someone removes an apparently unused pool in the other Region. A \
          deleted pool cannot be restored, and the loss is noticed only at the next failover.",
    remedy: "Turn on deletion protection (in Terraform: `deletion_protection = \"ACTIVE\"`). `update-user-pool` resets \
             every setting that it does not receive: put the current settings of the pool into `pool.json`, in the \
             form that `aws cognito-idp update-user-pool --generate-cli-skeleton` prints.\n\n\
             ```sh\n\
             aws cognito-idp describe-user-pool --region REGION --user-pool-id USER_POOL_ID\n\
             aws cognito-idp update-user-pool --region REGION --cli-input-json file://pool.json --deletion-protection \
             ACTIVE\n\
             ```",
    calls: &["cognito-idp:DescribeUserPool"],
    look: |facts| {
        Box::pin(async move {
            let pools = try_join_all([Primary, Replica].map(|role| facts.user_pool(role))).await?;
            let both = [Primary, Replica].into_iter().zip(pools);
            let open = both.filter(|(_, pool)| {
                pool.deletion_protection().is_some_and(|protection| protection.as_str() == "INACTIVE")
            });
            let told = open.map(|(role, _)| {
                let region = &facts.site.region(role).region;
                Occurrence::of(format!("cognito-idp:DescribeUserPool in {region}: DeletionProtection INACTIVE"))
                    .at(role)
            });
            Ok(told.collect())
        })
    },
};
