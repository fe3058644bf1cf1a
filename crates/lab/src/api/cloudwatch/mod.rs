//! CloudWatch's alarms, metrics and dashboards (CloudWatch API reference, version 2010-08-01). How clients say it is in `wire`.

mod dashboards;
mod data;
mod wire;

use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use http::request::Parts;
use jiff::Timestamp;
use serde_json::Value;

pub(super) use self::wire::RPC_PATH;
use self::wire::{AnswerNames, Out, Protocol, from_params, word};
use super::ServiceError;
use super::query::Params;
use crate::services::Services;
use crate::services::metrics::{Alarm, AlarmRule, AlarmState, Datum, Dimensions, MetricId};
use crate::topology;
use gameday_core::model::{Clock, RegionRole};

/// The states that an alarm can have (CloudWatch API reference, SetAlarmState).
const STATES: [&str; 3] = ["OK", "ALARM", "INSUFFICIENT_DATA"];
/// API reference, DescribeAlarms: `MaxRecords`, and what is given without it.
const LARGEST_PAGE: usize = 100;
const PAGE: usize = 50;
/// API reference, DeleteAlarms and DescribeAlarms: names at a time.
const NAMES_AT_A_TIME: usize = 100;
/// API reference, PutMetricData: metrics at a time.
const DATA_AT_A_TIME: usize = 1000;

/// Members of an alarm that are text, and those that are whole numbers (API reference, MetricAlarm).
const TEXTS: [&str; 9] = [
    "AlarmDescription",
    "ComparisonOperator",
    "EvaluateLowSampleCountPercentile",
    "ExtendedStatistic",
    "MetricName",
    "Namespace",
    "Statistic",
    "TreatMissingData",
    "Unit",
];
const NUMBERS: [&str; 3] = ["DatapointsToAlarm", "EvaluationPeriods", "Period"];
const ACTIONS: [&str; 3] = ["AlarmActions", "InsufficientDataActions", "OKActions"];

type Members = Vec<(&'static str, Out)>;
type MetricsOutcome = Result<Members, ServiceError>;

/// Answers one request.
pub(super) fn handle(services: &Services, role: RegionRole, clock: Clock, parts: &Parts, body: &[u8]) -> Response {
    let protocol = Protocol::of(parts);
    match protocol.read(parts, body) {
        Ok((operation, input)) => respond(services, role, clock, protocol, &operation, &input),
        Err(error) => protocol.refuse(&error),
    }
}

/// The same for the query protocol's parameters.
pub(super) fn handle_query(services: &Services, role: RegionRole, clock: Clock, params: &Params) -> Response {
    let (operation, input) = from_params(params);
    respond(services, role, clock, Protocol::Query, &operation, &input)
}

/// The operation that a request names, if any.
pub(super) fn operation(parts: &Parts, body: &[u8]) -> String {
    Protocol::of(parts).read(parts, body).map(|(operation, _)| operation).unwrap_or_default()
}

/// An error, in the protocol of the request.
pub(super) fn refusal(parts: &Parts, error: &ServiceError) -> Response {
    Protocol::of(parts).refuse(error)
}

fn respond(
    services: &Services,
    role: RegionRole,
    clock: Clock,
    protocol: Protocol,
    operation: &str,
    input: &Value,
) -> Response {
    let call = MetricsCall { services, role, now: clock.now(), input };
    let silent = |response| AnswerNames { response, result: None };
    let telling = |response, result| AnswerNames { response, result: Some(result) };
    let (names, outcome) = match operation {
        "DescribeAlarms" => (telling("DescribeAlarmsResponse", "DescribeAlarmsResult"), call.describe_alarms()),
        "GetDashboard" => (telling("GetDashboardResponse", "GetDashboardResult"), call.get_dashboard()),
        "GetMetricData" => (telling("GetMetricDataResponse", "GetMetricDataResult"), call.get_metric_data()),
        "ListDashboards" => (telling("ListDashboardsResponse", "ListDashboardsResult"), call.list_dashboards()),
        "ListMetrics" => (telling("ListMetricsResponse", "ListMetricsResult"), call.list_metrics()),
        "PutMetricAlarm" => (silent("PutMetricAlarmResponse"), call.put_metric_alarm()),
        "SetAlarmState" => (silent("SetAlarmStateResponse"), call.set_alarm_state()),
        "DeleteAlarms" => (silent("DeleteAlarmsResponse"), call.delete_alarms()),
        "PutMetricData" => (silent("PutMetricDataResponse"), call.put_metric_data()),
        other => {
            let message = format!("The lab's CloudWatch has no operation {other}.");
            return protocol.refuse(&ServiceError::bad("InvalidAction", message));
        }
    };
    match outcome {
        Ok(members) => protocol.write(names, members),
        Err(error) => protocol.refuse(&error),
    }
}

fn invalid(message: impl Into<String>) -> ServiceError {
    ServiceError::bad("InvalidParameterValue", message)
}

/// The query protocol has numbers and flags as text.
fn whole(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok()).filter(|number| number.is_finite())
}

fn flag(value: &Value) -> Option<bool> {
    value.as_bool().or_else(|| value.as_str()?.parse().ok())
}

fn time(value: &Value) -> Option<Timestamp> {
    let seconds =
        value.as_f64().and_then(|seconds| Timestamp::from_millisecond((seconds * 1000.0).round() as i64).ok());
    seconds.or_else(|| value.as_str()?.parse().ok())
}

fn texts(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// A member of the input read by `read`; absent is fine, another type is not.
fn optional<T>(input: &Value, key: &str, read: fn(&Value) -> Option<T>) -> Result<Option<T>, ServiceError> {
    match &input[key] {
        Value::Null => Ok(None),
        value => read(value).map(Some).ok_or_else(|| invalid(format!("The value {value} for {key} is not valid."))),
    }
}

fn required<'a>(input: &'a Value, key: &str) -> Result<&'a str, ServiceError> {
    let value = input[key].as_str().filter(|value| !value.is_empty());
    value.ok_or_else(|| ServiceError::bad("MissingParameter", format!("The parameter {key} is required.")))
}

fn dimensions(input: &Value) -> Result<Dimensions, ServiceError> {
    let given = input["Dimensions"].as_array().into_iter().flatten();
    let pairs = given.map(|pair| Ok((required(pair, "Name")?.to_owned(), required(pair, "Value")?.to_owned())));
    let mut pairs = pairs.collect::<Result<Dimensions, ServiceError>>()?;
    pairs.sort();
    Ok(pairs)
}

fn dimensions_shown(dimensions: &Dimensions) -> Out {
    let shown = |(name, value): &(String, String)| Out::Members(vec![("Name", word(name)), ("Value", word(value))]);
    Out::List(dimensions.iter().map(shown).collect())
}

/// One request.
struct MetricsCall<'a> {
    services: &'a Services,
    role: RegionRole,
    now: Timestamp,
    input: &'a Value,
}

impl MetricsCall<'_> {
    fn describe_alarms(&self) -> MetricsOutcome {
        let input = self.input;
        let (names, prefix) = (texts(&input["AlarmNames"]), input["AlarmNamePrefix"].as_str());
        if !names.is_empty() && prefix.is_some() {
            let message = "AlarmNames and AlarmNamePrefix cannot be specified together.";
            return Err(ServiceError::bad("InvalidParameterCombination", message));
        }
        if names.len() > NAMES_AT_A_TIME {
            return Err(invalid(format!("AlarmNames has more than {NAMES_AT_A_TIME} names.")));
        }
        let wanted = input["StateValue"].as_str();
        let kinds = texts(&input["AlarmTypes"]);
        let most = match optional(input, "MaxRecords", whole)? {
            None => PAGE,
            Some(most) => usize::try_from(most)
                .ok()
                .filter(|most| (1..=LARGEST_PAGE).contains(most))
                .ok_or_else(|| invalid("MaxRecords must be from 1 to 100."))?,
        };
        let after = self.after()?;
        let alarms = self.services.alarms();
        let found = alarms.iter().filter(|(name, alarm)| {
            (names.is_empty() || names.contains(&name.as_str()))
                && prefix.is_none_or(|prefix| name.starts_with(prefix))
                && wanted.is_none_or(|wanted| alarm.state.value == wanted)
                // The lab has no other kind.
                && (kinds.is_empty() || kinds.contains(&"MetricAlarm"))
                && after.as_ref().is_none_or(|after| *name > after)
        });
        let (page, token) = page(found, most, |(name, _)| name);
        let shown = page.into_iter().map(|(name, alarm)| self.described(name, alarm)).collect();
        let mut answer = vec![("MetricAlarms", Out::List(shown)), ("CompositeAlarms", Out::List(Vec::new()))];
        answer.extend(token.map(|token| ("NextToken", word(token))));
        Ok(answer)
    }

    /// What the page that was asked for comes after.
    fn after(&self) -> Result<Option<String>, ServiceError> {
        let Some(token) = self.input["NextToken"].as_str() else { return Ok(None) };
        let key = URL_SAFE_NO_PAD.decode(token).ok().and_then(|key| String::from_utf8(key).ok());
        key.map(Some).ok_or_else(|| ServiceError::bad("InvalidNextToken", "The next token is not valid."))
    }

    fn described(&self, name: &str, alarm: &Alarm) -> Out {
        let (region, account) = (topology::region(self.role), topology::ACCOUNT);
        let Alarm { state, rule, configured } = alarm;
        let mut shown = vec![
            ("AlarmName", word(name)),
            ("AlarmArn", word(format!("arn:aws:cloudwatch:{region}:{account}:alarm:{name}"))),
            ("AlarmConfigurationUpdatedTimestamp", Out::Time(*configured)),
            ("ActionsEnabled", Out::Flag(rule.acts)),
            ("StateValue", word(&state.value)),
            ("StateReason", word(&state.reason)),
            ("StateUpdatedTimestamp", Out::Time(state.updated)),
            ("StateTransitionedTimestamp", Out::Time(state.since)),
            ("Dimensions", dimensions_shown(&rule.dimensions)),
        ];
        shown.extend(state.reason_data.iter().map(|data| ("StateReasonData", word(data))));
        shown.extend(rule.texts.iter().map(|(key, value)| (*key, word(value))));
        shown.extend(rule.numbers.iter().map(|(key, value)| (*key, Out::Whole(*value))));
        shown.extend(rule.threshold.map(|threshold| ("Threshold", Out::Number(threshold))));
        let lists = rule.actions.iter().map(|(key, arns)| (*key, Out::List(arns.iter().map(word).collect())));
        shown.extend(lists);
        Out::Members(shown)
    }

    /// An alarm that is there keeps its state (API reference, PutMetricAlarm).
    fn put_metric_alarm(&self) -> MetricsOutcome {
        let name = required(self.input, "AlarmName")?;
        let rule = self.rule()?;
        let state = AlarmState {
            value: "INSUFFICIENT_DATA".to_owned(),
            reason: "Unchecked: Initial alarm creation".to_owned(),
            reason_data: None,
            updated: self.now,
            since: self.now,
        };
        let mut alarms = self.services.alarms();
        let state = alarms.get(name).map_or(state, |known| known.state.clone());
        alarms.insert(name.to_owned(), Alarm { state, rule, configured: self.now });
        Ok(Vec::new())
    }

    fn rule(&self) -> Result<AlarmRule, ServiceError> {
        let input = self.input;
        if !input["Metrics"].is_null() {
            return Err(invalid("The lab's alarms look at one metric; it has no metric math."));
        }
        let mut rule = AlarmRule {
            threshold: optional(input, "Threshold", number)?,
            acts: optional(input, "ActionsEnabled", flag)?.unwrap_or(true),
            dimensions: dimensions(input)?,
            ..AlarmRule::default()
        };
        rule.texts.extend(TEXTS.iter().filter_map(|key| Some((*key, input[*key].as_str()?.to_owned()))));
        for key in NUMBERS {
            let value = optional(input, key, whole)?;
            if value.is_some_and(|value| value < 1) {
                return Err(invalid(format!("{key} must be at least 1.")));
            }
            rule.numbers.extend(value.map(|value| (key, value)));
        }
        let lists = ACTIONS.iter().map(|key| (*key, texts(&input[*key]).into_iter().map(str::to_owned).collect()));
        rule.actions.extend(lists);
        Ok(rule)
    }

    /// AWS puts the alarm back at its next evaluation; the lab evaluates nothing, so the state stays.
    fn set_alarm_state(&self) -> MetricsOutcome {
        let input = self.input;
        let (name, value) = (required(input, "AlarmName")?, required(input, "StateValue")?);
        let reason = required(input, "StateReason")?.to_owned();
        if !STATES.contains(&value) {
            return Err(invalid(format!("{value} is no state of an alarm.")));
        }
        let reason_data = input["StateReasonData"].as_str().map(str::to_owned);
        if reason_data.as_ref().is_some_and(|data| serde_json::from_str::<Value>(data).is_err()) {
            return Err(ServiceError::bad("InvalidFormat", "StateReasonData is not JSON."));
        }
        let mut alarms = self.services.alarms();
        let Some(alarm) = alarms.get_mut(name) else {
            let message = format!("Alarm {name} does not exist");
            return Err(ServiceError { status: StatusCode::NOT_FOUND, code: "ResourceNotFound", message });
        };
        let since = if alarm.state.value == value { alarm.state.since } else { self.now };
        alarm.state = AlarmState { value: value.to_owned(), reason, reason_data, updated: self.now, since };
        Ok(Vec::new())
    }

    /// None of them goes if one is not there (API reference, DeleteAlarms).
    fn delete_alarms(&self) -> MetricsOutcome {
        let names = texts(&self.input["AlarmNames"]);
        if names.is_empty() || names.len() > NAMES_AT_A_TIME {
            return Err(invalid(format!("AlarmNames must have from 1 to {NAMES_AT_A_TIME} names.")));
        }
        let mut alarms = self.services.alarms();
        if let Some(name) = names.iter().find(|name| !alarms.contains_key(**name)) {
            let message = format!("Alarm {name} does not exist");
            return Err(ServiceError { status: StatusCode::NOT_FOUND, code: "ResourceNotFound", message });
        }
        for name in names {
            alarms.remove(name);
        }
        Ok(Vec::new())
    }

    fn put_metric_data(&self) -> MetricsOutcome {
        let namespace = required(self.input, "Namespace")?;
        if namespace.starts_with("AWS/") {
            return Err(invalid("The value AWS/ for parameter Namespace is invalid."));
        }
        let data = self.input["MetricData"].as_array().map(Vec::as_slice).unwrap_or_default();
        if data.is_empty() {
            return Err(ServiceError::bad("MissingParameter", "The parameter MetricData is required."));
        }
        if data.len() > DATA_AT_A_TIME {
            return Err(invalid(format!("MetricData has more than {DATA_AT_A_TIME} metrics.")));
        }
        let data = data.iter().map(|datum| self.datum(namespace, datum)).collect::<Result<_, _>>()?;
        self.services.metrics().put(data);
        Ok(Vec::new())
    }

    fn datum(&self, namespace: &str, datum: &Value) -> Result<Datum, ServiceError> {
        let values: Option<Vec<f64>> = match (&datum["Value"], &datum["Values"], &datum["StatisticValues"]) {
            (Value::Null, Value::Array(values), Value::Null) => values.iter().map(number).collect(),
            (Value::Null, Value::Null, set @ Value::Object(_)) => number(&set["Sum"]).map(|sum| vec![sum]),
            (value, Value::Null, Value::Null) => number(value).map(|value| vec![value]),
            _ => {
                let message = "Only one of Value, Values and StatisticValues can be given.";
                return Err(ServiceError::bad("InvalidParameterCombination", message));
            }
        };
        let name = required(datum, "MetricName")?.to_owned();
        let values = values.filter(|values| !values.is_empty());
        let values = values.ok_or_else(|| invalid(format!("The value of metric {name} is not a number.")))?;
        let at = optional(datum, "Timestamp", time)?.unwrap_or(self.now);
        let metric = MetricId { namespace: namespace.to_owned(), name, dimensions: dimensions(datum)? };
        Ok(Datum { metric, values, at })
    }
}

/// The first of some rows, and the token for those after them, where there are some.
fn page<T: Copy>(rows: impl Iterator<Item = T>, most: usize, key: impl Fn(&T) -> &String) -> (Vec<T>, Option<String>) {
    let mut rows: Vec<T> = rows.take(most + 1).collect();
    let more = rows.len() > most;
    rows.truncate(most);
    let next = rows.last().filter(|_| more).map(|last| token(key(last)));
    (rows, next)
}

fn token(key: &str) -> String {
    URL_SAFE_NO_PAD.encode(key)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::estate::AccountFixture;
    use crate::services::Functions;
    use gameday_core::env::LabSettings;
    use gameday_core::model::Seed;

    fn services() -> Services {
        let estate = Arc::new(AccountFixture::of(&LabSettings::default(), Seed(7)).unwrap());
        Services::new(Arc::new(Functions::new(RegionRole::Primary, estate)))
    }

    fn call<'a>(services: &'a Services, input: &'a Value) -> MetricsCall<'a> {
        MetricsCall { services, role: RegionRole::Primary, now: Timestamp::UNIX_EPOCH, input }
    }

    /// A request of the JSON or the query protocol, with the status and the text of its answer.
    async fn ask(services: &Services, target: Option<&str>, body: &str) -> (StatusCode, String) {
        let mut request = http::Request::post("/");
        if let Some(target) = target {
            request = request.header("x-amz-target", target);
        }
        let parts = request.body(()).unwrap().into_parts().0;
        let clock = Clock::start(1.0);
        let response = handle(services, RegionRole::Primary, clock, &parts, body.as_bytes());
        let status = response.status();
        let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn older_clients_are_answered_in_their_protocols() {
        let services = services();
        let form = "Action=PutMetricAlarm&AlarmName=logins&EvaluationPeriods=2&Threshold=0.5&ActionsEnabled=false";
        assert_eq!(ask(&services, None, form).await.0, StatusCode::OK);
        let target = |operation: &str| format!("GraniteServiceVersion20100801.{operation}");
        let body = r#"{"AlarmName":"logins","StateValue":"ALARM","StateReason":"a drill"}"#;
        assert_eq!(ask(&services, Some(&target("SetAlarmState")), body).await, (StatusCode::OK, "{}".to_owned()));
        let (_, json) = ask(&services, Some(&target("DescribeAlarms")), r#"{"AlarmNames":["logins"]}"#).await;
        let json: Value = serde_json::from_str(&json).unwrap();
        let alarm = &json["MetricAlarms"][0];
        assert_eq!((&alarm["StateValue"], &alarm["Threshold"]), (&json!("ALARM"), &json!(0.5)));
        assert_eq!((&alarm["EvaluationPeriods"], &alarm["ActionsEnabled"]), (&json!(2), &json!(false)));
        let (_, xml) = ask(&services, None, "Action=DescribeAlarms&StateValue=ALARM").await;
        assert!(xml.contains("<DescribeAlarmsResult><MetricAlarms><member><AlarmName>logins</AlarmName>"), "{xml}");
        assert!(xml.contains("<StateReason>a drill</StateReason>") && xml.contains("<ResponseMetadata>"), "{xml}");
        let (status, xml) = ask(&services, None, "Action=DeleteAlarms&AlarmNames.member.1=another").await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert!(xml.contains("<Code>ResourceNotFound</Code>"), "{xml}");
        let (status, json) = ask(&services, Some(&target("PutDashboard")), "{}").await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert!(json.contains("InvalidAction"), "{json}");
    }

    #[test]
    fn alarms_come_in_pages_and_keep_their_state_when_they_are_put_again() {
        let services = services();
        for name in ["a", "b", "c"] {
            call(&services, &json!({ "AlarmName": name })).put_metric_alarm().unwrap();
        }
        let alarm = json!({ "AlarmName": "b", "StateValue": "ALARM", "StateReason": "r" });
        call(&services, &alarm).set_alarm_state().unwrap();
        call(&services, &json!({ "AlarmName": "b", "Period": 60 })).put_metric_alarm().unwrap();
        assert_eq!(services.alarms()["b"].state.value, "ALARM");
        let (mut token, mut seen) = (Value::Null, Vec::new());
        loop {
            let input = json!({ "MaxRecords": 2, "NextToken": token });
            let answer = call(&services, &input).describe_alarms().unwrap();
            let Out::List(alarms) = &answer[0].1 else { panic!("no list") };
            seen.push(alarms.len());
            match answer.get(2) {
                Some(("NextToken", Out::Text(next))) => token = next.as_str().into(),
                _ => break,
            }
        }
        assert_eq!(seen, [2, 1]);
        for (wrong, code) in [
            (json!({ "NextToken": "%" }), "InvalidNextToken"),
            (json!({ "MaxRecords": 101 }), "InvalidParameterValue"),
            (json!({ "AlarmNames": ["a"], "AlarmNamePrefix": "a" }), "InvalidParameterCombination"),
        ] {
            assert_eq!(call(&services, &wrong).describe_alarms().unwrap_err().code, code);
        }
    }

    #[test]
    fn metric_data_is_kept_and_listed() {
        let services = services();
        let dimensions = json!([{ "Name": "Region", "Value": "us-east-1" }]);
        let data = json!([{ "MetricName": "Logins", "Value": "7", "Dimensions": dimensions }, { "MetricName": "Rpo", "Values": [1, 2.5] }]);
        call(&services, &json!({ "Namespace": "GameDay", "MetricData": data })).put_metric_data().unwrap();
        let rpo = MetricId { namespace: "GameDay".into(), name: "Rpo".into(), dimensions: Vec::new() };
        assert_eq!(services.metrics().of(&rpo).next().unwrap().values, [1.0, 2.5]);
        let answer =
            call(&services, &json!({ "Namespace": "GameDay", "MetricName": "Logins" })).list_metrics().unwrap();
        let Out::List(metrics) = &answer[0].1 else { panic!("no list") };
        assert_eq!(metrics.len(), 1);
        for wrong in [
            json!({ "Namespace": "AWS/Cognito", "MetricData": data }),
            json!({ "Namespace": "GameDay" }),
            json!({ "Namespace": "GameDay", "MetricData": [{ "MetricName": "m", "Value": "NaN" }] }),
            json!({ "Namespace": "GameDay", "MetricData": [{ "MetricName": "m", "Value": 1, "Values": [1] }] }),
        ] {
            assert!(call(&services, &wrong).put_metric_data().is_err(), "{wrong}");
        }
    }
}
