use std::collections::BTreeMap;

use aws_sdk_ec2::types::{Filter, Tag};

use super::{Attribute, Fact, Kind, Resource, Scope, State, Value};
use crate::cloud::{Cloud, CloudError, ErrorClass, RegionClients};
use crate::faults::changes::group_rule::{self, GroupRule};
use crate::faults::changes::lock::LOCK_GROUP;
use crate::faults::changes::mark::Marked;
use crate::faults::changes::security_group::Grouped;
use crate::faults::changes::{function, health_check, limit};
use crate::faults::network::Vpc;
use crate::model::{Region, RunId};

/// Nothing of what is not there.
fn there<T>(answer: Result<T, CloudError>) -> Result<Option<T>, CloudError> {
    match answer {
        Ok(it) => Ok(Some(it)),
        Err(error) if error.class == ErrorClass::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn text(value: impl Into<String>) -> Value {
    Value::Text(value.into())
}

fn ids<'a>(ids: impl Iterator<Item = &'a str>) -> Value {
    let mut ids: Vec<String> = ids.map(str::to_owned).collect();
    ids.sort();
    Value::Ids(ids)
}

impl State {
    fn add(&mut self, region: &Region, kind: Kind, id: &str, facts: impl IntoIterator<Item = (Attribute, Value)>) {
        let resource = Resource { region: region.clone(), kind, id: id.to_owned() };
        let fact = |attribute| Fact { resource: resource.clone(), attribute };
        self.facts.extend(facts.into_iter().map(|(attribute, value)| (fact(attribute), value)));
    }

    fn add_tags(&mut self, region: &Region, kind: Kind, id: &str, tags: BTreeMap<String, String>) {
        self.add(region, kind, id, tags.into_iter().map(|(key, value)| (Attribute::Tag(key), Value::Text(value))));
    }

    pub(super) async fn network(&mut self, cloud: &Cloud, scope: &Scope) -> Result<(), CloudError> {
        for (region, vpc) in &scope.vpcs {
            self.network_acls(region, &Vpc::describe(cloud.of(region)?, vpc).await?);
        }
        for (region, vpc) in &scope.groups {
            self.security_groups(cloud.of(region)?, vpc).await?;
        }
        for (region, group) in &scope.rules {
            if let Some(rules) = there(group_rule::described(cloud.of(region)?, group).await)? {
                for own in rules {
                    let attribute = Attribute::GroupRule { egress: own.egress, rule: own.rule.undescribed() };
                    let value = Value::Rule { description: own.rule.description, tags: own.tags };
                    self.add(region, Kind::SecurityGroup, group, [(attribute.clone(), value)]);
                    let resource = Resource { region: region.clone(), kind: Kind::SecurityGroup, id: group.clone() };
                    self.rule_ids.insert(Fact { resource, attribute }, own.id);
                }
            }
        }
        for (region, arn) in &scope.balancers {
            let groups = Grouped::Balancer(arn.clone()).groups(cloud.of(region)?).await;
            if let Some(groups) = there(groups)? {
                self.add(region, Kind::LoadBalancer, arn, [(Attribute::Groups, Value::Ids(groups))]);
            }
        }
        Ok(())
    }

    /// Everything but association IDs, which change with every replacement.
    fn network_acls(&mut self, region: &Region, described: &Vpc) {
        for acl in described.acls() {
            let name = if acl.default { "default" } else { "custom" };
            self.add(region, Kind::NetworkAcl, &acl.id, [(Attribute::Name, text(name))]);
            let rules = acl.rules.iter().map(|rule| {
                let (egress, number, ipv6) = (rule.egress, rule.number, rule.ipv6_cidr.is_some());
                (Attribute::AclRule { egress, number, ipv6 }, text(rule.effect()))
            });
            self.add(region, Kind::NetworkAcl, &acl.id, rules);
            self.add_tags(region, Kind::NetworkAcl, &acl.id, acl.tags.clone());
        }
        for (subnet, used) in described.associations() {
            let used = Value::Ids(vec![used.acl.clone()]);
            self.add(region, Kind::Subnet, subnet, [(Attribute::NetworkAcl, used)]);
        }
    }

    async fn security_groups(&mut self, clients: &RegionClients, vpc: &str) -> Result<(), CloudError> {
        let region = &clients.region;
        let filter = || Filter::builder().name("vpc-id").values(vpc).build();
        let mut pages = clients.ec2.describe_security_groups().filters(filter()).into_paginator().items().send();
        while let Some(group) = pages.next().await {
            let group = group.map_err(CloudError::of("ec2:DescribeSecurityGroups"))?;
            let id = group.group_id().unwrap_or_default();
            // The run's own lock, which stays until everything was compared.
            if group.group_name() == Some(LOCK_GROUP) {
                continue;
            }
            let name = text(group.group_name().unwrap_or_default());
            self.add(region, Kind::SecurityGroup, id, [(Attribute::Name, name)]);
            for (egress, permissions) in [(false, group.ip_permissions()), (true, group.ip_permissions_egress())] {
                let rules = permissions.iter().flat_map(GroupRule::of).map(|rule| {
                    let attribute = Attribute::GroupRule { egress, rule: rule.undescribed() };
                    (attribute, Value::Rule { description: rule.description, tags: BTreeMap::new() })
                });
                self.add(region, Kind::SecurityGroup, id, rules);
            }
            self.add_tags(region, Kind::SecurityGroup, id, of_ec2(group.tags()));
        }
        let mut pages = clients.ec2.describe_network_interfaces().filters(filter()).into_paginator().items().send();
        while let Some(interface) = pages.next().await {
            let interface = interface.map_err(CloudError::of("ec2:DescribeNetworkInterfaces"))?;
            let groups = ids(interface.groups().iter().filter_map(|group| group.group_id()));
            let id = interface.network_interface_id().unwrap_or_default();
            self.add(region, Kind::NetworkInterface, id, [(Attribute::Groups, groups)]);
        }
        let mut pages = clients.ec2.describe_vpc_endpoints().filters(filter()).into_paginator().items().send();
        while let Some(endpoint) = pages.next().await {
            let endpoint = endpoint.map_err(CloudError::of("ec2:DescribeVpcEndpoints"))?;
            let groups = ids(endpoint.groups().iter().filter_map(|group| group.group_id()));
            let id = endpoint.vpc_endpoint_id().unwrap_or_default();
            self.add(region, Kind::VpcEndpoint, id, [(Attribute::Groups, groups)]);
        }
        Ok(())
    }

    pub(super) async fn services(&mut self, cloud: &Cloud, scope: &Scope) -> Result<(), CloudError> {
        for (region, id) in &scope.health_checks {
            let clients = cloud.of(region)?;
            let Some(described) = there(health_check::describe(clients, id).await)? else { continue };
            let config = &described.config;
            let facts = [
                (Attribute::Inverted, text(described.inverted().to_string())),
                (Attribute::Disabled, text(config.disabled().unwrap_or_default().to_string())),
                (Attribute::FailureThreshold, text(format!("{:?}", config.failure_threshold()))),
            ];
            self.add(region, Kind::HealthCheck, id, facts);
            let tags = there(Marked::HealthCheck(id.clone()).tags(clients).await)?.unwrap_or_default();
            self.add_tags(region, Kind::HealthCheck, id, tags);
        }
        for (region, arn) in &scope.functions {
            let clients = cloud.of(region)?;
            let Some(reserved) = there(function::reserved(clients, arn).await)? else { continue };
            self.add(
                region,
                Kind::Function,
                arn,
                [(Attribute::ReservedConcurrency, text(function::reserved_text(reserved)))],
            );
            let tags = there(Marked::Function(arn.clone()).tags(clients).await)?.unwrap_or_default();
            self.add_tags(region, Kind::Function, arn, tags);
        }
        for region in &scope.limits {
            let limit = limit::provisioned(cloud.of(region)?).await?.provisioned;
            self.add(region, Kind::Limit, limit::LIMIT, [(Attribute::ProvisionedLimit, text(limit::rate_text(limit)))]);
        }
        for (region, arn) in &scope.pools {
            let tags = there(Marked::Pool(arn.clone()).tags(cloud.of(region)?).await)?.unwrap_or_default();
            self.add_tags(region, Kind::UserPool, arn, tags);
        }
        if let Some(run) = &scope.run {
            for (region, group) in &scope.schedules {
                self.schedules(cloud.of(region)?, group, run).await?;
            }
        }
        Ok(())
    }

    async fn schedules(&mut self, clients: &RegionClients, group: &str, run: &RunId) -> Result<(), CloudError> {
        let call = clients.reading.scheduler.list_schedules().group_name(group).name_prefix(run.as_str());
        let mut pages = call.into_paginator().items().send();
        while let Some(schedule) = pages.next().await {
            let schedule = schedule.map_err(CloudError::of("scheduler:ListSchedules"))?;
            let name = schedule.name().unwrap_or_default();
            self.add(&clients.region, Kind::Schedule, name, [(Attribute::Name, text(group))]);
        }
        Ok(())
    }
}

fn of_ec2(tags: &[Tag]) -> BTreeMap<String, String> {
    tags.iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned()))).collect()
}
