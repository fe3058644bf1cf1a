//! The open loop: every arrival starts at its instant, whatever the earlier ones do.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use gameday_core::model::{Clock, Event, EventLog, Expect, Flow, Login, LoginOutcome, Phase, Seed};
use gameday_core::scenario::{FlowShare, UserLoad};
use gameday_protocols::timer::Timer as _;

use super::accounts::{Account, Population, Tokens, Who};
use super::arrivals::{Arrival, ArrivalPlan};
use super::attempt::{LoginRequest, LoginResult, login};
use super::attempt_context::{LoginTrace, Lookup};
use super::cleanup::PasswordResets;
use super::client_profile::ClientProfile;
use super::login_target::LoginTarget;
use super::virtual_user::VirtualUser;

/// The synthetic users of a run.
pub struct LoadGenerator {
    /// What they log in to.
    pub door: Arc<LoginTarget>,
    /// When they arrive, how they log in, and by what clients.
    pub load: UserLoad,
    /// Each cohort's ways, in the order of the load.
    pub ways: Vec<ClientProfile>,
    /// Refresh tokens from before, for flows that live on them.
    pub tokens: Tokens,
    /// Of arrivals and choices.
    pub seed: Seed,
    /// Where logins are written.
    pub log: Arc<EventLog>,
    /// The phase under way, for the record.
    pub phase: Arc<CurrentPhase>,
    /// Who is being asked for a new password again.
    pub chores: PasswordResets,
}

/// The phase under way.
#[derive(Debug, Default)]
pub struct CurrentPhase(AtomicU8);

impl CurrentPhase {
    /// A phase begins.
    pub fn set(&self, phase: Phase) {
        let index = Phase::ALL.iter().position(|known| *known == phase).unwrap_or_default();
        self.0.store(index as u8, Ordering::Release);
    }

    /// Which one it is.
    pub fn get(&self) -> Phase {
        Phase::ALL[usize::from(self.0.load(Ordering::Acquire))]
    }
}

/// An arrival that is due.
#[derive(Debug, Clone, Copy)]
struct ScheduledArrival {
    at: Timestamp,
    arrival: Arrival,
    /// The failed arrival that it repeats.
    retry_of: Option<u64>,
}

/// How a login began.
struct Began {
    at: Timestamp,
    phase: Phase,
    user: Option<String>,
    /// How it logged in, and what is expected of that at the replica.
    flow: String,
    at_replica: Option<Expect>,
}

/// What is due earlier comes first; of two at the same time the one that arrived first.
impl Ord for ScheduledArrival {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.arrival.index).cmp(&(other.at, other.arrival.index))
    }
}

impl PartialOrd for ScheduledArrival {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for ScheduledArrival {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for ScheduledArrival {}

/// A message to the dispatcher.
enum DispatcherMessage {
    /// Somebody who failed tries again.
    Again(ScheduledArrival),
    /// Nothing further starts.
    Stop,
}

/// Where the dispatcher receives.
enum DispatcherReceiver {
    /// On a thread of its own, which waits by the system's clock.
    Thread(mpsc::Receiver<DispatcherMessage>),
    /// In virtual time, on the one thread there is.
    Task(UnboundedReceiver<DispatcherMessage>),
}

/// The other end.
#[derive(Clone)]
enum DispatcherSender {
    Thread(mpsc::Sender<DispatcherMessage>),
    Task(UnboundedSender<DispatcherMessage>),
}

impl DispatcherSender {
    fn send(&self, message: DispatcherMessage) {
        // No one receives once the run is over.
        match self {
            Self::Thread(sender) => drop(sender.send(message)),
            Self::Task(sender) => drop(sender.send(message)),
        }
    }

    fn new() -> (Self, DispatcherReceiver) {
        if Clock::is_virtual() {
            let (sender, receiver) = unbounded_channel();
            (Self::Task(sender), DispatcherReceiver::Task(receiver))
        } else {
            let (sender, receiver) = mpsc::channel();
            (Self::Thread(sender), DispatcherReceiver::Thread(receiver))
        }
    }
}

impl DispatcherReceiver {
    /// What comes within a real duration. A sender is one of our own, so they cannot all be gone.
    async fn within(&mut self, wait: Duration) -> Option<DispatcherMessage> {
        match self {
            Self::Thread(receiver) => match receiver.recv_timeout(wait) {
                Ok(message) => Some(message),
                Err(mpsc::RecvTimeoutError::Timeout) => None,
                Err(mpsc::RecvTimeoutError::Disconnected) => Some(DispatcherMessage::Stop),
            },
            Self::Task(receiver) => match tokio::time::timeout(wait, receiver.recv()).await {
                Ok(message) => Some(message.unwrap_or(DispatcherMessage::Stop)),
                Err(_) => None,
            },
        }
    }
}

/// Starts every arrival at its instant.
struct Dispatcher {
    generator: Arc<LoadGenerator>,
    tx: DispatcherSender,
    stop: CancellationToken,
    /// So many arrivals were started or shed.
    started: u64,
    running: JoinSet<()>,
}

impl Dispatcher {
    /// Runs until it is tx to stop, and gives the logins under way.
    async fn run(mut self, mut rx: DispatcherReceiver, runtime: tokio::runtime::Handle) -> JoinSet<()> {
        let clock = self.generator.door.clock;
        let first = clock.now();
        let planned = |arrival: Arrival| {
            let offset = SignedDuration::try_from(arrival.offset).unwrap_or(SignedDuration::MAX);
            ScheduledArrival { at: first.saturating_add(offset).unwrap_or(Timestamp::MAX), arrival, retry_of: None }
        };
        let mut plan = ArrivalPlan::new(&self.generator.load, self.generator.seed).map(planned);
        let mut waiting = BinaryHeap::from_iter(plan.next().map(Reverse));
        while let Some(Reverse(next)) = waiting.peek().copied() {
            let wait = clock.real(Duration::try_from(next.at.duration_since(clock.now())).unwrap_or_default());
            match rx.within(wait).await {
                Some(DispatcherMessage::Again(due)) => {
                    waiting.push(Reverse(due));
                    continue;
                }
                Some(DispatcherMessage::Stop) => break,
                None => {}
            }
            waiting.pop();
            if next.retry_of.is_none() {
                waiting.extend(plan.next().map(Reverse));
            }
            self.start(next, &runtime);
        }
        self.running
    }

    fn start(&mut self, next: ScheduledArrival, runtime: &tokio::runtime::Handle) {
        while self.running.try_join_next().is_some() {}
        let generator = Arc::clone(&self.generator);
        let due = ScheduledArrival { arrival: Arrival { index: self.started, ..next.arrival }, ..next };
        self.started += 1;
        if self.running.len() >= generator.load.most_in_flight as usize {
            generator.not_started(due, LoginOutcome::Shed, &self.tx);
            return;
        }
        let (tx, stop) = (self.tx.clone(), self.stop.clone());
        self.running.spawn_on(async move { generator.one(due, &tx, &stop).await }, runtime);
    }
}

impl LoadGenerator {
    /// Lets users arrive and work until `stop`; then nothing further starts, and what is under way has the
    /// users' patience to end. Every login that started is in the log when this returns.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let sessions = tokio::spawn(Arc::clone(&self).work_in_sessions(stop.clone()));
        self.arrivals(&stop).await;
        // A panic in one of them has no figures to give, and must not keep the rest from the report.
        let _ = sessions.await;
        self.chores.finish().await;
    }

    /// Arrivals are started by a thread of their own: timers of the async runtime are a millisecond coarse, and its threads may be busy.
    async fn arrivals(self: &Arc<Self>, stop: &CancellationToken) {
        let (tx, rx) = DispatcherSender::new();
        let stopping = {
            let (stop, tx) = (stop.clone(), tx.clone());
            tokio::spawn(async move {
                stop.cancelled().await;
                tx.send(DispatcherMessage::Stop);
            })
        };
        let dispatcher =
            Dispatcher { generator: Arc::clone(self), tx, stop: stop.clone(), started: 0, running: JoinSet::new() };
        let runtime = tokio::runtime::Handle::current();
        let dispatching = dispatcher.run(rx, runtime);
        let dispatched = if Clock::is_virtual() {
            tokio::spawn(dispatching).await
        } else {
            // It never waits for anything that the runtime would have to wake it for.
            tokio::task::spawn_blocking(move || futures::executor::block_on(dispatching)).await
        };
        stopping.abort();
        // A panic of the dispatcher has stopped the arrivals; those under way have gone with it.
        if let Ok(mut running) = dispatched {
            while running.join_next().await.is_some() {}
        }
    }

    async fn one(self: Arc<Self>, due: ScheduledArrival, tx: &DispatcherSender, stop: &CancellationToken) {
        let share = &self.load.flows[due.arrival.flow];
        let VirtualUser { flow, who } = match self.comer(share, due.arrival.user) {
            Ok(comer) => comer,
            Err(outcome) => return self.not_started(due, outcome, tx),
        };
        let Some(client) = self.door.client(flow.flow, flow.client.as_deref()) else {
            return self.not_started(due, LoginOutcome::harness("no app client supports the flow"), tx);
        };
        let user = who.user().map(str::to_owned);
        let began = self.began(&flow, user.clone());
        let token = match &who {
            Who::Token(token) => Some(token.clone()),
            _ => None,
        };
        let wanted = LoginRequest {
            scheduled: due.at,
            flow: &flow,
            client,
            who,
            lookup: Lookup::Profile,
            choice: due.arrival.address,
            jitter: self.seed.stream(&format!("retry-{}", due.arrival.index)),
        };
        let ended = login(&self.door, &self.ways[due.arrival.cohort], wanted, stop).await;
        if let Some(user) = user.filter(|_| share.flow == Flow::TokensFromRefreshToken) {
            self.give_back(&share.label(), user, token, &ended);
        }
        if let Some(user) = &ended.trace.to_put_back {
            self.ask_again(user);
        }
        self.again(due, &ended, tx);
        self.write(due, began, ended);
    }

    /// In a retry storm whoever did not get in comes again, whatever kept them out.
    fn again(&self, due: ScheduledArrival, ended: &LoginResult, tx: &DispatcherSender) {
        if let Some(wait) = self.load.arrivals.again_after.filter(|_| ended.outcome != LoginOutcome::Succeeded) {
            let wait = SignedDuration::try_from(wait.0).unwrap_or(SignedDuration::MAX);
            let at = ended.at.saturating_add(wait).unwrap_or(Timestamp::MAX);
            tx.send(DispatcherMessage::Again(ScheduledArrival { at, retry_of: Some(due.arrival.index), ..due }));
        }
    }

    /// A login is not even begun.
    fn not_started(&self, due: ScheduledArrival, outcome: LoginOutcome, tx: &DispatcherSender) {
        let began = self.began(&self.load.flows[due.arrival.flow], None);
        let ended = LoginResult { outcome, at: began.at, trace: LoginTrace::default(), earlier: Vec::new() };
        self.again(due, &ended, tx);
        self.write(due, began, ended);
    }

    fn began(&self, flow: &FlowShare, user: Option<String>) -> Began {
        let (at, phase) = (self.door.clock.now(), self.phase.get());
        Began { at, phase, user, flow: flow.label(), at_replica: flow.expect }
    }

    fn write(&self, due: ScheduledArrival, began: Began, ended: LoginResult) {
        let (role, region) = ended.trace.served.unzip();
        self.log.write(Event::Login(Box::new(Login {
            arrival: due.arrival.index,
            scheduled: due.at,
            started: began.at,
            ended: ended.at,
            phase: began.phase,
            user: began.user,
            flow: began.flow,
            cohort: self.ways[due.arrival.cohort].label.clone(),
            address: ended.trace.address,
            region,
            role,
            api_sent: ended.trace.api_sent,
            outcome: ended.outcome,
            at_replica: began.at_replica,
            earlier: ended.earlier,
            retry_of: due.retry_of,
            steps: ended.trace.steps,
        })));
    }

    /// The next user who may sign in, once one has a code that was not used; nobody where there is nobody.
    pub async fn next_user(&self, users: &Population) -> Option<Account> {
        let clock = self.door.clock;
        while !users.accounts.is_empty() {
            if let Some(account) = users.pick(0, clock.now()) {
                return Some(account.clone());
            }
            clock.sleep(Duration::from_secs(1)).await;
        }
        None
    }

    /// Waits until a user may sign in.
    pub async fn code_left(&self, users: &Population, account: &Account) {
        let clock = self.door.clock;
        while !users.take_code(account, clock.now()) {
            clock.sleep(Duration::from_secs(1)).await;
        }
    }

    /// Logs in once, straight to some addresses, by a client of a cohort without its retries.
    pub async fn direct(
        &self,
        way: &ClientProfile,
        flow: &FlowShare,
        who: Who,
        addresses: &[IpAddr],
    ) -> Option<LoginResult> {
        let wanted = LoginRequest {
            scheduled: self.door.clock.now(),
            flow,
            client: self.door.client(flow.flow, flow.client.as_deref())?,
            who,
            lookup: Lookup::Fixed(addresses),
            choice: 0,
            jitter: self.seed.stream("direct"),
        };
        let stop = CancellationToken::new();
        stop.cancel();
        Some(login(&self.door, way, wanted, &stop).await)
    }
}
