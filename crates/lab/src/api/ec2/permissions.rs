//! `IpPermissions` of requests and answers: EC2 groups what it stores as single rules by protocol and ports.

use super::acls::{ICMP, UDP, in_order, number};
use super::rows::tag_set;
use super::{Ec2Call, groups, invalid};
use crate::acl::{ALL_PROTOCOLS, Cidr, IcmpTypeCode, Peer, Permission, PortSpan, TCP};
use crate::api::ServiceError;
use crate::api::xml::{Element, list, node, text};
use crate::topology::ACCOUNT;
use crate::world::{GroupRule, SecurityGroup, State};

/// The permissions that a request names, each with its description; other groups must be of the same VPC.
pub(super) fn parse(
    state: &State,
    call: &Ec2Call<'_>,
    vpc: &str,
    egress: bool,
) -> Result<Vec<(Permission, Option<String>)>, ServiceError> {
    let mut parsed = Vec::new();
    for number in call.params.numbers("IpPermissions") {
        let at = format!("IpPermissions.{number}");
        let protocol = protocol(call.required(&format!("{at}.IpProtocol"))?)?;
        let (ports, icmp) = if [TCP, UDP].contains(&protocol) {
            (Some(ports(call, &at)?), None)
        } else if ICMP.contains(&protocol) {
            (None, icmp(call, &at)?)
        } else {
            // EC2 API reference, IpPermission: other protocols have no ports, whatever is given.
            (None, None)
        };
        let peers = peers(state, call, vpc, &at)?;
        let permission = |peer| Permission { egress, protocol, ports, icmp, peer };
        parsed.extend(peers.into_iter().map(|(peer, description)| (permission(peer), description)));
    }
    Ok(parsed)
}

/// By name or IANA number (EC2 API reference, IpPermission).
fn protocol(text: &str) -> Result<i16, ServiceError> {
    let [icmp, icmp_v6] = ICMP;
    match text.to_ascii_lowercase().as_str() {
        "tcp" => Ok(TCP),
        "udp" => Ok(UDP),
        "icmp" => Ok(icmp),
        "icmpv6" => Ok(icmp_v6),
        number => number
            .parse()
            .ok()
            .filter(|number| (ALL_PROTOCOLS..=255).contains(number))
            .ok_or_else(|| invalid(format!("Invalid value '{text}' for IP protocol. Unknown protocol."))),
    }
}

fn ports(call: &Ec2Call<'_>, at: &str) -> Result<PortSpan, ServiceError> {
    let [from, to] = [format!("{at}.FromPort"), format!("{at}.ToPort")];
    if call.params.get(&from).is_none() || call.params.get(&to).is_none() {
        return Err(invalid("Invalid value 'Must specify both from and to ports with TCP/UDP.' for portRange."));
    }
    in_order(PortSpan { from: number(call, &from)?, to: number(call, &to)? })
}

/// Type and code stand where ports stand otherwise; left out, all.
fn icmp(call: &Ec2Call<'_>, at: &str) -> Result<Option<IcmpTypeCode>, ServiceError> {
    let [kind, code] = [format!("{at}.FromPort"), format!("{at}.ToPort")];
    let part = |name: &str| if call.params.get(name).is_none() { Ok(-1) } else { number(call, name) };
    Ok(Some(IcmpTypeCode { kind: part(&kind)?, code: part(&code)? }))
}

fn peers(state: &State, call: &Ec2Call<'_>, vpc: &str, at: &str) -> Result<Vec<(Peer, Option<String>)>, ServiceError> {
    let mut peers = Vec::new();
    for (ranges, item, ipv6) in [("IpRanges", "CidrIp", false), ("Ipv6Ranges", "CidrIpv6", true)] {
        for number in call.params.numbers(&format!("{at}.{ranges}")) {
            let text = call.required(&format!("{at}.{ranges}.{number}.{item}"))?;
            let block: Option<Cidr> = text.parse().ok().filter(|block: &Cidr| block.is_ipv6() == ipv6);
            let block = block.ok_or_else(|| invalid(format!("CIDR block {text} is malformed")))?;
            peers.push((Peer::Block(block), description(call, &format!("{at}.{ranges}.{number}"))));
        }
    }
    for number in call.params.numbers(&format!("{at}.Groups")) {
        let id = call.required(&format!("{at}.Groups.{number}.GroupId"))?;
        let group = state.group(call.region, id).ok_or_else(|| groups::not_found(id))?;
        if group.vpc != vpc {
            let message = "You have specified two resources that belong to different networks.";
            return Err(ServiceError::bad("InvalidGroup.NotFound", message));
        }
        peers.push((Peer::Group(id.to_owned()), description(call, &format!("{at}.Groups.{number}"))));
    }
    if let Some(id) = call.params.get(&format!("{at}.PrefixListIds.1.PrefixListId")) {
        let message = format!("The prefix list ID '{id}' does not exist");
        return Err(ServiceError::bad("InvalidPrefixListID.NotFound", message));
    }
    if peers.is_empty() {
        let message = "The request must contain the parameter ipRanges, ipv6Ranges, groups or prefixListIds";
        return Err(ServiceError::bad("MissingParameter", message));
    }
    Ok(peers)
}

fn description(call: &Ec2Call<'_>, at: &str) -> Option<String> {
    call.params.get(&format!("{at}.Description")).map(str::to_owned)
}

/// What `ipPermissions` and `ipPermissionsEgress` show of a group.
pub(super) fn shown(group: &SecurityGroup, egress: bool) -> Vec<Vec<Element>> {
    let rules: Vec<&GroupRule> = group.rules.iter().filter(|rule| rule.permission.egress == egress).collect();
    let key = |rule: &GroupRule| (rule.permission.protocol, rule.permission.ports, rule.permission.icmp);
    let mut keys = Vec::new();
    for rule in &rules {
        if !keys.contains(&key(rule)) {
            keys.push(key(rule));
        }
    }
    let together = |wanted| rules.iter().copied().filter(|rule| key(rule) == wanted).collect::<Vec<_>>();
    keys.into_iter().map(|key| permission_shown(&together(key))).collect()
}

/// Rules with the same protocol and ports, as one permission.
fn permission_shown(rules: &[&GroupRule]) -> Vec<Element> {
    let mut shown: Vec<Element> = rules.first().into_iter().flat_map(|rule| protocol_shown(&rule.permission)).collect();
    let described = |rule: &GroupRule| rule.description.as_ref().map(|description| text("description", description));
    let blocks = |name, item, ipv6| {
        let blocks = rules.iter().filter_map(move |rule| match &rule.permission.peer {
            Peer::Block(block) if block.is_ipv6() == ipv6 => {
                Some([text(item, block)].into_iter().chain(described(rule)).collect())
            }
            _ => None,
        });
        list(name, "item", blocks)
    };
    let groups = rules.iter().filter_map(|rule| match &rule.permission.peer {
        Peer::Group(id) => {
            Some([text("userId", ACCOUNT), text("groupId", id)].into_iter().chain(described(rule)).collect())
        }
        Peer::Block(_) => None,
    });
    shown.extend([
        list("groups", "item", groups),
        blocks("ipRanges", "cidrIp", false),
        blocks("ipv6Ranges", "cidrIpv6", true),
        node("prefixListIds", Vec::new()),
    ]);
    shown
}

fn protocol_shown(permission: &Permission) -> Vec<Element> {
    let protocol = match permission.protocol {
        TCP => "tcp".to_owned(),
        UDP => "udp".to_owned(),
        number if number == ICMP[0] => "icmp".to_owned(),
        number if number == ICMP[1] => "icmpv6".to_owned(),
        other => other.to_string(),
    };
    let mut shown = vec![text("ipProtocol", protocol)];
    let range = range(permission);
    shown.extend(range.into_iter().flat_map(|(from, to)| [text("fromPort", from), text("toPort", to)]));
    shown
}

/// PortSpan, or ICMP type and code.
fn range(permission: &Permission) -> Option<(i32, i32)> {
    let ports = permission.ports.map(|ports| (i32::from(ports.from), i32::from(ports.to)));
    ports.or(permission.icmp.map(|icmp| (icmp.kind, icmp.code)))
}

/// A rule as DescribeSecurityGroupRules shows it; its tags come after.
pub(super) fn rule_shown(group: &SecurityGroup, rule: &GroupRule) -> Vec<Element> {
    let mut shown = vec![text("groupOwnerId", ACCOUNT)];
    shown.extend(common(group, rule));
    if let Peer::Group(id) = &rule.permission.peer {
        shown.push(node("referencedGroupInfo", vec![text("groupId", id), text("userId", ACCOUNT)]));
    }
    shown
}

/// A new rule with its tags, as AuthorizeSecurityGroupIngress answers.
pub(super) fn rule_with_tags(state: &State, group: &SecurityGroup, rule: &GroupRule) -> Vec<Element> {
    let mut shown = rule_shown(group, rule);
    shown.push(tag_set(state, &rule.id));
    shown
}

/// A rule as RevokeSecurityGroupIngress shows what it took away.
pub(super) fn revoked_shown(group: &SecurityGroup, rule: &GroupRule) -> Vec<Element> {
    let mut shown = common(group, rule);
    if let Peer::Group(id) = &rule.permission.peer {
        shown.push(text("referencedGroupId", id));
    }
    shown
}

fn common(group: &SecurityGroup, rule: &GroupRule) -> Vec<Element> {
    let permission = &rule.permission;
    let mut shown =
        vec![text("securityGroupRuleId", &rule.id), text("groupId", &group.id), text("isEgress", permission.egress)];
    shown.extend(protocol_shown(permission));
    if range(permission).is_none() {
        // EC2 API reference, SecurityGroupRule: -1 for all.
        shown.extend([text("fromPort", -1), text("toPort", -1)]);
    }
    if let Peer::Block(block) = permission.peer {
        shown.push(text(if block.is_ipv6() { "cidrIpv6" } else { "cidrIpv4" }, block));
    }
    shown.extend(rule.description.as_ref().map(|description| text("description", description)));
    shown
}
