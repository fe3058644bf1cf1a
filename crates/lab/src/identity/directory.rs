use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Refusal;
use super::mfa::{PoolMfa, UserMfa};
use gameday_protocols::srp;

pub(super) use crate::estate::cognito::GROUP;

/// Cognito's names of a user's states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Unconfirmed,
    Confirmed,
    ForceChangePassword,
    ResetRequired,
    /// Signs in at an identity provider, and has no password here.
    ExternalProvider,
}

impl Status {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Status::Unconfirmed => "UNCONFIRMED",
            Status::Confirmed => "CONFIRMED",
            Status::ForceChangePassword => "FORCE_CHANGE_PASSWORD",
            Status::ResetRequired => "RESET_REQUIRED",
            Status::ExternalProvider => "EXTERNAL_PROVIDER",
        }
    }
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
    /// Nothing for users of an identity provider.
    pub verifier: Option<srp::Verifier>,
    pub mfa: UserMfa,
    pub created: Timestamp,
    pub modified: Timestamp,
}

impl User {
    /// `UserAttributes`, as every operation lists them.
    pub(super) fn attribute_list(&self) -> Value {
        let sub = [("sub", self.sub.as_str())].into_iter();
        let others = self.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        sub.chain(others).map(|(name, value)| json!({ "Name": name, "Value": value })).collect()
    }

    /// The user as AdminGetUser (`UserAttributes`), AdminCreateUser and ListUsers (`Attributes`) show it.
    pub(super) fn describe(&self, attributes_key: &str) -> Value {
        json!({
            "Username": self.name,
            attributes_key: self.attribute_list(),
            "UserCreateDate": epoch(self.created),
            "UserLastModifiedDate": epoch(self.modified),
            "Enabled": self.enabled,
            "UserStatus": self.status.as_str(),
        })
    }
}

/// A group of users.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub name: String,
    pub description: Option<String>,
    pub precedence: Option<u64>,
    /// The IAM role of its members.
    pub role_arn: Option<String>,
    pub created: Timestamp,
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
    /// When the user proved who they are.
    pub auth_time: Timestamp,
    /// When the first tokens were issued: later than that where a browser was known already.
    pub began: Timestamp,
    /// Names the session: every token that comes of one sign-in has it.
    pub origin_jti: String,
    /// What managed login granted; nothing for sign-ins by the API, whose tokens have a scope of their own.
    pub scopes: Option<Vec<String>>,
    pub expires: Timestamp,
}

/// SHA-256 of a refresh token; the token itself is not kept.
pub(super) type TokenHash = [u8; 32];

/// One entry of the replication log. Entries of both Regions cross on their way; what both may write (grants and what ends
/// them) comes to the same in either order.
#[derive(Debug, Clone)]
pub(super) enum Change {
    Put(Arc<User>),
    /// The user without the password: what a bridge carries.
    Profile(Arc<User>),
    /// A user's new password by itself, with the state that it leaves.
    Password(String, srp::Verifier, Status),
    Delete(String),
    PutGroup(Arc<Group>),
    /// Its users are no longer in it.
    DeleteGroup(String),
    PoolMfa(PoolMfa),
    Grant(TokenHash, Arc<Grant>),
    /// A refresh token was rotated: it works until then.
    Retire(TokenHash, Timestamp),
    /// The session of that `origin_jti` was revoked.
    Revoke(String),
    /// Every session of the user of that `sub` that began until then was revoked.
    SignOut(String, Timestamp),
}

/// What became of a refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    Good,
    Expired,
    Revoked,
    /// Rotated, and its time of grace is over.
    Retired,
}

/// One Region's copy of the user pool.
#[derive(Debug, Default, Clone)]
pub(super) struct Directory {
    users: BTreeMap<String, Arc<User>>,
    groups: BTreeMap<String, Arc<Group>>,
    mfa: PoolMfa,
    grants: HashMap<TokenHash, Arc<Grant>>,
    /// When each session began, by `origin_jti`.
    sessions: HashMap<String, Timestamp>,
    retired: HashMap<TokenHash, Timestamp>,
    revoked: HashSet<String>,
    /// By `sub`.
    signed_out: HashMap<String, Timestamp>,
}

impl Directory {
    pub(super) fn apply(&mut self, change: Change) {
        match change {
            Change::Put(user) => {
                self.users.insert(user.name.clone(), user);
            }
            Change::Profile(user) => {
                let mut user = User::clone(&user);
                let known = self.users.get(&user.name);
                user.verifier = known.and_then(|known| known.verifier.clone());
                user.status = known.map_or(user.status, |known| known.status);
                self.users.insert(user.name.clone(), Arc::new(user));
            }
            Change::Password(name, verifier, status) => {
                if let Some(user) = self.users.get_mut(&name).map(Arc::make_mut) {
                    (user.verifier, user.status) = (Some(verifier), status);
                }
            }
            Change::Delete(name) => {
                self.users.remove(&name);
            }
            Change::PutGroup(group) => {
                self.groups.insert(group.name.clone(), group);
            }
            Change::DeleteGroup(name) => {
                self.groups.remove(&name);
                for user in self.users.values_mut().filter(|user| user.groups.contains(&name)) {
                    Arc::make_mut(user).groups.remove(&name);
                }
            }
            Change::PoolMfa(mfa) => self.mfa = mfa,
            Change::Grant(hash, grant) => {
                self.sessions.insert(grant.origin_jti.clone(), grant.began);
                self.grants.insert(hash, grant);
            }
            Change::Retire(hash, until) => {
                let earliest = self.retired.entry(hash).or_insert(until);
                *earliest = until.min(*earliest);
            }
            Change::Revoke(session) => {
                self.revoked.insert(session);
            }
            Change::SignOut(sub, until) => {
                let latest = self.signed_out.entry(sub).or_insert(until);
                *latest = until.max(*latest);
            }
        }
    }

    pub(super) fn user(&self, name: &str) -> Result<Arc<User>, Refusal> {
        let missing = || Refusal::new("UserNotFoundException", "User does not exist.");
        self.users.get(name).cloned().ok_or_else(missing)
    }

    pub(super) fn group(&self, name: &str) -> Result<Arc<Group>, Refusal> {
        let missing = || Refusal::new("ResourceNotFoundException", "Group not found.");
        self.groups.get(name).cloned().ok_or_else(missing)
    }

    /// Groups by name.
    pub(super) fn groups(&self) -> impl Iterator<Item = &Arc<Group>> {
        self.groups.values()
    }

    pub(super) fn mfa(&self) -> PoolMfa {
        self.mfa
    }

    pub(super) fn grant(&self, hash: &TokenHash) -> Option<Arc<Grant>> {
        self.grants.get(hash).cloned()
    }

    /// What became of the refresh token of that hash, whose grant this is.
    pub(super) fn standing(&self, hash: &TokenHash, grant: &Grant, at: Timestamp) -> Standing {
        if self.is_revoked(&grant.sub, &grant.origin_jti, grant.began) {
            Standing::Revoked
        } else if grant.expires <= at {
            Standing::Expired
        } else if self.retired.get(hash).is_some_and(|until| *until <= at) {
            Standing::Retired
        } else {
            Standing::Good
        }
    }

    /// Whether a session was ended by RevokeToken or GlobalSignOut. `began` serves for a session that has not been
    /// replicated to here.
    pub(super) fn is_revoked(&self, sub: &str, origin_jti: &str, began: Timestamp) -> bool {
        let began = self.sessions.get(origin_jti).copied().unwrap_or(began);
        self.revoked.contains(origin_jti) || self.signed_out.get(sub).is_some_and(|until| began <= *until)
    }

    /// Users by name, from the first one after `after`.
    pub(super) fn users_after(&self, after: Option<&str>) -> impl Iterator<Item = &Arc<User>> {
        use std::ops::Bound::{Excluded, Unbounded};
        let from = after.map_or(Unbounded, Excluded);
        self.users.range::<str, _>((from, Unbounded)).map(|(_, user)| user)
    }

    pub(super) fn len(&self) -> usize {
        self.users.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const IDS: u8 = 4;

    fn at(second: u8) -> Timestamp {
        Timestamp::from_second(second.into()).unwrap()
    }

    /// The grant of a refresh token: two tokens for each session, two sessions for each user.
    fn grant(token: u8) -> Grant {
        let session = token / 2;
        Grant {
            client: "client".to_owned(),
            user: format!("user-{}", session / 2),
            sub: format!("sub-{}", session / 2),
            auth_time: at(session * 10),
            began: at(session * 10),
            origin_jti: format!("session-{session}"),
            scopes: None,
            expires: at(200),
        }
    }

    /// What both Regions write.
    fn change() -> impl Strategy<Value = Change> {
        prop_oneof![
            (0..2 * IDS).prop_map(|token| Change::Grant([token; 32], Arc::new(grant(token)))),
            (0..2 * IDS, 0..100_u8).prop_map(|(token, until)| Change::Retire([token; 32], at(until))),
            (0..IDS).prop_map(|session| Change::Revoke(format!("session-{session}"))),
            (0..IDS / 2, 0..100_u8).prop_map(|(user, until)| Change::SignOut(format!("sub-{user}"), at(until))),
        ]
    }

    /// All that can be asked about refresh tokens and sessions.
    fn answers(changes: Vec<Change>) -> Vec<(Option<Standing>, bool)> {
        let mut directory = Directory::default();
        for change in changes {
            directory.apply(change);
        }
        let tokens = (0..2 * IDS).flat_map(|token| (0..210).step_by(15).map(move |second| (token, at(second))));
        tokens
            .map(|(token, when)| {
                let (hash, about) = ([token; 32], grant(token));
                let standing = directory.grant(&hash).map(|grant| directory.standing(&hash, &grant, when));
                (standing, directory.is_revoked(&about.sub, &about.origin_jti, about.began))
            })
            .collect()
    }

    proptest! {
        #[test]
        fn both_regions_come_to_the_same_in_any_order(
            (one, other) in prop::collection::vec(change(), 0..12)
                .prop_flat_map(|changes| (Just(changes.clone()), Just(changes).prop_shuffle())),
        ) {
            prop_assert_eq!(answers(one), answers(other));
        }
    }

    #[test]
    fn the_gravest_end_of_a_session_is_told() {
        let mut directory = Directory::default();
        let (hash, grant) = ([2; 32], Arc::new(grant(2)));
        directory.apply(Change::Grant(hash, Arc::clone(&grant)));
        let mut standing = |change: Option<Change>, when| {
            if let Some(change) = change {
                directory.apply(change);
            }
            directory.standing(&hash, &grant, at(when))
        };
        assert_eq!(standing(None, 199), Standing::Good);
        assert_eq!(standing(None, 200), Standing::Expired);
        assert_eq!(standing(Some(Change::Retire(hash, at(50))), 49), Standing::Good);
        assert_eq!(standing(Some(Change::Retire(hash, at(60))), 50), Standing::Retired);
        // Before this session began, then at that moment.
        assert_eq!(standing(Some(Change::SignOut("sub-0".to_owned(), at(9))), 49), Standing::Good);
        assert_eq!(standing(Some(Change::SignOut("sub-0".to_owned(), at(10))), 49), Standing::Revoked);
    }
}
