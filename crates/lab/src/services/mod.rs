//! The state of the lab's smaller services, one Region's each: Lambda, CloudWatch, EventBridge Scheduler, WAF.

pub(crate) mod function;
pub(crate) mod metrics;
pub(crate) mod schedules;
pub(crate) mod web_acls;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::watch;

pub(crate) use self::function::{Function, Functions, Uninvoked};
use self::metrics::{Alarm, Metrics};
use self::schedules::{ExecutionLog, Firing, ScheduleStore};
use super::estate::AccountFixture;
use super::estate::cloudwatch::Series;

/// The smaller services of one Region.
#[derive(Debug)]
pub(crate) struct Services {
    /// Lambda.
    pub functions: Arc<Functions>,
    alarms: Mutex<BTreeMap<String, Alarm>>,
    metrics: Mutex<Metrics>,
    series: Vec<Series>,
    dashboards: BTreeMap<String, Value>,
    schedules: Mutex<ScheduleStore>,
    firings: Mutex<ExecutionLog>,
    changed: watch::Sender<()>,
}

impl Services {
    /// With nothing in them but the functions.
    pub(crate) fn new(functions: Arc<Functions>) -> Self {
        Self {
            functions,
            alarms: Mutex::default(),
            metrics: Mutex::default(),
            series: Vec::new(),
            dashboards: BTreeMap::new(),
            schedules: Mutex::default(),
            firings: Mutex::default(),
            changed: watch::Sender::new(()),
        }
    }

    /// With the metrics, alarms and dashboards of the estate, since `now`.
    #[must_use]
    pub(crate) fn watched(mut self, estate: &AccountFixture, region: &str, now: Timestamp) -> Self {
        self.dashboards.clone_from(&estate.dashboards);
        if let Some(there) = estate.cloudwatch.get(region) {
            self.series = there.metrics.values().cloned().collect();
            let alarms = there.alarms.iter().map(|(name, alarm)| (name.clone(), Alarm::of(alarm, now)));
            self.alarms().extend(alarms);
        }
        self
    }

    /// Metrics that AWS's services and others' programs write.
    pub(crate) fn series(&self) -> &[Series] {
        &self.series
    }

    /// Dashboards by name.
    pub(crate) fn dashboards(&self) -> &BTreeMap<String, Value> {
        &self.dashboards
    }

    /// Alarms by name.
    pub(crate) fn alarms(&self) -> MutexGuard<'_, BTreeMap<String, Alarm>> {
        lock(&self.alarms)
    }

    /// The metrics that were put.
    pub(crate) fn metrics(&self) -> MutexGuard<'_, Metrics> {
        lock(&self.metrics)
    }

    /// Schedules and their groups.
    pub(crate) fn schedules(&self) -> MutexGuard<'_, ScheduleStore> {
        lock(&self.schedules)
    }

    /// Says that there are other schedules now.
    pub(crate) fn rescheduled(&self) {
        self.changed.send_replace(());
    }

    /// Wakes when there are other schedules.
    pub(crate) fn subscribe(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Notes a call that a schedule made.
    pub(crate) fn fired(&self, firing: Firing) {
        lock(&self.firings).note(firing);
    }

    /// The calls that schedules made, in order; the last thousand.
    pub(crate) fn firings(&self) -> Vec<Firing> {
        lock(&self.firings).all()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
