//! What the run waits for: how far the failover has come.
//!
//! Whether anything was cut is taken from the calls themselves, as they are made. Everything else is read from the event log as it is written; a record that
//! is missed there is none too many, since every state is asked for again and again.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::{broadcast, watch};
use tokio_util::task::AbortOnDropHandle;

use crate::observe::Targets;
use gameday_core::measure::Outage;
use gameday_core::model::{DnsSource, Event, EventLog, LoginOutcome, Region, RegionRole};

/// What was seen last, and when it was asked for.
#[derive(Debug, Clone, Default, PartialEq)]
struct LastSeen {
    /// What was cut and healed.
    outage: Outage,
    healthy: Option<(Timestamp, bool)>,
    /// By server.
    answers: BTreeMap<(bool, String), (Timestamp, RegionRole)>,
    /// When the last login that succeeded there had ended.
    logins: BTreeMap<RegionRole, Timestamp>,
}

/// Follows the failover of a run.
#[derive(Debug)]
pub(super) struct FailoverTracker {
    /// The primary Region, whose faults make the outage.
    primary: Region,
    seen: Arc<watch::Sender<LastSeen>>,
    _task: AbortOnDropHandle<()>,
}

impl FailoverTracker {
    /// Follows from now on.
    pub(super) fn start(log: &Arc<EventLog>, primary: Region) -> Self {
        let mut events = super::subscribe(log);
        let seen = Arc::new(watch::Sender::new(LastSeen::default()));
        let followed = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            loop {
                match events.recv().await {
                    Ok(record) => {
                        followed.send_if_modified(|seen| seen.take(&record.event));
                    }
                    // Every state that matters here is told again and again.
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => break,
                }
            }
        });
        Self { primary, seen, _task: AbortOnDropHandle::new(task) }
    }

    /// Takes notice of a call, at the moment at which it is recorded.
    pub(super) fn on_call(&self, event: &Event) {
        if let Event::Mutation(mutation) = event {
            self.seen.send_if_modified(|seen| seen.outage.take(mutation, Some(&self.primary)));
        }
    }

    /// Whether a call that cuts was sent.
    pub(super) fn was_cut(&self) -> bool {
        self.seen.borrow().outage.began().is_some()
    }

    /// Waits until the health check, every DNS server and a login say that the replica serves.
    pub(super) async fn failed_over(&self, targets: &Targets) {
        let servers = targets.authoritative.len() + targets.resolvers.len();
        self.until(|seen| seen.failed_over(servers)).await;
    }

    /// Waits until the health check, every DNS server and a login say that the primary serves again, after `since`.
    pub(super) async fn failed_back(&self, since: Timestamp) {
        self.until(|seen| seen.failed_back(since)).await;
    }

    async fn until(&self, complete: impl Fn(&LastSeen) -> bool) {
        // The sender is our own, so it cannot be gone.
        let _ = self.seen.subscribe().wait_for(complete).await;
    }
}

impl LastSeen {
    /// Takes a record into account; gives whether anything that matters is new.
    fn take(&mut self, event: &Event) -> bool {
        match event {
            Event::Health { window, status_healthy, .. } => {
                // A slow answer is written after a later, faster one.
                let newer = self.healthy.is_none_or(|(sent, _)| sent <= window.sent);
                if newer {
                    self.healthy = Some((window.sent, *status_healthy));
                }
                newer
            }
            Event::Answer { window, source, server, role: Some(role), .. } => {
                let key = (*source == DnsSource::Authoritative, server.clone());
                let newer = self.answers.get(&key).is_none_or(|(sent, _)| *sent <= window.sent);
                if newer {
                    self.answers.insert(key, (window.sent, *role));
                }
                newer
            }
            Event::Login(login) if login.outcome == LoginOutcome::Succeeded => {
                let Some(role) = login.role else { return false };
                let last = self.logins.entry(role).or_insert(login.ended);
                *last = (*last).max(login.ended);
                true
            }
            _ => false,
        }
    }

    /// What was seen before the cut says nothing about the fault.
    fn failed_over(&self, servers: usize) -> bool {
        let Some(cut) = self.outage.began() else { return false };
        let flipped = self.answers.values().filter(|(sent, role)| *sent >= cut && *role == RegionRole::Replica).count();
        self.healthy.is_some_and(|(sent, healthy)| sent >= cut && !healthy)
            && flipped >= servers
            && self.logins.get(&RegionRole::Replica).is_some_and(|ended| *ended >= cut)
    }

    fn failed_back(&self, since: Timestamp) -> bool {
        self.healthy.is_some_and(|(sent, healthy)| sent >= since && healthy)
            && self.answers.values().all(|(_, role)| *role == RegionRole::Primary)
            && self.logins.get(&RegionRole::Primary).is_some_and(|ended| *ended >= since)
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;
    use gameday_core::model::{Mutation, Step, Window};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds)
    }

    fn health(sent: i64, status_healthy: bool) -> Event {
        let window = Window { sent: at(sent), received: at(sent + 1) };
        Event::Health { window, healthy: 0, checkers: 16, status_healthy }
    }

    fn answer(sent: i64, role: RegionRole) -> Event {
        let window = Window { sent: at(sent), received: at(sent + 1) };
        let (source, server) = (DnsSource::Resolver, "resolver".to_owned());
        Event::Answer {
            window,
            source,
            server,
            addresses: Vec::new(),
            ttl_s: 60,
            role: Some(role),
            unknown: Vec::new(),
        }
    }

    fn cut(sent: Timestamp) -> Mutation {
        Mutation {
            window: Window { sent, received: sent },
            region: Region::from("us-east-1"),
            step: Step::Cut,
            call: "ec2:CreateNetworkAclEntry".to_owned(),
            resource: "acl-1".to_owned(),
            ipv4: true,
            fault: Some(1),
            error: None,
        }
    }

    fn seen(events: &[Event]) -> LastSeen {
        let mut seen = LastSeen::default();
        seen.outage.take(&cut(at(100)), Some(&"us-east-1".into()));
        for event in events {
            seen.take(event);
        }
        seen
    }

    #[test]
    fn what_was_so_before_the_cut_is_no_failover() {
        let before = [health(90, false), answer(90, RegionRole::Replica)];
        let mut early = seen(&before);
        early.logins.insert(RegionRole::Replica, at(95));
        assert!(!early.failed_over(1));
        let mut later = seen(&[health(110, false), answer(120, RegionRole::Replica), health(105, true)]);
        assert!(!later.failed_over(1), "nobody has logged in yet");
        later.logins.insert(RegionRole::Replica, at(121));
        assert!(later.failed_over(1), "a slow answer does not outdo a later one");
        assert!(!later.failed_over(2), "one server is silent");
    }

    #[test]
    fn the_way_back_counts_from_the_restore() {
        let mut back = seen(&[health(150, true), answer(150, RegionRole::Primary)]);
        back.logins.insert(RegionRole::Primary, at(150));
        assert!(!back.failed_back(at(200)));
        back.take(&health(201, true));
        back.logins.insert(RegionRole::Primary, at(201));
        assert!(back.failed_back(at(200)));
    }

    /// The log drops what a slow follower has not taken; that something was cut must not be lost with it.
    #[tokio::test]
    async fn a_cut_is_known_whatever_the_log_drops() {
        let folder = tempfile::tempdir().unwrap();
        let clock = gameday_core::model::Clock::start(1.0);
        let log = Arc::new(EventLog::create(&folder.path().join("events.ndjson"), clock).unwrap());
        let tracker = FailoverTracker::start(&log, "us-east-1".into());
        let cut = Event::Mutation(cut(clock.now()));
        tracker.on_call(&cut);
        log.write(cut);
        // The follower cannot run in between: this is a runtime of one thread.
        for number in 0..10_000 {
            log.write(Event::Notice { text: number.to_string() });
        }
        tokio::task::yield_now().await;
        assert!(tracker.was_cut());
    }
}
