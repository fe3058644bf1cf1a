//! How well the runner's system clock is kept, by the kernel's own word. No figure rests on it, since all of them are differences of
//! the monotonic clock; it tells how far the report's times of day may be from those of other logs.
#![allow(unsafe_code, reason = "no crate that others use reads the kernel's word safely")]

use serde::{Deserialize, Serialize};

/// What the kernel says of its clock.
#[expect(clippy::unsafe_derive_deserialize, reason = "its unsafe code relies on nothing in it")]
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ClockSync {
    /// Whether a daemon, as chrony, keeps it by NTP or a better clock.
    pub synchronised: bool,
    /// So far it may be off, in milliseconds, as that daemon says; it means nothing where none does.
    pub at_most_off_ms: f64,
}

impl ClockSync {
    /// Asks the kernel, as anybody may; nothing where it does not say.
    #[cfg(target_os = "linux")]
    pub fn read() -> Option<Self> {
        if super::Clock::is_virtual() {
            return None;
        }
        // SAFETY: a `timex` is made of integers alone, for which zero is a value.
        let mut told: libc::timex = unsafe { std::mem::zeroed() };
        // SAFETY: `told` is a valid `timex` for as long as the call takes. Its `modes` is 0, so that the call reads and sets nothing.
        let state = unsafe { libc::adjtimex(&raw mut told) };
        (state >= 0).then(|| Self {
            synchronised: told.status & libc::STA_UNSYNC == 0,
            // In microseconds, by adjtimex(2).
            at_most_off_ms: told.maxerror as f64 / 1e3,
        })
    }

    /// Elsewhere nobody is asked.
    #[cfg(not(target_os = "linux"))]
    pub fn read() -> Option<Self> {
        None
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_says_how_its_clock_is_kept() {
        let told = ClockSync::read().unwrap();
        // The kernel counts the error of a clock that nobody keeps up to 16 s.
        assert!((0.0..=16_000.0).contains(&told.at_most_off_ms), "{told:?}");
    }
}
