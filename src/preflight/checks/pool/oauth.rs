use super::{both_there, difference};
use crate::preflight::checks::{Check, Occurrence, REPLICA};
use gameday_core::model::{Predicts, Severity};

pub(super) const CHECK: Check = Check {
    code: "GD119",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "An app client allows different OAuth flows or scopes at the replica",
    why: "Managed login and the token endpoint answer `unauthorized_client` to a grant that the app client does not \
          list, and `invalid_scope` to a scope that it does not list. After a failover the replica refuses requests \
          that the primary accepted; without a required scope, clients get tokens that the API rejects.",
    remedy: "Give both app clients the same flows, scopes and identity providers. Create missing resource servers and \
             identity providers in both pools first. `update-user-pool-client` resets every setting that it does not \
             receive, so send the whole configuration:\n\n\
             ```sh\n\
             aws cognito-idp describe-user-pool-client --region REGION --user-pool-id USER_POOL_ID --client-id \
             CLIENT_ID --output json \\\n  \
             | jq '.UserPoolClient | del(.ClientSecret, .CreationDate, .LastModifiedDate)' > client.json\n\
             aws cognito-idp update-user-pool-client --region REGION --cli-input-json file://client.json \\\n  \
             --allowed-o-auth-flows code --allowed-o-auth-scopes openid --supported-identity-providers COGNITO\n\
             ```",
    calls: &["cognito-idp:ListUserPoolClients", "cognito-idp:DescribeUserPoolClient"],
    look: |facts| {
        Box::pin(async move {
            let mut sights = Vec::new();
            for (pair, replica) in both_there(facts).await? {
                let flows = [&pair.primary, &replica].map(|client| {
                    client
                        .allowed_o_auth_flows()
                        .iter()
                        .map(aws_sdk_cognitoidentityprovider::types::OAuthFlowType::as_str)
                        .collect::<Vec<_>>()
                });
                let told = [
                    ("AllowedOAuthFlows", difference(&flows[0], &flows[1])),
                    (
                        "AllowedOAuthScopes",
                        difference(pair.primary.allowed_o_auth_scopes(), replica.allowed_o_auth_scopes()),
                    ),
                    (
                        "SupportedIdentityProviders",
                        difference(pair.primary.supported_identity_providers(), replica.supported_identity_providers()),
                    ),
                ];
                for (what, told) in told.into_iter().filter_map(|(what, told)| Some((what, told?))) {
                    let label = pair.label();
                    sights
                        .push(Occurrence::of(format!("cognito-idp:DescribeUserPoolClient: {what} of {label}: {told}")));
                }
            }
            Ok(sights)
        })
    },
};
