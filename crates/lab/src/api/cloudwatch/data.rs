//! Metrics as they are read: which there are, and their values. Metric math is not known here.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::wire::{Out, word};
use super::{
    MetricsCall, MetricsOutcome, dimensions, dimensions_shown, invalid, optional, page, required, time, whole,
};
use crate::api::ServiceError;
use crate::services::metrics::MetricId;

/// API reference, ListMetrics: metrics at a time.
const METRICS_AT_A_TIME: usize = 500;
/// A metric without values for this long is not listed (API reference, ListMetrics: two weeks).
const FORGOTTEN_AFTER: SignedDuration = SignedDuration::from_hours(14 * 24);
/// API reference, GetMetricData: queries at a time, and values.
const QUERIES_AT_A_TIME: usize = 500;
const VALUES_AT_A_TIME: usize = 100_800;
/// The statistics that are known here.
const STATISTICS: [&str; 5] = ["Sum", "Average", "Maximum", "Minimum", "SampleCount"];

/// One metric of a GetMetricData.
struct Query {
    id: String,
    metric: MetricId,
    period_s: i64,
    statistic: String,
}

impl MetricsCall<'_> {
    pub(super) fn list_metrics(&self) -> MetricsOutcome {
        let (namespace, name) = (self.input["Namespace"].as_str(), self.input["MetricName"].as_str());
        let after = self.after()?;
        let wanted = self.wanted_dimensions()?;
        let put: BTreeSet<MetricId> = self.services.metrics().names().into_iter().cloned().collect();
        let since = self.now.saturating_sub(FORGOTTEN_AFTER).unwrap_or(Timestamp::MIN);
        let series = self.services.series().iter();
        let written = series.filter(|series| series.between(since, self.now, self.now).next().is_some());
        let all: BTreeSet<MetricId> = written.map(MetricId::from).chain(put).collect();
        let key = |metric: &MetricId| format!("{} {} {:?}", metric.namespace, metric.name, metric.dimensions);
        let has = |metric: &MetricId, (name, value): &(String, Option<String>)| {
            metric.dimensions.iter().any(|(own, its)| own == name && value.as_ref().is_none_or(|value| value == its))
        };
        let mut found: Vec<(String, &MetricId)> = all
            .iter()
            .filter(|metric| namespace.is_none_or(|wanted| metric.namespace == wanted))
            .filter(|metric| name.is_none_or(|wanted| metric.name == wanted))
            .filter(|metric| wanted.iter().all(|pair| has(metric, pair)))
            .map(|metric| (key(metric), metric))
            .filter(|(key, _)| after.as_ref().is_none_or(|after| key > after))
            .collect();
        found.sort();
        let (page, token) = page(found.iter(), METRICS_AT_A_TIME, |(key, _)| key);
        let shown = page.into_iter().map(|(_, metric)| {
            Out::Members(vec![
                ("Namespace", word(&metric.namespace)),
                ("MetricName", word(&metric.name)),
                ("Dimensions", dimensions_shown(&metric.dimensions)),
            ])
        });
        let mut answer = vec![("Metrics", Out::List(shown.collect()))];
        answer.extend(token.map(|token| ("NextToken", word(token))));
        Ok(answer)
    }

    /// A filter's value may be left out (API reference, DimensionFilter).
    fn wanted_dimensions(&self) -> Result<Vec<(String, Option<String>)>, ServiceError> {
        let given = self.input["Dimensions"].as_array().into_iter().flatten();
        given.map(|pair| Ok((required(pair, "Name")?.to_owned(), pair["Value"].as_str().map(str::to_owned)))).collect()
    }

    pub(super) fn get_metric_data(&self) -> MetricsOutcome {
        let input = self.input;
        let times = [optional(input, "StartTime", time)?, optional(input, "EndTime", time)?];
        let [Some(from), Some(to)] = times else {
            return Err(ServiceError::bad("MissingParameter", "StartTime and EndTime are required."));
        };
        if from >= to {
            return Err(invalid("The parameter StartTime must be less than the parameter EndTime."));
        }
        let newest_first = input["ScanBy"].as_str() != Some("TimestampAscending");
        let queries = input["MetricDataQueries"].as_array().map(Vec::as_slice).unwrap_or_default();
        if queries.is_empty() || queries.len() > QUERIES_AT_A_TIME {
            return Err(invalid(format!("MetricDataQueries must have from 1 to {QUERIES_AT_A_TIME} queries.")));
        }
        let queries: Vec<Query> = queries.iter().map(query).collect::<Result<_, _>>()?;
        let begin =
            self.after()?.map_or(Ok(0), |token| token.parse()).map_err(|_| invalid("The token is not valid."))?;
        let (mut results, mut values) = (Vec::new(), 0);
        for query in queries.iter().skip(begin) {
            let mut points = self.points(query, from, to);
            values += points.len();
            if values > VALUES_AT_A_TIME && !results.is_empty() {
                break;
            }
            if newest_first {
                points.reverse();
            }
            results.push(Out::Members(vec![
                ("Id", word(&query.id)),
                ("Label", word(&query.metric.name)),
                ("Timestamps", Out::List(points.iter().map(|(at, _)| Out::Time(*at)).collect())),
                ("Values", Out::List(points.iter().map(|(_, value)| Out::Number(*value)).collect())),
                ("StatusCode", word("Complete")),
            ]));
        }
        let done = begin + results.len();
        let mut answer = vec![("MetricDataResults", Out::List(results)), ("Messages", Out::List(Vec::new()))];
        if done < queries.len() {
            answer.push(("NextToken", word(super::token(&done.to_string()))));
        }
        Ok(answer)
    }

    /// One value for each period that has any, in order.
    fn points(&self, query: &Query, from: Timestamp, to: Timestamp) -> Vec<(Timestamp, f64)> {
        let series = self.services.series().iter().filter(|series| MetricId::from(*series) == query.metric);
        let written = series.flat_map(|series| series.between(from, to, self.now).collect::<Vec<_>>());
        let metrics = self.services.metrics();
        let put = metrics.of(&query.metric).filter(|datum| datum.at >= from && datum.at < to);
        let put = put.flat_map(|datum| datum.values.iter().map(|value| (datum.at, *value)));
        let mut periods: BTreeMap<i64, Vec<f64>> = BTreeMap::new();
        for (at, value) in written.chain(put) {
            periods.entry(at.as_second().div_euclid(query.period_s)).or_default().push(value);
        }
        let point = |(period, values): (i64, Vec<f64>)| {
            let at = Timestamp::from_second(period * query.period_s).ok()?;
            Some((at, statistic(&query.statistic, &values)))
        };
        periods.into_iter().filter_map(point).collect()
    }
}

fn query(query: &Value) -> Result<Query, ServiceError> {
    let id = required(query, "Id")?.to_owned();
    if !query["Expression"].is_null() {
        return Err(invalid("The lab's CloudWatch has no metric math."));
    }
    let stat = &query["MetricStat"];
    let metric = &stat["Metric"];
    let statistic = required(stat, "Stat")?.to_owned();
    if !STATISTICS.contains(&statistic.as_str()) {
        return Err(invalid(format!("The lab's CloudWatch has no statistic {statistic}.")));
    }
    let period_s = optional(stat, "Period", whole)?.filter(|period| *period > 0 && period % 60 == 0);
    Ok(Query {
        id,
        metric: MetricId {
            namespace: required(metric, "Namespace")?.to_owned(),
            name: required(metric, "MetricName")?.to_owned(),
            dimensions: dimensions(metric)?,
        },
        period_s: period_s.ok_or_else(|| invalid("Period must be a multiple of 60."))?,
        statistic,
    })
}

fn statistic(name: &str, values: &[f64]) -> f64 {
    let sum: f64 = values.iter().sum();
    match name {
        "Average" => sum / values.len() as f64,
        "Maximum" => values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        "Minimum" => values.iter().copied().fold(f64::INFINITY, f64::min),
        "SampleCount" => values.len() as f64,
        _ => sum,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::estate::{AccountFixture, FixtureNames};
    use crate::services::{Functions, Services};
    use gameday_core::model::RegionRole;

    fn services() -> Services {
        let estate = Arc::new(AccountFixture::healthy(FixtureNames { pool_id: "us-east-1_LAB", client_id: "client" }));
        let functions = Arc::new(Functions::new(RegionRole::Primary, Arc::clone(&estate)));
        Services::new(functions).watched(&estate, "us-east-1", Timestamp::UNIX_EPOCH)
    }

    fn call<'a>(services: &'a Services, input: &'a Value) -> MetricsCall<'a> {
        MetricsCall { services, role: RegionRole::Primary, now: "2026-11-25T17:02:30Z".parse().unwrap(), input }
    }

    fn metric(name: &str) -> Value {
        let pair = |name: &str, value: &str| json!({ "Name": name, "Value": value });
        let dimensions = [pair("UserPoolClient", "client"), pair("UserPool", "us-east-1_LAB")];
        json!({ "Namespace": "AWS/Cognito", "MetricName": name, "Dimensions": dimensions })
    }

    fn member<'a>(members: &'a [(&'static str, Out)], name: &str) -> &'a Out {
        &members.iter().find(|(own, _)| *own == name).unwrap().1
    }

    fn list(out: &Out) -> &[Out] {
        let Out::List(items) = out else { panic!("no list: {out:?}") };
        items
    }

    fn result(out: &Out) -> (&[Out], &[Out]) {
        let Out::Members(members) = out else { panic!("no result: {out:?}") };
        (list(member(members, "Timestamps")), list(member(members, "Values")))
    }

    #[test]
    fn five_minutes_add_up_to_hours_and_the_newest_comes_first() {
        let services = services();
        let query = |id: &str, stat: &str, period: i64| json!({ "Id": id, "MetricStat": { "Metric": metric("SignInSuccesses"), "Period": period, "Stat": stat } });
        let queries = [query("sum", "Sum", 3600), query("most", "Maximum", 3600), query("each", "Sum", 300)];
        let input = json!({ "MetricDataQueries": queries, "StartTime": 1_795_600_800, "EndTime": 1_795_604_400 });
        let answer = call(&services, &input).get_metric_data().unwrap();
        let results: Vec<_> = list(member(&answer, "MetricDataResults")).iter().map(result).collect();
        assert_eq!(results.iter().map(|(at, _)| at.len()).collect::<Vec<_>>(), [1, 1, 12]);
        let number = |out: &Out| match out {
            Out::Number(number) => *number,
            other => panic!("no number: {other:?}"),
        };
        let each: Vec<f64> = results[2].1.iter().map(number).collect();
        assert!((number(&results[0].1[0]) - each.iter().sum::<f64>()).abs() < 1e-6);
        assert!((number(&results[1].1[0]) - each.iter().copied().fold(0.0, f64::max)).abs() < 1e-6);
        assert!(matches!((&results[2].0[0], &results[2].0[11]), (Out::Time(first), Out::Time(last)) if first > last));
    }

    #[test]
    fn more_values_than_fit_come_in_pages() {
        let services = services();
        let query = |number: usize| json!({ "Id": format!("q{number}"), "MetricStat": { "Metric": metric("SignInSuccesses"), "Period": 300, "Stat": "Sum" } });
        let queries: Vec<_> = (0..30).map(query).collect();
        let (mut token, mut seen) = (Value::Null, Vec::new());
        loop {
            let input = json!({ "MetricDataQueries": queries, "StartTime": 1_790_000_000, "EndTime": 1_800_000_000, "NextToken": token });
            let answer = call(&services, &input).get_metric_data().unwrap();
            seen.push(list(member(&answer, "MetricDataResults")).len());
            match answer.iter().find(|(name, _)| *name == "NextToken") {
                Some((_, Out::Text(next))) => token = next.as_str().into(),
                _ => break,
            }
        }
        assert_eq!(seen, [25, 5]);
    }

    #[test]
    fn metrics_are_listed_by_dimension() {
        let services = services();
        let count = |input: Value| list(&call(&services, &input).list_metrics().unwrap()[0].1).len();
        let named = |name: &str, value: &str| json!({ "Dimensions": [{ "Name": name, "Value": value }] });
        assert_eq!(count(json!({})), 3);
        assert_eq!(count(named("UserPool", "us-east-1_LAB")), 3);
        assert_eq!(count(named("UserPool", "us-east-1_OTHER")), 0);
        assert_eq!(count(json!({ "Dimensions": [{ "Name": "UserPoolClient" }] })), 3);
        assert_eq!(count(json!({ "MetricName": "SignInThrottles" })), 1);
    }

    #[test]
    fn what_is_not_known_here_is_refused() {
        let services = services();
        let wrong = |query: Value, from: i64| {
            let input = json!({ "MetricDataQueries": [query], "StartTime": from, "EndTime": 1_795_604_400 });
            call(&services, &input).get_metric_data().unwrap_err().code
        };
        let query = |stat: &str, period: i64| json!({ "Id": "q", "MetricStat": { "Metric": metric("m"), "Period": period, "Stat": stat } });
        assert_eq!(wrong(query("Sum", 60), 1_795_604_400), "InvalidParameterValue");
        assert_eq!(wrong(query("p99", 60), 0), "InvalidParameterValue");
        assert_eq!(wrong(query("Sum", 61), 0), "InvalidParameterValue");
        assert_eq!(wrong(json!({ "Id": "q", "Expression": "SUM(METRICS())" }), 0), "InvalidParameterValue");
    }
}
