//! WAF: AWS JSON 1.1 over `POST /`, the operation in `X-Amz-Target` (WAFV2 API reference). Regional web ACLs, and which of them the user pool has.

use http::request::Parts;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Reply, ServiceError, json_input, json_operation, json_reply};
use crate::services::web_acls::{WebAcl, WebAcls};
use crate::topology;

/// What the operation's name begins with on the wire.
const TARGET: &str = "AWSWAF_20190729.";

/// What a request asks for.
pub(super) fn operation(parts: &Parts) -> Option<&str> {
    json_operation(parts, TARGET)
}

/// Answers one request.
pub(super) fn handle(acls: &WebAcls, now: Timestamp, parts: &Parts, body: &[u8]) -> Reply {
    json_reply(act(acls, now, operation(parts).unwrap_or_default(), body))
}

fn act(acls: &WebAcls, now: Timestamp, operation: &str, body: &[u8]) -> Result<Value, ServiceError> {
    let input = json_input(body)?;
    match operation {
        "GetWebACLForResource" => {
            known_resource(acls, &input)?;
            // No member at all where no web ACL is associated.
            Ok(acls.of_pool().map_or_else(|| json!({}), |acl| json!({ "WebACL": acl.described })))
        }
        "ListWebACLs" => {
            regional(&input)?;
            Ok(json!({ "WebACLs": acls.all().iter().map(WebAcl::summary).collect::<Vec<_>>() }))
        }
        "GetWebACL" => {
            let acl = named(acls, &input)?;
            Ok(json!({ "WebACL": acl.described, "LockToken": acl.lock_token }))
        }
        "CreateWebACL" => create(acls, &input),
        "DeleteWebACL" => {
            let acl = named(acls, &input)?;
            if input["LockToken"].as_str() != Some(acl.lock_token.as_str()) {
                let message = "AWS WAF couldn’t save your changes because someone changed the resource after you started to edit it.";
                return Err(ServiceError::bad("WAFOptimisticLockException", message));
            }
            if !acls.delete(acl.arn()) {
                let message =
                    "AWS WAF couldn’t perform the operation because your resource is being used by another resource.";
                return Err(ServiceError::bad("WAFAssociatedItemException", message));
            }
            Ok(json!({}))
        }
        "AssociateWebACL" => {
            known_resource(acls, &input)?;
            let acl = input["WebACLArn"].as_str().and_then(|arn| acls.get(arn)).ok_or_else(missing)?;
            acls.associate(Some(acl), now);
            Ok(json!({}))
        }
        "DisassociateWebACL" => {
            known_resource(acls, &input)?;
            acls.associate(None, now);
            Ok(json!({}))
        }
        "ListTagsForResource" => {
            let arn = input["ResourceARN"].as_str().unwrap_or_default();
            let acl = acls.get(arn).ok_or_else(missing)?;
            Ok(json!({ "TagInfoForResource": { "ResourceARN": arn, "TagList": acl.tags } }))
        }
        _ => {
            let message = format!("The lab's WAF has no operation {operation}.");
            Err(ServiceError::bad("UnknownOperationException", message))
        }
    }
}

fn create(acls: &WebAcls, input: &Value) -> Result<Value, ServiceError> {
    regional(input)?;
    let invalid = |message: String| ServiceError::bad("WAFInvalidParameterException", message);
    let name = input["Name"].as_str().unwrap_or_default();
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if name.is_empty() || name.len() > 128 || !name.chars().all(fits) {
        return Err(invalid(format!("Error reason: The name is not valid., field: NAME, parameter: {name}")));
    }
    for member in ["DefaultAction", "VisibilityConfig"] {
        if !input[member].is_object() {
            return Err(invalid(format!("Error reason: {member} is required.")));
        }
    }
    let mut priorities: Vec<_> =
        input["Rules"].as_array().into_iter().flatten().map(|rule| &rule["Priority"]).collect();
    let all = priorities.len();
    priorities.sort_by_key(|priority| priority.as_i64());
    priorities.dedup();
    if priorities.len() < all || priorities.iter().any(|priority| !priority.is_u64()) {
        return Err(invalid("Error reason: You have used an invalid or a duplicate priority., field: RULE".to_owned()));
    }
    let message = "AWS WAF couldn’t perform the operation because some resource in your request is a duplicate of an existing one.";
    let made = acls.create(name, input).ok_or_else(|| ServiceError::bad("WAFDuplicateItemException", message))?;
    Ok(json!({ "Summary": made.summary() }))
}

/// The one web ACL that a request names, by name and ID, or by ARN.
fn named(acls: &WebAcls, input: &Value) -> Result<WebAcl, ServiceError> {
    let matching = |acl: &WebAcl| match input["ARN"].as_str() {
        Some(arn) => acl.arn() == arn,
        None => acl.described["Name"] == input["Name"] && acl.described["Id"] == input["Id"],
    };
    acls.all().into_iter().find(matching).ok_or_else(missing)
}

fn regional(input: &Value) -> Result<(), ServiceError> {
    if input["Scope"] == "REGIONAL" {
        return Ok(());
    }
    let message = format!("Error reason: The scope is not valid., field: SCOPE_VALUE, parameter: {}", input["Scope"]);
    Err(ServiceError::bad("WAFInvalidParameterException", message))
}

/// The user pool in this Region is the only resource that the lab's WAF knows.
fn known_resource(acls: &WebAcls, input: &Value) -> Result<(), ServiceError> {
    let pools = format!("arn:aws:cognito-idp:{}:{}:userpool/", acls.region(), topology::ACCOUNT);
    let known = input["ResourceArn"].as_str().is_some_and(|resource| resource.starts_with(&pools));
    if known { Ok(()) } else { Err(missing()) }
}

fn missing() -> ServiceError {
    let message = "AWS WAF couldn’t perform the operation because your resource doesn’t exist.";
    ServiceError::bad("WAFNonexistentItemException", message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estate::{AccountFixture, FixtureNames};
    use gameday_core::model::RegionRole;

    #[test]
    fn a_resource_of_another_region_is_not_known_here() {
        let mut estate = AccountFixture::healthy(FixtureNames { pool_id: "us-east-1_LAB", client_id: "client" });
        let ask = |estate: &AccountFixture, region: &str| {
            let arn = format!("arn:aws:cognito-idp:{region}:{}:userpool/us-east-1_LAB", topology::ACCOUNT);
            let input = json!({ "ResourceArn": arn }).to_string();
            let acls = WebAcls::new(RegionRole::Replica, estate);
            act(&acls, Timestamp::UNIX_EPOCH, "GetWebACLForResource", input.as_bytes())
        };
        assert_eq!(ask(&estate, "us-west-2").unwrap()["WebACL"]["Rules"].as_array().unwrap().len(), 2);
        assert_eq!(ask(&estate, "us-east-1").unwrap_err().code, "WAFNonexistentItemException");
        estate.governance.web_acls.remove("us-west-2");
        assert_eq!(ask(&estate, "us-west-2").unwrap(), json!({}));
    }

    #[test]
    fn a_web_acl_is_deleted_by_its_lock_token_when_no_resource_has_it() {
        let estate = AccountFixture::healthy(FixtureNames { pool_id: "us-east-1_LAB", client_id: "client" });
        let acls = WebAcls::new(RegionRole::Primary, &estate);
        let ask =
            |operation: &str, input: Value| act(&acls, Timestamp::UNIX_EPOCH, operation, input.to_string().as_bytes());
        let pool = format!("arn:aws:cognito-idp:us-east-1:{}:userpool/us-east-1_LAB", topology::ACCOUNT);
        let mut input = json!({
            "Name": "gd-1-1", "Scope": "REGIONAL", "DefaultAction": { "Allow": {} },
            "VisibilityConfig": { "MetricName": "m" }, "Rules": [{ "Priority": 0 }, { "Priority": 0 }],
        });
        assert_eq!(ask("CreateWebACL", input.clone()).unwrap_err().code, "WAFInvalidParameterException");
        input["Rules"] = json!([{ "Priority": 0 }, { "Priority": 1 }]);
        let made = ask("CreateWebACL", input.clone()).unwrap()["Summary"].clone();
        assert_eq!(ask("CreateWebACL", input).unwrap_err().code, "WAFDuplicateItemException");
        ask("AssociateWebACL", json!({ "WebACLArn": made["ARN"], "ResourceArn": pool })).unwrap();
        let mut gone = json!({ "Name": "gd-1-1", "Scope": "REGIONAL", "Id": made["Id"], "LockToken": "old" });
        assert_eq!(ask("DeleteWebACL", gone.clone()).unwrap_err().code, "WAFOptimisticLockException");
        gone["LockToken"] = made["LockToken"].clone();
        assert_eq!(ask("DeleteWebACL", gone.clone()).unwrap_err().code, "WAFAssociatedItemException");
        ask("DisassociateWebACL", json!({ "ResourceArn": pool })).unwrap();
        ask("DeleteWebACL", gone.clone()).unwrap();
        assert_eq!(ask("DeleteWebACL", gone).unwrap_err().code, "WAFNonexistentItemException");
        assert_eq!(ask("ListWebACLs", json!({ "Scope": "REGIONAL" })).unwrap()["WebACLs"].as_array().unwrap().len(), 1);
    }
}
