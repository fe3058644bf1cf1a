//! Stop conditions: looked at from the cut to the restore, and the first that holds ends the run.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::broadcast::error::RecvError;
use tokio_util::task::AbortOnDropHandle;

use super::Stop;
use crate::cloud::Cloud;
use crate::observe::in_alarm;
use gameday_core::env::AlarmRef;
use gameday_core::model::{Clock, DnsSource, Event, EventLog, LoginOutcome, Record, RegionRole, format_duration};
use gameday_core::scenario::StopConditions;
use gameday_protocols::timer::Timer as _;

/// CloudWatch evaluates alarms every 10 s at the most (CloudWatch user guide, "High-resolution alarms").
const ALARM_PERIOD: Duration = Duration::from_secs(5);
/// Fewer logins than this tell no rate; our own choice.
const LEAST_LOGINS: usize = 5;

/// When to give up.
#[derive(Debug)]
pub(super) struct Conditions {
    /// The scenario's.
    pub scenario: StopConditions,
    /// The environment's.
    pub alarms: Vec<AlarmRef>,
}

/// Looks until it is dropped, and tells `stop` the first condition that holds.
pub(super) fn watch(
    conditions: Conditions,
    zero: Timestamp,
    log: &Arc<EventLog>,
    cloud: &Cloud,
    clock: Clock,
    stop: &Stop,
) -> AbortOnDropHandle<()> {
    let Conditions { scenario, alarms } = conditions;
    let mut events = super::subscribe(log);
    let mut seen = LoginTally::new(scenario, zero);
    let users = async move {
        loop {
            match events.recv().await {
                Ok(record) => {
                    if let Some(reason) = seen.take(&record) {
                        return reason;
                    }
                }
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return std::future::pending().await,
            }
        }
    };
    let (cloud, log) = (cloud.clone(), Arc::clone(log));
    let alarms = async move {
        if alarms.is_empty() {
            return std::future::pending().await;
        }
        let mut told = false;
        loop {
            match in_alarm(&cloud, &alarms).await {
                Ok(Some(reason)) => return reason,
                Ok(None) => told = false,
                Err(error) if !told => {
                    told = true;
                    log.write(Event::Notice { text: format!("stop conditions: the alarms cannot be read: {error}") });
                }
                Err(_) => {}
            }
            clock.sleep(ALARM_PERIOD).await;
        }
    };
    let stop = stop.clone();
    AbortOnDropHandle::new(tokio::spawn(async move {
        let reason: String = tokio::select! {
            biased;
            reason = users => reason,
            reason = alarms => reason,
        };
        stop.restore(&format!("stop condition: {reason}"));
    }))
}

/// What the users' logins say so far.
struct LoginTally {
    conditions: StopConditions,
    zero: Timestamp,
    failed: u32,
    last_success: Timestamp,
    flipped: Option<Timestamp>,
    at_replica: VecDeque<(Timestamp, bool)>,
}

impl LoginTally {
    fn new(conditions: StopConditions, zero: Timestamp) -> Self {
        Self { conditions, zero, failed: 0, last_success: zero, flipped: None, at_replica: VecDeque::new() }
    }

    /// Takes a record into account; gives the condition that holds now.
    fn take(&mut self, record: &Record) -> Option<String> {
        match &record.event {
            Event::Login(login) if login.scheduled >= self.zero => {
                let succeeded = login.outcome == LoginOutcome::Succeeded;
                if succeeded {
                    self.last_success = self.last_success.max(login.ended);
                } else if login.failed() {
                    self.failed += 1;
                }
                let moved = self.flipped.is_some_and(|flipped| login.started >= flipped);
                if moved && login.role == Some(RegionRole::Replica) && !login.refused_as_expected() {
                    self.at_replica.push_back((login.ended, succeeded));
                }
            }
            Event::Answer { source: DnsSource::Authoritative, role: Some(RegionRole::Replica), .. } => {
                self.flipped.get_or_insert(record.at);
            }
            _ => {}
        }
        self.holds(record.at)
    }

    fn holds(&mut self, now: Timestamp) -> Option<String> {
        let since = |then: Timestamp| Duration::try_from(now.duration_since(then)).unwrap_or_default();
        if let Some(budget) = self.conditions.error_budget.filter(|budget| self.failed > *budget) {
            return Some(format!("{} logins have failed since fault injection, more than {budget}", self.failed));
        }
        if let Some(most) = self.conditions.max_outage.filter(|most| since(self.last_success) >= most.0) {
            return Some(format!("no login succeeded in either Region for {most}"));
        }
        let few = self.conditions.replica_success_rate.as_ref()?;
        let window = SignedDuration::try_from(few.lasts.0).unwrap_or(SignedDuration::MAX);
        let from = now.saturating_sub(window).unwrap_or(Timestamp::MIN);
        // The window must lie after the flip as a whole.
        if self.flipped.is_none_or(|flipped| flipped > from) {
            return None;
        }
        while self.at_replica.front().is_some_and(|(ended, _)| *ended < from) {
            self.at_replica.pop_front();
        }
        let (all, good) = (self.at_replica.len(), self.at_replica.iter().filter(|(_, succeeded)| *succeeded).count());
        (all >= LEAST_LOGINS && (good as f64) < few.below.0 * all as f64).then(|| {
            format!(
                "{good} of {all} logins at the replica succeeded in the last {}, less than {}",
                format_duration(few.lasts.0),
                few.below
            )
        })
    }
}
