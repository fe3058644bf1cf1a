//! IAM, which is global: the execution roles of the functions, and what they allow.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{arn, dynamodb, lambda, secrets};
use gameday_core::model::matches;

/// Roles and policies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Iam {
    /// By name.
    pub roles: BTreeMap<String, Role>,
    /// Policies of the account by name: their documents.
    pub policies: BTreeMap<String, Value>,
}

/// A role that a service may assume.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Role {
    pub service: String,
    /// The policies that it has of the account, by name.
    pub attached: Vec<String>,
    /// Policies of its own by name: their documents.
    pub inline: BTreeMap<String, Value>,
}

impl Iam {
    /// Nothing is wrong with it.
    pub(crate) fn healthy() -> Self {
        let allow = |action: &str, resource: String| {
            json!({
                "Version": "2012-10-17",
                "Statement": [{ "Effect": "Allow", "Action": [action], "Resource": [resource] }],
            })
        };
        let table = format!("table/{}", dynamodb::TABLE);
        let secret = format!("secret:{}-*", secrets::AUDIT);
        let role = |name: &str| Role {
            service: "lambda.amazonaws.com".to_owned(),
            attached: vec![name.to_owned()],
            inline: BTreeMap::from([("logs".to_owned(), allow("logs:PutLogEvents", arn("logs", "*", "log-group:*")))]),
        };
        let roles = [lambda::PRE_TOKEN, lambda::AUDIT].map(|name| (name.to_owned(), role(name)));
        Self {
            roles: roles.into(),
            policies: BTreeMap::from([
                (lambda::PRE_TOKEN.to_owned(), allow("dynamodb:GetItem", arn("dynamodb", "*", &table))),
                (lambda::AUDIT.to_owned(), allow("secretsmanager:GetSecretValue", arn("secretsmanager", "*", &secret))),
            ]),
        }
    }

    /// Whether a role may do something. Statements that deny and conditions are not looked at: the lab's roles have none.
    pub(crate) fn allows(&self, role_arn: &str, action: &str, resource: &str) -> bool {
        let name = role_arn.rsplit('/').next().unwrap_or_default();
        let Some(role) = self.roles.get(name) else { return false };
        let attached = role.attached.iter().filter_map(|name| self.policies.get(name));
        let statements = attached.chain(role.inline.values()).flat_map(|document| many(&document["Statement"]));
        let fits = |patterns: &Value, text: &str| {
            many(patterns).iter().filter_map(|pattern| pattern.as_str()).any(|pattern| matches(pattern, text))
        };
        statements.into_iter().any(|statement| {
            statement["Effect"] == "Allow"
                && fits(&statement["Action"], action)
                && fits(&statement["Resource"], resource)
        })
    }
}

/// One, or a list of them: IAM takes both.
fn many(value: &Value) -> Vec<&Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(items) => items.iter().collect(),
        one => vec![one],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_may_do_what_one_of_its_policies_allows() {
        let mut iam = Iam::healthy();
        let role = arn("iam", "", "role/gameday-pre-token");
        let table = |region| arn("dynamodb", region, "table/gameday-claims");
        assert!(iam.allows(&role, "dynamodb:GetItem", &table("us-west-2")));
        assert!(!iam.allows(&role, "dynamodb:PutItem", &table("us-west-2")));
        assert!(!iam.allows("arn:aws:iam::1:role/nobody", "dynamodb:GetItem", &table("us-west-2")));
        iam.policies.get_mut("gameday-pre-token").unwrap()["Statement"][0]["Resource"] = table("us-east-1").into();
        assert!(!iam.allows(&role, "dynamodb:GetItem", &table("us-west-2")));
        assert!(iam.allows(&role, "dynamodb:GetItem", &table("us-east-1")));
    }
}
