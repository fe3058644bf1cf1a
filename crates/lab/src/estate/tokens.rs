//! What the pool signs tokens with.

use serde::{Deserialize, Serialize};

/// The signing keys.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Tokens {
    /// With the issuer UPDATED: the replica signs with a key of its own all the same, which the issuer's other Region does not publish.
    pub replica_has_own_keys: bool,
}
