use super::{both_there, difference};
use crate::model::{Predicts, Severity};
use crate::preflight::checks::{Check, REPLICA, Sight};

pub const CHECK: Check = Check {
    code: "GD120",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "An app client has other callback URLs at the replica",
    why: "Managed login sends a browser back to a registered URL and nowhere else: with one that the standby does not know, users end on an \
          error page (`redirect_mismatch`) after a failover that looks perfect from outside.",
    remedy: "Register the same callback and sign-out URLs in both Regions:\n\n\
             ```\naws cognito-idp update-user-pool-client --region REGION --user-pool-id POOL --client-id ID \\\n  \
             --callback-urls URL ... --logout-urls URL ...\n```",
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
                    sights.push(Sight::of(format!("cognito-idp:DescribeUserPoolClient: {what} of {label}: {told}")));
                }
            }
            Ok(sights)
        })
    },
};
