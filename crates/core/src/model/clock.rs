use std::cell::Cell;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

/// A timer that fires later than this, in real milliseconds, or a login that is started so late, tells of a runner that does not keep up. Our
/// own choice: some ten times what a busy machine's scheduler takes.
pub const LATE_MS: f64 = 100.0;

thread_local! {
    static SOURCE: Cell<Option<Source>> = const { Cell::new(None) };
}

/// What a thread's clocks read in virtual time, in place of the system's.
#[derive(Debug, Clone, Copy)]
pub struct Source {
    /// The monotonic clock.
    pub now: fn() -> Instant,
    /// When virtual time began, by that clock.
    pub began: Instant,
    /// The wall time at which it began.
    pub epoch: Timestamp,
}

fn instant() -> Instant {
    SOURCE.get().map_or_else(Instant::now, |source| (source.now)())
}

fn wall() -> Timestamp {
    SOURCE.get().map_or_else(Timestamp::now, |source| {
        let passed = (source.now)().saturating_duration_since(source.began);
        source.epoch.checked_add(passed).unwrap_or(Timestamp::MAX)
    })
}

/// The one source of time for runner and lab.
///
/// Anchored once to wall time and driven by the monotonic clock from there on, so a step of the
/// system clock during a run cannot bend a figure. With a speed factor `n`, scenario time runs
/// `n` times faster than real time; every [`Timestamp`] it gives out is scenario time.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    anchor: Timestamp,
    started: Instant,
    offset: Duration,
    speed: f64,
}

impl Clock {
    /// A clock that starts now and runs `speed` times faster than real time.
    pub fn start(speed: f64) -> Self {
        Self { anchor: wall(), started: instant(), offset: Duration::ZERO, speed }
    }

    /// Has this thread's clocks read another source than the system's: the timers of virtual time. Without one they read the system's again.
    pub fn drive_by(source: Option<Source>) {
        SOURCE.set(source);
    }

    /// The wall time of this thread now, for what has no clock of a run at hand.
    pub fn wall() -> Timestamp {
        wall()
    }

    /// Whether this thread's time is virtual: it passes only while nothing is to be done.
    pub fn is_virtual() -> bool {
        SOURCE.get().is_some()
    }

    /// A clock of this process that agrees with one that another process of this machine
    /// anchored at `anchor` with the same speed.
    pub fn aligned(anchor: Timestamp, speed: f64) -> Self {
        let passed = wall().duration_since(anchor);
        let offset = Duration::try_from(passed).unwrap_or_default();
        Self { anchor, started: instant(), offset, speed }
    }

    /// The wall time at which scenario time and real time were the same.
    pub fn anchor(&self) -> Timestamp {
        self.anchor
    }

    /// How many seconds of scenario time pass in one second of real time.
    pub fn speed(&self) -> f64 {
        self.speed
    }

    /// Real time, for what the speed does not reach, as the patience with another service's API.
    pub fn real_now() -> Instant {
        instant()
    }

    /// The processor time that this process has taken so far; nothing in virtual time, and where the system does not tell.
    pub fn processor_time() -> Option<Duration> {
        use rustix::time::{ClockId, clock_gettime};
        if Self::is_virtual() {
            return None;
        }
        Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).ok()
    }

    /// How long the machine is up, its sleep included, in which this clock stands still, in whole seconds; nothing where the system does not
    /// tell.
    pub fn uptime() -> Option<Duration> {
        if Self::is_virtual() {
            return None;
        }
        #[cfg(target_os = "linux")]
        {
            u64::try_from(rustix::system::sysinfo().uptime).ok().map(Duration::from_secs)
        }
        #[cfg(not(target_os = "linux"))]
        None
    }

    /// The system's wall time, for names that no event carries.
    pub fn system_wall() -> Timestamp {
        Timestamp::now()
    }

    /// The wall time now, by the monotonic clock since the anchor: for names that people read.
    pub fn wall_now(&self) -> Timestamp {
        self.wall_at(instant())
    }

    fn wall_at(&self, instant: Instant) -> Timestamp {
        let real = self.offset + instant.saturating_duration_since(self.started);
        self.anchor.checked_add(real).unwrap_or(Timestamp::MAX)
    }

    /// Scenario time.
    pub fn now(&self) -> Timestamp {
        self.at(instant())
    }

    /// The scenario time of a monotonic instant of this process.
    pub fn at(&self, instant: Instant) -> Timestamp {
        let real = self.offset + instant.saturating_duration_since(self.started);
        let scaled = SignedDuration::try_from(real.mul_f64(self.speed)).unwrap_or(SignedDuration::MAX);
        self.anchor.checked_add(scaled).unwrap_or(Timestamp::MAX)
    }

    /// The real duration in which `scenario` passes.
    pub fn real(&self, scenario: Duration) -> Duration {
        scenario.div_f64(self.speed)
    }

    /// The monotonic instant at which scenario time reads `at`; now, if that has passed.
    pub fn instant(&self, at: Timestamp) -> Instant {
        let scenario = Duration::try_from(at.duration_since(self.anchor)).unwrap_or_default();
        let real = scenario.div_f64(self.speed);
        self.started + real.saturating_sub(self.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scenario_time_runs_at_its_speed_from_the_anchor() {
        let clock = Clock::start(10.0);
        let later = clock.at(clock.started + Duration::from_millis(1500));
        assert_eq!(later.duration_since(clock.anchor()), SignedDuration::from_secs(15));
        assert_eq!(clock.instant(later), clock.started + Duration::from_millis(1500));
        assert_eq!(clock.real(Duration::from_mins(1)), Duration::from_secs(6));
        let wall = clock.wall_at(clock.started + Duration::from_millis(1500));
        assert_eq!(wall.duration_since(clock.anchor()), SignedDuration::from_millis(1500), "no speed bends wall time");
    }
}
