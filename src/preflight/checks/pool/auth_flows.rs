use super::{both_there, difference};
use crate::preflight::checks::{Check, Occurrence, REPLICA};
use gameday_core::model::{Predicts, Severity};

pub(super) const CHECK: Check = Check {
    code: "GD118",
    severity: Severity::Blocker,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "An app client allows different sign-in flows at the replica",
    why: "The replica refuses every flow that its app client does not list in `ExplicitAuthFlows`: the first call of \
          each user fails with `InvalidParameterException`. Without `ALLOW_REFRESH_TOKEN_AUTH` every session ends at \
          the failover. A flow that only the replica allows is a note, because it is probably not intended.",
    remedy: "Give both app clients the same `ExplicitAuthFlows`. `update-user-pool-client` resets every setting that \
             it does not receive, so send the whole configuration:\n\n\
             ```sh\n\
             aws cognito-idp describe-user-pool-client --region REGION --user-pool-id USER_POOL_ID --client-id \
             CLIENT_ID --output json \\\n  \
             | jq '.UserPoolClient | del(.ClientSecret, .CreationDate, .LastModifiedDate)' > client.json\n\
             aws cognito-idp update-user-pool-client --region REGION --cli-input-json file://client.json \\\n  \
             --explicit-auth-flows ALLOW_USER_SRP_AUTH ALLOW_REFRESH_TOKEN_AUTH\n\
             ```",
    calls: &["cognito-idp:ListUserPoolClients", "cognito-idp:DescribeUserPoolClient"],
    look: |facts| {
        Box::pin(async move {
            let pairs = both_there(facts).await?.into_iter();
            let told = pairs.filter_map(|(pair, replica)| {
                let (here, there) = (pair.primary.explicit_auth_flows(), replica.explicit_auth_flows());
                let told = difference(
                    &here
                        .iter()
                        .map(aws_sdk_cognitoidentityprovider::types::ExplicitAuthFlowsType::as_str)
                        .collect::<Vec<_>>(),
                    &there
                        .iter()
                        .map(aws_sdk_cognitoidentityprovider::types::ExplicitAuthFlowsType::as_str)
                        .collect::<Vec<_>>(),
                )?;
                let evidence =
                    format!("cognito-idp:DescribeUserPoolClient: ExplicitAuthFlows of {}: {told}", pair.label());
                let sight = Occurrence::of(evidence);
                let lacks = here.iter().any(|flow| !there.contains(flow));
                Some(if lacks { sight } else { sight.severity(Severity::Note) })
            });
            Ok(told.collect())
        })
    },
};
