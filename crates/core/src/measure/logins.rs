use std::collections::{BTreeMap, HashMap};

use hdrhistogram::Histogram;

use super::confidence::clopper_pearson_95;
use super::harness::Stalls;
use super::history::{Logbook, LoginRef};
use super::interval::seconds_between;
use crate::model::{LoginOutcome, LoginStep, Phase, Region};

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
    /// Logins that ended, cancelled ones, refusals that are expected and failures of the runner itself left out.
    pub attempted: u64,
    /// Those with a token that holds every required claim, accepted by the protected API.
    pub succeeded: u64,
    /// Refusals by the replica that the scenario expects; they count nowhere else.
    pub expected_refusals: u64,
    /// Those of `attempted` of which a try was answered with TooManyRequestsException, also where a later one succeeded.
    pub throttled: u64,
    /// Failures of the runner itself, in which no service had a part; they count nowhere else.
    pub harness_failed: u64,
    /// Those of `attempted` that failed while the runner stood still: the service may not have failed them.
    pub in_doubt: u64,
    /// Of the successes; nothing where there are none.
    pub latency: Option<Latency>,
}

impl Group {
    /// The share of successes, 0 to 1; nothing where nobody tried.
    pub fn success_share(&self) -> Option<f64> {
        (self.attempted > 0).then(|| self.succeeded as f64 / self.attempted as f64)
    }

    /// Between which the true share lies at 95 % confidence, by Clopper and Pearson's exact interval, 0 to 1; nothing where nobody tried.
    pub fn success_bounds(&self) -> Option<(f64, f64)> {
        clopper_pearson_95(self.succeeded, self.attempted)
    }
}

/// What a step of the logins took, in every try and whatever became of it, in milliseconds of scenario time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepLatency {
    /// Which step.
    pub step: LoginStep,
    /// Where the try got past it.
    pub ended: Taken,
    /// Where the try failed, was refused or was given up in it: what it took until then.
    pub unfinished: Taken,
}

/// How often a step was taken.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Taken {
    /// So often.
    pub count: u64,
    /// How long it took; nothing where it never was.
    pub latency: Option<Latency>,
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
    /// By step, in the order in which a login takes them; of every try.
    pub steps: Vec<StepLatency>,
    /// Failures by how they ended.
    pub errors: BTreeMap<LoginOutcome, u64>,
    /// Which required claims were missing, and where.
    pub missing_claims: Vec<MissingClaim>,
    /// How much later than scheduled logins started, in milliseconds of scenario time; those that were not started left out.
    pub start_delay: Option<Latency>,
    /// The successes' latencies by phase in microseconds, for the interval log.
    pub histograms: BTreeMap<Phase, Histogram<u64>>,
}

/// Counts and measures the logins, in one pass.
pub(super) fn logins(book: &Logbook, stalls: &Stalls) -> Logins {
    let mut sorter = Sorter { stalls: Some(stalls), ..Sorter::default() };
    let mut cancelled = 0;
    for login in book.iter() {
        if login.cancelled() {
            cancelled += 1;
        } else {
            sorter.add(login);
        }
    }
    let named = |tallies: BTreeMap<&str, Tally>| groups(tallies.into_iter().map(|(name, t)| (name.to_owned(), t)));
    let regions = sorter.by_region.into_iter().map(|(region, tally)| (region.cloned(), tally));
    let both = sorter.by_phase_and_region.into_iter().map(|((phase, region), t)| ((phase, region.cloned()), t));
    let claim = |((claim, region), count): ((&str, Option<&Region>), u64)| MissingClaim {
        claim: claim.to_owned(),
        region: region.cloned(),
        count,
    };
    let histograms = sorter.by_phase.iter().map(|(phase, tally)| (*phase, tally.histogram.clone())).collect();
    Logins {
        all: sorter.all.group(),
        cancelled,
        by_region: groups(regions),
        by_flow: named(sorter.by_flow),
        by_phase: groups(sorter.by_phase.into_iter()),
        by_cohort: named(sorter.by_cohort),
        by_phase_and_region: groups(both),
        steps: steps(book),
        start_delay: sorter.start_delay.as_ref().and_then(latency),
        errors: sorter.errors.into_iter().map(|(outcome, count)| (outcome.clone(), count)).collect(),
        missing_claims: sorter.claims.into_iter().map(claim).collect(),
        histograms,
    }
}

/// Puts each login into every group that it belongs to.
#[derive(Default)]
struct Sorter<'a> {
    stalls: Option<&'a Stalls>,
    all: Tally,
    by_region: BTreeMap<Option<&'a Region>, Tally>,
    by_flow: BTreeMap<&'a str, Tally>,
    by_phase: BTreeMap<Phase, Tally>,
    by_cohort: BTreeMap<&'a str, Tally>,
    by_phase_and_region: BTreeMap<(Phase, Option<&'a Region>), Tally>,
    errors: HashMap<&'a LoginOutcome, u64>,
    claims: BTreeMap<(&'a str, Option<&'a Region>), u64>,
    start_delay: Option<Histogram<u64>>,
}

impl<'a> Sorter<'a> {
    fn add(&mut self, login: LoginRef<'a>) {
        let stalled = |stalls: &Stalls| stalls.touch(login.scheduled(), login.ended());
        let in_doubt = !login.succeeded() && self.stalls.is_some_and(stalled);
        self.all.add(login, in_doubt);
        self.by_region.entry(login.region()).or_default().add(login, in_doubt);
        self.by_flow.entry(login.flow()).or_default().add(login, in_doubt);
        self.by_phase.entry(login.phase()).or_default().add(login, in_doubt);
        self.by_cohort.entry(login.cohort()).or_default().add(login, in_doubt);
        self.by_phase_and_region.entry((login.phase(), login.region())).or_default().add(login, in_doubt);
        if !matches!(login.outcome(), LoginOutcome::Shed | LoginOutcome::NoSession) {
            let delay = self.start_delay.get_or_insert_with(histogram);
            record_ms(delay, seconds_between(login.scheduled(), login.started()) * 1000.0);
        }
        if (login.counts() || login.harness_failed()) && !login.succeeded() {
            *self.errors.entry(login.outcome()).or_default() += 1;
        }
        if let LoginOutcome::ClaimMissing { claim } = login.outcome() {
            *self.claims.entry((claim, login.region())).or_default() += 1;
        }
    }
}

struct Tally {
    attempted: u64,
    expected_refusals: u64,
    throttled: u64,
    harness_failed: u64,
    in_doubt: u64,
    histogram: Histogram<u64>,
}

impl Default for Tally {
    fn default() -> Self {
        let histogram = histogram();
        Self { attempted: 0, expected_refusals: 0, throttled: 0, harness_failed: 0, in_doubt: 0, histogram }
    }
}

impl Tally {
    fn add(&mut self, login: LoginRef<'_>, in_doubt: bool) {
        if login.harness_failed() {
            self.harness_failed += 1;
            return;
        }
        if !login.counts() {
            self.expected_refusals += 1;
            return;
        }
        self.attempted += 1;
        self.in_doubt += u64::from(in_doubt);
        self.throttled += u64::from(login.throttled());
        if login.succeeded() {
            record_ms(&mut self.histogram, seconds_between(login.scheduled(), login.ended()) * 1000.0);
        }
    }

    fn group(&self) -> Group {
        Group {
            attempted: self.attempted,
            succeeded: self.histogram.len(),
            expected_refusals: self.expected_refusals,
            throttled: self.throttled,
            harness_failed: self.harness_failed,
            in_doubt: self.in_doubt,
            latency: latency(&self.histogram),
        }
    }
}

fn groups<K: Ord>(tallies: impl Iterator<Item = (K, Tally)>) -> BTreeMap<K, Group> {
    tallies.map(|(key, tally)| (key, tally.group())).collect()
}

fn steps(book: &Logbook) -> Vec<StepLatency> {
    let mut steps: BTreeMap<LoginStep, StepLatency> = BTreeMap::new();
    for ((step, ended), histogram) in &book.steps {
        let taken = Taken { count: histogram.len(), latency: latency(histogram) };
        let none = StepLatency { step: *step, ended: Taken::default(), unfinished: Taken::default() };
        let row = steps.entry(*step).or_insert(none);
        if *ended {
            row.ended = taken;
        } else {
            row.unfinished = taken;
        }
    }
    steps.into_values().collect()
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
