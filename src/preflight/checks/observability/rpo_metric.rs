//! GD804: whether the lag of replication is measured.

use jiff::SignedDuration;

use super::{ROLES, RPO};
use crate::model::Predicts;
use crate::model::Severity::Risk;
use crate::preflight::checks::{BOTH, Check, Sight};
use crate::preflight::facts::cloudwatch::Span;

/// A metric that has no value for so long is not measured any more; alarms look at shorter periods.
const LATEST: SignedDuration = SignedDuration::from_mins(15);

/// See its text.
pub const CHECK: Check = Check {
    code: "GD804",
    severity: Risk,
    regions: BOTH,
    predicts: Predicts::Nothing,
    title: "The replication lag is not measured",
    why: "Cognito promises no lag and publishes no figure that one may rely on. What is lost at a failover is what the replica has not \
          got yet, so the lag is measured by canary writes, and kept as the custom metric `IdentityPlaneRPO`, in seconds. Without it \
          the RPO of this plane is a hope.",
    remedy: "Every minute, write an attribute of a canary user at the primary (`aws cognito-idp admin-update-user-attributes`), read \
             it at the replica until it is there, and put the seconds in between, from the replica's Region: `aws cloudwatch \
             put-metric-data --region REPLICA --namespace GameDay --metric-data \
             'MetricName=IdentityPlaneRPO,Dimensions=[{Name=UserPool,Value=POOL}],Value=SECONDS,Unit=Seconds'`",
    calls: &["cloudwatch:ListMetrics", "cloudwatch:GetMetricData"],
    look: |facts| {
        Box::pin(async move {
            let [primary, replica] = ROLES;
            let (here, there) =
                futures::future::try_join(facts.metrics(primary, RPO), facts.metrics(replica, RPO)).await?;
            if here.is_empty() && there.is_empty() {
                return Ok(vec![Sight::of(format!(
                    "cloudwatch:ListMetrics: no metric {RPO} in either Region with a value in 14 days"
                ))]);
            }
            let span = Span { statistic: "Maximum", period_s: 60, since: LATEST };
            let values = (facts.values(primary, &here, span), facts.values(replica, &there, span));
            let (here, there) = futures::future::try_join(values.0, values.1).await?;
            let stale = here.iter().chain(&there).all(|series| series.is_empty());
            let text = format!(
                "cloudwatch:GetMetricData: {RPO} has no value of the last {} min in either Region",
                LATEST.as_mins()
            );
            Ok(stale.then(|| Sight::of(text)).into_iter().collect())
        })
    },
};
