//! GD805: whether somebody hears of a long lag.

use super::no_alarm_at;
use crate::model::Predicts;
use crate::model::Severity::Risk;
use crate::preflight::checks::{BOTH, Check};

/// Twice the SLO of 30 s, in seconds.
const ALARM_S: f64 = 60.0;

/// See its text.
pub const CHECK: Check = Check {
    code: "GD805",
    severity: Risk,
    regions: BOTH,
    predicts: Predicts::Nothing,
    title: "No alarm goes off at a replication lag of 60 s",
    why: "The plane's objective is a lag below 30 s. Twice that is the time to look, while a failover would still lose little; \
          without an alarm the first to see it is whoever fails over.",
    remedy: "`aws cloudwatch put-metric-alarm --region REPLICA --alarm-name identity-rpo-60s --namespace GameDay --metric-name \
             IdentityPlaneRPO --dimensions Name=UserPool,Value=POOL --statistic Maximum --period 60 --evaluation-periods 1 \
             --threshold 60 --comparison-operator GreaterThanThreshold --treat-missing-data breaching --alarm-actions TOPIC_ARN`",
    calls: &["cloudwatch:DescribeAlarms"],
    look: |facts| Box::pin(no_alarm_at(facts, ALARM_S)),
};
