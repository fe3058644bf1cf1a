//! Finds empty security groups and marked ones that runs left, and what schedules tell of them.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::SecurityGroup;
use serde_json::Value;

use super::{CreateEmpty, Grouped, Revoke, SwapGroups};
use crate::cloud::{CloudError, ErrorClass, RegionClients};
use crate::faults::changes::group_rule::GroupRule;
use crate::faults::changes::mark::Marked;
use crate::faults::finder::{Finder, is_gone, tagged, tags};
use crate::faults::tags::{CLONE_TAG, MARK_TAG, RUN_TAG, RUNS_BEGIN, WAS_TAG};

/// Empty groups, by their tags, which tell what each target had.
pub(super) async fn empty_groups(finder: &mut Finder<'_>) -> Result<(), CloudError> {
    let mut pages = finder.clients.ec2.describe_security_groups().filters(tagged(RUN_TAG)).into_paginator().send();
    while let Some(page) = pages.next().await {
        for group in page.map_err(CloudError::of("ec2:DescribeSecurityGroups"))?.security_groups() {
            let tags = tags(group.tags());
            let (Some(run), Some(key), Some(vpc), Some(name)) =
                (tags.get(RUN_TAG), tags.get(CLONE_TAG), group.vpc_id(), group.group_name())
            else {
                continue;
            };
            let was: BTreeMap<String, Vec<String>> = tags
                .iter()
                .filter(|(key, _)| key.starts_with(WAS_TAG))
                .map(|(key, groups)| (key.clone(), groups.split(' ').map(str::to_owned).collect()))
                .collect();
            let (vpc, name, key) = (vpc.to_owned(), name.to_owned(), key.clone());
            let make = CreateEmpty { vpc, group: key.clone(), name, was: was.clone(), tags: BTreeMap::new() };
            finder.add(run, make);
            for (target, was) in was {
                let id = target.trim_start_matches(WAS_TAG);
                if let Some(target) = grouped(finder.clients, id).await? {
                    finder.add(run, SwapGroups { target, was, group: key.clone() });
                }
            }
        }
    }
    Ok(())
}

/// The target that a tag names; nothing for one that is gone.
async fn grouped(clients: &RegionClients, id: &str) -> Result<Option<Grouped>, CloudError> {
    if id.starts_with("eni-") {
        return Ok(Some(Grouped::Interface(id.to_owned())));
    }
    if id.starts_with("vpce-") {
        return Ok(Some(Grouped::Endpoint(id.to_owned())));
    }
    let Some(name) = id.split('/').nth(2) else { return Ok(None) };
    let call = clients.reading.elb.describe_load_balancers().names(name).send();
    match call.await.map_err(CloudError::of("elasticloadbalancing:DescribeLoadBalancers")) {
        Ok(answer) => {
            let arns = answer.load_balancers().iter().filter_map(|balancer| balancer.load_balancer_arn());
            Ok(arns.filter(|arn| arn.ends_with(id)).map(|arn| Grouped::Balancer(arn.to_owned())).next())
        }
        Err(error) if error.class == ErrorClass::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Groups whose marks tell of revoked rules.
pub(super) async fn marked_groups(finder: &mut Finder<'_>) -> Result<(), CloudError> {
    let mut pages = finder.clients.ec2.describe_security_groups().filters(tagged(MARK_TAG)).into_paginator().send();
    while let Some(page) = pages.next().await {
        for group in page.map_err(CloudError::of("ec2:DescribeSecurityGroups"))?.security_groups() {
            let (tags, Some(id)) = (tags(group.tags()), group.group_id()) else { continue };
            let Some(run) = finder.marked(Marked::Group(id.to_owned()), &tags) else { continue };
            for (rule, tags) in GroupRule::of_marks(&tags) {
                finder.add(&run, Revoke { group: id.to_owned(), rule, id: None, tags });
            }
        }
    }
    Ok(())
}

/// The group that a target has instead of its own: the only one, with a run's name and no rules.
pub(super) async fn empty_group_on(clients: &RegionClients, target: &Grouped) -> Result<Option<String>, CloudError> {
    let groups = match target.groups(clients).await {
        Err(error) if is_gone(&error) => return Ok(None),
        other => other?,
    };
    let [group] = groups.as_slice() else { return Ok(None) };
    let call = clients.ec2.describe_security_groups().group_ids(group).send();
    let answer = match call.await.map_err(CloudError::of("ec2:DescribeSecurityGroups")) {
        // None is its own.
        Err(error) if is_gone(&error) => return Ok(Some(group.clone())),
        other => other?,
    };
    let empty = |found: &SecurityGroup| {
        found.group_name().is_some_and(|name| name.starts_with(RUNS_BEGIN))
            && found.ip_permissions().is_empty()
            && found.ip_permissions_egress().is_empty()
    };
    Ok(answer.security_groups().first().filter(|found| empty(found)).map(|_| group.clone()))
}

/// The exchange that a schedule's call undoes; which group the run gave, the call does not tell.
pub(super) fn swap_healed_by(operation: &str, input: &Value) -> Option<SwapGroups> {
    let (target, id, groups): (fn(String) -> Grouped, _, _) = match operation {
        "ec2:modifyNetworkInterfaceAttribute" => (Grouped::Interface, "NetworkInterfaceId", "Groups"),
        "elasticloadbalancingv2:setSecurityGroups" => (Grouped::Balancer, "LoadBalancerArn", "SecurityGroups"),
        "ec2:modifyVpcEndpoint" => (Grouped::Endpoint, "VpcEndpointId", "AddSecurityGroupIds"),
        _ => return None,
    };
    let was = input[groups].as_array().into_iter().flatten().filter_map(|group| group.as_str().map(str::to_owned));
    Some(SwapGroups { target: target(input[id].as_str()?.to_owned()), was: was.collect(), group: String::new() })
}

/// The rule that a schedule's call authorizes again.
pub(super) fn rule_healed_by(operation: &str, input: &Value) -> Option<Revoke> {
    if operation != "ec2:authorizeSecurityGroupIngress" {
        return None;
    }
    let rule = GroupRule::from_json(&input["IpPermissions"][0])?;
    let given = input["TagSpecifications"][0]["Tags"].as_array().into_iter().flatten();
    let pair = |tag: &Value| Some((tag["Key"].as_str()?.to_owned(), tag["Value"].as_str()?.to_owned()));
    let tags = given.filter_map(pair).collect();
    Some(Revoke { group: input["GroupId"].as_str()?.to_owned(), rule, id: None, tags })
}
