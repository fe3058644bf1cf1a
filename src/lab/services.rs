//! The state of the lab's smaller services, one Region's each: Lambda, CloudWatch alarms, EventBridge Scheduler.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use tokio::sync::watch;

/// What a function's reserved concurrency is where nothing is reserved.
const UNRESERVED: i64 = -1;

/// The one Lambda function of a Region: the user pool's Pre-Token-Generation trigger.
#[derive(Debug)]
pub struct Function {
    arn: String,
    reserved: AtomicI64,
    tags: Mutex<BTreeMap<String, String>>,
}

impl Function {
    /// With nothing reserved.
    pub fn new(arn: String) -> Self {
        let tags = BTreeMap::from([("Name".to_owned(), "gameday-pre-token".to_owned())]);
        Self { arn, reserved: AtomicI64::new(UNRESERVED), tags: Mutex::new(tags) }
    }

    /// Its ARN.
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.arn.rsplit(':').next().unwrap_or_default()
    }

    /// Its reserved concurrency.
    pub fn reserved(&self) -> Option<i64> {
        Some(self.reserved.load(Ordering::SeqCst)).filter(|reserved| *reserved != UNRESERVED)
    }

    /// Reserves concurrency, or frees it.
    pub fn reserve(&self, executions: Option<i64>) {
        self.reserved.store(executions.unwrap_or(UNRESERVED), Ordering::SeqCst);
    }

    /// Whether every invocation is throttled.
    pub fn is_throttled(&self) -> bool {
        self.reserved() == Some(0)
    }

    /// Its tags.
    pub fn tags(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        lock(&self.tags)
    }
}

/// A CloudWatch alarm.
#[derive(Debug, Clone, PartialEq)]
pub struct Alarm {
    /// `OK`, `ALARM` or `INSUFFICIENT_DATA`.
    pub state: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
}

/// A one-time schedule.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// The request that made it.
    pub request: serde_json::Value,
    /// When it fires; later than asked for, by as much as Scheduler's precision allows.
    pub due: Timestamp,
    /// When it was made.
    pub created: Timestamp,
    /// Tries that failed.
    pub failed: u32,
}

/// The smaller services of one Region.
#[derive(Debug)]
pub struct Services {
    /// Lambda.
    pub function: Arc<Function>,
    alarms: Mutex<BTreeMap<String, Alarm>>,
    schedules: Mutex<BTreeMap<(String, String), Schedule>>,
    changed: watch::Sender<()>,
}

impl Services {
    /// With nothing in them but the function.
    pub fn new(function: Arc<Function>) -> Self {
        Self { function, alarms: Mutex::default(), schedules: Mutex::default(), changed: watch::Sender::new(()) }
    }

    /// Alarms by name.
    pub fn alarms(&self) -> MutexGuard<'_, BTreeMap<String, Alarm>> {
        lock(&self.alarms)
    }

    /// Schedules by group and name.
    pub fn schedules(&self) -> MutexGuard<'_, BTreeMap<(String, String), Schedule>> {
        lock(&self.schedules)
    }

    /// Says that there are other schedules now.
    pub fn rescheduled(&self) {
        self.changed.send_replace(());
    }

    /// Wakes when there are other schedules.
    pub fn subscribe(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
