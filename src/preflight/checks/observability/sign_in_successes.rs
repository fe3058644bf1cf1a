//! GD801: whether sign-ins are seen in both Regions.

use super::without_values;
use crate::model::Predicts;
use crate::model::Severity::Risk;
use crate::preflight::checks::{BOTH, Check};

/// See its text.
pub const CHECK: Check = Check {
    code: "GD801",
    severity: Risk,
    regions: BOTH,
    predicts: Predicts::Nothing,
    title: "Nobody has signed in in a Region for two weeks",
    why: "Cognito writes `SignInSuccesses` for each Region and app client. A Region without it has signed nobody in: no drill and no \
          probe has proved that it can, and an alarm on it has nothing to look at on the day of the failover.",
    remedy: "Sign in at the Region directly with a synthetic user, every few minutes (a CloudWatch Synthetics canary, or \
             `aws cognito-idp initiate-auth --region REGION`), and look at the metric: `aws cloudwatch list-metrics --region REGION \
             --namespace AWS/Cognito --metric-name SignInSuccesses`",
    calls: &["cloudwatch:ListMetrics"],
    look: |facts| Box::pin(without_values(facts, "SignInSuccesses")),
};
