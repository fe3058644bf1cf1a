//! The changes there are, as the journal writes them.

use serde::{Deserialize, Serialize};

use super::change::{Change, Stage};
use super::changes::network_acl::{CopyRule, CreateClone, Deny, Swap};

/// A change, as a line of the journal and of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// Makes a network ACL with another one's rules.
    CreateClone(CreateClone),
    /// Gives a clone a rule of its original.
    CopyRule(CopyRule),
    /// Moves a subnet from its network ACL to the clone.
    Swap(Swap),
    /// Denies traffic of all subnets on a clone.
    Deny(Deny),
}

impl Action {
    /// What it does.
    pub fn change(&self) -> &dyn Change {
        match self {
            Self::CreateClone(change) => change,
            Self::CopyRule(change) => change,
            Self::Swap(change) => change,
            Self::Deny(change) => change,
        }
    }

    /// When it is made.
    pub fn stage(&self) -> Stage {
        self.change().stage()
    }
}
