//! What a lab knows of a run, as `truth.json` has it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Milestone;

/// The version of `truth.json`.
pub const TRUTH_VERSION: u32 = 1;

/// What was drawn from the lab's seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Draw {
    /// When in its interval a checker asks, in scenario seconds; by checker.
    CheckerPhaseS,
    /// How long a write at the primary takes to the replica, in scenario seconds; by write.
    LagS,
    /// The same from the replica to the primary.
    LagBackS,
}

/// `truth.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TruthReport {
    /// [`TRUTH_VERSION`].
    pub schema_version: u32,
    /// What the lab can know; a client's giving up (`first_failed_login`) is the client's alone.
    pub milestones: Vec<TrueMilestone>,
    /// What was drawn from the lab's seed, in order; the first thousand of each kind.
    #[serde(default)]
    pub draws: BTreeMap<Draw, Vec<f64>>,
    /// What the fault would have lost, had the primary been gone for good; nothing where no fault took the paths down, or where
    /// nothing was ever written that a replica takes.
    #[serde(default)]
    pub rpo: Option<TrueRpo>,
}

/// What had not reached the replica when the fault became effective.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TrueRpo {
    /// The age of the oldest write that was still on its way then, in scenario seconds; 0 where none was.
    pub age_s: f64,
    /// How many were on their way.
    pub writes_lost: u64,
}

/// When a milestone really was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrueMilestone {
    /// The milestone's name.
    pub name: Milestone,
    /// In scenario time.
    pub at: Timestamp,
    /// Scenario seconds after the run's `zero_at`, once that is known.
    pub at_s: Option<f64>,
}
