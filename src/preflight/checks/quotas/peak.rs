//! GD604: what the replica lets through, beside what users need.

use super::super::{Check, Looked, REPLICA, Sight};
use super::{COGNITO, SIGN_INS_CODE};
use crate::model::{Predicts, RegionRole, Severity};
use crate::preflight::facts::Facts;

/// See its text.
pub const CHECK: Check = Check {
    code: "GD604",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::Throttling,
    title: "At the peak the replica would throttle",
    why: "After a failover one Region takes the sign-ins and the token refreshes of both. What is above its enforced rate is answered with \
          `TooManyRequestsException`; users who try again make it worse. CloudWatch's figures are averages over five minutes, and only \
          successes: the real peak is higher.",
    remedy: "Raise the quota in the replica's Region now, not during the failover, and provision it there:\n\n\
             ```sh\naws service-quotas request-service-quota-increase --region REPLICA --service-code cognito-idp \
             --quota-code L-026ADBA3 --desired-value N\n\
             aws cognito-idp update-provisioned-limit --region REPLICA --requested-limit-value N \
             --limit-definition 'LimitClass=API_CATEGORY,Attributes={Category=UserAuthentication}'\n```",
    calls: &[
        "cognito-idp:GetProvisionedLimit",
        "cloudwatch:ListMetrics",
        "cloudwatch:GetMetricData",
        "servicequotas:ListServiceQuotas",
    ],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> Looked {
    let (limit, need) = futures::try_join!(facts.sign_in_limit(RegionRole::Replica), facts.need())?;
    let (enforced, wanted) = (f64::from(limit.enforced), need.total());
    if wanted <= enforced {
        return Ok(Vec::new());
    }
    let most = facts.applied(RegionRole::Replica, COGNITO).await;
    let most = most.ok().and_then(|all| all.get(SIGN_INS_CODE).map(|quota| quota.value));
    let most = most.map_or_else(
        || "what may be provisioned could not be asked".to_owned(),
        |most| {
            format!(
                "up to {most}/s may be provisioned, which is {}",
                if most < wanted { "too little" } else { "enough" }
            )
        },
    );
    let region = &facts.site.replica.region;
    let throttled = 100.0 * (1.0 - enforced / wanted);
    Ok(vec![Sight::of(format!(
        "{}; {region} enforces {enforced}/s: {throttled:.0} % would be throttled; {most}",
        need.words()
    ))])
}
