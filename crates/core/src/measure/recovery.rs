//! Who could log in, at each moment of the outage, and when how many were back.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::harness::Stalls;
use super::history::{Logbook, LoginRef};
use super::interval::{Interval, seconds_between};
use super::timeline::Timeline;

/// Widths of a curve's windows, in seconds of scenario time.
const WINDOWS_S: [f64; 4] = [1.0, 2.0, 5.0, 10.0];
/// The narrowest width that needs no more windows than this is taken, so that a table of them can be read.
const MOST_WINDOWS: f64 = 40.0;
/// The shares of steady state whose return is told, in percent.
const LEVELS: [u8; 4] = [50, 90, 99, 100];
/// So many logins must follow a moment to tell a share of at most 90 %; our own choice.
const LEAST_LOGINS: usize = 5;
/// And so many to tell a higher one: where one user in ten is left out, that many do not get in in a row but by a chance of 5 %
/// (0.9^29 = 0.047).
const LEAST_FOR_NEARLY_ALL: usize = 29;

/// The way back of everybody, and of each cohort and flow.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recovery {
    /// How wide the windows of the curves are, in seconds of scenario time.
    pub window_s: f64,
    /// Everybody.
    pub all: Curve,
    /// By cohort.
    pub by_cohort: BTreeMap<String, Curve>,
    /// By flow.
    pub by_flow: BTreeMap<String, Curve>,
}

/// The share able to log in over time, by the instants at which logins were scheduled.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Curve {
    /// The share before the fault; nothing where nobody tried.
    pub steady: Option<f64>,
    /// When 50, 90, 99 and 100 % were back, in that order; empty where nobody got in before the fault.
    pub recovered: Vec<Recovered>,
    /// In order; those without a login are left out.
    pub windows: Vec<RecoveryWindow>,
}

/// When a share of the users was back.
///
/// It is the first login after the cut from which, up to every later moment until the heal, the share of successes is at
/// least so many percent of that of steady state; for 100 %, from which nobody fails. That is where the isotonic
/// regression of the outcomes (pool adjacent violators: the most likely curve that only rises) reaches the level. Where
/// that does not come before the heal, it is taken up to the end of the run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recovered {
    /// How many percent of steady state.
    pub percent: u8,
    /// In seconds after `zero_at`: the login before it, scheduled, and that login, scheduled. Nothing where they were never back, or
    /// where too few logins follow to tell; 0 for the lower bound where they never were fewer.
    pub at: Option<Interval>,
    /// Logins from then on that tell so; 0 where they were never back.
    pub logins: u64,
    /// Whether it took the heal.
    pub after_restore: bool,
    /// Whether so few logins followed until the heal that the share may have been lower: then it is back so early only as far as they tell.
    pub too_few: bool,
}

impl Recovered {
    /// Whether there never were fewer.
    pub fn never_fewer(&self) -> bool {
        self.at.is_some_and(|at| at.lower == 0.0)
    }
}

/// Logins that were scheduled within one window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RecoveryWindow {
    /// Its beginning, in seconds after `zero_at`.
    pub from_s: f64,
    /// Logins that ended, without cancelled ones and refusals that are expected.
    pub attempted: u64,
    /// Those that succeeded.
    pub succeeded: u64,
}

impl RecoveryWindow {
    /// From 0 to 1.
    pub fn share(&self) -> f64 {
        self.succeeded as f64 / self.attempted as f64
    }
}

/// Nothing where nothing was cut or nobody tried.
pub(super) fn recovery(book: &Logbook, line: &Timeline<'_>, stalls: &Stalls) -> Option<Recovery> {
    let zero = line.zero?;
    let reader = RecoveryReader::new(book, zero, line.heal)?;
    // A login that was started late succeeds by what was so when it started.
    let late = |at: Interval| Interval { upper: stalls.widen(zero, at).upper, ..at };
    let wide = |mut curve: Curve| {
        for back in curve.recovered.iter_mut().filter(|back| !back.never_fewer()) {
            back.at = back.at.map(late);
        }
        curve
    };
    let named =
        |curves: BTreeMap<&str, Curve>| curves.into_iter().map(|(name, c)| (name.to_owned(), wide(c))).collect();
    Some(Recovery {
        window_s: reader.window_s,
        all: wide(reader.curves(book, |_| ()).remove(&()).unwrap_or_default()),
        by_cohort: named(reader.curves(book, LoginRef::cohort)),
        by_flow: named(reader.curves(book, LoginRef::flow)),
    })
}

struct RecoveryReader {
    zero: Timestamp,
    /// In seconds after the cut.
    heal: Option<f64>,
    window_s: f64,
    /// What a login took at most that got in by the heal, in seconds.
    longest: f64,
}

/// A login.
#[derive(Debug, Clone, Copy)]
struct Point {
    /// When it was scheduled, in seconds after the cut.
    at: f64,
    /// When it ended, likewise.
    ended: f64,
    succeeded: bool,
}

impl RecoveryReader {
    fn new(book: &Logbook, zero: Timestamp, heal: Option<Timestamp>) -> Option<Self> {
        let scheduled = || book.iter().filter(|login| login.counts()).map(LoginRef::scheduled);
        let length = seconds_between(scheduled().min()?, scheduled().max()?);
        let narrow = WINDOWS_S.into_iter().find(|window| length / window <= MOST_WINDOWS);
        let by_heal = |login: &LoginRef<'_>| login.succeeded() && heal.is_none_or(|heal| login.ended() <= heal);
        let took = |login: LoginRef<'_>| seconds_between(login.scheduled(), login.ended());
        Some(Self {
            zero,
            heal: heal.map(|heal| seconds_between(zero, heal)),
            window_s: narrow.unwrap_or(WINDOWS_S[WINDOWS_S.len() - 1]),
            longest: book.iter().filter(by_heal).map(took).fold(0.0, f64::max),
        })
    }

    fn curves<'a, K: Ord>(&self, book: &'a Logbook, key: impl Fn(LoginRef<'a>) -> K) -> BTreeMap<K, Curve> {
        let mut groups: BTreeMap<K, CurveGroup> = BTreeMap::new();
        for login in book.iter().filter(|login| login.counts()) {
            let group = groups.entry(key(login)).or_default();
            let seconds = |moment| seconds_between(self.zero, moment);
            let (at, ended, succeeded) = (seconds(login.scheduled()), seconds(login.ended()), login.succeeded());
            group.points.push(Point { at, ended, succeeded });
            // What the cut surprised in its middle says nothing about steady state.
            if at < 0.0 && ended <= 0.0 {
                group.steady.0 += u64::from(succeeded);
                group.steady.1 += 1;
            }
        }
        groups.into_iter().map(|(key, group)| (key, self.curve(group))).collect()
    }

    fn curve(&self, CurveGroup { mut points, steady: (good, all) }: CurveGroup) -> Curve {
        points.sort_by(|a, b| a.at.total_cmp(&b.at));
        let level = |percent: u8| match percent {
            100 => (1, 1),
            _ if all == 0 => (u64::from(percent), 100),
            _ => (u64::from(percent) * good, 100 * all),
        };
        let after = &points[points.partition_point(|point| point.at < 0.0)..];
        let back = |percent| self.back(after, percent, level(percent));
        Curve {
            steady: (all > 0).then(|| good as f64 / all as f64),
            recovered: if all > 0 && good == 0 { Vec::new() } else { LEVELS.into_iter().map(back).collect() },
            windows: self.windows(&points),
        }
    }

    /// What a login says of the time before the heal. One that was under way then had not got in, and may owe its success to the
    /// heal: it counts as failed, unless it had begun so late that others that got in took as long.
    fn in_outage(&self, point: &Point, heal: f64) -> Option<Point> {
        match point {
            point if point.ended <= heal => Some(*point),
            point if point.succeeded && point.at + self.longest > heal => None,
            _ => Some(Point { succeeded: false, ..*point }),
        }
    }

    fn back(&self, points: &[Point], percent: u8, level: (u64, u64)) -> Recovered {
        let least = if percent > 90 { LEAST_FOR_NEARLY_ALL } else { LEAST_LOGINS };
        let heal = self.heal.unwrap_or(f64::INFINITY);
        let (before, after) = points.split_at(points.partition_point(|point| point.at < heal));
        let mut all: Vec<Point> = before.iter().filter_map(|point| self.in_outage(point, heal)).collect();
        let healed = all.len();
        let stays = first_to_stay(&all, level);
        let told = |first: usize, reached: &Point, logins: usize, all: &[Point]| {
            let lower = first.checked_sub(1).map_or(0.0, |before| all[before].at);
            (Some(Interval::new(lower, reached.at)), logins as u64)
        };
        let never = Recovered { percent, at: None, logins: 0, after_restore: false, too_few: false };
        if let Some(first) = stays.filter(|first| healed - first >= LEAST_LOGINS) {
            let (at, logins) = told(first, &all[first], healed - first, &all);
            // Who never were fewer did not need the heal: what follows it counts as well.
            if first > 0 || healed >= least {
                return Recovered { at, logins, too_few: healed - first < least, ..never };
            }
        }
        all.extend_from_slice(after);
        let Some(first) = first_to_stay(&all, level) else { return never };
        if first == 0 {
            let (at, logins) = told(0, &all[0], all.len(), &all);
            return if all.len() < least { Recovered { logins, ..never } } else { Recovered { at, logins, ..never } };
        }
        let Some(first) = first_to_stay(&all[healed..], level).map(|first| healed + first) else { return never };
        // A few who got in before the heal tell neither that the share was back nor that it was not.
        let failed = if first == healed { stays.unwrap_or(healed) } else { first };
        let (at, logins) = told(failed, &all[first], all.len() - first, &all);
        if all.len() - first < least {
            return Recovered { logins, ..never };
        }
        Recovered { at, logins, after_restore: self.heal.is_some(), ..never }
    }

    fn windows(&self, points: &[Point]) -> Vec<RecoveryWindow> {
        let number = |point: &Point| (point.at / self.window_s).floor();
        let window = |points: &[Point]| RecoveryWindow {
            from_s: number(&points[0]) * self.window_s,
            attempted: points.len() as u64,
            succeeded: points.iter().filter(|point| point.succeeded).count() as u64,
        };
        points.chunk_by(|a, b| number(a).total_cmp(&number(b)).is_eq()).map(window).collect()
    }
}

/// Every login, and successes and logins of steady state.
#[derive(Default)]
struct CurveGroup {
    points: Vec<Point>,
    steady: (u64, u64),
}

/// The first point from which the share of successes, up to every later point, is at least `level`, a fraction.
fn first_to_stay(points: &[Point], (part, whole): (u64, u64)) -> Option<usize> {
    // With `whole - part` for a success and `-part` for a failure, such a stretch has no negative partial sum: the sum before it
    // is not above any later one. Backwards, one pass; exact, since these are whole numbers.
    let weight = |succeeded: bool| i128::from(if succeeded { whole } else { 0 }) - i128::from(part);
    let (mut sum, mut highest, mut first) = (0_i128, 0_i128, None);
    for (index, point) in points.iter().enumerate().rev() {
        // `sum` is that of the points after this one, and `highest` the greatest such sum: what a later moment takes away.
        sum += weight(point.succeeded);
        if sum >= highest {
            (highest, first) = (sum, Some(index));
        }
    }
    first
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::RngExt;

    use super::*;
    use crate::model::Seed;

    fn by_definition(points: &[Point], (part, whole): (u64, u64)) -> Option<usize> {
        let stays = |from: &usize| {
            (*from + 1..=points.len()).all(|to| {
                let good = points[*from..to].iter().filter(|point| point.succeeded).count() as u64;
                good * whole >= part * (to - from) as u64
            })
        };
        (0..points.len()).find(stays)
    }

    /// Over as soon as it began.
    fn point(at: f64, succeeded: bool) -> Point {
        Point { at, ended: at, succeeded }
    }

    fn reader(heal: Option<f64>, longest: f64) -> RecoveryReader {
        RecoveryReader { zero: Timestamp::UNIX_EPOCH, heal, window_s: 10.0, longest }
    }

    fn points(outcomes: &[bool]) -> Vec<Point> {
        outcomes.iter().enumerate().map(|(index, succeeded)| point(index as f64, *succeeded)).collect()
    }

    proptest! {
        #[test]
        fn one_pass_finds_what_the_definition_says(
            outcomes in prop::collection::vec(any::<bool>(), 0..40),
            part in 0_u64..=20,
            whole in 20_u64..=21,
        ) {
            let points = points(&outcomes);
            prop_assert_eq!(first_to_stay(&points, (part, whole)), by_definition(&points, (part, whole)));
        }

        #[test]
        fn a_higher_level_is_never_reached_earlier(outcomes in prop::collection::vec(any::<bool>(), 1..60)) {
            let points = points(&outcomes);
            let at = |percent| first_to_stay(&points, (percent, 100)).unwrap_or(points.len());
            prop_assert!(LEVELS.map(|level| at(u64::from(level))).is_sorted());
            let last_failure = outcomes.iter().rposition(|succeeded| !succeeded);
            prop_assert_eq!(at(100), last_failure.map_or(0, |last| last + 1));
        }
    }

    /// Clients whose caches run out at different times, evenly over a minute: half of them are back after half of it.
    #[test]
    fn a_gradual_return_is_found_where_it_was() {
        for seed in 0..20 {
            let mut draws = Seed(seed).stream("recovery");
            let points: Vec<Point> = (0..4000)
                .map(|n| f64::from(n) * 0.02)
                .map(|at| point(at, draws.random_range(0.0..60.0) < at))
                .collect();
            let reader = reader(None, 0.0);
            // Not 99 %: there the curve bends, and the limit theorem does not hold.
            for (percent, truth) in [(50, 30.0), (90, 54.0)] {
                let at = reader.back(&points, percent, (u64::from(percent), 100)).at.unwrap();
                let width = chernoff(f64::from(percent) / 100.0, 1.0 / 60.0, 50.0);
                assert!((at.upper - truth).abs() < width, "seed {seed}: {percent} % at {at:?}, truly at {truth}");
                assert!((at.upper - at.lower - 0.02).abs() < 1e-9);
            }
        }
    }

    /// How far from the truth isotonic regression finds a share of a curve with that slope, in seconds, from so many logins a second: its limit is Chernoff's
    /// distribution (P. Groeneboom and J. A. Wellner, "Computing Chernoff's distribution", JCGS 10, 2001), of which 1.52 is the 99.9 % quantile.
    fn chernoff(share: f64, slope: f64, rate: f64) -> f64 {
        1.8 * (4.0 * share * (1.0 - share) / (slope * slope * rate)).cbrt()
    }

    /// A client whose packets hang when the fault is healed gets through by a retransmission.
    #[test]
    fn who_got_in_by_the_heal_was_not_back_before_it() {
        let reader = reader(Some(30.0), 1.0);
        let hung = |n: i32| Point { at: f64::from(n), ended: f64::from(n + 3).max(30.5), succeeded: n >= 24 };
        let points: Vec<Point> = (0..60).map(|n| if n < 24 { point(f64::from(n), false) } else { hung(n) }).collect();
        assert!(reader.back(&points, 90, (9, 10)).after_restore);
    }

    /// One in ten never gets in, and hangs for 3 s each time: nobody may say that all were back 3 s before the heal.
    #[test]
    fn who_still_hung_at_the_heal_was_not_back() {
        let reader = reader(Some(270.0), 0.2);
        let login = |n: i32| {
            let (at, lost) = (f64::from(n) * 0.2, n % 10 == 0 && n < 1350);
            Point { at, ended: at + if lost { 3.0 } else { 0.2 }, succeeded: !lost }
        };
        let points: Vec<Point> = (0..1500).map(login).collect();
        let back = |percent: u8| reader.back(&points, percent, (u64::from(percent), 100));
        assert!(!back(50).after_restore && back(50).never_fewer());
        // Nine logins in a row say too little.
        assert!(back(99).too_few && back(100).too_few, "{:?}", back(100));
    }

    #[test]
    fn a_few_lucky_logins_before_the_heal_are_no_return() {
        let points: Vec<Point> = (0..80).map(|n| point(f64::from(n) * 0.5, n >= 36)).collect();
        let back = |heal| reader(Some(heal), 0.0).back(&points, 100, (1, 1));
        assert_eq!((back(39.0).at, back(39.0).after_restore), (Some(Interval::new(17.5, 18.0)), false));
        assert_eq!(
            (back(19.0).at, back(19.0).logins, back(19.0).after_restore),
            (Some(Interval::new(17.5, 19.0)), 42, true)
        );
    }

    /// Of a flow that every fifth user takes: all 23 from 90 s on got in, and so did everybody after the heal at 150 s.
    #[test]
    fn a8_who_got_in_up_to_the_heal_was_not_back_a_minute_later() {
        let points: Vec<Point> = (0..60).map(|n| point(0.16 + 3.0 * f64::from(n), n >= 30)).collect();
        let heal = points[52].at + 0.1;
        let back = reader(Some(heal), 0.0).back(&points, 99, (99, 100));
        assert_eq!(back.at, Some(Interval::new(points[29].at, points[30].at)));
        assert_eq!((back.logins, back.too_few, back.after_restore), (23, true, false));
        // The login before a bound failed, wherever the share was back.
        for heal in 31..60 {
            let back = reader(Some(points[heal].at), 0.0).back(&points, 100, (1, 1));
            assert!(back.at.is_none_or(|at| (at.lower - points[29].at).abs() < 1e-9), "{heal}: {back:?}");
        }
    }
}
