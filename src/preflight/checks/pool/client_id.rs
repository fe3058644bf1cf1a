use super::{both_there, label};
use crate::model::{Predicts, Severity};
use crate::preflight::checks::{Check, REPLICA, Sight};

pub const CHECK: Check = Check {
    code: "GD117",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "An app client has another ID at the replica",
    why: "Cognito makes the IDs of app clients itself, so that independent pools never share them. An application that knows but one ID is \
          refused by the standby, refresh tokens of one Region are worth nothing in the other, and whatever checks `aud` or `client_id` \
          rejects the other Region's tokens. With native replication the ID is the same.",
    remedy: "Move to native replication, which keeps the ID:\n\n\
             ```\naws cognito-idp create-user-pool-replica --user-pool-id POOL --region-name REGION\n```\n\n\
             Until then configure the application with both IDs and let every token validator accept both.",
    calls: &["cognito-idp:ListUserPoolClients", "cognito-idp:DescribeUserPoolClient"],
    look: |facts| {
        Box::pin(async move {
            let pairs = both_there(facts).await?.into_iter();
            let other = pairs.filter(|(pair, replica)| pair.primary.client_id != replica.client_id);
            let told = other.map(|(pair, replica)| {
                let (here, there) = (&facts.cloud.primary.region, &facts.cloud.replica.region);
                Sight::of(format!(
                    "cognito-idp:ListUserPoolClients: {} in {here} is {} in {there}",
                    pair.label(),
                    label(&replica)
                ))
            });
            Ok(told.collect())
        })
    },
};
