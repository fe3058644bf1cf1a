use super::client_pairs;
use crate::preflight::checks::{Check, Occurrence, REPLICA};
use gameday_core::model::{Predicts, Severity};

pub(super) const CHECK: Check = Check {
    code: "GD116",
    severity: Severity::Blocker,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "An app client is missing at the replica",
    why: "After a failover, every request with this app client fails with `ResourceNotFoundException`, even if DNS, \
          health checks and a probe of the login page look correct. Native replication copies app clients; with \
          independent pools each app client must be created in both Regions.",
    remedy: "With independent pools, create the app client in the replica's Region with the same flows, scopes and \
             callback URLs:\n\n\
             ```sh\n\
             aws cognito-idp describe-user-pool-client --region PRIMARY_REGION --user-pool-id USER_POOL_ID --client-id \
             CLIENT_ID --output json \\\n  \
             | jq '.UserPoolClient | del(.UserPoolId, .ClientId, .ClientSecret, .CreationDate, .LastModifiedDate)' > \
             client.json\n\
             aws cognito-idp create-user-pool-client --region REPLICA_REGION --user-pool-id REPLICA_USER_POOL_ID \
             --cli-input-json file://client.json\n\
             ```\n\n\
             Add `--generate-secret` if the app client has a secret. The new app client has another ID: configure it \
             in the application.\n\n\
             With native replication, check whether the initial replication is complete:\n\n\
             ```sh\n\
             aws cognito-idp list-user-pool-replicas --region PRIMARY_REGION --user-pool-id USER_POOL_ID\n\
             ```",
    calls: &["cognito-idp:ListUserPoolClients", "cognito-idp:DescribeUserPoolClient"],
    look: |facts| {
        Box::pin(async move {
            let pairs = client_pairs(facts).await?.into_iter().filter(|pair| pair.replica.is_none());
            let told = pairs.map(|pair| {
                let (here, there) = (&facts.cloud.primary.region, &facts.cloud.replica.region);
                Occurrence::of(format!(
                    "cognito-idp:ListUserPoolClients lists {} in {here}, but no app client with that ID or name in {there}",
                    pair.label()
                ))
            });
            Ok(told.collect())
        })
    },
};
