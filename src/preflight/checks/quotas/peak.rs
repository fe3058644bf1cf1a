//! GD604: what the replica lets through, beside what users need.

use super::super::{Check, CheckResult, Occurrence, REPLICA};
use super::{COGNITO, SIGN_INS_CODE};
use crate::preflight::facts::Facts;
use gameday_core::model::{Predicts, RegionRole, Severity};

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD604",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::Throttling,
    title: "The replica would throttle sign-ins at the peak",
    why: "After a failover one Region takes the sign-ins and token refreshes of both. It answers requests above its \
          enforced rate with `TooManyRequestsException`, and retries make it worse. CloudWatch's figures are averages \
          over five minutes, and count successes only: the real peak is higher.",
    remedy: "Raise the quota in the replica's Region now, not during the failover, and provision it there:\n\n\
             ```sh\n\
             aws service-quotas request-service-quota-increase --region REPLICA_REGION --service-code cognito-idp \\\n  \
             --quota-code L-026ADBA3 --desired-value NUMBER\n\
             aws cognito-idp update-provisioned-limit --region REPLICA_REGION --requested-limit-value NUMBER \\\n  \
             --limit-definition 'LimitClass=API_CATEGORY,Attributes={Category=UserAuthentication}'\n\
             ```\n\n\
             Pools with managed login do not support `update-provisioned-limit` for UserAuthentication and \
             UserFederation: only request a quota increase.",
    calls: &[
        "cognito-idp:GetProvisionedLimit",
        "cloudwatch:ListMetrics",
        "cloudwatch:GetMetricData",
        "servicequotas:ListServiceQuotas",
    ],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
    let (limit, need) = futures::try_join!(facts.sign_in_limit(RegionRole::Replica), facts.need())?;
    let (enforced, wanted) = (f64::from(limit.enforced), need.total());
    if wanted <= enforced {
        return Ok(Vec::new());
    }
    let most = facts.applied(RegionRole::Replica, COGNITO).await;
    let most = most.ok().and_then(|all| all.get(SIGN_INS_CODE).map(|quota| quota.value));
    let most = most.map_or_else(
        || "the quota could not be read".to_owned(),
        |most| {
            format!(
                "up to {most}/s can be provisioned, which is {}",
                if most < wanted { "too little" } else { "enough" }
            )
        },
    );
    let region = &facts.site.replica.region;
    let throttled = 100.0 * (1.0 - enforced / wanted);
    Ok(vec![Occurrence::of(format!(
        "{}; {region} enforces {enforced}/s: {throttled:.0} % would be throttled; {most}",
        need.words()
    ))])
}
