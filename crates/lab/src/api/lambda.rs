//! Lambda's REST-JSON protocol (Lambda API reference): the triggers' functions, their concurrency, their policies and their tags.

use axum::extract::Query;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::{Reply, ServiceError, rest_error};
use crate::services::{Function, Functions, Services, Uninvoked};
use crate::topology;

/// What cannot be reserved of an account's concurrency (Lambda developer guide, "Configuring reserved concurrency").
const ALWAYS_UNRESERVED: i64 = 100;

/// Answers one request.
pub(super) fn handle(services: &Services, parts: &Parts, body: &[u8]) -> Response {
    let functions = &services.functions;
    let path = parts.uri.path().replace("%3A", ":").replace("%3a", ":");
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    // Every path begins with a version, which is not the same for every operation.
    let segments = segments.get(1..).unwrap_or_default();
    if let ("POST", ["functions", name, "invocations"]) = (parts.method.as_str(), segments) {
        return invoke(functions, name, parts, body).unwrap_or_else(|error| rest_error(&error).into_response());
    }
    match act(functions, segments, parts, body) {
        Ok((status, answer)) => Reply::json(status, &answer).into_response(),
        Err(error) => rest_error(&error).into_response(),
    }
}

type LambdaOutcome = Result<(StatusCode, Value), ServiceError>;

fn act(functions: &Functions, segments: &[&str], parts: &Parts, body: &[u8]) -> LambdaOutcome {
    let ok = |answer| Ok((StatusCode::OK, answer));
    match (parts.method.as_str(), segments) {
        ("GET", ["functions"]) => ok(json!({ "Functions": functions.all().map(configuration).collect::<Vec<_>>() })),
        ("GET", ["account-settings"]) => ok(account_settings(functions)),
        (method, [kind, name, rest @ ..]) => {
            let function = find(functions, name)?;
            match (method, *kind, rest) {
                ("GET", "functions", []) => ok(described(function)),
                ("GET", "functions", ["configuration"]) => ok(configuration(function)),
                ("GET", "functions", ["policy"]) => policy(function),
                ("GET", "functions", ["concurrency"]) => ok(reserved(function)),
                ("PUT", "functions", ["concurrency"]) => reserve(functions, function, body),
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

/// Functions are named by name, by `ACCOUNT:function:NAME`, or by ARN.
fn find<'a>(functions: &'a Functions, given: &str) -> Result<&'a Function, ServiceError> {
    functions.find(given).ok_or_else(|| {
        let name = given.strip_suffix(":$LATEST").unwrap_or(given);
        let (region, account) = (functions.region(), topology::ACCOUNT);
        let full = format!("arn:aws:lambda:{region}:{account}:function:{name}");
        let message = format!("Function not found: {}", if name.starts_with("arn:") { name } else { &full });
        not_found(message)
    })
}

fn not_found(message: String) -> ServiceError {
    ServiceError { status: StatusCode::NOT_FOUND, code: "ResourceNotFoundException", message }
}

/// Runs a function for whoever signed the request; the lab's key may do everything. `DryRun` only says that it may (Lambda API
/// reference, Invoke).
fn invoke(functions: &Functions, name: &str, parts: &Parts, body: &[u8]) -> Result<Response, ServiceError> {
    let function = find(functions, name)?;
    let kind = parts.headers.get("x-amz-invocation-type").and_then(|kind| kind.to_str().ok());
    match kind.unwrap_or("RequestResponse") {
        "DryRun" => return Ok(StatusCode::NO_CONTENT.into_response()),
        "RequestResponse" => {}
        other => return Err(invalid(format!("The lab's Lambda has no invocation type {other}."))),
    }
    let event = if body.is_empty() { json!({}) } else { parse(body)? };
    let (answer, thrown) = match functions.invoke(function, &event) {
        Ok(answer) => (answer, false),
        Err(Uninvoked::Failed(kind, message)) => (json!({ "errorType": kind, "errorMessage": message }), true),
        Err(Uninvoked::Refused(code, message)) => {
            let status = match code {
                "TooManyRequestsException" => StatusCode::TOO_MANY_REQUESTS,
                "ResourceConflictException" => StatusCode::CONFLICT,
                _ => StatusCode::FORBIDDEN,
            };
            return Err(ServiceError { status, code, message });
        }
    };
    let mut response = Reply::json(StatusCode::OK, &answer).into_response();
    response.headers_mut().insert("x-amz-executed-version", HeaderValue::from_static("$LATEST"));
    if thrown {
        response.headers_mut().insert("x-amz-function-error", HeaderValue::from_static("Unhandled"));
    }
    Ok(response)
}

fn account_settings(functions: &Functions) -> Value {
    let (all, unreserved) = functions.concurrency();
    json!({
        // The sizes are Lambda's own quotas (Lambda developer guide, "Lambda quotas"), in bytes.
        "AccountLimit": {
            "TotalCodeSize": 80_530_636_800_i64,
            "CodeSizeUnzipped": 262_144_000,
            "CodeSizeZipped": 52_428_800,
            "ConcurrentExecutions": all,
            "UnreservedConcurrentExecutions": unreserved,
        },
        "AccountUsage": { "TotalCodeSize": 0, "FunctionCount": functions.all().count() },
    })
}

fn described(function: &Function) -> Value {
    json!({
        "Configuration": configuration(function),
        "Concurrency": reserved(function),
        "Tags": *function.tags(),
    })
}

fn configuration(function: &Function) -> Value {
    let spec = function.spec();
    let layer = |arn: &String| json!({ "Arn": arn, "CodeSize": 1024 });
    let vpc = spec
        .vpc
        .as_ref()
        .map(|vpc| json!({ "VpcId": vpc.id, "SubnetIds": vpc.subnets, "SecurityGroupIds": vpc.security_groups }));
    json!({
        "FunctionName": function.name(),
        "FunctionArn": function.arn(),
        "Role": spec.role,
        "Runtime": spec.runtime,
        "Handler": "index.handler",
        "CodeSize": 2048,
        "CodeSha256": spec.code_sha256,
        "State": spec.state,
        "LastUpdateStatus": spec.last_update_status,
        "Timeout": spec.timeout_s,
        "MemorySize": spec.memory_mb,
        "Environment": { "Variables": spec.environment },
        "Layers": spec.layers.iter().map(layer).collect::<Vec<_>>(),
        "VpcConfig": vpc.unwrap_or_else(|| json!({ "VpcId": "", "SubnetIds": [], "SecurityGroupIds": [] })),
        "Architectures": ["x86_64"],
        "PackageType": "Zip",
        "Version": "$LATEST",
    })
}

/// The resource policy, as AddPermission writes it for a user pool (Cognito developer guide, "Add a user pool Lambda trigger").
fn policy(function: &Function) -> LambdaOutcome {
    let statements = &function.spec().policy;
    if statements.is_empty() {
        return Err(not_found("The resource you requested does not exist.".to_owned()));
    }
    let statements = statements.iter().map(|statement| {
        json!({
            "Sid": statement.sid,
            "Effect": "Allow",
            "Principal": { "Service": statement.service },
            "Action": "lambda:InvokeFunction",
            "Resource": function.arn(),
            "Condition": { "ArnLike": { "AWS:SourceArn": statement.source_arn } },
        })
    });
    let policy = json!({ "Version": "2012-10-17", "Id": "default", "Statement": statements.collect::<Vec<_>>() });
    // The lab's policies never change.
    let answer = json!({ "Policy": policy.to_string(), "RevisionId": "00000000-0000-4000-8000-000000000001" });
    Ok((StatusCode::OK, answer))
}

fn reserved(function: &Function) -> Value {
    let reserved = function.reserved();
    reserved.map_or_else(|| json!({}), |number| json!({ "ReservedConcurrentExecutions": number }))
}

fn reserve(functions: &Functions, function: &Function, body: &[u8]) -> LambdaOutcome {
    let executions = parse(body)?["ReservedConcurrentExecutions"].as_i64();
    let executions = executions.filter(|number| *number >= 0).ok_or_else(|| {
        invalid(
            "1 validation error detected: Value at 'reservedConcurrentExecutions' failed to satisfy constraint: Member \
             must have value greater than or equal to 0",
        )
    })?;
    let (_, unreserved) = functions.concurrency();
    if executions > unreserved + function.reserved().unwrap_or_default() - ALWAYS_UNRESERVED {
        return Err(invalid(format!(
            "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below \
             its minimum value of [{ALWAYS_UNRESERVED}]."
        )));
    }
    function.reserve(Some(executions));
    Ok((StatusCode::OK, reserved(function)))
}

fn tag(function: &Function, body: &[u8]) -> LambdaOutcome {
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
    use std::sync::Arc;

    use super::*;
    use crate::estate::AccountFixture;
    use gameday_core::env::LabSettings;
    use gameday_core::model::{RegionRole, Seed};

    fn functions() -> Functions {
        let estate = AccountFixture::of(&LabSettings::default(), Seed(7)).unwrap();
        Functions::new(RegionRole::Primary, Arc::new(estate))
    }

    #[test]
    fn a_function_has_a_name_a_partial_arn_and_an_arn() {
        let functions = functions();
        let arn = "arn:aws:lambda:us-east-1:111122223333:function:gameday-pre-token";
        for name in ["gameday-pre-token", "111122223333:function:gameday-pre-token", "gameday-pre-token:$LATEST", arn] {
            assert_eq!(find(&functions, name).unwrap().arn(), arn, "{name}");
        }
        for name in ["another", "arn:aws:lambda:us-west-2:111122223333:function:gameday-pre-token"] {
            assert_eq!(find(&functions, name).unwrap_err().code, "ResourceNotFoundException", "{name}");
        }
    }

    #[test]
    fn concurrency_is_reserved_within_the_accounts() {
        let functions = functions();
        let function = functions.find("gameday-pre-token").unwrap();
        let reserve = |body: &str| reserve(&functions, function, body.as_bytes());
        for wrong in ["{}", r#"{"ReservedConcurrentExecutions":-1}"#, r#"{"ReservedConcurrentExecutions":901}"#, "no"] {
            assert!(reserve(wrong).is_err(), "{wrong}");
        }
        assert_eq!(function.reserved(), None);
        reserve(r#"{"ReservedConcurrentExecutions":0}"#).unwrap();
        assert!(function.is_throttled());
        reserve(r#"{"ReservedConcurrentExecutions":900}"#).unwrap();
        assert_eq!((function.reserved(), function.is_throttled()), (Some(900), false));
        assert_eq!(functions.concurrency(), (1000, 100));
        let other = functions.find("gameday-sign-in-audit").unwrap();
        let over = br#"{"ReservedConcurrentExecutions":1}"#;
        assert_eq!(super::reserve(&functions, other, over).unwrap_err().code, "InvalidParameterValueException");
    }
}
