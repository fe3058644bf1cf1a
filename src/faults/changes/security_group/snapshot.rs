//! The security groups of a VPC and who has them, the rules of a group, and the groups of a load balancer.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::Filter;

use super::Grouped;
use crate::cloud::{CloudError, RegionClients};
use crate::faults::changes::group_rule::{self, GroupRule};
use crate::faults::changes::lock::LOCK_GROUP;
use crate::faults::finder::tags;
use crate::faults::state::{Attribute, FactKind, Snapshot, State, Value, ids, text, there};

/// Of a VPC, by its ID.
pub(crate) const GROUPS: Snapshot = Snapshot {
    reads: &["ec2:DescribeNetworkInterfaces"],
    describe: |clients, vpc, state| Box::pin(groups(clients, vpc, state)),
};

/// Of a group, by its ID: the IDs and tags of its rules, too.
pub(crate) const RULES: Snapshot = Snapshot {
    reads: &["ec2:DescribeSecurityGroupRules"],
    describe: |clients, group, state| Box::pin(rules(clients, group, state)),
};

/// Of a load balancer, by its ARN; of interfaces and VPC endpoints, [`GROUPS`] tells.
pub(crate) const BALANCER: Snapshot =
    Snapshot { reads: &[], describe: |clients, arn, state| Box::pin(balancer(clients, arn, state)) };

async fn groups(clients: &RegionClients, vpc: &str, state: &mut State) -> Result<(), CloudError> {
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
        state.add(region, FactKind::SecurityGroup, id, [(Attribute::Name, name)]);
        for (egress, permissions) in [(false, group.ip_permissions()), (true, group.ip_permissions_egress())] {
            let rules = permissions.iter().flat_map(GroupRule::of).map(|rule| {
                let attribute = Attribute::GroupRule { egress, rule: rule.undescribed() };
                (attribute, Value::Rule { description: rule.description, tags: BTreeMap::new() })
            });
            state.add(region, FactKind::SecurityGroup, id, rules);
        }
        state.add_tags(region, FactKind::SecurityGroup, id, tags(group.tags()));
    }
    let mut pages = clients.ec2.describe_network_interfaces().filters(filter()).into_paginator().items().send();
    while let Some(interface) = pages.next().await {
        let interface = interface.map_err(CloudError::of("ec2:DescribeNetworkInterfaces"))?;
        let groups = ids(interface.groups().iter().filter_map(|group| group.group_id()));
        let id = interface.network_interface_id().unwrap_or_default();
        state.add(region, FactKind::NetworkInterface, id, [(Attribute::Groups, groups)]);
    }
    let mut pages = clients.ec2.describe_vpc_endpoints().filters(filter()).into_paginator().items().send();
    while let Some(endpoint) = pages.next().await {
        let endpoint = endpoint.map_err(CloudError::of("ec2:DescribeVpcEndpoints"))?;
        let groups = ids(endpoint.groups().iter().filter_map(|group| group.group_id()));
        let id = endpoint.vpc_endpoint_id().unwrap_or_default();
        state.add(region, FactKind::VpcEndpoint, id, [(Attribute::Groups, groups)]);
    }
    Ok(())
}

async fn rules(clients: &RegionClients, group: &str, state: &mut State) -> Result<(), CloudError> {
    for own in there(group_rule::described(clients, group).await)?.unwrap_or_default() {
        let attribute = Attribute::GroupRule { egress: own.egress, rule: own.rule.undescribed() };
        let value = Value::Rule { description: own.rule.description, tags: own.tags };
        state.add(&clients.region, FactKind::SecurityGroup, group, [(attribute.clone(), value)]);
        state.add_rule_id(&clients.region, group, attribute, own.id);
    }
    Ok(())
}

async fn balancer(clients: &RegionClients, arn: &str, state: &mut State) -> Result<(), CloudError> {
    if let Some(groups) = there(Grouped::Balancer(arn.to_owned()).groups(clients).await)? {
        state.add(&clients.region, FactKind::LoadBalancer, arn, [(Attribute::Groups, Value::Ids(groups))]);
    }
    Ok(())
}
