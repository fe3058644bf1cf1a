//! GD805: whether somebody hears of a long lag.

use super::no_alarm_at;
use crate::preflight::checks::{BOTH, Check};
use gameday_core::model::Predicts;
use gameday_core::model::Severity::Risk;

/// Twice the SLO of 30 s, in seconds.
const ALARM_S: f64 = 60.0;

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD805",
    severity: Risk,
    regions: BOTH,
    predicts: Predicts::Nothing,
    title: "No alarm on a replication lag of 60 s",
    why: "The objective is a lag below 30 s. An alarm at twice that value gives time to react while a failover would \
          still lose little. Without it, the lag is first noticed at the failover.",
    remedy: "Create the alarm in the replica's Region:\n\n\
             ```sh\n\
             aws cloudwatch put-metric-alarm --region REPLICA_REGION --alarm-name identity-rpo-60s --namespace GameDay \
             \\\n  \
             --metric-name IdentityPlaneRPO --dimensions Name=UserPool,Value=USER_POOL_ID --statistic Maximum --period \
             60 \\\n  \
             --evaluation-periods 1 --threshold 60 --comparison-operator GreaterThanThreshold \\\n  \
             --treat-missing-data breaching --alarm-actions TOPIC_ARN\n\
             ```",
    calls: &["cloudwatch:DescribeAlarms"],
    look: |facts| Box::pin(no_alarm_at(facts, ALARM_S)),
};
