use super::client_pairs;
use crate::model::{Predicts, Severity};
use crate::preflight::checks::{Check, REPLICA, Sight};

pub const CHECK: Check = Check {
    code: "GD116",
    severity: Severity::Blocker,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "An app client is missing at the replica",
    why: "Whoever comes by that app client is told `ResourceNotFoundException` by the standby, whatever DNS, health checks and a probe \
          of the login page say. With native replication app clients are copied; with independent pools somebody has to copy each one.",
    remedy: "With independent pools make it there too, with the same flows, scopes and callback URLs; its ID will be another one, which \
             the application must know:\n\n\
             ```\naws cognito-idp describe-user-pool-client --user-pool-id POOL --client-id ID\n\
             aws cognito-idp create-user-pool-client --region REGION --user-pool-id POOL_THERE --client-name NAME ...\n```\n\n\
             With native replication look whether the initial replication is complete:\n\n\
             ```\naws cognito-idp list-user-pool-replicas --user-pool-id POOL\n```",
    calls: &["cognito-idp:ListUserPoolClients", "cognito-idp:DescribeUserPoolClient"],
    look: |facts| {
        Box::pin(async move {
            let pairs = client_pairs(facts).await?.into_iter().filter(|pair| pair.replica.is_none());
            let told = pairs.map(|pair| {
                let (here, there) = (&facts.cloud.primary.region, &facts.cloud.replica.region);
                Sight::of(format!(
                    "cognito-idp:ListUserPoolClients in {here} has {}, in {there} there is none of that ID or name",
                    pair.label()
                ))
            });
            Ok(told.collect())
        })
    },
};
