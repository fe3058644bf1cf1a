//! GD812: whether an alarm is on already.

use aws_sdk_cloudwatch::types::StateValue;

use super::identity_alarms;
use crate::preflight::checks::{BOTH, Check, Occurrence};
use gameday_core::model::Predicts;
use gameday_core::model::Severity::Risk;

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD812",
    severity: Risk,
    regions: BOTH,
    predicts: Predicts::Nothing,
    title: "An alarm of the identity plane is in ALARM before the fault",
    why: "Something is already wrong. A drill now would measure two failures as one, and the alarm cannot report the \
          drill's failure, because it is already in ALARM.",
    remedy: "Find the cause first:\n\n\
             ```sh\n\
             aws cloudwatch describe-alarm-history --region REGION --alarm-name ALARM\n\
             ```",
    calls: &["cloudwatch:DescribeAlarms"],
    look: |facts| {
        Box::pin(async move {
            let sight = |(role, alarm): (_, aws_sdk_cloudwatch::types::MetricAlarm)| {
                let (name, region) = (alarm.alarm_name().unwrap_or("-"), &facts.site.region(role).region);
                let reason = alarm.state_reason().unwrap_or("no reason given");
                (alarm.state_value() == Some(&StateValue::Alarm)).then(|| {
                    Occurrence::of(format!("cloudwatch:DescribeAlarms: {name} in {region} is in ALARM: {reason}"))
                        .at(role)
                })
            };
            Ok(identity_alarms(facts).await?.into_iter().filter_map(sight).collect())
        })
    },
};
