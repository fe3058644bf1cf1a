//! WAF: AWS JSON 1.1 over `POST /`, the operation in `X-Amz-Target` (WAFV2 API reference). It tells which web ACL stands before the user
//! pool, and nothing else.

use http::request::Parts;
use serde_json::{Value, json};

use super::{Reply, ServiceError, json_input, json_operation, json_reply};
use crate::estate::AccountFixture;
use crate::estate::governance::WebAcl;
use crate::topology;
use gameday_core::model::RegionRole;

/// What the operation's name begins with on the wire.
const TARGET: &str = "AWSWAF_20190729.";
/// Web ACL capacity units of each rule group; the lab has no figures of its own.
const CAPACITY: usize = 700;

/// What a request asks for.
pub(super) fn operation(parts: &Parts) -> Option<&str> {
    json_operation(parts, TARGET)
}

/// Answers one request.
pub(super) fn handle(estate: &AccountFixture, role: RegionRole, parts: &Parts, body: &[u8]) -> Reply {
    json_reply(act(estate, role, operation(parts).unwrap_or_default(), body))
}

fn act(estate: &AccountFixture, role: RegionRole, operation: &str, body: &[u8]) -> Result<Value, ServiceError> {
    let input = json_input(body)?;
    if operation != "GetWebACLForResource" {
        let message = format!("The lab's WAF has no operation {operation}.");
        return Err(ServiceError::bad("UnknownOperationException", message));
    }
    let region = topology::region(role);
    let resource = input["ResourceArn"].as_str().unwrap_or_default();
    if !resource.starts_with(&format!("arn:aws:cognito-idp:{region}:{}:userpool/", topology::ACCOUNT)) {
        let message = "AWS WAF couldn't perform the operation because your resource doesn't exist.";
        return Err(ServiceError::bad("WAFNonexistentItemException", message));
    }
    // No member at all where no web ACL is associated.
    let found = estate.governance.web_acls.get(region);
    Ok(found.map_or_else(|| json!({}), |acl| json!({ "WebACL": described(acl, region) })))
}

fn described(acl: &WebAcl, region: &str) -> Value {
    let visibility =
        |name: &str| json!({ "SampledRequestsEnabled": true, "CloudWatchMetricsEnabled": true, "MetricName": name });
    let rule = |(priority, name): (usize, &String)| {
        json!({
            "Name": name,
            "Priority": priority,
            "Statement": { "ManagedRuleGroupStatement": { "VendorName": "AWS", "Name": name } },
            "OverrideAction": { "None": {} },
            "VisibilityConfig": visibility(name),
        })
    };
    let id = uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_URL, format!("{region}/{}", acl.name).as_bytes());
    json!({
        "Name": acl.name,
        "Id": id.to_string(),
        "ARN": format!("arn:aws:wafv2:{region}:{}:regional/webacl/{}/{id}", topology::ACCOUNT, acl.name),
        "DefaultAction": { "Allow": {} },
        "Rules": acl.rules.iter().enumerate().map(rule).collect::<Vec<_>>(),
        "VisibilityConfig": visibility(&acl.name),
        "Capacity": acl.rules.len() * CAPACITY,
        "ManagedByFirewallManager": false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estate::Names;

    #[test]
    fn a_resource_of_another_region_is_not_known_here() {
        let mut estate = AccountFixture::healthy(Names { pool_id: "us-east-1_LAB", client_id: "client" });
        let ask = |estate: &AccountFixture, region: &str| {
            let arn = format!("arn:aws:cognito-idp:{region}:{}:userpool/us-east-1_LAB", topology::ACCOUNT);
            let input = json!({ "ResourceArn": arn }).to_string();
            act(estate, RegionRole::Replica, "GetWebACLForResource", input.as_bytes())
        };
        assert_eq!(ask(&estate, "us-west-2").unwrap()["WebACL"]["Rules"].as_array().unwrap().len(), 2);
        assert_eq!(ask(&estate, "us-east-1").unwrap_err().code, "WAFNonexistentItemException");
        estate.governance.web_acls.remove("us-west-2");
        assert_eq!(ask(&estate, "us-west-2").unwrap(), json!({}));
    }
}
