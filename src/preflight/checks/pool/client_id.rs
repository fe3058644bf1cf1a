use super::{both_there, label};
use crate::preflight::checks::{Check, Occurrence, REPLICA};
use gameday_core::model::{Predicts, Severity};

pub(super) const CHECK: Check = Check {
    code: "GD117",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "An app client has a different ID at the replica",
    why: "Cognito generates the IDs of app clients, so independent pools never share them. The replica refuses an \
          application that knows only one ID, refresh tokens of one Region do not work in the other, and every \
          validator of `aud` or `client_id` rejects the other Region's tokens. With native replication the ID is the \
          same.",
    remedy: "Change to native replication, which keeps the ID:\n\n\
             ```sh\n\
             aws cognito-idp create-user-pool-replica --region PRIMARY_REGION --user-pool-id USER_POOL_ID \
             --region-name REPLICA_REGION\n\
             ```\n\n\
             Until then, configure both IDs in the application, and accept both in every token validator.",
    calls: &["cognito-idp:ListUserPoolClients", "cognito-idp:DescribeUserPoolClient"],
    look: |facts| {
        Box::pin(async move {
            let pairs = both_there(facts).await?.into_iter();
            let other = pairs.filter(|(pair, replica)| pair.primary.client_id != replica.client_id);
            let told = other.map(|(pair, replica)| {
                let (here, there) = (&facts.cloud.primary.region, &facts.cloud.replica.region);
                Occurrence::of(format!(
                    "cognito-idp:ListUserPoolClients: {} in {here} is {} in {there}",
                    pair.label(),
                    label(&replica)
                ))
            });
            Ok(told.collect())
        })
    },
};
