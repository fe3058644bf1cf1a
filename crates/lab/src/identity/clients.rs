//! The pool's app clients: how each may sign users in.

use std::time::Duration;

use aws_lc_rs::constant_time;
use rand::CryptoRng;
use serde_json::{Value, json};

use super::auth::required;
use super::directory::epoch;
use super::{Identity, Refusal};
use crate::estate::cognito::{self, UserPool};
use crate::ids::{CLIENT_ID_LENGTH, LOWERCASE, text};
use gameday_core::env::MissingClient;
use gameday_core::model::{RegionRole, Secret};
use gameday_protocols::srp::secret_hash;

pub(crate) use crate::estate::cognito::{IDENTITY_PROVIDER, OAuth};

/// Every client that the lab knows, by its name in the estate.
const NAMES: [&str; 5] = ["public", "confidential", "rotating", "web", "service"];

/// Characters of a client secret, as in Cognito's answers; AWS documents no figure but the longest (API reference: 64).
const SECRET_LENGTH: usize = 51;

/// The most app clients that ListUserPoolClients gives at once (Cognito API reference).
const PAGE: u64 = 60;

/// Seconds of an hour and a day.
const HOUR_S: u64 = 3600;
const DAY_S: u64 = 24 * HOUR_S;

/// A way to sign in that a client must allow (`ExplicitAuthFlows`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AuthFlow {
    UserSrp,
    UserPassword,
    AdminUserPassword,
    Refresh,
}

impl AuthFlow {
    /// Its name among `ExplicitAuthFlows`.
    fn allowance(self) -> &'static str {
        match self {
            AuthFlow::UserSrp => "ALLOW_USER_SRP_AUTH",
            AuthFlow::UserPassword => "ALLOW_USER_PASSWORD_AUTH",
            AuthFlow::AdminUserPassword => "ALLOW_ADMIN_USER_PASSWORD_AUTH",
            AuthFlow::Refresh => "ALLOW_REFRESH_TOKEN_AUTH",
        }
    }
}

/// An app client as a Region has it; a native replica has the same ID and secret.
#[derive(Debug, Clone)]
pub(crate) struct AppClient {
    pub name: String,
    pub id: String,
    pub secret: Option<Secret>,
    auth_flows: Vec<String>,
    /// With refresh token rotation: how long the old token still works.
    pub(super) rotation: Option<Duration>,
    /// How long access and ID tokens are good.
    pub(super) token_validity: Duration,
    /// How long refresh tokens are good.
    pub(super) refresh_validity: Duration,
    pub oauth: Option<OAuth>,
}

/// What a client is known by in every Region.
#[derive(Debug)]
pub(super) struct Known {
    name: &'static str,
    id: String,
    secret: Secret,
}

/// Every client that a Region may have. IDs follow from the seed, secrets do not.
pub(super) fn known(ids: &mut impl CryptoRng) -> [Known; 5] {
    NAMES.map(|name| Known { name, id: text(ids, LOWERCASE, CLIENT_ID_LENGTH), secret: secret() })
}

fn secret() -> Secret {
    Secret::new(text(&mut rand::rng(), LOWERCASE, SECRET_LENGTH))
}

/// The clients of a Region's pool, without those that its settings leave out there.
pub(super) fn all(known: &[Known], pool: &UserPool, role: RegionRole, missing: &[MissingClient]) -> Vec<AppClient> {
    let there =
        |client: &&cognito::ClientFixture| !missing.iter().any(|it| it.region == role && it.client == client.name);
    let of = |client: &cognito::ClientFixture| {
        let known = known.iter().find(|known| known.name == client.name)?;
        Some(AppClient::new(known, client))
    };
    pool.clients.iter().filter(there).filter_map(of).collect()
}

impl AppClient {
    fn new(known: &Known, client: &cognito::ClientFixture) -> Self {
        let days = |days: u32| Duration::from_hours(24 * u64::from(days));
        let shared = || known.secret.clone();
        Self {
            name: client.name.clone(),
            id: client.own_id.clone().unwrap_or_else(|| known.id.clone()),
            secret: client.has_secret.then(|| if client.own_secret { secret() } else { shared() }),
            auth_flows: client.auth_flows.clone(),
            rotation: client.rotation_grace_s.map(|seconds| Duration::from_secs(seconds.into())),
            token_validity: Duration::from_mins(client.token_minutes.into()),
            refresh_validity: client
                .refresh_hours
                .map_or_else(|| days(client.refresh_days), |hours| Duration::from_hours(hours.into())),
            oauth: client.oauth.clone(),
        }
    }

    /// Whether users may sign in to it that way.
    pub(super) fn allows(&self, flow: AuthFlow) -> bool {
        self.auth_flows.iter().any(|allowed| allowed == flow.allowance())
    }

    /// Checks `SECRET_HASH`, which proves that the caller has the client's secret.
    pub(super) fn check_secret_hash(&self, username: &str, hash: Option<&str>) -> Result<(), Refusal> {
        let refused = |what: &str| Refusal::new("NotAuthorizedException", what);
        let id = &self.id;
        match (&self.secret, hash) {
            (None, None) => Ok(()),
            (None, Some(_)) => {
                Err(refused(&format!("Client {id} is not configured for secret but secret was received")))
            }
            (Some(_), None) => {
                Err(refused(&format!("Client {id} is configured with secret but SECRET_HASH was not received")))
            }
            (Some(secret), Some(hash)) => {
                let right = secret_hash(username, id, secret);
                constant_time::verify_slices_are_equal(right.as_bytes(), hash.as_bytes())
                    .map_err(|_| refused(&format!("SecretHash does not match for the client: {id}")))
            }
        }
    }

    /// Checks the secret itself, where an operation takes it so.
    pub(super) fn check_secret(&self, given: Option<&str>) -> Result<(), Refusal> {
        let refused = |what: String| Refusal::new("NotAuthorizedException", what);
        match (&self.secret, given) {
            (None, None) => Ok(()),
            (None, Some(_)) => {
                let message = format!("Client {} is not configured for secret but secret was received", self.id);
                Err(refused(message))
            }
            (Some(secret), Some(given))
                if constant_time::verify_slices_are_equal(secret.expose().as_bytes(), given.as_bytes()).is_ok() =>
            {
                Ok(())
            }
            (Some(_), _) => Err(refused(format!("Unable to verify secret for client {}", self.id))),
        }
    }

    /// The client as DescribeUserPoolClient shows it.
    fn describe(&self, pool_id: &str, created: f64) -> Value {
        let in_days = self.refresh_validity.as_secs().is_multiple_of(DAY_S);
        let mut client = json!({
            "UserPoolId": pool_id,
            "ClientName": self.name,
            "ClientId": self.id,
            "CreationDate": created,
            "LastModifiedDate": created,
            "RefreshTokenValidity": self.refresh_validity.as_secs() / if in_days { DAY_S } else { HOUR_S },
            "AccessTokenValidity": self.token_validity.as_secs() / 60,
            "IdTokenValidity": self.token_validity.as_secs() / 60,
            "TokenValidityUnits": { "AccessToken": "minutes", "IdToken": "minutes", "RefreshToken": if in_days { "days" } else { "hours" } },
            "ExplicitAuthFlows": self.auth_flows,
            "PreventUserExistenceErrors": "LEGACY",
            "EnableTokenRevocation": true,
            "AllowedOAuthFlowsUserPoolClient": self.oauth.is_some(),
            "AuthSessionValidity": 3,
        });
        if let Some(secret) = &self.secret {
            client["ClientSecret"] = secret.expose().into();
        }
        if let Some(grace) = self.rotation {
            client["RefreshTokenRotation"] =
                json!({ "Feature": "ENABLED", "RetryGracePeriodSeconds": grace.as_secs() });
        }
        if let Some(oauth) = &self.oauth {
            client["AllowedOAuthFlows"] = json!(oauth.flows);
            client["AllowedOAuthScopes"] = json!(oauth.scopes);
            client["CallbackURLs"] = json!(oauth.callback_urls);
            client["SupportedIdentityProviders"] = json!(oauth.identity_providers);
        }
        client
    }
}

impl Identity {
    /// The app clients as the primary has them.
    pub(crate) fn clients(&self) -> &[AppClient] {
        &self.primary.clients
    }

    /// The client that the input names.
    pub(super) fn known_client(&self, role: RegionRole, input: &Value) -> Result<&AppClient, Refusal> {
        let id = required(input, "ClientId")?;
        let unknown = || Refusal::new("ResourceNotFoundException", format!("User pool client {id} does not exist."));
        self.client_at(role, id).ok_or_else(unknown)
    }

    /// The client as a Region has it: one that was left out there is not found.
    pub(super) fn client_at(&self, role: RegionRole, id: &str) -> Option<&AppClient> {
        self.place(role).clients.iter().find(|client| client.id == id)
    }

    pub(crate) fn describe_user_pool_client(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        self.check_pool(role, input)?;
        let pool_id = &self.place(role).pool_id;
        let client = self.known_client(role, input)?.describe(pool_id, epoch(self.created));
        Ok(json!({ "UserPoolClient": client }))
    }

    pub(crate) fn list_user_pool_clients(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        self.check_pool(role, input)?;
        let place = self.place(role);
        let refused = |message: &str| Refusal::new("InvalidParameterException", message);
        let limit = match &input["MaxResults"] {
            Value::Null => PAGE,
            limit => limit
                .as_u64()
                .filter(|limit| (1..=PAGE).contains(limit))
                .ok_or_else(|| refused("MaxResults must be from 1 to 60"))?,
        };
        // A page's token is the ID of its last client.
        let begin = match input["NextToken"].as_str() {
            None => 0,
            Some(token) => {
                let last = place.clients.iter().position(|client| client.id == token);
                last.ok_or_else(|| refused("Invalid pagination token"))? + 1
            }
        };
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let page: Vec<_> = place.clients.iter().skip(begin).take(limit).collect();
        let describe = |client: &&AppClient| json!({ "ClientId": client.id, "ClientName": client.name, "UserPoolId": place.pool_id });
        let mut answer = json!({ "UserPoolClients": page.iter().map(describe).collect::<Vec<_>>() });
        if let Some(last) = page.last().filter(|_| begin + page.len() < place.clients.len()) {
            answer["NextToken"] = last.id.clone().into();
        }
        Ok(answer)
    }
}
