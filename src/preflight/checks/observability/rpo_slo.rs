//! GD811: whether the replica keeps up now.

use jiff::SignedDuration;

use super::{RPO, in_both};
use crate::model::Severity::Risk;
use crate::model::{Predicts, RegionRole};
use crate::preflight::checks::{BOTH, Check};
use crate::preflight::facts::cloudwatch::Span;
use crate::preflight::facts::{Facts, Missing};

/// The objective, in seconds.
const SLO_S: f64 = 30.0;
/// What counts as now.
const NOW: SignedDuration = SignedDuration::from_mins(15);

/// See its text.
pub const CHECK: Check = Check {
    code: "GD811",
    severity: Risk,
    regions: BOTH,
    predicts: Predicts::Nothing,
    title: "The measured replication lag is above its objective of 30 s",
    why: "What the replica has not got yet is lost if the primary goes. Above the objective a failover now would miss its RPO before \
          it has begun.",
    remedy: "Wait until the lag is back below 30 s, and find out what makes so many writes: `aws cloudwatch get-metric-data --region \
             REPLICA` for IdentityPlaneRPO, beside the rates of `UserCreation` and `UserUpdate` in Service Quotas",
    calls: &["cloudwatch:ListMetrics", "cloudwatch:GetMetricData"],
    look: |facts| Box::pin(in_both(facts, look)),
};

async fn look(facts: &Facts, role: RegionRole) -> Result<Vec<String>, Missing> {
    let span = Span { statistic: "Maximum", period_s: 60, since: NOW };
    let metrics = facts.metrics(role, RPO).await?;
    let values = facts.values(role, &metrics, span).await?;
    let latest = values.iter().filter_map(|series| series.last());
    let behind = latest.filter(|(_, value)| *value > SLO_S);
    Ok(behind.map(|(at, value)| format!("cloudwatch:GetMetricData: {RPO} was {value} s at {at}")).collect())
}
