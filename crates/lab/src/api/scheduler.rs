//! EventBridge Scheduler's REST-JSON protocol (EventBridge Scheduler API reference). What becomes due is in `universal`.

use axum::extract::Query;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use http::request::Parts;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::{Control, Reply, ServiceError, rest_error, universal};
use crate::services::schedules::{
    DEFAULT_GROUP, LONGEST_RETRY, RETRIES, Schedule, ScheduleGroup, ScheduleKey, ScheduleStore, fires_at,
};
use crate::topology;
use gameday_core::model::RegionRole;

/// API reference, ListSchedules and ListScheduleGroups: `MaxResults`, and what is given without it.
const LARGEST_PAGE: usize = 100;
/// API reference, CreateSchedule: `Name` and `GroupName`.
const LONGEST_NAME: usize = 64;
/// API reference, CreateSchedule: `Description`.
const LONGEST_DESCRIPTION: usize = 512;
/// API reference, RetryPolicy: `MaximumEventAgeInSeconds`.
const SHORTEST_RETRY_S: u64 = 60;

/// Answers one request.
pub(super) fn handle(control: &Control, parts: &Parts, body: &[u8]) -> Reply {
    match act(control, parts, body) {
        Ok(answer) => Reply::json(StatusCode::OK, &answer),
        Err(error) => rest_error(&error),
    }
}

/// The group that a request about a schedule names, in its query or its body.
pub(super) fn group(parts: &Parts, body: &[u8]) -> String {
    let input: Value = serde_json::from_slice(body).unwrap_or_default();
    let named = query(parts, "groupName").or_else(|| query(parts, "ScheduleGroup"));
    let named = named.or_else(|| text(&input, "GroupName").map(str::to_owned));
    named.unwrap_or_else(|| DEFAULT_GROUP.to_owned())
}

fn query(parts: &Parts, key: &str) -> Option<String> {
    let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri).unwrap_or_default();
    pairs.into_iter().find(|(name, _)| name == key).map(|(_, value)| value)
}

type SchedulerOutcome = Result<Value, ServiceError>;

fn act(control: &Control, parts: &Parts, body: &[u8]) -> SchedulerOutcome {
    let input: Value = if body.is_empty() {
        json!({})
    } else {
        serde_json::from_slice(body).map_err(|error| invalid(format!("The request is not JSON: {error}")))?
    };
    let segments: Vec<&str> = parts.uri.path().split('/').filter(|segment| !segment.is_empty()).collect();
    let call = SchedulerCall { control, parts, now: control.clock.now() };
    let mut book = control.services.schedules();
    match (parts.method.as_str(), &segments[..]) {
        ("GET", ["schedules"]) => call.list(&book),
        ("POST", ["schedules", name]) => call.create(&mut book, name, input),
        ("PUT", ["schedules", name]) => call.update(&mut book, name, input),
        ("GET", ["schedules", name]) => call.get(&book, name),
        ("DELETE", ["schedules", name]) => call.delete(&mut book, name),
        ("GET", ["schedule-groups"]) => call.list_groups(&book),
        ("POST", ["schedule-groups", name]) => call.create_group(&mut book, name),
        ("GET", ["schedule-groups", name]) => call.get_group(&book, name),
        ("DELETE", ["schedule-groups", name]) => call.delete_group(&mut book, name),
        (method, _) => {
            let message = format!("The lab's Scheduler has no operation {method} {}.", parts.uri.path());
            Err(ServiceError { status: StatusCode::NOT_FOUND, code: "UnknownOperationException", message })
        }
    }
}

fn invalid(message: impl Into<String>) -> ServiceError {
    ServiceError::bad("ValidationException", message)
}

fn conflict(message: String) -> ServiceError {
    ServiceError { status: StatusCode::CONFLICT, code: "ConflictException", message }
}

fn missing(what: &str, name: &str) -> ServiceError {
    let message = format!("{what} {name} does not exist.");
    ServiceError { status: StatusCode::NOT_FOUND, code: "ResourceNotFoundException", message }
}

fn arn(role: RegionRole, group: &str, name: &str) -> String {
    format!("arn:aws:scheduler:{}:{}:schedule/{group}/{name}", topology::region(role), topology::ACCOUNT)
}

fn group_arn(role: RegionRole, name: &str) -> String {
    format!("arn:aws:scheduler:{}:{}:schedule-group/{name}", topology::region(role), topology::ACCOUNT)
}

/// A time as REST-JSON writes it: seconds with milliseconds.
fn epoch(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1000.0
}

fn text<'a>(input: &'a Value, key: &str) -> Option<&'a str> {
    input[key].as_str()
}

fn check_name(name: &str) -> Result<(), ServiceError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if !name.is_empty() && name.len() <= LONGEST_NAME && name.chars().all(allowed) {
        return Ok(());
    }
    Err(invalid(format!(
        "1 validation error detected: Value '{name}' failed to satisfy constraint: Member must satisfy regular \
         expression pattern: ^[0-9a-zA-Z-_.]+$, with at most {LONGEST_NAME} characters"
    )))
}

fn state(schedule: &Schedule) -> &str {
    text(&schedule.request, "State").unwrap_or("ENABLED")
}

/// One request.
struct SchedulerCall<'a> {
    control: &'a Control,
    parts: &'a Parts,
    now: Timestamp,
}

impl SchedulerCall<'_> {
    fn query(&self, key: &str) -> Option<String> {
        query(self.parts, key)
    }

    fn key(&self, group: Option<&str>, name: &str) -> ScheduleKey {
        let group = group.map(str::to_owned).or_else(|| self.query("groupName"));
        (group.unwrap_or_else(|| DEFAULT_GROUP.to_owned()), name.to_owned())
    }

    /// When a checked request is due; never while it is disabled.
    fn due(&self, request: &Value, at: Timestamp, key: &ScheduleKey) -> Option<Timestamp> {
        (text(request, "State") == Some("ENABLED")).then(|| fires_at(at, self.control.seed, key))
    }

    fn create(&self, book: &mut ScheduleStore, name: &str, mut input: Value) -> SchedulerOutcome {
        check_name(name)?;
        let token = text(&input, "ClientToken").map(str::to_owned);
        let at = complete(&mut input)?;
        let key = self.key(text(&input, "GroupName"), name);
        if !book.has_group(&key.0) {
            return Err(missing("Schedule group", &key.0));
        }
        let answer = json!({ "ScheduleArn": arn(self.control.role, &key.0, name) });
        if let Some(known) = book.schedules().get(&key) {
            // The same request, by its token, is answered as it was.
            if token.is_some() && known.token == token && known.request == input {
                return Ok(answer);
            }
            return Err(conflict(format!("Schedule {name} already exists.")));
        }
        let due = self.due(&input, at, &key);
        book.put(key, input, token, due, self.now);
        self.control.services.rescheduled();
        Ok(answer)
    }

    /// What an update leaves out gets its default (API reference, UpdateSchedule).
    fn update(&self, book: &mut ScheduleStore, name: &str, mut input: Value) -> SchedulerOutcome {
        let at = complete(&mut input)?;
        let key = self.key(text(&input, "GroupName"), name);
        if !book.schedules().contains_key(&key) {
            return Err(missing("Schedule", name));
        }
        let answer = json!({ "ScheduleArn": arn(self.control.role, &key.0, name) });
        let due = self.due(&input, at, &key);
        book.put(key, input, None, due, self.now);
        self.control.services.rescheduled();
        Ok(answer)
    }

    fn get(&self, book: &ScheduleStore, name: &str) -> SchedulerOutcome {
        let key = self.key(None, name);
        let known = book.schedules().get(&key).ok_or_else(|| missing("Schedule", name))?;
        let mut answer = known.request.clone();
        answer["Name"] = name.into();
        answer["GroupName"] = key.0.as_str().into();
        answer["Arn"] = arn(self.control.role, &key.0, name).into();
        answer["CreationDate"] = epoch(known.created).into();
        answer["LastModificationDate"] = epoch(known.modified).into();
        Ok(answer)
    }

    fn delete(&self, book: &mut ScheduleStore, name: &str) -> SchedulerOutcome {
        if !book.remove(&self.key(None, name)) {
            return Err(missing("Schedule", name));
        }
        self.control.services.rescheduled();
        Ok(json!({}))
    }

    fn list(&self, book: &ScheduleStore) -> SchedulerOutcome {
        let group = self.query("ScheduleGroup");
        if let Some(group) = group.as_deref().filter(|group| !book.has_group(group)) {
            return Err(missing("Schedule group", group));
        }
        let (prefix, wanted) = (self.query("NamePrefix").unwrap_or_default(), self.query("State"));
        let found = book.schedules().iter().filter(|((of, name), schedule)| {
            group.as_ref().is_none_or(|group| group == of)
                && name.starts_with(&prefix)
                && wanted.as_ref().is_none_or(|wanted| wanted == state(schedule))
        });
        let shown = found.map(|((group, name), schedule)| {
            let shown = json!({
                "Arn": arn(self.control.role, group, name),
                "GroupName": group,
                "Name": name,
                "State": state(schedule),
                "Target": { "Arn": schedule.request["Target"]["Arn"] },
                "CreationDate": epoch(schedule.created),
                "LastModificationDate": epoch(schedule.modified),
            });
            (format!("{group}/{name}"), shown)
        });
        self.page("Schedules", shown)
    }

    /// The page that was asked for, of rows in the order of their keys.
    fn page(&self, list: &str, rows: impl Iterator<Item = (String, Value)>) -> SchedulerOutcome {
        let most = match self.query("MaxResults").map(|text| text.parse()) {
            None => LARGEST_PAGE,
            Some(Ok(most @ 1..=LARGEST_PAGE)) => most,
            Some(_) => return Err(invalid("MaxResults must be from 1 to 100.")),
        };
        let after = match self.query("NextToken") {
            None => None,
            Some(token) => {
                let key = URL_SAFE_NO_PAD.decode(token).ok().and_then(|key| String::from_utf8(key).ok());
                Some(key.ok_or_else(|| invalid("Invalid NextToken."))?)
            }
        };
        let mut rows: Vec<_> = rows.filter(|(key, _)| after.as_ref().is_none_or(|after| key > after)).collect();
        let more = rows.len() > most;
        rows.truncate(most);
        let token = rows.last().filter(|_| more).map(|(key, _)| URL_SAFE_NO_PAD.encode(key));
        let mut answer = json!({});
        answer[list] = rows.into_iter().map(|(_, row)| row).collect();
        if let Some(token) = token {
            answer["NextToken"] = token.into();
        }
        Ok(answer)
    }

    fn create_group(&self, book: &mut ScheduleStore, name: &str) -> SchedulerOutcome {
        check_name(name)?;
        if book.has_group(name) {
            return Err(conflict(format!("Schedule group {name} already exists.")));
        }
        book.add_group(name, self.now);
        Ok(json!({ "ScheduleGroupArn": group_arn(self.control.role, name) }))
    }

    fn group_shown(&self, name: &str, group: Option<&ScheduleGroup>) -> Value {
        // The default group is as old as the account; here, as the lab.
        let created = epoch(group.map_or(self.control.clock.anchor(), |group| group.created));
        let arn = group_arn(self.control.role, name);
        json!({ "Arn": arn, "Name": name, "State": "ACTIVE", "CreationDate": created, "LastModificationDate": created })
    }

    fn get_group(&self, book: &ScheduleStore, name: &str) -> SchedulerOutcome {
        if !book.has_group(name) {
            return Err(missing("Schedule group", name));
        }
        Ok(self.group_shown(name, book.groups().get(name)))
    }

    /// Takes the group's schedules with it (API reference, DeleteScheduleGroup).
    fn delete_group(&self, book: &mut ScheduleStore, name: &str) -> SchedulerOutcome {
        if name == DEFAULT_GROUP {
            return Err(invalid("The default schedule group cannot be deleted."));
        }
        if !book.has_group(name) {
            return Err(missing("Schedule group", name));
        }
        book.remove_group(name);
        self.control.services.rescheduled();
        Ok(json!({}))
    }

    fn list_groups(&self, book: &ScheduleStore) -> SchedulerOutcome {
        let prefix = self.query("NamePrefix").unwrap_or_default();
        let mut names: Vec<&str> = book.groups().keys().map(String::as_str).chain([DEFAULT_GROUP]).collect();
        names.sort_unstable();
        let found = names.into_iter().filter(|name| name.starts_with(&prefix));
        self.page(
            "ScheduleGroups",
            found.map(|name| (name.to_owned(), self.group_shown(name, book.groups().get(name)))),
        )
    }
}

/// Checks a request that describes a schedule, fills in what it leaves out, and gives its time.
fn complete(input: &mut Value) -> Result<Timestamp, ServiceError> {
    let fields = input.as_object_mut().ok_or_else(|| invalid("The request is not an object."))?;
    fields.remove("ClientToken");
    // API reference, GetSchedule: `State`; CreateSchedule: `ScheduleExpressionTimezone`, `ActionAfterCompletion`.
    for (key, default) in
        [("State", "ENABLED"), ("ScheduleExpressionTimezone", "UTC"), ("ActionAfterCompletion", "NONE")]
    {
        fields.entry(key).or_insert_with(|| default.into());
    }
    one_of(input, "State", &["ENABLED", "DISABLED"])?;
    one_of(input, "ActionAfterCompletion", &["NONE", "DELETE"])?;
    if text(input, "Description").is_some_and(|text| text.chars().count() > LONGEST_DESCRIPTION) {
        return Err(invalid(format!("Description has more than {LONGEST_DESCRIPTION} characters.")));
    }
    if text(&input["FlexibleTimeWindow"], "Mode") != Some("OFF") {
        return Err(invalid("The lab's schedules have FlexibleTimeWindow {Mode: OFF} alone."));
    }
    check_target(&mut input["Target"])?;
    moment(input)
}

fn one_of(input: &Value, key: &str, allowed: &[&str]) -> Result<(), ServiceError> {
    if text(input, key).is_some_and(|value| allowed.contains(&value)) {
        return Ok(());
    }
    Err(invalid(format!("{key} must be one of {}.", allowed.join(", "))))
}

/// The time of an `at(yyyy-mm-ddThh:mm:ss)` expression, in its time zone.
fn moment(input: &Value) -> Result<Timestamp, ServiceError> {
    let expression = text(input, "ScheduleExpression").unwrap_or_default();
    let wrong = || invalid(format!("Invalid Schedule Expression {expression}."));
    let inner = expression.strip_prefix("at(").and_then(|rest| rest.strip_suffix(')')).ok_or_else(wrong)?;
    let local = DateTime::strptime("%Y-%m-%dT%H:%M:%S", inner).map_err(|_| wrong())?;
    let zone = text(input, "ScheduleExpressionTimezone").unwrap_or("UTC");
    let zone = if zone == "UTC" {
        TimeZone::UTC
    } else {
        TimeZone::get(zone).map_err(|_| invalid(format!("Invalid Schedule Expression Timezone {zone}.")))?
    };
    zone.to_timestamp(local).map_err(|_| wrong())
}

fn check_target(target: &mut Value) -> Result<(), ServiceError> {
    let fields = target.as_object_mut().ok_or_else(|| invalid("Target must not be null."))?;
    fields.entry("RetryPolicy").or_insert_with(|| json!({}));
    let policy = &mut target["RetryPolicy"];
    let longest_s = LONGEST_RETRY.as_secs();
    let limits = [
        ("MaximumEventAgeInSeconds", SHORTEST_RETRY_S, longest_s, longest_s),
        ("MaximumRetryAttempts", 0, u64::from(RETRIES), u64::from(RETRIES)),
    ];
    for (key, least, most, default) in limits {
        if policy[key].is_null() {
            policy[key] = default.into();
        }
        if policy[key].as_u64().is_none_or(|value| !(least..=most).contains(&value)) {
            return Err(invalid(format!("{key} must be from {least} to {most}.")));
        }
    }
    let arn = text(target, "Arn").unwrap_or_default();
    universal::check(arn).map_err(invalid)?;
    if text(target, "RoleArn") != Some(topology::DEAD_MAN_ROLE) {
        return Err(invalid("The execution role you provide must allow AWS EventBridge Scheduler to assume the role."));
    }
    let object = |input: &str| serde_json::from_str::<Value>(input).is_ok_and(|input| input.is_object());
    if text(target, "Input").is_some_and(|input| !object(input)) {
        return Err(invalid("Invalid Input: it must be a JSON object."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Value {
        json!({
            "ScheduleExpression": "at(2026-11-24T10:00:00)",
            "FlexibleTimeWindow": { "Mode": "OFF" },
            "ClientToken": "token",
            "Target": {
                "Arn": "arn:aws:scheduler:::aws-sdk:ec2:deleteNetworkAclEntry",
                "RoleArn": topology::DEAD_MAN_ROLE,
                "Input": "{}",
            },
        })
    }

    #[test]
    fn defaults_are_filled_in_and_a_time_without_a_zone_is_utc() {
        let mut input = request();
        assert_eq!(complete(&mut input).unwrap().to_string(), "2026-11-24T10:00:00Z");
        let expected = json!({ "MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185 });
        assert_eq!(input["Target"]["RetryPolicy"], expected);
        assert_eq!((&input["State"], &input["ActionAfterCompletion"]), (&json!("ENABLED"), &json!("NONE")));
        assert!(input.get("ClientToken").is_none());
        input["ScheduleExpressionTimezone"] = "Europe/Zurich".into();
        assert_eq!(complete(&mut input).unwrap().to_string(), "2026-11-24T09:00:00Z");
    }

    #[test]
    fn what_aws_or_the_lab_does_not_take_is_refused() {
        for (pointer, value) in [
            ("/ScheduleExpression", json!("rate(5 minutes)")),
            ("/ScheduleExpression", json!("at(noon)")),
            ("/ScheduleExpression", json!("at(2026-11-24T10:00)")),
            ("/FlexibleTimeWindow/Mode", json!("FLEXIBLE")),
            ("/Target", Value::Null),
            ("/Target/RoleArn", json!("arn:aws:iam::111122223333:role/another")),
            ("/Target/Arn", json!("arn:aws:lambda:us-east-1:111122223333:function:f")),
            ("/Target/Arn", json!("arn:aws:scheduler:::aws-sdk:ec2:describeVpcs")),
            ("/Target/Arn", json!("arn:aws:scheduler:::aws-sdk:ec2:DeleteNetworkAclEntry")),
            ("/Target/Input", json!("[]")),
        ] {
            let mut input = request();
            *input.pointer_mut(pointer).unwrap() = value.clone();
            assert_eq!(complete(&mut input).unwrap_err().code, "ValidationException", "{pointer}: {value}");
        }
        for policy in [json!({ "MaximumRetryAttempts": 186 }), json!({ "MaximumEventAgeInSeconds": 59 })] {
            let mut input = request();
            input["Target"]["RetryPolicy"] = policy;
            assert!(complete(&mut input).is_err());
        }
        let mut input = request();
        input["ScheduleExpressionTimezone"] = "Mars/Olympus".into();
        assert!(complete(&mut input).is_err());
        assert!(check_name("a b").is_err() && check_name("").is_err() && check_name(&"a".repeat(65)).is_err());
        assert!(check_name("gameday-1_2.3").is_ok());
    }
}
