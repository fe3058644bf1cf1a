//! Changes of network ACLs: clones, their rules, and which ACL a subnet has.
//!
//! A clone is named by a key that is known before it exists: the fault's number and the original's ID.

mod leftovers;
pub(crate) mod snapshot;

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{IcmpTypeCode, NetworkAclEntry, PortRange, ResourceType, RuleAction, TagSpecification};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::cloud::{CloudError, ErrorClass, RegionClients};
use crate::faults::change::{Applied, Change, ChangeContext, RevertOutcome, Stage, Universal, gone};
use crate::faults::describe_cache::Freshness;
use crate::faults::dry_run::{DryRun, DryRunOutcome};
use crate::faults::finder::Finder;
use crate::faults::network::{Acl, AclRule, Vpc};
use crate::faults::permits::Permits;
use crate::faults::state::{Attribute, FactKind, Own};
use crate::faults::tags::{CLONE_TAG, RUN_TAG, tag};
use gameday_core::model::RunId;

/// ec2:CreateNetworkAcl; inverse ec2:DeleteNetworkAcl.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CreateClone {
    /// Its VPC.
    pub vpc: String,
    /// The ACL that it repeats.
    pub original: String,
    /// Its key.
    pub clone: String,
    /// Makes a repeated call harmless.
    pub client_token: String,
    /// Tags that the environment asks for. Nothing in journals of older versions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// ec2:CreateNetworkAclEntry on a clone; goes when the clone goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CopyRule {
    /// The clone's VPC.
    pub vpc: String,
    /// The clone's key.
    pub clone: String,
    /// The rule, with its number in the clone.
    pub rule: AclRule,
}

/// ec2:ReplaceNetworkAclAssociation; inverse the same, back to the original.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Swap {
    /// The subnet's VPC.
    pub vpc: String,
    /// The subnet.
    pub subnet: String,
    /// The ACL that it had.
    pub original: String,
    /// The clone's key.
    pub clone: String,
}

/// ec2:CreateNetworkAclEntry that denies; inverse ec2:DeleteNetworkAclEntry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deny {
    /// The clone's VPC.
    pub vpc: String,
    /// The clone's key.
    pub clone: String,
    /// What it denies; its number is below every other rule's that could let it through.
    pub rule: AclRule,
}

impl Change for CreateClone {
    fn call(&self) -> &'static str {
        "ec2:CreateNetworkAcl"
    }

    fn resource(&self) -> String {
        format!("clone of {}", self.original)
    }

    fn inverse(&self) -> &'static str {
        "ec2:DeleteNetworkAcl"
    }

    fn stage(&self) -> Stage {
        Stage::Create
    }

    fn makes(&self) -> Option<&str> {
        Some(&self.clone)
    }

    fn permit(&self, permits: &mut Permits<'_>) {
        let (acls, vpc) = (permits.ec2("network-acl/*"), permits.ec2(&format!("vpc/{}", self.vpc)));
        permits.statement("MakeNetworkAcls").allow(["ec2:CreateNetworkAcl"], [acls.clone(), vpc]);
        permits.tag_new(acls.clone(), "CreateNetworkAcl");
        // Entries are made and deleted by what goes into the clone. Where somebody deletes the original, the copy becomes the subnets' own,
        // and loses its tags.
        let calls =
            ["ec2:CreateNetworkAclEntry", "ec2:DeleteNetworkAclEntry", "ec2:DeleteNetworkAcl", "ec2:DeleteTags"];
        permits.statement("ChangeOwnNetworkAcls").allow(calls, [acls]).on_own();
    }

    fn leftovers<'a>(finder: &'a mut Finder<'_>) -> BoxFuture<'a, Result<(), CloudError>> {
        leftovers::clones(finder).boxed()
    }

    fn vpc(&self) -> Option<&str> {
        Some(&self.vpc)
    }

    fn dry_run<'a>(&'a self, ask: &'a DryRun<'a>) -> BoxFuture<'a, Result<Option<DryRunOutcome>, CloudError>> {
        async {
            let ec2 = &ask.clients.ec2_mutating;
            let call = ec2.create_network_acl().dry_run(true).vpc_id(&self.vpc);
            let call = call.tag_specifications(ask.tags(ResourceType::NetworkAcl, &self.tags)).send();
            let made = match call.await.map_err(CloudError::of(self.call())) {
                Err(error) => return Ok(Some(DryRunOutcome::of(error))),
                Ok(made) => made,
            };
            let id = made.network_acl().and_then(|acl| acl.network_acl_id()).unwrap_or_default();
            let undone = ec2.delete_network_acl().network_acl_id(id).send().await;
            undone.map_err(CloudError::of("ec2:DeleteNetworkAcl"))?;
            Ok(Some(DryRunOutcome::Made(self.call())))
        }
        .boxed()
    }

    fn apply<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<Applied, CloudError>> {
        async {
            let name = format!("gameday clone of {}", self.original);
            let own = [(RUN_TAG, context.run.as_str()), (CLONE_TAG, &self.clone), ("Name", &name)];
            let own = own.into_iter().map(|(key, value)| tag(key, value));
            let asked_for = self.tags.iter().map(|(key, value)| tag(key, value));
            let tags = TagSpecification::builder().resource_type(ResourceType::NetworkAcl);
            let tags = tags.set_tags(Some(own.chain(asked_for).collect())).build();
            let call = context.clients.ec2_mutating.create_network_acl().vpc_id(&self.vpc);
            let call = call.client_token(&self.client_token).tag_specifications(tags).send();
            let answer = context.make(self, call.map(|answer| answer.map_err(CloudError::of(self.call())))).await?;
            let id = answer.network_acl().and_then(|acl| acl.network_acl_id());
            let id = id.ok_or_else(|| CloudError::incomplete(self.call(), "network ACL ID"))?;
            Ok(Applied { id: Some(id.to_owned()) })
        }
        .boxed()
    }

    fn settled<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<Option<Applied>, CloudError>> {
        async {
            let vpc = context.live.vpc(&self.vpc, context.fresh).await?;
            Ok(vpc.clone_of_run(context.run, &self.clone).map(|acl| Applied { id: Some(acl.id.clone()) }))
        }
        .boxed()
    }

    fn undo<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<RevertOutcome, CloudError>> {
        async {
            let Some(acl) = context.made.get(&self.clone) else { return Ok(RevertOutcome::NoOp) };
            if !context.blind && context.live.vpc(&self.vpc, context.fresh).await?.acl(&acl).is_none() {
                return Ok(RevertOutcome::NoOp);
            }
            // A description of any age will do: a later run's clone is older than this restore.
            let vpc = context.live.vpc(&self.vpc, Freshness::Any).await?;
            if let Some(run) = vpc.cloned_by(&acl) {
                let message = format!("run {run} must associate subnets with {acl} again: roll back that run first");
                let operation = "ec2:DeleteNetworkAcl";
                return Err(CloudError { operation, class: ErrorClass::Refused, code: None, message });
            }
            let call = context.clients.ec2_mutating.delete_network_acl().network_acl_id(&acl).send();
            let call = call.map(|answer| gone(answer.map_err(CloudError::of("ec2:DeleteNetworkAcl"))));
            let resource = format!("{acl} ({})", self.resource());
            match context.unmake(self, "ec2:DeleteNetworkAcl", resource, call).await {
                Ok(undone) => Ok(undone),
                Err(error) if error.class == ErrorClass::InUse => self.keep_or_wait(context, &acl, error).await,
                Err(error) => unless_gone(context, &self.vpc, error, |vpc| vpc.acl(&acl).is_some()).await,
            }
        }
        .boxed()
    }
}

impl CreateClone {
    /// Subnets still use the clone. Where its original is gone there is nothing to give them back to: the clone, which has the same
    /// rules, stays as theirs, without the run's tags.
    async fn keep_or_wait(
        &self,
        context: &ChangeContext<'_>,
        acl: &str,
        error: CloudError,
    ) -> Result<RevertOutcome, CloudError> {
        let vpc = context.live.vpc_now(&self.vpc).await?;
        let users = vpc.subnets_of(acl).join(", ");
        if users.is_empty() || vpc.acl(&self.original).is_some() {
            return Err(CloudError { message: format!("{acl} is still used by {users}"), ..error });
        }
        let call = context.clients.ec2_mutating.delete_tags().resources(acl);
        let call = [RUN_TAG, CLONE_TAG, "Name"].iter().fold(call, |call, key| call.tags(key_only(key))).send();
        let call = async { call.await.map(drop).map_err(CloudError::of("ec2:DeleteTags")) };
        context.unmake(self, "ec2:DeleteTags", format!("{acl}: the run's tags"), Box::pin(call)).await?;
        Ok(RevertOutcome::ChangedByOthers(format!(
            "{} was deleted by someone else: {users} keep {acl}, a copy of its rules. To use another one: `aws ec2 --region {} \
             replace-network-acl-association --association-id ASSOCIATION --network-acl-id ACL` for each subnet, then `aws ec2 --region {} \
             delete-network-acl --network-acl-id {acl}`",
            self.original, context.clients.region, context.clients.region
        )))
    }
}

fn key_only(key: &str) -> aws_sdk_ec2::types::Tag {
    aws_sdk_ec2::types::Tag::builder().key(key).build()
}

impl Change for CopyRule {
    fn call(&self) -> &'static str {
        "ec2:CreateNetworkAclEntry"
    }

    fn resource(&self) -> String {
        format!("clone {}: {}", self.clone, self.rule)
    }

    fn inverse(&self) -> &'static str {
        "none: goes with the clone"
    }

    fn stage(&self) -> Stage {
        Stage::Populate
    }

    fn apply<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<Applied, CloudError>> {
        async {
            context.make(self, Box::pin(create_entry(context.clients, context.id(&self.clone)?, &self.rule))).await
        }
        .boxed()
    }

    fn settled<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<Option<Applied>, CloudError>> {
        has_rule(context, &self.vpc, &self.clone, &self.rule).boxed()
    }

    fn undo<'a>(&'a self, _: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<RevertOutcome, CloudError>> {
        async { Ok(RevertOutcome::NoOp) }.boxed()
    }
}

impl Change for Swap {
    fn call(&self) -> &'static str {
        "ec2:ReplaceNetworkAclAssociation"
    }

    fn resource(&self) -> String {
        format!("{}: from {} to its clone", self.subnet, self.original)
    }

    fn inverse(&self) -> &'static str {
        "ec2:ReplaceNetworkAclAssociation to the original"
    }

    fn stage(&self) -> Stage {
        Stage::Associate
    }

    fn permit(&self, permits: &mut Permits<'_>) {
        let resources = [permits.ec2(&format!("subnet/{}", self.subnet)), permits.ec2("network-acl/*")];
        permits.statement("MoveSubnets").allow(["ec2:ReplaceNetworkAclAssociation"], resources);
    }

    fn owns(&self) -> Option<(FactKind, Attribute, Own)> {
        Some((FactKind::Subnet, Attribute::NetworkAcl, Own::Refers))
    }

    fn touches(&self) -> String {
        self.subnet.clone()
    }

    fn drift<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<Option<String>, CloudError>> {
        async {
            let vpc = context.live.vpc(&self.vpc, context.fresh).await?;
            let found = vpc.association(&self.subnet).map_or("no network ACL", |used| used.acl.as_str());
            let same = found == self.original || context.made.get(&self.clone).as_deref() == Some(found);
            Ok((!same).then(|| format!("{} had {}, and has {found}", self.subnet, self.original)))
        }
        .boxed()
    }

    fn dry_run<'a>(&'a self, ask: &'a DryRun<'a>) -> BoxFuture<'a, Result<Option<DryRunOutcome>, CloudError>> {
        async {
            let ec2 = &ask.clients.ec2_mutating;
            let described = Vpc::describe(ask.clients, &self.vpc).await?;
            // To the ACL that it has, so that it would change nothing at all.
            let Some(used) = described.association(&self.subnet) else { return Ok(None) };
            let call = ec2.replace_network_acl_association().dry_run(true).association_id(&used.id);
            let answer = call.network_acl_id(&used.acl).send().await.map_err(CloudError::of(self.call()));
            Ok(Some(answer.map_or_else(DryRunOutcome::of, |_| DryRunOutcome::Made(self.call()))))
        }
        .boxed()
    }

    fn apply<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<Applied, CloudError>> {
        async {
            let vpc = context.live.vpc(&self.vpc, context.fresh).await?;
            let used = vpc
                .association(&self.subnet)
                .ok_or_else(|| CloudError::incomplete("ec2:DescribeNetworkAcls", "association of the subnet"))?;
            context.make(self, replace(context.clients, used.id.clone(), context.id(&self.clone)?)).await?;
            Ok(Applied::default())
        }
        .boxed()
    }

    fn settled<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<Option<Applied>, CloudError>> {
        async {
            let Some(clone) = context.made.get(&self.clone) else { return Ok(None) };
            let vpc = context.live.vpc(&self.vpc, context.fresh).await?;
            Ok(vpc.association(&self.subnet).filter(|used| used.acl == clone).map(|_| Applied::default()))
        }
        .boxed()
    }

    fn undo<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<RevertOutcome, CloudError>> {
        async {
            let vpc = context.live.vpc(&self.vpc, context.fresh).await?;
            let Some(used) = vpc.association(&self.subnet) else {
                return no_longer_there(&vpc, &self.vpc, &self.subnet);
            };
            if used.acl == self.original {
                return Ok(RevertOutcome::NoOp);
            }
            if context.made.get(&self.clone).as_ref() != Some(&used.acl) {
                if let Some(run) = vpc.other_run(&used.acl, context.run) {
                    let message = format!("run {run} has moved it to {}: roll back that run first", used.acl);
                    return Err(CloudError { operation: self.call(), class: ErrorClass::Refused, code: None, message });
                }
                let found = format!("{} was moved to {} by someone else and is left as it is", self.subnet, used.acl);
                return Ok(RevertOutcome::ChangedByOthers(found));
            }
            if self.original.is_empty() {
                let message = format!(
                    "the original network ACL of {} is not known; {} no longer denies traffic. Associate the right one: \
                     aws ec2 replace-network-acl-association",
                    self.subnet, used.acl
                );
                return Err(CloudError { operation: self.call(), class: ErrorClass::Refused, code: None, message });
            }
            if vpc.acl(&self.original).is_none() && !context.blind {
                let (subnet, original, clone) = (&self.subnet, &self.original, &used.acl);
                let found = format!("{original} was deleted by someone else: {subnet} keeps its copy {clone}");
                return Ok(RevertOutcome::ChangedByOthers(found));
            }
            let resource = format!("{}: back to {}", self.subnet, self.original);
            let call = replace(context.clients, used.id.clone(), self.original.clone());
            context.unmake(self, self.call(), resource, call).await?;
            Ok(RevertOutcome::Reverted)
        }
        .boxed()
    }
}

impl Change for Deny {
    fn call(&self) -> &'static str {
        "ec2:CreateNetworkAclEntry"
    }

    fn resource(&self) -> String {
        format!("clone {}: {}", self.clone, self.rule)
    }

    fn inverse(&self) -> &'static str {
        "ec2:DeleteNetworkAclEntry"
    }

    fn stage(&self) -> Stage {
        Stage::Inject
    }

    fn cuts_ipv4(&self) -> bool {
        self.rule.cidr.is_some()
    }

    fn universal(&self, made: &dyn Fn(&str) -> Option<String>) -> Option<Universal> {
        // The clone then behaves as the original; a rollback swaps the associations back later.
        let input = json!({
            "NetworkAclId": made(&self.clone)?, "RuleNumber": self.rule.number, "Egress": self.rule.egress,
        });
        Some(Universal { operation: "ec2:deleteNetworkAclEntry", input })
    }

    fn healed_by(operation: &str, input: &Value) -> Option<Self> {
        if operation != "ec2:deleteNetworkAclEntry" {
            return None;
        }
        let mut rule = AclRule::deny_all(input["Egress"].as_bool()?, false);
        rule.number = i32::try_from(input["RuleNumber"].as_i64()?).ok()?;
        Some(Self { vpc: String::new(), clone: input["NetworkAclId"].as_str()?.to_owned(), rule })
    }

    fn scheduled_alone<'a>(self, _: &'a Finder<'_>) -> BoxFuture<'a, Result<Option<Self>, CloudError>> {
        // Its ACL is gone, or was found by itself.
        async { Ok(None) }.boxed()
    }

    fn permit_heal(&self, permits: &mut Permits<'_>) {
        let acls = permits.ec2("network-acl/*");
        permits.statement("HealNetworkAcls").allow(["ec2:DeleteNetworkAclEntry"], [acls]).on_own();
    }

    fn apply<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<Applied, CloudError>> {
        async {
            context.make(self, Box::pin(create_entry(context.clients, context.id(&self.clone)?, &self.rule))).await
        }
        .boxed()
    }

    fn settled<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<Option<Applied>, CloudError>> {
        has_rule(context, &self.vpc, &self.clone, &self.rule).boxed()
    }

    fn undo<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<RevertOutcome, CloudError>> {
        async {
            // The clone is the run's own, so no look is needed before the call, and none delays it.
            let Some(acl) = context.made.get(&self.clone) else { return Ok(RevertOutcome::NoOp) };
            if !context.blind {
                let vpc = context.live.vpc(&self.vpc, context.fresh).await?;
                if !vpc.acl(&acl).is_some_and(|acl| acl.has_rule(self.rule.number, self.rule.egress)) {
                    return Ok(RevertOutcome::NoOp);
                }
            }
            let call = delete_entry(context.clients, acl.clone(), self.rule.number, self.rule.egress);
            let (number, egress) = (self.rule.number, self.rule.egress);
            match context.unmake(self, "ec2:DeleteNetworkAclEntry", self.resource(), call).await {
                Ok(undone) => Ok(undone),
                Err(error) => {
                    let there = |vpc: &Vpc| vpc.acl(&acl).is_some_and(|acl| acl.has_rule(number, egress));
                    unless_gone(context, &self.vpc, error, there).await
                }
            }
        }
        .boxed()
    }
}

/// A subnet that is not described is gone only where its VPC is: with other credentials, or in another Region, nothing is described.
fn no_longer_there(described: &Vpc, vpc: &str, what: &str) -> Result<RevertOutcome, CloudError> {
    if described.acls().next().is_some() {
        return Ok(RevertOutcome::ChangedByOthers(format!("{what} no longer exists")));
    }
    let message =
        format!("{vpc} is not visible with these credentials at this endpoint, so the state of {what} is unknown");
    Err(CloudError { operation: "ec2:DescribeNetworkAcls", class: ErrorClass::Refused, code: None, message })
}

async fn has_rule(
    context: &ChangeContext<'_>,
    vpc: &str,
    clone: &str,
    rule: &AclRule,
) -> Result<Option<Applied>, CloudError> {
    let Some(clone) = context.made.get(clone) else { return Ok(None) };
    let vpc = context.live.vpc(vpc, context.fresh).await?;
    Ok(vpc.acl(&clone).filter(|acl| acl.rules.contains(rule)).map(|_| Applied::default()))
}

/// Adds a rule.
///
/// # Errors
/// [`CloudError`]; `NetworkAclEntryAlreadyExists` when the number is taken.
pub(crate) async fn create_entry(clients: &RegionClients, acl: String, rule: &AclRule) -> Result<Applied, CloudError> {
    let ports = rule.ports.map(|(from, to)| PortRange::builder().from(from).to(to).build());
    let icmp = rule.icmp.map(|(kind, code)| IcmpTypeCode::builder().r#type(kind).code(code).build());
    let call = clients
        .ec2_mutating
        .create_network_acl_entry()
        .network_acl_id(acl)
        .rule_number(rule.number)
        .protocol(&rule.protocol)
        .rule_action(if rule.allow { RuleAction::Allow } else { RuleAction::Deny })
        .egress(rule.egress)
        .set_cidr_block(rule.cidr.clone())
        .set_ipv6_cidr_block(rule.ipv6_cidr.clone())
        .set_port_range(ports)
        .set_icmp_type_code(icmp);
    call.send().await.map_err(CloudError::of("ec2:CreateNetworkAclEntry"))?;
    Ok(Applied::default())
}

/// Deletes a rule; one that is gone already is fine.
///
/// # Errors
/// [`CloudError`].
pub(crate) async fn delete_entry(
    clients: &RegionClients,
    acl: String,
    number: i32,
    egress: bool,
) -> Result<RevertOutcome, CloudError> {
    let call = clients.ec2_mutating.delete_network_acl_entry().network_acl_id(acl).rule_number(number).egress(egress);
    gone(call.send().await.map_err(CloudError::of("ec2:DeleteNetworkAclEntry")))
}

/// Points a subnet's association at another ACL. `InvalidAssociationID.NotFound` when somebody replaced it meanwhile.
async fn replace(clients: &RegionClients, association: String, acl: String) -> Result<(), CloudError> {
    let call = clients.ec2_mutating.replace_network_acl_association().association_id(association).network_acl_id(acl);
    call.send().await.map(drop).map_err(CloudError::of("ec2:ReplaceNetworkAclAssociation"))
}

/// A call that deletes and fails may have nothing to delete: an earlier try took effect although its answer was lost, or
/// the thing was never made. The error stands only where the thing is still there, or cannot be looked at.
async fn unless_gone(
    context: &ChangeContext<'_>,
    vpc: &str,
    error: CloudError,
    there: impl Fn(&Vpc) -> bool,
) -> Result<RevertOutcome, CloudError> {
    if !matches!(error.class, ErrorClass::Unclear | ErrorClass::Denied) {
        return Err(error);
    }
    match context.live.vpc_now(vpc).await {
        Ok(vpc) if !there(&vpc) => Ok(RevertOutcome::NoOp),
        _ => Err(error),
    }
}

impl From<&NetworkAclEntry> for AclRule {
    fn from(entry: &NetworkAclEntry) -> Self {
        Self {
            number: entry.rule_number().unwrap_or_default(),
            egress: entry.egress().unwrap_or_default(),
            allow: entry.rule_action() == Some(&RuleAction::Allow),
            protocol: entry.protocol().unwrap_or("-1").to_owned(),
            cidr: entry.cidr_block().map(str::to_owned),
            ipv6_cidr: entry.ipv6_cidr_block().map(str::to_owned),
            ports: entry.port_range().and_then(|range| Some((range.from()?, range.to()?))),
            icmp: entry.icmp_type_code().and_then(|icmp| Some((icmp.r#type()?, icmp.code()?))),
        }
    }
}

impl Vpc {
    /// The clone that a run made under that key.
    pub fn clone_of_run(&self, run: &RunId, key: &str) -> Option<&Acl> {
        self.acls().find(|acl| {
            acl.tags.get(RUN_TAG).map(String::as_str) == Some(run.as_str())
                && acl.tags.get(CLONE_TAG).map(String::as_str) == Some(key)
        })
    }

    /// The run that made an ACL, where it is another one.
    fn other_run(&self, acl: &str, own: &RunId) -> Option<&str> {
        let run = self.acl(acl)?.tags.get(RUN_TAG)?;
        (run != own.as_str()).then_some(run)
    }

    /// The run that has cloned an ACL.
    fn cloned_by(&self, acl: &str) -> Option<&str> {
        let clones_it = |key: &String| key.split_once('/').is_some_and(|(_, original)| original == acl);
        let clone = self.acls().find(|other| other.tags.get(CLONE_TAG).is_some_and(clones_it))?;
        clone.tags.get(RUN_TAG).map(String::as_str)
    }
}
