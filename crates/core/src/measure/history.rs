//! What happened in a run, as its records are read: the logins in compact rows, everything else as it was recorded.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

use hdrhistogram::Histogram;
use jiff::Timestamp;

use super::logins::{histogram, record_ms};
use crate::model::{
    Event, Login, LoginOutcome, LoginStep, Phase, Record, Region, RegionRole, SessionCall, SessionStep,
};

/// What [`outcome`](super::outcome) is computed from. A login takes 64 bytes here, a tenth of its record's size, so that a
/// run of millions of them can be reported.
#[derive(Debug, Default)]
pub struct History {
    /// All but logins and what was done in sessions.
    pub(super) records: Vec<Record>,
    pub(super) logins: Logbook,
    pub(super) calls: CallBook,
    last: Option<Timestamp>,
    /// Whether a login or a session's call stood before every other record.
    headless: bool,
}

impl History {
    /// Takes the next record of the log.
    pub fn take(&mut self, record: Record) {
        self.last = self.last.max(Some(record.at));
        match record.event {
            Event::Login(login) => {
                self.headless |= self.records.is_empty();
                self.logins.take(&login);
            }
            Event::Session(call) => {
                self.headless |= self.records.is_empty();
                self.calls.take(&call);
            }
            _ => self.records.push(record),
        }
    }

    /// The first record of the log, where it is neither a login nor a session's call.
    pub(super) fn first(&self) -> Option<&Record> {
        self.records.first().filter(|_| !self.headless)
    }

    /// When the last record was written.
    pub(super) fn last_at(&self) -> Option<Timestamp> {
        self.last
    }
}

impl FromIterator<Record> for History {
    fn from_iter<I: IntoIterator<Item = Record>>(records: I) -> Self {
        let mut history = Self::default();
        records.into_iter().for_each(|record| history.take(record));
        history
    }
}

/// The logins of a run.
#[derive(Debug, Default)]
pub(super) struct Logbook {
    rows: Vec<LoginRow>,
    flows: Names<String>,
    cohorts: Names<String>,
    regions: Names<Region>,
    outcomes: Names<LoginOutcome>,
    /// What the steps took, of every try of logins that were not cancelled, in microseconds: those that ended (`true`) and those that did
    /// not apart.
    pub steps: BTreeMap<(LoginStep, bool), Histogram<u64>>,
    /// Tries before the last one, by the numbers of their outcomes.
    earlier: BTreeMap<u32, u64>,
}

/// No number, where there may be one.
const NONE: u32 = u32::MAX;
/// No moment.
const NEVER: i64 = i64::MIN;

/// A login. Moments are nanoseconds after the Unix epoch, names are numbers in the book's lists.
#[derive(Debug, Clone, Copy)]
struct LoginRow {
    scheduled: i64,
    started: i64,
    ended: i64,
    api_sent: i64,
    /// Four thousand million arrivals are beyond any run.
    arrival: u32,
    retry_of: u32,
    flow: u32,
    cohort: u32,
    region: u32,
    outcome: u32,
    /// What its lookup and its connection took, in milliseconds.
    connect_ms: f32,
    phase: Phase,
    role: Option<RegionRole>,
    /// The last one counted; 255 stands for more.
    tries: u8,
    marks: Marks,
}

/// What else is told of a login, in one byte.
#[derive(Debug, Clone, Copy)]
struct Marks(u8);

impl Marks {
    const HELD: u8 = 1;
    const BROKEN: u8 = 2;
    const THROTTLED: u8 = 4;
    const UNTOLD: u8 = 8;

    fn of(login: &Login) -> Self {
        let is_throttled = |outcome: &LoginOutcome| matches!(outcome, LoginOutcome::Throttled { .. });
        // Tries elsewhere say nothing of the Region by which the login is counted.
        let earlier = login.earlier.iter().any(|failed| failed.role == login.role && is_throttled(&failed.outcome));
        let limit = match login {
            login if login.refused_as_expected() => Self::HELD,
            login if login.let_in_against_expectation() => Self::BROKEN,
            login if login.tells_no_limit() => Self::UNTOLD,
            _ => 0,
        };
        let throttled = if earlier || is_throttled(&login.outcome) { Self::THROTTLED } else { 0 };
        Self(limit | throttled)
    }

    const fn has(self, mark: u8) -> bool {
        self.0 & mark != 0
    }
}

/// What a login says about a limit of the replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LimitOutcome {
    /// Nothing.
    Unconcerned,
    /// It was refused, as expected.
    Held,
    /// It got in, against what is expected.
    Broken,
    /// It was to be refused, and failed by something else.
    Untold,
}

const _: () = assert!(size_of::<LoginRow>() <= 64, "a million logins must fit into 64 MB");

impl Logbook {
    fn take(&mut self, login: &Login) {
        let connecting = login.steps.iter().filter(|step| matches!(step.step, LoginStep::Dns | LoginStep::Connect));
        if login.outcome != LoginOutcome::Cancelled {
            for taken in login.earlier.iter().flat_map(|failed| &failed.steps).chain(&login.steps) {
                record_ms(self.steps.entry((taken.step, taken.ended)).or_insert_with(histogram), taken.ms);
            }
        }
        for failed in &login.earlier {
            *self.earlier.entry(self.outcomes.number(&failed.outcome, blunt)).or_default() += 1;
        }
        self.rows.push(LoginRow {
            scheduled: nanos(login.scheduled),
            started: nanos(login.started),
            ended: nanos(login.ended),
            api_sent: login.api_sent.map_or(NEVER, nanos),
            arrival: u32::try_from(login.arrival).unwrap_or(NONE),
            retry_of: login.retry_of.and_then(|first| u32::try_from(first).ok()).unwrap_or(NONE),
            flow: self.flows.number(&login.flow, |_| OTHERS.to_owned()),
            cohort: self.cohorts.number(&login.cohort, |_| OTHERS.to_owned()),
            region: login.region.as_ref().map_or(NONE, |region| self.regions.number(region, |_| OTHERS.into())),
            outcome: self.outcomes.number(&login.outcome, blunt),
            connect_ms: connecting.map(|step| step.ms).sum::<f64>() as f32,
            phase: login.phase,
            role: login.role,
            tries: u8::try_from(login.earlier.len() + 1).unwrap_or(u8::MAX),
            marks: Marks::of(login),
        });
    }

    /// How often each outcome ended a try that was not the last.
    pub(super) fn earlier(&self) -> impl Iterator<Item = (&LoginOutcome, u64)> {
        self.earlier.iter().map(|(number, count)| (self.outcomes.at(*number), *count))
    }

    /// In the order of the log: by their ends.
    pub(super) fn iter(&self) -> impl Iterator<Item = LoginRef<'_>> {
        self.rows.iter().map(|row| LoginRef { row, book: self })
    }
}

/// A login, with its names.
#[derive(Debug, Clone, Copy)]
pub(super) struct LoginRef<'a> {
    row: &'a LoginRow,
    book: &'a Logbook,
}

impl<'a> LoginRef<'a> {
    pub(super) fn arrival(self) -> u32 {
        self.row.arrival
    }

    /// The arrival that failed and that this one repeats.
    pub(super) fn retry_of(self) -> Option<u32> {
        (self.row.retry_of != NONE).then_some(self.row.retry_of)
    }

    /// The last one counted.
    pub(super) fn tries(self) -> u8 {
        self.row.tries
    }

    pub(super) fn limit(self) -> LimitOutcome {
        match self.row.marks {
            marks if marks.has(Marks::HELD) => LimitOutcome::Held,
            marks if marks.has(Marks::BROKEN) => LimitOutcome::Broken,
            marks if marks.has(Marks::UNTOLD) => LimitOutcome::Untold,
            _ => LimitOutcome::Unconcerned,
        }
    }

    /// Whether any of its tries at its Region was answered with TooManyRequestsException, also where a later one succeeded.
    pub(super) fn throttled(self) -> bool {
        self.row.marks.has(Marks::THROTTLED)
    }

    pub(super) fn scheduled(self) -> Timestamp {
        moment(self.row.scheduled)
    }

    pub(super) fn started(self) -> Timestamp {
        moment(self.row.started)
    }

    pub(super) fn ended(self) -> Timestamp {
        moment(self.row.ended)
    }

    pub(super) fn api_sent(self) -> Option<Timestamp> {
        (self.row.api_sent != NEVER).then(|| moment(self.row.api_sent))
    }

    /// What its lookup and its connection took, in seconds.
    pub(super) fn connect_s(self) -> f64 {
        f64::from(self.row.connect_ms) / 1000.0
    }

    pub(super) fn flow(self) -> &'a str {
        self.book.flows.at(self.row.flow)
    }

    pub(super) fn cohort(self) -> &'a str {
        self.book.cohorts.at(self.row.cohort)
    }

    pub(super) fn region(self) -> Option<&'a Region> {
        (self.row.region != NONE).then(|| self.book.regions.at(self.row.region))
    }

    pub(super) fn role(self) -> Option<RegionRole> {
        self.row.role
    }

    pub(super) fn phase(self) -> Phase {
        self.row.phase
    }

    pub(super) fn outcome(self) -> &'a LoginOutcome {
        self.book.outcomes.at(self.row.outcome)
    }

    pub(super) fn succeeded(self) -> bool {
        *self.outcome() == LoginOutcome::Succeeded
    }

    pub(super) fn cancelled(self) -> bool {
        *self.outcome() == LoginOutcome::Cancelled
    }

    /// Whether it tells how many get in: neither cancelled, nor refused as expected, nor a failure of the runner itself.
    pub(super) fn counts(self) -> bool {
        !self.cancelled() && self.limit() != LimitOutcome::Held && !self.harness_failed()
    }

    /// Whether no service had a part in its failure.
    pub(super) fn harness_failed(self) -> bool {
        matches!(self.outcome(), LoginOutcome::HarnessFailed { .. })
    }
}

/// Whether the protected API may have accepted the token of a login that asked it: it did not answer otherwise. What failed after
/// that says nothing against it.
pub(super) fn may_be_accepted(outcome: &LoginOutcome) -> bool {
    !matches!(outcome, LoginOutcome::ApiRefused { .. } | LoginOutcome::Throttled { step: LoginStep::ProtectedApi })
}

/// What was done in sessions.
#[derive(Debug, Default)]
pub(super) struct CallBook {
    rows: Vec<CallRow>,
    plans: Names<(String, String)>,
    outcomes: Names<LoginOutcome>,
}

/// A call in a session, as [`LoginRow`].
#[derive(Debug, Clone, Copy)]
struct CallRow {
    sent: i64,
    received: i64,
    session: u32,
    plan: u32,
    outcome: u32,
    step: SessionStep,
    role: Option<RegionRole>,
    blocked: bool,
}

/// A call in a session, with its names.
#[derive(Debug, Clone, Copy)]
pub(super) struct CallRef<'a> {
    pub sent: Timestamp,
    pub received: Timestamp,
    pub step: SessionStep,
    pub role: Option<RegionRole>,
    /// It was not made, and shares the outcome of what held it up.
    pub blocked: bool,
    pub outcome: &'a LoginOutcome,
    /// Flow and cohort.
    pub plan: &'a (String, String),
}

impl CallBook {
    fn take(&mut self, call: &SessionCall) {
        self.rows.push(CallRow {
            sent: nanos(call.window.sent),
            received: nanos(call.window.received),
            session: u32::try_from(call.session).unwrap_or(NONE),
            plan: self.plans.number(&(call.flow.clone(), call.cohort.clone()), |_| (OTHERS.into(), OTHERS.into())),
            outcome: self.outcomes.number(&call.outcome, blunt),
            step: call.step,
            role: call.role,
            blocked: call.blocked,
        });
    }

    /// Sign-ins that were made: whose they were, when they were sent and answered, and how they ended.
    pub(super) fn sign_ins(&self) -> impl Iterator<Item = (RegionRole, Timestamp, Timestamp, &LoginOutcome)> {
        let made = |row: &&CallRow| !row.blocked && matches!(row.step, SessionStep::SignIn | SessionStep::SignInAgain);
        self.rows
            .iter()
            .filter(made)
            .filter_map(|row| Some((row.role?, moment(row.sent), moment(row.received), self.outcomes.at(row.outcome))))
    }

    /// Each session's calls, in the order in which they were sent; cancelled ones are left out.
    pub(super) fn by_session(&self) -> Vec<Vec<CallRef<'_>>> {
        let mut rows: Vec<&CallRow> = self.rows.iter().collect();
        rows.sort_by_key(|row| (row.session, row.sent));
        let named = |row: &&CallRow| CallRef {
            sent: moment(row.sent),
            received: moment(row.received),
            step: row.step,
            role: row.role,
            blocked: row.blocked,
            outcome: self.outcomes.at(row.outcome),
            plan: self.plans.at(row.plan),
        };
        let of_one =
            |rows: &[&CallRow]| rows.iter().map(named).filter(|c| *c.outcome != LoginOutcome::Cancelled).collect();
        rows.chunk_by(|a, b| a.session == b.session).map(of_one).collect()
    }
}

/// So many different names of one kind are told apart; our own choice, far above what a scenario can name.
const MOST_NAMES: usize = 4096;
/// Stands for the names beyond them.
const OTHERS: &str = "(others)";

/// Values, each kept once and numbered.
#[derive(Debug)]
struct Names<T> {
    numbers: HashMap<T, u32>,
    list: Vec<T>,
}

impl<T> Default for Names<T> {
    fn default() -> Self {
        Self { numbers: HashMap::new(), list: Vec::new() }
    }
}

impl<T: Clone + Eq + Hash> Names<T> {
    /// The number of `name`; beyond [`MOST_NAMES`] that of what `blunt` makes of it, of which there must be few.
    fn number(&mut self, name: &T, blunt: impl FnOnce(&T) -> T) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let name = if self.list.len() < MOST_NAMES { name.clone() } else { blunt(name) };
        let next = self.list.len() as u32;
        let number = *self.numbers.entry(name.clone()).or_insert(next);
        if number == next {
            self.list.push(name);
        }
        number
    }

    /// The name with a number that [`Names::number`] gave.
    fn at(&self, number: u32) -> &T {
        &self.list[number as usize]
    }
}

/// An outcome without the words of the service, which may be different each time.
fn blunt(outcome: &LoginOutcome) -> LoginOutcome {
    let others = || OTHERS.to_owned();
    match outcome {
        LoginOutcome::Rejected { step, .. } => LoginOutcome::Rejected { step: *step, code: others() },
        LoginOutcome::TokenInvalid { .. } => LoginOutcome::TokenInvalid { reason: others() },
        LoginOutcome::ClaimMissing { .. } => LoginOutcome::ClaimMissing { claim: others() },
        LoginOutcome::ApiRefused { .. } => LoginOutcome::ApiRefused { status: 0, reason: others() },
        LoginOutcome::ChallengeUnsupported { step, .. } => {
            LoginOutcome::ChallengeUnsupported { step: *step, challenge: others() }
        }
        LoginOutcome::HarnessFailed { .. } => LoginOutcome::HarnessFailed { what: others() },
        LoginOutcome::WrongRegion { .. } => LoginOutcome::WrongRegion { asked: OTHERS.into(), served: OTHERS.into() },
        known => known.clone(),
    }
}

/// Saturates in the year 2262.
fn nanos(at: Timestamp) -> i64 {
    i64::try_from(at.as_nanosecond()).unwrap_or(i64::MAX)
}

fn moment(nanos: i64) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(nanos)).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_beyond_the_most_share_a_number() {
        let mut names = Names::default();
        for number in 0..MOST_NAMES {
            assert_eq!(names.number(&number.to_string(), |_| OTHERS.to_owned()) as usize, number);
        }
        let others: Vec<u32> =
            ["x", "y", "x"].iter().map(|n| names.number(&(*n).to_owned(), |_| OTHERS.to_owned())).collect();
        assert_eq!(others, [MOST_NAMES as u32; 3]);
        assert_eq!(names.at(others[0]), OTHERS);
        assert_eq!(names.number(&"7".to_owned(), |_| OTHERS.to_owned()), 7);
    }
}
