use super::{both_there, difference};
use crate::preflight::checks::{Check, Occurrence, REPLICA};
use gameday_core::model::{Predicts, Severity};

pub(super) const CHECK: Check = Check {
    code: "GD120",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "An app client has different callback URLs at the replica",
    why: "Managed login redirects a browser only to a registered URL. If the replica does not know the URL, users see \
          an error page (`redirect_mismatch`) after a failover, while DNS and health checks look correct.",
    remedy: "Register the same callback and sign-out URLs in both Regions. `update-user-pool-client` resets every \
             setting that it does not receive, so send the whole configuration:\n\n\
             ```sh\n\
             aws cognito-idp describe-user-pool-client --region REGION --user-pool-id USER_POOL_ID --client-id \
             CLIENT_ID --output json \\\n  \
             | jq '.UserPoolClient | del(.ClientSecret, .CreationDate, .LastModifiedDate)' > client.json\n\
             aws cognito-idp update-user-pool-client --region REGION --cli-input-json file://client.json \\\n  \
             --callback-urls https://APP/callback --logout-urls https://APP/signed-out\n\
             ```",
    calls: &["cognito-idp:ListUserPoolClients", "cognito-idp:DescribeUserPoolClient"],
    look: |facts| {
        Box::pin(async move {
            let mut sights = Vec::new();
            for (pair, replica) in both_there(facts).await? {
                let told = [
                    ("CallbackURLs", difference(pair.primary.callback_urls(), replica.callback_urls())),
                    ("LogoutURLs", difference(pair.primary.logout_urls(), replica.logout_urls())),
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
