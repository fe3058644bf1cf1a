//! How fast calls that change something are made.
//!
//! EC2 throttles each account and Region by token buckets whose sizes differ by operation and can be raised (EC2
//! developer guide, "Request throttling for the Amazon EC2 API"), so the rate is found out: it starts high and is
//! halved whenever the API says that it was too much.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

use crate::cloud::{CloudError, ErrorClass};
use crate::model::Clock;

/// Calls in flight at once.
pub const CALLS_IN_FLIGHT: usize = 32;
/// Calls a second at first.
const START_PER_S: u32 = 200;
/// Calls a second at the least; our own choice, so that a restore never comes to rest.
const LEAST_PER_S: u32 = 5;
/// Answers of calls that were in flight together count as one.
const ONE_EVENT: Duration = Duration::from_millis(500);

/// A token bucket whose rate adapts.
#[derive(Debug)]
pub struct Pace {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    per_s: u32,
    bucket: Arc<DefaultDirectRateLimiter>,
    slowed: Option<tokio::time::Instant>,
}

impl Default for Pace {
    fn default() -> Self {
        let bucket = bucket(START_PER_S, CALLS_IN_FLIGHT as u32);
        Self { state: Mutex::new(State { per_s: START_PER_S, bucket, slowed: None }) }
    }
}

fn bucket(per_s: u32, burst: u32) -> Arc<DefaultDirectRateLimiter> {
    let at_least_one = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
    Arc::new(RateLimiter::direct(Quota::per_second(at_least_one(per_s)).allow_burst(at_least_one(burst))))
}

impl Pace {
    /// Waits until a call may be sent.
    pub async fn turn(&self) {
        let bucket = Arc::clone(&self.lock().bucket);
        bucket.until_ready().await;
    }

    /// Takes an answer into account.
    pub fn answered<T>(&self, result: &Result<T, CloudError>) {
        let throttled = result.as_ref().is_err_and(|error| error.class == ErrorClass::Throttled);
        if !throttled {
            return;
        }
        let now = Clock::real_now();
        let mut state = self.lock();
        if state.slowed.is_some_and(|at| now.duration_since(at) < ONE_EVENT) {
            return;
        }
        state.slowed = Some(now);
        state.per_s = (state.per_s / 2).max(LEAST_PER_S);
        // The account's own bucket is empty now, so a burst would only be throttled again.
        state.bucket = bucket(state.per_s, 1);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn throttled() -> Result<(), CloudError> {
        let class = ErrorClass::Throttled;
        Err(CloudError { operation: "ec2:X", class, code: None, message: String::new() })
    }

    #[tokio::test(start_paused = true)]
    async fn a_throttled_answer_halves_the_rate_once_and_never_below_the_least() {
        let pace = Pace::default();
        pace.answered(&throttled());
        pace.answered(&throttled());
        assert_eq!(pace.lock().per_s, START_PER_S / 2);
        for _ in 0..20 {
            tokio::time::advance(ONE_EVENT).await;
            pace.answered(&throttled());
        }
        assert_eq!(pace.lock().per_s, LEAST_PER_S);
    }
}
