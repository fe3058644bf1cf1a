//! CloudWatch's alarms and metrics. The lab evaluates nothing: an alarm's state is what SetAlarmState made it.

use std::collections::{BTreeSet, VecDeque};

use jiff::Timestamp;

use crate::estate::cloudwatch::{MetricAlarm, Series};

/// Values that are kept: a lab may run for days.
const KEPT: usize = 10_000;

/// Tells metrics of one name apart.
pub(crate) type Dimensions = Vec<(String, String)>;

/// An alarm's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AlarmState {
    /// `OK`, `ALARM` or `INSUFFICIENT_DATA`.
    pub value: String,
    /// Why.
    pub reason: String,
    /// The same as JSON, where it was given.
    pub reason_data: Option<String>,
    /// When it was last set.
    pub updated: Timestamp,
    /// Since when it has been this one.
    pub since: Timestamp,
}

/// What an alarm looks at, as it was put; nothing follows from it here.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct AlarmRule {
    /// `AlarmDescription`, `MetricName`, `Namespace` and other members that are text.
    pub texts: Vec<(&'static str, String)>,
    /// `EvaluationPeriods`, `Period` and other members that are whole numbers.
    pub numbers: Vec<(&'static str, i64)>,
    /// The value to compare with.
    pub threshold: Option<f64>,
    /// Whether it acts when its state changes.
    pub acts: bool,
    /// `AlarmActions`, `OKActions` and `InsufficientDataActions`: ARNs.
    pub actions: Vec<(&'static str, Vec<String>)>,
    /// The metric's.
    pub dimensions: Dimensions,
}

/// A CloudWatch alarm.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Alarm {
    pub state: AlarmState,
    /// What it looks at.
    pub rule: AlarmRule,
    /// When that was last put.
    pub configured: Timestamp,
}

impl Alarm {
    /// As the estate has it, since that time.
    pub(crate) fn of(alarm: &MetricAlarm, since: Timestamp) -> Self {
        let texts = [
            ("ComparisonOperator", &alarm.comparison),
            ("MetricName", &alarm.metric),
            ("Namespace", &alarm.namespace),
            ("Statistic", &alarm.statistic),
            ("TreatMissingData", &alarm.treat_missing_data),
        ];
        let rule = AlarmRule {
            texts: texts.map(|(key, value)| (key, value.clone())).to_vec(),
            numbers: vec![("EvaluationPeriods", alarm.evaluation_periods), ("Period", alarm.period)],
            threshold: Some(alarm.threshold),
            acts: alarm.actions_enabled,
            actions: vec![("AlarmActions", alarm.actions.clone())],
            dimensions: alarm.dimensions.clone().into_iter().collect(),
        };
        let crossed = if alarm.state == "ALARM" { "1 datapoint was" } else { "no datapoints were" };
        let reason = format!("Threshold Crossed: {crossed} greater than the threshold ({}).", alarm.threshold);
        let state = AlarmState { value: alarm.state.clone(), reason, reason_data: None, updated: since, since };
        Self { state, rule, configured: since }
    }
}

/// A metric's name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MetricId {
    pub namespace: String,
    /// Its name in there.
    pub name: String,
    pub dimensions: Dimensions,
}

impl From<&Series> for MetricId {
    fn from(series: &Series) -> Self {
        let dimensions = series.dimensions.clone().into_iter().collect();
        Self { namespace: series.namespace.clone(), name: series.name.clone(), dimensions }
    }
}

/// Values that were put at once.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Datum {
    /// Of which metric.
    pub metric: MetricId,
    pub values: Vec<f64>,
    /// For what time.
    pub at: Timestamp,
}

/// What was put, the latest ten thousand.
#[derive(Debug, Default)]
pub(crate) struct Metrics(VecDeque<Datum>);

impl Metrics {
    /// Keeps values.
    pub(crate) fn put(&mut self, data: Vec<Datum>) {
        self.0.extend(data);
        let excess = self.0.len().saturating_sub(KEPT);
        self.0.drain(..excess);
    }

    /// Every metric that there are values of.
    pub(crate) fn names(&self) -> BTreeSet<&MetricId> {
        self.0.iter().map(|datum| &datum.metric).collect()
    }

    /// The values of a metric, in the order in which they were put.
    pub(crate) fn of<'a>(&'a self, metric: &'a MetricId) -> impl Iterator<Item = &'a Datum> {
        self.0.iter().filter(move |datum| datum.metric == *metric)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_values_are_kept() {
        let metric = |name: &str| MetricId { namespace: "n".into(), name: name.into(), dimensions: Vec::new() };
        let datum = |name: &str, value| Datum { metric: metric(name), values: vec![value], at: Timestamp::UNIX_EPOCH };
        let mut metrics = Metrics::default();
        metrics.put(vec![datum("old", 0.0)]);
        metrics.put((0..KEPT).map(|number| datum("new", number as f64)).collect());
        assert_eq!(metrics.names().into_iter().collect::<Vec<_>>(), [&metric("new")]);
        assert_eq!(metrics.of(&metric("new")).next().unwrap().values, [0.0]);
        metrics.put(vec![datum("new", -1.0)]);
        assert_eq!(metrics.of(&metric("new")).next().unwrap().values, [1.0]);
    }
}
