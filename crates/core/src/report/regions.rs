//! Where logins succeeded, phase by phase and over time: what the failover looks like from the two Regions.

use std::collections::BTreeMap;

use super::words::{percent, window};
use crate::measure::{AVAILABILITY_WINDOW_S, Outcome, Second};
use crate::model::Region;

/// Widths that the windows of a picture may have, in seconds.
const WIDTHS: [f64; 10] = [AVAILABILITY_WINDOW_S, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0];
/// Windows that fit into one picture, and its table.
const MOST_WINDOWS: f64 = 240.0;
/// Logins that a window should have: the success rate of fewer jumps.
const LOGINS_EACH: f64 = 5.0;

pub(super) struct Regions {
    pub names: Vec<String>,
    /// The phases in which logins were scheduled.
    pub rows: Vec<PhaseShares>,
    /// The same over time, in the measure's windows or in wider ones; empty where no fault was injected.
    pub windows: Vec<WindowShares>,
    /// How wide each is, in seconds.
    pub width_s: f64,
}

/// Logins that were scheduled in one window.
pub(super) struct WindowShares {
    /// Its beginning, in seconds after fault injection.
    pub from_s: f64,
    /// From when to when, for people.
    pub label: String,
    pub attempted: u64,
    /// What of them succeeded at each Region, from 0 to 1.
    pub shares: Vec<f64>,
    /// The same as text.
    pub cells: Vec<String>,
}

pub(super) struct PhaseShares {
    pub name: &'static str,
    pub attempted: u64,
    /// Of the phase's logins, what succeeded at each Region, as text.
    pub cells: Vec<String>,
}

impl Regions {
    pub(super) fn of(outcome: &Outcome) -> Self {
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
            (attempted > 0).then(|| PhaseShares {
                name: span.phase.as_str(),
                attempted,
                cells: regions.iter().map(|region| percent(share(region))).collect(),
            })
        };
        let seconds = outcome.availability.as_ref().map_or(&[][..], |availability| &availability.windows);
        let width_s = width(seconds);
        Self {
            rows: outcome.phases.iter().filter_map(row).collect(),
            names: regions.iter().map(ToString::to_string).collect(),
            windows: windows(seconds, width_s, &regions),
            width_s,
        }
    }
}

/// The narrowest width with which they are few enough, and have enough logins.
fn width(seconds: &[Second]) -> f64 {
    let (Some(first), Some(last)) = (seconds.first(), seconds.last()) else { return AVAILABILITY_WINDOW_S };
    let span_s = last.from_s - first.from_s + AVAILABILITY_WINDOW_S;
    let logins: u64 = seconds.iter().map(|second| second.attempted).sum();
    let least = (span_s / MOST_WINDOWS).max(LOGINS_EACH * span_s / logins.max(1) as f64);
    let [.., widest] = WIDTHS;
    WIDTHS.into_iter().find(|width| *width >= least).unwrap_or(widest)
}

fn windows(seconds: &[Second], width_s: f64, regions: &[&Region]) -> Vec<WindowShares> {
    let number = |second: &Second| (second.from_s / width_s).floor() as i64;
    let merged = |chunk: &[Second]| {
        let attempted: u64 = chunk.iter().map(|second| second.attempted).sum();
        let share = |region: &&Region| {
            let here = chunk.iter().filter_map(|second| second.by_region.get(&Some((*region).clone())));
            here.map(|(_, succeeded)| succeeded).sum::<u64>() as f64 / attempted.max(1) as f64
        };
        let shares: Vec<f64> = regions.iter().map(share).collect();
        let cells = shares.iter().map(|share| percent(*share)).collect();
        let from_s = chunk.first().map_or(0, number) as f64 * width_s;
        WindowShares { from_s, label: window(from_s, from_s + width_s), attempted, shares, cells }
    };
    seconds.chunk_by(|one, next| number(one) == number(next)).map(merged).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(from_s: f64, attempted: u64, replica: u64) -> Second {
        let by_region =
            BTreeMap::from([(Some(Region::from("eu-west-1")), (replica, replica)), (None, (attempted - replica, 0))]);
        Second { from_s, attempted, succeeded: replica, by_region }
    }

    #[test]
    fn a_window_is_as_wide_as_its_logins_and_the_picture_need() {
        let every =
            |count: u32, attempted| (0..count).map(|at| second(f64::from(at), attempted, 0)).collect::<Vec<_>>();
        let widths = [every(200, 5), every(200, 1), every(3600, 5), every(1_000_000, 5), Vec::new()];
        assert_eq!(widths.map(|seconds| width(&seconds) as u32), [1, 5, 20, 600, 1]);
    }

    #[test]
    fn windows_merge_seconds_from_before_the_cut_on() {
        let region = Region::from("eu-west-1");
        let seconds = [second(-3.0, 2, 1), second(-1.0, 2, 2), second(0.0, 4, 0), second(7.0, 1, 1)];
        let merged = windows(&seconds, 5.0, &[&region]);
        let of = |window: &WindowShares| (window.from_s, window.attempted, window.shares[0]);
        assert_eq!(merged.iter().map(of).collect::<Vec<_>>(), [(-5.0, 4, 0.75), (0.0, 4, 0.0), (5.0, 1, 1.0)]);
        assert_eq!(merged[0].cells, ["75.00 %"]);
    }
}
