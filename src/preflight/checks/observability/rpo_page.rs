//! GD806: whether somebody is woken by a lag that breaks the objective.

use super::no_alarm_at;
use crate::model::Predicts;
use crate::model::Severity::Risk;
use crate::preflight::checks::{BOTH, Check};

/// Four times the SLO of 30 s, in seconds.
const PAGE_S: f64 = 120.0;

/// See its text.
pub const CHECK: Check = Check {
    code: "GD806",
    severity: Risk,
    regions: BOTH,
    predicts: Predicts::Nothing,
    title: "Nobody is paged at a replication lag of 120 s",
    why: "A lag of two minutes means that passwords and sign-ups of two minutes are lost if the primary goes now. That is worth waking \
          somebody, who may hold back a planned failover.",
    remedy: "`aws cloudwatch put-metric-alarm --region REPLICA --alarm-name identity-rpo-120s --namespace GameDay --metric-name \
             IdentityPlaneRPO --dimensions Name=UserPool,Value=POOL --statistic Maximum --period 60 --evaluation-periods 1 \
             --threshold 120 --comparison-operator GreaterThanThreshold --treat-missing-data breaching --alarm-actions \
             PAGER_TOPIC_ARN`",
    calls: &["cloudwatch:DescribeAlarms"],
    look: |facts| Box::pin(no_alarm_at(facts, PAGE_S)),
};
