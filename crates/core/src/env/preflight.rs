//! What preflight cannot discover by itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::files::{Document, FileFinding};
use crate::model::{Region, Span};

use super::JwksFetch;

/// What preflight cannot discover: rules of the organisation, and where its documents are. A check whose key is left out says so, and is
/// not counted as passed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Preflight {
    /// Regions where the users' personal data may lie: the residency list of the organisation.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed_regions: Vec<Region>,
    /// Where the Record of Processing Activities tells of the replication: a document number or a URL. An empty text says that there is none yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ropa: Option<String>,
    /// How far the replica may be behind the primary: what replication is measured against. 30 s where left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lag_slo: Option<Span>,
    /// Whether the Pre-Token-Generation trigger's function may be invoked in both Regions with an event that is made up, to compare what
    /// it adds; left out, it may not. It really runs: what it writes, it writes then, too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invoke_triggers: Option<bool>,
    /// What the triggers' functions depend on and their environment variables do not name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dependencies: Vec<Dependency>,
    /// Why the failover record's TTL is below 60 s, where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub short_ttl_reason: Option<String>,
    /// How long an outage may last that signed-in users should not notice; left out, as long as the scenario's outage and hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_outage: Option<Span>,
    /// Functions that verify tokens, beside the authorizers that API Gateway tells of: names that both Regions have.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub authorizers: Vec<String>,
    /// How whoever verifies tokens gets the keys: "cached" ahead of requests, from both Regions, or "per-request".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks_fetch: Option<JwksFetch>,
}

/// Something that the triggers' functions need in their own Region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dependency {
    /// What it is.
    pub kind: DependencyKind,
    /// Its name, which both Regions share; no ARN.
    pub name: String,
}

/// Kinds of what functions depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DependencyKind {
    /// A DynamoDB global table.
    DynamodbTable,
    /// A secret of Secrets Manager that is replicated.
    Secret,
    /// An Aurora global cluster.
    AuroraGlobalCluster,
    /// An RDS Proxy in each Region.
    RdsProxy,
}

impl Preflight {
    /// The same; where it says nothing, what `base` says. A lab knows all by itself, and its file says what is otherwise.
    #[must_use]
    pub fn or(self, base: &Self) -> Self {
        let written = serde_json::to_value(&self).ok().zip(serde_json::to_value(base).ok());
        let merged = written.and_then(|(own, mut merged)| {
            for (key, value) in own.as_object()? {
                merged.as_object_mut()?.insert(key.clone(), value.clone());
            }
            serde_json::from_value(merged).ok()
        });
        merged.unwrap_or(self)
    }

    /// Whether it says nothing at all.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Reports everything that is wrong with what preflight is told.
pub(super) fn check(file: &mut Document) {
    for item in file.items("preflight.dependencies") {
        let path = format!("{item}.name");
        if let Some(name) = file.get::<String>(&path).filter(|name| name.is_empty() || name.starts_with("arn:")) {
            let finding = FileFinding::at(path, format!("`{name}` names nothing in both Regions"), "not a name");
            file.report(finding.help("write the name alone, as \"claims\": it is looked for in each Region"));
        }
    }
    for path in file.items("preflight.allowed_regions") {
        let shaped = |name: &str| {
            let parts: Vec<&str> = name.split('-').collect();
            let number = parts.last().is_some_and(|last| last.parse::<u8>().is_ok());
            let words =
                parts.iter().rev().skip(1).all(|part| part.chars().all(|c| c.is_ascii_lowercase()) && !part.is_empty());
            parts.len() >= 3 && number && words
        };
        if let Some(name) = file.get::<String>(&path).filter(|name| !shaped(name)) {
            let finding = FileFinding::at(path, format!("`{name}` is not the name of a Region"), "not a Region");
            file.report(finding.help("write the Region's code, as \"us-west-2\""));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_leaves_out_comes_from_the_base() {
        let base = Preflight {
            allowed_regions: vec![Region::from("us-east-1")],
            ropa: Some("R-1".to_owned()),
            ..Preflight::default()
        };
        assert_eq!(Preflight::default().or(&base), base);
        let own = Preflight { ropa: Some(String::new()), ..Preflight::default() };
        let merged = own.or(&base);
        assert_eq!((merged.ropa.as_deref(), &merged.allowed_regions), (Some(""), &base.allowed_regions));
    }
}
