//! What the dispatcher waits for, read from the events as they are written.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tokio::sync::{broadcast, watch};
use tokio_util::task::AbortOnDropHandle;

use crate::model::{DnsSource, Event, EventLog, LoginOutcome, RegionRole, Step};
use crate::observe::Targets;

/// How far the failover has come.
#[derive(Debug, Clone, Default, PartialEq)]
struct Seen {
    cut: bool,
    healed: bool,
    healthy: Option<bool>,
    answers: BTreeMap<(bool, String), RegionRole>,
    logins: BTreeSet<RegionRole>,
}

/// Follows the event log.
#[derive(Debug)]
pub struct Watch {
    seen: watch::Receiver<Seen>,
    _task: AbortOnDropHandle<()>,
}

impl Watch {
    /// Follows from now on.
    pub fn start(log: &Arc<EventLog>) -> Self {
        let mut events = log.subscribe();
        let (sender, seen) = watch::channel(Seen::default());
        let task = tokio::spawn(async move {
            loop {
                match events.recv().await {
                    Ok(record) => sender.send_modify(|seen| seen.take(&record.event)),
                    // Every state that matters is told again and again.
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => break,
                }
            }
        });
        Self { seen, _task: AbortOnDropHandle::new(task) }
    }

    /// Whether a cut was sent.
    pub fn was_cut(&self) -> bool {
        self.seen.borrow().cut
    }

    /// Waits until the health check, every DNS server and a login say that the replica serves.
    pub async fn failed_over(&self, targets: &Targets) {
        let servers = targets.authoritative.len() + targets.resolvers.len();
        let complete = |seen: &Seen| {
            let flipped = seen.answers.values().filter(|role| **role == RegionRole::Replica).count();
            seen.healthy == Some(false) && flipped >= servers && seen.logins.contains(&RegionRole::Replica)
        };
        self.until(complete).await;
    }

    /// Waits until the health check, every DNS server and a login say that the primary serves again.
    pub async fn failed_back(&self) {
        let complete = |seen: &Seen| {
            seen.healed
                && seen.healthy == Some(true)
                && seen.answers.values().all(|role| *role == RegionRole::Primary)
                && seen.logins.contains(&RegionRole::Primary)
        };
        self.until(complete).await;
    }

    async fn until(&self, complete: impl Fn(&Seen) -> bool) {
        let mut seen = self.seen.clone();
        if seen.wait_for(|seen| complete(seen)).await.is_err() {
            // Nobody will tell any more; the phase's own end decides.
            std::future::pending::<()>().await;
        }
    }
}

impl Seen {
    fn take(&mut self, event: &Event) {
        match event {
            Event::Mutation(mutation) if mutation.step == Step::Cut && !self.cut => {
                // What was seen before says nothing about the fault.
                *self = Self { cut: true, ..Self::default() };
            }
            // A flapping fault is over with its last turn.
            Event::Mutation(mutation) if mutation.step == Step::Cut => self.healed = false,
            Event::Mutation(mutation) if mutation.step == Step::Heal => {
                self.healed = true;
                self.logins.clear();
            }
            Event::Health { status_healthy, .. } => self.healthy = Some(*status_healthy),
            Event::Answer { source, server, role: Some(role), .. } => {
                self.answers.insert((*source == DnsSource::Authoritative, server.clone()), *role);
            }
            Event::Login(login) if login.outcome == LoginOutcome::Succeeded => {
                self.logins.extend(login.role);
            }
            _ => {}
        }
    }
}
