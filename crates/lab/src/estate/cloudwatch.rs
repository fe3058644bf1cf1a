//! CloudWatch: what the identity plane's metrics were in the last two weeks, the alarms on them, and the dashboards.

use std::collections::BTreeMap;
use std::f64::consts::TAU;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::FixtureNames;
use crate::topology;
use gameday_core::model::RegionRole;

/// The namespace of Cognito's own metrics, and how often it writes them (Cognito developer guide, "Tracking quotas and usage in
/// CloudWatch and Service Quotas").
const COGNITO: &str = "AWS/Cognito";
const COGNITO_EVERY_S: u32 = 300;
/// The namespace of the custom metric.
const OWN: &str = "GameDay";
/// How often a canary writes it.
const OWN_EVERY_S: u32 = 60;
/// For how long there are values: as long as ListMetrics lists a metric that has none (CloudWatch API reference).
const DAYS: u32 = 14;
/// The hour of the day, in UTC, of the peak.
const PEAK_HOUR: f64 = 18.0;
/// The sharpness of the peak: half of it is reached two and a half hours before.
const SHARPNESS: i32 = 6;

/// CloudWatch of one Region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CloudWatch {
    /// Metrics, by any label.
    pub metrics: BTreeMap<String, Series>,
    /// Alarms, by name.
    pub alarms: BTreeMap<String, MetricAlarm>,
}

/// A metric and its values until now: every day the same curve.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Series {
    pub namespace: String,
    /// Its name in there.
    pub name: String,
    pub dimensions: BTreeMap<String, String>,
    /// Seconds from one value to the next.
    pub every_s: u32,
    /// For so many days there have been values.
    pub days: u32,
    /// So many minutes ago they ended.
    pub silent_min: u32,
    /// The value at the quietest time of the day.
    pub usual: f64,
    /// The value at the busiest.
    pub peak: f64,
}

impl Series {
    /// The values at or after `from` and before `to`, as far as there are any by `now`.
    pub(crate) fn between(
        &self,
        from: Timestamp,
        to: Timestamp,
        now: Timestamp,
    ) -> impl Iterator<Item = (Timestamp, f64)> {
        let every = i64::from(self.every_s.max(1));
        let oldest =
            now.saturating_sub(SignedDuration::from_hours(24 * i64::from(self.days))).unwrap_or(Timestamp::MIN);
        let newest =
            now.saturating_sub(SignedDuration::from_mins(i64::from(self.silent_min))).unwrap_or(Timestamp::MIN);
        let first = from.max(oldest).as_second().div_euclid(every);
        let last = to.min(newest).as_second().div_euclid(every);
        let begin = from.max(oldest);
        (first..=last)
            .filter_map(move |number| Timestamp::from_second(number * every).ok())
            .filter(move |at| *at >= begin && *at < to)
            .map(|at| (at, self.at(at)))
    }

    fn at(&self, at: Timestamp) -> f64 {
        let time = TimeZone::UTC.to_datetime(at);
        let hour = f64::from(time.hour()) + f64::from(time.minute()) / 60.0;
        let busy = f64::midpoint(1.0, ((hour - PEAK_HOUR) / 24.0 * TAU).cos()).powi(SHARPNESS);
        let value = self.usual + (self.peak - self.usual) * busy;
        // Counts are whole numbers.
        value.round()
    }
}

/// An alarm on one metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MetricAlarm {
    /// The metric's namespace.
    pub namespace: String,
    /// The metric's name.
    pub metric: String,
    /// The metric's dimensions.
    pub dimensions: BTreeMap<String, String>,
    /// The statistic that is compared.
    pub statistic: String,
    /// How it is compared with the threshold.
    pub comparison: String,
    pub threshold: f64,
    /// Seconds of one period.
    pub period: i64,
    /// Periods in a row.
    pub evaluation_periods: i64,
    /// What missing values count for.
    pub treat_missing_data: String,
    /// Whether it acts at all.
    pub actions_enabled: bool,
    /// Whom it tells.
    pub actions: Vec<String>,
    /// `OK`, `ALARM` or `INSUFFICIENT_DATA`.
    pub state: String,
}

/// Both Regions, by name.
pub(crate) fn healthy(names: FixtureNames<'_>) -> BTreeMap<String, CloudWatch> {
    [RegionRole::Primary, RegionRole::Replica]
        .into_iter()
        .map(|role| (topology::region(role).to_owned(), of(names, role)))
        .collect()
}

/// The peak of sign-ins at the primary is a third of what Cognito lets through by default: 40 a second, 12 000 in five minutes, and 30
/// token refreshes a second, which count with them. The replica serves nobody but probes.
fn of(names: FixtureNames<'_>, role: RegionRole) -> CloudWatch {
    let here = role == RegionRole::Primary;
    let (sign_ins, refreshes) = if here { ((600.0, 12_000.0), (600.0, 9_000.0)) } else { ((5.0, 5.0), (5.0, 5.0)) };
    let mut metrics: BTreeMap<String, Series> =
        [("SignInSuccesses", sign_ins), ("SignInThrottles", (0.0, 0.0)), ("TokenRefreshSuccesses", refreshes)]
            .into_iter()
            .map(|(name, values)| (name.to_owned(), cognito(names, name, values)))
            .collect();
    let mut alarms = BTreeMap::from([(
        "identity-sign-in-throttles".to_owned(),
        alarm(&metrics["SignInThrottles"], "Sum", 0.0, role, "identity-tickets"),
    )]);
    // What is measured where the replica is read, since it must be told when the primary is gone.
    if !here {
        let own = of_pool(names, "IdentityPlaneRPO", (1.0, 8.0));
        let own = Series { namespace: OWN.to_owned(), every_s: OWN_EVERY_S, ..own };
        for (name, threshold, topic) in
            [("identity-rpo-60s", 60.0, "identity-tickets"), ("identity-rpo-120s", 120.0, "identity-pager")]
        {
            let alarm = alarm(&own, "Maximum", threshold, role, topic);
            // Whoever measures may be what has failed.
            alarms.insert(name.to_owned(), MetricAlarm { treat_missing_data: "breaching".to_owned(), ..alarm });
        }
        metrics.insert(own.name.clone(), own);
    }
    CloudWatch { metrics, alarms }
}

impl CloudWatch {
    /// The metrics of replication that the reference article names, at the replica, with an alarm.
    pub(super) fn tell_of_replication(&mut self, names: FixtureNames<'_>) {
        for (name, value) in [("UserPoolReplicationStatus", 1.0), ("ReplicationLag", 0.0)] {
            self.metrics.insert(name.to_owned(), of_pool(names, name, (value, value)));
        }
        let lag = alarm(&self.metrics["ReplicationLag"], "Maximum", 0.0, RegionRole::Replica, "identity-tickets");
        self.alarms.insert("identity-replication-lag".to_owned(), lag);
    }
}

/// A metric of the pool, whatever the app client.
fn of_pool(names: FixtureNames<'_>, name: &str, values: (f64, f64)) -> Series {
    let dimensions = BTreeMap::from([("UserPool".to_owned(), names.pool_id.to_owned())]);
    Series { dimensions, ..cognito(names, name, values) }
}

fn cognito(names: FixtureNames<'_>, name: &str, (usual, peak): (f64, f64)) -> Series {
    let dimensions = [("UserPool", names.pool_id), ("UserPoolClient", names.client_id)];
    Series {
        namespace: COGNITO.to_owned(),
        name: name.to_owned(),
        dimensions: dimensions.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
        every_s: COGNITO_EVERY_S,
        days: DAYS,
        silent_min: 0,
        usual,
        peak,
    }
}

fn alarm(series: &Series, statistic: &str, threshold: f64, role: RegionRole, topic: &str) -> MetricAlarm {
    MetricAlarm {
        namespace: series.namespace.clone(),
        metric: series.name.clone(),
        dimensions: series.dimensions.clone(),
        statistic: statistic.to_owned(),
        comparison: "GreaterThanThreshold".to_owned(),
        threshold,
        period: i64::from(series.every_s),
        evaluation_periods: 1,
        treat_missing_data: "notBreaching".to_owned(),
        actions_enabled: true,
        actions: vec![format!("arn:aws:sns:{}:{}:{topic}", topology::region(role), topology::ACCOUNT)],
        state: "OK".to_owned(),
    }
}

/// One panel for both Regions (CloudWatch API reference, "Dashboard body structure and syntax").
pub(crate) fn dashboards(names: FixtureNames<'_>) -> BTreeMap<String, Value> {
    let region = topology::region;
    let line = |name: &str, role| json!([COGNITO, name, "UserPool", names.pool_id, "UserPoolClient", names.client_id, { "region": region(role), "stat": "Sum" }]);
    let widget = |title: &str, y: u32, metrics: Vec<Value>| {
        json!({
            "type": "metric", "x": 0, "y": y, "width": 24, "height": 6,
            "properties": { "title": title, "view": "timeSeries", "region": region(RegionRole::Primary), "metrics": metrics },
        })
    };
    let both = |name: &str| vec![line(name, RegionRole::Primary), line(name, RegionRole::Replica)];
    let lag = json!([OWN, "IdentityPlaneRPO", "UserPool", names.pool_id, { "region": region(RegionRole::Replica), "stat": "Maximum" }]);
    let widgets = vec![
        widget("Sign-ins", 0, both("SignInSuccesses")),
        widget("Throttled sign-ins", 6, both("SignInThrottles")),
        widget("Token refreshes", 12, both("TokenRefreshSuccesses")),
        widget("Replication lag", 18, vec![lag]),
    ];
    BTreeMap::from([("identity-plane".to_owned(), json!({ "widgets": widgets }))])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_series_has_its_peak_every_day_and_ends_now() {
        let names = FixtureNames { pool_id: "us-east-1_LAB", client_id: "client" };
        let all = healthy(names);
        let series = &all["us-east-1"].metrics["SignInSuccesses"];
        let now = at("2026-11-25T17:02:30Z");
        let values: Vec<_> = series.between(at("2026-01-01T00:00:00Z"), at("2026-12-31T00:00:00Z"), now).collect();
        assert_eq!(values.len(), 14 * 24 * 12);
        assert_eq!((values[0].0, values[values.len() - 1].0), (at("2026-11-11T17:05:00Z"), at("2026-11-25T17:00:00Z")));
        let (busiest, most) = values.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
        assert_eq!((TimeZone::UTC.to_datetime(busiest).hour(), most), (18, series.peak));
        assert!(values.iter().all(|(_, value)| (series.usual..=series.peak).contains(value)));
    }

    #[test]
    fn a_series_gives_what_was_asked_for() {
        let names = FixtureNames { pool_id: "us-east-1_LAB", client_id: "client" };
        let series = &healthy(names)["us-west-2"].metrics["IdentityPlaneRPO"];
        let (from, to) = (at("2026-11-25T10:00:00Z"), at("2026-11-25T10:05:00Z"));
        assert_eq!(series.between(from, to, at("2026-11-25T17:00:00Z")).count(), 5);
        assert_eq!(series.between(from, to, at("2026-11-25T10:02:30Z")).count(), 3);
        assert_eq!(series.between(to, from, at("2026-11-25T17:00:00Z")).count(), 0);
    }
}
