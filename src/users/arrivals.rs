//! The arrival process: a pure function of load and seed.

use std::time::Duration;

use rand::{Rng, RngExt};
use rand_chacha::ChaCha12Rng;
use rand_distr::{Distribution, Exp1};

use gameday_core::model::Seed;
use gameday_core::scenario::{ArrivalProcess, Arrivals, UserLoad};

/// A login that is to start.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Arrival {
    /// Counts from 0.
    pub index: u64,
    /// After the first instant of the load.
    pub offset: Duration,
    /// How it logs in: an index into the load's flows.
    pub flow: usize,
    /// What its client is like: an index into the load's cohorts.
    pub cohort: usize,
    /// A number from which the user is chosen.
    pub user: u32,
    /// A number from which the address is chosen among those of the answer.
    pub address: u32,
}

/// All arrivals of a run, without end. The same load and seed give the same ones; gaps and
/// choices come from streams of their own, so that neither shifts the other.
#[derive(Debug)]
pub struct ArrivalPlan {
    pace: Pace,
    /// Equal gaps, else independent ones.
    regular: bool,
    flows: Vec<f64>,
    cohorts: Vec<f64>,
    gaps: ChaCha12Rng,
    choices: ChaCha12Rng,
    next: u64,
    /// How many arrivals were to be expected by now.
    expected: f64,
}

impl ArrivalPlan {
    /// The arrivals of a validated load.
    pub fn new(load: &UserLoad, seed: Seed) -> Self {
        Self {
            pace: Pace::of(&load.arrivals),
            regular: load.arrivals.process == ArrivalProcess::Constant,
            flows: load.flows.iter().map(|of| of.share.0).collect(),
            cohorts: load.cohorts.iter().map(|of| of.share.0).collect(),
            gaps: seed.stream("arrivals"),
            choices: seed.stream("users"),
            next: 0,
            expected: 0.0,
        }
    }
}

impl Iterator for ArrivalPlan {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        let index = self.next;
        self.next += 1;
        // Regular arrivals are computed from the count, so that rounding cannot add up.
        self.expected = if self.regular { index as f64 } else { self.expected + unit_gap(&mut self.gaps) };
        Some(Arrival {
            index,
            offset: Duration::try_from_secs_f64(self.pace.when(self.expected)).unwrap_or(Duration::MAX),
            flow: pick(self.choices.random(), &self.flows),
            cohort: pick(self.choices.random(), &self.cohorts),
            user: self.choices.next_u32(),
            address: self.choices.next_u32(),
        })
    }
}

/// A gap of a Poisson process of rate 1.
fn unit_gap(rng: &mut ChaCha12Rng) -> f64 {
    Exp1.sample(rng)
}

/// How many arrivals are to be expected until when: a rate that is constant, or goes evenly from one value to another.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Pace {
    from: f64,
    to: f64,
    over_s: f64,
}

impl Pace {
    fn of(arrivals: &Arrivals) -> Self {
        let from = arrivals.rate.0;
        match (arrivals.to, arrivals.over) {
            (Some(to), Some(over)) => Self { from, to: to.0, over_s: over.0.as_secs_f64() },
            _ => Self { from, to: from, over_s: 0.0 },
        }
    }

    /// The second at which so many are to be expected: the rate's integral, inverted.
    fn when(self, expected: f64) -> f64 {
        let in_ramp = f64::midpoint(self.from, self.to) * self.over_s;
        if expected >= in_ramp {
            return self.over_s + (expected - in_ramp) / self.to;
        }
        // from * t + slope * t * t / 2 = expected, in the form that does not cancel for small slopes.
        let slope = (self.to - self.from) / self.over_s;
        2.0 * expected / (self.from + (self.from * self.from + 2.0 * slope * expected).max(0.0).sqrt())
    }
}

fn pick(draw: f64, shares: &[f64]) -> usize {
    let mut below = 0.0;
    let drawn = shares.iter().position(|share| {
        below += share;
        draw < below
    });
    // What rounding leaves over belongs to the last one.
    drawn.unwrap_or(shares.len().saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn load(arrivals: &str) -> UserLoad {
        let text = format!(
            "arrivals = {{ {arrivals} }}\n\
             flows = [{{ flow = \"USER_SRP_AUTH\", share = \"75%\" }}, {{ flow = \"USER_PASSWORD_AUTH\", share = \"25%\" }}]\n\
             cohorts = [{{ cohort = \"fresh-lookup\", share = \"50%\" }}, {{ cohort = \"honours-ttl\", share = \"50%\" }}]\n"
        );
        toml::from_str(&text).unwrap()
    }

    #[test]
    fn the_same_seed_repeats_every_arrival_and_another_does_not() {
        let load = load("process = \"poisson\", rate = \"5/s\"");
        let plan = |seed| ArrivalPlan::new(&load, Seed(seed)).take(200).collect::<Vec<_>>();
        assert_eq!(plan(1), plan(1));
        assert_ne!(plan(1), plan(2));
    }

    #[test]
    fn rates_and_shares_come_out_as_written() {
        for process in ["constant", "poisson"] {
            let load = load(&format!("process = \"{process}\", rate = \"5/s\""));
            let arrivals: Vec<Arrival> = ArrivalPlan::new(&load, Seed(3)).take(20_000).collect();
            let rate = arrivals.len() as f64 / arrivals.last().unwrap().offset.as_secs_f64();
            let srp = arrivals.iter().filter(|arrival| arrival.flow == 0).count() as f64 / 20_000.0;
            assert!((rate - 5.0).abs() < 0.2, "{process}: {rate}/s");
            assert!((srp - 0.75).abs() < 0.02, "{srp}");
            assert!(arrivals.windows(2).all(|pair| pair[0].offset <= pair[1].offset));
        }
    }

    #[test]
    fn a_ramp_grows_evenly_and_then_stays() {
        let load = load("process = \"ramp\", rate = \"10/s\", to = \"50/s\", over = \"100s\"");
        let offsets: Vec<f64> = ArrivalPlan::new(&load, Seed(4))
            .map(|arrival| arrival.offset.as_secs_f64())
            .take_while(|s| *s < 200.0)
            .collect();
        let between = |from: f64, to: f64| offsets.iter().filter(|s| (from..to).contains(*s)).count() as f64;
        // The expected numbers, give or take four standard deviations.
        for (from, to, expected) in [(0.0, 50.0, 1000.0), (50.0, 100.0, 2000.0), (100.0, 200.0, 5000.0)] {
            let came = between(from, to);
            assert!((came - expected).abs() < 4.0 * f64::sqrt(expected), "{from} s to {to} s: {came}, not {expected}");
        }
    }

    proptest! {
        #[test]
        fn the_inverted_integral_is_the_inverse(from in 0.1_f64..500.0, to in 0.1_f64..500.0, over_s in 0.1_f64..1000.0, t in 0.0_f64..2000.0) {
            let pace = Pace { from, to, over_s };
            let ramp = t.min(over_s);
            let expected = from * ramp + (to - from) * ramp * ramp / (2.0 * over_s) + to * (t - ramp);
            prop_assert!((pace.when(expected) - t).abs() < 1e-6 * t.max(1.0), "{} instead of {t}", pace.when(expected));
        }
    }
}
