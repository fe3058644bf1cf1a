//! GD601: what the replica lets through, beside the primary.

use super::super::{Check, CheckResult, Occurrence, REPLICA};
use crate::preflight::facts::Facts;
use gameday_core::model::{Predicts, RegionRole, Severity};

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD601",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::Throttling,
    title: "The replica allows fewer sign-ins per second than the primary",
    why: "Request rates are account limits in each Region, and are raised for each Region separately. After a failover \
          the replica takes all sign-ins and refreshes, and answers requests above its limit with \
          `TooManyRequestsException`.",
    remedy: "Provision the same rate in the replica's Region, within its quota. The change takes effect at once, and \
             costs money while it lasts:\n\n\
             ```sh\n\
             aws cognito-idp update-provisioned-limit --region REPLICA_REGION --requested-limit-value NUMBER \\\n  \
             --limit-definition 'LimitClass=API_CATEGORY,Attributes={Category=UserAuthentication}'\n\
             ```\n\n\
             Pools with managed login do not support `update-provisioned-limit` for UserAuthentication and \
             UserFederation: request a quota increase instead.",
    calls: &["cognito-idp:GetProvisionedLimit"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
    let (one, other) =
        futures::try_join!(facts.sign_in_limit(RegionRole::Primary), facts.sign_in_limit(RegionRole::Replica))?;
    let (here, there) = (&facts.site.primary.region, &facts.site.replica.region);
    let lost = 100.0 * (1.0 - f64::from(other.enforced) / f64::from(one.enforced.max(1)));
    let sight = || {
        Occurrence::of(format!(
            "UserAuthentication enforced: {}/s in {here}, {}/s in {there}; at the primary's full rate, {lost:.0} % would be throttled",
            one.enforced, other.enforced
        ))
    };
    Ok((other.enforced < one.enforced).then(sight).into_iter().collect())
}
