//! The described state of what faults change: taken before, and compared after.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::Filter;

use crate::cloud::{Cloud, CloudError, RegionClients};
use crate::model::{Region, sha256};

use super::changes::mark::Marked;
use super::changes::security_group::GroupRule;
use super::changes::{function, health_check, limit};
use super::network::Vpc;

/// What to describe.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    /// VPCs, for their network ACLs and who uses them.
    pub vpcs: BTreeSet<(Region, String)>,
    /// VPCs, for their security groups and who uses them.
    pub groups: BTreeSet<(Region, String)>,
    /// Health checks.
    pub health_checks: BTreeSet<(Region, String)>,
    /// Lambda functions.
    pub functions: BTreeSet<(Region, String)>,
    /// Regions, for the limit of sign-ins.
    pub limits: BTreeSet<Region>,
    /// User pools, by ARN, for their tags.
    pub pools: BTreeSet<(Region, String)>,
}

impl Scope {
    /// Adds another scope.
    pub fn add(&mut self, other: Self) {
        self.vpcs.extend(other.vpcs);
        self.groups.extend(other.groups);
        self.health_checks.extend(other.health_checks);
        self.functions.extend(other.functions);
        self.limits.extend(other.limits);
        self.pools.extend(other.pools);
    }
}

/// The security groups of a VPC and what uses them, fact by fact.
async fn security_groups(clients: &RegionClients, vpc: &str) -> Result<BTreeMap<String, String>, CloudError> {
    let filter = || Filter::builder().name("vpc-id").values(vpc).build();
    let mut facts = BTreeMap::new();
    let mut pages = clients.ec2.describe_security_groups().filters(filter()).into_paginator().send();
    while let Some(page) = pages.next().await {
        for group in page.map_err(CloudError::of("ec2:DescribeSecurityGroups"))?.security_groups() {
            let id = group.group_id().unwrap_or_default();
            facts.insert(format!("security group {id}"), group.group_name().unwrap_or_default().to_owned());
            let rules = [("ingress", group.ip_permissions()), ("egress", group.ip_permissions_egress())];
            for (direction, permissions) in rules {
                for rule in permissions.iter().flat_map(GroupRule::of) {
                    facts.insert(format!("security group {id} {direction} {rule}"), format!("{:?}", rule.description));
                }
            }
            for (key, value) in group.tags().iter().filter_map(|tag| Some((tag.key()?, tag.value()?))) {
                facts.insert(format!("security group {id} tag {key}"), value.to_owned());
            }
        }
    }
    let mut pages = clients.ec2.describe_network_interfaces().filters(filter()).into_paginator().send();
    while let Some(page) = pages.next().await {
        for interface in page.map_err(CloudError::of("ec2:DescribeNetworkInterfaces"))?.network_interfaces() {
            let mut groups: Vec<&str> = interface.groups().iter().filter_map(|group| group.group_id()).collect();
            groups.sort_unstable();
            let id = interface.network_interface_id().unwrap_or_default();
            facts.insert(format!("network interface {id} security groups"), groups.join(", "));
        }
    }
    let mut pages = clients.ec2.describe_vpc_endpoints().filters(filter()).into_paginator().items().send();
    while let Some(endpoint) = pages.next().await {
        let endpoint = endpoint.map_err(CloudError::of("ec2:DescribeVpcEndpoints"))?;
        let mut groups: Vec<&str> = endpoint.groups().iter().filter_map(|group| group.group_id()).collect();
        groups.sort_unstable();
        let id = endpoint.vpc_endpoint_id().unwrap_or_default();
        facts.insert(format!("VPC endpoint {id} security groups"), groups.join(", "));
    }
    Ok(facts)
}

/// The tags of what can be marked, as facts.
async fn tags(clients: &RegionClients, on: Marked) -> Result<BTreeMap<String, String>, CloudError> {
    Ok(on.tags(clients).await?.into_iter().map(|(key, value)| (format!("tag {key}"), value)).collect())
}

/// What was described: facts by resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State(BTreeMap<String, BTreeMap<String, String>>);

impl State {
    /// Describes everything in a scope.
    ///
    /// # Errors
    /// [`CloudError`].
    pub async fn describe(cloud: &Cloud, scope: &Scope) -> Result<Self, CloudError> {
        let mut state: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        for (region, vpc) in &scope.vpcs {
            let described = Vpc::describe(cloud.of(region)?, vpc).await?;
            state.entry(format!("{vpc} in {region}")).or_default().extend(described.facts());
        }
        for (region, vpc) in &scope.groups {
            let facts = security_groups(cloud.of(region)?, vpc).await?;
            state.entry(format!("{vpc} in {region}")).or_default().extend(facts);
        }
        for (region, id) in &scope.health_checks {
            let described = health_check::describe(cloud.of(region)?, id).await?;
            let config = described.config;
            let facts = [
                ("inverted", config.inverted().unwrap_or_default().to_string()),
                ("disabled", config.disabled().unwrap_or_default().to_string()),
                ("failure threshold", format!("{:?}", config.failure_threshold())),
            ];
            let mut facts: BTreeMap<_, _> = facts.map(|(fact, value)| (fact.to_owned(), value)).into();
            facts.extend(tags(cloud.of(region)?, Marked::HealthCheck(id.clone())).await?);
            state.insert(format!("health check {id}"), facts);
        }
        for (region, function) in &scope.functions {
            let reserved = function::reserved(cloud.of(region)?, function).await?;
            let reserved = reserved.map_or_else(|| "none".to_owned(), |number| number.to_string());
            let mut facts = BTreeMap::from([("reserved concurrency".to_owned(), reserved)]);
            facts.extend(tags(cloud.of(region)?, Marked::Function(function.clone())).await?);
            state.insert(function.clone(), facts);
        }
        for region in &scope.limits {
            let limit = limit::provisioned(cloud.of(region)?).await?.provisioned;
            let facts = BTreeMap::from([("provisioned limit".to_owned(), format!("{limit}/s"))]);
            state.insert(format!("sign-ins in {region}"), facts);
        }
        for (region, pool) in &scope.pools {
            state.insert(pool.clone(), tags(cloud.of(region)?, Marked::Pool(pool.clone())).await?);
        }
        Ok(Self(state))
    }

    /// What is different in a later description, in words.
    pub fn differences(&self, later: &Self) -> Vec<String> {
        let mut words = Vec::new();
        let nothing = BTreeMap::new();
        for resource in self.0.keys().chain(later.0.keys()).collect::<BTreeSet<_>>() {
            let was = self.0.get(resource).unwrap_or(&nothing);
            let is = later.0.get(resource).unwrap_or(&nothing);
            for fact in was.keys().chain(is.keys()).collect::<BTreeSet<_>>() {
                match (was.get(fact), is.get(fact)) {
                    (Some(was), Some(is)) if was != is => {
                        words.push(format!("{resource}: {fact} was {was}, is {is}"));
                    }
                    (Some(_), None) => words.push(format!("{resource}: {fact} is gone")),
                    (None, Some(is)) => words.push(format!("{resource}: {fact} is new: {is}")),
                    _ => {}
                }
            }
        }
        words
    }

    /// SHA-256 of everything in it.
    pub fn digest(&self) -> String {
        sha256(serde_json::to_string(&self.0).unwrap_or_default().as_bytes())
    }
}
