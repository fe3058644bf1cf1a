//! CloudWatch's three protocols, which clients choose from: Smithy RPC v2 CBOR (SDKs of today), AWS JSON 1.0, and the query protocol.

use std::collections::BTreeMap;

use axum::response::{IntoResponse, Response};
use ciborium::Value as Cbor;
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::api::query::Params;
use crate::api::xml::{Element, node, text};
use crate::api::{Reply, ServiceError, query_error, request_id};

const NAMESPACE: &str = "http://monitoring.amazonaws.com/doc/2010-08-01/";
/// What the paths of the CBOR protocol begin with (Smithy specification, "Smithy RPC v2 CBOR").
pub(crate) const RPC_PATH: &str = "/service/";
/// What `X-Amz-Target` begins with in the JSON protocol.
const TARGET: &str = "GraniteServiceVersion20100801.";
/// CBOR's tag of a time in seconds since the epoch (RFC 8949, 3.4.2).
const EPOCH_TAG: u64 = 1;

/// How a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Cbor,
    Json,
    Query,
}

/// A value of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Out {
    Text(String),
    Whole(i64),
    Number(f64),
    Flag(bool),
    Time(Timestamp),
    List(Vec<Out>),
    Members(Vec<(&'static str, Out)>),
}

/// Text.
pub(super) fn word(value: impl Into<String>) -> Out {
    Out::Text(value.into())
}

/// The names of an operation's answer in the query protocol.
#[derive(Debug, Clone, Copy)]
pub(super) struct AnswerNames {
    /// `DescribeAlarmsResponse`.
    pub response: &'static str,
    /// `DescribeAlarmsResult`, where it has one.
    pub result: Option<&'static str>,
}

impl Protocol {
    /// What a request speaks.
    pub(super) fn of(parts: &Parts) -> Self {
        if parts.uri.path().starts_with(RPC_PATH) {
            Self::Cbor
        } else if parts.headers.contains_key("x-amz-target") {
            Self::Json
        } else {
            Self::Query
        }
    }

    /// The operation and its input.
    pub(super) fn read(self, parts: &Parts, body: &[u8]) -> Result<(String, Value), ServiceError> {
        let wrong = |why: String| ServiceError::bad("SerializationException", why);
        if parts.headers.contains_key(header::CONTENT_ENCODING) {
            return Err(wrong("The lab reads no compressed requests; put less at a time.".to_owned()));
        }
        match self {
            Self::Cbor => {
                let operation = parts.uri.path().rsplit('/').next().unwrap_or_default();
                // An operation without input has no body.
                let input: Cbor = if body.is_empty() {
                    Cbor::Map(Vec::new())
                } else {
                    ciborium::from_reader(body).map_err(|error| wrong(error.to_string()))?
                };
                Ok((operation.to_owned(), from_cbor(&input)))
            }
            Self::Json => {
                let target = parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok());
                let operation = target.and_then(|target| target.strip_prefix(TARGET)).unwrap_or_default();
                let input = serde_json::from_slice(body).map_err(|error| wrong(error.to_string()))?;
                Ok((operation.to_owned(), input))
            }
            Self::Query => {
                let params = Params::parse(parts.uri.query().unwrap_or_default(), body);
                let params =
                    params.ok_or_else(|| wrong("The request is not a form of less than 64 KiB.".to_owned()))?;
                Ok(from_params(&params))
            }
        }
    }

    /// An operation's answer.
    pub(super) fn write(self, names: AnswerNames, members: Vec<(&'static str, Out)>) -> Response {
        match self {
            Self::Cbor => cbor(StatusCode::OK, &to_cbor(&Out::Members(members))).into_response(),
            Self::Json => json(StatusCode::OK, &to_json(&Out::Members(members))),
            Self::Query => {
                let metadata = node("ResponseMetadata", vec![text("RequestId", request_id())]);
                let result = names.result.map(|name| to_xml(name, Out::Members(members)));
                let document = node(names.response, result.into_iter().chain([metadata]).collect());
                Reply::xml(StatusCode::OK, &document.in_namespace(NAMESPACE)).into_response()
            }
        }
    }

    /// An error. The newer protocols carry the query protocol's code in a header (Smithy, `awsQueryCompatible`).
    pub(super) fn refuse(self, error: &ServiceError) -> Response {
        let members = vec![("__type", word(error.code)), ("message", word(&error.message))];
        let mut response = match self {
            Self::Cbor => cbor(error.status, &to_cbor(&Out::Members(members))),
            Self::Json => json(error.status, &to_json(&Out::Members(members))),
            Self::Query => return query_error(error, NAMESPACE).into_response(),
        };
        let fault = if error.status.is_server_error() { "Receiver" } else { "Sender" };
        if let Ok(value) = HeaderValue::from_str(&format!("{};{fault}", error.code)) {
            response.headers_mut().insert("x-amzn-query-error", value);
        }
        response
    }
}

fn cbor(status: StatusCode, answer: &Cbor) -> Response {
    let mut body = Vec::new();
    if let Err(error) = ciborium::into_writer(answer, &mut body) {
        tracing::error!(%error, "an answer could not be written");
    }
    let headers = [(header::CONTENT_TYPE.as_str(), "application/cbor"), ("smithy-protocol", "rpc-v2-cbor")];
    (status, headers, body).into_response()
}

fn json(status: StatusCode, answer: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/x-amz-json-1.0")], answer.to_string()).into_response()
}

/// Input as JSON: a time becomes seconds since the epoch.
fn from_cbor(value: &Cbor) -> Value {
    match value {
        Cbor::Text(text) => text.as_str().into(),
        Cbor::Bool(flag) => (*flag).into(),
        Cbor::Float(number) => (*number).into(),
        Cbor::Integer(number) => i64::try_from(*number).map_or(Value::Null, Value::from),
        Cbor::Array(items) => items.iter().map(from_cbor).collect(),
        Cbor::Map(members) => {
            let members = members.iter().filter_map(|(key, value)| Some((key.as_text()?.to_owned(), from_cbor(value))));
            members.collect::<Map<_, _>>().into()
        }
        Cbor::Tag(_, value) => from_cbor(value),
        _ => Value::Null,
    }
}

fn to_cbor(out: &Out) -> Cbor {
    match out {
        Out::Text(text) => Cbor::Text(text.clone()),
        Out::Whole(number) => Cbor::Integer((*number).into()),
        Out::Number(number) => Cbor::Float(*number),
        Out::Flag(flag) => Cbor::Bool(*flag),
        Out::Time(at) => Cbor::Tag(EPOCH_TAG, Box::new(Cbor::Float(epoch(*at)))),
        Out::List(items) => Cbor::Array(items.iter().map(to_cbor).collect()),
        Out::Members(members) => {
            let members = members.iter().map(|(name, value)| (Cbor::Text((*name).to_owned()), to_cbor(value)));
            Cbor::Map(members.collect())
        }
    }
}

fn epoch(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1000.0
}

fn to_json(out: &Out) -> Value {
    match out {
        Out::Text(text) => text.as_str().into(),
        Out::Whole(number) => (*number).into(),
        Out::Number(number) => (*number).into(),
        Out::Flag(flag) => (*flag).into(),
        Out::Time(at) => epoch(*at).into(),
        Out::List(items) => items.iter().map(to_json).collect(),
        Out::Members(members) => {
            let members = members.iter().map(|(name, value)| ((*name).to_owned(), to_json(value)));
            members.collect::<Map<_, _>>().into()
        }
    }
}

/// As the query protocol has it: items are called `member`.
fn to_xml(name: &'static str, out: Out) -> Element {
    match out {
        Out::Text(value) => text(name, value),
        Out::Whole(number) => text(name, number),
        Out::Number(number) => text(name, number),
        Out::Flag(flag) => text(name, flag),
        Out::Time(at) => text(name, at),
        Out::List(items) => node(name, items.into_iter().map(|item| to_xml("member", item)).collect()),
        Out::Members(members) => node(name, members.into_iter().map(|(name, value)| to_xml(name, value)).collect()),
    }
}

/// The `Action`, and the dotted parameters as the structure that they stand for; every value is text.
pub(super) fn from_params(params: &Params) -> (String, Value) {
    let mut tree = Tree::default();
    for (name, value) in params.iter().filter(|(name, _)| !["Action", "Version"].contains(name)) {
        let at = name.split('.').fold(&mut tree, |at, part| at.below.entry(part.to_owned()).or_default());
        at.value = Some(value.to_owned());
    }
    (params.get("Action").unwrap_or_default().to_owned(), tree.json())
}

#[derive(Default)]
struct Tree {
    value: Option<String>,
    below: BTreeMap<String, Tree>,
}

impl Tree {
    fn json(mut self) -> Value {
        if let Some(value) = self.value {
            return value.into();
        }
        if let Some(members) = self.below.remove("member") {
            let mut items: Vec<(u32, Value)> = members
                .below
                .into_iter()
                .filter_map(|(number, item)| Some((number.parse().ok()?, item.json())))
                .collect();
            items.sort_by_key(|(number, _)| *number);
            return items.into_iter().map(|(_, item)| item).collect();
        }
        self.below.into_iter().map(|(name, below)| (name, below.json())).collect::<Map<_, _>>().into()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn dotted_parameters_become_what_they_stand_for() {
        let form = b"Action=PutMetricAlarm&Version=2010-08-01&AlarmName=a&Dimensions.member.1.Name=n&Dimensions.member.1.Value=v\
                     &OKActions.member.10=j&OKActions.member.2=b";
        let (operation, input) = from_params(&Params::parse("", form).unwrap());
        assert_eq!(operation, "PutMetricAlarm");
        let expected =
            json!({ "AlarmName": "a", "Dimensions": [{ "Name": "n", "Value": "v" }], "OKActions": ["b", "j"] });
        assert_eq!(input, expected);
    }

    #[test]
    fn an_answer_says_the_same_in_every_protocol() {
        let at: Timestamp = "2026-11-24T10:00:00.5Z".parse().unwrap();
        let out = Out::Members(vec![
            ("Name", word("a&b")),
            ("Period", Out::Whole(60)),
            ("Threshold", Out::Number(0.5)),
            ("At", Out::Time(at)),
            ("List", Out::List(vec![Out::Members(vec![("Flag", Out::Flag(true))])])),
        ]);
        let seconds = at.as_millisecond() as f64 / 1000.0;
        let json = json!({ "Name": "a&b", "Period": 60, "Threshold": 0.5, "At": seconds, "List": [{ "Flag": true }] });
        assert_eq!(to_json(&out), json);
        let Cbor::Map(members) = to_cbor(&out) else { panic!("no map") };
        assert_eq!(members[3].1, Cbor::Tag(EPOCH_TAG, Box::new(Cbor::Float(seconds))));
        assert_eq!(from_cbor(&Cbor::Map(members)), json);
        let xml = to_xml("R", out).document();
        assert!(
            xml.ends_with(
                "<R><Name>a&amp;b</Name><Period>60</Period><Threshold>0.5</Threshold><At>2026-11-24T10:00:00.5Z</At>\
             <List><member><Flag>true</Flag></member></List></R>"
            ),
            "{xml}"
        );
    }
}
