use crate::model::{Predicts, Severity};
use crate::preflight::checks::{Check, REPLICA, Sight};

pub const CHECK: Check = Check {
    code: "GD301",
    severity: Severity::Blocker,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "The pool has no replica in the Region that should take over",
    why: "There is nothing to fail over to: DNS goes to the other Region, and every sign-in is answered by `ResourceNotFoundException`.",
    remedy: "Make the replica, wait until it is INACTIVE, configure what is not replicated (triggers, e-mail, SMS, WAF), and let it \
             serve:\n\n\
             ```\naws cognito-idp create-user-pool-replica --user-pool-id POOL --region-name REGION\n\
             aws cognito-idp list-user-pool-replicas --user-pool-id POOL\n\
             aws cognito-idp update-user-pool-replica --user-pool-id POOL --region-name REGION --status ACTIVE\n```\n\n\
             Where the other Region has a pool of its own, set `pool.replica_id` in the environment file.",
    calls: &["cognito-idp:ListUserPoolReplicas"],
    look: |facts| {
        Box::pin(async move {
            if !facts.is_native() {
                return Ok(Vec::new());
            }
            let replicas = facts.replicas().await?;
            let region = &facts.cloud.replica.region;
            let listed: Vec<&str> = replicas.iter().filter_map(|replica| replica.region_name()).collect();
            let told = (!listed.contains(&region.as_str())).then(|| {
                let listed = if listed.is_empty() { "nothing".to_owned() } else { listed.join(", ") };
                Sight::of(format!("cognito-idp:ListUserPoolReplicas: {region} is not listed, {listed} is")).remedy(
                    format!(
                        "aws cognito-idp create-user-pool-replica --user-pool-id {} --region-name {region}",
                        facts.site.pool.id
                    ),
                )
            });
            Ok(told.into_iter().collect())
        })
    },
};
