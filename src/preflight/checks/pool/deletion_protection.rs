use futures::future::try_join_all;

use crate::model::RegionRole::{Primary, Replica};
use crate::model::{Predicts, Severity};
use crate::preflight::checks::{BOTH, Check, Sight};

pub const CHECK: Check = Check {
    code: "GD125",
    severity: Severity::Risk,
    regions: BOTH,
    predicts: Predicts::Nothing,
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
            let both = [Primary, Replica].into_iter().zip(pools);
            let open = both.filter(|(_, pool)| {
                pool.deletion_protection().is_some_and(|protection| protection.as_str() == "INACTIVE")
            });
            let told = open.map(|(role, _)| {
                let region = &facts.site.region(role).region;
                Sight::of(format!("cognito-idp:DescribeUserPool in {region}: DeletionProtection INACTIVE")).at(role)
            });
            Ok(told.collect())
        })
    },
};
