use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::faults::changes::group_rule::GroupRule;
use gameday_core::model::Region;

/// What a resource is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum FactKind {
    NetworkAcl,
    Subnet,
    SecurityGroup,
    NetworkInterface,
    VpcEndpoint,
    LoadBalancer,
    HealthCheck,
    Function,
    Limit,
    UserPool,
    WebAcl,
    Schedule,
}

impl fmt::Display for FactKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NetworkAcl => "network ACL",
            Self::Subnet => "subnet",
            Self::SecurityGroup => "security group",
            Self::NetworkInterface => "network interface",
            Self::VpcEndpoint => "VPC endpoint",
            Self::LoadBalancer => "load balancer",
            Self::HealthCheck => "health check",
            Self::Function => "function",
            Self::Limit => "limit of sign-ins",
            Self::UserPool => "user pool",
            Self::WebAcl => "web ACL",
            Self::Schedule => "schedule",
        })
    }
}

/// Something that has facts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Resource {
    /// Where.
    pub region: Region,
    /// What it is.
    pub kind: FactKind,
    /// Its ID, ARN or name.
    pub id: String,
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            FactKind::Limit => write!(f, "{} in {}", self.kind, self.region),
            _ => write!(f, "{} {} in {}", self.kind, self.id, self.region),
        }
    }
}

/// One thing that is described of a resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Attribute {
    /// Its name, or what it is among others of its kind.
    Name,
    /// A rule of a network ACL, by its number.
    AclRule {
        /// Outbound, else inbound.
        egress: bool,
        /// Its number.
        number: i32,
        /// Of IPv6, else of IPv4.
        ipv6: bool,
    },
    /// The network ACL of a subnet.
    NetworkAcl,
    /// A rule of a security group, its description aside.
    GroupRule {
        /// Outbound, else inbound.
        egress: bool,
        /// The rule.
        rule: GroupRule,
    },
    /// The security groups of whatever has some.
    Groups,
    /// Whether a health check is inverted.
    Inverted,
    /// Whether a health check is disabled.
    Disabled,
    /// A health check's failure threshold.
    FailureThreshold,
    /// What is reserved for a function.
    ReservedConcurrency,
    /// The provisioned limit of sign-ins.
    ProvisionedLimit,
    /// The web ACL of a user pool.
    WebAcl,
    /// A tag, by its key.
    Tag(String),
}

impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let direction = |egress: &bool| if *egress { "egress" } else { "ingress" };
        match self {
            Self::Name => f.write_str("name"),
            Self::AclRule { egress, number, ipv6 } => {
                write!(f, "{} rule {number} {}", direction(egress), if *ipv6 { "IPv6" } else { "IPv4" })
            }
            Self::NetworkAcl => f.write_str("network ACL"),
            Self::GroupRule { egress, rule } => write!(f, "{} rule {rule}", direction(egress)),
            Self::Groups => f.write_str("security groups"),
            Self::Inverted => f.write_str("inverted"),
            Self::Disabled => f.write_str("disabled"),
            Self::FailureThreshold => f.write_str("failure threshold"),
            Self::ReservedConcurrency => f.write_str("reserved concurrency"),
            Self::ProvisionedLimit => f.write_str("provisioned limit"),
            Self::WebAcl => f.write_str("web ACL"),
            Self::Tag(key) => write!(f, "tag {key}"),
        }
    }
}

/// What is described, and compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Fact {
    /// Of what.
    pub resource: Resource,
    /// Which of its attributes.
    pub attribute: Attribute,
}

impl Fact {
    /// How it changed, in words; nothing where it did not.
    pub(super) fn difference(&self, was: Option<&Value>, is: Option<&Value>) -> Option<String> {
        let Self { resource, attribute } = self;
        match (was, is) {
            (Some(was), Some(is)) if was != is => Some(format!("{resource}: {attribute} was {was} and is {is}")),
            (Some(_), None) => Some(format!("{resource}: {attribute} no longer exists")),
            (None, Some(is)) => Some(format!("{resource}: {attribute} is new: {is}")),
            _ => None,
        }
    }
}

/// What a fact is described as.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// Anything that refers to nothing else.
    Text(String),
    /// Other resources, by ID, sorted.
    Ids(Vec<String>),
    /// What a security group's rule has besides what tells it apart.
    Rule {
        /// Its description.
        description: Option<String>,
        /// Its own tags, where they were described.
        tags: BTreeMap<String, String>,
    },
}

impl Value {
    /// The resources that it refers to.
    pub(super) fn ids(&self) -> &[String] {
        match self {
            Self::Ids(ids) => ids,
            _ => &[],
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Ids(ids) => f.write_str(&ids.join(", ")),
            Self::Rule { description, tags } => {
                match description {
                    Some(text) => write!(f, "described as {text:?}")?,
                    None => f.write_str("without a description")?,
                }
                let tags: Vec<String> = tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
                if tags.is_empty() { Ok(()) } else { write!(f, " and tagged {}", tags.join(", ")) }
            }
        }
    }
}

/// What a run makes of a fact that its own actions change. Anything else that is found there is somebody else's work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Own {
    /// It refers to a resource that the run made.
    Refers,
    /// It is this.
    Is(String),
    /// It is taken away.
    Gone,
}
