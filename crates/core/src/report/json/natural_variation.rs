//! What makes the figures of two runs of an unchanged environment differ, in `run.json`.

use schemars::JsonSchema;
use serde::Serialize;

use crate::measure;

/// Settings of the chain that a run went through. By chance alone, two runs of an unchanged environment differ in their figures: `gameday
/// trend` and `compare` derive from this how far.
#[derive(Serialize, JsonSchema)]
pub(super) struct NaturalVariationJson {
    /// The health check's RequestInterval; null in runs of versions that did not record it.
    health_check_interval_s: Option<f64>,
    /// How many health checkers reported.
    checkers: Option<u32>,
    /// The failover record's TTL at its authoritative servers.
    record_ttl_s: Option<f64>,
    /// How long clients with a cache of their own keep an answer: those that keep it least; 0 where some have none.
    client_cache_min_s: f64,
    /// And those that keep it longest.
    client_cache_max_s: f64,
    /// The longest time between two logins of one cohort that follow each other, after the cut.
    login_gap_s: Option<f64>,
    /// From the beginning of a fault's first turn to that of its last one.
    fault_turns_s: f64,
    /// Between two canary writes.
    canary_period_s: f64,
    /// What the replication lags before the cut can have been; null where there were none.
    replication_lag_s: Option<LagRangeJson>,
}

#[derive(Serialize, JsonSchema)]
struct LagRangeJson {
    /// The shortest one, at least.
    lower_s: f64,
    /// The longest one, at most.
    upper_s: f64,
    samples: usize,
}

impl NaturalVariationJson {
    pub(super) fn of(variation: &measure::NaturalVariation) -> Self {
        Self {
            health_check_interval_s: variation.health_check_interval_s,
            checkers: variation.checkers,
            record_ttl_s: variation.record_ttl_s,
            client_cache_min_s: variation.client_cache_s.0,
            client_cache_max_s: variation.client_cache_s.1,
            login_gap_s: variation.login_gap_s,
            fault_turns_s: variation.fault_turns_s,
            canary_period_s: variation.canary_period_s,
            replication_lag_s: variation.replication_lag_s.map(|(range, samples)| LagRangeJson {
                lower_s: range.lower,
                upper_s: range.upper,
                samples,
            }),
        }
    }
}
