//! Secrets Manager: the secret of the audit database.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::arn;
use crate::topology;
use gameday_core::model::{RegionRole, sha256};

/// The secret's name.
pub(crate) const AUDIT: &str = "gameday-audit";

/// The secrets of a Region, by name.
pub(crate) type Secrets = BTreeMap<String, LabSecret>;

/// A secret in one Region. It opens nothing: the lab's databases have no data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LabSecret {
    /// The Region that it is replicated from; nothing for the original.
    pub replica_of: Option<String>,
    /// Of a replica: `InSync`, `InProgress` or `Failed`.
    pub status: String,
    /// The user that it is for; the password follows from the secret's name.
    pub username: String,
}

impl LabSecret {
    /// What GetSecretValue gives: the same in every Region.
    pub(crate) fn value(&self, name: &str) -> String {
        json!({ "username": self.username, "password": sha256(name.as_bytes()) }).to_string()
    }
}

/// The ARN of a secret. The six characters at its end are the same in every Region (Secrets Manager user guide, "Replicate secrets
/// across Regions").
pub(crate) fn arn_of(region: &str, name: &str) -> String {
    arn("secretsmanager", region, &format!("secret:{name}-Gd4Lab"))
}

/// The secrets of a healthy Region.
pub(crate) fn healthy(role: RegionRole) -> Secrets {
    let primary = topology::region(RegionRole::Primary);
    let replica_of = (role == RegionRole::Replica).then(|| primary.to_owned());
    let secret = LabSecret { replica_of, status: "InSync".to_owned(), username: "audit".to_owned() };
    BTreeMap::from([(AUDIT.to_owned(), secret)])
}
