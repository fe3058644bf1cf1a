//! GD3xx: replication, native or by hand.

mod alarm;
mod groups;
mod lag;
mod metrics;
mod missing;
mod regions;
mod role;
mod sample;
mod status;
mod user_count;

use std::time::Duration;

use super::Check;
use crate::preflight::facts::Facts;

/// By code.
pub const ALL: &[&Check] = &[
    &missing::CHECK,
    &status::CHECK,
    &role::CHECK,
    &user_count::CHECK,
    &sample::CHECK,
    &groups::CHECK,
    &metrics::CHECK,
    &alarm::CHECK,
    &lag::CHECK,
    &regions::CHECK,
];

/// So many users are compared, each by two calls in each Region: fifty looks at groups a second are allowed (Cognito developer guide,
/// "Quotas in Amazon Cognito", UserResourceRead).
const SAMPLE: usize = 20;
/// The lag that is aimed at where the environment file says nothing: the reference architecture's RPO.
const LAG_SLO: Duration = Duration::from_secs(30);
/// How the metric of the lag is called, where it exists.
const LAG_METRIC: &str = "ReplicationLag";

/// What replication may be behind.
fn slo(facts: &Facts) -> Duration {
    facts.site.preflight.lag_slo.map_or(LAG_SLO, |span| span.0)
}
