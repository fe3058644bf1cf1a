//! GD811: whether the replica keeps up now.

use jiff::SignedDuration;

use super::{RPO, in_both};
use crate::preflight::checks::{BOTH, Check};
use crate::preflight::facts::cloudwatch::Span;
use crate::preflight::facts::{Facts, Unavailable};
use gameday_core::model::Severity::Risk;
use gameday_core::model::{Predicts, RegionRole};

/// The objective, in seconds.
const SLO_S: f64 = 30.0;
/// What counts as now.
const NOW: SignedDuration = SignedDuration::from_mins(15);

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD811",
    severity: Risk,
    regions: BOTH,
    predicts: Predicts::Nothing,
    title: "The measured replication lag is above its objective of 30 s",
    why: "Data that the replica has not received is lost if the primary fails. A failover now would miss its RPO.",
    remedy: "Wait until the lag is below 30 s, and find out what causes the writes. Compare the lag with the rates of \
             `UserCreation` and `UserUpdate` in Service Quotas:\n\n\
             ```sh\n\
             aws cloudwatch get-metric-statistics --region REPLICA_REGION --namespace GameDay --metric-name \
             IdentityPlaneRPO \\\n  \
             --dimensions Name=UserPool,Value=USER_POOL_ID --statistics Maximum --period 60 --start-time START \
             --end-time END\n\
             ```",
    calls: &["cloudwatch:ListMetrics", "cloudwatch:GetMetricData"],
    look: |facts| Box::pin(in_both(facts, look)),
};

async fn look(facts: &Facts, role: RegionRole) -> Result<Vec<String>, Unavailable> {
    let span = Span { statistic: "Maximum", period_s: 60, since: NOW };
    let metrics = facts.metrics(role, RPO).await?;
    let values = facts.values(role, &metrics, span).await?;
    let latest = values.iter().filter_map(|series| series.last());
    let behind = latest.filter(|(_, value)| *value > SLO_S);
    Ok(behind.map(|(at, value)| format!("cloudwatch:GetMetricData: {RPO} was {value} s at {at}")).collect())
}
