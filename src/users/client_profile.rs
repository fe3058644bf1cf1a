//! What a cohort of clients shares: its DNS cache, its timeouts, its retries, and connections that it holds.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gameday_core::env::Timeouts;
use gameday_core::model::{Clock, Cohort};
use gameday_core::scenario::{CohortShare, Retry};
use gameday_protocols::dns::{CachePolicy, ClientCache, Server};

use super::wire::OneConnection;

/// So many idle connections are held at the most; our own choice, which bounds memory.
const MOST_HELD: usize = 512;

/// The ways of a cohort's clients to the front door.
#[derive(Debug)]
pub struct ClientProfile {
    /// The cohort's name in events.
    pub label: String,
    /// Goes to the replica by itself when what DNS gave does not answer.
    pub tries_replica: bool,
    /// How long a connection may take to open.
    pub connect: Duration,
    /// How long one try of a login may take.
    pub login: Duration,
    /// What follows a try that failed.
    pub retry: Option<Retry>,
    /// Its DNS answers.
    pub cache: ClientCache,
    /// Connections that wait to be used again; nothing for cohorts that open one for each login.
    held: Option<Mutex<Vec<OneConnection>>>,
}

impl ClientProfile {
    /// The ways of one cohort, in front of resolvers that are tried in order.
    pub fn new(share: &CohortShare, timeouts: &Timeouts, resolvers: &[Server], clock: Clock) -> Self {
        let keeping = match share.cohort {
            Cohort::FreshLookup | Cohort::KeepAlive | Cohort::TriesReplica => CachePolicy::Nothing,
            Cohort::HonoursTtl => CachePolicy::Ttl,
            // Validation lets no `caches-for` through without its time.
            Cohort::CachesFor => share.caches_for.map_or(CachePolicy::Ttl, |time| CachePolicy::For(time.0)),
            Cohort::CachesForever => CachePolicy::Forever,
        };
        Self {
            label: share.label(),
            tries_replica: share.cohort == Cohort::TriesReplica,
            connect: share.connect_timeout.unwrap_or(timeouts.connect).0,
            login: share.login_timeout.unwrap_or(timeouts.login).0,
            retry: share.retry.clone(),
            cache: ClientCache::new(keeping, resolvers.to_vec(), clock),
            held: (share.cohort == Cohort::KeepAlive).then(Mutex::default),
        }
    }

    /// A held connection that nobody uses, the last one used first.
    pub(super) fn take(&self) -> Option<OneConnection> {
        let mut held = self.held()?;
        while let Some(connection) = held.pop() {
            if connection.is_open() {
                return Some(connection);
            }
        }
        None
    }

    /// Holds a connection on which all went well.
    pub(super) fn give_back(&self, connection: OneConnection) {
        if let Some(mut held) = self.held()
            && held.len() < MOST_HELD
        {
            held.push(connection);
        }
    }

    fn held(&self) -> Option<MutexGuard<'_, Vec<OneConnection>>> {
        Some(self.held.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
