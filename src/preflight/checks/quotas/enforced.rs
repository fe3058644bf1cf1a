//! GD601: what the replica lets through, beside the primary.

use super::super::{Check, Looked, REPLICA, Sight};
use crate::model::{Predicts, RegionRole, Severity};
use crate::preflight::facts::Facts;

/// See its text.
pub const CHECK: Check = Check {
    code: "GD601",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::Throttling,
    title: "The replica lets fewer sign-ins through than the primary",
    why: "Request rates are the account's in each Region, and raised there alone. What somebody once raised at the primary was needed \
          there, and is needed at the replica from the moment of the failover: it takes all sign-ins and refreshes, and answers what is \
          above its own limit with `TooManyRequestsException`.",
    remedy: "Provision the same in the replica's Region, within what Service Quotas allows there; it acts at once, and costs money while it \
             lasts:\n\n\
             ```sh\naws cognito-idp update-provisioned-limit --region REPLICA --requested-limit-value N \
             --limit-definition 'LimitClass=API_CATEGORY,Attributes={Category=UserAuthentication}'\n```",
    calls: &["cognito-idp:GetProvisionedLimit"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> Looked {
    let (one, other) =
        futures::try_join!(facts.sign_in_limit(RegionRole::Primary), facts.sign_in_limit(RegionRole::Replica))?;
    let (here, there) = (&facts.site.primary.region, &facts.site.replica.region);
    let lost = 100.0 * (1.0 - f64::from(other.enforced) / f64::from(one.enforced.max(1)));
    let sight = || {
        Sight::of(format!(
            "UserAuthentication enforced: {}/s in {here}, {}/s in {there}; of a load that fills the primary's, {lost:.0} % would be throttled",
            one.enforced, other.enforced
        ))
    };
    Ok((other.enforced < one.enforced).then(sight).into_iter().collect())
}
