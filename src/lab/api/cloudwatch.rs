//! CloudWatch's alarms, in the Smithy RPC v2 CBOR protocol: `POST /service/NAME/operation/OPERATION`.

use axum::response::{IntoResponse, Response};
use ciborium::Value;
use http::request::Parts;
use http::{StatusCode, header};
use jiff::Timestamp;

use super::ServiceError;
use crate::lab::services::{Alarm, Services};
use crate::lab::topology;
use crate::model::{Clock, RegionRole};

/// CBOR's tag of a time in seconds since the epoch (RFC 8949, 3.4.2).
const EPOCH_TAG: u64 = 1;
/// The states that an alarm can have (CloudWatch API reference, SetAlarmState).
const STATES: [&str; 3] = ["OK", "ALARM", "INSUFFICIENT_DATA"];

/// Answers one request.
pub fn handle(services: &Services, role: RegionRole, clock: Clock, parts: &Parts, body: &[u8]) -> Response {
    let operation = parts.uri.path().rsplit('/').next().unwrap_or_default();
    let input: Value = ciborium::from_reader(body).unwrap_or_else(|_| Value::Map(Vec::new()));
    match act(services, role, clock.now(), operation, &input) {
        Ok(answer) => reply(StatusCode::OK, &answer),
        Err(error) => refusal(&error),
    }
}

/// An error as CloudWatch writes it.
pub fn refusal(error: &ServiceError) -> Response {
    reply(error.status, &map([("__type", text(error.code)), ("message", text(&error.message))]))
}

fn reply(status: StatusCode, answer: &Value) -> Response {
    let mut body = Vec::new();
    if let Err(error) = ciborium::into_writer(answer, &mut body) {
        tracing::error!(%error, "an answer could not be written");
    }
    let headers = [(header::CONTENT_TYPE.as_str(), "application/cbor"), ("smithy-protocol", "rpc-v2-cbor")];
    (status, headers, body).into_response()
}

fn text(value: impl Into<String>) -> Value {
    Value::Text(value.into())
}

fn map<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Map(entries.into_iter().map(|(key, value)| (text(key), value)).collect())
}

fn get<'a>(input: &'a Value, key: &str) -> Option<&'a Value> {
    input.as_map()?.iter().find(|(known, _)| known.as_text() == Some(key)).map(|(_, value)| value)
}

fn required<'a>(input: &'a Value, key: &str) -> Result<&'a str, ServiceError> {
    let value = get(input, key).and_then(Value::as_text);
    value.ok_or_else(|| ServiceError::bad("ValidationError", format!("The parameter {key} is required.")))
}

fn act(
    services: &Services,
    role: RegionRole,
    now: Timestamp,
    operation: &str,
    input: &Value,
) -> Result<Value, ServiceError> {
    let mut alarms = services.alarms();
    match operation {
        "DescribeAlarms" => {
            let names: Vec<&str> = get(input, "AlarmNames")
                .and_then(Value::as_array)
                .map(|names| names.iter().filter_map(Value::as_text).collect())
                .unwrap_or_default();
            let state = get(input, "StateValue").and_then(Value::as_text);
            let found = alarms.iter().filter(|(name, alarm)| {
                (names.is_empty() || names.contains(&name.as_str())) && state.is_none_or(|state| alarm.state == state)
            });
            let found = found.map(|(name, alarm)| described(name, role, alarm)).collect();
            Ok(map([("MetricAlarms", Value::Array(found)), ("CompositeAlarms", Value::Array(Vec::new()))]))
        }
        "PutMetricAlarm" => {
            let name = required(input, "AlarmName")?.to_owned();
            let (state, reason) = ("INSUFFICIENT_DATA".to_owned(), "Unchecked: Initial alarm creation".to_owned());
            alarms.entry(name).or_insert(Alarm { state, reason, since: now });
            Ok(Value::Map(Vec::new()))
        }
        "SetAlarmState" => {
            let name = required(input, "AlarmName")?;
            let (state, reason) = (required(input, "StateValue")?, required(input, "StateReason")?);
            if !STATES.contains(&state) {
                return Err(ServiceError::bad("ValidationError", format!("{state} is no state of an alarm")));
            }
            let Some(alarm) = alarms.get_mut(name) else {
                let message = format!("Alarm {name} does not exist");
                return Err(ServiceError { status: StatusCode::NOT_FOUND, code: "ResourceNotFound", message });
            };
            *alarm = Alarm { state: state.to_owned(), reason: reason.to_owned(), since: now };
            Ok(Value::Map(Vec::new()))
        }
        "DeleteAlarms" => {
            for name in get(input, "AlarmNames").and_then(Value::as_array).into_iter().flatten() {
                alarms.remove(name.as_text().unwrap_or_default());
            }
            Ok(Value::Map(Vec::new()))
        }
        other => {
            let message = format!("The lab's CloudWatch has no operation {other}.");
            Err(ServiceError { status: StatusCode::NOT_FOUND, code: "UnknownOperationException", message })
        }
    }
}

fn described(name: &str, role: RegionRole, alarm: &Alarm) -> Value {
    let (region, account) = (topology::region(role), topology::ACCOUNT);
    let since = Value::Tag(EPOCH_TAG, Box::new(Value::Float(alarm.since.as_second() as f64)));
    map([
        ("AlarmName", text(name)),
        ("AlarmArn", text(format!("arn:aws:cloudwatch:{region}:{account}:alarm:{name}"))),
        ("StateValue", text(&alarm.state)),
        ("StateReason", text(&alarm.reason)),
        ("StateUpdatedTimestamp", since),
    ])
}
