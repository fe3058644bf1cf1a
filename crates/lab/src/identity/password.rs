//! Passwords: checked, changed, forgotten and reset.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::constant_time;
use serde_json::{Value, json};

use super::admin::check_policy;
use super::auth::{invalid_parameter, required, wrong_password};
use super::directory::{Status, User};
use super::{Identity, Place, Refusal, seeding};
use crate::ids::text;
use gameday_core::model::{RegionRole, Secret};
use gameday_protocols::srp::verify_password;

/// How long the code of a forgotten password counts (Cognito quotas: one hour), for which a sign-up's is kept as well.
pub(super) const CODE_VALIDITY: Duration = Duration::from_hours(1);

/// Digits of a code.
const CODE_DIGITS: usize = 6;

/// What a code that is sent to a user is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Purpose {
    ConfirmSignUp,
    ResetPassword,
}

impl Place {
    /// The user, if that is the password.
    pub(super) fn check_password(&self, name: &str, password: &Secret) -> Result<Arc<User>, Refusal> {
        let user = self.sign_in_candidate(name)?;
        let right = user.verifier.as_ref().is_some_and(|verifier| verify_password(verifier, password));
        if right { Ok(user) } else { Err(wrong_password()) }
    }
}

impl Identity {
    /// Makes a code for a user, and says where Cognito would send it. The lab sends no mail: nobody gets the code.
    pub(super) fn send_code(&self, place: &Place, user: &User, purpose: Purpose) -> Option<Value> {
        let code = Secret::new(text(&mut rand::rng(), b"0123456789", CODE_DIGITS));
        place.codes.insert((user.sub.clone(), purpose), code, self.clock.now());
        let email = user.attributes.get("email")?;
        let (name, domain) = email.split_once('@')?;
        let first = |part: &str| part.chars().next().map(String::from).unwrap_or_default();
        Some(json!({
            "AttributeName": "email",
            "DeliveryMedium": "EMAIL",
            "Destination": format!("{}***@{}***", first(name), first(domain)),
        }))
    }

    /// Checks and uses up a code. A wrong one may be corrected.
    pub(super) fn take_code_sent(
        &self,
        place: &Place,
        user: &User,
        purpose: Purpose,
        code: &str,
    ) -> Result<(), Refusal> {
        let key = (user.sub.clone(), purpose);
        let expired = || Refusal::new("ExpiredCodeException", "Invalid code provided, please request a code again.");
        let right = place.codes.get(&key, self.clock.now()).ok_or_else(expired)?;
        if constant_time::verify_slices_are_equal(right.expose().as_bytes(), code.as_bytes()).is_err() {
            let message = "Invalid verification code provided, please try again.";
            return Err(Refusal::new("CodeMismatchException", message));
        }
        place.codes.take(&key, self.clock.now()).map(drop).ok_or_else(expired)
    }

    pub(super) fn set_password(
        &self,
        place: &Place,
        name: &str,
        password: &Secret,
        status: Status,
    ) -> Result<Arc<User>, Refusal> {
        check_policy(password)?;
        let verifier = seeding::verifier(&self.pool_id, name, password);
        self.change_user(place, name, |user| {
            user.verifier = Some(verifier);
            user.status = status;
        })
    }

    pub(crate) fn change_password(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        let place = self.place(role);
        self.check_writable(place, "ChangePassword")?;
        let user = self.bearer(place, input)?;
        let previous = Secret::new(required(input, "PreviousPassword")?);
        let proposed = Secret::new(required(input, "ProposedPassword")?);
        place.check_password(&user.name, &previous)?;
        self.set_password(place, &user.name, &proposed, Status::Confirmed)?;
        Ok(json!({}))
    }

    pub(crate) fn forgot_password(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        let place = self.place(role);
        self.check_writable(place, "ForgotPassword")?;
        let user = self.addressed(place, input)?;
        let delivery = self.begin_reset(place, &user)?;
        Ok(json!({ "CodeDeliveryDetails": delivery }))
    }

    pub(crate) fn confirm_forgot_password(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        let place = self.place(role);
        self.check_writable(place, "ConfirmForgotPassword")?;
        let user = self.addressed(place, input)?;
        let password = Secret::new(required(input, "Password")?);
        check_policy(&password)?;
        self.take_code_sent(place, &user, Purpose::ResetPassword, required(input, "ConfirmationCode")?)?;
        self.set_password(place, &user.name, &password, Status::Confirmed)?;
        Ok(json!({}))
    }

    pub(crate) fn admin_reset_user_password(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        let place = self.writable(role, input, "AdminResetUserPassword")?;
        let user = place.read().user(required(input, "Username")?)?;
        self.begin_reset(place, &user)?;
        self.change_user(place, &user.name, |user| user.status = Status::ResetRequired)?;
        Ok(json!({}))
    }

    fn begin_reset(&self, place: &Place, user: &User) -> Result<Value, Refusal> {
        if !matches!(user.status, Status::Confirmed | Status::ResetRequired) {
            let message = "User password cannot be reset in the current state.";
            return Err(Refusal::new("NotAuthorizedException", message));
        }
        let verified = user.attributes.get("email_verified").is_some_and(|verified| verified == "true");
        let delivery = self.send_code(place, user, Purpose::ResetPassword).filter(|_| verified);
        delivery.ok_or_else(|| {
            invalid_parameter(
                "Cannot reset password for the user as there is no registered/verified email or phone_number",
            )
        })
    }

    /// The user whom an operation without credentials names, through a client that it proves to be.
    pub(super) fn addressed(&self, place: &Place, input: &Value) -> Result<Arc<User>, Refusal> {
        let client = self.known_client(place.role, input)?;
        let name = required(input, "Username")?;
        client.check_secret_hash(name, input["SecretHash"].as_str())?;
        place.sign_in_candidate(name)
    }
}
