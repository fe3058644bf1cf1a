//! A VPC's network ACLs as EC2 describes them: what faults plan with, and what is compared before and after.

use std::collections::BTreeMap;
use std::fmt;

use aws_sdk_ec2::types::Filter;
use serde::{Deserialize, Serialize};

use crate::cloud::{CloudError, RegionClients};

/// The number of the `*` rule that ends every network ACL (EC2 API reference, NetworkAclEntry).
const LAST_RULE: i32 = 32767;

/// One rule of a network ACL.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AclRule {
    /// Its number; lower ones are tried first.
    pub number: i32,
    /// Outbound, else inbound.
    pub egress: bool,
    /// Allow, else deny.
    pub allow: bool,
    /// The protocol number; `-1` for all.
    pub protocol: String,
    /// The IPv4 range.
    pub cidr: Option<String>,
    /// The IPv6 range.
    pub ipv6_cidr: Option<String>,
    /// First and last port.
    pub ports: Option<(i32, i32)>,
    /// ICMP type and code.
    pub icmp: Option<(i32, i32)>,
}

impl AclRule {
    /// A rule that denies everything of one direction and IP family; it has no number yet.
    pub fn deny_all(egress: bool, ipv6: bool) -> Self {
        Self {
            number: 0,
            egress,
            allow: false,
            protocol: "-1".to_owned(),
            cidr: (!ipv6).then(|| "0.0.0.0/0".to_owned()),
            ipv6_cidr: ipv6.then(|| "::/0".to_owned()),
            ports: None,
            icmp: None,
        }
    }
}

impl AclRule {
    /// What it does, whatever its number and direction.
    pub fn effect(&self) -> String {
        let range = self.cidr.as_deref().or(self.ipv6_cidr.as_deref()).unwrap_or("-");
        let action = if self.allow { "allow" } else { "deny" };
        let protocol = if self.protocol == "-1" { String::new() } else { format!("protocol {} ", self.protocol) };
        let ports = match self.ports {
            None => String::new(),
            Some((from, to)) if from == to => format!(" port {from}"),
            Some((from, to)) => format!(" ports {from}-{to}"),
        };
        let icmp = self.icmp.map_or_else(String::new, |(kind, code)| format!(" ICMP type {kind} code {code}"));
        format!("{action} {protocol}{range}{ports}{icmp}")
    }

    /// The same rule, whatever its number.
    #[must_use]
    pub fn unnumbered(&self) -> Self {
        Self { number: 0, ..self.clone() }
    }
}

impl fmt::Display for AclRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let direction = if self.egress { "egress" } else { "ingress" };
        write!(f, "{direction} rule {}, {}", self.number, self.effect())
    }
}

/// A network ACL.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Acl {
    /// Its ID.
    pub id: String,
    /// Whether it is the VPC's default.
    pub default: bool,
    /// Its rules without the closing `*` rules, sorted.
    pub rules: Vec<AclRule>,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

impl Acl {
    /// Whether it has a rule of that number in that direction.
    pub fn has_rule(&self, number: i32, egress: bool) -> bool {
        self.rules.iter().any(|rule| rule.number == number && rule.egress == egress)
    }
}

/// Which ACL a subnet has.
#[derive(Debug, Clone, PartialEq)]
pub struct Association {
    /// The association's ID, which changes with every replacement.
    pub id: String,
    /// The ACL.
    pub acl: String,
}

/// The network ACLs of one VPC and who uses them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Vpc {
    acls: BTreeMap<String, Acl>,
    associations: BTreeMap<String, Association>,
}

impl Vpc {
    /// Describes a VPC, page by page; filtered by VPC and matched here, since EC2 takes about 200 values in a filter.
    ///
    /// # Errors
    /// [`CloudError`].
    pub async fn describe(clients: &RegionClients, vpc: &str) -> Result<Self, CloudError> {
        let filter = Filter::builder().name("vpc-id").values(vpc).build();
        let mut pages = clients.ec2.describe_network_acls().filters(filter).into_paginator().send();
        let mut found = Self::default();
        while let Some(page) = pages.next().await {
            for acl in page.map_err(CloudError::of("ec2:DescribeNetworkAcls"))?.network_acls() {
                let Some(id) = acl.network_acl_id() else { continue };
                for association in acl.associations() {
                    if let (Some(subnet), Some(own)) =
                        (association.subnet_id(), association.network_acl_association_id())
                    {
                        let association = Association { id: own.to_owned(), acl: id.to_owned() };
                        found.associations.insert(subnet.to_owned(), association);
                    }
                }
                let rules = acl.entries().iter().map(AclRule::from).filter(|rule| rule.number < LAST_RULE);
                let mut rules: Vec<AclRule> = rules.collect();
                rules.sort();
                let tags = acl.tags().iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned())));
                let acl = Acl {
                    id: id.to_owned(),
                    default: acl.is_default().unwrap_or_default(),
                    rules,
                    tags: tags.collect(),
                };
                found.acls.insert(id.to_owned(), acl);
            }
        }
        Ok(found)
    }

    /// The ACL with that ID.
    pub fn acl(&self, id: &str) -> Option<&Acl> {
        self.acls.get(id)
    }

    /// The rules of an ACL without the closing ones; none where it is not there.
    pub fn rules(&self, acl: &str) -> &[AclRule] {
        self.acl(acl).map_or(&[], |acl| acl.rules.as_slice())
    }

    /// How many there are.
    pub fn acl_count(&self) -> usize {
        self.acls.len()
    }

    /// The association of a subnet.
    pub fn association(&self, subnet: &str) -> Option<&Association> {
        self.associations.get(subnet)
    }

    /// The subnets that use an ACL.
    pub fn subnets_of(&self, acl: &str) -> Vec<&str> {
        self.associations.iter().filter(|(_, used)| used.acl == acl).map(|(subnet, _)| subnet.as_str()).collect()
    }

    /// All of them.
    pub fn acls(&self) -> impl Iterator<Item = &Acl> {
        self.acls.values()
    }

    /// Which ACL each subnet has.
    pub fn associations(&self) -> impl Iterator<Item = (&String, &Association)> {
        self.associations.iter()
    }

    /// The ACL that a clone without tags repeats: the only one whose rules are the clone's, in order, but for what the clone denies first.
    pub fn original_of(&self, clone: &Acl) -> Option<String> {
        let ordered = |acl: &Acl, egress: bool| -> Vec<AclRule> {
            acl.rules.iter().filter(|rule| rule.egress == egress).map(AclRule::unnumbered).collect()
        };
        let repeats = |acl: &&Acl| {
            acl.id != clone.id
                && [false, true].into_iter().all(|egress| {
                    let (own, copy) = (ordered(acl, egress), ordered(clone, egress));
                    let first = copy.len().checked_sub(own.len());
                    first.is_some_and(|first| copy[first..] == own && copy[..first].iter().all(|rule| !rule.allow))
                })
        };
        let mut found = self.acls().filter(repeats);
        let first = found.next()?;
        found.next().is_none().then(|| first.id.clone())
    }
}
