//! The calls that faults are made of, each with its inverse.

use aws_sdk_ec2::types::{IcmpTypeCode, NetworkAclEntry, PortRange, ResourceType, RuleAction, Tag, TagSpecification};
use serde::{Deserialize, Serialize};

use crate::cloud::{CloudError, ErrorClass, RegionClients};
use crate::model::{RunId, Step};

use super::network::{AclRule, Vpc};

/// The tag that every resource of a run carries.
pub const RUN_TAG: &str = "gameday:run";
/// The tag that tells a clone's original, and the fault that made it.
pub const CLONE_TAG: &str = "gameday:clone";

/// A call that changes something. Clones are named by a key that is known before they exist:
/// the fault's number and the original's ID.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// ec2:CreateNetworkAcl; inverse ec2:DeleteNetworkAcl.
    CreateClone {
        /// Its VPC.
        vpc: String,
        /// The ACL that it repeats.
        original: String,
        /// Its key.
        clone: String,
        /// Makes a repeated call harmless.
        client_token: String,
    },
    /// ec2:CreateNetworkAclEntry on a clone; goes when the clone goes.
    CopyRule {
        /// The clone's VPC.
        vpc: String,
        /// The clone's key.
        clone: String,
        /// The rule, with its number in the clone.
        rule: AclRule,
    },
    /// ec2:ReplaceNetworkAclAssociation; inverse the same, back to the original.
    Swap {
        /// The subnet's VPC.
        vpc: String,
        /// The subnet.
        subnet: String,
        /// The ACL that it had.
        original: String,
        /// The clone's key.
        clone: String,
    },
    /// ec2:CreateNetworkAclEntry that denies everything; inverse ec2:DeleteNetworkAclEntry.
    Deny {
        /// The clone's VPC.
        vpc: String,
        /// The clone's key.
        clone: String,
        /// Outbound, else inbound.
        egress: bool,
        /// `::/0`, else `0.0.0.0/0`.
        ipv6: bool,
        /// Below every other rule's.
        number: i32,
    },
}

/// What a call made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Applied {
    /// The new network ACL's ID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acl: Option<String>,
}

impl Action {
    /// The API operation.
    pub fn call(&self) -> &'static str {
        match self {
            Self::CreateClone { .. } => "ec2:CreateNetworkAcl",
            Self::CopyRule { .. } | Self::Deny { .. } => "ec2:CreateNetworkAclEntry",
            Self::Swap { .. } => "ec2:ReplaceNetworkAclAssociation",
        }
    }

    /// What it changes, in words.
    pub fn resource(&self) -> String {
        match self {
            Self::CreateClone { original, .. } => format!("clone of {original}"),
            Self::CopyRule { clone, rule, .. } => format!("clone {clone}: {rule}"),
            Self::Swap { subnet, original, .. } => format!("{subnet}: from {original} to its clone"),
            Self::Deny { clone, egress, ipv6, number, .. } => format!(
                "clone {clone}: {} rule {number}, deny {}",
                if *egress { "egress" } else { "ingress" },
                if *ipv6 { "::/0" } else { "0.0.0.0/0" }
            ),
        }
    }

    /// Its inverse, in words.
    pub fn inverse(&self) -> &'static str {
        match self {
            Self::CreateClone { .. } => "ec2:DeleteNetworkAcl",
            Self::CopyRule { .. } => "none: goes with the clone",
            Self::Swap { .. } => "ec2:ReplaceNetworkAclAssociation to the original",
            Self::Deny { .. } => "ec2:DeleteNetworkAclEntry",
        }
    }

    /// What it is for.
    pub fn step(&self) -> Step {
        match self {
            Self::Deny { .. } => Step::Cut,
            _ => Step::Prepare,
        }
    }

    /// Whether IPv4 traffic stops by it.
    pub fn cuts_ipv4(&self) -> bool {
        matches!(self, Self::Deny { ipv6: false, .. })
    }

    /// The VPC that it changes.
    pub fn vpc(&self) -> &str {
        match self {
            Self::CreateClone { vpc, .. }
            | Self::CopyRule { vpc, .. }
            | Self::Swap { vpc, .. }
            | Self::Deny { vpc, .. } => vpc,
        }
    }

    /// The key of the clone that it is about.
    pub fn clone_key(&self) -> &str {
        match self {
            Self::CreateClone { clone, .. }
            | Self::CopyRule { clone, .. }
            | Self::Swap { clone, .. }
            | Self::Deny { clone, .. } => clone,
        }
    }

    /// Makes the call, once. `clone` is the clone's ID, `live` the VPC as last described.
    ///
    /// # Errors
    /// [`CloudError`]; what is unclear after it, [`Action::settled`] finds out.
    pub async fn apply(
        &self,
        clients: &RegionClients,
        run: &RunId,
        clone: Option<&str>,
        live: &Vpc,
    ) -> Result<Applied, CloudError> {
        let known = |clone: Option<&str>| {
            clone.map(str::to_owned).ok_or_else(|| CloudError::incomplete("ec2:CreateNetworkAcl", "clone of that key"))
        };
        match self {
            Self::CreateClone { vpc, original, clone: key, client_token } => {
                create_clone(clients, run, vpc, original, key, client_token).await
            }
            Self::CopyRule { rule, .. } => create_entry(clients, &known(clone)?, rule).await,
            Self::Deny { egress, ipv6, number, .. } => {
                create_entry(clients, &known(clone)?, &AclRule::deny_all(*number, *egress, *ipv6)).await
            }
            Self::Swap { subnet, .. } => {
                let association = live
                    .association(subnet)
                    .ok_or_else(|| CloudError::incomplete("ec2:DescribeNetworkAcls", "association of the subnet"))?;
                replace(clients, &association.id, &known(clone)?).await
            }
        }
    }

    /// Whether the call has taken effect, by what is there now.
    pub fn settled(&self, run: &RunId, clone: Option<&str>, live: &Vpc) -> Option<Applied> {
        match self {
            Self::CreateClone { clone: key, .. } => {
                live.clone_of_run(run, key).map(|acl| Applied { acl: Some(acl.id.clone()) })
            }
            Self::CopyRule { rule, .. } => live.acl(clone?)?.has_rule(rule.number, rule.egress).then(Applied::default),
            Self::Deny { number, egress, ipv6, .. } => {
                let deny = AclRule::deny_all(*number, *egress, *ipv6);
                live.acl(clone?)?.rules.contains(&deny).then(Applied::default)
            }
            Self::Swap { subnet, .. } => (live.association(subnet)?.acl == clone?).then(Applied::default),
        }
    }
}

async fn create_clone(
    clients: &RegionClients,
    run: &RunId,
    vpc: &str,
    original: &str,
    key: &str,
    client_token: &str,
) -> Result<Applied, CloudError> {
    let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
    let tags = TagSpecification::builder()
        .resource_type(ResourceType::NetworkAcl)
        .tags(tag(RUN_TAG, run.as_str()))
        .tags(tag(CLONE_TAG, key))
        .tags(tag("Name", &format!("gameday clone of {original}")))
        .build();
    let call =
        clients.ec2_mutating.create_network_acl().vpc_id(vpc).client_token(client_token).tag_specifications(tags);
    let answer = call.send().await.map_err(CloudError::of("ec2:CreateNetworkAcl"))?;
    let acl = answer.network_acl().and_then(|acl| acl.network_acl_id());
    let acl = acl.ok_or_else(|| CloudError::incomplete("ec2:CreateNetworkAcl", "network ACL ID"))?;
    Ok(Applied { acl: Some(acl.to_owned()) })
}

async fn create_entry(clients: &RegionClients, acl: &str, rule: &AclRule) -> Result<Applied, CloudError> {
    let ports = rule.ports.map(|(from, to)| PortRange::builder().from(from).to(to).build());
    let icmp = rule.icmp.map(|(kind, code)| IcmpTypeCode::builder().r#type(kind).code(code).build());
    let call = clients
        .ec2_mutating
        .create_network_acl_entry()
        .network_acl_id(acl)
        .rule_number(rule.number)
        .protocol(&rule.protocol)
        .rule_action(if rule.allow { RuleAction::Allow } else { RuleAction::Deny })
        .egress(rule.egress)
        .set_cidr_block(rule.cidr.clone())
        .set_ipv6_cidr_block(rule.ipv6_cidr.clone())
        .set_port_range(ports)
        .set_icmp_type_code(icmp);
    call.send().await.map_err(CloudError::of("ec2:CreateNetworkAclEntry"))?;
    Ok(Applied::default())
}

/// Points a subnet's association at another ACL.
///
/// # Errors
/// [`CloudError`]; `InvalidAssociationID.NotFound` when somebody replaced it meanwhile.
pub async fn replace(clients: &RegionClients, association: &str, acl: &str) -> Result<Applied, CloudError> {
    let call = clients.ec2_mutating.replace_network_acl_association().association_id(association).network_acl_id(acl);
    call.send().await.map_err(CloudError::of("ec2:ReplaceNetworkAclAssociation"))?;
    Ok(Applied::default())
}

/// Deletes a rule; one that is gone already is fine.
///
/// # Errors
/// [`CloudError`].
pub async fn delete_entry(clients: &RegionClients, acl: &str, number: i32, egress: bool) -> Result<(), CloudError> {
    let call = clients.ec2_mutating.delete_network_acl_entry().network_acl_id(acl).rule_number(number).egress(egress);
    gone(call.send().await.map(drop).map_err(CloudError::of("ec2:DeleteNetworkAclEntry")))
}

/// Deletes a network ACL; one that is gone already is fine.
///
/// # Errors
/// [`CloudError`].
pub async fn delete_acl(clients: &RegionClients, acl: &str) -> Result<(), CloudError> {
    let call = clients.ec2_mutating.delete_network_acl().network_acl_id(acl);
    gone(call.send().await.map(drop).map_err(CloudError::of("ec2:DeleteNetworkAcl")))
}

fn gone(result: Result<(), CloudError>) -> Result<(), CloudError> {
    match result {
        Err(error) if error.class == ErrorClass::NotFound => Ok(()),
        other => other,
    }
}

impl From<&NetworkAclEntry> for AclRule {
    fn from(entry: &NetworkAclEntry) -> Self {
        Self {
            number: entry.rule_number().unwrap_or_default(),
            egress: entry.egress().unwrap_or_default(),
            allow: entry.rule_action() == Some(&RuleAction::Allow),
            protocol: entry.protocol().unwrap_or("-1").to_owned(),
            cidr: entry.cidr_block().map(str::to_owned),
            ipv6_cidr: entry.ipv6_cidr_block().map(str::to_owned),
            ports: entry.port_range().and_then(|range| Some((range.from()?, range.to()?))),
            icmp: entry.icmp_type_code().and_then(|icmp| Some((icmp.r#type()?, icmp.code()?))),
        }
    }
}
