//! When the runner itself stood still, and what that does to figures.
//!
//! Windows of looks hold the truth also where the runner stood still within them, since they are stamped before a question and after
//! its answer. What a stall bends is what rests on the runner's own timers and on its own load: a login that gave up, the lab's
//! health checkers in the same process, the moment for which a login was scheduled. By how much is not known, but it is no more than
//! what was missed. So a milestone whose bounds overlap a stall has bounds that include it, and a time between two milestones may be
//! shorter or longer by all that the runner missed until its end.

use jiff::Timestamp;

use super::history::{Logbook, LoginRef};
use super::interval::{Interval, seconds_between, to_nanos};
use crate::model::{Event, LATE_MS, Record, RunStarted, Window};

/// A log without a record for so many of the longest poll periods tells of a runner that stood still; our own choice.
const STILL_PERIODS: f64 = 10.0;
/// And for at least so long, in real seconds.
const STILL_S: f64 = 2.0;

/// When the runner did not keep up.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Stalls {
    /// In order, apart from each other.
    windows: Vec<Stall>,
}

/// A time in which the runner did not keep up.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Stall {
    window: Window,
    /// Seconds of scenario time that are on no clock of the run, as the machine slept.
    slept_s: f64,
}

/// What the runner missed in a run.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Missed {
    /// How often it did not keep up.
    pub times: u64,
    /// How long in all, in seconds of scenario time.
    pub total_s: f64,
    /// How long at most at once.
    pub longest_s: f64,
}

impl Stalls {
    pub(super) fn of(records: &[Record], book: &Logbook, run: &RunStarted) -> Self {
        let speed = run.speed.max(1.0);
        let limit_s = LATE_MS / 1000.0 * speed;
        let told = records.iter().filter_map(|record| match &record.event {
            Event::HarnessStalled { window, slept_ms, .. } => {
                Some(Stall { window: *window, slept_s: slept_ms / 1000.0 * run.speed })
            }
            _ => None,
        });
        let late = |login: LoginRef<'_>| {
            let window = Window { sent: login.scheduled(), received: login.started() };
            (seconds_between(window.sent, window.received) > limit_s).then_some(Stall { window, slept_s: 0.0 })
        };
        let still = silences(records, run).map(|window| Stall { window, slept_s: 0.0 });
        Self::joined(told.chain(book.iter().filter_map(late)).chain(still).collect())
    }

    fn joined(mut stalls: Vec<Stall>) -> Self {
        stalls.sort_by_key(|stall| stall.window.sent);
        let mut windows: Vec<Stall> = Vec::new();
        for stall in stalls {
            match windows.last_mut() {
                Some(last) if stall.window.sent <= last.window.received => {
                    last.window.received = last.window.received.max(stall.window.received);
                    last.slept_s += stall.slept_s;
                }
                _ => windows.push(stall),
            }
        }
        Self { windows }
    }

    /// Nothing where the runner always kept up.
    pub(super) fn missed(&self) -> Option<Missed> {
        let lengths = || self.windows.iter().map(Stall::length_s);
        (!self.windows.is_empty()).then(|| Missed {
            times: self.windows.len() as u64,
            total_s: to_nanos(lengths().sum()),
            longest_s: lengths().fold(0.0, f64::max),
        })
    }

    /// Whether the runner did not keep up at some moment between the two.
    pub(super) fn touch(&self, from: Timestamp, to: Timestamp) -> bool {
        self.touching(from, to).next().is_some()
    }

    fn touching(&self, from: Timestamp, to: Timestamp) -> impl Iterator<Item = &Stall> {
        let first = self.windows.partition_point(|stall| stall.window.received < from);
        self.windows[first..].iter().take_while(move |stall| stall.window.sent <= to)
    }

    /// How much was missed between two moments in seconds after `zero`, in seconds.
    pub(super) fn within(&self, zero: Timestamp, from: f64, to: f64) -> f64 {
        let missed = |stall: &Stall| {
            let (sent, received) = stall.after(zero);
            let overlap = received.min(to) - sent.max(from);
            if overlap < 0.0 { 0.0 } else { overlap + stall.slept_s }
        };
        to_nanos(self.windows.iter().map(missed).sum())
    }

    /// Bounds in seconds after `zero` that include the stalls which they overlap; never before `zero`, where they begin after it.
    pub(super) fn widen(&self, zero: Timestamp, at: Interval) -> Interval {
        let mut wide = at;
        for stall in &self.windows {
            let (sent, received) = stall.after(zero);
            if sent <= at.upper && received >= at.lower {
                wide.lower = wide.lower.min(sent.max(0.0));
                wide.upper = wide.upper.max(received);
            }
        }
        wide
    }

    /// A time from an event inside `from` to one inside `to`, never below zero, that may be shorter or longer by what was missed from the first
    /// to the last moment.
    pub(super) fn between(&self, zero: Timestamp, from: Interval, to: Interval) -> Interval {
        let missed = self.within(zero, from.lower, to.upper);
        let took = to.since(from);
        Interval { lower: to_nanos(took.lower - missed), upper: to_nanos(took.upper + missed) }.at_least_zero()
    }
}

impl Stall {
    fn length_s(&self) -> f64 {
        seconds_between(self.window.sent, self.window.received) + self.slept_s
    }

    fn after(&self, zero: Timestamp) -> (f64, f64) {
        (seconds_between(zero, self.window.sent), seconds_between(zero, self.window.received))
    }
}

/// Times without a record although observers were at work.
fn silences<'a>(records: &'a [Record], run: &RunStarted) -> impl Iterator<Item = Window> + use<'a> {
    let slowest = run.poll_s.values().copied().reduce(f64::max).filter(|period| *period > 0.0);
    let limit_s = slowest.map_or(f64::INFINITY, |slowest| (STILL_PERIODS * slowest).max(STILL_S * run.speed.max(1.0)));
    let looks = |record: &Record| {
        matches!(
            record.event,
            Event::Health { .. } | Event::Answer { .. } | Event::Path { .. } | Event::ObserverGap { .. }
        )
    };
    let first = records.iter().position(looks).unwrap_or_default();
    let last = records.iter().rposition(looks).map_or(0, |last| last + 1);
    let window = |pair: &[Record]| Window { sent: pair[0].at, received: pair[1].at };
    let still = move |window: &Window| seconds_between(window.sent, window.received) > limit_s;
    records[first..last.max(first)].windows(2).map(window).filter(still)
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: f64) -> Timestamp {
        let zero: Timestamp = "2026-01-02T03:04:05Z".parse().unwrap();
        zero + SignedDuration::from_nanos((seconds * 1e9).round() as i64)
    }

    fn stall(sent: f64, received: f64) -> Stall {
        Stall { window: Window { sent: at(sent), received: at(received) }, slept_s: 0.0 }
    }

    #[test]
    fn what_overlaps_is_one_stall() {
        let stalls = Stalls::joined(vec![stall(5.0, 6.0), stall(1.0, 3.0), stall(2.0, 4.0)]);
        assert_eq!(stalls.windows, [stall(1.0, 4.0), stall(5.0, 6.0)]);
        assert_eq!(stalls.missed(), Some(Missed { times: 2, total_s: 4.0, longest_s: 3.0 }));
        assert_eq!(Stalls::default().missed(), None);
        assert!(stalls.touch(at(4.0), at(4.5)) && !stalls.touch(at(4.1), at(4.9)));
    }

    #[test]
    fn bounds_include_the_stalls_that_they_overlap_and_no_other() {
        let stalls = Stalls::joined(vec![stall(-2.0, 1.0), stall(30.0, 60.0)]);
        assert_eq!(stalls.widen(at(0.0), Interval::new(0.2, 0.6)), Interval::new(0.0, 1.0));
        assert_eq!(stalls.widen(at(0.0), Interval::new(59.0, 61.0)), Interval::new(30.0, 61.0));
        assert_eq!(stalls.widen(at(0.0), Interval::exact(20.0)), Interval::exact(20.0));
    }

    #[test]
    fn a_time_is_unsure_by_what_was_missed_until_its_end() {
        let stalls = Stalls::joined(vec![stall(30.0, 60.0), stall(100.0, 200.0)]);
        let took = stalls.between(at(0.0), Interval::new(0.0, 0.5), Interval::new(57.76, 76.01));
        assert_eq!(took, Interval::new(27.26, 106.01));
        let slept = Stalls::joined(vec![Stall { slept_s: 600.0, ..stall(10.0, 10.5) }]);
        assert_eq!(slept.between(at(0.0), Interval::exact(0.0), Interval::exact(20.0)), Interval::new(0.0, 620.5));
    }

    proptest! {
        #[test]
        fn more_stalls_never_make_a_figure_surer(
            stalls in prop::collection::vec((-10.0_f64..100.0, 0.1_f64..20.0), 0..6),
            more in prop::collection::vec((-10.0_f64..100.0, 0.1_f64..20.0), 0..6),
            (from, wide, to, wider) in (0.0_f64..20.0, 0.0_f64..5.0, 20.0_f64..80.0, 0.0_f64..5.0),
        ) {
            let of = |stalls: &[(f64, f64)]| Stalls::joined(stalls.iter().map(|(from, took)| stall(*from, from + took)).collect());
            let (few, all) = (of(&stalls), of(&[stalls.clone(), more].concat()));
            let (from, to) = (Interval::new(from, from + wide), Interval::new(to, to + wider));
            let holds = |outer: Interval, inner: Interval| outer.lower <= inner.lower + 1e-9 && inner.upper <= outer.upper + 1e-9;
            prop_assert!(holds(few.widen(at(0.0), from), from) && holds(all.widen(at(0.0), from), few.widen(at(0.0), from)));
            let (sure, unsure) = (few.between(at(0.0), from, to), all.between(at(0.0), from, to));
            prop_assert!(holds(sure, to.since(from).at_least_zero()) && holds(unsure, sure));
        }
    }
}
