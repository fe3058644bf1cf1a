//! Elastic Load Balancing's query protocol (API reference, version 2015-12-01): the Application Load Balancers that the front doors are of.

use http::StatusCode;

use super::query::Params;
use super::xml::{Element, list, node, text};
use super::{Reply, ServiceError, query_error, request_id};
use crate::topology;
use crate::world::{LoadBalancer, State, World};
use gameday_core::model::RegionRole;

/// Of its answers.
pub(crate) const NAMESPACE: &str = "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/";
/// API reference, DescribeLoadBalancers: `PageSize`, and what is given without it.
const LARGEST_PAGE: usize = 400;
/// API reference, DescribeTags.
const RESOURCES_AT_A_TIME: usize = 20;
/// Quotas of Application Load Balancers: security groups for each.
const GROUPS: usize = 5;
/// They are older than the lab.
const CREATED: &str = "2025-01-01T00:00:00.000Z";

/// Answers one request.
pub(crate) fn handle(world: &World, region: RegionRole, params: &Params) -> Reply {
    match act(world, region, params) {
        Ok((response, result)) => {
            let metadata = node("ResponseMetadata", vec![text("RequestId", request_id())]);
            Reply::xml(StatusCode::OK, &node(response, vec![result, metadata]).in_namespace(NAMESPACE))
        }
        Err(error) => query_error(&error, NAMESPACE),
    }
}

fn act(world: &World, region: RegionRole, params: &Params) -> Result<(&'static str, Element), ServiceError> {
    match params.get("Action") {
        Some("DescribeLoadBalancers") => {
            let result = world.read(|state| describe(state, region, params))?;
            Ok(("DescribeLoadBalancersResponse", node("DescribeLoadBalancersResult", result)))
        }
        Some("DescribeTags") => {
            let result = world.read(|state| describe_tags(state, region, params))?;
            Ok(("DescribeTagsResponse", node("DescribeTagsResult", result)))
        }
        Some("SetSecurityGroups") => {
            let result = world.change(|state| set_security_groups(state, region, params))?;
            Ok(("SetSecurityGroupsResponse", node("SetSecurityGroupsResult", result)))
        }
        action => {
            let message = format!("Could not find operation {} for version 2015-12-01", action.unwrap_or_default());
            Err(ServiceError::bad("InvalidAction", message))
        }
    }
}

fn validation(message: impl Into<String>) -> ServiceError {
    ServiceError::bad("ValidationError", message)
}

fn not_found(what: &str) -> ServiceError {
    ServiceError::bad("LoadBalancerNotFound", format!("Load balancer '{what}' not found"))
}

fn check_arn(arn: &str) -> Result<(), ServiceError> {
    if arn.starts_with("arn:aws:elasticloadbalancing:") && arn.contains(":loadbalancer/") {
        return Ok(());
    }
    Err(validation(format!("'{arn}' is not a valid load balancer ARN")))
}

fn find<'a>(state: &'a State, region: RegionRole, arn: &str) -> Result<&'a LoadBalancer, ServiceError> {
    check_arn(arn)?;
    let found = state.balancers.iter().find(|balancer| balancer.arn == arn && balancer.region == region);
    found.ok_or_else(|| not_found(arn))
}

fn describe(state: &State, region: RegionRole, params: &Params) -> Result<Vec<Element>, ServiceError> {
    let (arns, names) = (params.list("LoadBalancerArns.member"), params.list("Names.member"));
    let mut found: Vec<&LoadBalancer> = state.balancers.iter().filter(|balancer| balancer.region == region).collect();
    if !arns.is_empty() && !names.is_empty() {
        return Err(validation("Load balancer names and load balancer ARNs cannot be specified at the same time"));
    }
    for arn in &arns {
        find(state, region, arn)?;
    }
    if let Some(name) = names.iter().find(|name| !found.iter().any(|balancer| balancer.name == **name)) {
        return Err(not_found(name));
    }
    found.retain(|balancer| {
        (arns.is_empty() || arns.contains(&balancer.arn.as_str()))
            && (names.is_empty() || names.contains(&balancer.name.as_str()))
    });
    let size = match params.get("PageSize") {
        None => LARGEST_PAGE,
        Some(text) => {
            let size = text.parse().ok().filter(|size| (1..=LARGEST_PAGE).contains(size));
            size.ok_or_else(|| validation(format!("Value '{text}' at 'pageSize' must be between 1 and 400")))?
        }
    };
    let start = match params.get("Marker") {
        None => 0,
        Some(marker) => marker
            .strip_prefix("from-")
            .and_then(|number| number.parse().ok())
            .filter(|start| *start < found.len())
            .ok_or_else(|| validation(format!("'{marker}' is not a valid marker")))?,
    };
    let end = start.saturating_add(size).min(found.len());
    let mut result =
        vec![list("LoadBalancers", "member", found[start..end].iter().map(|balancer| shown(state, balancer)))];
    result.extend((end < found.len()).then(|| text("NextMarker", format!("from-{end}"))));
    Ok(result)
}

fn members<'a>(name: &'static str, values: impl IntoIterator<Item = &'a String>) -> Element {
    node(name, values.into_iter().map(|value| text("member", value)).collect())
}

fn shown(state: &State, balancer: &LoadBalancer) -> Vec<Element> {
    let own = state.interfaces.iter().filter(|interface| interface.balancer.as_ref() == Some(&balancer.arn));
    let zones = own.filter_map(|interface| {
        let subnet = state.subnet(&interface.subnet)?;
        Some(vec![text("SubnetId", &subnet.id), text("ZoneName", &subnet.zone), node("LoadBalancerAddresses", vec![])])
    });
    let place = topology::region(balancer.region);
    let id = balancer.arn.rsplit('/').next().unwrap_or_default();
    vec![
        text("LoadBalancerArn", &balancer.arn),
        text("LoadBalancerName", &balancer.name),
        text("DNSName", format!("{}-{id}.{place}.elb.amazonaws.com", balancer.name)),
        text("CanonicalHostedZoneId", hosted_zone(balancer.region)),
        text("CreatedTime", CREATED),
        text("Scheme", "internet-facing"),
        text("VpcId", &balancer.vpc),
        node("State", vec![text("Code", "active")]),
        text("Type", "application"),
        list("AvailabilityZones", "member", zones),
        members("SecurityGroups", &balancer.groups),
        text("IpAddressType", "ipv4"),
    ]
}

/// The zone that load balancers' names are in (AWS general reference, "Elastic Load Balancing endpoints").
fn hosted_zone(region: RegionRole) -> &'static str {
    match region {
        RegionRole::Primary => "Z35SXDOTRQ7X7K",
        RegionRole::Replica => "Z1H1FL5HABSF5",
    }
}

fn set_security_groups(state: &mut State, region: RegionRole, params: &Params) -> Result<Vec<Element>, ServiceError> {
    let arn = params.get("LoadBalancerArn").ok_or_else(|| validation("A load balancer ARN must be specified"))?;
    let balancer = find(state, region, arn)?;
    let mut groups: Vec<String> = Vec::new();
    for id in params.list("SecurityGroups.member") {
        let group = state.group(region, id).ok_or_else(|| {
            ServiceError::bad("InvalidSecurityGroup", format!("The security group '{id}' does not exist"))
        })?;
        if group.vpc != balancer.vpc {
            let message = format!("The security group '{id}' is not in the load balancer's VPC");
            return Err(ServiceError::bad("InvalidConfigurationRequest", message));
        }
        if !groups.iter().any(|known| known == id) {
            groups.push(id.to_owned());
        }
    }
    if groups.is_empty() {
        return Err(validation("At least one security group must be specified"));
    }
    if groups.len() > GROUPS {
        let message = format!("A load balancer can have at most {GROUPS} security groups");
        return Err(ServiceError::bad("InvalidConfigurationRequest", message));
    }
    for interface in state.interfaces.iter_mut().filter(|interface| interface.balancer.as_deref() == Some(arn)) {
        interface.groups.clone_from(&groups);
    }
    let result = vec![members("SecurityGroupIds", &groups)];
    for balancer in state.balancers.iter_mut().filter(|balancer| balancer.arn == arn) {
        balancer.groups.clone_from(&groups);
    }
    Ok(result)
}

fn describe_tags(state: &State, region: RegionRole, params: &Params) -> Result<Vec<Element>, ServiceError> {
    let arns = params.list("ResourceArns.member");
    if arns.is_empty() || arns.len() > RESOURCES_AT_A_TIME {
        return Err(validation(format!("Between 1 and {RESOURCES_AT_A_TIME} resource ARNs must be specified")));
    }
    let mut described = Vec::new();
    for arn in arns {
        let balancer = find(state, region, arn)?;
        let tags = state.tags(&balancer.arn).map(|(key, value)| vec![text("Key", key), text("Value", value)]);
        described.push(vec![text("ResourceArn", &balancer.arn), list("Tags", "member", tags)]);
    }
    Ok(vec![list("TagDescriptions", "member", described)])
}
