use super::rows::{Kind, Row, describe, tag_set};
use super::{Call, Outcome};
use crate::lab::acl::{Action, Cidr, Entry, Permission};
use crate::lab::api::xml::{Element, list, node, text};
use crate::lab::topology::{self, ACCOUNT};
use crate::lab::world::{Interface, NetworkAcl, SecurityGroup, State, Subnet, Vpc};

pub fn vpcs(state: &State, call: &Call<'_>) -> Outcome {
    let rows = state.vpcs.iter().filter(|vpc| vpc.region == call.region).map(|vpc| Row {
        id: vpc.id.clone(),
        attributes: vec![
            ("vpc-id", vec![vpc.id.clone()]),
            ("owner-id", vec![ACCOUNT.to_owned()]),
            ("state", vec!["available".to_owned()]),
            ("cidr", vec![vpc.cidr.to_string()]),
            ("cidr-block-association.cidr-block", vec![vpc.cidr.to_string()]),
            ("is-default", vec!["false".to_owned()]),
        ],
        shown: vpc_shown(vpc),
    });
    let kind = Kind { ids: "VpcId", not_found: "InvalidVpcID.NotFound", noun: "vpc", set: "vpcSet" };
    describe(state, call, &kind, rows.collect())
}

fn vpc_shown(vpc: &Vpc) -> Vec<Element> {
    let associated = |name| node(name, vec![text("state", "associated")]);
    let (cidr_v6, association_v6) = &vpc.cidr_v6;
    vec![
        text("vpcId", &vpc.id),
        text("ownerId", ACCOUNT),
        text("state", "available"),
        text("cidrBlock", vpc.cidr),
        list(
            "cidrBlockAssociationSet",
            "item",
            [vec![text("cidrBlock", vpc.cidr), text("associationId", &vpc.association), associated("cidrBlockState")]],
        ),
        list(
            "ipv6CidrBlockAssociationSet",
            "item",
            [vec![
                text("ipv6CidrBlock", cidr_v6),
                text("associationId", association_v6),
                associated("ipv6CidrBlockState"),
            ]],
        ),
        text("instanceTenancy", "default"),
        text("isDefault", false),
    ]
}

pub fn subnets(state: &State, call: &Call<'_>) -> Outcome {
    let rows = state.subnets.iter().filter(|subnet| subnet.region == call.region).map(|subnet| Row {
        id: subnet.id.clone(),
        attributes: vec![
            ("subnet-id", vec![subnet.id.clone()]),
            ("vpc-id", vec![subnet.vpc.clone()]),
            ("availability-zone", vec![subnet.zone.clone()]),
            ("availability-zone-id", vec![zone_id(&subnet.zone)]),
            ("cidr-block", vec![subnet.cidr.to_string()]),
            ("cidrBlock", vec![subnet.cidr.to_string()]),
            ("default-for-az", vec!["false".to_owned()]),
            ("owner-id", vec![ACCOUNT.to_owned()]),
            ("state", vec!["available".to_owned()]),
        ],
        shown: subnet_shown(subnet),
    });
    let kind = Kind { ids: "SubnetId", not_found: "InvalidSubnetID.NotFound", noun: "subnet", set: "subnetSet" };
    describe(state, call, &kind, rows.collect())
}

fn subnet_shown(subnet: &Subnet) -> Vec<Element> {
    let region = topology::region(subnet.region);
    vec![
        text("subnetId", &subnet.id),
        text("subnetArn", format!("arn:aws:ec2:{region}:{ACCOUNT}:subnet/{}", subnet.id)),
        text("state", "available"),
        text("ownerId", ACCOUNT),
        text("vpcId", &subnet.vpc),
        text("cidrBlock", subnet.cidr),
        // A /25 less the five that EC2 keeps and the front door's own (VPC user guide, "Subnet CIDR blocks").
        text("availableIpAddressCount", 128 - 5 - 1),
        text("availabilityZone", &subnet.zone),
        text("availabilityZoneId", zone_id(&subnet.zone)),
        text("defaultForAz", false),
        text("mapPublicIpOnLaunch", false),
        text("assignIpv6AddressOnCreation", false),
    ]
}

/// As `use1-az1`: the Region's abbreviation and a number.
fn zone_id(zone: &str) -> String {
    let (region, letter) = zone.split_at(zone.len().saturating_sub(1));
    let short: String = match region {
        "us-east-1" => "use1".to_owned(),
        "us-west-2" => "usw2".to_owned(),
        other => other.replace('-', ""),
    };
    format!("{short}-az{}", if letter == "a" { 1 } else { 2 })
}

pub fn interfaces(state: &State, call: &Call<'_>) -> Outcome {
    let rows = state.interfaces.iter().filter(|interface| interface.region == call.region).map(|interface| {
        let address = interface.address.to_string();
        let zone = state.subnet(&interface.subnet).map(|subnet| subnet.zone.clone()).unwrap_or_default();
        Row {
            id: interface.id.clone(),
            attributes: vec![
                ("network-interface-id", vec![interface.id.clone()]),
                ("subnet-id", vec![interface.subnet.clone()]),
                ("vpc-id", vec![state.vpc_of(interface).to_owned()]),
                ("availability-zone", vec![zone.clone()]),
                (
                    "addresses.private-ip-address",
                    std::iter::once(address.clone()).chain(interface.second.map(|second| second.to_string())).collect(),
                ),
                ("addresses.primary", vec!["true".to_owned(), "false".to_owned()]),
                ("addresses.association.public-ip", Vec::new()),
                ("association.public-ip", Vec::new()),
                ("private-ip-address", vec![address]),
                ("ipv6-addresses.ipv6-address", Vec::new()),
                ("group-id", interface.groups.clone()),
                ("group-name", group_names(state, interface)),
                ("description", vec![interface.description.clone()]),
                ("status", vec!["in-use".to_owned()]),
                ("interface-type", vec!["interface".to_owned()]),
                ("owner-id", vec![ACCOUNT.to_owned()]),
                ("mac-address", vec![interface.mac.clone()]),
            ],
            shown: interface_shown(state, interface, &zone),
        }
    });
    let kind = Kind {
        ids: "NetworkInterfaceId",
        not_found: "InvalidNetworkInterfaceID.NotFound",
        noun: "networkInterface",
        set: "networkInterfaceSet",
    };
    describe(state, call, &kind, rows.collect())
}

fn group_names(state: &State, interface: &Interface) -> Vec<String> {
    state.groups.iter().filter(|group| interface.groups.contains(&group.id)).map(|group| group.name.clone()).collect()
}

fn interface_shown(state: &State, interface: &Interface, zone: &str) -> Vec<Element> {
    let groups = interface.groups.iter().zip(group_names(state, interface));
    vec![
        text("networkInterfaceId", &interface.id),
        text("subnetId", &interface.subnet),
        text("vpcId", state.vpc_of(interface)),
        text("availabilityZone", zone),
        text("description", &interface.description),
        text("ownerId", ACCOUNT),
        text("requesterManaged", false),
        text("status", "in-use"),
        text("macAddress", &interface.mac),
        text("privateIpAddress", interface.address),
        text("sourceDestCheck", true),
        list("groupSet", "item", groups.map(|(id, name)| vec![text("groupId", id), text("groupName", name)])),
        node(
            "attachment",
            vec![
                text("attachmentId", &interface.attachment),
                text("instanceOwnerId", ACCOUNT),
                text("deviceIndex", 0),
                text("status", "attached"),
                text("deleteOnTermination", true),
            ],
        ),
        list(
            "privateIpAddressesSet",
            "item",
            [(Some(interface.address), true), (interface.second, false)]
                .into_iter()
                .filter_map(|(address, first)| Some(vec![text("privateIpAddress", address?), text("primary", first)])),
        ),
        node("ipv6AddressesSet", Vec::new()),
        text("interfaceType", "interface"),
    ]
}

pub fn acls(state: &State, call: &Call<'_>) -> Outcome {
    let rows = state.acls.iter().filter(|acl| acl.region == call.region).map(|acl| {
        let associations =
            |pick: fn(&crate::lab::world::Association) -> &String| acl.associations.iter().map(pick).cloned().collect();
        let entries = |pick: fn(&Entry) -> Option<String>| acl.entries.iter().filter_map(pick).collect();
        Row {
            id: acl.id.clone(),
            attributes: vec![
                ("network-acl-id", vec![acl.id.clone()]),
                ("vpc-id", vec![acl.vpc.clone()]),
                ("default", vec![acl.is_default.to_string()]),
                ("owner-id", vec![ACCOUNT.to_owned()]),
                ("association.subnet-id", associations(|association| &association.subnet)),
                ("association.association-id", associations(|association| &association.id)),
                ("association.network-acl-id", acl.associations.iter().map(|_| acl.id.clone()).collect()),
                ("entry.cidr", entries(|entry| (!entry.cidr.is_ipv6()).then(|| entry.cidr.to_string()))),
                ("entry.ipv6-cidr", entries(|entry| entry.cidr.is_ipv6().then(|| entry.cidr.to_string()))),
                ("entry.egress", entries(|entry| Some(entry.egress.to_string()))),
                ("entry.rule-number", entries(|entry| Some(entry.rule_number.to_string()))),
                ("entry.rule-action", entries(|entry| Some(action(entry.action).to_owned()))),
                ("entry.protocol", entries(|entry| Some(entry.protocol.to_string()))),
                ("entry.port-range.from", entries(|entry| entry.ports.map(|ports| ports.from.to_string()))),
                ("entry.port-range.to", entries(|entry| entry.ports.map(|ports| ports.to.to_string()))),
            ],
            shown: acl_shown(acl),
        }
    });
    let kind = Kind {
        ids: "NetworkAclId",
        not_found: "InvalidNetworkAclID.NotFound",
        noun: "networkAcl",
        set: "networkAclSet",
    };
    describe(state, call, &kind, rows.collect())
}

/// An ACL with its tags, as CreateNetworkAcl answers.
pub fn acl_with_tags(state: &State, acl: &NetworkAcl) -> Vec<Element> {
    let mut shown = acl_shown(acl);
    shown.push(tag_set(state, &acl.id));
    shown
}

fn acl_shown(acl: &NetworkAcl) -> Vec<Element> {
    let mut entries: Vec<&Entry> = acl.entries.iter().collect();
    entries.sort_by_key(|entry| (!entry.egress, entry.rule_number));
    let associations = acl.associations.iter().map(|association| {
        vec![
            text("networkAclAssociationId", &association.id),
            text("networkAclId", &acl.id),
            text("subnetId", &association.subnet),
        ]
    });
    vec![
        text("networkAclId", &acl.id),
        text("vpcId", &acl.vpc),
        text("ownerId", ACCOUNT),
        text("default", acl.is_default),
        list("entrySet", "item", entries.into_iter().map(entry_shown)),
        list("associationSet", "item", associations),
    ]
}

fn entry_shown(entry: &Entry) -> Vec<Element> {
    let mut shown = vec![
        text("ruleNumber", entry.rule_number),
        text("protocol", entry.protocol),
        text("ruleAction", action(entry.action)),
        text("egress", entry.egress),
        text(if entry.cidr.is_ipv6() { "ipv6CidrBlock" } else { "cidrBlock" }, entry.cidr),
    ];
    shown.extend(entry.icmp.map(|icmp| node("icmpTypeCode", vec![text("code", icmp.code), text("type", icmp.kind)])));
    shown.extend(entry.ports.map(|ports| node("portRange", vec![text("from", ports.from), text("to", ports.to)])));
    shown
}

fn action(action: Action) -> &'static str {
    match action {
        Action::Allow => "allow",
        Action::Deny => "deny",
    }
}

pub fn groups(state: &State, call: &Call<'_>) -> Outcome {
    let named = call.params.list("GroupName");
    let rows = state.groups.iter().filter(|group| group.region == call.region);
    let rows = rows.filter(|group| named.is_empty() || named.contains(&group.name.as_str())).map(|group| Row {
        id: group.id.clone(),
        attributes: vec![
            ("group-id", vec![group.id.clone()]),
            ("group-name", vec![group.name.clone()]),
            ("description", vec![group.description.clone()]),
            ("vpc-id", vec![group.vpc.clone()]),
            ("owner-id", vec![ACCOUNT.to_owned()]),
        ],
        shown: group_shown(group),
    });
    let kind =
        Kind { ids: "GroupId", not_found: "InvalidGroup.NotFound", noun: "security group", set: "securityGroupInfo" };
    describe(state, call, &kind, rows.collect())
}

fn group_shown(group: &SecurityGroup) -> Vec<Element> {
    vec![
        text("ownerId", ACCOUNT),
        text("groupId", &group.id),
        text("groupName", &group.name),
        text("groupDescription", &group.description),
        text("vpcId", &group.vpc),
        list("ipPermissions", "item", group.inbound.iter().map(permission_shown)),
        list("ipPermissionsEgress", "item", group.outbound.iter().map(permission_shown)),
    ]
}

fn permission_shown(permission: &Permission) -> Vec<Element> {
    let protocol = match permission.protocol {
        crate::lab::acl::TCP => "tcp".to_owned(),
        other => other.to_string(),
    };
    let mut shown = vec![text("ipProtocol", protocol)];
    shown.extend(
        permission.ports.into_iter().flat_map(|ports| [text("fromPort", ports.from), text("toPort", ports.to)]),
    );
    let blocks = |name, item, ipv6| {
        let blocks = permission.cidrs.iter().filter(move |cidr| cidr.is_ipv6() == ipv6);
        list(name, "item", blocks.map(|cidr: &Cidr| vec![text(item, cidr)]))
    };
    shown.push(node("groups", Vec::new()));
    shown.push(blocks("ipRanges", "cidrIp", false));
    shown.push(blocks("ipv6Ranges", "cidrIpv6", true));
    shown.push(node("prefixListIds", Vec::new()));
    shown
}

/// A rule in EC2's words.
pub fn permission_tags(permission: &Permission) -> String {
    let peers: Vec<String> = permission.cidrs.iter().map(ToString::to_string).collect();
    format!("peer: {}, protocol {}, ports {:?}", peers.join(", "), permission.protocol, permission.ports)
}

pub fn zones(state: &State, call: &Call<'_>) -> Outcome {
    let region = topology::region(call.region);
    let rows = state.subnets.iter().filter(|subnet| subnet.region == call.region).map(|subnet| Row {
        id: subnet.zone.clone(),
        attributes: vec![
            ("zone-name", vec![subnet.zone.clone()]),
            ("zone-id", vec![zone_id(&subnet.zone)]),
            ("zone-type", vec!["availability-zone".to_owned()]),
            ("region-name", vec![region.to_owned()]),
            ("state", vec!["available".to_owned()]),
        ],
        shown: vec![
            text("optInStatus", "opt-in-not-required"),
            text("zoneName", &subnet.zone),
            text("zoneId", zone_id(&subnet.zone)),
            text("zoneState", "available"),
            text("zoneType", "availability-zone"),
            text("regionName", region),
            text("groupName", region),
            text("networkBorderGroup", region),
            node("messageSet", Vec::new()),
        ],
    });
    let kind = Kind { ids: "ZoneName", not_found: "InvalidParameterValue", noun: "zone", set: "availabilityZoneInfo" };
    describe(state, call, &kind, rows.collect())
}
