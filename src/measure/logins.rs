use std::collections::BTreeMap;

use hdrhistogram::Histogram;

use super::interval::seconds_between;
use crate::model::{Login, LoginOutcome, LoginStep, Phase, Region};

/// Microseconds in a histogram's unit of report, milliseconds.
const US_PER_MS: f64 = 1000.0;
/// The longest latency that a histogram holds: one hour, far above every client timeout that DOMAIN.md names.
const LONGEST_US: u64 = 3_600_000_000;
/// Significant decimal digits of a recorded latency.
const DIGITS: u8 = 3;

/// Latencies of successful logins from their scheduled instant, in milliseconds of scenario time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Latency {
    /// Half of them were at most so long.
    pub p50: f64,
    /// 90 %.
    pub p90: f64,
    /// 99 %.
    pub p99: f64,
    /// 99.9 %.
    pub p999: f64,
    /// The longest.
    pub max: f64,
}

/// Some of the logins.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Group {
    /// Logins that ended, cancelled ones left out.
    pub attempted: u64,
    /// Those with a token that holds every required claim, accepted by the protected API.
    pub succeeded: u64,
    /// Of the successes; nothing where there are none.
    pub latency: Option<Latency>,
}

impl Group {
    /// The share of successes, 0 to 1; nothing where nobody tried.
    pub fn success_share(&self) -> Option<f64> {
        (self.attempted > 0).then(|| self.succeeded as f64 / self.attempted as f64)
    }
}

/// What a step of the logins took, whatever became of them, in milliseconds of scenario time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepLatency {
    /// Which step.
    pub step: LoginStep,
    /// How often it was taken.
    pub count: u64,
    /// How long.
    pub latency: Latency,
}

/// A required claim that tokens lacked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingClaim {
    /// Its name.
    pub claim: String,
    /// Which Region issued the tokens, where that is known.
    pub region: Option<Region>,
    /// How many tokens.
    pub count: u64,
}

/// Everything about the logins.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Logins {
    /// All of them.
    pub all: Group,
    /// Stopped because the run ended; counted nowhere else.
    pub cancelled: u64,
    /// By the Region that served, or was asked; nothing for logins that reached none.
    pub by_region: BTreeMap<Option<Region>, Group>,
    /// By flow.
    pub by_flow: BTreeMap<String, Group>,
    /// By the phase in which they were scheduled.
    pub by_phase: BTreeMap<Phase, Group>,
    /// By the cohort of their clients.
    pub by_cohort: BTreeMap<String, Group>,
    /// By phase and Region.
    pub by_phase_and_region: BTreeMap<(Phase, Option<Region>), Group>,
    /// By step, in the order in which a login takes them.
    pub steps: Vec<StepLatency>,
    /// Failures by [`LoginOutcome::label`].
    pub errors: BTreeMap<String, u64>,
    /// Which required claims were missing, and where.
    pub missing_claims: Vec<MissingClaim>,
    /// The successes' latencies by phase in microseconds, for the interval log.
    pub histograms: BTreeMap<Phase, Histogram<u64>>,
}

/// Counts and measures the logins.
pub(super) fn logins(logins: &[&Login]) -> Logins {
    let (cancelled, ended): (Vec<&Login>, Vec<&Login>) =
        logins.iter().copied().partition(|login| login.outcome == LoginOutcome::Cancelled);
    let mut result = Logins {
        all: tally(&ended, |_| ()).remove(&()).map(|tally| tally.group()).unwrap_or_default(),
        cancelled: cancelled.len() as u64,
        by_region: groups(&ended, |login| login.region.clone()),
        by_flow: groups(&ended, |login| login.flow.clone()),
        by_phase: groups(&ended, |login| login.phase),
        by_cohort: groups(&ended, |login| login.cohort.clone()),
        by_phase_and_region: groups(&ended, |login| (login.phase, login.region.clone())),
        steps: steps(&ended),
        histograms: tally(&ended, |login| login.phase).into_iter().map(|(phase, t)| (phase, t.histogram)).collect(),
        ..Logins::default()
    };
    let mut claims: BTreeMap<(&str, Option<&Region>), u64> = BTreeMap::new();
    for login in &ended {
        if login.outcome != LoginOutcome::Succeeded {
            *result.errors.entry(login.outcome.label()).or_default() += 1;
        }
        if let LoginOutcome::ClaimMissing { claim } = &login.outcome {
            *claims.entry((claim, login.region.as_ref())).or_default() += 1;
        }
    }
    let missing = |((claim, region), count): ((&str, Option<&Region>), u64)| MissingClaim {
        claim: claim.to_owned(),
        region: region.cloned(),
        count,
    };
    result.missing_claims = claims.into_iter().map(missing).collect();
    result
}

struct Tally {
    attempted: u64,
    histogram: Histogram<u64>,
}

impl Tally {
    fn group(&self) -> Group {
        Group { attempted: self.attempted, succeeded: self.histogram.len(), latency: latency(&self.histogram) }
    }
}

fn tally<K: Ord>(logins: &[&Login], key: impl Fn(&Login) -> K) -> BTreeMap<K, Tally> {
    let mut tallies = BTreeMap::new();
    for login in logins {
        let tally = tallies.entry(key(login)).or_insert_with(|| Tally { attempted: 0, histogram: histogram() });
        tally.attempted += 1;
        if login.outcome == LoginOutcome::Succeeded {
            record_ms(&mut tally.histogram, seconds_between(login.scheduled, login.ended) * 1000.0);
        }
    }
    tallies
}

fn groups<K: Ord>(logins: &[&Login], key: impl Fn(&Login) -> K) -> BTreeMap<K, Group> {
    tally(logins, key).into_iter().map(|(key, tally)| (key, tally.group())).collect()
}

fn steps(logins: &[&Login]) -> Vec<StepLatency> {
    let mut by_step: BTreeMap<LoginStep, Histogram<u64>> = BTreeMap::new();
    for taken in logins.iter().flat_map(|login| &login.steps) {
        record_ms(by_step.entry(taken.step).or_insert_with(histogram), taken.ms);
    }
    let summary = |(step, histogram): (LoginStep, Histogram<u64>)| {
        Some(StepLatency { step, count: histogram.len(), latency: latency(&histogram)? })
    };
    by_step.into_iter().filter_map(summary).collect()
}

/// An empty histogram of microseconds.
#[expect(clippy::expect_used, reason = "the bounds are constants")]
pub(super) fn histogram() -> Histogram<u64> {
    // Cannot fail: 1 <= low, high >= 2 * low, and at most 5 digits.
    Histogram::new_with_bounds(1, LONGEST_US, DIGITS).expect("constant bounds are valid")
}

/// Records a duration; what is out of bounds is recorded at the bound.
pub(super) fn record_ms(histogram: &mut Histogram<u64>, ms: f64) {
    // `as` saturates: negative and NaN become 0.
    histogram.saturating_record(((ms * US_PER_MS).round() as u64).max(1));
}

/// Nothing for an empty histogram.
pub(super) fn latency(histogram: &Histogram<u64>) -> Option<Latency> {
    let ms = |us: u64| us as f64 / US_PER_MS;
    // A value stands for a range of 0.1 % width; its upper end may lie above the longest that was recorded.
    let at = |quantile| ms(histogram.value_at_quantile(quantile).min(histogram.max()));
    (!histogram.is_empty()).then(|| Latency {
        p50: at(0.5),
        p90: at(0.9),
        p99: at(0.99),
        p999: at(0.999),
        max: ms(histogram.max()),
    })
}
