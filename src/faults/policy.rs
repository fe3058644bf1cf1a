//! The least that a run may be allowed: an IAM policy for exactly the calls of a plan, and one for the dead-man role.
//!
//! Actions, resource types and condition keys follow the AWS service authorization reference.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::env::{Population, SecretRef, Site, UserList};
use crate::model::{Flow, Region, RegionRole, UserAction};
use crate::scenario::{FaultKind, Scenario};

use super::action::Action;
use super::changes::mark::Marked;
use super::changes::security_group::{Grouped, Revoke};
use super::plan::Plan;
use super::tags::{LOCK_TAG, MARK_TAG, RUN_TAG, WAS_TAG};

/// What begins the ID of every run.
const RUNS: &str = "gd-*";

/// What a policy is written for.
#[derive(Debug)]
pub struct Policies<'a> {
    /// Who logs in, and how.
    pub scenario: &'a Scenario,
    /// What a run changes.
    pub plan: &'a Plan,
    /// Where.
    pub site: &'a Site,
    /// The account's ID.
    pub account: &'a str,
    /// Whether the run arms a dead-man switch.
    pub armed: bool,
}

#[derive(Debug, Default)]
struct Statement {
    actions: BTreeSet<String>,
    resources: BTreeSet<String>,
    conditions: BTreeMap<&'static str, BTreeMap<String, BTreeSet<String>>>,
}

impl Statement {
    fn allow<const N: usize>(&mut self, actions: [&str; N], resources: impl IntoIterator<Item = String>) -> &mut Self {
        self.actions.extend(actions.map(str::to_owned));
        self.resources.extend(resources);
        self
    }

    fn when(&mut self, operator: &'static str, key: &str, values: impl IntoIterator<Item = String>) -> &mut Self {
        self.conditions.entry(operator).or_default().entry(key.to_owned()).or_default().extend(values);
        self
    }

    /// Only these tags. `ForAllValues` alone also holds for a request that names none, and `ec2:DeleteTags` without tags deletes all of them
    /// (IAM user guide, "Set operators for multivalued context keys").
    fn only_tags(&mut self, operator: &'static str, keys: impl IntoIterator<Item = String>) {
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

type Statements = BTreeMap<&'static str, Statement>;

fn document(statements: &Statements) -> Value {
    let statements = statements.iter().map(|(name, statement)| statement.json(name));
    json!({ "Version": "2012-10-17", "Statement": statements.collect::<Vec<_>>() })
}

impl Policies<'_> {
    fn ec2(&self, region: &Region, resource: &str) -> String {
        format!("arn:{}:ec2:{region}:{}:{resource}", region.partition().name(), self.account)
    }

    fn actions(&self) -> impl Iterator<Item = (&Region, &Action)> {
        self.plan.faults.iter().flat_map(|fault| fault.actions.iter().map(|action| (&fault.region, action)))
    }

    /// For whoever runs `gameday run` and `gameday rollback`.
    pub fn runner(&self) -> Value {
        let mut all = Statements::new();
        self.reads(&mut all);
        self.identity(&mut all);
        self.lock(&mut all);
        for (region, action) in self.actions() {
            self.change(region, action, &mut all);
        }
        if self.armed {
            self.arm(&mut all);
        }
        document(&all)
    }

    /// For the role that EventBridge Scheduler assumes.
    pub fn dead_man(&self) -> Value {
        let mut all = Statements::new();
        for (region, action) in self.actions() {
            match action {
                Action::Deny(_) => {
                    let heal = all.entry("HealNetworkAcls").or_default();
                    heal.allow(["ec2:DeleteNetworkAclEntry"], [self.ec2(region, "network-acl/*")]);
                    heal.when("StringLike", &format!("aws:ResourceTag/{RUN_TAG}"), [RUNS.to_owned()]);
                }
                Action::SwapGroups(change) => {
                    let heal = all.entry("HealSecurityGroups").or_default();
                    self.swap(region, &change.target, change.was.iter().map(String::as_str), heal);
                }
                Action::Revoke(change) => {
                    let heal = all.entry("HealSecurityGroupRules").or_default();
                    let group = self.ec2(region, &format!("security-group/{}", change.group));
                    heal.allow(["ec2:AuthorizeSecurityGroupIngress"], [group]);
                    self.tag_rule(region, change, &mut all);
                }
                Action::Invert(change) => {
                    let heal = all.entry("HealHealthCheck").or_default();
                    heal.allow(["route53:UpdateHealthCheck"], [self.health_check(&change.health_check)]);
                }
                Action::Starve(change) => {
                    let heal = all.entry("HealFunctions").or_default();
                    let call = if change.was.is_some() {
                        "lambda:PutFunctionConcurrency"
                    } else {
                        "lambda:DeleteFunctionConcurrency"
                    };
                    heal.allow([call], [change.function.clone()]);
                }
                Action::Provision(_) => {
                    Self::limits(region, ["cognito-idp:UpdateProvisionedLimit"], "HealLimits", &mut all);
                }
                _ => {}
            }
        }
        document(&all)
    }

    /// Who may assume the dead-man role.
    pub fn dead_man_trust(&self) -> Value {
        json!({ "Version": "2012-10-17", "Statement": [{
            "Effect": "Allow",
            "Principal": { "Service": "scheduler.amazonaws.com" },
            "Action": "sts:AssumeRole",
            "Condition": { "StringEquals": { "aws:SourceAccount": self.account } },
        }] })
    }

    /// EC2's describing calls know no resources, so the Regions bound them.
    fn reads(&self, all: &mut Statements) {
        let any = || ["*".to_owned()];
        let covers = self.plan.faults.iter().any(|fault| !fault.cover.vpcs().is_empty());
        let mut regions: BTreeSet<String> = self.plan.vpcs.iter().map(|(region, _)| region.to_string()).collect();
        regions.extend(self.plan.faults.iter().map(|fault| fault.region.to_string()));
        let describe = all.entry("DescribeNetwork").or_default();
        // Who holds the lock stands in a group's tag, and in the VPC's.
        describe.allow(["ec2:DescribeSubnets", "ec2:DescribeTags", "ec2:DescribeSecurityGroups"], any());
        if !self.plan.scope.vpcs.is_empty() {
            describe.allow(["ec2:DescribeNetworkAcls"], any());
        }
        if covers || !self.plan.scope.groups.is_empty() {
            describe.allow(["ec2:DescribeNetworkInterfaces"], any());
        }
        if !self.plan.scope.rules.is_empty() {
            describe.allow(["ec2:DescribeSecurityGroupRules"], any());
        }
        if self.plan.faults.iter().any(|fault| fault.spec.kind == FaultKind::SecurityGroupBlackhole) {
            describe.allow(["ec2:DescribeVpcEndpoints"], any());
        }
        let swaps_balancer = |action: &Action| match action {
            Action::SwapGroups(change) => matches!(change.target, Grouped::Balancer(_)),
            _ => false,
        };
        if self.actions().any(|(_, action)| swaps_balancer(action)) {
            let calls = ["elasticloadbalancing:DescribeLoadBalancers", "elasticloadbalancing:DescribeTags"];
            describe.allow(calls, any());
        }
        describe.when("StringEquals", "aws:RequestedRegion", regions);
        let zone = format!("arn:{}:route53:::hostedzone/{}", self.global(), self.site.dns.hosted_zone_id);
        let check = self.health_check(&self.site.dns.health_check_id);
        let records = all.entry("ReadRecord").or_default();
        records.allow(["route53:ListResourceRecordSets"], [zone]);
        if self.site.dns.authoritative.is_empty() {
            records.allow(["route53:GetHostedZone"], []);
        }
        let health = all.entry("ReadHealthCheck").or_default();
        health.allow(["route53:GetHealthCheck", "route53:GetHealthCheckStatus"], [check]);
        if !self.site.guard.alarms.is_empty() {
            all.entry("ReadAlarms").or_default().allow(["cloudwatch:DescribeAlarms"], any());
        }
    }

    fn pool(&self, role: RegionRole) -> String {
        let (region, pool) = (&self.site.region(role).region, self.site.pool.id_at(role));
        format!("arn:{}:cognito-idp:{region}:{}:userpool/{pool}", region.partition().name(), self.account)
    }

    fn global(&self) -> &'static str {
        self.site.primary.region.partition().name()
    }

    fn health_check(&self, id: &str) -> String {
        format!("arn:{}:route53:::healthcheck/{id}", self.global())
    }

    /// The user pool's canary and triggers, and secrets.
    fn identity(&self, all: &mut Statements) {
        let pool = |role| self.pool(role);
        if self.site.users.canary.is_some() {
            let write = all.entry("WriteCanary").or_default();
            write.allow(["cognito-idp:AdminUpdateUserAttributes"], [pool(RegionRole::Primary)]);
            all.entry("ReadCanary").or_default().allow(["cognito-idp:AdminGetUser"], [pool(RegionRole::Replica)]);
        }
        let asks = [FaultKind::LambdaTriggerBreak, FaultKind::ProvisionedLimit];
        for fault in self.plan.faults.iter().filter(|fault| asks.contains(&fault.spec.kind)) {
            let pools = all.entry("ReadUserPool").or_default();
            pools.allow(["cognito-idp:DescribeUserPool"], [pool(fault.spec.region)]);
        }
        let server = self.scenario.users.flows.iter().filter(|share| share.flow == Flow::AdminUserPassword);
        for share in server {
            let sign_in = all.entry("SignUsersIn").or_default();
            let both = [RegionRole::Primary, RegionRole::Replica].map(pool);
            sign_in.allow(["cognito-idp:AdminInitiateAuth"], both);
            let challenged =
                |users: &Population| users.new_password || users.totp_secret.is_some() || users.list.is_some();
            if self.population(share.users.as_deref()).is_some_and(challenged) {
                sign_in.allow(["cognito-idp:AdminRespondToAuthChallenge"], []);
            }
        }
        let flows = self.scenario.users.flows.iter().map(|share| share.users.as_deref());
        let mut users = flows.chain(self.scenario.users.sessions.iter().map(|plan| plan.users.as_deref()));
        if users.any(|users| self.population(users).is_some_and(|users| users.new_password)) {
            let put_back = all.entry("AskForNewPasswords").or_default();
            let calls = ["cognito-idp:AdminSetUserPassword", "cognito-idp:AdminGetUser"];
            put_back.allow(calls, [pool(RegionRole::Primary)]);
        }
        let arrives = [UserAction::SignUp, UserAction::FirstFederatedSignIn];
        for limit in self.scenario.expectations.iter().filter(|limit| arrives.contains(&limit.action)) {
            let remove = all.entry("RemoveNewcomers").or_default();
            let calls = ["cognito-idp:AdminDeleteUser", "cognito-idp:AdminGetUser"];
            remove.allow(calls, [pool(RegionRole::Primary), pool(limit.region)]);
        }
        self.secrets(all);
    }

    fn population(&self, name: Option<&str>) -> Option<&Population> {
        self.site.users.populations.iter().find(|users| Some(users.name.as_str()) == name)
    }

    /// Every secret of the environment that is in Secrets Manager: all of them are read before a run.
    fn secrets(&self, all: &mut Statements) {
        let (users, pool) = (&self.site.users, &self.site.pool);
        let clients = pool.clients.iter().filter_map(|client| client.secret.as_ref());
        let own = [users.password.as_ref(), pool.client_secret.as_ref()].into_iter().flatten();
        let populations = users.populations.iter().flat_map(|of| [of.password.as_ref(), of.totp_secret.as_ref()]);
        let named = own.chain(clients).chain(populations.flatten()).filter_map(|secret| match secret {
            SecretRef::SecretsManager { secrets_manager, .. } => Some(secrets_manager),
            _ => None,
        });
        let lists = users.list.iter().chain(users.populations.iter().filter_map(|of| of.list.as_ref()));
        let lists = lists.filter_map(|list| match list {
            UserList::SecretsManager { secrets_manager } => Some(secrets_manager),
            UserList::File { .. } => None,
        });
        for name in named.chain(lists) {
            let region = &self.site.primary.region;
            let arn = if name.starts_with("arn:") {
                name.clone()
            } else {
                // Secrets Manager adds six characters to a secret's name.
                format!(
                    "arn:{}:secretsmanager:{region}:{}:secret:{name}-??????",
                    region.partition().name(),
                    self.account
                )
            };
            all.entry("ReadSecrets").or_default().allow(["secretsmanager:GetSecretValue"], [arn]);
        }
    }

    fn lock(&self, all: &mut Statements) {
        let vpcs = self.plan.vpcs.iter().map(|(region, vpc)| self.ec2(region, &format!("vpc/{vpc}")));
        let groups: BTreeSet<String> =
            self.plan.vpcs.iter().map(|(region, _)| self.ec2(region, "security-group/*")).collect();
        let take = all.entry("MakeSecurityGroups").or_default();
        take.allow(["ec2:CreateSecurityGroup"], vpcs.clone().chain(groups.iter().cloned()));
        for group in &groups {
            Self::tag_new(group.clone(), "CreateSecurityGroup", all);
        }
        let give_back = all.entry("GiveLockBack").or_default();
        give_back.allow(["ec2:DeleteSecurityGroup"], groups);
        give_back.when("StringLike", &format!("aws:ResourceTag/{LOCK_TAG}"), [RUNS.to_owned()]);
        let lock = all.entry("Lock").or_default();
        lock.allow(["ec2:CreateTags", "ec2:DeleteTags"], vpcs);
        lock.only_tags("ForAllValues:StringEquals", [LOCK_TAG.to_owned()]);
    }

    fn swap<'a>(
        &self,
        region: &Region,
        target: &Grouped,
        groups: impl Iterator<Item = &'a str>,
        statement: &mut Statement,
    ) {
        let groups = groups.map(|group| self.ec2(region, &format!("security-group/{group}")));
        match target {
            Grouped::Interface(id) => {
                let interface = self.ec2(region, &format!("network-interface/{id}"));
                statement.allow(["ec2:ModifyNetworkInterfaceAttribute"], groups.chain([interface]))
            }
            Grouped::Endpoint(id) => {
                let endpoint = self.ec2(region, &format!("vpc-endpoint/{id}"));
                statement.allow(["ec2:ModifyVpcEndpoint"], groups.chain([endpoint]))
            }
            Grouped::Balancer(arn) => statement.allow(["elasticloadbalancing:SetSecurityGroups"], [arn.clone()]),
        };
    }

    fn change(&self, region: &Region, action: &Action, all: &mut Statements) {
        let tagged = || (format!("aws:ResourceTag/{RUN_TAG}"), [RUNS.to_owned()]);
        match action {
            Action::CreateClone(change) => {
                let (acls, vpc) = (self.ec2(region, "network-acl/*"), self.ec2(region, &format!("vpc/{}", change.vpc)));
                all.entry("MakeNetworkAcls").or_default().allow(["ec2:CreateNetworkAcl"], [acls.clone(), vpc]);
                Self::tag_new(acls.clone(), "CreateNetworkAcl", all);
                let (key, values) = tagged();
                let own = all.entry("ChangeOwnNetworkAcls").or_default();
                own.allow(["ec2:CreateNetworkAclEntry", "ec2:DeleteNetworkAclEntry", "ec2:DeleteNetworkAcl"], [acls]);
                // Where somebody deletes the original, the copy becomes the subnets' own.
                own.allow(["ec2:DeleteTags"], []);
                own.when("StringLike", &key, values);
            }
            Action::Swap(change) => {
                let subnet = self.ec2(region, &format!("subnet/{}", change.subnet));
                let swap = all.entry("MoveSubnets").or_default();
                swap.allow(["ec2:ReplaceNetworkAclAssociation"], [subnet, self.ec2(region, "network-acl/*")]);
            }
            Action::CreateEmpty(change) => {
                let groups = self.ec2(region, "security-group/*");
                let vpc = self.ec2(region, &format!("vpc/{}", change.vpc));
                all.entry("MakeSecurityGroups").or_default().allow(["ec2:CreateSecurityGroup"], [groups.clone(), vpc]);
                Self::tag_new(groups.clone(), "CreateSecurityGroup", all);
                let (key, values) = tagged();
                let own = all.entry("ChangeOwnSecurityGroups").or_default();
                own.allow(["ec2:RevokeSecurityGroupEgress", "ec2:DeleteSecurityGroup"], [groups]);
                own.when("StringLike", &key, values);
            }
            Action::SwapGroups(change) => {
                // The empty group has no ID yet.
                let swap = all.entry("SwapSecurityGroups").or_default();
                self.swap(region, &change.target, ["*"].into_iter(), swap);
            }
            Action::Revoke(change) => {
                let group = self.ec2(region, &format!("security-group/{}", change.group));
                let rules = all.entry("ChangeSecurityGroupRules").or_default();
                rules.allow(["ec2:RevokeSecurityGroupIngress", "ec2:AuthorizeSecurityGroupIngress"], [group]);
                self.tag_rule(region, change, all);
            }
            Action::Mark(change) => match &change.on {
                Marked::HealthCheck(id) => {
                    let mark = all.entry("MarkHealthCheck").or_default();
                    mark.allow(["route53:ChangeTagsForResource"], [self.health_check(id)]);
                }
                Marked::Function(arn) => {
                    let mark = all.entry("MarkFunctions").or_default();
                    mark.allow(["lambda:TagResource", "lambda:UntagResource"], [arn.clone()]);
                }
                Marked::Pool(arn) => {
                    let mark = all.entry("MarkUserPool").or_default();
                    let calls =
                        ["cognito-idp:TagResource", "cognito-idp:UntagResource", "cognito-idp:ListTagsForResource"];
                    mark.allow(calls, [arn.clone()]);
                }
                Marked::Group(id) => {
                    let mark = all.entry("MarkSecurityGroups").or_default();
                    let group = self.ec2(region, &format!("security-group/{id}"));
                    mark.allow(["ec2:CreateTags", "ec2:DeleteTags"], [group]);
                    mark.only_tags("ForAllValues:StringLike", [MARK_TAG.to_owned(), format!("{WAS_TAG}*")]);
                }
            },
            Action::Invert(change) => {
                let check = self.health_check(&change.health_check);
                let invert = all.entry("InvertHealthCheck").or_default();
                invert.allow(["route53:UpdateHealthCheck", "route53:ListTagsForResource"], [check]);
            }
            Action::Starve(change) => {
                let functions = all.entry("ThrottleFunctions").or_default();
                functions.allow(
                    ["lambda:PutFunctionConcurrency", "lambda:GetFunctionConcurrency", "lambda:ListTags"],
                    [change.function.clone()],
                );
                if change.was.is_none() {
                    functions.allow(["lambda:DeleteFunctionConcurrency"], []);
                }
            }
            Action::Provision(_) => {
                let calls = ["cognito-idp:GetProvisionedLimit", "cognito-idp:UpdateProvisionedLimit"];
                Self::limits(region, calls, "ProvisionLimits", all);
            }
            // What users change is no part of a plan.
            Action::AskForPassword(_)
            | Action::Newcomer(_)
            | Action::CopyRule(_)
            | Action::Deny(_)
            | Action::Empty(_)
            | Action::Lock(_)
            | Action::Arm(_) => {}
        }
    }

    /// Limits are the account's and have no ARN, so the Region bounds them.
    fn limits<const N: usize>(region: &Region, calls: [&str; N], name: &'static str, all: &mut Statements) {
        let limits = all.entry(name).or_default();
        limits.allow(calls, ["*".to_owned()]);
        limits.when("StringEquals", "aws:RequestedRegion", [region.to_string()]);
    }

    /// Rules that are authorized again get the tags that they had.
    fn tag_rule(&self, region: &Region, change: &Revoke, all: &mut Statements) {
        if !change.tags.is_empty() {
            let tag = all.entry("TagSecurityGroupRules").or_default();
            tag.allow(["ec2:CreateTags"], [self.ec2(region, "security-group-rule/*")]);
            tag.only_tags("ForAllValues:StringEquals", change.tags.keys().cloned());
        }
    }

    fn tag_new(resources: String, creating: &str, all: &mut Statements) {
        let tag = all.entry("TagWhatIsMade").or_default();
        tag.allow(["ec2:CreateTags"], [resources]);
        tag.when("StringEquals", "ec2:CreateAction", [creating.to_owned()]);
    }

    fn arm(&self, all: &mut Statements) {
        let Some(settings) = &self.site.dead_man else { return };
        let regions: BTreeSet<&Region> = self.plan.faults.iter().map(|fault| &fault.region).collect();
        for region in regions {
            let (partition, account, group) = (region.partition().name(), self.account, &settings.group);
            let schedules = format!("arn:{partition}:scheduler:{region}:{account}:schedule/{group}/{RUNS}");
            let arm = all.entry("ArmDeadMan").or_default();
            arm.allow(["scheduler:CreateSchedule", "scheduler:GetSchedule", "scheduler:DeleteSchedule"], [schedules]);
        }
        // Listing knows no resources.
        let list = all.entry("ListDeadManSchedules").or_default();
        list.allow(["scheduler:ListSchedules"], ["*".to_owned()]);
        list.when("StringEquals", "aws:RequestedRegion", self.plan.faults.iter().map(|fault| fault.region.to_string()));
        let pass = all.entry("PassDeadManRole").or_default();
        pass.allow(["iam:PassRole"], [settings.role_arn.clone()]);
        pass.when("StringEquals", "iam:PassedToService", ["scheduler.amazonaws.com".to_owned()]);
    }
}
