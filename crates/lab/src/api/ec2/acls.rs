use std::collections::BTreeMap;

use super::describe::acl_with_tags;
use super::{Ec2Call, Ec2Outcome, done, invalid, tags};
use crate::acl::{ALL_PROTOCOLS, Action, Cidr, Entry, IcmpTypeCode, PortSpan, TCP};
use crate::api::ServiceError;
use crate::api::xml::{node, text};
use crate::world::{Association, Creation, LAST_RULE_V4, NetworkAcl, State, final_entries};

/// Amazon VPC quotas: network ACLs for each VPC.
pub(crate) const ACLS_FOR_VPC: usize = 200;
/// Amazon VPC quotas: rules in each direction, IPv4 and IPv6 apart, the final ones included; can be raised to 40.
pub(crate) const RULES_FOR_DIRECTION: usize = 20;
/// The IANA number of UDP.
pub(super) const UDP: i16 = 17;
/// The IANA numbers of ICMP and of ICMPv6.
pub(super) const ICMP: [i16; 2] = [1, 58];

pub(super) fn create(state: &mut State, call: &Ec2Call<'_>) -> Ec2Outcome {
    let vpc = call.required("VpcId")?;
    if !state.vpcs.iter().any(|known| known.id == vpc && known.region == call.region) {
        return Err(ServiceError::bad("InvalidVpcID.NotFound", format!("The vpc ID '{vpc}' does not exist")));
    }
    let given = tags::from_specifications(call, "network-acl")?;
    let token = call.params.get("ClientToken");
    if let Some(token) = token
        && let Some(id) = already_created(state, call, token, vpc, &given)?
    {
        return shown(state, &id, Some(token));
    }
    if state.acls.iter().filter(|acl| acl.vpc == vpc).count() >= ACLS_FOR_VPC {
        let message = format!("The maximum number of network ACLs for the VPC {vpc} has been reached.");
        return Err(ServiceError::bad("NetworkAclLimitExceeded", message));
    }
    let id = state.id("acl");
    state.acls.push(NetworkAcl {
        id: id.clone(),
        region: call.region,
        vpc: vpc.to_owned(),
        is_default: false,
        entries: final_entries(),
        associations: Vec::new(),
    });
    if let Some(token) = token {
        let creation = Creation { vpc: vpc.to_owned(), tags: given.clone(), acl: id.clone() };
        state.tokens.insert((call.region, token.to_owned()), creation);
    }
    if !given.is_empty() {
        state.tags.insert(id.clone(), given);
    }
    shown(state, &id, token)
}

/// The ACL that a client token stands for already.
fn already_created(
    state: &State,
    call: &Ec2Call<'_>,
    token: &str,
    vpc: &str,
    tags: &BTreeMap<String, String>,
) -> Result<Option<String>, ServiceError> {
    match state.tokens.get(&(call.region, token.to_owned())) {
        None => Ok(None),
        Some(creation) if creation.vpc == vpc && creation.tags == *tags => Ok(Some(creation.acl.clone())),
        Some(_) => {
            let message = format!("The client token {token} was used with other parameters.");
            Err(ServiceError::bad("IdempotentParameterMismatch", message))
        }
    }
}

fn shown(state: &State, id: &str, token: Option<&str>) -> Ec2Outcome {
    let acl = state.acls.iter().find(|acl| acl.id == id).ok_or_else(|| not_found(id))?;
    let mut answer = vec![node("networkAcl", acl_with_tags(state, acl))];
    answer.extend(token.map(|token| text("clientToken", token)));
    Ok(answer)
}

pub(super) fn delete(state: &mut State, call: &Ec2Call<'_>) -> Ec2Outcome {
    let id = call.required("NetworkAclId")?;
    let acl = find(state, call, id)?;
    if acl.is_default {
        return Err(invalid(format!("Network ACL '{id}' is the VPC's default and cannot be deleted.")));
    }
    if !acl.associations.is_empty() {
        let message = format!("The networkAcl '{id}' has dependencies and cannot be deleted.");
        return Err(ServiceError::bad("DependencyViolation", message));
    }
    state.acls.retain(|acl| acl.id != id);
    state.tags.remove(id);
    Ok(done())
}

pub(super) fn create_entry(state: &mut State, call: &Ec2Call<'_>) -> Ec2Outcome {
    let entry = entry(call)?;
    let acl = find(state, call, call.required("NetworkAclId")?)?;
    if acl.entries.iter().any(|known| same_rule(known, &entry)) {
        let message = format!("The network acl entry identified by {} already exists.", entry.rule_number);
        return Err(ServiceError::bad("NetworkAclEntryAlreadyExists", message));
    }
    let alike = |known: &&Entry| known.egress == entry.egress && known.cidr.is_ipv6() == entry.cidr.is_ipv6();
    if acl.entries.iter().filter(alike).count() >= RULES_FOR_DIRECTION {
        let message =
            format!("The maximum number of network ACL entries for the network ACL {} has been reached.", acl.id);
        return Err(ServiceError::bad("NetworkAclEntryLimitExceeded", message));
    }
    acl.entries.push(entry);
    Ok(done())
}

pub(super) fn replace_entry(state: &mut State, call: &Ec2Call<'_>) -> Ec2Outcome {
    let entry = entry(call)?;
    let acl = find(state, call, call.required("NetworkAclId")?)?;
    let known = acl.entries.iter_mut().find(|known| same_rule(known, &entry));
    let Some(known) = known else { return Err(no_entry(entry.rule_number)) };
    *known = entry;
    Ok(done())
}

pub(super) fn delete_entry(state: &mut State, call: &Ec2Call<'_>) -> Ec2Outcome {
    let (rule_number, egress) = (rule_number(call)?, egress(call)?);
    let acl = find(state, call, call.required("NetworkAclId")?)?;
    let before = acl.entries.len();
    acl.entries.retain(|known| known.rule_number != rule_number || known.egress != egress);
    if acl.entries.len() == before { Err(no_entry(rule_number)) } else { Ok(done()) }
}

pub(super) fn replace_association(state: &mut State, call: &Ec2Call<'_>) -> Ec2Outcome {
    let old = call.required("AssociationId")?;
    let new_acl = call.required("NetworkAclId")?;
    let missing =
        || ServiceError::bad("InvalidAssociationID.NotFound", format!("The association ID '{old}' does not exist"));
    let from = state
        .acls
        .iter()
        .position(|acl| acl.region == call.region && acl.associations.iter().any(|known| known.id == old));
    let from = from.ok_or_else(missing)?;
    let vpc = state.acls[from].vpc.clone();
    if find(state, call, new_acl)?.vpc != vpc {
        return Err(invalid(format!(
            "The networkAcl '{new_acl}' and the association '{old}' belong to different VPCs."
        )));
    }
    let id = state.id("aclassoc");
    let at = state.acls[from].associations.iter().position(|known| known.id == old).ok_or_else(missing)?;
    let Association { subnet, .. } = state.acls[from].associations.remove(at);
    find(state, call, new_acl)?.associations.push(Association { id: id.clone(), subnet });
    Ok(vec![text("newAssociationId", id)])
}

fn find<'a>(state: &'a mut State, call: &Ec2Call<'_>, id: &str) -> Result<&'a mut NetworkAcl, ServiceError> {
    state.acls.iter_mut().find(|acl| acl.id == id && acl.region == call.region).ok_or_else(|| not_found(id))
}

fn not_found(id: &str) -> ServiceError {
    ServiceError::bad("InvalidNetworkAclID.NotFound", format!("The networkAcl ID '{id}' does not exist"))
}

fn no_entry(rule_number: u32) -> ServiceError {
    let message = format!("The network acl entry identified by {rule_number} does not exist.");
    ServiceError::bad("InvalidNetworkAclEntry.NotFound", message)
}

fn same_rule(a: &Entry, b: &Entry) -> bool {
    a.rule_number == b.rule_number && a.egress == b.egress
}

fn rule_number(call: &Ec2Call<'_>) -> Result<u32, ServiceError> {
    let text = call.required("RuleNumber")?;
    let number = text.parse().ok().filter(|number| (1..LAST_RULE_V4).contains(number));
    number.ok_or_else(|| {
        invalid(format!("Value ({text}) for parameter ruleNumber is invalid. Expecting a value between 1 and 32766."))
    })
}

fn egress(call: &Ec2Call<'_>) -> Result<bool, ServiceError> {
    call.required("Egress")?;
    Ok(call.flag("Egress")? == Some(true))
}

fn entry(call: &Ec2Call<'_>) -> Result<Entry, ServiceError> {
    let protocol_text = call.required("Protocol")?;
    let protocol = protocol_text.parse().ok().filter(|number| (ALL_PROTOCOLS..=255).contains(number));
    let protocol = protocol
        .ok_or_else(|| invalid(format!("Invalid value '{protocol_text}' for IP protocol. Unknown protocol.")))?;
    let action = match call.required("RuleAction")? {
        "allow" => Action::Allow,
        "deny" => Action::Deny,
        other => return Err(invalid(format!("Value ({other}) for parameter ruleAction is invalid."))),
    };
    let ports = if [TCP, UDP].contains(&protocol) { Some(ports(call)?) } else { None };
    let icmp = if ICMP.contains(&protocol) { Some(icmp(call)?) } else { None };
    Ok(Entry {
        rule_number: rule_number(call)?,
        egress: egress(call)?,
        cidr: cidr(call)?,
        protocol,
        action,
        ports,
        icmp,
    })
}

fn cidr(call: &Ec2Call<'_>) -> Result<Cidr, ServiceError> {
    let (name, text) = match (call.params.get("CidrBlock"), call.params.get("Ipv6CidrBlock")) {
        (Some(text), None) => ("cidrBlock", text),
        (None, Some(text)) => ("ipv6CidrBlock", text),
        (None, None) => {
            return Err(ServiceError::bad(
                "MissingParameter",
                "The request must contain the parameter cidrBlock or ipv6CidrBlock",
            ));
        }
        (Some(_), Some(_)) => {
            let message = "The parameters cidrBlock and ipv6CidrBlock cannot be used together";
            return Err(ServiceError::bad("InvalidParameterCombination", message));
        }
    };
    let cidr: Option<Cidr> = text.parse().ok();
    let cidr = cidr.filter(|cidr| cidr.is_ipv6() == (name == "ipv6CidrBlock"));
    cidr.ok_or_else(|| {
        invalid(format!("Value ({text}) for parameter {name} is invalid. This is not a valid CIDR block."))
    })
}

/// A parameter that must be there and be a number.
pub(super) fn number<T: std::str::FromStr>(call: &Ec2Call<'_>, name: &str) -> Result<T, ServiceError> {
    let text = call.required(name)?;
    text.parse().map_err(|_| invalid(format!("Value ({text}) for parameter {name} is invalid.")))
}

fn ports(call: &Ec2Call<'_>) -> Result<PortSpan, ServiceError> {
    let ports = PortSpan { from: number(call, "PortRange.From")?, to: number(call, "PortRange.To")? };
    in_order(ports)
}

/// A range whose ends are in order.
pub(super) fn in_order(ports: PortSpan) -> Result<PortSpan, ServiceError> {
    if ports.from > ports.to {
        return Err(invalid(format!("Invalid TCP/UDP port range ({}:{})", ports.from, ports.to)));
    }
    Ok(ports)
}

fn icmp(call: &Ec2Call<'_>) -> Result<IcmpTypeCode, ServiceError> {
    Ok(IcmpTypeCode { kind: number(call, "Icmp.Type")?, code: number(call, "Icmp.Code")? })
}
