//! GD812: whether an alarm is on already.

use aws_sdk_cloudwatch::types::StateValue;

use super::identity_alarms;
use crate::model::Predicts;
use crate::model::Severity::Risk;
use crate::preflight::checks::{BOTH, Check, Sight};

/// See its text.
pub const CHECK: Check = Check {
    code: "GD812",
    severity: Risk,
    regions: BOTH,
    predicts: Predicts::Nothing,
    title: "An alarm of the identity plane is in ALARM before anything is broken",
    why: "Something is wrong already. A drill on top of it measures two failures as one, and the alarm that should tell of the drill \
          has gone off before it.",
    remedy: "Find out why first: `aws cloudwatch describe-alarm-history --region REGION --alarm-name ALARM`",
    calls: &["cloudwatch:DescribeAlarms"],
    look: |facts| {
        Box::pin(async move {
            let sight = |(role, alarm): (_, aws_sdk_cloudwatch::types::MetricAlarm)| {
                let (name, region) = (alarm.alarm_name().unwrap_or("-"), &facts.site.region(role).region);
                let reason = alarm.state_reason().unwrap_or("no reason given");
                (alarm.state_value() == Some(&StateValue::Alarm)).then(|| {
                    Sight::of(format!("cloudwatch:DescribeAlarms: {name} in {region} is in ALARM: {reason}")).at(role)
                })
            };
            Ok(identity_alarms(facts).await?.into_iter().filter_map(sight).collect())
        })
    },
};
