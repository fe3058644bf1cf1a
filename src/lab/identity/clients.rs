//! The pool's app clients: how each may sign users in.

use std::time::Duration;

use aws_lc_rs::constant_time;
use rand::CryptoRng;
use serde_json::{Value, json};

use super::auth::required;
use super::directory::epoch;
use super::{Identity, LOWERCASE, Refusal, text};
use crate::model::{RegionRole, Secret};
use crate::srp::secret_hash;

/// The OIDC provider of federated users, as the pool calls it.
pub(in crate::lab) const IDENTITY_PROVIDER: &str = "GameDayIdP";

/// The scope of the pool's own resource server.
pub(super) const API_SCOPE: &str = "gameday/accounts.read";

/// Where managed login sends users back to.
pub(in crate::lab) const CALLBACK_URL: &str = "https://app.gameday.test/callback";

/// How long a rotated refresh token still works, so that a client whose answer was lost can try again.
const RETRY_GRACE: Duration = Duration::from_secs(10);

/// Characters of a client ID (what Cognito's have).
const ID_LENGTH: usize = 26;

/// Characters of a client secret (what Cognito's have).
const SECRET_LENGTH: usize = 51;

/// The most app clients that ListUserPoolClients gives at once (Cognito API reference).
const PAGE: u64 = 60;

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

/// What managed login and the token endpoint do for a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::lab) struct OAuth {
    /// `AllowedOAuthFlows`.
    pub grants: &'static [&'static str],
    pub scopes: &'static [&'static str],
    pub callback_urls: &'static [&'static str],
    pub identity_providers: &'static [&'static str],
}

/// An app client; the same ID and secret in both Regions.
#[derive(Debug, Clone)]
pub(in crate::lab) struct AppClient {
    pub name: &'static str,
    pub id: String,
    pub secret: Option<Secret>,
    pub(super) auth_flows: &'static [AuthFlow],
    /// With refresh token rotation: how long the old token still works.
    pub(super) rotation: Option<Duration>,
    pub oauth: Option<OAuth>,
}

/// Every client of the pool; the first one is the default.
pub(super) fn all(ids: &mut impl CryptoRng) -> [AppClient; 5] {
    use AuthFlow::{AdminUserPassword, Refresh, UserPassword, UserSrp};
    // IDs follow from the seed, secrets do not.
    let mut client = |name, has_secret: bool, auth_flows| AppClient {
        name,
        id: text(ids, LOWERCASE, ID_LENGTH),
        secret: has_secret.then(|| Secret::new(text(&mut rand::rng(), LOWERCASE, SECRET_LENGTH))),
        auth_flows,
        rotation: None,
        oauth: None,
    };
    let every: &[_] = &[AdminUserPassword, UserPassword, UserSrp, Refresh];
    [
        client("public", false, every),
        client("confidential", true, every),
        // With rotation on, a client may not have REFRESH_TOKEN_AUTH (Cognito developer guide, "Refresh tokens").
        AppClient { rotation: Some(RETRY_GRACE), ..client("rotating", false, &[UserPassword, UserSrp]) },
        AppClient {
            oauth: Some(OAuth {
                grants: &["code"],
                scopes: &["openid", "email", "profile", "aws.cognito.signin.user.admin", API_SCOPE],
                callback_urls: &[CALLBACK_URL],
                identity_providers: &["COGNITO", IDENTITY_PROVIDER],
            }),
            ..client("web", false, &[Refresh])
        },
        AppClient {
            oauth: Some(OAuth {
                grants: &["client_credentials"],
                scopes: &[API_SCOPE],
                callback_urls: &[],
                identity_providers: &[],
            }),
            ..client("service", true, &[])
        },
    ]
}

impl AppClient {
    /// Whether users may sign in to it that way.
    pub(super) fn allows(&self, flow: AuthFlow) -> bool {
        self.auth_flows.contains(&flow)
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
        let mut client = json!({
            "UserPoolId": pool_id,
            "ClientName": self.name,
            "ClientId": self.id,
            "CreationDate": created,
            "LastModifiedDate": created,
            "RefreshTokenValidity": 30,
            "AccessTokenValidity": 1,
            "IdTokenValidity": 1,
            "TokenValidityUnits": { "AccessToken": "hours", "IdToken": "hours", "RefreshToken": "days" },
            "ExplicitAuthFlows": self.auth_flows.iter().map(|flow| flow.allowance()).collect::<Vec<_>>(),
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
            client["AllowedOAuthFlows"] = json!(oauth.grants);
            client["AllowedOAuthScopes"] = json!(oauth.scopes);
            client["CallbackURLs"] = json!(oauth.callback_urls);
            client["SupportedIdentityProviders"] = json!(oauth.identity_providers);
        }
        client
    }
}

impl Identity {
    /// The pool's app clients.
    pub(in crate::lab) fn clients(&self) -> &[AppClient] {
        &self.clients
    }

    pub(super) fn client(&self, id: &str) -> Option<&AppClient> {
        self.clients().iter().find(|client| client.id == id)
    }

    /// The client that the input names.
    pub(super) fn known_client(&self, role: RegionRole, input: &Value) -> Result<&AppClient, Refusal> {
        let id = required(input, "ClientId")?;
        let unknown = || Refusal::new("ResourceNotFoundException", format!("User pool client {id} does not exist."));
        self.client_at(role, id).ok_or_else(unknown)
    }

    /// The client as a Region has it: one that was left out there is not found.
    pub(super) fn client_at(&self, role: RegionRole, id: &str) -> Option<&AppClient> {
        let missing =
            |client: &AppClient| self.missing_clients.iter().any(|it| it.region == role && it.client == client.name);
        self.client(id).filter(|client| !missing(client))
    }

    pub(in crate::lab) fn describe_user_pool_client(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        self.check_pool(input)?;
        let client = self.known_client(role, input)?.describe(&self.pool_id, epoch(self.created));
        Ok(json!({ "UserPoolClient": client }))
    }

    pub(in crate::lab) fn list_user_pool_clients(&self, role: RegionRole, input: &Value) -> Result<Value, Refusal> {
        self.check_pool(input)?;
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
                let last = self.clients.iter().position(|client| client.id == token);
                last.ok_or_else(|| refused("Invalid pagination token"))? + 1
            }
        };
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let there = self.clients.iter().skip(begin).take(limit);
        let page: Vec<_> = there.filter(|client| self.client_at(role, &client.id).is_some()).collect();
        let describe = |client: &&AppClient| json!({ "ClientId": client.id, "ClientName": client.name, "UserPoolId": self.pool_id });
        let mut answer = json!({ "UserPoolClients": page.iter().map(describe).collect::<Vec<_>>() });
        if let Some(last) = page.last().filter(|_| begin + page.len() < self.clients.len()) {
            answer["NextToken"] = last.id.clone().into();
        }
        Ok(answer)
    }
}
