//! How far a run is told to stop: an ordered level, raised by each signal.

use std::sync::Arc;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// What the user, or a stop condition, asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StopLevel {
    /// Skip to restore.
    Restore,
    /// Restore, but observe no further.
    SkipObservers,
    /// Give up what cannot be restored now; say how to go on.
    GiveUp,
}

const LEVELS: [StopLevel; 3] = [StopLevel::Restore, StopLevel::SkipObservers, StopLevel::GiveUp];

impl StopLevel {
    /// The one above; the lowest after nothing.
    pub(super) fn after(level: Option<Self>) -> Option<Self> {
        LEVELS.into_iter().find(|next| level.is_none_or(|level| *next > level))
    }
}

/// Shared by whoever listens to signals and the engine.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    tokens: Arc<[CancellationToken; 3]>,
    reason: watch::Sender<String>,
}

impl Stop {
    /// Goes one level up; the first reason is kept. Gives the level, or nothing when it was the last already.
    pub fn raise(&self, reason: &str) -> Option<StopLevel> {
        let next = LEVELS.into_iter().find(|level| !self.tokens[*level as usize].is_cancelled())?;
        self.reason.send_if_modified(|kept| {
            let first = kept.is_empty();
            if first {
                reason.clone_into(kept);
            }
            first
        });
        self.tokens[next as usize].cancel();
        Some(next)
    }

    /// Asks to skip to restore, unless that was asked before.
    pub fn restore(&self, reason: &str) {
        if !self.tokens[StopLevel::Restore as usize].is_cancelled() {
            self.raise(reason);
        }
    }

    /// Cancelled when that level is reached.
    pub fn token(&self, level: StopLevel) -> CancellationToken {
        self.tokens[level as usize].clone()
    }

    /// The levels, as each is reached.
    pub(super) fn levels(&self) -> Levels {
        Levels { stop: self.clone(), reached: None }
    }

    /// The first reason.
    pub fn reason(&self) -> String {
        self.reason.borrow().clone()
    }
}

/// The levels of a stop, one after the other.
pub(super) struct Levels {
    stop: Stop,
    reached: Option<StopLevel>,
}

impl Levels {
    /// Waits for the next one; for ever after the last.
    pub(super) async fn next(&mut self) -> StopLevel {
        let Some(next) = StopLevel::after(self.reached) else { return std::future::pending().await };
        self.stop.token(next).cancelled().await;
        self.reached = Some(next);
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_signal_goes_one_level_up_and_the_first_reason_stays() {
        let stop = Stop::default();
        assert_eq!(stop.raise("SIGINT"), Some(StopLevel::Restore));
        assert!(stop.token(StopLevel::Restore).is_cancelled() && !stop.token(StopLevel::SkipObservers).is_cancelled());
        assert_eq!(stop.raise("SIGTERM"), Some(StopLevel::SkipObservers));
        assert_eq!(stop.raise("SIGTERM"), Some(StopLevel::GiveUp));
        assert_eq!(stop.raise("SIGTERM"), None);
        assert_eq!(stop.reason(), "SIGINT");
    }
}
