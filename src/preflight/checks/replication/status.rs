use crate::model::{Predicts, Severity};
use crate::preflight::checks::{Check, REPLICA, Sight};

pub const CHECK: Check = Check {
    code: "GD302",
    severity: Severity::Blocker,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "The replica does not serve",
    why: "A new replica is INACTIVE: it can be read and configured, and signs nobody in. So does one that is still being made or about to be \
          deleted. Its API answers, its keys are published, a probe is content, and every sign-in is refused.",
    remedy: "Once its triggers, e-mail, SMS and WAF are configured, let it serve:\n\n\
             ```\naws cognito-idp update-user-pool-replica --user-pool-id POOL --region-name REGION --status ACTIVE\n```",
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
                    Sight::of(format!("cognito-idp:ListUserPoolReplicas: {region} is {status}")).remedy(format!(
                        "aws cognito-idp update-user-pool-replica --user-pool-id {} --region-name {region} --status ACTIVE",
                        facts.site.pool.id
                    ))
                })
            });
            Ok(told.collect())
        })
    },
};
