//! The arrival process: a pure function of load and seed.

use std::time::Duration;

use rand::{Rng, RngExt};
use rand_chacha::ChaCha12Rng;
use rand_distr::{Distribution, Exp};

use crate::model::{Cohort, Flow, Seed};
use crate::scenario::{ArrivalProcess, UserLoad};

/// A login that is to start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Arrival {
    /// Counts from 0.
    pub index: u64,
    /// After the first instant of the load.
    pub offset: Duration,
    /// How it logs in.
    pub flow: Flow,
    /// How its client caches DNS.
    pub cohort: Cohort,
    /// A number from which the user is chosen.
    pub user: u32,
    /// A number from which the address is chosen among those of the answer.
    pub address: u32,
}

/// All arrivals of a run, without end. The same load and seed give the same ones; gaps and
/// choices come from streams of their own, so that neither shifts the other.
#[derive(Debug)]
pub struct ArrivalPlan {
    load: UserLoad,
    gaps: ChaCha12Rng,
    choices: ChaCha12Rng,
    next: u64,
    offset_s: f64,
}

impl ArrivalPlan {
    /// The arrivals of a validated load.
    pub fn new(load: &UserLoad, seed: Seed) -> Self {
        let streams = (seed.stream("arrivals"), seed.stream("users"));
        Self { load: load.clone(), gaps: streams.0, choices: streams.1, next: 0, offset_s: 0.0 }
    }

    fn gap_s(&mut self) -> f64 {
        let rate = self.load.arrivals.rate.0;
        match self.load.arrivals.process {
            ArrivalProcess::Constant => 1.0 / rate,
            // Validation lets positive rates through alone; otherwise equal gaps are what is left.
            ArrivalProcess::Poisson => Exp::new(rate).map_or(1.0 / rate, |exp| exp.sample(&mut self.gaps)),
        }
    }
}

impl Iterator for ArrivalPlan {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        let gap = self.gap_s();
        let index = self.next;
        self.next += 1;
        // A constant rate is computed from the count, so that rounding cannot add up.
        self.offset_s = match self.load.arrivals.process {
            ArrivalProcess::Constant => self.next as f64 * gap,
            ArrivalProcess::Poisson => self.offset_s + gap,
        };
        let flow = pick(self.choices.random(), self.load.flows.iter().map(|of| (of.flow, of.share.0)));
        let cohort = pick(self.choices.random(), self.load.cohorts.iter().map(|of| (of.cohort, of.share.0)));
        Some(Arrival {
            index,
            offset: Duration::from_secs_f64(self.offset_s),
            flow: flow.unwrap_or(Flow::UserSrp),
            cohort: cohort.unwrap_or(Cohort::FreshLookup),
            user: self.choices.next_u32(),
            address: self.choices.next_u32(),
        })
    }
}

fn pick<T: Copy>(draw: f64, shares: impl Iterator<Item = (T, f64)>) -> Option<T> {
    let mut below = 0.0;
    let mut last = None;
    for (choice, share) in shares {
        below += share;
        last = Some(choice);
        if draw < below {
            break;
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use crate::model::{Percent, Rate};
    use crate::scenario::{Arrivals, CohortShare, FlowShare};

    use super::*;

    fn load(process: ArrivalProcess) -> UserLoad {
        let flow = |flow, share| FlowShare { flow, share: Percent(share) };
        let cohort = |cohort, share| CohortShare { cohort, share: Percent(share) };
        UserLoad {
            arrivals: Arrivals { process, rate: Rate(5.0) },
            flows: vec![flow(Flow::UserSrp, 0.75), flow(Flow::UserPassword, 0.25)],
            cohorts: vec![cohort(Cohort::FreshLookup, 0.5), cohort(Cohort::HonoursTtl, 0.5)],
        }
    }

    #[test]
    fn the_same_seed_repeats_every_arrival_and_another_does_not() {
        let plan = |seed| ArrivalPlan::new(&load(ArrivalProcess::Poisson), Seed(seed)).take(200).collect::<Vec<_>>();
        assert_eq!(plan(1), plan(1));
        assert_ne!(plan(1), plan(2));
    }

    #[test]
    fn rates_and_shares_come_out_as_written() {
        for process in [ArrivalProcess::Constant, ArrivalProcess::Poisson] {
            let arrivals: Vec<Arrival> = ArrivalPlan::new(&load(process), Seed(3)).take(20_000).collect();
            let rate = arrivals.len() as f64 / arrivals.last().unwrap().offset.as_secs_f64();
            let srp = arrivals.iter().filter(|arrival| arrival.flow == Flow::UserSrp).count() as f64 / 20_000.0;
            assert!((rate - 5.0).abs() < 0.2, "{process:?}: {rate}/s");
            assert!((srp - 0.75).abs() < 0.02, "{srp}");
            assert!(arrivals.windows(2).all(|pair| pair[0].offset <= pair[1].offset));
        }
    }
}
