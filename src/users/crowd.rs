//! The open loop: every arrival starts at its instant, whatever the earlier ones do.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::dns::ClientCache;
use crate::model::{Cohort, Event, EventLog, Flow, Login, LoginOutcome, Phase, Secret};

use super::arrivals::{Arrival, ArrivalPlan};
use super::attempt::{Attempt, Credentials, Door, Ended, Lookup, attempt};

/// Refresh tokens of sign-ins before the fault: user name and token.
#[derive(Debug, Default)]
pub struct Sessions(Mutex<Vec<(String, Secret)>>);

impl Sessions {
    /// Adds one.
    pub fn add(&self, user: String, token: Secret) {
        self.lock().push((user, token));
    }

    fn pick(&self, number: u32) -> Option<(String, Secret)> {
        let sessions = self.lock();
        let index = (number as usize).checked_rem(sessions.len())?;
        sessions.get(index).cloned()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(String, Secret)>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// The synthetic users of a run.
pub struct Crowd {
    /// What they log in to.
    pub door: Arc<Door>,
    /// Their names.
    pub names: Vec<String>,
    /// Their password.
    pub password: Secret,
    /// Refresh tokens from before.
    pub sessions: Sessions,
    /// How they log in, and by what clients.
    pub load: crate::scenario::UserLoad,
    /// Each cohort's cache.
    pub caches: BTreeMap<Cohort, ClientCache>,
    /// Where logins are written.
    pub log: Arc<EventLog>,
    /// The phase under way, for the record.
    pub phase: Arc<CurrentPhase>,
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

impl Crowd {
    /// Lets users arrive until `stop`; then no further login starts, and those under way have the
    /// users' patience to end. Every login that started is in the log when this returns.
    pub async fn run(self: Arc<Self>, plan: ArrivalPlan, stop: CancellationToken) {
        let first = self.door.clock.now();
        let mut running = JoinSet::new();
        for arrival in plan {
            let offset = SignedDuration::try_from(arrival.offset).unwrap_or(SignedDuration::MAX);
            let scheduled = first.saturating_add(offset).unwrap_or(Timestamp::MAX);
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = self.door.clock.sleep_until(scheduled) => {}
            }
            let crowd = Arc::clone(&self);
            running.spawn(async move { crowd.one(arrival, scheduled).await });
            while running.try_join_next().is_some() {}
        }
        while running.join_next().await.is_some() {}
    }

    async fn one(&self, arrival: Arrival, scheduled: Timestamp) {
        let phase = self.phase.get();
        let started = self.door.clock.now();
        let credentials = self.credentials(&arrival);
        let user = credentials.as_ref().map(|credentials| credentials.user().to_owned());
        let ended = match (credentials, self.caches.get(&self.load.cohorts[arrival.cohort].cohort)) {
            (Some(credentials), Some(cache)) => {
                let wanted = Attempt {
                    scheduled,
                    flow: self.load.flows[arrival.flow].flow,
                    credentials,
                    lookup: Lookup::Cache(cache),
                    choice: arrival.address,
                };
                attempt(&self.door, &wanted).await
            }
            // No user, session or cache for it: the engine opens them before the first arrival.
            _ => Ended {
                outcome: LoginOutcome::Cancelled,
                address: None,
                served: None,
                api_sent: None,
                steps: Vec::new(),
                refresh: None,
            },
        };
        let (role, region) = ended.served.unzip();
        self.log.write(Event::Login(Box::new(Login {
            arrival: arrival.index,
            scheduled,
            started,
            ended: self.door.clock.now(),
            phase,
            user,
            flow: self.load.flows[arrival.flow].label(),
            cohort: self.load.cohorts[arrival.cohort].label(),
            address: ended.address,
            region,
            role,
            api_sent: ended.api_sent,
            outcome: ended.outcome,
            at_replica: None,
            earlier: Vec::new(),
            again_of: None,
            steps: ended.steps,
        })));
    }

    fn credentials(&self, arrival: &Arrival) -> Option<Credentials> {
        if self.load.flows[arrival.flow].flow == Flow::RefreshToken {
            return self.sessions.pick(arrival.user).map(|(user, token)| Credentials::Refresh(user, token));
        }
        let index = (arrival.user as usize).checked_rem(self.names.len())?;
        Some(Credentials::Password(self.names[index].clone(), self.password.clone()))
    }

    /// Logs in once, straight to some addresses, by SRP.
    pub async fn direct(&self, user: usize, addresses: &[IpAddr]) -> Ended {
        let name = self.names.get(user % self.names.len().max(1)).cloned().unwrap_or_default();
        let wanted = Attempt {
            scheduled: self.door.clock.now(),
            flow: Flow::UserSrp,
            credentials: Credentials::Password(name, self.password.clone()),
            lookup: Lookup::Fixed(addresses),
            choice: user as u32,
        };
        attempt(&self.door, &wanted).await
    }
}
