//! GD606: how far the replica's rate can be raised.

use super::super::{Check, CheckResult, Occurrence, REPLICA};
use super::{COGNITO, SIGN_INS_CODE};
use crate::preflight::facts::Facts;
use gameday_core::model::{Predicts, RegionRole, Severity};

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD606",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::Throttling,
    title: "The replica's sign-in quota is lower than the primary's",
    why: "UpdateProvisionedLimit works during a failover, too, but only up to the quota in that Region. A higher rate \
          needs a quota increase by AWS, whose duration is not known.",
    remedy: "Raise the quota in the replica's Region:\n\n\
             ```sh\n\
             aws service-quotas request-service-quota-increase --region REPLICA_REGION --service-code cognito-idp \\\n  \
             --quota-code L-026ADBA3 --desired-value NUMBER\n\
             ```",
    calls: &["servicequotas:ListServiceQuotas"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
    let (one, other) =
        futures::try_join!(facts.applied(RegionRole::Primary, COGNITO), facts.applied(RegionRole::Replica, COGNITO))?;
    let (here, there) = (&facts.site.primary.region, &facts.site.replica.region);
    let both = one.get(SIGN_INS_CODE).zip(other.get(SIGN_INS_CODE));
    let sight = |(primary, replica): (f64, f64)| {
        Occurrence::of(format!("Service Quotas, {SIGN_INS_CODE}: {primary}/s in {here}, {replica}/s in {there}"))
    };
    let both = both.map(|(primary, replica)| (primary.value, replica.value));
    Ok(both.filter(|(primary, replica)| replica < primary).map(sight).into_iter().collect())
}
