//! The one Lambda function of a Region: the user pool's Pre-Token-Generation trigger.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard};

use super::lock;

/// What a function's reserved concurrency is where nothing is reserved.
const UNRESERVED: i64 = -1;

/// A function.
#[derive(Debug)]
pub struct Function {
    arn: String,
    invoker: String,
    reserved: AtomicI64,
    tags: Mutex<BTreeMap<String, String>>,
}

impl Function {
    /// With nothing reserved; the user pool with the ARN `invoker` may invoke it.
    pub fn new(arn: String, invoker: String) -> Self {
        let tags = BTreeMap::from([("Name".to_owned(), "gameday-pre-token".to_owned())]);
        Self { arn, invoker, reserved: AtomicI64::new(UNRESERVED), tags: Mutex::new(tags) }
    }

    /// Its ARN.
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.arn.rsplit(':').next().unwrap_or_default()
    }

    /// The ARN of the user pool that may invoke it.
    pub fn invoker(&self) -> &str {
        &self.invoker
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
