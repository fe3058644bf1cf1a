//! One rule of a security group: as EC2 describes it, as it is authorized again, and as marks and schedules tell of it.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{
    Filter, IpPermission, IpRange, Ipv6Range, PrefixListId, ResourceType, SecurityGroupRule, TagSpecification,
    UserIdGroupPair,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::cloud::{CloudError, RegionClients};
use crate::faults::tags::{VALUE_CHARACTERS, WAS_TAG, tag};

/// One inbound rule of a security group, with one source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct GroupRule {
    /// As EC2 names it: `tcp`, or `-1` for all.
    pub protocol: String,
    /// First and last port.
    pub ports: Option<(i32, i32)>,
    /// From where.
    pub source: Source,
    /// Its description.
    pub description: Option<String>,
    /// Whose the group is that is its source. Nothing in journals of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<GroupOwner>,
}

/// Whose a security group is that a rule names: this account's, another one's, or a peered VPC's.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct GroupOwner {
    /// The account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The VPC, where it is another one than the rule's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc: Option<String>,
    /// The VPC peering connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peering: Option<String>,
}

/// A rule's source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// An IPv4 range.
    Ipv4(String),
    /// An IPv6 range.
    Ipv6(String),
    /// A prefix list's ID.
    PrefixList(String),
    /// Another security group's ID.
    Group(String),
}

impl Source {
    fn text(&self) -> &str {
        match self {
            Self::Ipv4(text) | Self::Ipv6(text) | Self::PrefixList(text) | Self::Group(text) => text,
        }
    }
}

impl std::fmt::Display for GroupRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.protocol.as_str() {
            "-1" => write!(f, "all")?,
            protocol => write!(f, "{protocol}")?,
        }
        match self.ports {
            Some((from, to)) if from == to => write!(f, " port {from}")?,
            Some((from, to)) => write!(f, " ports {from}-{to}")?,
            None => {}
        }
        write!(f, " from {}", self.source.text())?;
        match self.owner.as_ref().map(|owner| (&owner.peering, &owner.account)) {
            Some((Some(peering), Some(account))) => write!(f, " of account {account} over {peering}"),
            Some((Some(peering), None)) => write!(f, " over {peering}"),
            _ => Ok(()),
        }
    }
}

impl GroupRule {
    /// Whether EC2 takes them for the same rule: it allows no two that differ in their description alone. An older version's journal does not say
    /// whose a group is.
    pub fn is(&self, other: &Self) -> bool {
        let owners = self.owner.is_none() || other.owner.is_none() || self.owner == other.owner;
        owners && self.protocol == other.protocol && self.ports == other.ports && self.source == other.source
    }

    /// The rule as it is told apart from others.
    #[must_use]
    pub fn undescribed(&self) -> Self {
        Self { description: None, ..self.clone() }
    }

    /// The marks that tell of it and its tags: key behind [`WAS_TAG`], and value. The description, which may be 255 characters long, is apart, and
    /// the tags are in pieces: a tag's value has [`VALUE_CHARACTERS`] at the most.
    pub fn marks(&self, number: usize, tags: &BTreeMap<String, String>) -> Vec<(String, String)> {
        let mut marks = vec![(number.to_string(), serde_json::to_string(&self.undescribed()).unwrap_or_default())];
        marks.extend(self.description.clone().map(|text| (format!("{number}:description"), text)));
        if !tags.is_empty() {
            let text: Vec<char> = serde_json::to_string(tags).unwrap_or_default().chars().collect();
            let pieces = text.chunks(VALUE_CHARACTERS).enumerate();
            marks.extend(pieces.map(|(piece, text)| (format!("{number}:tags:{piece}"), text.iter().collect())));
        }
        marks
    }

    /// The rules that marks tell of, with their tags.
    pub fn of_marks(tags: &BTreeMap<String, String>) -> Vec<(Self, BTreeMap<String, String>)> {
        let rule = |(key, value): (&String, &String)| {
            let number: usize = key.strip_prefix(WAS_TAG)?.parse().ok()?;
            let rule: Self = serde_json::from_str(value).ok()?;
            let description = tags.get(&format!("{WAS_TAG}{number}:description")).cloned();
            let pieces = (0..).map_while(|piece| tags.get(&format!("{WAS_TAG}{number}:tags:{piece}")));
            let own = serde_json::from_str(&pieces.cloned().collect::<String>()).unwrap_or_default();
            Some((Self { description, ..rule }, own))
        };
        tags.iter().filter_map(rule).collect()
    }

    /// The rules that a permission of EC2 stands for.
    pub fn of(permission: &IpPermission) -> Vec<Self> {
        let protocol = permission.ip_protocol().unwrap_or("-1").to_owned();
        let ports = permission.from_port().zip(permission.to_port());
        let rule = |source: Source, description: Option<&str>| Self {
            protocol: protocol.clone(),
            ports,
            source,
            description: description.map(str::to_owned),
            owner: None,
        };
        let ipv4 = permission.ip_ranges().iter();
        let ipv4 = ipv4.filter_map(|range| Some(rule(Source::Ipv4(range.cidr_ip()?.to_owned()), range.description())));
        let ipv6 = permission.ipv6_ranges().iter();
        let ipv6 =
            ipv6.filter_map(|range| Some(rule(Source::Ipv6(range.cidr_ipv6()?.to_owned()), range.description())));
        let lists = permission.prefix_list_ids().iter();
        let lists = lists
            .filter_map(|list| Some(rule(Source::PrefixList(list.prefix_list_id()?.to_owned()), list.description())));
        let groups = permission.user_id_group_pairs().iter();
        let groups = groups.filter_map(|pair| {
            let owner = GroupOwner {
                account: pair.user_id.clone(),
                vpc: pair.vpc_id.clone(),
                peering: pair.vpc_peering_connection_id.clone(),
            };
            let owner = Some(owner).filter(|owner| *owner != GroupOwner::default());
            Some(Self { owner, ..rule(Source::Group(pair.group_id()?.to_owned()), pair.description()) })
        });
        ipv4.chain(ipv6).chain(lists).chain(groups).collect()
    }

    /// The permission of EC2 that stands for it alone.
    pub fn permission(&self) -> IpPermission {
        let permission = IpPermission::builder().ip_protocol(&self.protocol);
        let permission = permission.set_from_port(self.ports.map(|(from, _)| from));
        let permission = permission.set_to_port(self.ports.map(|(_, to)| to));
        let about = self.description.clone();
        match &self.source {
            Source::Ipv4(range) => {
                permission.ip_ranges(IpRange::builder().cidr_ip(range).set_description(about).build())
            }
            Source::Ipv6(range) => {
                permission.ipv6_ranges(Ipv6Range::builder().cidr_ipv6(range).set_description(about).build())
            }
            Source::PrefixList(list) => {
                permission.prefix_list_ids(PrefixListId::builder().prefix_list_id(list).set_description(about).build())
            }
            Source::Group(group) => {
                let owner = self.owner.clone().unwrap_or_default();
                let pair = UserIdGroupPair::builder().group_id(group).set_description(about);
                let pair = pair.set_user_id(owner.account).set_vpc_id(owner.vpc);
                permission.user_id_group_pairs(pair.set_vpc_peering_connection_id(owner.peering).build())
            }
        }
        .build()
    }

    /// The rule that [`GroupRule::json`] wrote.
    pub fn from_json(permission: &Value) -> Option<Self> {
        type Make = fn(String) -> Source;
        let kinds: [(&str, &str, Make); 4] = [
            ("IpRanges", "CidrIp", Source::Ipv4),
            ("Ipv6Ranges", "CidrIpv6", Source::Ipv6),
            ("PrefixListIds", "PrefixListId", Source::PrefixList),
            ("UserIdGroupPairs", "GroupId", Source::Group),
        ];
        let port = |key: &str| permission[key].as_i64().and_then(|port| i32::try_from(port).ok());
        kinds.into_iter().find_map(|(list, key, make)| {
            let source = &permission[list][0];
            Some(Self {
                protocol: permission["IpProtocol"].as_str()?.to_owned(),
                ports: port("FromPort").zip(port("ToPort")),
                source: make(source[key].as_str()?.to_owned()),
                description: source["Description"].as_str().map(str::to_owned),
                owner: Some(GroupOwner {
                    account: source["UserId"].as_str().map(str::to_owned),
                    vpc: source["VpcId"].as_str().map(str::to_owned),
                    peering: source["VpcPeeringConnectionId"].as_str().map(str::to_owned),
                })
                .filter(|owner| *owner != GroupOwner::default()),
            })
        })
    }

    /// The same as EventBridge Scheduler sends it.
    pub fn json(&self) -> Value {
        let (list, key) = match &self.source {
            Source::Ipv4(_) => ("IpRanges", "CidrIp"),
            Source::Ipv6(_) => ("Ipv6Ranges", "CidrIpv6"),
            Source::PrefixList(_) => ("PrefixListIds", "PrefixListId"),
            Source::Group(_) => ("UserIdGroupPairs", "GroupId"),
        };
        let mut source = json!({ key: self.source.text() });
        if let Some(description) = &self.description {
            source["Description"] = json!(description);
        }
        let owner = self.owner.clone().unwrap_or_default();
        let owner = [("UserId", owner.account), ("VpcId", owner.vpc), ("VpcPeeringConnectionId", owner.peering)];
        for (key, value) in owner {
            if let Some(value) = value {
                source[key] = json!(value);
            }
        }
        let mut permission = json!({ "IpProtocol": self.protocol, list: [source] });
        if let Some((from, to)) = self.ports {
            permission["FromPort"] = json!(from);
            permission["ToPort"] = json!(to);
        }
        permission
    }
}

/// A rule that is there, with what EC2 gave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DescribedRule {
    /// Its ID.
    pub id: String,
    /// Outbound, else inbound.
    pub egress: bool,
    /// What it says.
    pub rule: GroupRule,
    /// Its own tags.
    pub tags: BTreeMap<String, String>,
}

/// The rules of a security group with their IDs and tags.
///
/// # Errors
/// [`CloudError`].
pub(crate) async fn described(clients: &RegionClients, group: &str) -> Result<Vec<DescribedRule>, CloudError> {
    let filter = Filter::builder().name("group-id").values(group).build();
    let mut pages = clients.ec2.describe_security_group_rules().filters(filter).into_paginator().items().send();
    let mut found = Vec::new();
    while let Some(rule) = pages.next().await {
        let rule = rule.map_err(CloudError::of("ec2:DescribeSecurityGroupRules"))?;
        found.extend(of_described(&rule));
    }
    Ok(found)
}

fn of_described(described: &SecurityGroupRule) -> Option<DescribedRule> {
    let referenced = described.referenced_group_info();
    let source = described.cidr_ipv4().map(|range| Source::Ipv4(range.to_owned()));
    let source = source.or_else(|| described.cidr_ipv6().map(|range| Source::Ipv6(range.to_owned())));
    let source = source.or_else(|| described.prefix_list_id().map(|list| Source::PrefixList(list.to_owned())));
    let source = source.or_else(|| referenced?.group_id().map(|group| Source::Group(group.to_owned())))?;
    let owner = referenced.map(|group| GroupOwner {
        account: group.user_id().map(str::to_owned),
        vpc: group.vpc_id().map(str::to_owned),
        peering: group.vpc_peering_connection_id().map(str::to_owned),
    });
    let protocol = described.ip_protocol().unwrap_or("-1").to_owned();
    // Permissions name no ports of all protocols, where rules say -1.
    let ports = described.from_port().zip(described.to_port()).filter(|_| protocol != "-1");
    let tags = described.tags().iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned())));
    Some(DescribedRule {
        id: described.security_group_rule_id()?.to_owned(),
        egress: described.is_egress().unwrap_or_default(),
        rule: GroupRule {
            protocol,
            ports,
            source,
            description: described.description().map(str::to_owned),
            owner: owner.filter(|owner| *owner != GroupOwner::default()),
        },
        tags: tags.collect(),
    })
}

/// What a rule is authorized with, so that it has its tags from the beginning.
pub(crate) fn tag_specifications(tags: &BTreeMap<String, String>) -> Option<Vec<TagSpecification>> {
    let all = tags.iter().map(|(key, value)| tag(key, value)).collect();
    let given = TagSpecification::builder().resource_type(ResourceType::SecurityGroupRule).set_tags(Some(all)).build();
    (!tags.is_empty()).then(|| vec![given])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permission_of(pair: UserIdGroupPair) -> IpPermission {
        IpPermission::builder().ip_protocol("tcp").from_port(443).to_port(443).user_id_group_pairs(pair).build()
    }

    #[test]
    fn c34_a_rule_of_another_accounts_or_a_peered_vpcs_group_is_authorized_as_it_was() {
        let pair = || UserIdGroupPair::builder().group_id("sg-1").user_id("444455556666").description("partners");
        let peered = pair().vpc_id("vpc-2").vpc_peering_connection_id("pcx-1");
        for pair in [pair().build(), peered.build()] {
            let permission = permission_of(pair);
            let rules = GroupRule::of(&permission);
            assert_eq!(rules.len(), 1);
            assert_eq!(rules[0].permission(), permission);
            assert_eq!(GroupRule::from_json(&rules[0].json()).as_ref(), Some(&rules[0]), "the schedule's too");
            let marks = rules[0].marks(0, &BTreeMap::new()).into_iter();
            let marks = marks.map(|(key, value)| (format!("{WAS_TAG}{key}"), value)).collect();
            assert_eq!(GroupRule::of_marks(&marks), [(rules[0].clone(), BTreeMap::new())], "and the marks'");
        }
    }

    #[test]
    fn a_rule_of_an_older_journal_is_read_and_recognised() {
        let text = r#"{"protocol":"tcp","ports":[443,443],"source":{"group":"sg-1"},"description":null}"#;
        let old: GroupRule = serde_json::from_str(text).unwrap();
        let live =
            GroupRule::of(&permission_of(UserIdGroupPair::builder().group_id("sg-1").user_id("111122223333").build()));
        assert!(old.owner.is_none() && old.is(&live[0]) && live[0].is(&old));
        assert_eq!(serde_json::to_string(&old).unwrap(), text);
    }

    #[test]
    fn tags_of_a_rule_that_are_longer_than_a_tag_come_back_from_marks() {
        let rule = GroupRule {
            protocol: "-1".to_owned(),
            ports: None,
            source: Source::Ipv4("0.0.0.0/0".to_owned()),
            description: Some("d".repeat(255)),
            owner: None,
        };
        let tags: BTreeMap<_, _> = (0..4).map(|n| (format!("Key{n}"), "\"ä".repeat(100))).collect();
        let marks: BTreeMap<_, _> =
            rule.marks(7, &tags).into_iter().map(|(key, value)| (format!("{WAS_TAG}{key}"), value)).collect();
        assert!(marks.values().all(|value| value.chars().count() <= VALUE_CHARACTERS));
        assert_eq!(GroupRule::of_marks(&marks), [(rule, tags)]);
    }
}
