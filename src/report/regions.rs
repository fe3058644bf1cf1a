//! Where logins succeeded, phase by phase: what the failover looks like from the two Regions.

use std::collections::BTreeMap;

use super::words::percent;
use crate::measure::{Outcome, seconds_between};
use crate::model::Region;

pub(super) struct Regions {
    pub names: Vec<String>,
    /// The phases in which logins were scheduled.
    pub rows: Vec<PhaseShares>,
}

pub(super) struct PhaseShares {
    pub name: &'static str,
    pub attempted: u64,
    /// Of the phase's logins, what succeeded at each Region, from 0 to 1.
    pub shares: Vec<f64>,
    /// The same as text.
    pub cells: Vec<String>,
    /// Seconds after the cut; nothing where nothing was cut.
    pub at: Option<(f64, f64)>,
}

impl Regions {
    pub fn of(outcome: &Outcome) -> Self {
        let groups = &outcome.logins.by_phase_and_region;
        let mut succeeded: BTreeMap<&Region, u64> = BTreeMap::new();
        for ((_, region), group) in groups {
            if let Some(region) = region {
                *succeeded.entry(region).or_default() += group.succeeded;
            }
        }
        let regions: Vec<&Region> = succeeded.into_keys().collect();
        let row = |span: &crate::measure::PhaseSpan| {
            let attempted = outcome.logins.by_phase.get(&span.phase)?.attempted;
            let share = |region: &&Region| {
                let group = groups.get(&(span.phase, Some((*region).clone())));
                group.map_or(0, |group| group.succeeded) as f64 / attempted as f64
            };
            let shares: Vec<f64> = regions.iter().map(share).collect();
            let end = span.end.unwrap_or(outcome.last_at).max(span.start);
            (attempted > 0).then(|| PhaseShares {
                name: span.phase.as_str(),
                attempted,
                cells: shares.iter().map(|share| percent(*share)).collect(),
                shares,
                at: outcome.zero_at.map(|zero| (seconds_between(zero, span.start), seconds_between(zero, end))),
            })
        };
        Self {
            rows: outcome.phases.iter().filter_map(row).collect(),
            names: regions.iter().map(ToString::to_string).collect(),
        }
    }
}
