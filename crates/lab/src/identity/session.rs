//! Tokens of a session: issued at sign-in, renewed by the refresh token, with or without rotation.

use std::sync::Arc;

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::access::USER_SCOPE;
use super::auth::{opaque, parameter, required};
use super::clients::AppClient;
use super::directory::{Change, Grant, Standing, TokenHash, User};
use super::signer::{Issue, MachineIssue};
use super::trigger::Occasion;
use super::{Identity, Place, Refusal, later};
use gameday_core::model::RegionRole;

fn invalid_refresh_token() -> Refusal {
    Refusal::new("NotAuthorizedException", "Invalid Refresh Token")
}

pub(super) fn token_hash(token: &str) -> TokenHash {
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
    hash
}

/// The answer of a flow that ended in a sign-in or a refresh.
fn authenticated(result: &Value) -> Value {
    json!({ "ChallengeParameters": {}, "AuthenticationResult": result })
}

/// What a sign-in by managed login has, and one by the API has not.
pub(super) struct Managed<'a> {
    pub scopes: &'a [String],
    /// When the browser signed in, which may be a while ago.
    pub auth_time: Timestamp,
    /// For the first ID token.
    pub nonce: Option<&'a str>,
}

impl Identity {
    /// Tokens for a new session.
    pub(super) fn sign_in(&self, place: &Place, client: &AppClient, user: &User) -> Result<Value, Refusal> {
        Ok(authenticated(&self.open_session(place, client, user, None)?))
    }

    /// The `AuthenticationResult` of a new session.
    pub(super) fn open_session(
        &self,
        place: &Place,
        client: &AppClient,
        user: &User,
        managed: Option<&Managed>,
    ) -> Result<Value, Refusal> {
        self.after_authentication(place, &client.id, user)?;
        let now = self.clock.now();
        let grant = Arc::new(Grant {
            client: client.id.clone(),
            user: user.name.clone(),
            sub: user.sub.clone(),
            auth_time: managed.map_or(now, |managed| managed.auth_time),
            began: now,
            origin_jti: Uuid::new_v4().to_string(),
            scopes: managed.map(|managed| managed.scopes.to_vec()),
            expires: later(now, client.refresh_validity),
        });
        let nonce = managed.and_then(|managed| managed.nonce);
        let occasion = if managed.is_some() { Occasion::ManagedLogin } else { Occasion::Authentication };
        let mut result = self.issue(place, (client, occasion), user, &grant, nonce, now)?;
        result["RefreshToken"] = self.grant(place, grant).into();
        Ok(result)
    }

    /// A new refresh token for a grant.
    pub(super) fn grant(&self, place: &Place, grant: Arc<Grant>) -> String {
        let token = URL_SAFE_NO_PAD.encode(opaque());
        self.commit(place, Change::Grant(token_hash(&token), grant));
        token
    }

    /// REFRESH_TOKEN_AUTH.
    pub(super) fn refresh(&self, place: &Place, client: &AppClient, parameters: &Value) -> Result<Value, Refusal> {
        let (grant, user) = self.granted(place, client, parameter(parameters, "REFRESH_TOKEN")?)?;
        client.check_secret_hash(&grant.user, parameters["SECRET_HASH"].as_str())?;
        Ok(authenticated(&self.issue(place, (client, Occasion::Refresh), &user, &grant, None, self.clock.now())?))
    }

    pub(crate) fn get_tokens_from_refresh_token(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        let place = self.place(role);
        let client = self.known_client(role, input)?;
        client.check_secret(input["ClientSecret"].as_str())?;
        let (result, _) = self.renew(place, client, required(input, "RefreshToken")?)?;
        Ok(json!({ "AuthenticationResult": result }))
    }

    /// New tokens for a refresh token, with another one in its place where the client has rotation; and what it stands for.
    pub(super) fn renew(&self, place: &Place, client: &AppClient, token: &str) -> Result<(Value, Arc<Grant>), Refusal> {
        let (grant, user) = self.granted(place, client, token)?;
        let now = self.clock.now();
        let mut result = self.issue(place, (client, Occasion::Refresh), &user, &grant, None, now)?;
        if let Some(grace) = client.rotation {
            self.commit(place, Change::Retire(token_hash(token), later(now, grace)));
            // For what is left of the old one's time (Cognito developer guide, "Refresh token rotation").
            result["RefreshToken"] = self.grant(place, Arc::clone(&grant)).into();
        }
        Ok((result, grant))
    }

    /// What a refresh token stands for, and whose it is.
    pub(super) fn granted(
        &self,
        place: &Place,
        client: &AppClient,
        token: &str,
    ) -> Result<(Arc<Grant>, Arc<User>), Refusal> {
        let hash = token_hash(token);
        let refused = |message: &str| Refusal::new("NotAuthorizedException", message);
        let (grant, standing) = {
            let directory = place.read();
            let grant = directory.grant(&hash).filter(|grant| grant.client == client.id);
            let grant = grant.ok_or_else(invalid_refresh_token)?;
            let standing = directory.standing(&hash, &grant, self.clock.now());
            (grant, standing)
        };
        match standing {
            Standing::Good => {}
            Standing::Expired => return Err(refused("Refresh Token has expired")),
            Standing::Revoked => return Err(refused("Refresh Token has been revoked")),
            Standing::Retired => {
                return Err(Refusal::new(
                    "RefreshTokenReuseException",
                    "Refresh token has been rotated and used before",
                ));
            }
        }
        let user = place.sign_in_candidate(&grant.user).map_err(|error| match error.code {
            "UserNotFoundException" => invalid_refresh_token(),
            _ => error,
        })?;
        if user.sub != grant.sub {
            return Err(invalid_refresh_token());
        }
        Ok((grant, user))
    }

    fn issue(
        &self,
        place: &Place,
        (client, occasion): (&AppClient, Occasion),
        user: &User,
        grant: &Grant,
        nonce: Option<&str>,
        at: Timestamp,
    ) -> Result<Value, Refusal> {
        place.check_serving()?;
        let (issuer, client_id, validity) = (&place.issuer, &client.id, client.token_validity);
        let scopes = grant.scopes.clone().unwrap_or_else(|| vec![USER_SCOPE.to_owned()]);
        let added = self.claims_to_add(place, occasion, client_id, Some(user), &scopes)?;
        let issue = Issue { issuer, client_id, validity, user, grant, nonce, at };
        let tokens = issue.sign(&place.signer, added).map_err(Refusal::internal)?;
        self.unused.insert(tokens.jti, place.role, at);
        Ok(json!({
            "AccessToken": tokens.access,
            "IdToken": tokens.id,
            "TokenType": "Bearer",
            "ExpiresIn": validity.as_secs(),
        }))
    }

    /// An access token for an app client itself. Nothing renews it.
    pub(super) fn issue_to_machine(
        &self,
        place: &Place,
        client: &AppClient,
        scopes: &[String],
    ) -> Result<String, Refusal> {
        place.check_serving()?;
        let added = self.claims_to_add(place, Occasion::ClientCredentials, &client.id, None, scopes)?;
        let at = self.clock.now();
        let (issuer, client_id, validity) = (&place.issuer, &client.id, client.token_validity);
        let issue = MachineIssue { issuer, client_id, validity, scopes, at };
        let (access, jti) = issue.sign(&place.signer, added).map_err(Refusal::internal)?;
        self.unused.insert(jti, place.role, at);
        Ok(access)
    }
}
