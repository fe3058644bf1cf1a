//! Sign-in: the operations of the Cognito API that users call.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use rand::RngExt;
use serde_json::{Value, json};
use uuid::Uuid;

use super::clients::{AppClient, AuthFlow};
use super::directory::{Change, Grant, Status, TokenHash, User};
use super::signer::{Issue, TOKEN_SECONDS};
use super::{Identity, Place, Refusal, later, seeding};
use crate::model::{RegionRole, Secret};
use crate::srp::{ServerSession, verify_password};
use crate::tokens::{Expectations, TokenError};

/// How long refresh tokens live (Cognito's default: 30 days).
const REFRESH_VALIDITY: Duration = Duration::from_hours(30 * 24);

/// Bytes of a secret block and of a refresh token.
const OPAQUE_BYTES: usize = 64;

/// A sign-in by SRP between its two calls.
pub(super) struct SrpChallenge {
    client: String,
    user: String,
    session: ServerSession,
    public_a: String,
}

fn wrong_password() -> Refusal {
    Refusal::new("NotAuthorizedException", "Incorrect username or password.")
}

fn invalid_refresh_token() -> Refusal {
    Refusal::new("NotAuthorizedException", "Invalid Refresh Token")
}

fn invalid_session() -> Refusal {
    Refusal::new("NotAuthorizedException", "Invalid session for the user.")
}

/// A text member of the input.
pub(super) fn required<'a>(input: &'a Value, name: &str) -> Result<&'a str, Refusal> {
    let missing = || {
        let member = format!("{}{}", name[..1].to_lowercase(), &name[1..]);
        let message = format!(
            "1 validation error detected: Value null at '{member}' failed to satisfy constraint: Member must not be null"
        );
        Refusal::new("InvalidParameterException", message)
    };
    input[name].as_str().ok_or_else(missing)
}

/// A text member of the flow's or challenge's parameters.
fn parameter<'a>(parameters: &'a Value, name: &str) -> Result<&'a str, Refusal> {
    let missing = || Refusal::new("InvalidParameterException", format!("Missing required parameter {name}"));
    parameters[name].as_str().ok_or_else(missing)
}

fn flow_not_enabled(flow: &str) -> Refusal {
    Refusal::new("InvalidParameterException", format!("{flow} flow not enabled for this client"))
}

fn check_flow(client: &AppClient, flow: AuthFlow, name: &str) -> Result<(), Refusal> {
    if client.allows(flow) { Ok(()) } else { Err(flow_not_enabled(name)) }
}

/// `SECRET_HASH` among parameters that name the user.
fn check_secret_hash(client: &AppClient, parameters: &Value) -> Result<(), Refusal> {
    client.check_secret_hash(parameters["USERNAME"].as_str().unwrap_or_default(), parameters["SECRET_HASH"].as_str())
}

fn opaque() -> [u8; OPAQUE_BYTES] {
    rand::rng().random()
}

fn token_hash(token: &str) -> TokenHash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
    hash
}

impl Identity {
    pub(in crate::lab) fn initiate_auth(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        let place = self.place(role);
        let flow = required(input, "AuthFlow")?;
        let parameters = &input["AuthParameters"];
        let client = self.known_client(input)?;
        match flow {
            "USER_SRP_AUTH" => {
                check_flow(client, AuthFlow::UserSrp, flow)?;
                self.begin_srp(place, client, parameters)
            }
            "USER_PASSWORD_AUTH" => {
                check_flow(client, AuthFlow::UserPassword, flow)?;
                check_secret_hash(client, parameters)?;
                let user = place.sign_in_candidate(parameter(parameters, "USERNAME")?)?;
                let password = Secret::new(parameter(parameters, "PASSWORD")?);
                if !verify_password(&user.verifier, &password) {
                    return Err(wrong_password());
                }
                self.proven(place, client, &user)
            }
            "REFRESH_TOKEN_AUTH" | "REFRESH_TOKEN" => {
                check_flow(client, AuthFlow::Refresh, flow)?;
                self.refresh(place, client, parameters)
            }
            "USER_AUTH" | "CUSTOM_AUTH" | "ADMIN_NO_SRP_AUTH" | "ADMIN_USER_PASSWORD_AUTH" => {
                Err(flow_not_enabled(flow))
            }
            _ => Err(Refusal::new("InvalidParameterException", "Unknown AuthFlow")),
        }
    }

    pub(in crate::lab) fn respond_to_auth_challenge(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        let place = self.place(role);
        let responses = &input["ChallengeResponses"];
        let client = self.known_client(input)?;
        check_secret_hash(client, responses)?;
        match required(input, "ChallengeName")? {
            "PASSWORD_VERIFIER" => self.finish_srp(place, client, responses),
            "NEW_PASSWORD_REQUIRED" => self.take_new_password(place, client, input, responses),
            other => Err(Refusal::new("InvalidParameterException", format!("{other} is not a challenge of this pool"))),
        }
    }

    pub(in crate::lab) fn get_user(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        let invalid = || Refusal::new("NotAuthorizedException", "Invalid Access Token");
        let token = required(input, "AccessToken")?;
        let claims = self.jwks.verify_access_token(token, &self.expected(&[]), self.clock.now());
        let claims = claims.map_err(|error| match error {
            TokenError::Expired => Refusal::new("NotAuthorizedException", "Access Token has expired"),
            _ => invalid(),
        })?;
        let user = self.place(role).read().user(claims.text("username").unwrap_or_default())?;
        if claims.text("sub") != Some(&user.sub) {
            return Err(invalid());
        }
        Ok(json!({ "Username": user.name, "UserAttributes": user.attribute_list() }))
    }

    /// What an access token of this pool says.
    pub(super) fn expected(&self, required_claims: &[&str]) -> Expectations {
        Expectations {
            pool_id: self.pool_id.clone(),
            client_ids: self.clients.iter().map(|client| client.id.clone()).collect(),
            regions: vec![self.primary.region.clone(), self.replica.region.clone()],
            required_claims: required_claims.iter().map(|&claim| claim.to_owned()).collect(),
        }
    }

    fn begin_srp(&self, place: &Place, client: &AppClient, parameters: &Value) -> Result<Value, Refusal> {
        check_secret_hash(client, parameters)?;
        let user = place.sign_in_candidate(parameter(parameters, "USERNAME")?)?;
        let public_a = parameter(parameters, "SRP_A")?.to_owned();
        let session = ServerSession::new(&user.verifier, &mut rand::rng());
        let block = STANDARD.encode(opaque());
        let challenge = json!({
            "ChallengeName": "PASSWORD_VERIFIER",
            "ChallengeParameters": {
                "SALT": user.verifier.salt_hex(),
                "SECRET_BLOCK": block,
                "SRP_B": session.public_b_hex(),
                "USERNAME": user.name,
                "USER_ID_FOR_SRP": user.verifier.user_id(),
            },
        });
        let waiting = SrpChallenge { client: client.id.clone(), user: user.name.clone(), session, public_a };
        place.challenges.insert(block, waiting, self.clock.now());
        Ok(challenge)
    }

    fn finish_srp(&self, place: &Place, client: &AppClient, responses: &Value) -> Result<Value, Refusal> {
        let block = parameter(responses, "PASSWORD_CLAIM_SECRET_BLOCK")?;
        let signature = parameter(responses, "PASSWORD_CLAIM_SIGNATURE")?;
        let timestamp = parameter(responses, "TIMESTAMP")?;
        let username = parameter(responses, "USERNAME")?;
        // A challenge is answered once, so that a signature cannot be guessed or replayed.
        let challenge = place.challenges.take(block, self.clock.now()).ok_or_else(wrong_password)?;
        let block = STANDARD.decode(block).map_err(|_| wrong_password())?;
        let proven = challenge.session.check(&challenge.public_a, &block, timestamp, signature);
        if client.id != challenge.client || username != challenge.user || !proven {
            return Err(wrong_password());
        }
        self.proven(place, client, &*place.sign_in_candidate(username)?)
    }

    /// The password was right: tokens, or the demand for a new password.
    fn proven(&self, place: &Place, client: &AppClient, user: &User) -> Result<Value, Refusal> {
        match user.status {
            Status::Confirmed => self.sign_in(place, client, user),
            Status::ForceChangePassword => {
                let session = URL_SAFE_NO_PAD.encode(opaque());
                place.new_passwords.insert(session.clone(), (client.id.clone(), user.name.clone()), self.clock.now());
                let attributes: BTreeMap<_, _> = user.attributes.iter().collect();
                Ok(json!({
                    "ChallengeName": "NEW_PASSWORD_REQUIRED",
                    "Session": session,
                    "ChallengeParameters": {
                        "USER_ID_FOR_SRP": user.verifier.user_id(),
                        "requiredAttributes": "[]",
                        "userAttributes": json!(attributes).to_string(),
                    },
                }))
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
        let username = parameter(responses, "USERNAME")?;
        let password = Secret::new(parameter(responses, "NEW_PASSWORD")?);
        let session = required(input, "Session")?;
        super::admin::check_policy(&password)?;
        let waiting = place.new_passwords.take(session, self.clock.now()).ok_or_else(invalid_session)?;
        if waiting != (client.id.clone(), username.to_owned()) {
            return Err(invalid_session());
        }
        let verifier = seeding::verifier(&self.pool_id, username, &password);
        let user = self.change_user(place, username, |user| {
            user.verifier = verifier;
            user.status = Status::Confirmed;
        })?;
        self.sign_in(place, client, &user)
    }

    /// Tokens for a new session.
    fn sign_in(&self, place: &Place, client: &AppClient, user: &User) -> Result<Value, Refusal> {
        let now = self.clock.now();
        let grant = Grant {
            client: client.id.clone(),
            user: user.name.clone(),
            sub: user.sub.clone(),
            auth_time: now,
            origin_jti: Uuid::new_v4().to_string(),
            expires: later(now, REFRESH_VALIDITY),
        };
        let mut result = self.issue(place, user, &grant, now)?;
        let token = URL_SAFE_NO_PAD.encode(opaque());
        self.commit(place, Change::Grant(token_hash(&token), Arc::new(grant)));
        result["RefreshToken"] = token.into();
        Ok(authenticated(&result))
    }

    fn refresh(&self, place: &Place, client: &AppClient, parameters: &Value) -> Result<Value, Refusal> {
        let token = parameter(parameters, "REFRESH_TOKEN")?;
        let now = self.clock.now();
        let grant = place.read().grant(&token_hash(token)).ok_or_else(invalid_refresh_token)?;
        if grant.client != client.id {
            return Err(invalid_refresh_token());
        }
        client.check_secret_hash(&grant.user, parameters["SECRET_HASH"].as_str())?;
        if grant.expires <= now {
            return Err(Refusal::new("NotAuthorizedException", "Refresh Token has expired"));
        }
        let user = place.sign_in_candidate(&grant.user).map_err(|error| match error.code {
            "UserNotFoundException" => invalid_refresh_token(),
            _ => error,
        })?;
        if user.sub != grant.sub {
            return Err(invalid_refresh_token());
        }
        Ok(authenticated(&self.issue(place, &user, &grant, now)?))
    }

    fn issue(&self, place: &Place, user: &User, grant: &Grant, at: Timestamp) -> Result<Value, Refusal> {
        let (pool_id, client_id) = (&self.pool_id, &grant.client);
        if place.function.is_throttled() {
            // The error for "an unexpected exception with Lambda" (Cognito API reference, InitiateAuth), in the words in which
            // Cognito passes on an error of Lambda's own (re:Post, "Resolve Lambda trigger errors in Amazon Cognito": "PreSignUp
            // invocation failed due to error AccessDeniedException."). Of a throttled function AWS documents no error apart.
            let message = "PreTokenGeneration invocation failed due to error TooManyRequestsException.";
            return Err(Refusal::new("UnexpectedLambdaException", message));
        }
        let issue = Issue { region: &place.region, pool_id, client_id, user, grant, at };
        let tokens = issue.sign(&place.signer, &place.trigger).map_err(Refusal::internal)?;
        self.unused.insert(tokens.jti, place.role, at);
        Ok(json!({
            "AccessToken": tokens.access,
            "IdToken": tokens.id,
            "TokenType": "Bearer",
            "ExpiresIn": TOKEN_SECONDS,
        }))
    }
}

fn authenticated(result: &Value) -> Value {
    json!({ "ChallengeParameters": {}, "AuthenticationResult": result })
}

impl Place {
    /// A user who may try to sign in.
    fn sign_in_candidate(&self, name: &str) -> Result<Arc<User>, Refusal> {
        let user = self.read().user(name)?;
        if user.enabled { Ok(user) } else { Err(Refusal::new("NotAuthorizedException", "User is disabled.")) }
    }
}
