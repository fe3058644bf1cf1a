//! GD810: whether an alarm on the lag goes off when the lag is not measured any more.

use super::rpo_alarms;
use crate::preflight::checks::{BOTH, Check, Occurrence};
use gameday_core::model::Predicts;
use gameday_core::model::Severity::Note;

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD810",
    severity: Note,
    regions: BOTH,
    predicts: Predicts::Nothing,
    title: "An alarm on the replication lag ignores missing data",
    why: "Your own program writes the metric. If it stops, or cannot reach the primary, the metric has no value, \
          exactly when the lag may grow. `TreatMissingData` decides whether that counts as a breach.",
    remedy: "Create the alarm again with `--treat-missing-data breaching` (in Terraform: `treat_missing_data = \
             \"breaching\"`):\n\n\
             ```sh\n\
             aws cloudwatch put-metric-alarm --region REPLICA_REGION --alarm-name ALARM --namespace GameDay \\\n  \
             --metric-name IdentityPlaneRPO --dimensions Name=UserPool,Value=USER_POOL_ID --statistic Maximum --period \
             60 \\\n  \
             --evaluation-periods 1 --threshold SECONDS --comparison-operator GreaterThanThreshold \\\n  \
             --treat-missing-data breaching --alarm-actions TOPIC_ARN\n\
             ```",
    calls: &["cloudwatch:DescribeAlarms"],
    look: |facts| {
        Box::pin(async move {
            let sight = |(role, alarm): (_, aws_sdk_cloudwatch::types::MetricAlarm)| {
                let (name, region) = (alarm.alarm_name().unwrap_or("-"), &facts.site.region(role).region);
                // What counts where nothing is said (CloudWatch API reference, PutMetricAlarm).
                let treats = alarm.treat_missing_data().unwrap_or("missing");
                (treats != "breaching").then(|| {
                    Occurrence::of(format!("cloudwatch:DescribeAlarms: {name} in {region}: TreatMissingData={treats}"))
                        .at(role)
                })
            };
            Ok(rpo_alarms(facts).await?.into_iter().filter_map(sight).collect())
        })
    },
};
