//! GD807: whether alarms tell anybody.

use super::identity_alarms;
use crate::model::Predicts;
use crate::model::Severity::Risk;
use crate::preflight::checks::{BOTH, Check, Sight};

/// See its text.
pub const CHECK: Check = Check {
    code: "GD807",
    severity: Risk,
    regions: BOTH,
    predicts: Predicts::Nothing,
    title: "An alarm of the identity plane tells nobody",
    why: "An alarm without an action, or whose actions are off, turns red on a console that nobody looks at: the failover goes on \
          without the people who should follow it.",
    remedy: "`aws cloudwatch enable-alarm-actions --region REGION --alarm-names ALARM`, and give it a topic that somebody has \
             subscribed to: `--alarm-actions TOPIC_ARN` of `aws cloudwatch put-metric-alarm`",
    calls: &["cloudwatch:DescribeAlarms"],
    look: |facts| {
        Box::pin(async move {
            let sight = |(role, alarm): (_, aws_sdk_cloudwatch::types::MetricAlarm)| {
                let enabled = alarm.actions_enabled().unwrap_or_default();
                let silent = !enabled || alarm.alarm_actions().is_empty();
                let (name, region) = (alarm.alarm_name().unwrap_or("-"), &facts.site.region(role).region);
                let actions = alarm.alarm_actions().len();
                silent.then(|| {
                    Sight::of(format!(
                        "cloudwatch:DescribeAlarms: {name} in {region}: ActionsEnabled={enabled}, {actions} AlarmActions"
                    ))
                })
            };
            Ok(identity_alarms(facts).await?.into_iter().filter_map(sight).collect())
        })
    },
};
