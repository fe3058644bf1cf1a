//! Sign-in: the operations of the Cognito API with which flows begin and go on, and what all flows share.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::RngExt;
use serde_json::{Value, json};

use super::clients::{AppClient, AuthFlow};
use super::directory::{Status, User};
use super::mfa::Setup;
use super::{Identity, Place, Refusal, seeding};
use gameday_core::model::{RegionRole, Secret};

/// Bytes of a secret block, of a session and of a refresh token; our own choice, since they are opaque.
const OPAQUE_BYTES: usize = 64;

/// A sign-in whose password was right, and what it waits for.
#[derive(Debug, Clone)]
pub(super) struct PendingChallenge {
    pub client: String,
    pub user: String,
    pub step: Step,
}

/// The answer that a sign-in waits for.
#[derive(Debug, Clone)]
pub(super) enum Step {
    NewPassword,
    SoftwareToken,
    MfaSetup(Setup),
}

pub(super) fn wrong_password() -> Refusal {
    Refusal::new("NotAuthorizedException", "Incorrect username or password.")
}

pub(super) fn invalid_session() -> Refusal {
    Refusal::new("NotAuthorizedException", "Invalid session for the user.")
}

pub(super) fn invalid_parameter(message: impl Into<String>) -> Refusal {
    Refusal::new("InvalidParameterException", message)
}

/// A text member of the input.
pub(super) fn required<'a>(input: &'a Value, name: &str) -> Result<&'a str, Refusal> {
    let missing = || {
        let member = format!("{}{}", name[..1].to_lowercase(), &name[1..]);
        invalid_parameter(format!(
            "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
        ))
    };
    input[name].as_str().ok_or_else(missing)
}

/// A text member of the flow's or challenge's parameters.
pub(super) fn parameter<'a>(parameters: &'a Value, name: &str) -> Result<&'a str, Refusal> {
    parameters[name].as_str().ok_or_else(|| invalid_parameter(format!("Missing required parameter {name}")))
}

fn check_flow(client: &AppClient, flow: AuthFlow, name: &str) -> Result<(), Refusal> {
    if client.allows(flow) {
        return Ok(());
    }
    Err(invalid_parameter(format!("{name} flow not enabled for this client")))
}

/// `SECRET_HASH` among parameters that name the user.
fn check_secret_hash(client: &AppClient, parameters: &Value) -> Result<(), Refusal> {
    client.check_secret_hash(parameters["USERNAME"].as_str().unwrap_or_default(), parameters["SECRET_HASH"].as_str())
}

pub(super) fn opaque() -> [u8; OPAQUE_BYTES] {
    rand::rng().random()
}

impl Identity {
    pub(crate) fn initiate_auth(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        match required(input, "AuthFlow")? {
            "ADMIN_NO_SRP_AUTH" | "ADMIN_USER_PASSWORD_AUTH" => Err(unsupported_method()),
            flow => self.begin(role, flow, input),
        }
    }

    pub(crate) fn admin_initiate_auth(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        self.check_pool(role, input)?;
        match required(input, "AuthFlow")? {
            "USER_PASSWORD_AUTH" => Err(unsupported_method()),
            flow => self.begin(role, flow, input),
        }
    }

    fn begin(&self, role: RegionRole, flow: &str, input: &Value) -> Result<Value, Refusal> {
        let place = self.place(role);
        let parameters = &input["AuthParameters"];
        let client = self.known_client(role, input)?;
        place.check_serving()?;
        let kind = match flow {
            "USER_SRP_AUTH" => AuthFlow::UserSrp,
            "USER_PASSWORD_AUTH" => AuthFlow::UserPassword,
            "ADMIN_NO_SRP_AUTH" | "ADMIN_USER_PASSWORD_AUTH" => AuthFlow::AdminUserPassword,
            "REFRESH_TOKEN_AUTH" | "REFRESH_TOKEN" => AuthFlow::Refresh,
            "USER_AUTH" | "CUSTOM_AUTH" => {
                return Err(invalid_parameter(format!("{flow} flow not enabled for this client")));
            }
            _ => return Err(invalid_parameter("Unknown AuthFlow")),
        };
        check_flow(client, kind, flow)?;
        match kind {
            // Its secret hash is of the user that the token names.
            AuthFlow::Refresh => self.refresh(place, client, parameters),
            AuthFlow::UserSrp => {
                check_secret_hash(client, parameters)?;
                self.begin_srp(place, client, parameters)
            }
            AuthFlow::UserPassword | AuthFlow::AdminUserPassword => {
                check_secret_hash(client, parameters)?;
                let password = Secret::new(parameter(parameters, "PASSWORD")?);
                let user = place.check_password(parameter(parameters, "USERNAME")?, &password)?;
                self.proven(place, client, &user)
            }
        }
    }

    pub(crate) fn respond_to_auth_challenge(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        let place = self.place(role);
        let responses = &input["ChallengeResponses"];
        let client = self.known_client(role, input)?;
        place.check_serving()?;
        check_secret_hash(client, responses)?;
        match required(input, "ChallengeName")? {
            "PASSWORD_VERIFIER" => self.finish_srp(place, client, responses),
            "NEW_PASSWORD_REQUIRED" => self.take_new_password(place, client, input, responses),
            "SOFTWARE_TOKEN_MFA" => self.take_code(place, client, input, responses),
            "MFA_SETUP" => self.finish_setup(place, client, input, responses),
            other => Err(invalid_parameter(format!("{other} is not a challenge of this pool"))),
        }
    }

    pub(crate) fn admin_respond_to_auth_challenge(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        self.check_pool(role, input)?;
        self.respond_to_auth_challenge(role, input)
    }

    /// The password was right: what comes next.
    pub(super) fn proven(&self, place: &Place, client: &AppClient, user: &User) -> Result<Value, Refusal> {
        match user.status {
            Status::Confirmed | Status::ExternalProvider => self.second_factor(place, client, user),
            Status::ForceChangePassword => {
                let session = self.wait(place, client, user, Step::NewPassword);
                let attributes: BTreeMap<_, _> = user.attributes.iter().collect();
                Ok(json!({
                    "ChallengeName": "NEW_PASSWORD_REQUIRED",
                    "Session": session,
                    "ChallengeParameters": {
                        "USER_ID_FOR_SRP": user.name,
                        "requiredAttributes": "[]",
                        "userAttributes": json!(attributes).to_string(),
                    },
                }))
            }
            Status::Unconfirmed => Err(Refusal::new("UserNotConfirmedException", "User is not confirmed.")),
            Status::ResetRequired => {
                Err(Refusal::new("PasswordResetRequiredException", "Password reset required for the user"))
            }
        }
    }

    fn take_new_password(
        &self,
        place: &Place,
        client: &AppClient,
        input: &Value,
        responses: &Value,
    ) -> Result<Value, Refusal> {
        self.check_writable(place, "Setting a new password")?;
        let password = Secret::new(parameter(responses, "NEW_PASSWORD")?);
        let waiting = self.waiting(place, client, input, responses)?;
        if !matches!(waiting.step, Step::NewPassword) {
            return Err(invalid_session());
        }
        super::admin::check_policy(&password)?;
        self.end_wait(place, input)?;
        let verifier = seeding::verifier(&self.pool_id, &waiting.user, &password);
        let user = self.change_user(place, &waiting.user, |user| {
            user.verifier = Some(verifier);
            user.status = Status::Confirmed;
        })?;
        self.second_factor(place, client, &user)
    }

    /// Keeps a sign-in until its challenge is answered; gives its session.
    pub(super) fn wait(&self, place: &Place, client: &AppClient, user: &User, step: Step) -> String {
        let session = URL_SAFE_NO_PAD.encode(opaque());
        let waiting = PendingChallenge { client: client.id.clone(), user: user.name.clone(), step };
        place.waiting.insert(session.clone(), waiting, self.clock.now());
        session
    }

    /// The sign-in of the input's session, which must be of this client and user. It goes on waiting, since a mistyped answer
    /// may be corrected.
    pub(super) fn waiting(
        &self,
        place: &Place,
        client: &AppClient,
        input: &Value,
        responses: &Value,
    ) -> Result<PendingChallenge, Refusal> {
        let username = parameter(responses, "USERNAME")?;
        let waiting = place.waiting.get(required(input, "Session")?, self.clock.now());
        waiting.filter(|waiting| waiting.client == client.id && waiting.user == username).ok_or_else(invalid_session)
    }

    /// Ends the input's session, as only the first right answer may.
    pub(super) fn end_wait(&self, place: &Place, input: &Value) -> Result<(), Refusal> {
        place.waiting.take(required(input, "Session")?, self.clock.now()).map(drop).ok_or_else(invalid_session)
    }
}

/// An operation was asked for a flow of the other one: administrators' of InitiateAuth, or the reverse.
fn unsupported_method() -> Refusal {
    invalid_parameter("Initiate Auth method not supported.")
}

impl Place {
    /// A user who may try to sign in.
    pub(super) fn sign_in_candidate(&self, name: &str) -> Result<Arc<User>, Refusal> {
        let user = self.read().user(name)?;
        if user.enabled { Ok(user) } else { Err(Refusal::new("NotAuthorizedException", "User is disabled.")) }
    }
}
