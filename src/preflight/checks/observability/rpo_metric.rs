//! GD804: whether the lag of replication is measured.

use jiff::SignedDuration;

use super::{ROLES, RPO};
use crate::preflight::checks::{BOTH, Check, Occurrence};
use crate::preflight::facts::cloudwatch::Span;
use gameday_core::model::Predicts;
use gameday_core::model::Severity::Risk;

/// A metric that has no value for so long is not measured any more; alarms look at shorter periods.
const LATEST: SignedDuration = SignedDuration::from_mins(15);

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD804",
    severity: Risk,
    regions: BOTH,
    predicts: Predicts::Nothing,
    title: "The replication lag is not measured",
    why: "Cognito guarantees no lag and publishes no reliable metric. A failover loses everything that the replica has \
          not received yet, so the lag must be measured with canary writes, and published as the custom metric \
          `IdentityPlaneRPO`, in seconds. Without it the RPO is unknown.",
    remedy: "Every minute, write an attribute of a canary user at the primary, read it at the replica until the value \
             arrives, and publish the seconds in between from the replica's Region:\n\n\
             ```sh\n\
             aws cognito-idp admin-update-user-attributes --region PRIMARY_REGION --user-pool-id USER_POOL_ID \
             --username CANARY_USER \\\n  \
             --user-attributes Name=custom:canary,Value=VALUE\n\
             aws cognito-idp admin-get-user --region REPLICA_REGION --user-pool-id USER_POOL_ID --username \
             CANARY_USER\n\
             aws cloudwatch put-metric-data --region REPLICA_REGION --namespace GameDay --metric-data \\\n  \
             'MetricName=IdentityPlaneRPO,Dimensions=[{Name=UserPool,Value=USER_POOL_ID}],Value=SECONDS,Unit=Seconds'\n\
             ```",
    calls: &["cloudwatch:ListMetrics", "cloudwatch:GetMetricData"],
    look: |facts| {
        Box::pin(async move {
            let [primary, replica] = ROLES;
            let (here, there) =
                futures::future::try_join(facts.metrics(primary, RPO), facts.metrics(replica, RPO)).await?;
            if here.is_empty() && there.is_empty() {
                return Ok(vec![Occurrence::of(format!(
                    "cloudwatch:ListMetrics: no metric {RPO} with a value in the last 14 days in either Region"
                ))]);
            }
            let span = Span { statistic: "Maximum", period_s: 60, since: LATEST };
            let values = (facts.values(primary, &here, span), facts.values(replica, &there, span));
            let (here, there) = futures::future::try_join(values.0, values.1).await?;
            let stale = here.iter().chain(&there).all(|series| series.is_empty());
            let text = format!(
                "cloudwatch:GetMetricData: {RPO} has no value in the last {} min in either Region",
                LATEST.as_mins()
            );
            Ok(stale.then(|| Occurrence::of(text)).into_iter().collect())
        })
    },
};
