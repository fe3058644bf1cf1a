//! Sign-up, by users themselves; refused at the replica.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};

use serde_json::{Value, json};
use uuid::Uuid;

use super::admin::{attributes, check_policy};
use super::auth::required;
use super::directory::{Change, Status, User};
use super::mfa::UserMfa;
use super::password::Purpose;
use super::{Identity, Place, Refusal, seeding};
use gameday_core::model::{RegionRole, Secret};

impl Identity {
    pub(crate) fn sign_up(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        let place = self.place(role);
        self.check_writable(place, "SignUp")?;
        let client = self.known_client(role, input)?;
        let name = required(input, "Username")?;
        client.check_secret_hash(name, input["SecretHash"].as_str())?;
        let password = Secret::new(required(input, "Password")?);
        let user = self.add_user(place, name, &password, Status::Unconfirmed, input)?;
        let mut answer = json!({ "UserConfirmed": false, "UserSub": user.sub });
        if let Some(delivery) = self.send_code(place, &user, Purpose::ConfirmSignUp) {
            answer["CodeDeliveryDetails"] = delivery;
        }
        Ok(answer)
    }

    pub(crate) fn confirm_sign_up(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        let place = self.place(role);
        self.check_writable(place, "ConfirmSignUp")?;
        let user = self.addressed(place, input)?;
        check_unconfirmed(&user)?;
        self.take_code_sent(place, &user, Purpose::ConfirmSignUp, required(input, "ConfirmationCode")?)?;
        self.change_user(place, &user.name, |user| {
            user.status = Status::Confirmed;
            user.attributes.insert("email_verified".to_owned(), "true".to_owned());
        })?;
        Ok(json!({}))
    }

    pub(crate) fn resend_confirmation_code(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        let place = self.place(role);
        self.check_writable(place, "ResendConfirmationCode")?;
        let user = self.addressed(place, input)?;
        if user.status != Status::Unconfirmed {
            return Err(Refusal::new("InvalidParameterException", "User is already confirmed."));
        }
        Ok(json!({ "CodeDeliveryDetails": self.send_code(place, &user, Purpose::ConfirmSignUp) }))
    }

    pub(crate) fn admin_confirm_sign_up(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        let place = self.writable(role, input, "AdminConfirmSignUp")?;
        let user = place.read().user(required(input, "Username")?)?;
        check_unconfirmed(&user)?;
        self.change_user(place, &user.name, |user| user.status = Status::Confirmed)?;
        Ok(json!({}))
    }

    /// A new user with the attributes of the input.
    pub(super) fn add_user(
        &self,
        place: &Place,
        name: &str,
        password: &Secret,
        status: Status,
        input: &Value,
    ) -> Result<Arc<User>, Refusal> {
        check_policy(password)?;
        let attributes = attributes(place, input)?;
        let verifier = seeding::verifier(&self.pool_id, name, password);
        let now = self.clock.now();
        let user = Arc::new(User {
            name: name.to_owned(),
            sub: Uuid::new_v4().to_string(),
            status,
            enabled: true,
            attributes,
            groups: BTreeSet::new(),
            verifier: Some(verifier),
            mfa: UserMfa::default(),
            created: now,
            modified: now,
        });
        let mut directory = place.directory.write().unwrap_or_else(PoisonError::into_inner);
        if directory.user(name).is_ok() {
            return Err(Refusal::new("UsernameExistsException", "User account already exists"));
        }
        directory.apply(Change::Put(Arc::clone(&user)));
        place.log.send(Change::Put(Arc::clone(&user)), now);
        Ok(user)
    }
}

fn check_unconfirmed(user: &User) -> Result<(), Refusal> {
    if user.status == Status::Unconfirmed {
        return Ok(());
    }
    let message = "User cannot be confirmed. Current status is not UNCONFIRMED";
    Err(Refusal::new("NotAuthorizedException", message))
}
