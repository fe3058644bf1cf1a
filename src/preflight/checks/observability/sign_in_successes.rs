//! GD801: whether sign-ins are seen in both Regions.

use super::without_values;
use crate::preflight::checks::{BOTH, Check};
use gameday_core::model::Predicts;
use gameday_core::model::Severity::Risk;

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD801",
    severity: Risk,
    regions: BOTH,
    predicts: Predicts::Nothing,
    title: "No user has signed in at a Region for two weeks",
    why: "Cognito writes `SignInSuccesses` for each Region and app client. Without it no drill or probe has shown that \
          sign-in works in that Region, and an alarm on the metric has no data on the day of the failover.",
    remedy: "Sign in at the Region directly with a synthetic user every few minutes (for example with a CloudWatch \
             Synthetics canary), then check the metric:\n\n\
             ```sh\n\
             aws cognito-idp initiate-auth --region REGION --client-id CLIENT_ID --auth-flow USER_PASSWORD_AUTH \\\n  \
             --auth-parameters USERNAME=USERNAME,PASSWORD=PASSWORD\n\
             aws cloudwatch list-metrics --region REGION --namespace AWS/Cognito --metric-name SignInSuccesses\n\
             ```",
    calls: &["cloudwatch:ListMetrics"],
    look: |facts| Box::pin(without_values(facts, "SignInSuccesses")),
};
