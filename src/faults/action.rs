//! The changes there are, as the journal writes them.

use std::any::Any;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cloud::CloudError;

use super::change::{Change, Listed, Stage};
use super::changes::function::ThrottleFunction;
use super::changes::health_check::InvertHealthCheck;
use super::changes::limit::SetProvisionedLimit;
use super::changes::lock::Lock;
use super::changes::mark::Mark;
use super::changes::network_acl::{CopyRule, CreateClone, Deny, Swap};
use super::changes::security_group::{CreateEmpty, Empty, Revoke, SwapGroups};
use super::changes::user::{CreateUser, RequirePasswordChange};
use super::changes::web_acl::{AssociateBlockingAcl, CreateBlockingAcl};
use super::finder::Finder;
use super::schedule::ScheduleHeal;

/// Makes [`Action`] of a list of changes.
macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// A change, as a line of the journal and of a plan.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "action", rename_all = "snake_case")]
        pub enum Action {
            $($(#[$doc])* $name($name),)*
        }

        $(impl Listed for $name {})*

        impl Action {
            /// What it does.
            pub fn change(&self) -> &dyn Change {
                match self {
                    $(Self::$name(change) => change,)*
                }
            }

            /// A change of this list.
            ///
            /// # Errors
            /// [`CloudError`] for one that is not in it.
            pub(super) fn of(change: Box<dyn Change>) -> Result<Self, CloudError> {
                let call = change.call();
                let change: Box<dyn Any> = change;
                $(let change = match change.downcast::<$name>() {
                    Ok(change) => return Ok(Self::$name(*change)),
                    Err(other) => other,
                };)*
                drop(change);
                Err(CloudError::incomplete("gameday", &format!("kind of change that calls {call}")))
            }

            /// The change that a call of a schedule undoes.
            pub(super) fn healed_by(operation: &str, input: &Value) -> Option<Self> {
                $(if let Some(change) = $name::healed_by(operation, input) {
                    return Some(Self::$name(change));
                })*
                None
            }

            /// Finds what runs left of every change, in the order of the list.
            pub(super) async fn leftovers(finder: &mut Finder<'_>) -> Result<(), CloudError> {
                $($name::leftovers(finder).await?;)*
                Ok(())
            }

            /// Whether two changes are of the same thing, however much each tells of it.
            pub(super) fn same_target(&self, other: &Self) -> bool {
                match (self, other) {
                    $((Self::$name(one), Self::$name(other)) => one.same_target(other),)*
                    _ => false,
                }
            }

            /// What to undo where a schedule alone tells of it.
            pub(super) async fn scheduled_alone(self, finder: &Finder<'_>) -> Result<Option<Self>, CloudError> {
                Ok(match self {
                    $(Self::$name(change) => change.scheduled_alone(finder).await?.map(Self::$name),)*
                })
            }
        }
    };
}

// Every change, by its name in the journal, and the one that older journals have. In this order its leftovers are found.
actions! {
    /// Makes a network ACL with another one's rules.
    CreateClone,
    /// Gives a clone a rule of its original.
    CopyRule,
    /// Moves a subnet from its network ACL to the clone.
    Swap,
    /// Denies traffic of all subnets on a clone.
    Deny,
    /// Makes a security group.
    CreateEmpty,
    /// Takes a new security group's egress rules away.
    Empty,
    /// Gives a target the empty security group.
    SwapGroups,
    /// Takes an inbound rule out of a security group.
    Revoke,
    /// Inverts a health check.
    #[serde(alias = "invert")]
    InvertHealthCheck,
    /// Sets the limit of sign-ins.
    #[serde(alias = "provision")]
    SetProvisionedLimit,
    /// Throttles a function.
    #[serde(alias = "starve")]
    ThrottleFunction,
    /// Makes a web ACL that blocks sign-ins.
    CreateBlockingAcl,
    /// Gives the user pool a web ACL that blocks sign-ins.
    AssociateBlockingAcl,
    /// Tells on a resource what a run is about to change.
    Mark,
    /// Schedules what heals if the runner cannot.
    #[serde(alias = "arm")]
    ScheduleHeal,
    /// A user sets the new password that it is asked for.
    #[serde(alias = "ask_for_password")]
    RequirePasswordChange,
    /// Somebody signs up, or signs in by a provider for the first time.
    #[serde(alias = "newcomer")]
    CreateUser,
    /// Keeps other runs away.
    Lock,
}

impl Action {
    /// When it is made.
    pub fn stage(&self) -> Stage {
        self.change().stage()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::faults::network::AclRule;

    #[test]
    fn what_is_found_becomes_the_action_that_it_is() {
        let throttle = ThrottleFunction { function: "arn:f".into(), was: Some(7) };
        assert_eq!(Action::of(Box::new(throttle.clone())).unwrap(), Action::ThrottleFunction(throttle));
        let deny = Deny { vpc: "vpc-1".into(), clone: "acl-1".into(), rule: AclRule::deny_all(false, false) };
        assert_eq!(Action::of(Box::new(deny.clone())).unwrap(), Action::Deny(deny));
    }

    #[test]
    fn a_journal_of_an_older_version_is_read() {
        let of = |action: Value| serde_json::from_value::<Action>(action).unwrap();
        let old = [
            json!({"action": "starve", "function": "arn:f", "was": null}),
            json!({"action": "provision", "rate": 300, "was": 120}),
            json!({"action": "newcomer", "pool": "p", "user": "u"}),
        ];
        assert!(matches!(of(old[0].clone()), Action::ThrottleFunction(change) if change.function == "arn:f"));
        assert!(matches!(of(old[1].clone()), Action::SetProvisionedLimit(change) if change.was == 120));
        assert!(matches!(of(old[2].clone()), Action::CreateUser(change) if change.user == "u"));
        // It is written by the new name.
        assert_eq!(serde_json::to_value(of(old[0].clone())).unwrap()["action"], "throttle_function");
    }
}
