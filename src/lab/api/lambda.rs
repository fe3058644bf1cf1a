//! Lambda's REST-JSON protocol (Lambda API reference): the trigger's function, its concurrency, its policy and its tags.

use axum::extract::Query;
use http::StatusCode;
use http::request::Parts;
use serde_json::{Value, json};

use super::{Reply, ServiceError, rest_error};
use crate::lab::services::{Function, Services};
use crate::lab::topology;

/// Lambda quotas: concurrent executions of an account in a Region.
const ACCOUNT_CONCURRENCY: i64 = 1000;
/// What cannot be reserved of them (Lambda developer guide, "Configuring reserved concurrency").
const ALWAYS_UNRESERVED: i64 = 100;

/// Answers one request.
pub fn handle(services: &Services, parts: &Parts, body: &[u8]) -> Reply {
    match act(&services.function, parts, body) {
        Ok((status, answer)) => Reply::json(status, &answer),
        Err(error) => rest_error(&error),
    }
}

type Outcome = Result<(StatusCode, Value), ServiceError>;

fn act(function: &Function, parts: &Parts, body: &[u8]) -> Outcome {
    let path = parts.uri.path().replace("%3A", ":").replace("%3a", ":");
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    // Every path begins with a version, which is not the same for every operation.
    let ok = |answer| Ok((StatusCode::OK, answer));
    match (parts.method.as_str(), segments.get(1..).unwrap_or_default()) {
        ("GET", ["functions"]) => ok(json!({ "Functions": [configuration(function)] })),
        (method, [kind, name, rest @ ..]) => {
            check(function, name)?;
            match (method, *kind, rest) {
                ("GET", "functions", []) => ok(described(function)),
                ("GET", "functions", ["configuration"]) => ok(configuration(function)),
                ("GET", "functions", ["policy"]) => ok(policy(function)),
                ("GET", "functions", ["concurrency"]) => ok(reserved(function)),
                ("PUT", "functions", ["concurrency"]) => reserve(function, body),
                ("DELETE", "functions", ["concurrency"]) => {
                    function.reserve(None);
                    Ok((StatusCode::NO_CONTENT, Value::Null))
                }
                ("GET", "tags", []) => ok(json!({ "Tags": *function.tags() })),
                ("POST", "tags", []) => tag(function, body),
                ("DELETE", "tags", []) => {
                    untag(function, parts);
                    Ok((StatusCode::NO_CONTENT, Value::Null))
                }
                _ => Err(unknown(parts)),
            }
        }
        _ => Err(unknown(parts)),
    }
}

fn unknown(parts: &Parts) -> ServiceError {
    let message = format!("The lab's Lambda has no operation {} {}.", parts.method, parts.uri.path());
    ServiceError { status: StatusCode::NOT_FOUND, code: "UnknownOperationException", message }
}

fn invalid(message: impl Into<String>) -> ServiceError {
    ServiceError::bad("InvalidParameterValueException", message)
}

fn parse(body: &[u8]) -> Result<Value, ServiceError> {
    serde_json::from_slice(body).map_err(|error| {
        ServiceError::bad("InvalidRequestContentException", format!("Could not parse request body into json: {error}"))
    })
}

/// Functions are named by name, by `ACCOUNT:function:NAME`, or by ARN (Lambda API reference, `FunctionName`).
fn check(function: &Function, given: &str) -> Result<(), ServiceError> {
    let partial = format!("{}:function:{}", topology::ACCOUNT, function.name());
    let given = given.strip_suffix(":$LATEST").unwrap_or(given);
    if given == function.name() || given == function.arn() || given == partial {
        return Ok(());
    }
    let full = function.arn().replace(function.name(), given);
    let message = format!("Function not found: {}", if given.starts_with("arn:") { given } else { &full });
    Err(ServiceError { status: StatusCode::NOT_FOUND, code: "ResourceNotFoundException", message })
}

fn described(function: &Function) -> Value {
    json!({
        "Configuration": configuration(function),
        "Concurrency": reserved(function),
        "Tags": *function.tags(),
    })
}

fn configuration(function: &Function) -> Value {
    json!({
        "FunctionName": function.name(),
        "FunctionArn": function.arn(),
        "Description": "Adds the claims of the user pool's access tokens",
        "Role": format!("arn:aws:iam::{}:role/{}", topology::ACCOUNT, function.name()),
        "Runtime": "nodejs24.x",
        "Handler": "index.handler",
        "State": "Active",
        "LastUpdateStatus": "Successful",
        // Cognito waits no longer (Cognito developer guide, "Customizing user pool workflows with Lambda triggers").
        "Timeout": 5,
        "MemorySize": 128,
        "PackageType": "Zip",
        "Version": "$LATEST",
    })
}

/// The resource policy that lets Cognito invoke the function for this Region's user pool (Cognito developer guide, "Add a user pool
/// Lambda trigger").
fn policy(function: &Function) -> Value {
    let policy = json!({
        "Version": "2012-10-17",
        "Id": "default",
        "Statement": [{
            "Sid": "user-pool",
            "Effect": "Allow",
            "Principal": { "Service": "cognito-idp.amazonaws.com" },
            "Action": "lambda:InvokeFunction",
            "Resource": function.arn(),
            "Condition": { "ArnLike": { "AWS:SourceArn": function.invoker() } },
        }],
    });
    // The lab's policy never changes.
    json!({ "Policy": policy.to_string(), "RevisionId": "00000000-0000-4000-8000-000000000001" })
}

fn reserved(function: &Function) -> Value {
    let reserved = function.reserved();
    reserved.map_or_else(|| json!({}), |number| json!({ "ReservedConcurrentExecutions": number }))
}

fn reserve(function: &Function, body: &[u8]) -> Outcome {
    let executions = parse(body)?["ReservedConcurrentExecutions"].as_i64();
    let executions = executions.filter(|number| *number >= 0).ok_or_else(|| {
        invalid(
            "1 validation error detected: Value at 'reservedConcurrentExecutions' failed to satisfy constraint: Member \
             must have value greater than or equal to 0",
        )
    })?;
    if executions > ACCOUNT_CONCURRENCY - ALWAYS_UNRESERVED {
        return Err(invalid(format!(
            "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below \
             its minimum value of [{ALWAYS_UNRESERVED}]."
        )));
    }
    function.reserve(Some(executions));
    Ok((StatusCode::OK, reserved(function)))
}

fn tag(function: &Function, body: &[u8]) -> Outcome {
    let input = parse(body)?;
    let given = input["Tags"].as_object().into_iter().flatten();
    let given = given.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
    function.tags().extend(given);
    Ok((StatusCode::NO_CONTENT, Value::Null))
}

fn untag(function: &Function, parts: &Parts) {
    let Query(keys) = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri).unwrap_or_default();
    let mut tags = function.tags();
    for (_, key) in keys.iter().filter(|(name, _)| name == "tagKeys") {
        tags.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function() -> Function {
        let arn = "arn:aws:lambda:us-east-1:111122223333:function:gameday-pre-token";
        Function::new(arn.to_owned(), "arn:aws:cognito-idp:us-east-1:111122223333:userpool/p".to_owned())
    }

    #[test]
    fn a_function_has_a_name_a_partial_arn_and_an_arn() {
        let function = function();
        let names = ["gameday-pre-token", "111122223333:function:gameday-pre-token", "gameday-pre-token:$LATEST"];
        for name in names.into_iter().chain([function.arn()]) {
            assert!(check(&function, name).is_ok(), "{name}");
        }
        for name in ["another", "arn:aws:lambda:us-west-2:111122223333:function:gameday-pre-token"] {
            assert_eq!(check(&function, name).unwrap_err().code, "ResourceNotFoundException", "{name}");
        }
    }

    #[test]
    fn concurrency_is_reserved_within_the_accounts() {
        let function = function();
        for wrong in ["{}", r#"{"ReservedConcurrentExecutions":-1}"#, r#"{"ReservedConcurrentExecutions":901}"#, "no"] {
            assert!(reserve(&function, wrong.as_bytes()).is_err(), "{wrong}");
        }
        assert_eq!(function.reserved(), None);
        reserve(&function, br#"{"ReservedConcurrentExecutions":0}"#).unwrap();
        assert!(function.is_throttled());
        reserve(&function, br#"{"ReservedConcurrentExecutions":900}"#).unwrap();
        assert_eq!((function.reserved(), function.is_throttled()), (Some(900), false));
    }
}
