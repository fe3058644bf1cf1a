use jiff::SignedDuration;

use super::{LAG_METRIC, slo};
use crate::preflight::checks::{Check, Occurrence, REPLICA};
use crate::preflight::facts::cloudwatch::{COGNITO_PERIOD_S, Span};
use crate::preflight::facts::{Facts, Unavailable};
use gameday_core::model::RegionRole::{Primary, Replica};
use gameday_core::model::{Predicts, Severity};

/// How the metric of the state is called, where it exists.
const STATUS_METRIC: &str = "UserPoolReplicationStatus";
/// Values of so long ago count.
const SINCE: SignedDuration = SignedDuration::from_hours(1);

pub(super) const CHECK: Check = Check {
    code: "GD307",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::Nothing,
    title: "CloudWatch reports that replication is delayed or stopped",
    why: "Only replicated data can be used after a failover. The reference architecture names the metrics \
          `UserPoolReplicationStatus` (1 while replication works) and `ReplicationLag` (seconds). Cognito's \
          documentation lists neither of them, so this check reads them only if they exist; the canary of GD309 measures \
          the lag in any case.",
    remedy: "Do not fail over before the replication has caught up, as the canary (`users.canary`, metric \
             `IdentityPlaneRPO`) tells. Check the replica and AWS Health:\n\n\
             ```sh\n\
             aws cognito-idp list-user-pool-replicas --region PRIMARY_REGION --user-pool-id USER_POOL_ID\n\
             aws health describe-events --region us-east-1 --filter services=COGNITO\n\
             ```",
    calls: &["cloudwatch:ListMetrics", "cloudwatch:GetMetricData"],
    look: |facts| {
        Box::pin(async move {
            let (status, lag) =
                tokio::try_join!(latest(facts, STATUS_METRIC, "Minimum"), latest(facts, LAG_METRIC, "Maximum"))?;
            let mut sights = Vec::new();
            for (place, value) in status.into_iter().filter(|(_, value)| *value < 1.0) {
                sights.push(Occurrence::of(format!(
                    "cloudwatch:GetMetricData: the last {STATUS_METRIC} {place} is {value}"
                )));
            }
            let most = slo(facts).as_secs_f64();
            for (place, value) in lag.into_iter().filter(|(_, value)| *value > most) {
                let told = format!("the last {LAG_METRIC} {place} is {value} s; the target is {most} s");
                sights.push(Occurrence::of(format!("cloudwatch:GetMetricData: {told}")));
            }
            Ok(sights)
        })
    },
};

/// The last value of each of the pool's metrics of that name, and where.
async fn latest(facts: &Facts, name: &str, statistic: &'static str) -> Result<Vec<(String, f64)>, Unavailable> {
    let mut found = Vec::new();
    for role in [Primary, Replica] {
        let metrics = facts.pool_metrics(role, name).await?;
        if metrics.is_empty() {
            continue;
        }
        let span = Span { statistic, period_s: COGNITO_PERIOD_S, since: SINCE };
        for series in facts.values(role, &metrics, span).await? {
            let value = series.last().map(|(_, value)| *value);
            found.extend(value.map(|value| (format!("in {}", facts.cloud.region(role).region), value)));
        }
    }
    Ok(found)
}
