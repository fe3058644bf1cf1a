//! What a run has shown so far, from its events. These are approximate times for the operator; the report has the bounds.

use crate::observe::HEALTHY_SHARE;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use gameday_core::model::{DnsSource, Event, Login, LoginOutcome, Phase, Record, RegionRole, Step};
use gameday_core::scenario::Phases;

/// A stall of the runner is shown from here on, in real milliseconds: our own choice.
const SHOWN_STALL_MS: f64 = 1000.0;

/// The last logins that the status counts.
const RECENT: usize = 20;
/// A bar of a Region's success rate stands for so long.
const BUCKET: Duration = Duration::from_secs(5);
/// Bars that are kept: more than any terminal is wide.
const BUCKETS: usize = 512;
/// Lines that are kept for the view.
const LINES: usize = 200;

/// The steps of a failover, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tick {
    Cut,
    FailedLogin,
    Unhealthy,
    Authoritative,
    Resolver,
    Replica,
    Heal,
    Healthy,
    BackAuthoritative,
    Primary,
}

impl Tick {
    pub(super) const ALL: [Self; 10] = [
        Self::Cut,
        Self::FailedLogin,
        Self::Unhealthy,
        Self::Authoritative,
        Self::Resolver,
        Self::Replica,
        Self::Heal,
        Self::Healthy,
        Self::BackAuthoritative,
        Self::Primary,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Cut => "fault injected",
            Self::FailedLogin => "first failed login",
            Self::Unhealthy => "health check unhealthy",
            Self::Authoritative => "DNS failover, authoritative",
            Self::Resolver => "DNS failover, resolver",
            Self::Replica => "first login at the replica",
            Self::Heal => "fault removed",
            Self::Healthy => "health check healthy",
            Self::BackAuthoritative => "DNS failback, authoritative",
            Self::Primary => "first login at the primary",
        }
    }
}

/// A fault, and how many targets it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BoardFault {
    pub fault: String,
    pub region: String,
    pub targets: usize,
}

/// Logins of a Region within a bar's time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct BarBucket {
    pub attempted: u64,
    pub succeeded: u64,
}

/// Everything that is shown.
#[derive(Debug)]
pub(super) struct Board {
    pub started: Timestamp,
    /// When the last event was.
    pub last: Timestamp,
    pub phase: Option<Phase>,
    pub phase_started: Option<Timestamp>,
    /// When each was seen first.
    pub ticks: BTreeMap<Tick, Timestamp>,
    pub faults: Vec<BoardFault>,
    /// Whether a cut is in force.
    pub cut: bool,
    /// By role: primary, replica.
    pub rates: [VecDeque<BarBucket>; 2],
    /// Ended logins by outcome.
    pub outcomes: BTreeMap<String, u64>,
    /// What was said, the latest last.
    pub lines: VecDeque<String>,
    phases: Phases,
    bucket: i64,
    healthy: Option<bool>,
    answers: BTreeMap<String, RegionRole>,
    served: Option<RegionRole>,
    recent: VecDeque<bool>,
    latest: Option<String>,
}

fn index(role: RegionRole) -> usize {
    match role {
        RegionRole::Primary => 0,
        RegionRole::Replica => 1,
    }
}

impl Board {
    pub(super) fn new(started: Timestamp, phases: Phases) -> Self {
        Self {
            started,
            last: started,
            phase: None,
            phase_started: None,
            ticks: BTreeMap::new(),
            faults: Vec::new(),
            cut: false,
            rates: [VecDeque::from([BarBucket::default()]), VecDeque::from([BarBucket::default()])],
            outcomes: BTreeMap::new(),
            lines: VecDeque::new(),
            phases,
            bucket: 0,
            healthy: None,
            answers: BTreeMap::new(),
            served: None,
            recent: VecDeque::new(),
            latest: None,
        }
    }

    /// Seconds of scenario time since the run began.
    pub(super) fn seconds(&self, at: Timestamp) -> f64 {
        at.duration_since(self.started).as_secs_f64()
    }

    /// How long the phase has lasted, and how long it may, in seconds.
    pub(super) fn phase_time(&self, now: Timestamp) -> Option<(f64, Option<f64>)> {
        let lasted = now.duration_since(self.phase_started?).as_secs_f64();
        let planned = match self.phase? {
            Phase::Baseline => Some(self.phases.baseline),
            Phase::Outage => Some(self.phases.outage),
            Phase::Hold => Some(self.phases.hold),
            Phase::Failback => Some(self.phases.failback),
            Phase::Preflight | Phase::Inject | Phase::Restore | Phase::Verify => None,
        };
        Some((lasted, planned.map(|span| span.0.as_secs_f64())))
    }

    /// In how many seconds the primary is healed at the latest; nothing while it is not cut off.
    pub(super) fn heals_in(&self, now: Timestamp) -> Option<f64> {
        let (from, lasts) = match self.phase? {
            Phase::Inject | Phase::Outage => (*self.ticks.get(&Tick::Cut)?, self.phases.outage_and_hold()),
            Phase::Hold => (self.phase_started?, self.phases.hold.0),
            _ => return None,
        };
        let until = from.checked_add(SignedDuration::try_from(lasts).ok()?).ok()?;
        self.cut.then(|| until.duration_since(now).as_secs_f64().max(0.0))
    }

    /// The state in a line.
    pub(super) fn status(&self, now: Timestamp) -> String {
        let phase = self.phase.map_or("starting", Phase::as_str);
        let lasted = self.phase_time(now).map_or(0.0, |(lasted, _)| lasted);
        let rate = match self.recent.len() {
            0 => "no logins yet".to_owned(),
            all => {
                let good = self.recent.iter().filter(|good| **good).count();
                format!("{:.0} % of the last {all} logins", 100.0 * good as f64 / all as f64)
            }
        };
        let served = self.served.map_or("neither Region", RegionRole::as_str);
        let latest = self.latest.as_deref().unwrap_or("-");
        format!("{:5.0} s  {phase} {lasted:.0} s · served by {served} · {rate} · {latest}", self.seconds(now))
    }

    /// Takes an event; gives what is worth a line.
    pub(super) fn take(&mut self, record: &Record) -> Vec<String> {
        let said = self.lines_of(record);
        for line in &said {
            self.note(line.clone());
        }
        said
    }

    /// Keeps a line.
    pub(super) fn note(&mut self, line: String) {
        if self.lines.len() == LINES {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }

    /// Moves the bars on to this moment.
    pub(super) fn advance(&mut self, now: Timestamp) {
        let bucket = (self.seconds(now) / BUCKET.as_secs_f64()).floor() as i64;
        let missing = usize::try_from(bucket - self.bucket).unwrap_or(0).min(BUCKETS);
        for rates in &mut self.rates {
            rates.extend(std::iter::repeat_n(BarBucket::default(), missing));
            while rates.len() > BUCKETS {
                rates.pop_front();
            }
        }
        self.bucket = self.bucket.max(bucket);
    }

    fn tick(&mut self, tick: Tick, at: Timestamp) {
        self.ticks.entry(tick).or_insert(at);
    }

    fn seen(&self, tick: Tick) -> bool {
        self.ticks.contains_key(&tick)
    }

    fn milestone(&mut self, at: Timestamp, text: String) -> String {
        let line = format!("{:5.1} s  {text}", self.seconds(at));
        self.latest = Some(text);
        line
    }

    fn lines_of(&mut self, record: &Record) -> Vec<String> {
        let at = record.at;
        self.last = at;
        self.advance(at);
        match &record.event {
            Event::PhaseStarted { phase } => {
                self.phase = Some(*phase);
                self.phase_started = Some(at);
                // Also where the calls that healed came too fast to be shown.
                self.cut &= *phase <= Phase::Restore;
                vec![format!("{:5.1} s  phase: {}", self.seconds(at), phase.as_str())]
            }
            Event::FaultPlanned { fault, region, targets, .. } => {
                let planned = BoardFault { fault: fault.clone(), region: region.to_string(), targets: targets.len() };
                self.faults.push(planned);
                Vec::new()
            }
            Event::Mutation(mutation) if matches!(mutation.step, Step::Cut | Step::Heal) => {
                let cut = mutation.step == Step::Cut;
                self.cut = cut;
                self.tick(if cut { Tick::Cut } else { Tick::Heal }, at);
                let word = if cut { "inject" } else { "restore" };
                vec![self.milestone(at, format!("{word}: {} {}", mutation.call, mutation.resource))]
            }
            Event::Health { status_healthy, healthy, checkers, .. } => {
                if !status_healthy && self.seen(Tick::Cut) {
                    self.tick(Tick::Unhealthy, at);
                }
                if *status_healthy && self.seen(Tick::Heal) && self.seen(Tick::Unhealthy) {
                    self.tick(Tick::Healthy, at);
                }
                if self.healthy.replace(*status_healthy) != Some(!status_healthy) {
                    return Vec::new();
                }
                let word = if *status_healthy { "healthy" } else { "unhealthy" };
                // Inverted or disabled, its status is not what the checkers see.
                let agrees = (f64::from(*healthy) > HEALTHY_SHARE * f64::from(*checkers)) == *status_healthy;
                let by_settings = if agrees { "" } else { "inverted or disabled; " };
                let text = format!(
                    "health check reports {word} ({by_settings}{healthy} of {checkers} checkers see it healthy)"
                );
                vec![self.milestone(at, text)]
            }
            Event::Answer { source, server, role: Some(role), .. } => self.answer(at, *source, server, *role),
            Event::Login(login) => self.login(at, login),
            Event::SteadyState(steady) if !steady.steady => {
                vec![format!("no steady state {}: {}", steady.judged_at.words(), steady.why_not())]
            }
            Event::Notice { text } => vec![format!("note: {text}")],
            // Shorter ones would only fill the screen; the report counts them all.
            Event::HarnessStalled { late_ms, slept_ms, .. } if late_ms + slept_ms >= SHOWN_STALL_MS => {
                vec![format!("the runner was stalled for {:.1} s of real time", (late_ms + slept_ms) / 1000.0)]
            }
            Event::ChangedByOthers { found, .. } => vec![format!("changed by others: {found}")],
            Event::Abort { reason } => vec![format!("aborting: {reason}")],
            _ => Vec::new(),
        }
    }

    fn answer(&mut self, at: Timestamp, source: DnsSource, server: &str, role: RegionRole) -> Vec<String> {
        let tick = match (source, role, self.seen(Tick::Heal)) {
            (DnsSource::Authoritative, RegionRole::Replica, false) => Some(Tick::Authoritative),
            (DnsSource::Resolver, RegionRole::Replica, false) => Some(Tick::Resolver),
            (DnsSource::Authoritative, RegionRole::Primary, true) => {
                Some(Tick::BackAuthoritative).filter(|_| self.seen(Tick::Authoritative))
            }
            _ => None,
        };
        if let Some(tick) = tick.filter(|_| self.seen(Tick::Cut)) {
            self.tick(tick, at);
        }
        let before = self.answers.insert(server.to_owned(), role);
        if before.is_none_or(|before| before == role) {
            return Vec::new();
        }
        let kind = match source {
            DnsSource::Authoritative => "authoritative server",
            DnsSource::Resolver => "resolver",
        };
        vec![self.milestone(at, format!("DNS: {kind} {server} answers with the {}", role.as_str()))]
    }

    fn login(&mut self, at: Timestamp, login: &Login) -> Vec<String> {
        *self.outcomes.entry(login.outcome.label()).or_default() += 1;
        if login.refused_as_expected() {
            return Vec::new();
        }
        let good = login.outcome == LoginOutcome::Succeeded;
        if let Some(bucket) = login.role.and_then(|role| self.rates[index(role)].back_mut()) {
            bucket.attempted += 1;
            bucket.succeeded += u64::from(good);
        }
        self.recent.push_back(good);
        if self.recent.len() > RECENT {
            self.recent.pop_front();
        }
        let (cut, healed) = (self.seen(Tick::Cut), self.seen(Tick::Heal));
        match (good, login.role) {
            (false, _) if cut => self.tick(Tick::FailedLogin, at),
            (true, Some(RegionRole::Replica)) if cut && !healed => self.tick(Tick::Replica, at),
            (true, Some(RegionRole::Primary)) if healed => self.tick(Tick::Primary, at),
            _ => {}
        }
        match login.role.filter(|_| good) {
            Some(role) if self.served.replace(role) != Some(role) => {
                vec![self.milestone(at, format!("logins are served by the {}", role.as_str()))]
            }
            _ => Vec::new(),
        }
    }
}
