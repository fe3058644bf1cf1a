//! Lambda's REST-JSON protocol (Lambda API reference): the trigger's function, its concurrency and its tags.

use axum::extract::Query;
use http::StatusCode;
use http::request::Parts;
use serde_json::{Value, json};

use super::{Reply, ServiceError, rest_error};
use crate::lab::services::{Function, Services};

/// Answers one request.
pub fn handle(services: &Services, parts: &Parts, body: &[u8]) -> Reply {
    match act(&services.function, parts, body) {
        Ok((status, answer)) => Reply::json(status, &answer),
        Err(error) => rest_error(&error),
    }
}

fn act(function: &Function, parts: &Parts, body: &[u8]) -> Result<(StatusCode, Value), ServiceError> {
    let path = parts.uri.path().replace("%3A", ":").replace("%3a", ":");
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    let reserved = |function: &Function| {
        let reserved = function.reserved();
        reserved.map_or_else(|| json!({}), |number| json!({ "ReservedConcurrentExecutions": number }))
    };
    let [_version, kind, name, rest @ ..] = &segments[..] else {
        return match &segments[..] {
            [_, "functions"] => Ok((StatusCode::OK, json!({ "Functions": [configuration(function)] }))),
            _ => Err(unknown(parts)),
        };
    };
    check(function, name)?;
    match (parts.method.as_str(), *kind, rest) {
        ("GET", "functions", []) => Ok((
            StatusCode::OK,
            json!({
                "Configuration": configuration(function),
                "Concurrency": reserved(function),
                "Tags": *function.tags(),
            }),
        )),
        ("GET", "functions", ["configuration"]) => Ok((StatusCode::OK, configuration(function))),
        ("GET", "functions", ["concurrency"]) => Ok((StatusCode::OK, reserved(function))),
        ("PUT", "functions", ["concurrency"]) => {
            let input: Value = serde_json::from_slice(body).unwrap_or_default();
            let executions = input["ReservedConcurrentExecutions"].as_i64().filter(|number| *number >= 0);
            let executions = executions.ok_or_else(|| {
                ServiceError::bad(
                    "InvalidParameterValueException",
                    "Value at 'reservedConcurrentExecutions' failed to satisfy constraint: Member must have value \
                     greater than or equal to 0",
                )
            })?;
            function.reserve(Some(executions));
            Ok((StatusCode::OK, reserved(function)))
        }
        ("DELETE", "functions", ["concurrency"]) => {
            function.reserve(None);
            Ok((StatusCode::NO_CONTENT, Value::Null))
        }
        ("GET", "tags", []) => Ok((StatusCode::OK, json!({ "Tags": *function.tags() }))),
        ("POST", "tags", []) => {
            let input: Value = serde_json::from_slice(body).unwrap_or_default();
            let given = input["Tags"].as_object().into_iter().flatten();
            let given = given.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
            function.tags().extend(given);
            Ok((StatusCode::NO_CONTENT, Value::Null))
        }
        ("DELETE", "tags", []) => {
            let Query(keys) = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri).unwrap_or_default();
            let mut tags = function.tags();
            for (_, key) in keys.iter().filter(|(name, _)| name == "tagKeys") {
                tags.remove(key);
            }
            Ok((StatusCode::NO_CONTENT, Value::Null))
        }
        _ => Err(unknown(parts)),
    }
}

fn unknown(parts: &Parts) -> ServiceError {
    let message = format!("The lab's Lambda has no operation {} {}.", parts.method, parts.uri.path());
    ServiceError { status: StatusCode::NOT_FOUND, code: "UnknownOperationException", message }
}

/// Functions are named by name, or by ARN.
fn check(function: &Function, name: &str) -> Result<(), ServiceError> {
    if name == function.name() || name == function.arn() {
        return Ok(());
    }
    let message = format!("Function not found: {name}");
    Err(ServiceError { status: StatusCode::NOT_FOUND, code: "ResourceNotFoundException", message })
}

fn configuration(function: &Function) -> Value {
    json!({
        "FunctionName": function.name(),
        "FunctionArn": function.arn(),
        "Runtime": "nodejs24.x",
        "Handler": "index.handler",
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "Timeout": 5,
        "MemorySize": 128,
        "PackageType": "Zip",
        "Version": "$LATEST",
    })
}
