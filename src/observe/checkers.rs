use std::collections::BTreeMap;
use std::sync::Mutex;

use aws_sdk_route53::types::HealthCheckObservation;

/// "Healthy while more than 18 % of the health checkers report healthy" (Route 53 developer guide,
/// "How Amazon Route 53 determines whether a health check is healthy").
pub const HEALTHY_SHARE: f64 = 0.18;

/// What each health checker thinks. Route 53's API tells every checker's last result alone, so its
/// rule is followed here: a checker changes its mind after so many equal results in a row, and the
/// health check is healthy while more than 18 % of the checkers think so.
#[derive(Debug)]
pub struct Checkers {
    threshold: u32,
    seen: Mutex<BTreeMap<String, Checker>>,
}

#[derive(Debug)]
struct Checker {
    checked: String,
    healthy: bool,
    /// Results in a row against `healthy`.
    against: u32,
}

impl Checkers {
    /// No report yet. `threshold` is the health check's FailureThreshold.
    pub fn new(threshold: u32) -> Self {
        Self { threshold: threshold.max(1), seen: Mutex::default() }
    }

    /// Takes in an answer; gives how many checkers think healthy, how many there are, and the health check's status.
    pub fn take(&self, observations: &[HealthCheckObservation]) -> (u32, u32, bool) {
        let mut seen = self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for observation in observations {
            let Some(report) = observation.status_report() else { continue };
            let (Some(status), Some(checked)) = (report.status(), report.checked_time()) else { continue };
            let region = observation.region().map(ToString::to_string).unwrap_or_default();
            let key = format!("{region}/{}", observation.ip_address().unwrap_or_default());
            let (good, checked) = (status.starts_with("Success"), checked.to_string());
            match seen.get_mut(&key) {
                // The first report counts as what the checker thought before.
                None => {
                    seen.insert(key, Checker { checked, healthy: good, against: 0 });
                }
                Some(checker) if checker.checked == checked => {}
                Some(checker) => checker.take(good, checked, self.threshold),
            }
        }
        let healthy = seen.values().filter(|checker| checker.healthy).count();
        let status = healthy as f64 > HEALTHY_SHARE * seen.len() as f64;
        (healthy as u32, seen.len() as u32, status)
    }
}

impl Checker {
    fn take(&mut self, good: bool, checked: String, threshold: u32) {
        self.checked = checked;
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

    #[test]
    fn a_checker_changes_its_mind_after_three_results_in_a_row_each_counted_once() {
        let checkers = Checkers::new(3);
        assert_eq!(checkers.take(&[report(1, 0, true)]), (1, 1, true));
        for (at, good, healthy) in [
            (10, false, true),
            (10, false, true),
            (20, false, true),
            (30, true, true),
            (40, false, true),
            (50, false, true),
            (60, false, false),
            (70, true, false),
        ] {
            assert_eq!(checkers.take(&[report(1, at, good)]).2, healthy, "at {at}");
        }
    }

    #[test]
    fn exactly_eighteen_percent_is_not_enough() {
        let checkers = Checkers::new(1);
        let all = |healthy: u32| -> Vec<_> { (0..50).map(|n| report(n, i64::from(healthy), n < healthy)).collect() };
        assert_eq!(checkers.take(&all(50)), (50, 50, true));
        assert_eq!(checkers.take(&all(10)), (10, 50, true));
        assert_eq!(checkers.take(&all(9)), (9, 50, false));
    }
}
