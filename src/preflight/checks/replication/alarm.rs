use super::{LAG_METRIC, slo};
use crate::preflight::checks::observability::RPO;
use crate::preflight::checks::{Check, Occurrence, REPLICA};
use gameday_core::model::RegionRole::{Primary, Replica};
use gameday_core::model::{Predicts, Severity};

pub(super) const CHECK: Check = Check {
    code: "GD308",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::Nothing,
    title: "No alarm watches the replication lag",
    why: "Without an alarm on the replication lag, a stopped replication is noticed only at the failover, when the data \
          is already lost. If the metric `ReplicationLag` exists, which Cognito's documentation does not list, this check \
          asks for an alarm on it or on the canary's metric. If not, GD805 and GD806 ask for the canary's alarms.",
    remedy: "Create an alarm on the canary's metric in the replica's Region:\n\n\
             ```sh\n\
             aws cloudwatch put-metric-alarm --region REPLICA_REGION --alarm-name identity-rpo-60s \\\n  \
             --namespace GameDay --metric-name IdentityPlaneRPO --dimensions Name=UserPool,Value=USER_POOL_ID \\\n  \
             --statistic Maximum --period 60 --evaluation-periods 1 --threshold 60 --treat-missing-data breaching \\\n  \
             --comparison-operator GreaterThanThreshold --alarm-actions TOPIC_ARN\n\
             ```",
    calls: &["cloudwatch:ListMetrics", "cloudwatch:DescribeAlarms"],
    look: |facts| {
        Box::pin(async move {
            let (here, there) =
                tokio::try_join!(facts.pool_metrics(Primary, LAG_METRIC), facts.pool_metrics(Replica, LAG_METRIC))?;
            if here.is_empty() && there.is_empty() {
                return Ok(Vec::new());
            }
            let (here, there) = tokio::try_join!(facts.alarms(Primary), facts.alarms(Replica))?;
            let deaf = |alarm: &aws_sdk_cloudwatch::types::MetricAlarm| {
                !alarm.actions_enabled().unwrap_or(true) || alarm.alarm_actions().is_empty()
            };
            // How late these are, GD805 and GD806 tell.
            if here.iter().chain(there.iter()).any(|alarm| alarm.metric_name() == Some(RPO) && !deaf(alarm)) {
                return Ok(Vec::new());
            }
            let on_lag = here.iter().chain(there.iter()).filter(|alarm| alarm.metric_name() == Some(LAG_METRIC));
            let on_lag: Vec<_> = on_lag.collect();
            let names = |alarms: &[&aws_sdk_cloudwatch::types::MetricAlarm]| {
                alarms.iter().filter_map(|alarm| alarm.alarm_name()).map(str::to_owned).collect::<Vec<_>>().join(", ")
            };
            let most = slo(facts).as_secs_f64();
            let late = |alarm: &&&aws_sdk_cloudwatch::types::MetricAlarm| alarm.threshold().is_some_and(|it| it > most);
            let told = match on_lag.as_slice() {
                [] => Some(format!("no alarm on {LAG_METRIC} in either Region")),
                all if all.iter().all(|alarm| deaf(alarm)) => Some(format!("{} has no enabled action", names(all))),
                all if all.iter().all(|alarm| late(&alarm)) => {
                    Some(format!("the threshold of {} is above the target of {most} s", names(all)))
                }
                _ => None,
            };
            let told = told.map(|told| Occurrence::of(format!("cloudwatch:DescribeAlarms: {told}")));
            Ok(told.into_iter().collect())
        })
    },
};
