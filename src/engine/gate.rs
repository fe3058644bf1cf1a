//! The gate before the cut: steady state is proved by what was seen in the baseline, and what the plan rests on is described again.
//!
//! The rule for logins: of at least five that ended, the share that succeeded at the primary, as observed, is at least `[steady_state] success_rate`. A
//! lower bound of confidence would need hundreds of logins for 99 %, and a baseline of half a minute has a few dozen. So that a long baseline does not
//! hide that something broke at its end, the logins of its last 30 s must not be certainly below that share, which their upper bound tells.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::broadcast::error::RecvError;
use tokio_util::task::AbortOnDropHandle;

use crate::observe::Targets;
use gameday_core::measure::{LAG_LEVELS_S, clopper_pearson_95, seconds_between};
use gameday_core::model::{
    Clock, DnsSource, Event, EventLog, JudgedAt, LATE_MS, Login, LoginOutcome, Record, RegionRole, SteadyFigures,
    SteadyPart, SteadyState, Window,
};
use gameday_core::scenario::{Objective, Scenario};

use super::shell::lock;

/// What `--ignore` calls the gate.
pub const STEADY_STATE: &str = "steady-state";

/// Fewer logins tell no share, as for stop conditions; our own choice.
const LEAST_LOGINS: u64 = 5;
/// The end of the baseline that is judged by itself; our own choice.
const RECENT: SignedDuration = SignedDuration::from_secs(30);
/// A runner is overloaded that starts more than this share of the logins late, or stalls for this share of the time; our own choice.
const MOST_LATE: f64 = 0.1;
/// Processors that are busier than this leave no room; our own choice. It counts where it delays logins.
const MOST_PROCESSOR: f64 = 0.95;
/// And this share of late logins shows that it does.
const DELAYED: f64 = 0.01;
/// In an outage connections pile up, so this share of the file descriptors is the most that the baseline may use; our own choice.
const MOST_DESCRIPTORS: f64 = 0.8;

/// What steady state is judged by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Demands {
    /// The share of logins that must succeed at the primary.
    pub success_rate: f64,
    /// The longest replication lag, in seconds.
    pub lag_s: f64,
}

impl Demands {
    /// The scenario's own; where it does not say, 99 % and what it demands of the recovery point, or the usual objective.
    pub(super) fn of(scenario: &Scenario) -> Self {
        let rules = scenario.steady_state.clone().unwrap_or_default();
        let rpo = scenario.objectives.iter().find_map(|objective| match objective {
            Objective::Rpo { at_most } => Some(at_most.0),
            _ => None,
        });
        let lag = rules.replication_lag.map(|span| span.0).or(rpo);
        Self { success_rate: rules.success_rate.0, lag_s: lag.map_or(LAG_LEVELS_S[0].1, |lag| lag.as_secs_f64()) }
    }
}

/// What this process takes of the machine.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct ProcessLoad {
    descriptors: Option<(u64, u64)>,
    /// Processor time of this process so far.
    processor: Option<Duration>,
}

impl ProcessLoad {
    /// Nothing in virtual time, where no figure depends on how fast the machine is.
    pub(super) fn read() -> Self {
        if Clock::is_virtual() {
            return Self::default();
        }
        let used = std::fs::read_dir("/proc/self/fd").ok().map(|entries| entries.count() as u64);
        let most = rustix::process::getrlimit(rustix::process::Resource::Nofile).current;
        Self { descriptors: used.zip(most), processor: Clock::processor_time() }
    }
}

/// What happened since the baseline began.
#[derive(Debug, Default)]
pub(super) struct Tally {
    speed: f64,
    attempted: u64,
    succeeded: u64,
    late: u64,
    worst_late_ms: f64,
    /// Of the last 30 s: when each was due and when it ended, and whether it succeeded at the primary.
    recent: VecDeque<(Timestamp, Timestamp, bool)>,
    health: Option<(Timestamp, bool, u32, u32)>,
    /// By source and server.
    answers: BTreeMap<(bool, String), (Timestamp, Option<RegionRole>)>,
    written: u64,
    read: u64,
    /// Acknowledged writes that no read has shown: sequence, and when it was acknowledged.
    unseen: VecDeque<(u64, Timestamp)>,
    certain_lag_s: f64,
    unread: u64,
    stalled_ms: f64,
}

impl Tally {
    pub(super) fn new(speed: f64) -> Self {
        Self { speed, ..Self::default() }
    }

    /// Takes a record into account.
    pub(super) fn take(&mut self, record: &Record) {
        match &record.event {
            Event::Login(login) => self.login(login),
            // A slow answer is written after a later, faster one.
            Event::Health { window, healthy, checkers, status_healthy }
                if self.health.is_none_or(|(sent, ..)| sent <= window.sent) =>
            {
                self.health = Some((window.sent, *status_healthy, *healthy, *checkers));
            }
            Event::Answer { window, source, server, role, .. } => {
                let key = (*source == DnsSource::Authoritative, server.clone());
                if self.answers.get(&key).is_none_or(|(sent, _)| *sent <= window.sent) {
                    self.answers.insert(key, (window.sent, *role));
                }
            }
            Event::CanaryWritten { window, sequence, acknowledged: true } => {
                self.written += 1;
                self.unseen.push_back((*sequence, window.received));
            }
            Event::CanaryRead { window, sequence } => self.canary(*window, *sequence),
            Event::HarnessStalled { late_ms, slept_ms, .. } => self.stalled_ms += late_ms + slept_ms,
            _ => {}
        }
    }

    fn login(&mut self, login: &Login) {
        if login.outcome == LoginOutcome::Cancelled {
            return;
        }
        let succeeded = login.outcome == LoginOutcome::Succeeded && login.role == Some(RegionRole::Primary);
        self.attempted += 1;
        self.succeeded += u64::from(succeeded);
        let late_ms = seconds_between(login.scheduled, login.started) * 1000.0 / self.speed.max(1.0);
        self.late += u64::from(late_ms > LATE_MS);
        self.worst_late_ms = self.worst_late_ms.max(late_ms);
        self.recent.push_back((login.scheduled, login.ended, succeeded));
        let from = login.ended.saturating_sub(RECENT).unwrap_or(Timestamp::MIN);
        while self.recent.front().is_some_and(|(_, ended, _)| *ended < from) {
            self.recent.pop_front();
        }
    }

    /// A read that does not show a write tells that the write had at least so long.
    fn canary(&mut self, window: Window, sequence: u64) {
        self.read += 1;
        while self.unseen.front().is_some_and(|(written, _)| *written <= sequence) {
            self.unseen.pop_front();
        }
        if let Some((_, acknowledged)) = self.unseen.front() {
            self.certain_lag_s = self.certain_lag_s.max(seconds_between(*acknowledged, window.sent));
        }
    }

    /// Steady state at the end of the baseline.
    pub(super) fn before_fault(
        &self,
        demands: Demands,
        targets: &Targets,
        machine: (ProcessLoad, ProcessLoad),
        real: Duration,
    ) -> SteadyState {
        let from =
            self.recent.back().map_or(Timestamp::MIN, |(_, ended, _)| ended.saturating_sub(RECENT).unwrap_or(*ended));
        let (recent_attempted, recent_succeeded) = self.recent_since(|(_, ended, _)| *ended >= from);
        let logins =
            judge_logins(self.attempted, self.succeeded, recent_attempted, recent_succeeded, demands, LEAST_LOGINS);
        let mut parts = vec![logins, self.health(), self.record(targets)];
        if targets.canary.is_some() {
            let steady = self.written > 0 && self.read > 0 && self.certain_lag_s <= demands.lag_s;
            let (written, read, certain_s, at_most_s) = (self.written, self.read, self.certain_lag_s, demands.lag_s);
            parts.push(SteadyPart {
                steady,
                figures: SteadyFigures::ReplicationLag { written, read, certain_s, at_most_s },
            });
        }
        parts.push(self.runner(machine, real));
        whole(JudgedAt::BeforeFault, parts)
    }

    /// Steady state once the primary serves again: by the logins that were due from `since` on. Canaries are written up to the fault alone.
    pub(super) fn after_failback(&self, demands: Demands, targets: &Targets, since: Timestamp) -> SteadyState {
        let (attempted, succeeded) = self.recent_since(|(scheduled, ..)| *scheduled >= since);
        let logins = judge_logins(attempted, succeeded, attempted, succeeded, demands, 1);
        whole(JudgedAt::AfterFailback, vec![logins, self.health(), self.record(targets)])
    }

    fn recent_since(&self, within: impl Fn(&&(Timestamp, Timestamp, bool)) -> bool) -> (u64, u64) {
        let logins: Vec<_> = self.recent.iter().filter(within).collect();
        (logins.len() as u64, logins.iter().filter(|(.., succeeded)| *succeeded).count() as u64)
    }

    fn health(&self) -> SteadyPart {
        let healthy = self.health.map(|(_, healthy, ..)| healthy);
        let (reporting_healthy, checkers) = self.health.map_or((0, 0), |(_, _, saying, checkers)| (saying, checkers));
        let figures = SteadyFigures::HealthCheck { healthy, reporting_healthy, checkers };
        SteadyPart { steady: healthy == Some(true), figures }
    }

    /// A server that never answers is no reason to stop, as long as another of its kind does: preflight and report name it.
    fn record(&self, targets: &Targets) -> SteadyPart {
        let (mut at_primary, mut elsewhere, mut silent, mut deaf) = (0, Vec::new(), Vec::new(), false);
        for (authoritative, servers) in [(true, &targets.authoritative), (false, &targets.resolvers)] {
            let mut answered = servers.is_empty();
            for server in servers {
                let label = server.label().to_owned();
                match self.answers.get(&(authoritative, label.clone())) {
                    Some((_, Some(RegionRole::Primary))) => at_primary += 1,
                    Some(_) => elsewhere.push(label),
                    None => {
                        silent.push(label);
                        continue;
                    }
                }
                answered = true;
            }
            deaf |= !answered;
        }
        let steady = elsewhere.is_empty() && at_primary > 0 && !deaf;
        SteadyPart { steady, figures: SteadyFigures::Record { at_primary, elsewhere, silent } }
    }

    fn runner(&self, (began, now): (ProcessLoad, ProcessLoad), real: Duration) -> SteadyPart {
        let processors = std::thread::available_parallelism().map_or(1.0, |count| count.get() as f64);
        let processor_share = began
            .processor
            .zip(now.processor)
            .map(|(began, now)| now.saturating_sub(began).as_secs_f64() / (real.as_secs_f64() * processors).max(1e-3));
        let share = self.late as f64 / self.attempted.max(1) as f64;
        let stalled = self.stalled_ms / 1000.0 / real.as_secs_f64().max(1e-3);
        let full = now.descriptors.is_some_and(|(used, most)| used as f64 > MOST_DESCRIPTORS * most as f64);
        let busy = processor_share.is_some_and(|busy| busy > MOST_PROCESSOR) && share > DELAYED;
        let figures = SteadyFigures::Runner {
            due: self.attempted,
            late: self.late,
            worst_late_ms: self.worst_late_ms,
            unread: self.unread,
            stalled_ms: self.stalled_ms,
            descriptors: now.descriptors,
            processor_share,
        };
        SteadyPart { steady: share.max(stalled) <= MOST_LATE && self.unread == 0 && !full && !busy, figures }
    }
}

fn whole(judged_at: JudgedAt, parts: Vec<SteadyPart>) -> SteadyState {
    SteadyState { judged_at, steady: parts.iter().all(|part| part.steady), ignored: false, parts }
}

fn judge_logins(
    attempted: u64,
    succeeded: u64,
    recent_attempted: u64,
    recent_succeeded: u64,
    demands: Demands,
    min_logins: u64,
) -> SteadyPart {
    let at_least = demands.success_rate;
    // What a binary fraction has too little must not fail a share: 99 of 100 are 99 %.
    let reached = attempted >= min_logins && succeeded as f64 + 1e-9 >= at_least * attempted as f64;
    let broke = recent_attempted >= LEAST_LOGINS
        && clopper_pearson_95(recent_succeeded, recent_attempted).is_some_and(|(_, upper)| upper < at_least);
    let bounds = clopper_pearson_95(succeeded, attempted);
    let figures = SteadyFigures::Logins {
        attempted,
        succeeded,
        bounds,
        at_least,
        min_logins,
        recent_attempted,
        recent_succeeded,
    };
    SteadyPart { steady: reached && !broke, figures }
}

/// Follows the event log from the baseline on.
pub(super) struct SteadyWatch {
    tally: Arc<Mutex<Tally>>,
    began: ProcessLoad,
    began_at: std::time::Instant,
    _task: AbortOnDropHandle<()>,
}

impl SteadyWatch {
    /// Follows from now on.
    pub(super) fn start(log: &Arc<EventLog>, speed: f64) -> Self {
        let mut events = super::subscribe(log);
        let tally = Arc::new(Mutex::new(Tally::new(speed)));
        let followed = Arc::clone(&tally);
        let task = tokio::spawn(async move {
            loop {
                match events.recv().await {
                    Ok(record) => lock(&followed).take(&record),
                    // A run that cannot even count its logins is overloaded.
                    Err(RecvError::Lagged(count)) => lock(&followed).unread += count,
                    Err(RecvError::Closed) => break,
                }
            }
        });
        Self { tally, began: ProcessLoad::read(), began_at: Clock::real_now(), _task: AbortOnDropHandle::new(task) }
    }

    /// Steady state at the end of the baseline.
    pub(super) fn before_fault(&self, demands: Demands, targets: &Targets) -> SteadyState {
        let real = Clock::real_now().duration_since(self.began_at);
        lock(&self.tally).before_fault(demands, targets, (self.began, ProcessLoad::read()), real)
    }

    /// Steady state once the primary serves again.
    pub(super) fn after_failback(&self, demands: Demands, targets: &Targets, since: Timestamp) -> SteadyState {
        lock(&self.tally).after_failback(demands, targets, since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gameday_core::model::Phase;
    use gameday_protocols::dns::Server;

    const DEMANDS: Demands = Demands { success_rate: 0.99, lag_s: 30.0 };

    fn at(seconds: f64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_millis((seconds * 1000.0) as i64)
    }

    fn window(sent: f64) -> Window {
        Window { sent: at(sent), received: at(sent + 0.1) }
    }

    /// A login a second after the other, each half a second long.
    fn login(number: u64, late_s: f64, outcome: LoginOutcome, role: RegionRole) -> Event {
        let scheduled = number as f64;
        Event::Login(Box::new(Login {
            arrival: number,
            scheduled: at(scheduled),
            started: at(scheduled + late_s),
            ended: at(scheduled + late_s + 0.5),
            phase: Phase::Baseline,
            user: None,
            flow: "USER_SRP_AUTH".to_owned(),
            cohort: "fresh-lookup".to_owned(),
            address: None,
            region: None,
            role: Some(role),
            api_sent: None,
            outcome,
            at_replica: None,
            earlier: Vec::new(),
            retry_of: None,
            steps: Vec::new(),
        }))
    }

    fn good(number: u64) -> Event {
        login(number, 0.0, LoginOutcome::Succeeded, RegionRole::Primary)
    }

    fn bad(number: u64) -> Event {
        login(number, 0.0, LoginOutcome::ConnectTimeout, RegionRole::Primary)
    }

    fn health(sent: f64, status_healthy: bool) -> Event {
        Event::Health {
            window: window(sent),
            healthy: if status_healthy { 16 } else { 0 },
            checkers: 16,
            status_healthy,
        }
    }

    fn answer(sent: f64, source: DnsSource, server: &Server, role: Option<RegionRole>) -> Event {
        let (window, server) = (window(sent), server.label().to_owned());
        Event::Answer { window, source, server, addresses: Vec::new(), ttl_s: 60, role, unknown: Vec::new() }
    }

    fn targets() -> Targets {
        let server = |address: &str| Server::at(address.parse().unwrap(), true, Duration::from_secs(1)).unwrap();
        Targets {
            health_check_id: "check".to_owned(),
            may_differ: false,
            failure_threshold: 3,
            request_interval: Duration::from_secs(10),
            record: "auth.example.test".to_owned(),
            authoritative: vec![server("127.0.0.1:5301"), server("127.0.0.1:5302")],
            resolvers: vec![server("127.0.0.1:5303")],
            primary: Vec::new(),
            doors: Arc::new(gameday_protocols::dns::Doors::new(Vec::new(), Vec::new())),
            canary: None,
        }
    }

    fn healthy() -> Vec<Event> {
        let targets = targets();
        let mut events = vec![health(1.0, true)];
        for (source, servers) in
            [(DnsSource::Authoritative, &targets.authoritative), (DnsSource::Resolver, &targets.resolvers)]
        {
            events.extend(servers.iter().map(|server| answer(1.0, source, server, Some(RegionRole::Primary))));
        }
        events
    }

    fn tally(events: impl IntoIterator<Item = Event>) -> Tally {
        let mut tally = Tally::new(1.0);
        for (seq, event) in (0..).zip(events) {
            tally.take(&Record { seq, at: at(0.0), event });
        }
        tally
    }

    /// The parts that do not hold.
    fn unsteady(events: impl IntoIterator<Item = Event>) -> Vec<&'static str> {
        let idle = (ProcessLoad::default(), ProcessLoad::default());
        let steady = tally(events).before_fault(DEMANDS, &targets(), idle, Duration::from_secs(30));
        assert_eq!(steady.steady, steady.unsteady().count() == 0);
        steady.unsteady().map(|part| part.figures.name()).collect()
    }

    #[test]
    fn a_short_baseline_without_a_failure_is_steady() {
        assert_eq!(unsteady(healthy().into_iter().chain((0..10).map(good))), Vec::<&str>::new());
        assert_eq!(unsteady(healthy().into_iter().chain((0..30).map(good))), Vec::<&str>::new());
    }

    #[test]
    fn logins_that_fail_or_are_too_few_or_elsewhere_are_not() {
        let logins = ["logins at the primary"];
        assert_eq!(unsteady(healthy().into_iter().chain((0..4).map(good))), logins, "four tell nothing");
        let mostly = (0..600).map(|number| if number % 20 == 0 { good(number) } else { bad(number) });
        assert_eq!(unsteady(healthy().into_iter().chain(mostly)), logins);
        let elsewhere = (0..30).map(|number| login(number, 0.0, LoginOutcome::Succeeded, RegionRole::Replica));
        assert_eq!(unsteady(healthy().into_iter().chain(elsewhere)), logins);
        let one_of_a_hundred = (0..100).map(|number| if number == 3 { bad(number) } else { good(number) });
        assert_eq!(unsteady(healthy().into_iter().chain(one_of_a_hundred)), Vec::<&str>::new(), "99 % is 99 %");
    }

    /// Half an hour of good logins does not hide that nobody has got in for the last ten seconds.
    #[test]
    fn what_broke_at_the_end_of_a_long_baseline_is_seen() {
        let broke = (0..2000).map(|number| if number < 1990 { good(number) } else { bad(number) });
        assert_eq!(unsteady(healthy().into_iter().chain(broke)), ["logins at the primary"]);
        let one = (0..2000).map(|number| if number == 1995 { bad(number) } else { good(number) });
        assert_eq!(unsteady(healthy().into_iter().chain(one)), Vec::<&str>::new(), "one failure may be chance");
    }

    #[test]
    fn the_last_answers_of_health_check_and_servers_count() {
        let logins = || (0..30).map(good);
        let then = |event: Event| unsteady(healthy().into_iter().chain(logins()).chain([event]));
        assert_eq!(then(health(20.0, false)), ["health check"]);
        assert_eq!(then(health(0.5, false)), Vec::<&str>::new(), "a slow answer does not outdo a later one");
        let targets = targets();
        for role in [Some(RegionRole::Replica), None] {
            assert_eq!(then(answer(20.0, DnsSource::Resolver, &targets.resolvers[0], role)), ["record"]);
            assert_eq!(then(answer(20.0, DnsSource::Authoritative, &targets.authoritative[1], role)), ["record"]);
        }
        let without = |label: &str, events: Vec<Event>| -> Vec<Event> {
            let other = |event: &Event| !matches!(event, Event::Answer { server, .. } if server == label);
            events.into_iter().filter(other).collect()
        };
        let silent = without(targets.authoritative[0].label(), healthy());
        assert_eq!(unsteady(silent.into_iter().chain(logins())), Vec::<&str>::new(), "another one answers for it");
        let silent = without(targets.resolvers[0].label(), healthy());
        assert_eq!(unsteady(silent.into_iter().chain(logins())), ["record"], "no resolver answers");
        assert_eq!(unsteady(logins()), ["health check", "record"]);
    }

    #[test]
    fn a_lag_is_judged_by_what_is_certain() {
        let lag = |events: Vec<Event>| tally(events).certain_lag_s;
        let write = |sent, sequence| Event::CanaryWritten { window: window(sent), sequence, acknowledged: true };
        let read = |sent, sequence| Event::CanaryRead { window: window(sent), sequence };
        assert!(lag(vec![write(0.0, 7), read(5.0, 7), write(6.0, 8), read(7.0, 8)]) < 1e-9);
        let slow = lag(vec![write(0.0, 7), write(10.0, 8), read(40.1, 6), read(41.0, 8)]);
        assert!((slow - 40.0).abs() < 1e-6, "{slow}");
    }

    #[test]
    fn a_runner_that_cannot_keep_up_is_not_steady() {
        let late = |share: u64| {
            (0..100).map(move |number| {
                let late_s = if number < share { 0.3 } else { 0.0 };
                login(number, late_s, LoginOutcome::Succeeded, RegionRole::Primary)
            })
        };
        assert_eq!(unsteady(healthy().into_iter().chain(late(5))), Vec::<&str>::new());
        assert_eq!(unsteady(healthy().into_iter().chain(late(20))), ["runner"]);
        let judge = |tally: Tally, load: ProcessLoad| {
            tally
                .runner((ProcessLoad { processor: Some(Duration::ZERO), ..load }, load), Duration::from_secs(10))
                .steady
        };
        let full = ProcessLoad { descriptors: Some((900, 1024)), processor: None };
        assert!(!judge(tally(late(0)), full), "connections of an outage would find no descriptor");
        let busy = ProcessLoad { descriptors: None, processor: Some(Duration::from_secs(100_000)) };
        assert!(judge(tally(late(0)), busy), "a busy processor that delays nothing is in order");
        assert!(!judge(tally(late(5)), busy));
        assert!(!judge(Tally { unread: 1, ..tally(late(0)) }, ProcessLoad::default()));
        let stalled = |late_ms| {
            let stall = Event::HarnessStalled { window: window(3.0), late_ms, slept_ms: 0.0 };
            judge(tally(late(0).chain([stall])), ProcessLoad::default())
        };
        assert!(stalled(300.0) && !stalled(1500.0), "of ten seconds");
    }

    #[test]
    fn after_failback_the_logins_since_then_count() {
        let mut events = healthy();
        events.extend((0..20).map(bad));
        events.extend((20..30).map(good));
        let again = tally(events).after_failback(DEMANDS, &targets(), at(20.0));
        assert!(again.steady, "{again:?}");
        assert_eq!(again.judged_at, JudgedAt::AfterFailback);
    }
}
