//! GD807: whether alarms tell anybody.

use super::identity_alarms;
use crate::preflight::checks::{BOTH, Check, Occurrence};
use gameday_core::model::Predicts;
use gameday_core::model::Severity::Risk;

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD807",
    severity: Risk,
    regions: BOTH,
    predicts: Predicts::Nothing,
    title: "An alarm of the identity plane notifies no recipient",
    why: "An alarm without actions, or with disabled actions, changes its state only in the console: the people who \
          must react to a failover are not notified.",
    remedy: "Enable the actions of the alarm, and give it a topic that has subscribers (`--alarm-actions TOPIC_ARN` of \
             `aws cloudwatch put-metric-alarm`):\n\n\
             ```sh\n\
             aws cloudwatch enable-alarm-actions --region REGION --alarm-names ALARM\n\
             aws sns list-subscriptions-by-topic --region REGION --topic-arn TOPIC_ARN\n\
             ```",
    calls: &["cloudwatch:DescribeAlarms"],
    look: |facts| {
        Box::pin(async move {
            let sight = |(role, alarm): (_, aws_sdk_cloudwatch::types::MetricAlarm)| {
                let enabled = alarm.actions_enabled().unwrap_or_default();
                let silent = !enabled || alarm.alarm_actions().is_empty();
                let (name, region) = (alarm.alarm_name().unwrap_or("-"), &facts.site.region(role).region);
                let actions = alarm.alarm_actions().len();
                silent.then(|| {
                    Occurrence::of(format!(
                        "cloudwatch:DescribeAlarms: {name} in {region}: ActionsEnabled={enabled}, {actions} AlarmActions"
                    ))
                })
            };
            Ok(identity_alarms(facts).await?.into_iter().filter_map(sight).collect())
        })
    },
};
