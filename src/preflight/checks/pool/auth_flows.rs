use super::{both_there, difference};
use crate::model::{Predicts, Severity};
use crate::preflight::checks::{Check, REPLICA, Sight};

pub const CHECK: Check = Check {
    code: "GD118",
    severity: Severity::Blocker,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "An app client allows other sign-in flows at the replica",
    why: "A flow that the standby's app client does not list in `ExplicitAuthFlows` is refused there with `InvalidParameterException`, for \
          every user, at the first call. `ALLOW_REFRESH_TOKEN_AUTH` among them: without it every session ends at the failover. A flow that \
          only the standby allows is a note: a way in that nobody decided on.",
    remedy: "Give both app clients the same list; update-user-pool-client resets what it is not told, so pass the whole \
             configuration:\n\n\
             ```\naws cognito-idp update-user-pool-client --region REGION --user-pool-id POOL --client-id ID \\\n  \
             --explicit-auth-flows ALLOW_USER_SRP_AUTH ALLOW_REFRESH_TOKEN_AUTH ...\n```",
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
                let sight = Sight::of(evidence);
                let lacks = here.iter().any(|flow| !there.contains(flow));
                Some(if lacks { sight } else { sight.severity(Severity::Note) })
            });
            Ok(told.collect())
        })
    },
};
