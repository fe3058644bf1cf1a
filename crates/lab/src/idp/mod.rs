//! An OpenID Connect identity provider, as a bank's own: user pools federate with it. It stands outside both Regions,
//! so that no fault reaches it.

mod authorize;
#[cfg(test)]
mod tests;
mod token;

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use jiff::Timestamp;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::JwkSet;
use serde_json::json;

use super::identity::{Pending, Signer};
use gameday_core::model::{Clock, Secret};

/// How long a code may be redeemed (RFC 6749, section 4.1.2: at most 10 min, better less).
const CODE_VALIDITY: Duration = Duration::from_mins(1);

/// How long its tokens live.
const TOKEN_SECONDS: i64 = 3600;

/// The prefix of users who have signed in at the primary before.
const KNOWN: &str = "synthetic-fed-";

/// The prefix of users whom no user pool has ever seen.
const STRANGER: &str = "stranger-";

/// The one client of the provider: the user pool.
#[derive(Debug, Clone)]
pub(crate) struct ProviderClient {
    pub id: String,
    pub secret: Secret,
    /// Where it takes codes.
    pub redirect_uri: String,
}

/// What a provider is made from.
pub(crate) struct ProviderOptions {
    /// Where it is served, as `https://idp.gameday.test:8443`.
    pub issuer: String,
    /// Signs its tokens.
    pub signer: Signer,
    /// Who may ask it.
    pub client: ProviderClient,
    /// The password of all its users.
    pub password: Secret,
    /// Scenario time.
    pub clock: Clock,
}

/// An identity provider.
pub(crate) struct Provider {
    issuer: String,
    client: ProviderClient,
    password: Secret,
    clock: Clock,
    signer: Signer,
    /// The public half of the signer's key.
    key: DecodingKey,
    codes: Pending<String, Granted>,
}

/// What a code stands for.
struct Granted {
    user: String,
    redirect_uri: String,
    scopes: Vec<String>,
    nonce: Option<String>,
    challenge: Option<String>,
    auth_time: Timestamp,
}

impl Provider {
    /// A provider with one client.
    ///
    /// # Errors
    /// When the signer's own key is not to be read.
    pub(crate) fn new(options: ProviderOptions) -> Result<Arc<Self>, String> {
        let failed = |error: &dyn std::fmt::Display| format!("the identity provider did not start: {error}");
        let ProviderOptions { issuer, signer, client, password, clock } = options;
        let keys: JwkSet = serde_json::from_slice(&signer.jwks).map_err(|error| failed(&error))?;
        let key = keys.keys.first().ok_or_else(|| failed(&"no key"))?;
        let key = DecodingKey::from_jwk(key).map_err(|error| failed(&error))?;
        Ok(Arc::new(Self { issuer, client, password, clock, signer, key, codes: Pending::new(CODE_VALIDITY) }))
    }

    /// Its endpoints.
    pub(crate) fn router(self: &Arc<Self>) -> Router {
        Router::new()
            .route("/.well-known/openid-configuration", get(discover))
            .route("/authorize", get(authorize::ask).post(authorize::answer))
            .route("/token", post(token::redeem))
            .route("/jwks", get(keys))
            .route("/userinfo", get(token::user_info))
            .with_state(Arc::clone(self))
    }

    /// Whether it knows a user.
    fn knows(user: &str) -> bool {
        let numbered = |number: &str| number.len() == 2 && number.bytes().all(|digit| digit.is_ascii_digit());
        user.strip_prefix(KNOWN).is_some_and(numbered)
            || user.strip_prefix(STRANGER).is_some_and(|rest| !rest.is_empty())
    }
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Provider").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// OpenID Connect Discovery 1.0, section 3.
async fn discover(State(provider): State<Arc<Provider>>) -> Response {
    let at = |path: &str| format!("{}{path}", provider.issuer);
    Json(json!({
        "issuer": provider.issuer,
        "authorization_endpoint": at("/authorize"),
        "token_endpoint": at("/token"),
        "userinfo_endpoint": at("/userinfo"),
        "jwks_uri": at("/jwks"),
        "response_types_supported": ["code"],
        "grant_types_supported": ["authorization_code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": authorize::SCOPES,
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
        "claims_supported": ["sub", "email", "email_verified", "name"],
    }))
    .into_response()
}

async fn keys(State(provider): State<Arc<Provider>>) -> Response {
    (StatusCode::OK, [(header::CONTENT_TYPE, "application/json")], provider.signer.jwks.clone()).into_response()
}
