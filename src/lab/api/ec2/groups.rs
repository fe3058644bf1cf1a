//! Security groups, and which of them a network interface has.

use std::collections::BTreeSet;

use super::describe::permission_tags;
use super::{Call, Outcome, done, invalid, tags};
use crate::lab::acl::{ALL_PROTOCOLS, Cidr, Permission, Ports, TCP};
use crate::lab::api::ServiceError;
use crate::lab::api::xml::{list, text};
use crate::lab::world::{SecurityGroup, State};

/// Amazon VPC quotas: security groups for each network interface.
const GROUPS_FOR_INTERFACE: usize = 5;
const UDP: i16 = 17;

fn missing(id: &str) -> ServiceError {
    ServiceError::bad("InvalidGroup.NotFound", format!("The security group '{id}' does not exist"))
}

pub fn create(state: &mut State, call: &Call<'_>) -> Outcome {
    let (name, about) = (call.required("GroupName")?, call.required("GroupDescription")?);
    let vpc = call.required("VpcId")?;
    if !state.vpcs.iter().any(|known| known.id == vpc && known.region == call.region) {
        return Err(ServiceError::bad("InvalidVpcID.NotFound", format!("The vpc ID '{vpc}' does not exist")));
    }
    if state.groups.iter().any(|group| group.vpc == vpc && group.name == name) {
        let message = format!("The security group '{name}' already exists for VPC '{vpc}'");
        return Err(ServiceError::bad("InvalidGroup.Duplicate", message));
    }
    let given = tags::from_specifications(call, "security-group")?;
    let id = state.id("sg");
    state.groups.push(SecurityGroup {
        id: id.clone(),
        region: call.region,
        vpc: vpc.to_owned(),
        name: name.to_owned(),
        description: about.to_owned(),
        inbound: Vec::new(),
        // Every new group lets everything out (VPC user guide, "Default security groups").
        outbound: vec![Permission { protocol: ALL_PROTOCOLS, ports: None, cidrs: vec![Cidr::ANY_V4] }],
    });
    state.tags.insert(id.clone(), given);
    let mut answer = done();
    answer.extend([text("groupId", &id), super::rows::tag_set(state, &id)]);
    Ok(answer)
}

pub fn delete(state: &mut State, call: &Call<'_>) -> Outcome {
    let id = call.required("GroupId")?;
    let index = position(state, call, id)?;
    if state.groups[index].name == "default" {
        let message = format!("The specified group: \"{id}\" name: \"default\" cannot be deleted by a user");
        return Err(ServiceError::bad("CannotDelete", message));
    }
    if state.interfaces.iter().any(|interface| interface.groups.iter().any(|group| group == id)) {
        return Err(ServiceError::bad("DependencyViolation", format!("resource {id} has a dependent object")));
    }
    state.groups.remove(index);
    state.tags.remove(id);
    let mut answer = done();
    answer.push(text("groupId", id));
    Ok(answer)
}

fn position(state: &State, call: &Call<'_>, id: &str) -> Result<usize, ServiceError> {
    let found = state.groups.iter().position(|group| group.id == id && group.region == call.region);
    found.ok_or_else(|| missing(id))
}

/// Which rules of a group a call is about.
#[derive(Clone, Copy)]
pub enum Side {
    Inbound,
    Outbound,
}

fn side(group: &mut SecurityGroup, side: Side) -> &mut Vec<Permission> {
    match side {
        Side::Inbound => &mut group.inbound,
        Side::Outbound => &mut group.outbound,
    }
}

pub fn authorize_ingress(state: &mut State, call: &Call<'_>) -> Outcome {
    authorize(state, call, Side::Inbound)
}

pub fn authorize_egress(state: &mut State, call: &Call<'_>) -> Outcome {
    authorize(state, call, Side::Outbound)
}

pub fn revoke_ingress(state: &mut State, call: &Call<'_>) -> Outcome {
    revoke(state, call, Side::Inbound)
}

pub fn revoke_egress(state: &mut State, call: &Call<'_>) -> Outcome {
    revoke(state, call, Side::Outbound)
}

fn authorize(state: &mut State, call: &Call<'_>, which: Side) -> Outcome {
    let index = position(state, call, call.required("GroupId")?)?;
    let given = permissions(call)?;
    let rules = side(&mut state.groups[index], which);
    if let Some(twice) = given.iter().find(|rule| rules.iter().any(|known| same(known, rule))) {
        let message = format!("the specified rule \"{}\" already exists", permission_tags(twice));
        return Err(ServiceError::bad("InvalidPermission.Duplicate", message));
    }
    rules.extend(given);
    let mut answer = done();
    answer.push(list("securityGroupRuleSet", "item", []));
    Ok(answer)
}

fn revoke(state: &mut State, call: &Call<'_>, which: Side) -> Outcome {
    let index = position(state, call, call.required("GroupId")?)?;
    let given = permissions(call)?;
    let rules = side(&mut state.groups[index], which);
    if given.iter().any(|rule| !rules.iter().any(|known| same(known, rule))) {
        let message = "The specified rule does not exist in this security group.";
        return Err(ServiceError::bad("InvalidPermission.NotFound", message));
    }
    rules.retain(|known| !given.iter().any(|rule| same(known, rule)));
    Ok(done())
}

/// Rules are kept with one block each, so that each can go by itself.
fn same(known: &Permission, other: &Permission) -> bool {
    known.protocol == other.protocol && known.ports == other.ports && known.cidrs == other.cidrs
}

fn permissions(call: &Call<'_>) -> Result<Vec<Permission>, ServiceError> {
    let mut found = Vec::new();
    for number in call.params.numbers("IpPermissions") {
        let at = |name: &str| format!("IpPermissions.{number}.{name}");
        let protocol = match call.required(&at("IpProtocol"))? {
            "tcp" => TCP,
            "udp" => UDP,
            other => other.parse().map_err(|_| invalid(format!("Invalid value '{other}' for IP protocol.")))?,
        };
        let port = |name: &str| call.params.get(&at(name)).and_then(|port| port.parse::<u16>().ok());
        let ports = port("FromPort").zip(port("ToPort")).map(|(from, to)| Ports { from, to });
        let ports = ports.filter(|_| protocol != ALL_PROTOCOLS);
        for (list, key) in [("IpRanges", "CidrIp"), ("Ipv6Ranges", "CidrIpv6")] {
            for range in call.params.numbers(&at(list)) {
                let cidr = call.required(&format!("{}.{range}.{key}", at(list)))?;
                let cidr: Cidr = cidr.parse().map_err(|message: String| invalid(message))?;
                found.push(Permission { protocol, ports, cidrs: vec![cidr] });
            }
        }
        if !call.params.numbers(&at("UserIdGroupPairs")).is_empty() || !call.params.numbers(&at("Groups")).is_empty() {
            return Err(invalid("The lab's security groups know address ranges alone."));
        }
    }
    if found.is_empty() {
        return Err(ServiceError::bad("MissingParameter", "The request must contain the parameter IpPermissions"));
    }
    Ok(found)
}

pub fn modify_interface(state: &mut State, call: &Call<'_>) -> Outcome {
    let id = call.required("NetworkInterfaceId")?;
    let given: BTreeSet<&str> = call.params.list("SecurityGroupId").into_iter().collect();
    let found = state.interfaces.iter().position(|known| known.id == id && known.region == call.region);
    let index = found.ok_or_else(|| {
        ServiceError::bad(
            "InvalidNetworkInterfaceID.NotFound",
            format!("The networkInterface ID '{id}' does not exist"),
        )
    })?;
    if given.is_empty() {
        let message = "The lab changes a network interface's security groups alone.";
        return Err(ServiceError::bad("InvalidParameterCombination", message));
    }
    if given.len() > GROUPS_FOR_INTERFACE {
        let message = format!("You have exceeded the number of security groups ({GROUPS_FOR_INTERFACE}) allowed");
        return Err(ServiceError::bad("SecurityGroupsPerInterfaceLimitExceeded", message));
    }
    let vpc = state.vpc_of(&state.interfaces[index]).to_owned();
    for group in &given {
        let known = state.groups.iter().find(|known| known.id == *group && known.region == call.region);
        if known.ok_or_else(|| missing(group))?.vpc != vpc {
            let message = format!("You have specified two resources that belong to different networks: {group}, {id}");
            return Err(ServiceError::bad("InvalidParameterValue", message));
        }
    }
    state.interfaces[index].groups = given.into_iter().map(str::to_owned).collect();
    Ok(done())
}
