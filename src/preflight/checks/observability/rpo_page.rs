//! GD806: whether somebody is woken by a lag that breaks the objective.

use super::no_alarm_at;
use crate::preflight::checks::{BOTH, Check};
use gameday_core::model::Predicts;
use gameday_core::model::Severity::Risk;

/// Four times the SLO of 30 s, in seconds.
const PAGE_S: f64 = 120.0;

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD806",
    severity: Risk,
    regions: BOTH,
    predicts: Predicts::Nothing,
    title: "No alarm pages at a replication lag of 120 s",
    why: "At a lag of two minutes, the passwords and sign-ups of two minutes are lost if the primary fails now. The \
          on-call engineer must know this, for example to delay a planned failover.",
    remedy: "Create the alarm in the replica's Region, with the topic that pages:\n\n\
             ```sh\n\
             aws cloudwatch put-metric-alarm --region REPLICA_REGION --alarm-name identity-rpo-120s --namespace \
             GameDay \\\n  \
             --metric-name IdentityPlaneRPO --dimensions Name=UserPool,Value=USER_POOL_ID --statistic Maximum --period \
             60 \\\n  \
             --evaluation-periods 1 --threshold 120 --comparison-operator GreaterThanThreshold \\\n  \
             --treat-missing-data breaching --alarm-actions PAGER_TOPIC_ARN\n\
             ```",
    calls: &["cloudwatch:DescribeAlarms"],
    look: |facts| Box::pin(no_alarm_at(facts, PAGE_S)),
};
