//! GD803: whether somebody hears of throttled sign-ins.

use super::{identity_alarms, in_both};
use crate::preflight::checks::{BOTH, Check};
use crate::preflight::facts::{Facts, Unavailable};
use gameday_core::model::Severity::Risk;
use gameday_core::model::{Predicts, RegionRole};

/// What is looked at.
const METRIC: &str = "SignInThrottles";

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD803",
    severity: Risk,
    regions: BOTH,
    predicts: Predicts::Nothing,
    title: "No alarm watches throttled sign-ins in a Region",
    why: "After a failover all sign-ins count against the quota of one Region. Only `SignInThrottles` counts throttled \
          sign-ins, and it has no value before the first one, so only an alarm shows when throttling starts.",
    remedy: "Create the alarm in each Region:\n\n\
             ```sh\n\
             aws cloudwatch put-metric-alarm --region REGION --alarm-name identity-sign-in-throttles --namespace \
             AWS/Cognito \\\n  \
             --metric-name SignInThrottles --dimensions Name=UserPool,Value=USER_POOL_ID \
             Name=UserPoolClient,Value=CLIENT_ID \\\n  \
             --statistic Sum --period 300 --evaluation-periods 1 --threshold 0 --comparison-operator \
             GreaterThanThreshold \\\n  \
             --treat-missing-data notBreaching --alarm-actions TOPIC_ARN\n\
             ```",
    calls: &["cloudwatch:DescribeAlarms"],
    look: |facts| Box::pin(in_both(facts, look)),
};

async fn look(facts: &Facts, role: RegionRole) -> Result<Vec<String>, Unavailable> {
    let alarms = identity_alarms(facts).await?;
    let watched = alarms.iter().any(|(own, alarm)| *own == role && alarm.metric_name() == Some(METRIC));
    let text = format!("cloudwatch:DescribeAlarms: no alarm on {METRIC} of user pool {}", facts.site.pool.id);
    Ok((!watched).then_some(text).into_iter().collect())
}
