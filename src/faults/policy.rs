//! The least that a run may be allowed: an IAM policy for exactly the calls of a plan, and one for the dead-man role.
//!
//! What a change calls it says itself, by [`super::Change::permit`]; here is what every run calls.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use gameday_core::env::{Population, SecretRef, Site, UserList};
use gameday_core::model::{Flow, Region, RegionRole, UserAction};
use gameday_core::scenario::Scenario;

use super::fault::Fault;
use super::kinds;
use super::permits::{self, Permits, RUNS, Statements, document};
use super::plan::Plan;
use super::tags::LOCK_TAG;

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

impl Policies<'_> {
    fn ec2(&self, region: &Region, resource: &str) -> String {
        permits::ec2(region, self.account, resource)
    }

    fn permits<'a>(&'a self, fault: &'a Fault, statements: &'a mut Statements) -> Permits<'a> {
        let pool = self.pool(fault.spec.region);
        Permits { region: &fault.region, account: self.account, pool, statements }
    }

    /// For whoever runs `gameday run` and `gameday rollback`.
    pub fn runner(&self) -> Value {
        let mut all = Statements::new();
        self.reads(&mut all);
        self.identity(&mut all);
        self.lock(&mut all);
        for fault in &self.plan.faults {
            let mut permits = self.permits(fault, &mut all);
            kinds::of(fault.spec.kind).permit(&mut permits);
            fault.actions.iter().for_each(|action| action.change().permit(&mut permits));
        }
        if self.armed {
            self.arm(&mut all);
        }
        document(&all)
    }

    /// For the role that EventBridge Scheduler assumes.
    pub fn dead_man(&self) -> Value {
        let mut all = Statements::new();
        for fault in &self.plan.faults {
            let mut permits = self.permits(fault, &mut all);
            fault.actions.iter().for_each(|action| action.change().permit_heal(&mut permits));
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
        let covers = self.plan.faults.iter().any(|fault| !fault.blast_radius.vpcs().is_empty());
        let mut regions: BTreeSet<String> = self.plan.vpcs.iter().map(|(region, _)| region.to_string()).collect();
        regions.extend(self.plan.faults.iter().map(|fault| fault.region.to_string()));
        let describe = all.entry(permits::DESCRIBE_NETWORK).or_default();
        // Who holds the lock stands in a group's tag, and in the VPC's.
        describe.allow(["ec2:DescribeSubnets", "ec2:DescribeTags", "ec2:DescribeSecurityGroups"], any());
        self.plan.scope.reads().for_each(|call| {
            describe.allow([call], any());
        });
        if covers {
            describe.allow(["ec2:DescribeNetworkInterfaces"], any());
        }
        describe.when("StringEquals", "aws:RequestedRegion", regions);
        let zone = format!("arn:{}:route53:::hostedzone/{}", self.global(), self.site.dns.hosted_zone_id);
        let check = permits::health_check(&self.site.primary.region, &self.site.dns.health_check_id);
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

    /// The user pool's canary and triggers, and secrets.
    fn identity(&self, all: &mut Statements) {
        let pool = |role| self.pool(role);
        if self.site.users.canary.is_some() {
            let write = all.entry("WriteCanary").or_default();
            write.allow(["cognito-idp:AdminUpdateUserAttributes"], [pool(RegionRole::Primary)]);
            all.entry("ReadCanary").or_default().allow(["cognito-idp:AdminGetUser"], [pool(RegionRole::Replica)]);
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
            permits::tag_new(all, group.clone(), "CreateSecurityGroup");
        }
        let give_back = all.entry("GiveLockBack").or_default();
        give_back.allow(["ec2:DeleteSecurityGroup"], groups);
        give_back.when("StringLike", &format!("aws:ResourceTag/{LOCK_TAG}"), [RUNS.to_owned()]);
        let lock = all.entry("Lock").or_default();
        lock.allow(["ec2:CreateTags", "ec2:DeleteTags"], vpcs);
        lock.only_tags("ForAllValues:StringEquals", [LOCK_TAG.to_owned()]);
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
