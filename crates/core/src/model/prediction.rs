use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Milestone;

/// What a finding says that a run will show, in the Regions that the finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Predicts {
    /// Logins fail there; at the primary even before the fault.
    FailedLogins,
    /// Refreshes find no session from before the fault.
    NoSessions,
    /// Logins are throttled there.
    Throttling,
    /// The run does not reach a milestone.
    Unreached(Milestone),
    /// Users are led to an address of neither Region.
    UnknownAddress,
    /// Recovery takes longer than its objectives allow.
    SlowRecovery,
    /// Nothing that a run could show.
    Nothing,
}
