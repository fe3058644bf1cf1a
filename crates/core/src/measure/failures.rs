//! Why logins failed, where and when; who tried again; and who was throttled.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;

use super::history::{Logbook, LoginRef};
use super::interval::seconds_between;
use super::timeline::Timeline;
use crate::model::{LoginOutcome, Mutation, Phase, Region};

/// How wide the windows of [`Throttling`] are, in seconds of scenario time.
const THROTTLE_WINDOW_S: f64 = 10.0;
/// The call that changes an enforced rate (Cognito API reference), and the beginning of the name of the one that puts it back.
const LIMIT_CALL: &str = "cognito-idp:UpdateProvisionedLimit";

/// Logins that failed in the same way at the same Region.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// How they ended.
    pub outcome: LoginOutcome,
    /// Where, if a Region was reached.
    pub region: Option<Region>,
    /// How many, by the phase in which they were scheduled.
    pub by_phase: BTreeMap<Phase, u64>,
    /// When the first one ended, in seconds after `zero_at`; nothing where nothing was cut.
    pub first_s: Option<f64>,
    /// When the last one ended.
    pub last_s: Option<f64>,
}

impl Failure {
    /// All of them.
    pub fn count(&self) -> u64 {
        self.by_phase.values().sum()
    }
}

/// The most frequent first.
pub(super) fn failures(book: &Logbook, zero: Option<Timestamp>) -> Vec<Failure> {
    type PhaseCounts = (BTreeMap<Phase, u64>, Timestamp, Timestamp);
    let mut seen: HashMap<(&LoginOutcome, Option<&Region>), PhaseCounts> = HashMap::new();
    for login in book.iter().filter(|login| login.counts() && !login.succeeded()) {
        let ended = login.ended();
        let failure = seen.entry((login.outcome(), login.region())).or_insert_with(|| (BTreeMap::new(), ended, ended));
        *failure.0.entry(login.phase()).or_default() += 1;
        (failure.1, failure.2) = (failure.1.min(ended), failure.2.max(ended));
    }
    let after = |at: Timestamp| zero.map(|zero| seconds_between(zero, at));
    let failure =
        |((outcome, region), (by_phase, first, last)): ((&LoginOutcome, Option<&Region>), PhaseCounts)| Failure {
            outcome: outcome.clone(),
            region: region.cloned(),
            by_phase,
            first_s: after(first),
            last_s: after(last),
        };
    let mut all: Vec<Failure> = seen.into_iter().map(failure).collect();
    all.sort_by_cached_key(|failure| (Reverse(failure.count()), failure.outcome.label(), failure.region.clone()));
    all
}

/// Logins that were tried more than once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tries {
    /// Logins whose client tried again.
    pub retried: u64,
    /// Those of them that succeeded: by a retry alone.
    pub succeeded_by_retry: u64,
    /// By the number of tries: logins, and those that succeeded.
    pub by_tries: BTreeMap<u8, (u64, u64)>,
    /// Why tries before the last one failed.
    pub failed: BTreeMap<LoginOutcome, u64>,
    /// Arrivals that repeat one that failed: users who try again.
    pub repeats: u64,
    /// Users who got in after a failure, by the number of arrivals that it took.
    pub signed_in_again: BTreeMap<u32, u64>,
    /// Where users try again: those whose last arrival up to the end of the run failed.
    pub gave_up: u64,
}

pub(super) fn tries(book: &Logbook) -> Tries {
    let mut found = Tries::default();
    for (outcome, count) in book.earlier() {
        *found.failed.entry(outcome.clone()).or_default() += count;
    }
    let mut repeats: Vec<LoginRef<'_>> = Vec::new();
    for login in book.iter().filter(|login| !login.cancelled()) {
        let (all, good) = found.by_tries.entry(login.tries()).or_default();
        (*all, *good) = (*all + 1, *good + u64::from(login.succeeded()));
        if login.tries() > 1 {
            found.retried += 1;
            found.succeeded_by_retry += u64::from(login.succeeded());
        }
        repeats.extend(login.retry_of().is_some().then_some(login));
    }
    found.repeats = repeats.len() as u64;
    // An arrival repeats an earlier one, so in this order its predecessor's number is known.
    repeats.sort_by_key(|login| login.arrival());
    let mut numbers: HashMap<u32, u32> = HashMap::new();
    for login in &repeats {
        let before = login.retry_of().and_then(|first| numbers.get(&first)).copied().unwrap_or(1);
        numbers.insert(login.arrival(), before + 1);
    }
    let repeated: BTreeSet<u32> = repeats.iter().filter_map(|login| login.retry_of()).collect();
    for login in repeats {
        if login.succeeded() {
            *found.signed_in_again.entry(numbers[&login.arrival()]).or_default() += 1;
        }
    }
    // Also those who were still waiting to come again when the run stopped.
    let stayed_out =
        |login: &LoginRef<'_>| login.counts() && !login.succeeded() && !repeated.contains(&login.arrival());
    found.gave_up = if repeated.is_empty() { 0 } else { book.iter().filter(stayed_out).count() as u64 };
    found
}

/// How many of a Region's logins were throttled.
#[derive(Debug, Clone, PartialEq)]
pub struct Throttling {
    /// Where.
    pub region: Region,
    /// All of its logins.
    pub all: Throttled,
    /// By the moment for which they were scheduled, in windows of 10 s of scenario time from `zero_at`; those from the first with
    /// throttled logins to the last.
    pub windows: Vec<(f64, Throttled)>,
    /// Before and after the enforced rate was changed, where it was.
    pub raised: Option<Raised>,
}

/// Some of a Region's logins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Throttled {
    /// Those that ended.
    pub attempted: u64,
    /// Those of which a try was answered with TooManyRequestsException.
    pub throttled: u64,
}

impl Throttled {
    fn add(&mut self, login: LoginRef<'_>) {
        self.attempted += 1;
        self.throttled += u64::from(login.throttled());
    }

    /// From 0 to 1; nothing where nobody tried.
    pub fn share(self) -> Option<f64> {
        (self.attempted > 0).then(|| self.throttled as f64 / self.attempted as f64)
    }
}

/// A change of the enforced rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Raised {
    /// When the call was answered, in seconds after `zero_at`.
    pub at_s: f64,
    /// Logins since the cut that had ended when the call was sent; since the first login where nothing was cut before it.
    pub before: Throttled,
    /// Logins that were scheduled after its answer, up to the next such call.
    pub after: Throttled,
}

/// Of the Regions in which logins were throttled or whose rate was changed.
pub(super) fn throttling(book: &Logbook, line: &Timeline<'_>) -> Vec<Throttling> {
    let Some(zero) = line.zero else { return Vec::new() };
    let change = |m: &&Mutation| m.call.starts_with(LIMIT_CALL) && m.error.is_none();
    let mut changes: Vec<&Mutation> = line.mutations.iter().copied().filter(change).collect();
    changes.sort_by_key(|m| m.window.sent);
    let mut regions: BTreeMap<&Region, AtRegion<'_>> = BTreeMap::new();
    for login in book.iter().filter(|login| login.counts()) {
        if let Some(region) = login.region() {
            regions.entry(region).or_insert_with(|| AtRegion::new(region, zero, &changes)).add(login);
        }
    }
    regions.into_iter().filter_map(|(region, at)| at.throttling(region)).collect()
}

/// The logins at one Region, as they are counted.
struct AtRegion<'a> {
    zero: Timestamp,
    changes: Vec<&'a Mutation>,
    all: Throttled,
    windows: BTreeMap<i64, Throttled>,
    before: Throttled,
    after: Throttled,
}

impl<'a> AtRegion<'a> {
    fn new(region: &Region, zero: Timestamp, changes: &[&'a Mutation]) -> Self {
        let changes = changes.iter().copied().filter(|m| m.region == *region).collect();
        let none = Throttled::default();
        Self { zero, changes, all: none, windows: BTreeMap::new(), before: none, after: none }
    }

    fn add(&mut self, login: LoginRef<'_>) {
        self.all.add(login);
        let window = (seconds_between(self.zero, login.scheduled()) / THROTTLE_WINDOW_S).floor() as i64;
        self.windows.entry(window).or_default().add(login);
        let Some(first) = self.changes.first().map(|m| m.window) else { return };
        let next = self.changes.get(1).map(|m| m.window.sent);
        let since_cut = self.zero >= first.sent || login.scheduled() >= self.zero;
        if login.ended() <= first.sent && since_cut {
            self.before.add(login);
        } else if login.scheduled() >= first.received && next.is_none_or(|next| login.ended() <= next) {
            self.after.add(login);
        }
    }

    fn throttling(self, region: &Region) -> Option<Throttling> {
        let hit = |(number, window): (&i64, &Throttled)| (window.throttled > 0).then_some(*number);
        let (first, last) = (self.windows.iter().find_map(hit), self.windows.iter().rev().find_map(hit));
        let shown = first.zip(last).map(|(first, last)| self.windows.range(first..=last)).into_iter().flatten();
        let windows = shown.map(|(number, window)| (*number as f64 * THROTTLE_WINDOW_S, *window)).collect();
        let at = self.changes.first().map(|m| seconds_between(self.zero, m.window.received));
        let raised = at.map(|at_s| Raised { at_s, before: self.before, after: self.after });
        let told = self.all.throttled > 0 || raised.is_some();
        told.then(|| Throttling { region: region.clone(), all: self.all, windows, raised })
    }
}
