//! GD810: whether an alarm on the lag goes off when the lag is not measured any more.

use super::rpo_alarms;
use crate::model::Predicts;
use crate::model::Severity::Note;
use crate::preflight::checks::{BOTH, Check, Sight};

/// See its text.
pub const CHECK: Check = Check {
    code: "GD810",
    severity: Note,
    regions: BOTH,
    predicts: Predicts::Nothing,
    title: "An alarm on the replication lag stays silent when the lag is no longer measured",
    why: "The metric is written by a program of your own. When that stops, or cannot reach the primary, there is no value: the very \
          moment in which the lag grows unseen. `TreatMissingData` decides whether that counts as a breach.",
    remedy: "Put the alarm again with `--treat-missing-data breaching` (in Terraform `treat_missing_data = \"breaching\"`)",
    calls: &["cloudwatch:DescribeAlarms"],
    look: |facts| {
        Box::pin(async move {
            let sight = |(role, alarm): (_, aws_sdk_cloudwatch::types::MetricAlarm)| {
                let (name, region) = (alarm.alarm_name().unwrap_or("-"), &facts.site.region(role).region);
                // What counts where nothing is said (CloudWatch API reference, PutMetricAlarm).
                let treats = alarm.treat_missing_data().unwrap_or("missing");
                (treats != "breaching").then(|| {
                    Sight::of(format!("cloudwatch:DescribeAlarms: {name} in {region}: TreatMissingData={treats}"))
                        .at(role)
                })
            };
            Ok(rpo_alarms(facts).await?.into_iter().filter_map(sight).collect())
        })
    },
};
