//! What is otherwise than in the healthy lab.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::RegionRole;

/// One thing that is otherwise in the lab's AWS resources.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EstateChange {
    /// Where, as a JSON pointer (RFC 6901) into what `gameday lab --print-estate` prints; `/-` at its end appends to a list.
    pub path: String,
    /// What is there instead; left out, nothing is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<serde_json::Value>,
}

/// An app client that one Region does not have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MissingClient {
    /// Where.
    pub region: RegionRole,
    /// Which one, by its name in the lab: `public`, `confidential`, `rotating`, `web` or `service`.
    pub client: String,
}
