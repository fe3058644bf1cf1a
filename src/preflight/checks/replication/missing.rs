use crate::preflight::checks::{Check, Occurrence, REPLICA};
use gameday_core::model::{Predicts, Severity};

pub(super) const CHECK: Check = Check {
    code: "GD301",
    severity: Severity::Blocker,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "The pool has no replica in the replica's Region",
    why: "DNS moves to the other Region at a failover, and every sign-in there fails with `ResourceNotFoundException`.",
    remedy: "The pool needs the tier Essentials or Plus and a multi-Region customer-managed key. Not every pool is eligible \
             for replication, and only the console of Cognito shows whether it is. Create the replica, wait until it is \
             INACTIVE, configure what is not replicated (triggers, e-mail, SMS, WAF), and activate it:\n\n\
             ```sh\n\
             aws cognito-idp create-user-pool-replica --region PRIMARY_REGION --user-pool-id USER_POOL_ID \
             --region-name REPLICA_REGION\n\
             aws cognito-idp list-user-pool-replicas --region PRIMARY_REGION --user-pool-id USER_POOL_ID\n\
             aws cognito-idp update-user-pool-replica --region PRIMARY_REGION --user-pool-id USER_POOL_ID \\\n  \
             --region-name REPLICA_REGION --status ACTIVE\n\
             ```\n\n\
             If the other Region has an independent pool, set `pool.replica_id` in the environment file.",
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
                let listed = if listed.is_empty() { "none".to_owned() } else { listed.join(", ") };
                let (primary, pool) = (&facts.cloud.primary.region, &facts.site.pool.id);
                let evidence = format!("cognito-idp:ListUserPoolReplicas: no replica in {region}; listed: {listed}");
                Occurrence::of(evidence).remedy(format!(
                    "Create the replica, wait until it is INACTIVE, configure what is not replicated (triggers, \
                     e-mail, SMS, WAF), and activate it:\n\n\
                     ```sh\n\
                     aws cognito-idp create-user-pool-replica --region {primary} --user-pool-id {pool} \
                     --region-name {region}\n\
                     aws cognito-idp update-user-pool-replica --region {primary} --user-pool-id {pool} \
                     --region-name {region} --status ACTIVE\n\
                     ```"
                ))
            });
            Ok(told.into_iter().collect())
        })
    },
};
