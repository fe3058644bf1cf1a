use crate::preflight::checks::{Check, Occurrence, REPLICA};
use gameday_core::model::RegionRole::{Primary, Replica};
use gameday_core::model::{Predicts, Severity};

pub(super) const CHECK: Check = Check {
    code: "GD303",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "The environment file swaps primary and replica",
    why: "The drill would break the replica and prove nothing, and canary writes would go to a Region that refuses \
          writes. No operation swaps the roles of a pool and its replica: the primary is in the Region where the pool \
          was created.",
    remedy: "Swap `[primary]` and `[replica]` in the environment file. This command shows the roles:\n\n\
             ```sh\n\
             aws cognito-idp list-user-pool-replicas --region PRIMARY_REGION --user-pool-id USER_POOL_ID\n\
             ```",
    calls: &["cognito-idp:ListUserPoolReplicas"],
    look: |facts| {
        Box::pin(async move {
            if !facts.is_native() {
                return Ok(Vec::new());
            }
            let replicas = facts.replicas().await?;
            let mut sights = Vec::new();
            for (role, wanted) in [(Primary, "PRIMARY"), (Replica, "SECONDARY")] {
                let region = &facts.cloud.region(role).region;
                let listed = replicas.iter().find(|replica| replica.region_name() == Some(region.as_str()));
                let has = listed
                    .and_then(|replica| replica.role())
                    .map(aws_sdk_cognitoidentityprovider::types::ReplicaRoleType::as_str);
                if let Some(has) = has.filter(|has| *has != wanted) {
                    sights.push(Occurrence::of(format!(
                        "cognito-idp:ListUserPoolReplicas: {region} is {has}, but the environment file names it as the {}",
                        role.as_str()
                    )));
                }
            }
            Ok(sights)
        })
    },
};
