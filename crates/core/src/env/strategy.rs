//! The three ways of the article to have an identity plane in a second Region.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the lab's other Region gets the pool's users, and who moves the record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Strategy {
    /// Cognito's own replica, which lags by `lag_median` and at most `lag_max`.
    #[default]
    NativeReplica,
    /// A pool of its own, to which a queue carries what happens to users and groups at the primary, in minutes; sessions stay behind. Password
    /// changes take a way of their own and may overtake each other.
    Bridge,
    /// A pool of its own that was filled hours ago. The health check is disabled: a person inverts it when the primary is away.
    ManualSync,
}

impl Strategy {
    /// In the order of the article's reader: what it recommends first.
    pub const ALL: [Self; 3] = [Self::NativeReplica, Self::Bridge, Self::ManualSync];

    /// As an environment file has it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NativeReplica => "native-replica",
            Self::Bridge => "bridge",
            Self::ManualSync => "manual-sync",
        }
    }

    /// Whether it is the one that is taken where a file says nothing.
    pub fn is_native(&self) -> bool {
        *self == Self::NativeReplica
    }
}
