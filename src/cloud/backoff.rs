//! How anything is tried again: the one policy.

use std::time::Duration;

use std::time::Instant;

use gameday_core::model::Clock;

/// Pauses between tries, in real time, each twice as long as the one before, up to a longest.
#[derive(Debug, Clone)]
pub struct Backoff {
    next: Duration,
    longest: Duration,
    /// No pause begins after this.
    until: Option<Instant>,
}

impl Backoff {
    /// Without an end.
    pub fn new(first: Duration, longest: Duration) -> Self {
        Self { next: first, longest, until: None }
    }

    /// Ends when this much time has passed from now.
    #[must_use]
    pub fn within(self, patience: Duration) -> Self {
        Self { until: Some(Clock::real_now() + patience), ..self }
    }

    /// The next pause; nothing when it is enough.
    pub fn next_pause(&mut self) -> Option<Duration> {
        if self.until.is_some_and(|until| Clock::real_now() >= until) {
            return None;
        }
        let pause = self.next;
        self.next = (pause * 2).min(self.longest);
        Some(pause)
    }

    /// Pauses; false when it is enough.
    pub async fn pause(&mut self) -> bool {
        let Some(pause) = self.next_pause() else { return false };
        tokio::time::sleep(pause).await;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_longest_and_end_in_time() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_millis(350));
        let pauses: Vec<u128> = (0..4).filter_map(|_| backoff.next_pause()).map(|pause| pause.as_millis()).collect();
        assert_eq!(pauses, [100, 200, 350, 350]);
        assert_eq!(Backoff::new(Duration::ZERO, Duration::ZERO).within(Duration::ZERO).next_pause(), None);
    }
}
