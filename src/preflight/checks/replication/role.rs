use crate::model::RegionRole::{Primary, Replica};
use crate::model::{Predicts, Severity};
use crate::preflight::checks::{Check, REPLICA, Sight};

pub const CHECK: Check = Check {
    code: "GD303",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "Primary and replica are not where the environment file says",
    why: "The drill would blackhole the standby and prove nothing, and canaries would be written where no writes are taken. No operation \
          swaps the roles of a pool and its replica: the primary is where the pool was made.",
    remedy: "Swap `[primary]` and `[replica]` in the environment file; then:\n\n\
             ```\naws cognito-idp list-user-pool-replicas --user-pool-id POOL\n```",
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
                    sights.push(Sight::of(format!(
                        "cognito-idp:ListUserPoolReplicas: {region} is {has}, the environment file has it as the {}",
                        role.as_str()
                    )));
                }
            }
            Ok(sights)
        })
    },
};
