//! Administration: the operations of the Cognito API that need AWS credentials.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::auth::required;
use super::directory::{Change, Status, User};
use super::filter::Filter;
use super::{Identity, Place, Refusal, seeding};
use gameday_core::model::{RegionRole, Secret};

/// The fewest characters of a password (the default policy of a user pool, which also asks for each kind of character).
pub(super) const SHORTEST_PASSWORD: usize = 8;

/// The most users that ListUsers gives at once (Cognito API reference).
const PAGE: usize = 60;

/// Whether a password fits the pool's policy.
pub(super) fn check_policy(password: &Secret) -> Result<(), Refusal> {
    let has = |kind: fn(&char) -> bool| password.expose().chars().any(|c| kind(&c));
    let why = if password.expose().chars().count() < SHORTEST_PASSWORD {
        "Password not long enough"
    } else if !has(char::is_ascii_uppercase) {
        "Password must have uppercase characters"
    } else if !has(char::is_ascii_lowercase) {
        "Password must have lowercase characters"
    } else if !has(char::is_ascii_digit) {
        "Password must have numeric characters"
    } else if !has(|c| c.is_ascii_punctuation() || *c == ' ') {
        "Password must have symbol characters"
    } else {
        return Ok(());
    };
    Err(Refusal::new("InvalidPasswordException", format!("Password did not conform with policy: {why}")))
}

/// `UserAttributes` of the input, which must be attributes of the pool.
pub(super) fn attributes(place: &Place, input: &Value) -> Result<BTreeMap<String, String>, Refusal> {
    let refused = |message: String| Refusal::new("InvalidParameterException", message);
    let mut found = BTreeMap::new();
    for attribute in input["UserAttributes"].as_array().into_iter().flatten() {
        let name = required(attribute, "Name")?;
        let value = attribute["Value"].as_str().unwrap_or_default();
        if name == "sub" {
            return Err(refused("Cannot modify the non-mutable attribute sub".to_owned()));
        }
        if name.starts_with("custom:") && !place.attributes.contains(name) {
            let message =
                format!("Attributes did not conform to the schema: {name}: Attribute does not exist in the schema.\n");
            return Err(refused(message));
        }
        found.insert(name.to_owned(), value.to_owned());
    }
    Ok(found)
}

impl Identity {
    /// The replica refuses what would change the directory (Cognito developer guide, "Multi-Region replication for user pools").
    pub(super) fn check_writable(&self, place: &Place, what: &str) -> Result<(), Refusal> {
        if !place.is_replica() {
            return Ok(());
        }
        let (here, primary) = (&place.region, &self.primary.region);
        let message =
            format!("{what} is not enabled in {here}, a read-only replica of this user pool; call {primary} instead.");
        Err(Refusal::new("OperationNotEnabledException", message))
    }

    /// The Region's part of a write: pool and name checked, and that it takes writes.
    pub(super) fn writable(&self, role: RegionRole, input: &Value, operation: &str) -> Result<&Place, Refusal> {
        let place = self.place(role);
        self.check_pool(role, input)?;
        self.check_writable(place, operation)?;
        Ok(place)
    }

    /// Replaces a user by a changed one, and logs that.
    pub(super) fn change_user(
        &self,
        place: &Place,
        name: &str,
        change: impl FnOnce(&mut User),
    ) -> Result<Arc<User>, Refusal> {
        // Read, changed and written under one lock, so that no change is lost.
        let mut directory = place.directory.write().unwrap_or_else(PoisonError::into_inner);
        let before = directory.user(name)?;
        let mut user = User::clone(&before);
        let now = self.clock.now();
        change(&mut user);
        user.modified = now;
        let user = Arc::new(user);
        directory.apply(Change::Put(Arc::clone(&user)));
        place.log.send(Change::Put(Arc::clone(&user)), now);
        if let Some(verifier) =
            user.verifier.as_ref().filter(|it| !before.verifier.as_ref().is_some_and(|old| it.is(old)))
        {
            place.log.send(Change::Password(name.to_owned(), verifier.clone(), user.status), now);
        }
        Ok(user)
    }

    pub(crate) fn admin_create_user(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        let place = self.writable(role, input, "AdminCreateUser")?;
        let name = required(input, "Username")?;
        let password = input["TemporaryPassword"].as_str().map_or_else(seeding::password, Secret::new);
        let user = self.add_user(place, name, &password, Status::ForceChangePassword, input)?;
        Ok(json!({ "User": user.describe("Attributes") }))
    }

    pub(crate) fn admin_set_user_password(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        let place = self.writable(role, input, "AdminSetUserPassword")?;
        let name = required(input, "Username")?;
        let password = Secret::new(required(input, "Password")?);
        let permanent = input["Permanent"].as_bool().unwrap_or(false);
        let status = if permanent { Status::Confirmed } else { Status::ForceChangePassword };
        self.set_password(place, name, &password, status)?;
        Ok(json!({}))
    }

    pub(crate) fn admin_get_user(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        self.check_pool(role, input)?;
        let user = self.place(role).read().user(required(input, "Username")?)?;
        let mut answer = user.describe("UserAttributes");
        user.mfa.describe(&mut answer);
        Ok(answer)
    }

    pub(crate) fn admin_update_user_attributes(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        let place = self.writable(role, input, "AdminUpdateUserAttributes")?;
        let changed = attributes(place, input)?;
        self.change_user(place, required(input, "Username")?, |user| {
            user.attributes.extend(changed);
        })?;
        Ok(json!({}))
    }

    pub(crate) fn admin_disable_user(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        let place = self.writable(role, input, "AdminDisableUser")?;
        self.change_user(place, required(input, "Username")?, |user| user.enabled = false)?;
        Ok(json!({}))
    }

    pub(crate) fn admin_enable_user(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        let place = self.writable(role, input, "AdminEnableUser")?;
        self.change_user(place, required(input, "Username")?, |user| user.enabled = true)?;
        Ok(json!({}))
    }

    pub(crate) fn admin_delete_user(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        let place = self.writable(role, input, "AdminDeleteUser")?;
        let name = required(input, "Username")?;
        place.read().user(name)?;
        self.commit(place, Change::Delete(name.to_owned()));
        Ok(json!({}))
    }

    pub(crate) fn list_users(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        self.check_pool(role, input)?;
        let refused = |message: &str| Refusal::new("InvalidParameterException", message);
        let limit = match &input["Limit"] {
            Value::Null => PAGE,
            limit => match limit.as_u64().and_then(|limit| usize::try_from(limit).ok()) {
                Some(limit @ 1..=PAGE) => limit,
                _ => return Err(refused("Limit must be from 1 to 60")),
            },
        };
        let filter = Filter::parse(input["Filter"].as_str().unwrap_or_default())?;
        let after = match input["PaginationToken"].as_str() {
            None => None,
            Some(token) => {
                let name = URL_SAFE_NO_PAD.decode(token).ok().and_then(|name| String::from_utf8(name).ok());
                Some(name.ok_or_else(|| refused("Invalid pagination token"))?)
            }
        };
        let directory = self.place(role).read();
        let users = directory.users_after(after.as_deref());
        let mut users = users.filter(|user| filter.as_ref().is_none_or(|filter| filter.matches(user)));
        let page: Vec<_> = users.by_ref().take(limit).collect();
        let mut answer = json!({ "Users": page.iter().map(|user| user.describe("Attributes")).collect::<Vec<_>>() });
        if let (Some(last), Some(_)) = (page.last(), users.next()) {
            answer["PaginationToken"] = URL_SAFE_NO_PAD.encode(&last.name).into();
        }
        Ok(answer)
    }
}
