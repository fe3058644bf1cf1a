use super::permissions::{self, parse};
use super::rows::{DescribedRow, ResourceKind, describe as described, tag_set};
use super::{Ec2Call, Ec2Outcome, invalid, tags};
use crate::acl::{Peer, Permission};
use crate::api::ServiceError;
use crate::api::xml::{Element, list, text};
use crate::topology::{self, ACCOUNT};
use crate::world::{GroupRule, SecurityGroup, State, all_outbound};

/// Amazon VPC quotas: rules of a security group, each direction and IP family apart; can be raised.
pub(crate) const RULES_FOR_GROUP: usize = 60;
/// EC2 API reference, CreateSecurityGroup: name and description.
const LONGEST: usize = 255;
/// The group that every VPC comes with.
const DEFAULT: &str = "default";

pub(super) fn describe(state: &State, call: &Ec2Call<'_>) -> Ec2Outcome {
    let named = call.params.list("GroupName");
    let groups = state.groups.iter().filter(|group| group.region == call.region);
    let rows =
        groups.filter(|group| named.is_empty() || named.contains(&group.name.as_str())).map(|group| DescribedRow {
            id: group.id.clone(),
            attributes: vec![
                ("group-id", vec![group.id.clone()]),
                ("group-name", vec![group.name.clone()]),
                ("description", vec![group.description.clone()]),
                ("vpc-id", vec![group.vpc.clone()]),
                ("owner-id", vec![ACCOUNT.to_owned()]),
                ("ip-permission.group-id", referenced(group).map(str::to_owned).collect()),
            ],
            shown: shown(group),
        });
    let kind = ResourceKind {
        ids: "GroupId",
        not_found: "InvalidGroup.NotFound",
        noun: "security group",
        set: "securityGroupInfo",
    };
    described(state, call, &kind, rows.collect())
}

fn shown(group: &SecurityGroup) -> Vec<Element> {
    vec![
        text("ownerId", ACCOUNT),
        text("groupId", &group.id),
        text("groupName", &group.name),
        text("groupDescription", &group.description),
        text("vpcId", &group.vpc),
        text("securityGroupArn", arn(group)),
        list("ipPermissions", "item", permissions::shown(group, false)),
        list("ipPermissionsEgress", "item", permissions::shown(group, true)),
    ]
}

fn arn(group: &SecurityGroup) -> String {
    format!("arn:aws:ec2:{}:{ACCOUNT}:security-group/{}", topology::region(group.region), group.id)
}

/// The groups that a group's rules refer to.
fn referenced(group: &SecurityGroup) -> impl Iterator<Item = &str> {
    group.rules.iter().filter_map(|rule| match &rule.permission.peer {
        Peer::Group(id) => Some(id.as_str()),
        Peer::Block(_) => None,
    })
}

pub(super) fn describe_rules(state: &State, call: &Ec2Call<'_>) -> Ec2Outcome {
    let groups = state.groups.iter().filter(|group| group.region == call.region);
    let rules = groups.flat_map(|group| group.rules.iter().map(move |rule| (group, rule)));
    let rows = rules.map(|(group, rule)| DescribedRow {
        id: rule.id.clone(),
        attributes: vec![("security-group-rule-id", vec![rule.id.clone()]), ("group-id", vec![group.id.clone()])],
        shown: permissions::rule_shown(group, rule),
    });
    let kind = ResourceKind {
        ids: "SecurityGroupRuleId",
        not_found: "InvalidSecurityGroupRuleId.NotFound",
        noun: "security group rule",
        set: "securityGroupRuleSet",
    };
    described(state, call, &kind, rows.collect())
}

pub(super) fn create(state: &mut State, call: &Ec2Call<'_>) -> Ec2Outcome {
    let (name, description) = (call.required("GroupName")?, call.required("GroupDescription")?);
    let vpc = call.params.get("VpcId");
    let vpc = vpc.ok_or_else(|| {
        ServiceError::bad(
            "VPCIdNotSpecified",
            "No default VPC for this user. GroupName is only supported for EC2-Classic and default VPC.",
        )
    })?;
    if !state.vpcs.iter().any(|known| known.id == vpc && known.region == call.region) {
        return Err(ServiceError::bad("InvalidVpcID.NotFound", format!("The vpc ID '{vpc}' does not exist")));
    }
    if name == DEFAULT {
        return Err(invalid(format!("Cannot use reserved security group name: {name}")));
    }
    for (what, text) in [("groupName", name), ("groupDescription", description)] {
        if text.is_empty() || text.chars().count() > LONGEST || (what == "groupName" && text.starts_with("sg-")) {
            return Err(invalid(format!("Value ({text}) for parameter {what} is invalid.")));
        }
    }
    if state.groups.iter().any(|group| group.vpc == vpc && group.name == name) {
        let message = format!("The security group '{name}' already exists for VPC '{vpc}'");
        return Err(ServiceError::bad("InvalidGroup.Duplicate", message));
    }
    let given = tags::from_specifications(call, "security-group")?;
    let rule = GroupRule { id: state.id("sgr"), permission: all_outbound(), description: None };
    let group = SecurityGroup {
        id: state.id("sg"),
        region: call.region,
        vpc: vpc.to_owned(),
        name: name.to_owned(),
        description: description.to_owned(),
        rules: vec![rule],
    };
    let (id, arn) = (group.id.clone(), arn(&group));
    state.groups.push(group);
    if !given.is_empty() {
        state.tags.insert(id.clone(), given);
    }
    Ok(vec![text("return", true), text("groupId", &id), text("securityGroupArn", arn), tag_set(state, &id)])
}

pub(super) fn delete(state: &mut State, call: &Ec2Call<'_>) -> Ec2Outcome {
    let id = call.required("GroupId")?;
    let group = state.group(call.region, id).ok_or_else(|| not_found(id))?;
    if group.name == DEFAULT {
        let message = format!("the specified group: \"{id}\" name: \"{DEFAULT}\" cannot be deleted by a user");
        return Err(ServiceError::bad("CannotDelete", message));
    }
    let used = state.interfaces.iter().any(|interface| interface.groups.iter().any(|group| group == id));
    let others = state.groups.iter().filter(|group| group.id != id);
    if used || others.flat_map(referenced).any(|group| group == id) {
        return Err(ServiceError::bad("DependencyViolation", format!("resource {id} has a dependent object")));
    }
    let rules: Vec<String> = group.rules.iter().map(|rule| rule.id.clone()).collect();
    state.groups.retain(|group| group.id != id);
    for gone in rules.iter().map(String::as_str).chain([id]) {
        state.tags.remove(gone);
    }
    Ok(vec![text("return", true), text("groupId", id)])
}

/// AuthorizeSecurityGroupIngress and -Egress: all of the rules, or none.
pub(super) fn authorize(state: &mut State, call: &Ec2Call<'_>, egress: bool) -> Ec2Outcome {
    let id = call.required("GroupId")?;
    let group = state.group(call.region, id).ok_or_else(|| not_found(id))?;
    let given = parse(state, call, &group.vpc, egress)?;
    if given.is_empty() {
        return Err(ServiceError::bad("MissingParameter", "The request must contain the parameter ipPermissions"));
    }
    let tags = tags::from_specifications(call, "security-group-rule")?;
    let mut all: Vec<&Permission> = group.rules.iter().map(|rule| &rule.permission).collect();
    for (permission, _) in &given {
        if all.contains(&permission) {
            let message = format!("the specified rule \"{}\" already exists", peer(permission));
            return Err(ServiceError::bad("InvalidPermission.Duplicate", message));
        }
        all.push(permission);
    }
    for ipv6 in [false, true] {
        // A rule that names a group counts for both families (Amazon VPC quotas).
        let counts = |peer: &Peer| !matches!(peer, Peer::Block(block) if block.is_ipv6() != ipv6);
        let count = all.iter().filter(|known| known.egress == egress && counts(&known.peer)).count();
        if count > RULES_FOR_GROUP {
            let message = "The maximum number of rules per security group has been reached.";
            return Err(ServiceError::bad("RulesPerSecurityGroupLimitExceeded", message));
        }
    }
    let new =
        given.into_iter().map(|(permission, description)| GroupRule { id: state.id("sgr"), permission, description });
    let new: Vec<GroupRule> = new.collect();
    if !tags.is_empty() {
        state.tags.extend(new.iter().map(|rule| (rule.id.clone(), tags.clone())));
    }
    let group = find(state, call, id)?;
    group.rules.extend(new.iter().cloned());
    let group = state.group(call.region, id).ok_or_else(|| not_found(id))?;
    let added = new.iter().map(|rule| permissions::rule_with_tags(state, group, rule));
    Ok(vec![text("return", true), list("securityGroupRuleSet", "item", added)])
}

/// RevokeSecurityGroupIngress and -Egress, by permission or by the rules' IDs: all of the rules, or none.
pub(super) fn revoke(state: &mut State, call: &Ec2Call<'_>, egress: bool) -> Ec2Outcome {
    let id = call.required("GroupId")?;
    let group = state.group(call.region, id).ok_or_else(|| not_found(id))?;
    let by_id = call.params.list("SecurityGroupRuleId");
    let named = parse(state, call, &group.vpc, egress)?;
    if by_id.is_empty() && named.is_empty() {
        let message = "The request must contain the parameter ipPermissions or securityGroupRuleIds";
        return Err(ServiceError::bad("MissingParameter", message));
    }
    let mut gone: Vec<GroupRule> = Vec::new();
    for rule in by_id {
        let found = group.rules.iter().find(|known| known.id == rule && known.permission.egress == egress);
        gone.push(found.cloned().ok_or_else(|| {
            let message = format!("The security group rule ID '{rule}' does not exist");
            ServiceError::bad("InvalidSecurityGroupRuleId.NotFound", message)
        })?);
    }
    for (permission, _) in named {
        let found = group.rules.iter().find(|known| known.permission == permission);
        gone.push(found.cloned().ok_or_else(|| {
            let message = "The specified rule does not exist in this security group.";
            ServiceError::bad("InvalidPermission.NotFound", message)
        })?);
    }
    let revoked =
        list("revokedSecurityGroupRuleSet", "item", gone.iter().map(|rule| permissions::revoked_shown(group, rule)));
    find(state, call, id)?.rules.retain(|rule| !gone.contains(rule));
    for rule in gone {
        state.tags.remove(&rule.id);
    }
    Ok(vec![text("return", true), revoked])
}

fn find<'a>(state: &'a mut State, call: &Ec2Call<'_>, id: &str) -> Result<&'a mut SecurityGroup, ServiceError> {
    state.groups.iter_mut().find(|group| group.id == id && group.region == call.region).ok_or_else(|| not_found(id))
}

/// The error for a security group that is not there.
pub(super) fn not_found(id: &str) -> ServiceError {
    ServiceError::bad("InvalidGroup.NotFound", format!("The security group '{id}' does not exist"))
}

/// A rule in the words of EC2's errors.
fn peer(permission: &Permission) -> String {
    let peer = match &permission.peer {
        Peer::Block(block) => block.to_string(),
        Peer::Group(id) => id.clone(),
    };
    let ports = permission
        .ports
        .map_or_else(|| "ALL".to_owned(), |ports| format!("from port: {}, to port: {}", ports.from, ports.to));
    format!("peer: {peer}, protocol {}, {ports}, ALLOW", permission.protocol)
}
