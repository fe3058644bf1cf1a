//! CloudWatch alarms.

use aws_sdk_cloudwatch::types::StateValue;

use crate::cloud::{Cloud, CloudError, ErrorClass};
use gameday_core::env::AlarmRef;

/// The first of some alarms that is in ALARM, in words.
///
/// # Errors
/// [`CloudError`]; also for an alarm that is not there.
pub async fn in_alarm(cloud: &Cloud, alarms: &[AlarmRef]) -> Result<Option<String>, CloudError> {
    let mut first = None;
    for alarm in alarms {
        let clients = cloud.region(alarm.region);
        let call = clients.cloudwatch.describe_alarms().alarm_names(&alarm.name).send();
        let answer = call.await.map_err(CloudError::of("cloudwatch:DescribeAlarms"))?;
        let states = answer.metric_alarms().iter().map(|found| (found.state_value(), found.state_reason()));
        let composite = answer.composite_alarms().iter().map(|found| (found.state_value(), found.state_reason()));
        let found = states.chain(composite).next().ok_or_else(|| CloudError {
            operation: "cloudwatch:DescribeAlarms",
            class: ErrorClass::NotFound,
            code: None,
            message: format!("{} has no alarm {}", clients.region, alarm.name),
        })?;
        if let (Some(StateValue::Alarm), why) = found {
            let (name, region) = (&alarm.name, &clients.region);
            let why = why.unwrap_or("no reason given");
            first.get_or_insert_with(|| format!("CloudWatch alarm {name} in {region} is in ALARM: {why}"));
        }
    }
    Ok(first)
}
