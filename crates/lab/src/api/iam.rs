//! IAM's query protocol (API reference, version 2010-05-08): the execution roles of functions, and what they allow.

use http::StatusCode;
use serde_json::{Value, json};
use url::form_urlencoded::byte_serialize;

use super::query::Params;
use super::xml::{Element, list, node, text};
use super::{Reply, ServiceError, query_error, request_id};
use crate::estate::arn;
use crate::estate::iam::{Iam, Role};

/// Of its answers.
pub(super) const NAMESPACE: &str = "https://iam.amazonaws.com/doc/2010-05-08/";
/// Roles and policies are older than the lab.
const CREATED: &str = "2025-01-01T00:00:00Z";
/// Every policy of the lab has this one version.
const VERSION: &str = "v1";

/// Answers one request.
pub(super) fn handle(iam: &Iam, params: &Params) -> Reply {
    match act(iam, params) {
        Ok((response, result, fields)) => {
            let metadata = node("ResponseMetadata", vec![text("RequestId", request_id())]);
            let document = node(response, vec![node(result, fields), metadata]);
            Reply::xml(StatusCode::OK, &document.in_namespace(NAMESPACE))
        }
        Err(error) => query_error(&error, NAMESPACE),
    }
}

type IamOutcome = Result<(&'static str, &'static str, Vec<Element>), ServiceError>;

fn act(iam: &Iam, params: &Params) -> IamOutcome {
    let last = || text("IsTruncated", false);
    match params.get("Action") {
        Some("GetRole") => {
            let (name, role) = role(iam, params)?;
            Ok(("GetRoleResponse", "GetRoleResult", vec![describe_role(name, role)]))
        }
        Some("ListAttachedRolePolicies") => {
            let (_, role) = role(iam, params)?;
            let attached = role.attached.iter();
            let attached = attached.map(|name| vec![text("PolicyName", name), text("PolicyArn", policy_arn(name))]);
            let fields = vec![list("AttachedPolicies", "member", attached), last()];
            Ok(("ListAttachedRolePoliciesResponse", "ListAttachedRolePoliciesResult", fields))
        }
        Some("ListRolePolicies") => {
            let (_, role) = role(iam, params)?;
            let names = node("PolicyNames", role.inline.keys().map(|name| text("member", name)).collect());
            Ok(("ListRolePoliciesResponse", "ListRolePoliciesResult", vec![names, last()]))
        }
        Some("GetRolePolicy") => {
            let (name, role) = role(iam, params)?;
            let policy = params.get("PolicyName").unwrap_or_default();
            let document = role
                .inline
                .get(policy)
                .ok_or_else(|| no_such(format!("The role policy with name {policy} cannot be found.")))?;
            let fields =
                vec![text("RoleName", name), text("PolicyName", policy), text("PolicyDocument", encoded(document))];
            Ok(("GetRolePolicyResponse", "GetRolePolicyResult", fields))
        }
        Some("GetPolicy") => {
            let (name, _) = policy(iam, params)?;
            Ok(("GetPolicyResponse", "GetPolicyResult", vec![describe_policy(iam, name)]))
        }
        Some("GetPolicyVersion") => {
            let (_, document) = policy(iam, params)?;
            let version = params.get("VersionId").unwrap_or_default();
            if version != VERSION {
                return Err(no_such(format!("Policy version {version} does not exist.")));
            }
            let fields = vec![
                text("Document", encoded(document)),
                text("VersionId", VERSION),
                text("IsDefaultVersion", true),
                text("CreateDate", CREATED),
            ];
            Ok(("GetPolicyVersionResponse", "GetPolicyVersionResult", vec![node("PolicyVersion", fields)]))
        }
        action => {
            let message = format!("Could not find operation {} for version 2010-05-08", action.unwrap_or_default());
            Err(ServiceError::bad("InvalidAction", message))
        }
    }
}

fn no_such(message: String) -> ServiceError {
    ServiceError { status: StatusCode::NOT_FOUND, code: "NoSuchEntity", message }
}

fn role<'a>(iam: &'a Iam, params: &Params) -> Result<(&'a str, &'a Role), ServiceError> {
    let name = params.get("RoleName").unwrap_or_default();
    let found = iam.roles.get_key_value(name).map(|(name, role)| (name.as_str(), role));
    found.ok_or_else(|| no_such(format!("The role with name {name} cannot be found.")))
}

fn policy<'a>(iam: &'a Iam, params: &Params) -> Result<(&'a str, &'a Value), ServiceError> {
    let given = params.get("PolicyArn").unwrap_or_default();
    let mut found = iam.policies.iter().filter(|(name, _)| policy_arn(name) == given);
    let found = found.next().map(|(name, document)| (name.as_str(), document));
    found.ok_or_else(|| no_such(format!("Policy {given} does not exist or is not attachable.")))
}

fn policy_arn(name: &str) -> String {
    arn("iam", "", &format!("policy/{name}"))
}

/// Documents are percent-encoded in IAM's answers (RFC 3986; API reference, PolicyVersion).
fn encoded(document: &Value) -> String {
    byte_serialize(document.to_string().as_bytes()).collect::<String>().replace('+', "%20")
}

/// An ID as IAM makes them, of 21 characters; it follows from the name.
fn id(prefix: &str, name: &str) -> String {
    let digest = gameday_core::model::sha256(name.as_bytes()).to_uppercase();
    format!("{prefix}{}", &digest[..17])
}

fn describe_role(name: &str, role: &Role) -> Element {
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{ "Effect": "Allow", "Principal": { "Service": role.service }, "Action": "sts:AssumeRole" }],
    });
    let fields = vec![
        text("Path", "/"),
        text("RoleName", name),
        text("RoleId", id("AROA", name)),
        text("Arn", arn("iam", "", &format!("role/{name}"))),
        text("CreateDate", CREATED),
        text("AssumeRolePolicyDocument", encoded(&trust)),
        text("MaxSessionDuration", 3600),
    ];
    node("Role", fields)
}

fn describe_policy(iam: &Iam, name: &str) -> Element {
    let attachments = iam.roles.values().filter(|role| role.attached.iter().any(|attached| attached == name)).count();
    let fields = vec![
        text("PolicyName", name),
        text("PolicyId", id("ANPA", name)),
        text("Arn", policy_arn(name)),
        text("Path", "/"),
        text("DefaultVersionId", VERSION),
        text("AttachmentCount", attachments),
        text("IsAttachable", true),
        text("CreateDate", CREATED),
        text("UpdateDate", CREATED),
    ];
    node("Policy", fields)
}
