//! Changes of security groups: an empty one in place of what network interfaces and load balancers have, or rules
//! taken out of theirs.
//!
//! The empty group is the run's own and tells in its tags what each target had, so that it can be put back even where
//! the journal is lost.

mod leftovers;
mod rule;
pub(crate) mod snapshot;

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{Filter, IpPermission, ResourceType, TagSpecification};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::cloud::{CloudError, ErrorClass, RegionClients};
use crate::faults::change::{Applied, Change, ChangeContext, RevertOutcome, Stage, Universal, gone};
use crate::faults::dry_run::{DryRun, DryRunOutcome};
use crate::faults::finder::Finder;
use crate::faults::permits::{DESCRIBE_NETWORK, Permits};
use crate::faults::state::{Attribute, FactKind, Own, Part};
use crate::faults::tags::{CLONE_TAG, RUN_TAG, WAS_TAG, tag};

pub(crate) use rule::Revoke;

/// The description of an empty group.
const DESCRIPTION: &str = "GameDay: nothing passes";

/// ec2:CreateSecurityGroup; inverse ec2:DeleteSecurityGroup.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CreateEmpty {
    /// Its VPC.
    pub vpc: String,
    /// Its key.
    pub group: String,
    /// Its name, which no other group of the VPC has.
    pub name: String,
    /// What each target had, by the target's ID.
    pub was: BTreeMap<String, Vec<String>>,
    /// Tags that the environment asks for. Nothing in journals of older versions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// ec2:RevokeSecurityGroupEgress of the rule that EC2 gives every new group; goes when the group goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Empty {
    /// The group's VPC.
    pub vpc: String,
    /// The group's key.
    pub group: String,
}

/// Gives a network interface, a load balancer or a VPC endpoint the empty group instead of its own; inverse its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SwapGroups {
    /// What is changed.
    pub target: Grouped,
    /// The groups that it had, sorted.
    pub was: Vec<String>,
    /// The empty group's key.
    pub group: String,
}

/// Something that has security groups, and the API that changes them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Grouped {
    /// A network interface, by its ID: ec2:ModifyNetworkInterfaceAttribute.
    Interface(String),
    /// A load balancer, by its ARN: elasticloadbalancing:SetSecurityGroups.
    Balancer(String),
    /// An interface VPC endpoint, by its ID: ec2:ModifyVpcEndpoint.
    Endpoint(String),
}

impl Grouped {
    /// What it is, as a fact names it.
    pub fn kind(&self) -> FactKind {
        match self {
            Self::Interface(_) => FactKind::NetworkInterface,
            Self::Balancer(_) => FactKind::LoadBalancer,
            Self::Endpoint(_) => FactKind::VpcEndpoint,
        }
    }

    /// Its ID or ARN.
    pub fn id(&self) -> &str {
        match self {
            Self::Interface(id) | Self::Balancer(id) | Self::Endpoint(id) => id,
        }
    }

    /// As the empty group's tags name it: an ARN's last part, which is short enough.
    pub fn tag_key(&self) -> String {
        format!("{WAS_TAG}{}", self.id().rsplit(':').next().unwrap_or_default())
    }

    fn operation(&self) -> &'static str {
        match self {
            Self::Interface(_) => "ec2:ModifyNetworkInterfaceAttribute",
            Self::Balancer(_) => "elasticloadbalancing:SetSecurityGroups",
            Self::Endpoint(_) => "ec2:ModifyVpcEndpoint",
        }
    }

    /// The groups that it has now, sorted.
    pub(in crate::faults) async fn groups(&self, clients: &RegionClients) -> Result<Vec<String>, CloudError> {
        let mut groups: Vec<String> = match self {
            Self::Interface(id) => {
                let call = clients.ec2.describe_network_interfaces().network_interface_ids(id);
                let answer = call.send().await.map_err(CloudError::of("ec2:DescribeNetworkInterfaces"))?;
                let found = answer.network_interfaces().first();
                let found = found
                    .ok_or_else(|| CloudError::incomplete("ec2:DescribeNetworkInterfaces", "network interface"))?;
                found.groups().iter().filter_map(|group| group.group_id().map(str::to_owned)).collect()
            }
            Self::Balancer(arn) => {
                let call = clients.reading.elb.describe_load_balancers().load_balancer_arns(arn);
                let answer = call.send().await.map_err(CloudError::of("elasticloadbalancing:DescribeLoadBalancers"))?;
                let found = answer.load_balancers().first().ok_or_else(|| {
                    CloudError::incomplete("elasticloadbalancing:DescribeLoadBalancers", "load balancer")
                })?;
                found.security_groups().to_vec()
            }
            Self::Endpoint(id) => {
                let call = clients.ec2.describe_vpc_endpoints().vpc_endpoint_ids(id);
                let answer = call.send().await.map_err(CloudError::of("ec2:DescribeVpcEndpoints"))?;
                let found = answer.vpc_endpoints().first();
                let found = found.ok_or_else(|| CloudError::incomplete("ec2:DescribeVpcEndpoints", "VPC endpoint"))?;
                found.groups().iter().filter_map(|group| group.group_id().map(str::to_owned)).collect()
            }
        };
        groups.sort();
        Ok(groups)
    }

    /// To give it groups, named by what follows `security-group/`.
    fn permit<'a>(&self, name: &'static str, groups: impl Iterator<Item = &'a str>, permits: &mut Permits<'_>) {
        let groups = groups.map(|group| permits.ec2(&format!("security-group/{group}")));
        let resources: Vec<String> = match self {
            Self::Interface(id) => groups.chain([permits.ec2(&format!("network-interface/{id}"))]).collect(),
            Self::Endpoint(id) => groups.chain([permits.ec2(&format!("vpc-endpoint/{id}"))]).collect(),
            Self::Balancer(arn) => vec![arn.clone()],
        };
        permits.statement(name).allow([self.operation()], resources);
    }

    async fn give(&self, clients: &RegionClients, from: &[String], to: &[String]) -> Result<(), CloudError> {
        match self {
            Self::Interface(id) => {
                let call = clients.ec2_mutating.modify_network_interface_attribute().network_interface_id(id);
                let call = call.set_groups(Some(to.to_vec())).send();
                call.await.map(drop).map_err(CloudError::of(self.operation()))
            }
            Self::Balancer(arn) => {
                let call = clients.mutating.elb.set_security_groups().load_balancer_arn(arn);
                let call = call.set_security_groups(Some(to.to_vec())).send();
                call.await.map(drop).map_err(CloudError::of(self.operation()))
            }
            Self::Endpoint(id) => {
                let call = clients.ec2_mutating.modify_vpc_endpoint().vpc_endpoint_id(id);
                let call = call.set_add_security_group_ids(Some(to.to_vec()));
                let call = call.set_remove_security_group_ids(Some(from.to_vec())).send();
                call.await.map(drop).map_err(CloudError::of(self.operation()))
            }
        }
    }
}

impl Change for CreateEmpty {
    fn call(&self) -> &'static str {
        "ec2:CreateSecurityGroup"
    }

    fn resource(&self) -> String {
        format!("empty security group {}", self.group)
    }

    fn inverse(&self) -> &'static str {
        "ec2:DeleteSecurityGroup"
    }

    fn stage(&self) -> Stage {
        Stage::Create
    }

    fn makes(&self) -> Option<&str> {
        Some(&self.group)
    }

    fn permit(&self, permits: &mut Permits<'_>) {
        let (groups, vpc) = (permits.ec2("security-group/*"), permits.ec2(&format!("vpc/{}", self.vpc)));
        permits.statement("MakeSecurityGroups").allow(["ec2:CreateSecurityGroup"], [groups.clone(), vpc]);
        permits.tag_new(groups.clone(), "CreateSecurityGroup");
        let calls = ["ec2:RevokeSecurityGroupEgress", "ec2:DeleteSecurityGroup"];
        permits.statement("ChangeOwnSecurityGroups").allow(calls, [groups]).on_own();
    }

    fn leftovers<'a>(finder: &'a mut Finder<'_>) -> BoxFuture<'a, Result<(), CloudError>> {
        leftovers::empty_groups(finder).boxed()
    }

    fn vpc(&self) -> Option<&str> {
        Some(&self.vpc)
    }

    fn dry_run<'a>(&'a self, ask: &'a DryRun<'a>) -> BoxFuture<'a, Result<Option<DryRunOutcome>, CloudError>> {
        async {
            let ec2 = &ask.clients.ec2_mutating;
            let call = ec2.create_security_group().dry_run(true).vpc_id(&self.vpc).group_name(&self.name);
            let call = call.description(DESCRIPTION);
            let call = call.tag_specifications(ask.tags(ResourceType::SecurityGroup, &self.tags)).send();
            let made = match call.await.map_err(CloudError::of(self.call())) {
                Err(error) => return Ok(Some(DryRunOutcome::of(error))),
                Ok(made) => made,
            };
            let undone = ec2.delete_security_group().set_group_id(made.group_id).send().await;
            undone.map_err(CloudError::of("ec2:DeleteSecurityGroup"))?;
            Ok(Some(DryRunOutcome::Made(self.call())))
        }
        .boxed()
    }

    fn apply<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<Applied, CloudError>> {
        async {
            let mut tags = TagSpecification::builder()
                .resource_type(ResourceType::SecurityGroup)
                .tags(tag(RUN_TAG, context.run.as_str()))
                .tags(tag(CLONE_TAG, &self.group));
            for (key, value) in &self.tags {
                tags = tags.tags(tag(key, value));
            }
            for (key, groups) in &self.was {
                tags = tags.tags(tag(key, &groups.join(" ")));
            }
            let call = context.clients.ec2_mutating.create_security_group().vpc_id(&self.vpc).group_name(&self.name);
            let call = call.description(DESCRIPTION).tag_specifications(tags.build()).send();
            let answer = async { call.await.map_err(CloudError::of(self.call())) };
            let answer = context.make(self, Box::pin(answer)).await?;
            let id = answer.group_id().ok_or_else(|| CloudError::incomplete(self.call(), "security group ID"))?;
            Ok(Applied { id: Some(id.to_owned()) })
        }
        .boxed()
    }

    fn settled<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<Option<Applied>, CloudError>> {
        async {
            let filter = |name: &str, value: &str| Filter::builder().name(name).values(value).build();
            let call = context.clients.ec2.describe_security_groups();
            let call = call.filters(filter("vpc-id", &self.vpc)).filters(filter("group-name", &self.name));
            let answer = call.send().await.map_err(CloudError::of("ec2:DescribeSecurityGroups"))?;
            let id = answer.security_groups().first().and_then(|group| group.group_id());
            Ok(id.map(|id| Applied { id: Some(id.to_owned()) }))
        }
        .boxed()
    }

    fn undo<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<RevertOutcome, CloudError>> {
        async {
            let Some(group) = context.made.get(&self.group) else { return Ok(RevertOutcome::NoOp) };
            if !context.blind && self.settled(context).await?.is_none() {
                return Ok(RevertOutcome::NoOp);
            }
            let call = context.clients.ec2_mutating.delete_security_group().group_id(&group).send();
            let call = call.map(|answer| gone(answer.map_err(CloudError::of("ec2:DeleteSecurityGroup"))));
            let resource = format!("{group} ({})", self.resource());
            match context.unmake(self, "ec2:DeleteSecurityGroup", resource, call).await {
                Err(error) if error.class == ErrorClass::InUse => {
                    Err(CloudError { message: format!("{group} is still in use"), ..error })
                }
                other => other,
            }
        }
        .boxed()
    }
}

impl Empty {
    async fn rules(&self, context: &ChangeContext<'_>) -> Result<(String, Vec<IpPermission>), CloudError> {
        let id = context.id(&self.group)?;
        let call = context.clients.ec2.describe_security_groups().group_ids(&id);
        let answer = call.send().await.map_err(CloudError::of("ec2:DescribeSecurityGroups"))?;
        let group = answer.security_groups().first();
        let group = group.ok_or_else(|| CloudError::incomplete("ec2:DescribeSecurityGroups", "security group"))?;
        Ok((id, group.ip_permissions_egress().to_vec()))
    }
}

impl Change for Empty {
    fn call(&self) -> &'static str {
        "ec2:RevokeSecurityGroupEgress"
    }

    fn resource(&self) -> String {
        format!("security group {}: every egress rule", self.group)
    }

    fn inverse(&self) -> &'static str {
        "none: goes with the group"
    }

    fn stage(&self) -> Stage {
        Stage::Populate
    }

    fn apply<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<Applied, CloudError>> {
        async {
            let (id, rules) = self.rules(context).await?;
            if !rules.is_empty() {
                let call = context.clients.ec2_mutating.revoke_security_group_egress().group_id(id);
                let call = call.set_ip_permissions(Some(rules)).send();
                let call = async { call.await.map(drop).map_err(CloudError::of(self.call())) };
                context.make(self, Box::pin(call)).await?;
            }
            Ok(Applied::default())
        }
        .boxed()
    }

    fn settled<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<Option<Applied>, CloudError>> {
        async { Ok(self.rules(context).await?.1.is_empty().then(Applied::default)) }.boxed()
    }

    fn undo<'a>(&'a self, _: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<RevertOutcome, CloudError>> {
        async { Ok(RevertOutcome::NoOp) }.boxed()
    }
}

impl Change for SwapGroups {
    fn call(&self) -> &'static str {
        self.target.operation()
    }

    fn resource(&self) -> String {
        format!("{}: security groups {} replaced by {}", self.target.id(), self.was.join(", "), self.group)
    }

    fn inverse(&self) -> &'static str {
        match self.target {
            Grouped::Interface(_) => "ec2:ModifyNetworkInterfaceAttribute to its own groups",
            Grouped::Balancer(_) => "elasticloadbalancing:SetSecurityGroups to its own groups",
            Grouped::Endpoint(_) => "ec2:ModifyVpcEndpoint to its own groups",
        }
    }

    fn stage(&self) -> Stage {
        Stage::Inject
    }

    fn cuts_ipv4(&self) -> bool {
        true
    }

    fn universal(&self, made: &dyn Fn(&str) -> Option<String>) -> Option<Universal> {
        Some(match &self.target {
            Grouped::Interface(id) => Universal {
                operation: "ec2:modifyNetworkInterfaceAttribute",
                input: json!({ "NetworkInterfaceId": id, "Groups": self.was }),
            },
            Grouped::Balancer(arn) => Universal {
                operation: "elasticloadbalancingv2:setSecurityGroups",
                input: json!({ "LoadBalancerArn": arn, "SecurityGroups": self.was }),
            },
            Grouped::Endpoint(id) => Universal {
                operation: "ec2:modifyVpcEndpoint",
                input: json!({
                    "VpcEndpointId": id,
                    "AddSecurityGroupIds": self.was,
                    "RemoveSecurityGroupIds": [made(&self.group)?],
                }),
            },
        })
    }

    fn permit(&self, permits: &mut Permits<'_>) {
        // The empty group has no ID yet.
        self.target.permit("SwapSecurityGroups", ["*"].into_iter(), permits);
        if matches!(self.target, Grouped::Balancer(_)) {
            let calls = ["elasticloadbalancing:DescribeLoadBalancers", "elasticloadbalancing:DescribeTags"];
            permits.statement(DESCRIBE_NETWORK).allow(calls, ["*".to_owned()]);
        }
    }

    fn healed_by(operation: &str, input: &Value) -> Option<Self> {
        leftovers::swap_healed_by(operation, input)
    }

    fn same_target(&self, other: &Self) -> bool {
        self.target == other.target
    }

    fn scheduled_alone<'a>(self, finder: &'a Finder<'_>) -> BoxFuture<'a, Result<Option<Self>, CloudError>> {
        async {
            let group = leftovers::empty_group_on(finder.clients, &self.target).await?;
            Ok(group.map(|group| Self { group, ..self }))
        }
        .boxed()
    }

    fn permit_heal(&self, permits: &mut Permits<'_>) {
        self.target.permit("HealSecurityGroups", self.was.iter().map(String::as_str), permits);
    }

    fn owns(&self) -> Option<(FactKind, Attribute, Own)> {
        Some((self.target.kind(), Attribute::Groups, Own::Refers))
    }

    fn described_by(&self) -> Option<Part> {
        matches!(self.target, Grouped::Balancer(_)).then_some(Part::LoadBalancer)
    }

    fn touches(&self) -> String {
        self.target.id().to_owned()
    }

    fn drift<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<Option<String>, CloudError>> {
        async {
            let now = self.target.groups(context.clients).await?;
            let own = context.made.get(&self.group).is_some_and(|empty| now == [empty]);
            let (id, was) = (self.target.id(), self.was.join(", "));
            Ok((now != self.was && !own).then(|| format!("{id} had {was}, and has {}", now.join(", "))))
        }
        .boxed()
    }

    fn apply<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<Applied, CloudError>> {
        async {
            let empty = [context.id(&self.group)?];
            context.make(self, Box::pin(self.target.give(context.clients, &self.was, &empty))).await?;
            Ok(Applied::default())
        }
        .boxed()
    }

    fn settled<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<Option<Applied>, CloudError>> {
        async {
            let Some(empty) = context.made.get(&self.group) else { return Ok(None) };
            Ok((self.target.groups(context.clients).await? == [empty]).then(Applied::default))
        }
        .boxed()
    }

    fn undo<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<RevertOutcome, CloudError>> {
        async {
            let id = self.target.id();
            let now = match self.target.groups(context.clients).await {
                Err(error) if error.class == ErrorClass::NotFound => {
                    return Ok(RevertOutcome::ChangedByOthers(format!("{id} no longer exists")));
                }
                other => other?,
            };
            let empty = context.made.get(&self.group);
            let own = empty.as_ref().is_some_and(|empty| now == [empty.clone()]);
            if now == self.was {
                // An endpoint's groups are given and taken one by one, so that only a difference can be sent.
                let repeatable = !matches!(self.target, Grouped::Endpoint(_));
                if !(context.blind && repeatable && empty.is_some()) {
                    return Ok(RevertOutcome::NoOp);
                }
            } else if !own {
                let found = format!("{id} was changed to {} by someone else and is left as it is", now.join(", "));
                return Ok(RevertOutcome::ChangedByOthers(found));
            }
            let resource = format!("{id}: security groups back to {}", self.was.join(", "));
            let call = Box::pin(self.target.give(context.clients, &now, &self.was));
            context.unmake(self, self.call(), resource, call).await?;
            Ok(RevertOutcome::Reverted)
        }
        .boxed()
    }
}
