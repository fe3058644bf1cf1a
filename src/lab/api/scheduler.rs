//! EventBridge Scheduler's REST-JSON protocol (EventBridge Scheduler API reference), and what really fires.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Query;
use http::StatusCode;
use http::request::Parts;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use rand::RngExt;
use serde_json::{Value, json};

use super::query::Params;
use super::{Control, Reply, ServiceError, ec2, elb, rest_error, route53};
use crate::lab::services::{Schedule, Services};
use crate::lab::topology;
use crate::model::{Clock, RegionRole, Seed};

/// A schedule fires within this time after it is due (EventBridge Scheduler user guide, "Schedule types").
const PRECISION_S: f64 = 60.0;
/// Between two tries of a call that failed; our own choice, AWS backs off exponentially up to a day.
const RETRY: Duration = Duration::from_secs(30);
/// Tries that the lab makes at the most; AWS up to 186.
const TRIES: u32 = 186;
const DEFAULT_GROUP: &str = "default";
/// What a universal target's ARN begins with (EventBridge Scheduler user guide, "Universal targets").
const UNIVERSAL: &str = "arn:aws:scheduler:::aws-sdk:";

/// Answers one request.
pub fn handle(services: &Services, role: RegionRole, clock: Clock, seed: Seed, parts: &Parts, body: &[u8]) -> Reply {
    let input: Value = serde_json::from_slice(body).unwrap_or_default();
    match act(services, role, clock.now(), seed, parts, &input) {
        Ok(answer) => Reply::json(StatusCode::OK, &answer),
        Err(error) => rest_error(&error),
    }
}

fn query(parts: &Parts, key: &str) -> Option<String> {
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri).unwrap_or_default();
    pairs.into_iter().find(|(name, _)| name == key).map(|(_, value)| value)
}

fn invalid(message: impl Into<String>) -> ServiceError {
    ServiceError::bad("ValidationException", message)
}

fn arn(role: RegionRole, group: &str, name: &str) -> String {
    format!("arn:aws:scheduler:{}:{}:schedule/{group}/{name}", topology::region(role), topology::ACCOUNT)
}

fn act(
    services: &Services,
    role: RegionRole,
    now: Timestamp,
    seed: Seed,
    parts: &Parts,
    input: &Value,
) -> Result<Value, ServiceError> {
    let segments: Vec<&str> = parts.uri.path().split('/').filter(|segment| !segment.is_empty()).collect();
    let mut schedules = services.schedules();
    match (parts.method.as_str(), &segments[..]) {
        ("GET", ["schedules"]) => {
            let group = query(parts, "ScheduleGroup");
            let prefix = query(parts, "NamePrefix").unwrap_or_default();
            let found = schedules
                .iter()
                .filter(|((of, name), _)| group.as_ref().is_none_or(|group| group == of) && name.starts_with(&prefix));
            let found = found.map(|((group, name), schedule)| {
                json!({
                    "Arn": arn(role, group, name),
                    "GroupName": group,
                    "Name": name,
                    "State": "ENABLED",
                    "Target": { "Arn": schedule.request["Target"]["Arn"] },
                })
            });
            Ok(json!({ "Schedules": found.collect::<Vec<_>>() }))
        }
        (method, ["schedules", name]) => {
            let group = input["GroupName"].as_str().map(str::to_owned).or_else(|| query(parts, "groupName"));
            let group = group.unwrap_or_else(|| DEFAULT_GROUP.to_owned());
            let key = (group.clone(), (*name).to_owned());
            let missing = || {
                let message = format!("Schedule {name} does not exist.");
                ServiceError { status: StatusCode::NOT_FOUND, code: "ResourceNotFoundException", message }
            };
            match method {
                "POST" => {
                    if group != DEFAULT_GROUP {
                        let message = format!("Schedule group {group} does not exist.");
                        let status = StatusCode::NOT_FOUND;
                        return Err(ServiceError { status, code: "ResourceNotFoundException", message });
                    }
                    if let Some(known) = schedules.get(&key) {
                        // The same request, by its token, is answered as it was.
                        if known.request == *input && !input["ClientToken"].is_null() {
                            return Ok(json!({ "ScheduleArn": arn(role, &group, name) }));
                        }
                        let message = format!("Schedule {name} already exists.");
                        let status = StatusCode::CONFLICT;
                        return Err(ServiceError { status, code: "ConflictException", message });
                    }
                    let mut random = seed.stream(&format!("schedule-{name}"));
                    let late = SignedDuration::from_secs_f64(random.random_range(0.0..PRECISION_S));
                    let due = moment(input)?.saturating_add(late).unwrap_or(Timestamp::MAX);
                    check_target(&input["Target"])?;
                    schedules.insert(key, Schedule { request: input.clone(), due, created: now, failed: 0 });
                    drop(schedules);
                    services.rescheduled();
                    Ok(json!({ "ScheduleArn": arn(role, &group, name) }))
                }
                "GET" => {
                    let known = schedules.get(&key).ok_or_else(missing)?;
                    let mut answer = known.request.clone();
                    answer["Name"] = json!(name);
                    answer["GroupName"] = json!(group);
                    answer["Arn"] = json!(arn(role, &group, name));
                    answer["State"] = json!("ENABLED");
                    answer["CreationDate"] = json!(known.created.as_second());
                    if let Some(answer) = answer.as_object_mut() {
                        answer.remove("ClientToken");
                    }
                    Ok(answer)
                }
                "DELETE" => {
                    schedules.remove(&key).ok_or_else(missing)?;
                    drop(schedules);
                    services.rescheduled();
                    Ok(json!({}))
                }
                _ => Err(invalid("The lab's schedules cannot be changed, only made and deleted.")),
            }
        }
        (method, _) => {
            let message = format!("The lab's Scheduler has no operation {method} {}.", parts.uri.path());
            Err(ServiceError { status: StatusCode::NOT_FOUND, code: "UnknownOperationException", message })
        }
    }
}

/// The time of an `at(…)` expression.
fn moment(input: &Value) -> Result<Timestamp, ServiceError> {
    let expression = input["ScheduleExpression"].as_str().unwrap_or_default();
    let wrong = || invalid(format!("Invalid Schedule Expression {expression}."));
    let inner = expression.strip_prefix("at(").and_then(|rest| rest.strip_suffix(')')).ok_or_else(wrong)?;
    let local: DateTime = inner.parse().map_err(|_| wrong())?;
    let zone = input["ScheduleExpressionTimezone"].as_str().unwrap_or("UTC");
    let zone = if zone == "UTC" {
        TimeZone::UTC
    } else {
        TimeZone::get(zone).map_err(|_| invalid(format!("Invalid time zone {zone}.")))?
    };
    if input["FlexibleTimeWindow"]["Mode"].as_str() != Some("OFF") {
        return Err(invalid("The lab's schedules have no flexible time window."));
    }
    zone.to_timestamp(local).map_err(|_| wrong())
}

fn check_target(target: &Value) -> Result<(), ServiceError> {
    let arn = target["Arn"].as_str().unwrap_or_default();
    if !arn.starts_with(UNIVERSAL) {
        return Err(invalid(format!("{arn} is not a universal target.")));
    }
    if target["RoleArn"].as_str() != Some(topology::DEAD_MAN_ROLE) {
        return Err(invalid("The execution role you provide must allow AWS EventBridge Scheduler to assume the role."));
    }
    if target["Input"].as_str().is_none_or(|input| serde_json::from_str::<Value>(input).is_err()) {
        return Err(invalid("Invalid Input: it must be JSON."));
    }
    Ok(())
}

/// Fires the schedules of one Region as they become due.
pub async fn fire(control: Arc<Control>) {
    let clock = control.clock;
    let mut changed = control.services.subscribe();
    loop {
        changed.mark_unchanged();
        let next = control.services.schedules().values().map(|schedule| schedule.due).min();
        let wait = async {
            match next {
                Some(due) => clock.sleep_until(due).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            // The services outlive this task.
            _ = changed.changed() => continue,
            () = wait => {}
        }
        let now = clock.now();
        let due: Vec<((String, String), Schedule)> = control
            .services
            .schedules()
            .iter()
            .filter(|(_, schedule)| schedule.due <= now)
            .map(|(key, schedule)| (key.clone(), schedule.clone()))
            .collect();
        for (key, schedule) in due {
            let outcome = invoke(&control, &schedule.request["Target"]);
            tracing::info!(name = key.1, ?outcome, "a schedule fired");
            let mut schedules = control.services.schedules();
            match outcome {
                Err(_) if schedule.failed + 1 < TRIES => {
                    if let Some(known) = schedules.get_mut(&key) {
                        known.failed += 1;
                        let wait = SignedDuration::try_from(RETRY).unwrap_or_default();
                        known.due = now.saturating_add(wait).unwrap_or(Timestamp::MAX);
                    }
                }
                // Whether it stays in the list or not, a one-time schedule never fires again.
                _ => {
                    schedules.remove(&key);
                }
            }
        }
    }
}

/// Makes a universal target's call, as an API request would.
fn invoke(control: &Control, target: &Value) -> Result<(), String> {
    let call = target["Arn"].as_str().and_then(|arn| arn.strip_prefix(UNIVERSAL)).unwrap_or_default();
    let input: Value = serde_json::from_str(target["Input"].as_str().unwrap_or("{}")).map_err(|e| e.to_string())?;
    let answered = |reply: Reply| if reply.status.is_success() { Ok(()) } else { Err(reply.body) };
    match call.split_once(':') {
        Some(("ec2", action)) => {
            let mut pairs = vec![("Action".to_owned(), pascal(action))];
            let shape = if action == "modifyNetworkInterfaceAttribute" {
                // The API reference calls the parameter Groups, its query protocol SecurityGroupId.
                json!({ "NetworkInterfaceId": input["NetworkInterfaceId"], "SecurityGroupId": input["Groups"] })
            } else {
                input
            };
            flatten("", &shape, &mut pairs);
            answered(ec2::handle(&control.world, control.role, &Params::from_pairs(pairs)))
        }
        Some(("elasticloadbalancingv2", action)) => {
            let mut pairs = vec![("Action".to_owned(), pascal(action))];
            // Lists are members in this service's query protocol.
            let groups = json!({ "member": input["SecurityGroups"] });
            let shape = json!({ "LoadBalancerArn": input["LoadBalancerArn"], "SecurityGroups": groups });
            flatten("", &shape, &mut pairs);
            answered(elb::handle(&control.world, control.role, &Params::from_pairs(pairs)))
        }
        Some(("route53", "updateHealthCheck")) => {
            let id = input["HealthCheckId"].as_str().unwrap_or_default();
            let fields = input.as_object().into_iter().flatten();
            let fields = fields.map(|(key, value)| (key.clone(), plain(value)));
            route53::update(control, id, &fields.collect()).map(drop).map_err(|error| error.message)
        }
        Some(("lambda", "deleteFunctionConcurrency")) => {
            control.services.function.reserve(None);
            Ok(())
        }
        Some(("lambda", "putFunctionConcurrency")) => {
            control.services.function.reserve(input["ReservedConcurrentExecutions"].as_i64());
            Ok(())
        }
        _ => Err(format!("the lab cannot call {call}")),
    }
}

fn pascal(action: &str) -> String {
    let mut letters = action.chars();
    letters.next().map(|first| first.to_ascii_uppercase().to_string() + letters.as_str()).unwrap_or_default()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A request's JSON as the query protocol's parameters: lists are numbered, structures dotted.
fn flatten(prefix: &str, value: &Value, pairs: &mut Vec<(String, String)>) {
    let under = |key: &str| if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(key, value)| flatten(&under(key), value, pairs)),
        Value::Array(items) => {
            (1..).zip(items).for_each(|(number, item)| flatten(&under(&format!("{number}")), item, pairs));
        }
        other => pairs.push((prefix.to_owned(), plain(other))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_become_parameters() {
        let mut pairs = Vec::new();
        flatten(
            "",
            &json!({ "GroupId": "sg", "IpPermissions": [{ "FromPort": 443, "IpRanges": [{ "CidrIp": "a" }] }] }),
            &mut pairs,
        );
        pairs.sort();
        let expected =
            [("GroupId", "sg"), ("IpPermissions.1.FromPort", "443"), ("IpPermissions.1.IpRanges.1.CidrIp", "a")];
        assert_eq!(pairs, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
        assert_eq!(pascal("deleteNetworkAclEntry"), "DeleteNetworkAclEntry");
    }

    #[test]
    fn a_time_without_a_zone_is_utc() {
        let at = |text: &str| moment(&json!({ "ScheduleExpression": text, "FlexibleTimeWindow": { "Mode": "OFF" } }));
        assert_eq!(at("at(2026-11-24T10:00:00)").unwrap().to_string(), "2026-11-24T10:00:00Z");
        assert!(at("rate(5 minutes)").is_err() && at("at(noon)").is_err());
    }
}
