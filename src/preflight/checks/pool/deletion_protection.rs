use futures::future::try_join_all;

use crate::model::RegionRole::{Primary, Replica};
use crate::model::Severity;
use crate::preflight::checks::{Check, Sight};

pub const CHECK: Check = Check {
    code: "GD125",
    severity: Severity::Risk,
    title: "A user pool can be deleted by one call",
    why: "Somebody who tidies up \"the unused pool in the other Region\" takes the standby away, and nobody notices before the failover: a \
          deleted pool cannot be restored.",
    remedy: "Turn deletion protection on; pass the whole configuration, since update-user-pool resets what it is not told:\n\n\
             ```\naws cognito-idp update-user-pool --region REGION --user-pool-id POOL --deletion-protection ACTIVE ...\n```\n\n\
             In Terraform: `deletion_protection = \"ACTIVE\"`.",
    calls: &["cognito-idp:DescribeUserPool"],
    look: |facts| {
        Box::pin(async move {
            let pools = try_join_all([Primary, Replica].map(|role| facts.user_pool(role))).await?;
            let both = [&facts.cloud.primary.region, &facts.cloud.replica.region].into_iter().zip(pools);
            let open = both.filter(|(_, pool)| {
                pool.deletion_protection().is_some_and(|protection| protection.as_str() == "INACTIVE")
            });
            let told = open.map(|(region, _)| {
                Sight::of(format!("cognito-idp:DescribeUserPool in {region}: DeletionProtection INACTIVE"))
            });
            Ok(told.collect())
        })
    },
};
