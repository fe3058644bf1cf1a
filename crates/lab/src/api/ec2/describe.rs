use super::rows::{DescribedRow, ResourceKind, describe, tag_set};
use super::{Ec2Call, Ec2Outcome};
use crate::acl::{Action, Entry};
use crate::api::xml::{Element, list, node, text};
use crate::topology::{self, ACCOUNT};
use crate::world::{NetworkAcl, State, Subnet, Vpc};

pub(super) fn vpcs(state: &State, call: &Ec2Call<'_>) -> Ec2Outcome {
    let rows = state.vpcs.iter().filter(|vpc| vpc.region == call.region).map(|vpc| DescribedRow {
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
    let kind = ResourceKind { ids: "VpcId", not_found: "InvalidVpcID.NotFound", noun: "vpc", set: "vpcSet" };
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

pub(super) fn subnets(state: &State, call: &Ec2Call<'_>) -> Ec2Outcome {
    let rows = state.subnets.iter().filter(|subnet| subnet.region == call.region).map(|subnet| DescribedRow {
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
        shown: subnet_shown(state, subnet),
    });
    let kind =
        ResourceKind { ids: "SubnetId", not_found: "InvalidSubnetID.NotFound", noun: "subnet", set: "subnetSet" };
    describe(state, call, &kind, rows.collect())
}

/// Addresses of every subnet that EC2 keeps for itself (VPC user guide, "Subnet CIDR blocks").
const KEPT_ADDRESSES: usize = 5;

fn subnet_shown(state: &State, subnet: &Subnet) -> Vec<Element> {
    let region = topology::region(subnet.region);
    let interfaces = state.interfaces.iter().filter(|interface| interface.subnet == subnet.id);
    let used: usize = interfaces.map(|interface| interface.addresses.len()).sum();
    let all = 1_usize << 32_u8.saturating_sub(subnet.cidr.prefix());
    vec![
        text("subnetId", &subnet.id),
        text("subnetArn", format!("arn:aws:ec2:{region}:{ACCOUNT}:subnet/{}", subnet.id)),
        text("state", "available"),
        text("ownerId", ACCOUNT),
        text("vpcId", &subnet.vpc),
        text("cidrBlock", subnet.cidr),
        text("availableIpAddressCount", all.saturating_sub(KEPT_ADDRESSES + used)),
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

pub(super) fn acls(state: &State, call: &Ec2Call<'_>) -> Ec2Outcome {
    let rows = state.acls.iter().filter(|acl| acl.region == call.region).map(|acl| {
        let associations =
            |pick: fn(&crate::world::Association) -> &String| acl.associations.iter().map(pick).cloned().collect();
        let entries = |pick: fn(&Entry) -> Option<String>| acl.entries.iter().filter_map(pick).collect();
        DescribedRow {
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
    let kind = ResourceKind {
        ids: "NetworkAclId",
        not_found: "InvalidNetworkAclID.NotFound",
        noun: "networkAcl",
        set: "networkAclSet",
    };
    describe(state, call, &kind, rows.collect())
}

/// An ACL with its tags, as CreateNetworkAcl answers.
pub(super) fn acl_with_tags(state: &State, acl: &NetworkAcl) -> Vec<Element> {
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

/// The lab's Regions have none.
pub(super) fn vpc_endpoints(state: &State, call: &Ec2Call<'_>) -> Ec2Outcome {
    let not_found = "InvalidVpcEndpointId.NotFound";
    let kind = ResourceKind { ids: "VpcEndpointId", not_found, noun: "vpcEndpoint", set: "vpcEndpointSet" };
    describe(state, call, &kind, Vec::new())
}

pub(super) fn zones(state: &State, call: &Ec2Call<'_>) -> Ec2Outcome {
    let region = topology::region(call.region);
    let zones = state.subnets_of(call.region, false);
    let rows = zones.map(|subnet| DescribedRow {
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
    let kind =
        ResourceKind { ids: "ZoneName", not_found: "InvalidParameterValue", noun: "zone", set: "availabilityZoneInfo" };
    describe(state, call, &kind, rows.collect())
}
