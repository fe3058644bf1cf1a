//! The changes there are, as the journal writes them.

use serde::{Deserialize, Serialize};

use super::change::{Change, Stage};
use super::changes::function::Starve;
use super::changes::health_check::Invert;
use super::changes::limit::Provision;
use super::changes::lock::Lock;
use super::changes::mark::Mark;
use super::changes::network_acl::{CopyRule, CreateClone, Deny, Swap};
use super::changes::schedule::Arm;
use super::changes::security_group::{CreateEmpty, Empty, Revoke, SwapGroups};
use super::changes::user::{AskForPassword, Newcomer};

/// A change, as a line of the journal and of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// Keeps other runs away.
    Lock(Lock),
    /// Tells on a resource what a run is about to change.
    Mark(Mark),
    /// Makes a network ACL with another one's rules.
    CreateClone(CreateClone),
    /// Gives a clone a rule of its original.
    CopyRule(CopyRule),
    /// Moves a subnet from its network ACL to the clone.
    Swap(Swap),
    /// Denies traffic of all subnets on a clone.
    Deny(Deny),
    /// Makes a security group.
    CreateEmpty(CreateEmpty),
    /// Takes a new security group's egress rules away.
    Empty(Empty),
    /// Gives a target the empty security group.
    SwapGroups(SwapGroups),
    /// Takes an inbound rule out of a security group.
    Revoke(Revoke),
    /// Inverts a health check.
    Invert(Invert),
    /// Throttles a function.
    Starve(Starve),
    /// Sets the limit of sign-ins.
    Provision(Provision),
    /// Schedules what heals if the runner cannot.
    Arm(Arm),
    /// A user sets the new password that it is asked for.
    AskForPassword(AskForPassword),
    /// Somebody signs up, or signs in by a provider for the first time.
    Newcomer(Newcomer),
}

impl Action {
    /// What it does.
    pub fn change(&self) -> &dyn Change {
        match self {
            Self::Lock(change) => change,
            Self::Mark(change) => change,
            Self::CreateClone(change) => change,
            Self::CopyRule(change) => change,
            Self::Swap(change) => change,
            Self::Deny(change) => change,
            Self::CreateEmpty(change) => change,
            Self::Empty(change) => change,
            Self::SwapGroups(change) => change,
            Self::Revoke(change) => change,
            Self::Invert(change) => change,
            Self::Starve(change) => change,
            Self::Provision(change) => change,
            Self::Arm(change) => change,
            Self::AskForPassword(change) => change,
            Self::Newcomer(change) => change,
        }
    }

    /// When it is made.
    pub fn stage(&self) -> Stage {
        self.change().stage()
    }
}
