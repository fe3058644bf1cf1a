//! What calls are permitted, as statements of an IAM policy.
//!
//! Actions, resource types and condition keys follow the AWS service authorization reference.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::tags::RUN_TAG;
use gameday_core::model::Region;

/// What begins the ID of every run.
pub(super) const RUNS: &str = "gd-*";

/// The name of the statement for calls that describe a network. EC2's know no resources, so the Regions bound them.
pub(super) const DESCRIBE_NETWORK: &str = "DescribeNetwork";

/// A statement that allows calls.
#[derive(Debug, Default)]
pub struct Statement {
    actions: BTreeSet<String>,
    resources: BTreeSet<String>,
    conditions: BTreeMap<&'static str, BTreeMap<String, BTreeSet<String>>>,
}

impl Statement {
    /// Allows calls on resources, beside what it allows already.
    pub fn allow<const N: usize>(
        &mut self,
        actions: [&str; N],
        resources: impl IntoIterator<Item = String>,
    ) -> &mut Self {
        self.actions.extend(actions.map(str::to_owned));
        self.resources.extend(resources);
        self
    }

    /// Under a condition.
    pub fn when(&mut self, operator: &'static str, key: &str, values: impl IntoIterator<Item = String>) -> &mut Self {
        self.conditions.entry(operator).or_default().entry(key.to_owned()).or_default().extend(values);
        self
    }

    /// Where the resource carries a run's tag.
    pub fn on_own(&mut self) -> &mut Self {
        self.when("StringLike", &format!("aws:ResourceTag/{RUN_TAG}"), [RUNS.to_owned()])
    }

    /// Only these tags. `ForAllValues` alone also holds for a request that names none, and `ec2:DeleteTags` without tags deletes all of them
    /// (IAM user guide, "Set operators for multivalued context keys").
    pub fn only_tags(&mut self, operator: &'static str, keys: impl IntoIterator<Item = String>) {
        self.when(operator, "aws:TagKeys", keys).when("Null", "aws:TagKeys", ["false".to_owned()]);
    }

    fn json(&self, name: &str) -> Value {
        let mut statement = json!({
            "Sid": name, "Effect": "Allow", "Action": self.actions, "Resource": self.resources,
        });
        if !self.conditions.is_empty() {
            statement["Condition"] = json!(self.conditions);
        }
        statement
    }
}

/// The statements of a policy, by name.
pub(super) type Statements = BTreeMap<&'static str, Statement>;

/// The policy.
pub(super) fn document(statements: &Statements) -> Value {
    let statements = statements.iter().map(|(name, statement)| statement.json(name));
    json!({ "Version": "2012-10-17", "Statement": statements.collect::<Vec<_>>() })
}

/// What a fault and its changes are permitted in their Region.
pub struct Permits<'a> {
    /// Where.
    pub region: &'a Region,
    /// The account's ID.
    pub account: &'a str,
    /// The ARN of the user pool in that Region.
    pub pool: String,
    /// The policy so far.
    pub statements: &'a mut Statements,
}

impl Permits<'_> {
    /// The statement of a name, which changes may share.
    pub fn statement(&mut self, name: &'static str) -> &mut Statement {
        self.statements.entry(name).or_default()
    }

    /// The ARN of something of EC2, as `vpc/vpc-1`.
    pub fn ec2(&self, resource: &str) -> String {
        ec2(self.region, self.account, resource)
    }

    /// The ARN of a health check.
    pub fn health_check(&self, id: &str) -> String {
        health_check(self.region, id)
    }

    /// The ARN of something of WAF, as `regional/webacl/NAME/ID`.
    pub fn waf(&self, resource: &str) -> String {
        format!("arn:{}:wafv2:{}:{}:{resource}", self.region.partition().name(), self.region, self.account)
    }

    /// A new resource may be tagged by the call that makes it.
    pub fn tag_new(&mut self, resources: String, creating: &str) {
        tag_new(self.statements, resources, creating);
    }
}

pub(super) fn ec2(region: &Region, account: &str, resource: &str) -> String {
    format!("arn:{}:ec2:{region}:{account}:{resource}", region.partition().name())
}

pub(super) fn health_check(region: &Region, id: &str) -> String {
    format!("arn:{}:route53:::healthcheck/{id}", region.partition().name())
}

pub(super) fn tag_new(statements: &mut Statements, resources: String, creating: &str) {
    let tag = statements.entry("TagWhatIsMade").or_default();
    tag.allow(["ec2:CreateTags"], [resources]);
    tag.when("StringEquals", "ec2:CreateAction", [creating.to_owned()]);
}
