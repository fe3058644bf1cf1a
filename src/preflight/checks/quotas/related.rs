//! GD603: the other categories of requests, beside the primary's.

use super::super::{Check, Looked, REPLICA, Sight};
use super::{COGNITO, SIGN_INS_CODE};
use crate::model::{Predicts, RegionRole, Severity};
use crate::preflight::facts::Facts;

/// See its text.
pub const CHECK: Check = Check {
    code: "GD603",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::Throttling,
    title: "A quota beside that of sign-ins is lower at the replica",
    why: "Users do more than sign in: they come back from an identity provider (UserFederation), revoke tokens (UserToken), and \
          applications read users (UserRead). Each has a quota of its own in each Region, and the lowest one decides what works after a \
          failover.",
    remedy: "```sh\naws service-quotas request-service-quota-increase --region REPLICA --service-code cognito-idp --quota-code CODE \
             --desired-value N\n```\n\nThen provision it with `aws cognito-idp update-provisioned-limit`.",
    calls: &["servicequotas:ListServiceQuotas"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> Looked {
    let (one, other) =
        futures::try_join!(facts.applied(RegionRole::Primary, COGNITO), facts.applied(RegionRole::Replica, COGNITO))?;
    let (here, there) = (&facts.site.primary.region, &facts.site.replica.region);
    let lower = one.iter().filter(|(code, _)| code.as_str() != SIGN_INS_CODE).filter_map(|(code, primary)| {
        let replica = other.get(code).filter(|replica| replica.value < primary.value)?;
        let (name, value, less) = (&primary.name, primary.value, replica.value);
        Some(Sight::of(format!("{name} ({code}): {value} in {here}, {less} in {there}")))
    });
    Ok(lower.collect())
}
