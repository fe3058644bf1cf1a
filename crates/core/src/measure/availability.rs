//! How much of the service users had: success by one-second windows, what was not available, and what that takes of an error budget.
//!
//! Everything counts by the instants for which logins were scheduled, so that a service that hangs does not hide its failures (no
//! coordinated omission).

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::harness::Stalls;
use super::history::{Logbook, LoginRef};
use super::interval::{Interval, seconds_between, to_nanos};
use super::timeline::Timeline;
use crate::model::Region;
use crate::scenario::Slo;

/// The width of a window of availability, in seconds of scenario time.
pub const AVAILABILITY_WINDOW_S: f64 = 1.0;
/// So long before the cut the windows begin, in seconds; our own choice.
const LEAD_S: f64 = 30.0;

/// Availability of logins over the run.
#[derive(Debug, Clone, PartialEq)]
pub struct Availability {
    /// From at most 30 s before the cut to the end, in order; those without a login are left out.
    pub windows: Vec<Second>,
    /// How long the service was not available after the cut, in seconds of full unavailability: where it was not for half of the users, half as
    /// long. By cohort and flow, weighted by their shares of the users: the time between two logins that follow on each other counts in both
    /// bounds where both failed, and in the upper one alone where one did, or where a cohort and flow had no login before. What the runner
    /// missed makes both bounds wider.
    pub unavailable_s: Interval,
    /// How long the users who were turned away after the cut could not get in, all together.
    pub user_minutes: UserMinutes,
    /// What that takes of the error budget.
    pub budget: ErrorBudget,
}

/// Logins that were scheduled within one window.
#[derive(Debug, Clone, PartialEq)]
pub struct Second {
    /// Its beginning, in seconds after `zero_at`.
    pub from_s: f64,
    /// Logins that ended, without cancelled ones and refusals that are expected.
    pub attempted: u64,
    /// Those that succeeded.
    pub succeeded: u64,
    /// Attempted and succeeded by the Region that served, or was asked; nothing for logins that reached none.
    pub by_region: BTreeMap<Option<Region>, (u64, u64)>,
}

/// The waits of users who were turned away. Each failed login after the cut stands for one user, repeated arrivals left out; her wait is from
/// the instant for which it was scheduled until logins of her cohort and flow succeed again: at least to the last one that failed,
/// scheduled, at most to the first one after it that succeeded, ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UserMinutes {
    /// Users who were turned away.
    pub users: u64,
    /// At least so many minutes, of scenario time.
    pub lower: f64,
    /// At most so many; nothing where somebody's cohort and flow never succeeded again.
    pub upper: Option<f64>,
    /// Users whose cohort and flow never succeeded again.
    pub never_recovered: u64,
}

/// The time in which a service may be unavailable, and what the run took of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ErrorBudget {
    /// The objective, 0 to 1.
    pub availability: f64,
    /// Over so long, in seconds.
    pub window_s: f64,
    /// Whether it is our assumption, because the scenario has no `[slo]`.
    pub assumed: bool,
    /// So long may the service be unavailable in the window, in seconds.
    pub budget_s: f64,
    /// The share of it that `unavailable_s` takes; above 1 where it is more than all of it.
    pub used: Interval,
}

/// Nothing where nothing was cut or nobody tried.
pub(super) fn availability(
    book: &Logbook,
    line: &Timeline<'_>,
    stalls: &Stalls,
    slo: Option<&Slo>,
) -> Option<Availability> {
    let zero = line.zero?;
    let counted = || book.iter().filter(|login| login.counts());
    counted().next()?;
    let mut groups: BTreeMap<(&str, &str), Vec<Try>> = BTreeMap::new();
    for login in counted() {
        groups.entry((login.cohort(), login.flow())).or_default().push(Try::of(login, zero));
    }
    for tries in groups.values_mut() {
        tries.sort_by(|a, b| a.at.total_cmp(&b.at));
    }
    let last = groups.values().flatten().map(|one| one.ended).fold(0.0, f64::max);
    let (unavailable, missed) = (unavailable(&groups), stalls.within(zero, 0.0, last));
    let unavailable_s = Interval::new((unavailable.lower - missed).max(0.0), unavailable.upper + missed);
    Some(Availability {
        windows: windows(counted(), zero),
        unavailable_s,
        user_minutes: user_minutes(&groups),
        budget: budget(unavailable_s, slo),
    })
}

/// Attempted and succeeded.
type Counts = (u64, u64);

fn windows<'a>(logins: impl Iterator<Item = LoginRef<'a>>, zero: Timestamp) -> Vec<Second> {
    let mut windows: BTreeMap<i64, BTreeMap<Option<&Region>, Counts>> = BTreeMap::new();
    for login in logins {
        let at = seconds_between(zero, login.scheduled());
        if at < -LEAD_S {
            continue;
        }
        let by_region = windows.entry((at / AVAILABILITY_WINDOW_S).floor() as i64).or_default();
        let (attempted, succeeded) = by_region.entry(login.region()).or_default();
        *attempted += 1;
        *succeeded += u64::from(login.succeeded());
    }
    let second = |(number, by_region): (i64, BTreeMap<Option<&Region>, Counts>)| Second {
        from_s: number as f64 * AVAILABILITY_WINDOW_S,
        attempted: by_region.values().map(|(attempted, _)| attempted).sum(),
        succeeded: by_region.values().map(|(_, succeeded)| succeeded).sum(),
        by_region: by_region.into_iter().map(|(region, counts)| (region.cloned(), counts)).collect(),
    };
    windows.into_iter().map(second).collect()
}

/// A login.
#[derive(Debug, Clone, Copy)]
struct Try {
    /// When it was scheduled, in seconds after the cut.
    at: f64,
    /// When it ended, likewise.
    ended: f64,
    succeeded: bool,
    /// Whether it repeats an arrival that failed.
    again: bool,
}

impl Try {
    fn of(login: LoginRef<'_>, zero: Timestamp) -> Self {
        Self {
            at: seconds_between(zero, login.scheduled()),
            ended: seconds_between(zero, login.ended()),
            succeeded: login.succeeded(),
            again: login.retry_of().is_some(),
        }
    }
}

type Groups<'a> = BTreeMap<(&'a str, &'a str), Vec<Try>>;

fn unavailable(groups: &Groups<'_>) -> Interval {
    let users = |tries: &Vec<Try>| tries.iter().filter(|one| !one.again).count() as f64;
    let all: f64 = groups.values().map(users).sum();
    let (mut lower, mut upper) = (0.0, 0.0);
    for tries in groups.values() {
        let weight = users(tries) / all;
        // Of the time before a group's first login nothing is known.
        upper += tries.first().map_or(0.0, |first| first.at.max(0.0)) * weight;
        for pair in tries.windows(2) {
            let gap = (pair[1].at.max(0.0) - pair[0].at.max(0.0)) * weight;
            match (pair[0].succeeded, pair[1].succeeded) {
                (false, false) => (lower, upper) = (lower + gap, upper + gap),
                (true, true) => {}
                _ => upper += gap,
            }
        }
    }
    if all == 0.0 { Interval::exact(0.0) } else { Interval::new(to_nanos(lower), to_nanos(upper)) }
}

fn user_minutes(groups: &Groups<'_>) -> UserMinutes {
    let mut minutes = UserMinutes { users: 0, lower: 0.0, upper: Some(0.0), never_recovered: 0 };
    for tries in groups.values() {
        // Backwards: the login after this one that succeeded first, and the last that failed before that.
        let (mut back, mut last_failed) = (None, None);
        for one in tries.iter().rev() {
            if one.succeeded {
                (back, last_failed) = (Some(one.ended), None);
                continue;
            }
            let last = *last_failed.get_or_insert(one.at);
            if one.again || one.ended <= 0.0 {
                continue;
            }
            minutes.users += 1;
            minutes.lower += (last - one.at) / 60.0;
            match back {
                Some(back) => minutes.upper = minutes.upper.map(|upper| upper + (back - one.at).max(0.0) / 60.0),
                None => minutes.never_recovered += 1,
            }
        }
    }
    let upper = minutes.upper.filter(|_| minutes.never_recovered == 0);
    UserMinutes { lower: to_nanos(minutes.lower), upper: upper.map(to_nanos), ..minutes }
}

fn budget(unavailable: Interval, slo: Option<&Slo>) -> ErrorBudget {
    let told = slo.cloned().unwrap_or_default();
    let (availability, window_s) = (told.availability.0, told.window.0.as_secs_f64());
    let budget_s = to_nanos((1.0 - availability) * window_s);
    let share = |seconds: f64| if budget_s > 0.0 { to_nanos(seconds / budget_s) } else { f64::INFINITY };
    let used = Interval::new(share(unavailable.lower), share(unavailable.upper));
    ErrorBudget { availability, window_s, assumed: slo.is_none(), budget_s, used }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One login a second; the service fails from 10 s to 40 s after the cut.
    fn tries(again: bool) -> Vec<Try> {
        let one = |at: i32| {
            let (at, failed) = (f64::from(at), (10..40).contains(&at));
            Try { at, ended: at + 0.1, succeeded: !failed, again: again && failed }
        };
        (-5..60).map(one).collect()
    }

    #[test]
    fn a_minute_of_one_half_of_the_users_is_half_a_minute() {
        let groups = BTreeMap::from([(("a", "x"), tries(false)), (("b", "x"), tries(false))]);
        assert_eq!(unavailable(&groups), Interval::new(29.0, 31.0));
        let mut half = groups;
        half.values_mut().next().unwrap().iter_mut().for_each(|one| one.succeeded = true);
        assert_eq!(unavailable(&half), Interval::new(14.5, 15.5));
    }

    #[test]
    fn users_wait_until_their_kind_gets_in_again() {
        let minutes = user_minutes(&BTreeMap::from([(("a", "x"), tries(false))]));
        // 29 + 28 + ... + 0 s, and at most 1.1 s more for each of 30.
        assert_eq!((minutes.users, minutes.never_recovered), (30, 0));
        assert!((minutes.lower - 435.0 / 60.0).abs() < 1e-9);
        assert!((minutes.upper.unwrap() - (435.0 + 33.0) / 60.0).abs() < 1e-9);
        assert_eq!(user_minutes(&BTreeMap::from([(("a", "x"), tries(true))])).users, 0);
        let never: Vec<Try> = tries(false).into_iter().filter(|one| one.at < 40.0).collect();
        let never = user_minutes(&BTreeMap::from([(("a", "x"), never)]));
        assert_eq!((never.never_recovered, never.upper), (30, None));
    }

    #[test]
    fn a_budget_is_what_the_objective_leaves() {
        let budget = budget(Interval::new(25.92, 51.84), None);
        assert!((budget.budget_s - 2592.0).abs() < 1e-6 && budget.assumed);
        assert!((budget.used.lower - 0.01).abs() < 1e-6 && (budget.used.upper - 0.02).abs() < 1e-6);
    }
}
