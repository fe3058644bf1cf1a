//! Sleeps and timeouts by a scenario's clock, on tokio's timers; and virtual time, in which nothing waits.
//!
//! A [`Clock`] may run faster than real time; [`Timer`] takes durations of scenario time and converts them. [`block_on_virtual`] runs a
//! future with a clock that jumps to the next timer when there is nothing else to do.
//!
//! ```
//! use std::time::Duration;
//!
//! use gameday_core::model::{Clock, Seed};
//! use gameday_protocols::timer::{Timer, block_on_virtual};
//!
//! # fn main() -> std::io::Result<()> {
//! let slept = block_on_virtual(Seed(7), || async {
//!     let clock = Clock::start(1.0);
//!     let began = clock.now();
//!     // An hour passes at once.
//!     clock.sleep(Duration::from_secs(3600)).await;
//!     clock.now().duration_since(began)
//! })?;
//! assert_eq!(slept.as_secs(), 3600);
//! # Ok(())
//! # }
//! ```

use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, civil};
use tokio::task::JoinError;

use crate::net::simulated;
use gameday_core::model::{Clock, Seed, Source};

/// What a [`Clock`] can wait for.
pub trait Timer {
    /// Sleeps for a duration of scenario time.
    fn sleep(&self, scenario: Duration) -> impl Future<Output = ()> + Send;

    /// Sleeps until scenario time reads `at`.
    fn sleep_until(&self, at: Timestamp) -> impl Future<Output = ()> + Send;

    /// Gives `work` a duration of scenario time.
    ///
    /// # Errors
    /// [`tokio::time::error::Elapsed`] when it has not finished by then.
    fn timeout<F: Future>(&self, scenario: Duration, work: F) -> tokio::time::Timeout<F>;
}

impl Timer for Clock {
    fn sleep(&self, scenario: Duration) -> impl Future<Output = ()> + Send {
        tokio::time::sleep(self.real(scenario))
    }

    fn sleep_until(&self, at: Timestamp) -> impl Future<Output = ()> + Send {
        tokio::time::sleep_until(self.instant(at).into())
    }

    fn timeout<F: Future>(&self, scenario: Duration, work: F) -> tokio::time::Timeout<F> {
        tokio::time::timeout(self.real(scenario), work)
    }
}

/// What virtual time needs: a runtime of one thread whose clock stands while there is something to do, and jumps to the next timer when
/// there is not (tokio's paused clock), a network in memory, and clocks that read it.
///
/// # Errors
/// When the system gives no runtime.
pub fn block_on_virtual<F: Future>(seed: Seed, work: impl FnOnce() -> F) -> std::io::Result<F::Output> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build()?;
    // Dropped after the runtime, so that what is left of it ends while its network and its time are still there.
    let _network = simulated::enter(seed);
    let _time = Driven;
    // What the SDK draws from: how long it waits before it repeats a call.
    fastrand::seed(seed.0);
    let output = runtime.block_on(async {
        let now = || tokio::time::Instant::now().into_std();
        Clock::drive_by(Some(Source { now, began: now(), epoch: epoch(seed) }));
        work().await
    });
    drop(runtime);
    Ok(output)
}

/// While it lives, this thread's clocks may be driven by something else than the system.
struct Driven;

impl Drop for Driven {
    fn drop(&mut self) {
        Clock::drive_by(None);
    }
}

/// Runs arithmetic where it keeps no timer and no socket waiting: on a thread for such work, or, in virtual time, at once, since there
/// nothing waits and the order of threads is not to be foreseen.
///
/// # Errors
/// When the work panicked.
pub async fn compute<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, JoinError> {
    if Clock::is_virtual() { Ok(work()) } else { tokio::task::spawn_blocking(work).await }
}

/// When virtual time begins: the seed in minutes after the beginning of 2026, so that runs of different seeds have different names.
fn epoch(seed: Seed) -> Timestamp {
    let first = civil::date(2026, 1, 1).at(0, 0, 0, 0);
    let first = TimeZone::UTC.to_timestamp(first);
    let minutes = i64::try_from(seed.0 % 1_000_000).unwrap_or_default();
    first.unwrap_or_default().saturating_add(SignedDuration::from_mins(minutes)).unwrap_or_default()
}
