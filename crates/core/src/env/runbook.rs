//! What a runbook says of people.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whom the runbook names: roles and places rather than persons, so that it stays true.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Runbook {
    /// Who decides on a manual failover and on the way back, as "incident commander of the identity team".
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decides: Option<String>,
    /// How to reach whoever is needed, a line each, as "identity on-call: pager `identity`".
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub contacts: Vec<String>,
}

impl Runbook {
    /// Whether it names nobody.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
