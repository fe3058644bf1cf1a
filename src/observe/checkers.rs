use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use aws_sdk_route53::types::HealthCheckObservation;
use jiff::{SignedDuration, Timestamp};

use gameday_core::model::Window;

/// "Healthy while more than 18 % of the health checkers report healthy" (Route 53 developer guide,
/// "How Amazon Route 53 determines whether a health check is healthy").
pub const HEALTHY_SHARE: f64 = 0.18;

/// What each health checker thinks. Route 53's API tells every checker's last result alone, so its
/// rule is followed here: a checker changes its mind after so many equal results in a row, and the
/// health check is healthy while more than 18 % of the checkers think so.
///
/// Results that came and went between two answers are not known: a checker that may have had some is unsure until it had
/// enough equal ones in a row again, and then its mind is known whatever it was before.
#[derive(Debug)]
pub struct Checkers {
    threshold: u32,
    interval: SignedDuration,
    seen: Mutex<CheckerLook>,
}

#[derive(Debug, Default)]
struct CheckerLook {
    checkers: BTreeMap<String, Checker>,
    /// When the last answer was asked for.
    asked: Option<Timestamp>,
}

/// What an answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckerTally {
    /// Checkers that think healthy, as far as is known.
    pub healthy: u32,
    /// Checkers.
    pub checkers: u32,
    /// Those whose mind is not known.
    pub unsure: u32,
    /// Whether they make the health check healthy; nothing where the unsure ones decide.
    pub status: Option<bool>,
}

/// Seconds and nanoseconds since the Unix epoch.
type CheckedAt = (i64, u32);

#[derive(Debug)]
struct Checker {
    checked: CheckedAt,
    healthy: bool,
    /// Results in a row against `healthy`.
    against: u32,
    /// How many more equal results must come until `healthy` is known.
    unsure: u32,
}

impl Checkers {
    /// No report yet. `threshold` is the health check's FailureThreshold, `interval` its RequestInterval.
    pub fn new(threshold: u32, interval: Duration) -> Self {
        let interval = SignedDuration::try_from(interval).unwrap_or(SignedDuration::MAX);
        Self { threshold: threshold.max(1), interval, seen: Mutex::default() }
    }

    /// Takes in an answer. One that was asked for before another that came first tells nothing new, and neither does a result that is not newer
    /// than the last one of its checker: the API is eventually consistent.
    pub fn take(&self, observations: &[HealthCheckObservation], window: Window) -> CheckerTally {
        let mut seen = self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if seen.asked.is_none_or(|last| window.sent >= last) {
            self.take_in(&mut seen, observations, window);
        }
        let count = |of: fn(&&Checker) -> bool| seen.checkers.values().filter(of).count();
        let (healthy, unsure) = (count(|c| c.healthy), count(|c| c.unsure > 0));
        let (sure, all) = (count(|c| c.healthy && c.unsure == 0), seen.checkers.len());
        let enough = |thinking: usize| thinking as f64 > HEALTHY_SHARE * all as f64;
        let status = match (enough(sure), enough(sure + unsure)) {
            (true, _) => Some(true),
            (false, false) => Some(false),
            (false, true) => None,
        };
        CheckerTally { healthy: healthy as u32, checkers: all as u32, unsure: unsure as u32, status }
    }

    fn take_in(&self, seen: &mut CheckerLook, observations: &[HealthCheckObservation], window: Window) {
        let before = seen.asked.replace(window.sent);
        let missed = before.is_some_and(|before| window.received.duration_since(before) > self.interval);
        for observation in observations {
            let Some(report) = observation.status_report() else { continue };
            let (Some(status), Some(checked)) = (report.status(), report.checked_time()) else { continue };
            let region = observation.region().map(ToString::to_string).unwrap_or_default();
            let key = format!("{region}/{}", observation.ip_address().unwrap_or_default());
            let (good, checked) = (status.starts_with("Success"), (checked.secs(), checked.subsec_nanos()));
            match seen.checkers.get_mut(&key) {
                // The first report counts as what the checker thought before.
                None => {
                    seen.checkers.insert(key, Checker { checked, healthy: good, against: 0, unsure: 0 });
                }
                Some(checker) if checked <= checker.checked => {}
                Some(checker) => checker.take(good, checked, self.threshold, missed),
            }
        }
    }
}

impl Checker {
    fn take(&mut self, good: bool, checked: CheckedAt, threshold: u32, missed: bool) {
        self.checked = checked;
        if missed {
            self.unsure = threshold;
        }
        if self.unsure > 0 {
            self.unsure = if missed || good != self.healthy { threshold } else { self.unsure } - 1;
            (self.healthy, self.against) = (good, 0);
            return;
        }
        self.against = if good == self.healthy { 0 } else { self.against + 1 };
        if self.against >= threshold {
            self.healthy = good;
            self.against = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_sdk_route53::primitives::DateTime;
    use aws_sdk_route53::types::StatusReport;

    use super::*;

    fn report(checker: u32, at: i64, good: bool) -> HealthCheckObservation {
        let status = if good { "Success: HTTP Status Code 200, OK" } else { "Failure: Connection timed out" };
        let report = StatusReport::builder().status(status).checked_time(DateTime::from_secs(at)).build();
        HealthCheckObservation::builder().ip_address(format!("192.0.2.{checker}")).status_report(report).build()
    }

    /// An answer that was there at once, in seconds.
    fn at(seconds: i64) -> Window {
        let moment = Timestamp::from_second(seconds).unwrap();
        Window { sent: moment, received: moment }
    }

    fn checkers(threshold: u32) -> Checkers {
        Checkers::new(threshold, Duration::from_secs(10))
    }

    #[test]
    fn a_checker_changes_its_mind_after_three_results_in_a_row_each_counted_once() {
        let checkers = checkers(3);
        let tally = CheckerTally { healthy: 1, checkers: 1, unsure: 0, status: Some(true) };
        assert_eq!(checkers.take(&[report(1, 0, true)], at(0)), tally);
        for (checked, good, healthy) in [
            (10, false, true),
            (10, false, true),
            (20, false, true),
            (30, true, true),
            (40, false, true),
            (50, false, true),
            (60, false, false),
            (70, true, false),
        ] {
            assert_eq!(checkers.take(&[report(1, checked, good)], at(checked)).status, Some(healthy), "at {checked}");
        }
    }

    #[test]
    fn an_older_result_or_answer_is_no_new_result() {
        let unhealthy_after = |late: HealthCheckObservation, window: Window| {
            let checkers = checkers(3);
            checkers.take(&[report(1, 0, true)], at(0));
            checkers.take(&[report(1, 10, false)], at(10));
            checkers.take(&[report(1, 20, false)], at(20));
            checkers.take(&[late], window);
            // One more failure makes three, and no more than that is known.
            let tally = checkers.take(&[report(1, 30, false)], at(30));
            (checkers.take(&[report(1, 30, false)], at(31)).status, tally.status)
        };
        let sent = |seconds: i64| Window { sent: at(seconds).sent, received: at(21).received };
        // An eventually consistent answer shows an older failure, or an older success, once more.
        assert_eq!(unhealthy_after(report(1, 10, false), sent(21)), (Some(false), Some(false)));
        assert_eq!(unhealthy_after(report(1, 0, true), sent(21)), (Some(false), Some(false)));
        // One that was asked for earlier comes later.
        assert_eq!(unhealthy_after(report(1, 0, true), sent(9)), (Some(false), Some(false)));
        let checkers = checkers(3);
        for (checked, window) in [(0, at(0)), (10, at(10)), (20, at(20))] {
            checkers.take(&[report(1, checked, checked == 0)], window);
        }
        assert_eq!(checkers.take(&[report(1, 10, false)], sent(21)).status, Some(true), "two failures are not three");
    }

    #[test]
    fn what_was_missed_is_not_guessed() {
        let checkers = checkers(3);
        assert_eq!(checkers.take(&[report(1, 0, true)], at(1)).status, Some(true));
        // Failing results at 10, 20 and 30 s are not seen; that of 40 s is.
        for (checked, status) in [(40, None), (50, None), (60, Some(false)), (70, Some(false))] {
            assert_eq!(checkers.take(&[report(1, checked, false)], at(checked + 1)).status, status, "at {checked}");
        }
        // The same result as before the gap: nothing came meanwhile.
        assert_eq!(checkers.take(&[report(1, 70, false)], at(200)).status, Some(false));
    }

    #[test]
    fn a_few_unsure_checkers_decide_nothing() {
        let checkers = checkers(3);
        let all = |checked| -> Vec<_> { (0..10).map(|n| report(n, checked, true)).collect() };
        checkers.take(&all(0), at(0));
        let mut some = all(0);
        some[0] = report(0, 90, false);
        let tally = checkers.take(&some, at(91));
        assert_eq!((tally.unsure, tally.status), (1, Some(true)));
    }

    #[test]
    fn exactly_eighteen_percent_is_not_enough() {
        let checkers = checkers(1);
        let all =
            |healthy: u32| -> Vec<_> { (0..50).map(|n| report(n, 100 - i64::from(healthy), n < healthy)).collect() };
        for (healthy, status) in [(50, true), (10, true), (9, false)] {
            let tally = CheckerTally { healthy, checkers: 50, unsure: 0, status: Some(status) };
            assert_eq!(checkers.take(&all(healthy), at(0)), tally);
        }
    }
}
