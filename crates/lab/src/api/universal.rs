//! EventBridge Scheduler's universal targets: what becomes due is called as a client of the service would call it.

use std::sync::Arc;

use axum::response::Response;
use bytes::Bytes;
use http::Method;
use http::request::Parts;
use serde_json::Value;

use super::calls::{self, Asked, Call};
use super::query::Params;
use super::xml::{Element, node, text};
use super::{Control, LARGEST_BODY_BYTES, Service, answer, answer_query, route53};
use crate::identity::api as cognito;
use crate::services::schedules::{Firing, Schedule, ScheduleKey};
use gameday_protocols::timer::Timer as _;

/// What a universal target's ARN begins with (EventBridge Scheduler user guide, "Using universal targets").
const UNIVERSAL: &str = "arn:aws:scheduler:::aws-sdk:";
/// The beginnings of operations that only read, which universal targets do not call (the same page, "Unsupported actions").
const READ_ONLY: [&str; 25] = [
    "get",
    "describe",
    "list",
    "poll",
    "receive",
    "search",
    "scan",
    "query",
    "select",
    "read",
    "lookup",
    "discover",
    "validate",
    "batchGet",
    "batchDescribe",
    "batchRead",
    "transactGet",
    "adminGet",
    "adminList",
    "testMigration",
    "testConnection",
    "retrieve",
    "translateDocument",
    "isAuthorized",
    "invokeModel",
];
/// EC2 parameters whose name on the query protocol's wire is another than in the API's JSON (`ec2QueryName` in the service's model),
/// for one operation or for all of them.
const EC2_NAMES: [(&str, &str, &str); 9] = [
    ("modifyNetworkInterfaceAttribute", "Groups", "SecurityGroupId"),
    ("modifyVpcEndpoint", "AddSecurityGroupIds", "AddSecurityGroupId"),
    ("modifyVpcEndpoint", "RemoveSecurityGroupIds", "RemoveSecurityGroupId"),
    ("", "IcmpTypeCode", "Icmp"),
    ("", "Resources", "ResourceId"),
    ("", "SecurityGroupRuleIds", "SecurityGroupRuleId"),
    ("", "TagSpecifications", "TagSpecification"),
    ("", "Tags", "Tag"),
    ("", "UserIdGroupPairs", "Groups"),
];
/// What UpdateHealthCheck takes that is a single value (Route 53 API reference).
const HEALTH_CHECK_FIELDS: [&str; 12] = [
    "HealthCheckVersion",
    "IPAddress",
    "Port",
    "ResourcePath",
    "FullyQualifiedDomainName",
    "SearchString",
    "FailureThreshold",
    "Inverted",
    "Disabled",
    "HealthThreshold",
    "EnableSNI",
    "InsufficientDataHealthStatus",
];

/// Whether an ARN names an operation that a universal target can call.
///
/// # Errors
/// Why it does not, in words.
pub(super) fn check(arn: &str) -> Result<(), String> {
    let wrong = || format!("{arn} is not the ARN of a universal target, {UNIVERSAL}SERVICE:OPERATION.");
    let (service, operation) = arn.strip_prefix(UNIVERSAL).and_then(|call| call.split_once(':')).ok_or_else(wrong)?;
    let camel_case =
        operation.starts_with(|c: char| c.is_ascii_lowercase()) && operation.chars().all(|c| c.is_ascii_alphanumeric());
    if service.is_empty() || !camel_case {
        return Err(wrong());
    }
    if READ_ONLY.iter().any(|beginning| operation.starts_with(beginning)) {
        return Err(format!("{operation} only reads, which a universal target cannot."));
    }
    Ok(())
}

/// Fires the schedules of one Region as they become due.
pub(crate) async fn fire(control: Arc<Control>) {
    let mut changed = control.services.subscribe();
    loop {
        changed.mark_unchanged();
        let next = control.services.schedules().next();
        let wait = async {
            match next {
                Some(due) => control.clock.sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            // The services outlive this task.
            _ = changed.changed() => continue,
            () = wait => {}
        }
        let due = control.services.schedules().due(control.clock.now());
        for (key, schedule) in due {
            fire_one(&control, key, &schedule).await;
        }
    }
}

async fn fire_one(control: &Control, key: ScheduleKey, schedule: &Schedule) {
    // Deleted or changed while another one fired.
    if !control.services.schedules().stands(&key, schedule) {
        return;
    }
    let target = &schedule.request["Target"];
    let outcome = invoke(control, target).await;
    let now = control.clock.now();
    let next = control.services.schedules().conclude(&key, schedule, outcome.is_ok(), now);
    let call = target["Arn"].as_str().and_then(|arn| arn.strip_prefix(UNIVERSAL)).unwrap_or_default().to_owned();
    let (group, name) = key;
    let (attempt, error) = (schedule.failed + 1, outcome.err());
    tracing::info!(group, name, call, attempt, error, ?next, "a schedule fired");
    control.services.fired(Firing { group, name, call, at: now, attempt, error, next });
}

/// What a universal target calls, as IAM would judge it; nothing where the lab cannot call it.
pub(super) fn will_call(control: &Control, target: &Value) -> Vec<Call> {
    match request_of(target) {
        Ok(UniversalRequest::Query(service, params)) => calls::of(control, service, Asked::Query(&params)),
        Ok(UniversalRequest::Http(service, parts, body)) => calls::of(control, service, Asked::Http(&parts, &body)),
        Err(_) => Vec::new(),
    }
}

fn request_of(target: &Value) -> Result<UniversalRequest, String> {
    let call = target["Arn"].as_str().and_then(|arn| arn.strip_prefix(UNIVERSAL)).unwrap_or_default();
    let input = target["Input"].as_str().unwrap_or("{}");
    let input: Value = serde_json::from_str(input).map_err(|error| error.to_string())?;
    request(call, &input)
}

/// Makes a universal target's call.
async fn invoke(control: &Control, target: &Value) -> Result<(), String> {
    let response = match request_of(target)? {
        UniversalRequest::Query(service, params) => answer_query(control, service, &params),
        UniversalRequest::Http(service, parts, body) => answer(control, service, *parts, body).await,
    };
    check_answer(response).await
}

async fn check_answer(response: Response) -> Result<(), String> {
    if response.status().is_success() {
        return Ok(());
    }
    let status = response.status();
    let body = axum::body::to_bytes(response.into_body(), LARGEST_BODY_BYTES).await.unwrap_or_default();
    Err(format!("{status}: {}", String::from_utf8_lossy(&body)))
}

/// A call as its service's protocol has it.
#[derive(Debug)]
enum UniversalRequest {
    Query(Service, Params),
    Http(Service, Box<Parts>, Bytes),
}

fn request(call: &str, input: &Value) -> Result<UniversalRequest, String> {
    let unknown = || format!("the lab cannot call {call}");
    let (service, operation) = call.split_once(':').ok_or_else(unknown)?;
    // The SDKs' names of services, without hyphens; the user guide has "cognitoidentityprovider".
    let (signing_name, ec2) = match service {
        "ec2" => ("ec2", true),
        "elasticloadbalancingv2" => ("elasticloadbalancing", false),
        "cloudwatch" => ("monitoring", false),
        "lambda" => return lambda(operation, input).ok_or_else(unknown),
        "route53" if operation == "updateHealthCheck" => return update_health_check(input),
        "wafv2" if ["associateWebACL", "disassociateWebACL"].contains(&operation) => return waf(operation, input),
        "cognitoidentityprovider" if operation == "updateProvisionedLimit" => return update_provisioned_limit(input),
        _ => return Err(unknown()),
    };
    let service = Service::of(signing_name).ok_or_else(unknown)?;
    let mut pairs = vec![("Action".to_owned(), pascal_case(operation))];
    let style = if ec2 { Style::Ec2(operation) } else { Style::Query };
    flatten(&style, "", input, &mut pairs);
    Ok(UniversalRequest::Query(service, Params::from_pairs(pairs)))
}

fn http(service: Service, method: Method, path: &str, body: Vec<u8>) -> Result<UniversalRequest, String> {
    let request = http::Request::builder().method(method).uri(path).body(()).map_err(|error| error.to_string())?;
    Ok(UniversalRequest::Http(service, Box::new(request.into_parts().0), body.into()))
}

fn lambda(operation: &str, input: &Value) -> Option<UniversalRequest> {
    let path = format!("/2017-10-31/functions/{}/concurrency", input["FunctionName"].as_str()?);
    let method = match operation {
        "putFunctionConcurrency" => Method::PUT,
        "deleteFunctionConcurrency" => Method::DELETE,
        _ => return None,
    };
    let body = if method == Method::PUT { input.to_string().into_bytes() } else { Vec::new() };
    http(Service::Lambda, method, &path, body).ok()
}

fn update_health_check(input: &Value) -> Result<UniversalRequest, String> {
    let id = input["HealthCheckId"].as_str().ok_or("HealthCheckId is missing")?;
    let mut fields: Vec<Element> = Vec::new();
    for (key, value) in input.as_object().into_iter().flatten().filter(|(key, _)| *key != "HealthCheckId") {
        let known = HEALTH_CHECK_FIELDS.iter().find(|known| *known == key);
        let known = known.ok_or_else(|| format!("the lab's UpdateHealthCheck does not know {key}"))?;
        fields.push(text(known, plain(value)));
    }
    let document = node("UpdateHealthCheckRequest", fields).in_namespace(route53::NAMESPACE).document();
    let path = format!("{}healthcheck/{id}", route53::VERSION_PATH);
    http(Service::Route53, Method::POST, &path, document.into_bytes())
}

fn update_provisioned_limit(input: &Value) -> Result<UniversalRequest, String> {
    let target = format!("{}UpdateProvisionedLimit", cognito::TARGET);
    let request = http::Request::post("/").header("x-amz-target", target).extension(cognito::Vouched).body(());
    let parts = request.map_err(|error| error.to_string())?.into_parts().0;
    Ok(UniversalRequest::Http(Service::Cognito, Box::new(parts), input.to_string().into()))
}

fn waf(operation: &str, input: &Value) -> Result<UniversalRequest, String> {
    let target = format!("AWSWAF_20190729.{}", pascal_case(operation));
    let request = http::Request::post("/").header("x-amz-target", target).body(());
    let parts = request.map_err(|error| error.to_string())?.into_parts().0;
    Ok(UniversalRequest::Http(Service::Waf, Box::new(parts), input.to_string().into()))
}

fn pascal_case(operation: &str) -> String {
    let mut letters = operation.chars();
    letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// How a service of the query protocols names parts of lists.
enum Style<'a> {
    /// `List.1`, for this operation.
    Ec2(&'a str),
    /// `List.member.1`.
    Query,
}

impl Style<'_> {
    fn name<'a>(&self, key: &'a str) -> &'a str {
        let Self::Ec2(operation) = self else { return key };
        let other = EC2_NAMES.iter().find(|(of, name, _)| (of.is_empty() || of == operation) && *name == key);
        other.map_or(key, |(_, _, wire)| wire)
    }
}

/// A request's JSON as the query protocol's parameters: lists are numbered, structures dotted.
fn flatten(style: &Style<'_>, prefix: &str, value: &Value, pairs: &mut Vec<(String, String)>) {
    let under = |key: &str| if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") };
    match value {
        Value::Null => {}
        Value::Object(fields) => {
            for (key, value) in fields {
                flatten(style, &under(style.name(key)), value, pairs);
            }
        }
        Value::Array(items) => {
            for (number, item) in (1..).zip(items) {
                let part = match style {
                    Style::Ec2(_) => format!("{number}"),
                    Style::Query => format!("member.{number}"),
                };
                flatten(style, &under(&part), item, pairs);
            }
        }
        other => pairs.push((prefix.to_owned(), plain(other))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn flat(style: &Style<'_>, input: &Value) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        flatten(style, "", input, &mut pairs);
        pairs.sort();
        pairs
    }

    fn owned<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
        pairs.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec()
    }

    #[test]
    fn requests_become_parameters_as_each_protocol_has_them() {
        let permissions =
            json!([{ "FromPort": 443, "IpRanges": [{ "CidrIp": "a" }], "UserIdGroupPairs": [{ "GroupId": "g" }] }]);
        let pairs = flat(
            &Style::Ec2("authorizeSecurityGroupIngress"),
            &json!({ "GroupId": "sg", "IpPermissions": permissions }),
        );
        let expected = [
            ("GroupId", "sg"),
            ("IpPermissions.1.FromPort", "443"),
            ("IpPermissions.1.Groups.1.GroupId", "g"),
            ("IpPermissions.1.IpRanges.1.CidrIp", "a"),
        ];
        assert_eq!(pairs, owned(expected));
        let pairs = flat(&Style::Ec2("modifyNetworkInterfaceAttribute"), &json!({ "Groups": ["a", "b"] }));
        assert_eq!(pairs, owned([("SecurityGroupId.1", "a"), ("SecurityGroupId.2", "b")]));
        let pairs = flat(&Style::Query, &json!({ "SecurityGroups": ["a", "b"], "Nothing": null }));
        assert_eq!(pairs, owned([("SecurityGroups.member.1", "a"), ("SecurityGroups.member.2", "b")]));
        assert_eq!(pascal_case("deleteNetworkAclEntry"), "DeleteNetworkAclEntry");
    }

    #[test]
    fn a_health_check_is_updated_by_the_services_own_document() {
        let input = json!({ "HealthCheckId": "id", "Inverted": false, "FailureThreshold": 3 });
        let Ok(UniversalRequest::Http(Service::Route53, parts, body)) = request("route53:updateHealthCheck", &input)
        else {
            panic!("no HTTP request");
        };
        assert_eq!((parts.method, parts.uri.path()), (Method::POST, "/2013-04-01/healthcheck/id"));
        let body = String::from_utf8(body.to_vec()).unwrap();
        assert!(body.contains("<Inverted>false</Inverted><FailureThreshold>3</FailureThreshold>"), "{body}");
        assert!(request("route53:updateHealthCheck", &json!({ "HealthCheckId": "id", "Regions": [] })).is_err());
    }

    #[test]
    fn a_limit_is_updated_by_a_call_that_needs_no_signature() {
        let input = json!({ "LimitDefinition": {}, "RequestedLimitValue": 120 });
        let call = request("cognitoidentityprovider:updateProvisionedLimit", &input);
        let Ok(UniversalRequest::Http(Service::Cognito, parts, body)) = call else { panic!("no HTTP request") };
        assert_eq!(parts.headers["x-amz-target"], "AWSCognitoIdentityProviderService.UpdateProvisionedLimit");
        assert!(parts.extensions.get::<cognito::Vouched>().is_some());
        assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), input);
    }

    #[test]
    fn what_the_lab_does_not_have_is_not_called() {
        for call in ["s3:deleteBucket", "lambda:invoke", "route53:deleteHealthCheck", "nonsense"] {
            assert!(request(call, &json!({})).is_err(), "{call}");
        }
    }
}
