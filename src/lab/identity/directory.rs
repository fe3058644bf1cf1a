use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Refusal;
use crate::srp;

/// The group of every synthetic user, the only one of the pool.
pub(super) const GROUP: &str = "customers";

/// Cognito's names of a user's states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Confirmed,
    ForceChangePassword,
}

/// A user. Changed by replacing it whole, which is also how it is replicated.
#[derive(Debug, Clone)]
pub(super) struct User {
    pub name: String,
    pub sub: String,
    pub status: Status,
    pub enabled: bool,
    pub attributes: BTreeMap<String, String>,
    pub groups: BTreeSet<String>,
    pub verifier: srp::Verifier,
    pub created: Timestamp,
    pub modified: Timestamp,
}

impl User {
    /// `UserAttributes`, as every operation lists them.
    pub fn attribute_list(&self) -> Value {
        let sub = [("sub", self.sub.as_str())].into_iter();
        let others = self.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        sub.chain(others).map(|(name, value)| json!({ "Name": name, "Value": value })).collect()
    }

    /// The user as AdminGetUser (`UserAttributes`), AdminCreateUser and ListUsers (`Attributes`) show it.
    pub fn describe(&self, attributes_key: &str) -> Value {
        let status = match self.status {
            Status::Confirmed => "CONFIRMED",
            Status::ForceChangePassword => "FORCE_CHANGE_PASSWORD",
        };
        json!({
            "Username": self.name,
            attributes_key: self.attribute_list(),
            "UserCreateDate": epoch(self.created),
            "UserLastModifiedDate": epoch(self.modified),
            "Enabled": self.enabled,
            "UserStatus": status,
        })
    }
}

/// A time as AWS JSON 1.1 writes it: seconds with milliseconds.
pub(super) fn epoch(at: Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1000.0
}

/// What a refresh token stands for.
#[derive(Debug, Clone)]
pub(super) struct Grant {
    /// The app client that it was issued to, the only one that may use it.
    pub client: String,
    pub user: String,
    /// A user of the same name made anew is another one.
    pub sub: String,
    pub auth_time: Timestamp,
    pub origin_jti: String,
    pub expires: Timestamp,
}

/// SHA-256 of a refresh token; the token itself is not kept.
pub(super) type TokenHash = [u8; 32];

/// One entry of the replication log.
#[derive(Debug, Clone)]
pub(super) enum Change {
    Put(Arc<User>),
    Delete(String),
    Grant(TokenHash, Arc<Grant>),
}

/// One Region's copy of the user pool.
#[derive(Debug, Default, Clone)]
pub(super) struct Directory {
    users: BTreeMap<String, Arc<User>>,
    grants: HashMap<TokenHash, Arc<Grant>>,
}

impl Directory {
    pub fn apply(&mut self, change: Change) {
        match change {
            Change::Put(user) => {
                self.users.insert(user.name.clone(), user);
            }
            Change::Delete(name) => {
                self.users.remove(&name);
            }
            Change::Grant(hash, grant) => {
                self.grants.insert(hash, grant);
            }
        }
    }

    pub fn user(&self, name: &str) -> Result<Arc<User>, Refusal> {
        let missing = || Refusal::new("UserNotFoundException", "User does not exist.");
        self.users.get(name).cloned().ok_or_else(missing)
    }

    pub fn grant(&self, hash: &TokenHash) -> Option<Arc<Grant>> {
        self.grants.get(hash).cloned()
    }

    /// Users by name, from the first one after `after`.
    pub fn users_after(&self, after: Option<&str>) -> impl Iterator<Item = &Arc<User>> {
        use std::ops::Bound::{Excluded, Unbounded};
        let from = after.map_or(Unbounded, Excluded);
        self.users.range::<str, _>((from, Unbounded)).map(|(_, user)| user)
    }

    pub fn len(&self) -> usize {
        self.users.len()
    }
}
