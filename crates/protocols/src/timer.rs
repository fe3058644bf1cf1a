//! Waiting by the scenario's clock, on tokio's timers.

use std::time::Duration;

use jiff::Timestamp;

use gameday_core::model::Clock;

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
