//! The instrument watches itself: a timer tells when it fired late, as the machine was busy, the process stopped or the machine asleep.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use gameday_core::model::{Clock, Event, EventLog, LATE_MS, Window};

/// So often the timer fires, in real time: often enough to see a stall from its beginning, seldom enough to cost nothing.
const BEAT: Duration = Duration::from_millis(25);

/// The system tells how long it is up in whole seconds, so that a difference below this is no sleep.
const LEAST_SLEEP: Duration = Duration::from_millis(1500);

/// What a timer that was due tells.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Stall {
    late_ms: f64,
    slept_ms: f64,
}

/// Nothing where the timer fired in time and the machine did not sleep.
fn stall(late: Duration, slept: Duration) -> Option<Stall> {
    let ms = |duration: Duration| duration.as_secs_f64() * 1000.0;
    let slept = if slept < LEAST_SLEEP { Duration::ZERO } else { slept };
    (ms(late) > LATE_MS || !slept.is_zero()).then(|| Stall { late_ms: ms(late), slept_ms: ms(slept) })
}

/// Writes down every time in which this thread did not run, until `stop`.
pub(super) async fn watch(clock: Clock, log: &EventLog, stop: CancellationToken) {
    let (began, up) = (Clock::real_now(), Clock::uptime());
    let mut known = Duration::ZERO;
    loop {
        let due = Clock::real_now() + BEAT;
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            () = tokio::time::sleep_until(due.into()) => {}
        }
        let fired = Clock::real_now();
        // What the machine was up beyond what this process's clock has counted.
        let up = Clock::uptime().zip(up).map(|(now, then)| now.saturating_sub(then)).unwrap_or_default();
        let slept = up.saturating_sub(fired.saturating_duration_since(began)).saturating_sub(known);
        let Some(Stall { late_ms, slept_ms }) = stall(fired.saturating_duration_since(due), slept) else { continue };
        if slept_ms > 0.0 {
            known += slept;
        }
        let window = Window { sent: clock.at(due), received: clock.at(fired) };
        log.write(Event::HarnessStalled { window, late_ms, slept_ms });
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_timer_in_time_tells_nothing_and_a_late_one_by_how_much() {
        let ms = Duration::from_millis;
        assert_eq!(stall(ms(30), ms(999)), None);
        assert_eq!(stall(ms(30_600), ms(0)), Some(Stall { late_ms: 30_600.0, slept_ms: 0.0 }));
        assert_eq!(stall(ms(0), ms(60_000)), Some(Stall { late_ms: 0.0, slept_ms: 60_000.0 }));
    }

    proptest! {
        #[test]
        fn nothing_above_the_threshold_is_left_out(late in 0_u64..10_000, slept in 0_u64..10_000) {
            let told = stall(Duration::from_millis(late), Duration::from_millis(slept));
            prop_assert_eq!(told.is_some(), late > 100 || slept >= 1500);
            prop_assert!(told.is_none_or(|told| (told.late_ms - late as f64).abs() < 1e-6));
        }
    }
}
