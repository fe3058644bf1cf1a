//! How fast calls that change something are made.
//!
//! EC2 throttles each account and Region by token buckets whose sizes differ by operation and can be raised (EC2
//! developer guide, "Request throttling for the Amazon EC2 API"), so the rate is found out: it starts high, is halved
//! whenever the API says that it was too much, and grows again, a step at a time, while it does not.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use governor::clock::{self, Clock as _};
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};

use crate::cloud::{CloudError, ErrorClass};
use gameday_core::model::Clock;

/// Calls in flight at once.
pub(super) const CALLS_IN_FLIGHT: usize = 32;
/// Calls a second at first.
const START_PER_S: u32 = 200;
/// Calls a second at the least; our own choice, so that a restore never comes to rest.
const LEAST_PER_S: u32 = 5;
/// Answers of calls that were in flight together count as one.
const ONE_EVENT: Duration = Duration::from_millis(500);

/// The rate grows by so many calls a second; our own choice.
const STEP_PER_S: u32 = 10;
/// So long without a throttled answer before it does; our own choice.
const QUIET: Duration = Duration::from_secs(1);

/// A token bucket whose rate adapts.
#[derive(Debug)]
pub struct AdaptiveRateLimiter {
    state: Mutex<RateState>,
}

/// Real time, or the simulated one in its place.
#[derive(Debug, Clone)]
struct RealTime;

impl clock::Clock for RealTime {
    type Instant = std::time::Instant;

    fn now(&self) -> Self::Instant {
        Clock::real_now()
    }
}

type TokenBucket = RateLimiter<NotKeyed, InMemoryState, RealTime, NoOpMiddleware<std::time::Instant>>;

#[derive(Debug)]
struct RateState {
    per_s: u32,
    bucket: Arc<TokenBucket>,
    /// When the rate was last changed; never while it is the first one.
    changed: Option<std::time::Instant>,
}

impl Default for AdaptiveRateLimiter {
    fn default() -> Self {
        let bucket = bucket(START_PER_S, CALLS_IN_FLIGHT as u32);
        Self { state: Mutex::new(RateState { per_s: START_PER_S, bucket, changed: None }) }
    }
}

fn bucket(per_s: u32, burst: u32) -> Arc<TokenBucket> {
    let at_least_one = |number| NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN);
    let quota = Quota::per_second(at_least_one(per_s)).allow_burst(at_least_one(burst));
    Arc::new(RateLimiter::direct_with_clock(quota, RealTime))
}

impl AdaptiveRateLimiter {
    /// Waits until a call may be sent.
    pub async fn acquire(&self) {
        let bucket = Arc::clone(&self.lock().bucket);
        // The limiter's own way to wait has a timer of its own, which knows no simulated time.
        while let Err(not_yet) = bucket.check() {
            tokio::time::sleep(not_yet.wait_time_from(RealTime.now())).await;
        }
    }

    /// Takes an answer into account.
    pub fn on_response<T>(&self, result: &Result<T, CloudError>) {
        let throttled = result.as_ref().is_err_and(|error| error.class == ErrorClass::Throttled);
        self.on_response_at(throttled, Clock::real_now());
    }

    fn on_response_at(&self, throttled: bool, now: std::time::Instant) {
        let mut state = self.lock();
        let quiet = state.changed.map(|at| now.duration_since(at));
        let per_s = if throttled && quiet.is_none_or(|quiet| quiet >= ONE_EVENT) {
            (state.per_s / 2).max(LEAST_PER_S)
        } else if !throttled && quiet.is_some_and(|quiet| quiet >= QUIET) {
            (state.per_s + STEP_PER_S).min(START_PER_S)
        } else {
            return;
        };
        // The account's own bucket is empty after a throttled answer, so a burst would only be throttled again.
        *state = RateState { per_s, bucket: bucket(per_s, 1), changed: Some(now) };
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, RateState> {
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

    #[test]
    fn a_throttled_answer_halves_the_rate_once_and_never_below_the_least() {
        let limiter = AdaptiveRateLimiter::default();
        let mut now = Clock::real_now();
        limiter.on_response_at(true, now);
        limiter.on_response_at(true, now);
        assert_eq!(limiter.lock().per_s, START_PER_S / 2);
        for _ in 0..20 {
            now += ONE_EVENT;
            limiter.on_response_at(true, now);
        }
        assert_eq!(limiter.lock().per_s, LEAST_PER_S);
    }

    #[test]
    fn the_rate_grows_again_step_by_step_and_never_above_the_first() {
        let limiter = AdaptiveRateLimiter::default();
        let mut now = Clock::real_now();
        limiter.on_response_at(false, now + QUIET);
        assert_eq!(limiter.lock().per_s, START_PER_S);
        limiter.on_response_at(true, now);
        now += QUIET;
        limiter.on_response_at(false, now);
        limiter.on_response_at(false, now);
        assert_eq!(limiter.lock().per_s, START_PER_S / 2 + STEP_PER_S);
        for _ in 0..20 {
            now += QUIET;
            limiter.on_response_at(false, now);
        }
        assert_eq!(limiter.lock().per_s, START_PER_S);
    }

    #[test]
    fn turns_wait_in_simulated_time_too() {
        let waits = || async {
            let (limiter, began) = (AdaptiveRateLimiter::default(), Clock::real_now());
            for _ in 0..CALLS_IN_FLIGHT + 20 {
                limiter.acquire().await;
            }
            Clock::real_now() - began
        };
        let waited = gameday_protocols::timer::block_on_virtual(gameday_core::model::Seed(1), waits).unwrap();
        assert_eq!(waited, Duration::from_millis(100));
    }

    #[test]
    fn real_answers_of_the_cloud_count() {
        let limiter = AdaptiveRateLimiter::default();
        limiter.on_response(&Ok(()));
        assert_eq!(limiter.lock().per_s, START_PER_S);
        limiter.on_response(&throttled());
        assert_eq!(limiter.lock().per_s, START_PER_S / 2);
    }
}
