//! GD603: the other categories of requests, beside the primary's.

use super::super::{Check, CheckResult, Occurrence, REPLICA};
use super::{COGNITO, SIGN_INS_CODE};
use crate::preflight::facts::Facts;
use gameday_core::model::{Predicts, RegionRole, Severity};

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD603",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::Throttling,
    title: "Another Cognito quota is lower at the replica",
    why: "Users do more than sign in: they return from an identity provider (UserFederation) and revoke tokens \
          (UserToken), and applications read users (UserRead). Each category has its own quota in each Region. After a \
          failover, requests above the replica's lower quota are throttled.",
    remedy: "Raise the quota in the replica's Region, then provision it:\n\n\
             ```sh\n\
             aws service-quotas request-service-quota-increase --region REPLICA_REGION --service-code cognito-idp \\\n  \
             --quota-code QUOTA_CODE --desired-value NUMBER\n\
             aws cognito-idp update-provisioned-limit --region REPLICA_REGION --requested-limit-value NUMBER \\\n  \
             --limit-definition 'LimitClass=API_CATEGORY,Attributes={Category=CATEGORY}'\n\
             ```",
    calls: &["servicequotas:ListServiceQuotas"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
    let (one, other) =
        futures::try_join!(facts.applied(RegionRole::Primary, COGNITO), facts.applied(RegionRole::Replica, COGNITO))?;
    let (here, there) = (&facts.site.primary.region, &facts.site.replica.region);
    let lower = one.iter().filter(|(code, _)| code.as_str() != SIGN_INS_CODE).filter_map(|(code, primary)| {
        let replica = other.get(code).filter(|replica| replica.value < primary.value)?;
        let (name, value, less) = (&primary.name, primary.value, replica.value);
        Some(Occurrence::of(format!("{name} ({code}): {value} in {here}, {less} in {there}")))
    });
    Ok(lower.collect())
}
