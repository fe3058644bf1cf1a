//! GD802: whether refreshed tokens are seen in both Regions.

use super::without_values;
use crate::model::Predicts;
use crate::model::Severity::Risk;
use crate::preflight::checks::{BOTH, Check};

/// See its text.
pub const CHECK: Check = Check {
    code: "GD802",
    severity: Risk,
    regions: BOTH,
    predicts: Predicts::Nothing,
    title: "No token was refreshed in a Region for two weeks",
    why: "After a failover most users do not sign in: they come with a refresh token from the other Region. Where \
          `TokenRefreshSuccesses` has no value, nobody has seen that work, and nobody would see it fail.",
    remedy: "Let the probe of the Region refresh the tokens of its synthetic user, too, then look at the metric: `aws cloudwatch \
             list-metrics --region REGION --namespace AWS/Cognito --metric-name TokenRefreshSuccesses`",
    calls: &["cloudwatch:ListMetrics"],
    look: |facts| Box::pin(without_values(facts, "TokenRefreshSuccesses")),
};
