//! GD8xx: metrics, alarms and dashboards.

mod alarm_actions;
mod alarm_state;
mod dashboard;
mod dashboard_metrics;
mod rpo_alarm;
mod rpo_metric;
mod rpo_page;
mod rpo_silence;
mod rpo_slo;
mod sign_in_successes;
mod sign_in_throttles;
mod token_refreshes;

use std::sync::Arc;

use aws_sdk_cloudwatch::types::{ComparisonOperator, MetricAlarm};

use super::{Check, CheckResult, Occurrence, in_both};
use crate::preflight::facts::cloudwatch::{COGNITO, PEAK_DAYS, USER_POOL};
use crate::preflight::facts::{Facts, Unavailable};
use gameday_core::model::RegionRole;

/// By code.
pub const ALL: &[&Check] = &[
    &sign_in_successes::CHECK,
    &token_refreshes::CHECK,
    &sign_in_throttles::CHECK,
    &rpo_metric::CHECK,
    &rpo_alarm::CHECK,
    &rpo_page::CHECK,
    &alarm_actions::CHECK,
    &dashboard::CHECK,
    &dashboard_metrics::CHECK,
    &rpo_silence::CHECK,
    &rpo_slo::CHECK,
    &alarm_state::CHECK,
];

/// The custom metric that measures how far the replica is behind, in seconds.
pub(super) const RPO: &str = "IdentityPlaneRPO";
/// The metrics that must be seen of both Regions.
const WATCHED: [&str; 3] = ["SignInSuccesses", "SignInThrottles", "TokenRefreshSuccesses"];
/// Both Regions.
const ROLES: [RegionRole; 2] = [RegionRole::Primary, RegionRole::Replica];

/// Where a metric of the pool had no value in two weeks.
async fn without_values(facts: &Facts, name: &str) -> CheckResult {
    in_both(facts, |facts, role| nothing(facts, role, name)).await
}

async fn nothing(facts: &Facts, role: RegionRole, name: &str) -> Result<Vec<String>, Unavailable> {
    let none = facts.pool_metrics(role, name).await?.is_empty();
    let pool = &facts.site.pool.id;
    let text = format!(
        "cloudwatch:ListMetrics: no metric {name} of user pool {pool} with a value in the last {PEAK_DAYS} days"
    );
    Ok(none.then_some(text).into_iter().collect())
}

/// The alarms of both Regions that look at the identity plane: at Cognito's metrics of the pool, or at the custom one.
async fn identity_alarms(facts: &Facts) -> Result<Vec<(RegionRole, MetricAlarm)>, Unavailable> {
    let (here, there) = futures::future::try_join(facts.alarms(ROLES[0]), facts.alarms(ROLES[1])).await?;
    let of = |role, alarms: &Arc<Vec<MetricAlarm>>| {
        let own = alarms.iter().filter(|alarm| is_of(alarm, &facts.site.pool.id));
        own.map(|alarm| (role, alarm.clone())).collect::<Vec<_>>()
    };
    Ok([of(ROLES[0], &here), of(ROLES[1], &there)].concat())
}

/// The same of the custom metric alone.
async fn rpo_alarms(facts: &Facts) -> Result<Vec<(RegionRole, MetricAlarm)>, Unavailable> {
    let mut alarms = identity_alarms(facts).await?;
    alarms.retain(|(_, alarm)| alarm.metric_name() == Some(RPO));
    Ok(alarms)
}

fn is_of(alarm: &MetricAlarm, pool: &str) -> bool {
    let pools = |dimension: &aws_sdk_cloudwatch::types::Dimension| {
        dimension.name() == Some(USER_POOL) && dimension.value() == Some(pool)
    };
    alarm.metric_name() == Some(RPO) || (alarm.namespace() == Some(COGNITO) && alarm.dimensions().iter().any(pools))
}

/// Whether an alarm goes off at that many seconds.
fn at(alarm: &MetricAlarm, seconds: f64) -> bool {
    use ComparisonOperator::{GreaterThanOrEqualToThreshold, GreaterThanThreshold};
    let upwards = [GreaterThanThreshold, GreaterThanOrEqualToThreshold];
    alarm.comparison_operator().is_some_and(|operator| upwards.contains(operator))
        && alarm.threshold().is_some_and(|threshold| (threshold - seconds).abs() < f64::EPSILON)
}

/// What thresholds there are instead, where none is that one.
async fn no_alarm_at(facts: &Facts, seconds: f64) -> CheckResult {
    let alarms = rpo_alarms(facts).await?;
    if alarms.iter().any(|(_, alarm)| at(alarm, seconds)) {
        return Ok(Vec::new());
    }
    let told = |(role, alarm): &(RegionRole, MetricAlarm)| {
        let region = &facts.site.region(*role).region;
        format!("{} in {region} at {} s", alarm.alarm_name().unwrap_or("-"), alarm.threshold().unwrap_or_default())
    };
    let others: Vec<String> = alarms.iter().map(told).collect();
    let others = if others.is_empty() { "none".to_owned() } else { others.join(", ") };
    Ok(vec![Occurrence::of(format!("cloudwatch:DescribeAlarms: alarms on {RPO}: {others}; none at {seconds} s"))])
}
