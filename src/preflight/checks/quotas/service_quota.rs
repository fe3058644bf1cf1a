//! GD606: how far the replica's rate can be raised.

use super::super::{Check, Looked, REPLICA, Sight};
use super::{COGNITO, SIGN_INS_CODE};
use crate::model::{Predicts, RegionRole, Severity};
use crate::preflight::facts::Facts;

/// See its text.
pub const CHECK: Check = Check {
    code: "GD606",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::Throttling,
    title: "The replica's rate of sign-ins cannot be raised as far as the primary's",
    why: "UpdateProvisionedLimit acts at once, also in the middle of a failover, but only up to what Service Quotas allows in that Region. \
          Beyond it stands a request to AWS, which takes as long as it takes.",
    remedy: "```sh\naws service-quotas request-service-quota-increase --region REPLICA --service-code cognito-idp \
             --quota-code L-026ADBA3 --desired-value N\n```",
    calls: &["servicequotas:ListServiceQuotas"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> Looked {
    let (one, other) =
        futures::try_join!(facts.applied(RegionRole::Primary, COGNITO), facts.applied(RegionRole::Replica, COGNITO))?;
    let (here, there) = (&facts.site.primary.region, &facts.site.replica.region);
    let both = one.get(SIGN_INS_CODE).zip(other.get(SIGN_INS_CODE));
    let sight = |(primary, replica): (f64, f64)| {
        Sight::of(format!("Service Quotas, {SIGN_INS_CODE}: {primary}/s in {here}, {replica}/s in {there}"))
    };
    let both = both.map(|(primary, replica)| (primary.value, replica.value));
    Ok(both.filter(|(primary, replica)| replica < primary).map(sight).into_iter().collect())
}
