use crate::preflight::checks::{Check, Occurrence, REPLICA};
use gameday_core::model::{Predicts, Severity};

pub(super) const CHECK: Check = Check {
    code: "GD302",
    severity: Severity::Blocker,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "The replica is not ACTIVE",
    why: "A new replica is INACTIVE: it can be read and configured, but refuses every sign-in. A replica that is being \
          created or deleted refuses them, too. A probe does not detect this, because the API answers and the keys are \
          published.",
    remedy: "Configure the triggers, e-mail, SMS and WAF of the replica, then activate it:\n\n\
             ```sh\n\
             aws cognito-idp update-user-pool-replica --region PRIMARY_REGION --user-pool-id USER_POOL_ID \\\n  \
             --region-name REPLICA_REGION --status ACTIVE\n\
             ```",
    calls: &["cognito-idp:ListUserPoolReplicas"],
    look: |facts| {
        Box::pin(async move {
            if !facts.is_native() {
                return Ok(Vec::new());
            }
            let (replicas, region) = (facts.replicas().await?, &facts.cloud.replica.region);
            let ours = replicas.iter().filter(|replica| replica.region_name() == Some(region.as_str()));
            let told = ours.filter_map(|replica| {
                let status = replica.status()?.as_str();
                (status != "ACTIVE").then(|| {
                    let (primary, pool) = (&facts.cloud.primary.region, &facts.site.pool.id);
                    Occurrence::of(format!("cognito-idp:ListUserPoolReplicas: {region} is {status}")).remedy(format!(
                        "Configure the triggers, e-mail, SMS and WAF of the replica, then activate it:\n\n\
                         ```sh\n\
                         aws cognito-idp update-user-pool-replica --region {primary} --user-pool-id {pool} \
                         --region-name {region} --status ACTIVE\n\
                         ```"
                    ))
                })
            });
            Ok(told.collect())
        })
    },
};
