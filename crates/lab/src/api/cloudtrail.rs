//! CloudTrail: AWS JSON 1.1 over `POST /`, the operation in `X-Amz-Target` (CloudTrail API reference). It tells of its trails; nothing
//! changes them here.

use http::request::Parts;
use serde_json::{Value, json};

use super::{Reply, ServiceError, json_input, json_reply};
use crate::estate::governance::{Governance, Trail};
use crate::topology;
use gameday_core::model::RegionRole;

/// What a request asks for: clients differ in what comes before the operation's name.
pub(super) fn operation(parts: &Parts) -> Option<&str> {
    parts.headers.get("x-amz-target")?.to_str().ok()?.split_once("CloudTrail_20131101.").map(|(_, name)| name)
}

/// Answers one request.
pub(super) fn handle(governance: &Governance, role: RegionRole, parts: &Parts, body: &[u8]) -> Reply {
    json_reply(act(governance, role, operation(parts).unwrap_or_default(), body))
}

fn act(governance: &Governance, role: RegionRole, operation: &str, body: &[u8]) -> Result<Value, ServiceError> {
    let input = json_input(body)?;
    let region = topology::region(role);
    match operation {
        "DescribeTrails" => {
            // Trails of other Regions that record this one, too, are its shadow trails.
            let shadows = input["includeShadowTrails"].as_bool().unwrap_or(true);
            let names: Vec<&str> =
                input["trailNameList"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let wanted = |(name, trail): &(&String, &Trail)| {
                let named = names.is_empty() || names.iter().any(|given| is(given, name, trail));
                named && trail.records(region) && (shadows || trail.home_region == region)
            };
            let found = governance.trails.iter().filter(wanted);
            Ok(json!({ "trailList": found.map(|(name, trail)| described(name, trail)).collect::<Vec<_>>() }))
        }
        "GetTrailStatus" => {
            let (_, trail) = find(governance, region, &input["Name"])?;
            let mut status = json!({ "IsLogging": trail.logging });
            if let Some(error) = &trail.delivery_error {
                status["LatestDeliveryError"] = json!(error);
            }
            Ok(status)
        }
        "GetEventSelectors" => {
            let (name, trail) = find(governance, region, &input["TrailName"])?;
            let selector = json!({
                "ReadWriteType": trail.read_write,
                "IncludeManagementEvents": trail.management_events,
                "DataResources": [],
                "ExcludeManagementEventSources": [],
            });
            Ok(json!({ "TrailARN": arn(name, trail), "EventSelectors": [selector] }))
        }
        _ => Err(ServiceError::bad(
            "UnknownOperationException",
            format!("The lab's CloudTrail has no operation {operation}."),
        )),
    }
}

fn arn(name: &str, trail: &Trail) -> String {
    format!("arn:aws:cloudtrail:{}:{}:trail/{name}", trail.home_region, topology::ACCOUNT)
}

fn is(given: &str, name: &str, trail: &Trail) -> bool {
    given == name || given == arn(name, trail)
}

/// A shadow trail is known by its ARN alone (CloudTrail API reference, GetTrailStatus).
fn find<'a>(governance: &'a Governance, region: &str, given: &Value) -> Result<(&'a String, &'a Trail), ServiceError> {
    let given = given.as_str().unwrap_or_default();
    let mut trails = governance.trails.iter().filter(|(_, trail)| trail.records(region));
    let found =
        trails.find(|(name, trail)| given == arn(name, trail) || (given == *name && trail.home_region == region));
    found.ok_or_else(|| ServiceError::bad("TrailNotFoundException", format!("Unknown trail: {given}")))
}

fn described(name: &str, trail: &Trail) -> Value {
    json!({
        "Name": name,
        "TrailARN": arn(name, trail),
        "HomeRegion": trail.home_region,
        "S3BucketName": trail.bucket,
        "IsMultiRegionTrail": trail.multi_region,
        "IncludeGlobalServiceEvents": trail.global_service_events,
        "LogFileValidationEnabled": trail.log_file_validation,
        "HasCustomEventSelectors": true,
        "HasInsightSelectors": false,
        "IsOrganizationTrail": false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estate::governance::healthy;

    #[test]
    fn the_other_region_sees_a_shadow_of_a_multi_region_trail_alone() {
        let mut governance = healthy();
        let ask = |governance: &Governance, operation: &str, input: Value| {
            act(governance, RegionRole::Replica, operation, input.to_string().as_bytes())
        };
        let count = |governance: &Governance, input: Value| {
            ask(governance, "DescribeTrails", input).unwrap()["trailList"].as_array().unwrap().len()
        };
        assert_eq!(count(&governance, json!({})), 1);
        assert_eq!(count(&governance, json!({ "includeShadowTrails": false })), 0);
        let arn = arn("identity-audit", &governance.trails["identity-audit"]);
        assert_eq!(ask(&governance, "GetTrailStatus", json!({ "Name": arn })).unwrap()["IsLogging"], true);
        let by_name = ask(&governance, "GetTrailStatus", json!({ "Name": "identity-audit" })).unwrap_err();
        assert_eq!(by_name.code, "TrailNotFoundException");
        governance.trails.get_mut("identity-audit").unwrap().multi_region = false;
        assert_eq!(count(&governance, json!({})), 0);
    }
}
