//! GD802: whether refreshed tokens are seen in both Regions.

use super::without_values;
use crate::preflight::checks::{BOTH, Check};
use gameday_core::model::Predicts;
use gameday_core::model::Severity::Risk;

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD802",
    severity: Risk,
    regions: BOTH,
    predicts: Predicts::Nothing,
    title: "No token was refreshed in a Region for two weeks",
    why: "After a failover most users do not sign in: they use a refresh token from the other Region. If \
          `TokenRefreshSuccesses` has no value, it is not known whether that works, and a failure would not be \
          noticed.",
    remedy: "Let the probe of the Region also refresh the tokens of its synthetic user, then check the metric:\n\n\
             ```sh\n\
             aws cognito-idp get-tokens-from-refresh-token --region REGION --client-id CLIENT_ID --refresh-token \
             REFRESH_TOKEN\n\
             aws cloudwatch list-metrics --region REGION --namespace AWS/Cognito --metric-name TokenRefreshSuccesses\n\
             ```",
    calls: &["cloudwatch:ListMetrics"],
    look: |facts| Box::pin(without_values(facts, "TokenRefreshSuccesses")),
};
