use super::groups::not_found;
use super::rows::{DescribedRow, ResourceKind, describe as described};
use super::{Ec2Call, Ec2Outcome, done, invalid};
use crate::api::ServiceError;
use crate::api::xml::{Element, list, node, text};
use crate::topology::ACCOUNT;
use crate::world::{Interface, State};

/// Amazon VPC quotas: security groups for each network interface; can be raised to 16.
const GROUPS_FOR_INTERFACE: usize = 5;
/// Whose the interfaces of load balancers are.
const BALANCERS: &str = "amazon-elb";

pub(super) fn describe(state: &State, call: &Ec2Call<'_>) -> Ec2Outcome {
    let rows = state.interfaces.iter().filter(|interface| interface.region == call.region).map(|interface| {
        let zone = state.subnet(&interface.subnet).map(|subnet| subnet.zone.clone()).unwrap_or_default();
        DescribedRow {
            id: interface.id.clone(),
            attributes: attributes(state, interface, &zone),
            shown: shown(state, interface, &zone),
        }
    });
    let kind = ResourceKind {
        ids: "NetworkInterfaceId",
        not_found: "InvalidNetworkInterfaceID.NotFound",
        noun: "networkInterface",
        set: "networkInterfaceSet",
    };
    described(state, call, &kind, rows.collect())
}

fn attributes(state: &State, interface: &Interface, zone: &str) -> Vec<(&'static str, Vec<String>)> {
    let addresses: Vec<String> = interface.addresses.iter().map(ToString::to_string).collect();
    let managed = interface.balancer.is_some();
    let primary = addresses.first().cloned();
    let secondary = addresses.len() > 1;
    vec![
        ("network-interface-id", vec![interface.id.clone()]),
        ("subnet-id", vec![interface.subnet.clone()]),
        ("vpc-id", vec![state.vpc_of(interface).to_owned()]),
        ("availability-zone", vec![zone.to_owned()]),
        ("addresses.private-ip-address", addresses),
        ("addresses.primary", [true].into_iter().chain(secondary.then_some(false)).map(|f| f.to_string()).collect()),
        ("addresses.association.public-ip", Vec::new()),
        ("association.public-ip", Vec::new()),
        ("private-ip-address", primary.into_iter().collect()),
        ("ipv6-addresses.ipv6-address", Vec::new()),
        ("group-id", interface.groups.clone()),
        ("group-name", group_names(state, interface)),
        ("description", vec![interface.description.clone()]),
        ("status", vec!["in-use".to_owned()]),
        ("interface-type", vec!["interface".to_owned()]),
        ("owner-id", vec![ACCOUNT.to_owned()]),
        ("mac-address", vec![interface.mac.clone()]),
        ("attachment.attachment-id", vec![interface.attachment.clone()]),
        ("attachment.instance-owner-id", vec![if managed { BALANCERS } else { ACCOUNT }.to_owned()]),
        ("requester-managed", vec![managed.to_string()]),
        ("requester-id", managed.then(|| BALANCERS.to_owned()).into_iter().collect()),
    ]
}

/// In the order of the interface's groups.
fn group_names(state: &State, interface: &Interface) -> Vec<String> {
    let group = |id: &String| state.group(interface.region, id).map(|group| group.name.clone()).unwrap_or_default();
    interface.groups.iter().map(group).collect()
}

fn shown(state: &State, interface: &Interface, zone: &str) -> Vec<Element> {
    let managed = interface.balancer.is_some();
    let groups = interface.groups.iter().zip(group_names(state, interface));
    let mut shown = vec![
        text("networkInterfaceId", &interface.id),
        text("subnetId", &interface.subnet),
        text("vpcId", state.vpc_of(interface)),
        text("availabilityZone", zone),
        text("description", &interface.description),
        text("ownerId", ACCOUNT),
        text("requesterManaged", managed),
        text("status", "in-use"),
        text("macAddress", &interface.mac),
        text("sourceDestCheck", true),
        list("groupSet", "item", groups.map(|(id, name)| vec![text("groupId", id), text("groupName", name)])),
        node(
            "attachment",
            vec![
                text("attachmentId", &interface.attachment),
                text("instanceOwnerId", if managed { BALANCERS } else { ACCOUNT }),
                text("deviceIndex", u8::from(managed)),
                text("status", "attached"),
                text("deleteOnTermination", !managed),
            ],
        ),
        list(
            "privateIpAddressesSet",
            "item",
            interface
                .addresses
                .iter()
                .enumerate()
                .map(|(number, address)| vec![text("privateIpAddress", address), text("primary", number == 0)]),
        ),
        node("ipv6AddressesSet", Vec::new()),
        text("interfaceType", "interface"),
    ];
    shown.extend(interface.addresses.first().map(|address| text("privateIpAddress", address)));
    shown.extend(managed.then(|| text("requesterId", BALANCERS)));
    shown
}

/// Attributes that EC2 has and the lab does not change.
const OTHERS: [&str; 4] =
    ["SourceDestCheck.Value", "Attachment.AttachmentId", "EnablePrimaryIpv6", "AssociatePublicIpAddress"];

/// ModifyNetworkInterfaceAttribute: one attribute at a time; of the lab's, the security groups and the description.
pub(super) fn modify(state: &mut State, call: &Ec2Call<'_>) -> Ec2Outcome {
    let id = call.required("NetworkInterfaceId")?;
    let own = |interface: &Interface| interface.id == id && interface.region == call.region;
    let missing = || {
        let message = format!("The networkInterface ID '{id}' does not exist");
        ServiceError::bad("InvalidNetworkInterfaceID.NotFound", message)
    };
    let at = state.interfaces.iter().position(own).ok_or_else(missing)?;
    let mut groups = call.params.list("SecurityGroupId");
    let description = call.params.get("Description.Value");
    let others = OTHERS.iter().filter(|name| call.params.get(name).is_some()).count();
    let combination = |message| Err(ServiceError::bad("InvalidParameterCombination", message));
    match usize::from(!groups.is_empty()) + usize::from(description.is_some()) + others {
        0 => return combination("No attributes specified."),
        1 => {}
        _ => return combination("Fields for multiple attribute types specified"),
    }
    if state.interfaces[at].balancer.is_some() {
        let message = format!("The network interface '{id}' is managed by {BALANCERS} and cannot be modified.");
        return Err(ServiceError::bad("OperationNotPermitted", message));
    }
    if let Some(description) = description {
        description.clone_into(&mut state.interfaces[at].description);
        return Ok(done());
    }
    if groups.is_empty() {
        return Err(ServiceError::bad("UnsupportedOperation", "The lab's interfaces do not have this attribute."));
    }
    let mut seen = std::collections::BTreeSet::new();
    groups.retain(|group| seen.insert(*group));
    if groups.len() > GROUPS_FOR_INTERFACE {
        let message = format!("You have exceeded the number of security groups allowed per network interface ({id}).");
        return Err(ServiceError::bad("SecurityGroupsPerInterfaceLimitExceeded", message));
    }
    let vpc = state.vpc_of(&state.interfaces[at]);
    for group in &groups {
        if group.is_empty() {
            return Err(invalid("Value () for parameter groupId is invalid. The value cannot be empty"));
        }
        let found = state.group(call.region, group).ok_or_else(|| not_found(group))?;
        if found.vpc != vpc {
            let message = "You have specified two resources that belong to different networks.";
            return Err(ServiceError::bad("InvalidGroup.NotFound", message));
        }
    }
    state.interfaces[at].groups = groups.into_iter().map(str::to_owned).collect();
    Ok(done())
}
