//! Managed login and the OAuth 2.0 endpoints of the pool's domain, which is the front door's name: each Region serves them,
//! and what one of them remembers (codes, sessions, sign-ins under way) the other does not know.

mod authorize;
mod federation;
mod login;
mod request;
mod session;
mod token;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use jiff::Timestamp;
use serde_json::json;

use self::federation::Journey;
pub(crate) use self::federation::Upstream;
use self::login::Factor;
use super::clients::IDENTITY_PROVIDER;
use super::pending::Pending;
use super::{Identity, Place};
use crate::identity::quota::Category;
use crate::topology;
use gameday_core::model::RegionRole;

/// How long a code may be redeemed (Cognito developer guide, "Token endpoint": "valid for five minutes").
const CODE_VALIDITY: Duration = Duration::from_mins(5);

/// How long managed login knows a browser again (Cognito developer guide, "Managed login": a cookie "valid for 1 hour").
const SESSION_VALIDITY: Duration = Duration::from_hours(1);

/// How long a sign-in may take at another provider, or between password and code; our own choice.
const UNDERWAY_VALIDITY: Duration = Duration::from_mins(5);

/// The largest form that is read; our own choice.
const LARGEST_FORM_BYTES: usize = 16 * 1024;

/// What the pool's domain needs to know of the world around it.
pub(crate) struct ManagedLogin {
    /// Where browsers find it, as `https://auth.gameday.test:8443`.
    pub origin: String,
    /// The port of all front doors.
    pub port: u16,
    /// The provider that users may sign in at.
    pub provider: Upstream,
}

/// Where the identity provider sends users back to.
pub(crate) fn provider_callback(origin: &str) -> String {
    format!("{origin}/oauth2/idpresponse")
}

/// What one Region remembers of users who sign in by browser.
pub(super) struct Memory {
    codes: Pending<String, Code>,
    sessions: Pending<String, Session>,
    /// Passwords that were right, by cookie, until the code of an authenticator app comes.
    factors: Pending<String, Factor>,
    /// Sign-ins at the identity provider, by state.
    journeys: Pending<String, Journey>,
}

impl Memory {
    pub(super) fn new() -> Self {
        Self {
            codes: Pending::new(CODE_VALIDITY),
            sessions: Pending::new(SESSION_VALIDITY),
            factors: Pending::new(UNDERWAY_VALIDITY),
            journeys: Pending::new(UNDERWAY_VALIDITY),
        }
    }
}

/// What an authorization code stands for.
struct Code {
    client: String,
    user: String,
    /// A user of the same name made anew is another one.
    sub: String,
    scopes: Vec<String>,
    redirect_uri: String,
    nonce: Option<String>,
    challenge: Option<String>,
    auth_time: Timestamp,
}

/// A browser that has signed in.
#[derive(Clone)]
struct Session {
    user: String,
    sub: String,
    auth_time: Timestamp,
}

/// One Region's endpoints.
#[derive(Clone)]
struct Desk {
    identity: Arc<Identity>,
    role: RegionRole,
}

impl Desk {
    fn place(&self) -> &Place {
        self.identity.place(self.role)
    }

    /// The answer to a browser whose request is above the quota of its category.
    fn throttled(&self, category: Category) -> Option<Response> {
        self.place().quotas.charge(category).err().map(|refusal| {
            (StatusCode::TOO_MANY_REQUESTS, [(axum::http::header::CACHE_CONTROL, "no-store")], refusal.message)
                .into_response()
        })
    }

    fn now(&self) -> Timestamp {
        self.identity.clock.now()
    }
}

pub(super) fn router(identity: &Arc<Identity>, role: RegionRole) -> Router {
    Router::new()
        .route("/oauth2/authorize", get(authorize::authorize))
        .route("/login", get(login::ask).post(login::answer))
        .route("/mfa", post(login::answer_factor))
        .route("/oauth2/idpresponse", get(federation::come_back))
        .route("/oauth2/token", post(token::token))
        .route("/oauth2/userInfo", get(session::user_info).post(session::user_info))
        .route("/oauth2/revoke", post(session::revoke))
        .route("/logout", get(session::log_out))
        .route("/error", get(request::error_page))
        .route("/{pool}/.well-known/openid-configuration", get(discover))
        .layer(DefaultBodyLimit::max(LARGEST_FORM_BYTES))
        .layer(middleware::from_fn_with_state(Desk { identity: Arc::clone(identity), role }, inspect))
        .with_state(Desk { identity: Arc::clone(identity), role })
}

/// WAF inspects requests to managed login and to the authorization server's endpoints, but not what the pool publishes.
async fn inspect(State(desk): State<Desk>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let published = parts.uri.path().contains("/.well-known/");
    if !published && desk.identity.is_refused(desk.role, &parts) {
        return (StatusCode::FORBIDDEN, "403 Forbidden").into_response();
    }
    next.run(Request::from_parts(parts, body)).await
}

/// What Cognito publishes of a pool. Its keys are at the name of the Region that publishes them, where anyone can fetch them:
/// the issuer's own name leads out of the lab.
async fn discover(State(desk): State<Desk>, Path(pool): Path<String>) -> Response {
    let Some(managed) = desk.identity.managed_login().filter(|_| pool == desk.identity.pool_id) else {
        return (StatusCode::NOT_FOUND, axum::Json(json!({ "message": "User pool does not exist." }))).into_response();
    };
    let at = |path: &str| format!("{}{path}", managed.origin);
    let keys_at = format!("https://{}:{}", topology::direct_name(desk.identity.publisher(desk.role)), managed.port);
    axum::Json(json!({
        "authorization_endpoint": at("/oauth2/authorize"),
        "end_session_endpoint": at("/logout"),
        "id_token_signing_alg_values_supported": ["RS256"],
        "issuer": desk.place().issuer,
        "jwks_uri": format!("{keys_at}/{pool}/.well-known/jwks.json"),
        "response_types_supported": ["code", "token"],
        "revocation_endpoint": at("/oauth2/revoke"),
        "scopes_supported": ["openid", "email", "phone", "profile"],
        "subject_types_supported": ["public"],
        "token_endpoint": at("/oauth2/token"),
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "userinfo_endpoint": at("/oauth2/userInfo"),
    }))
    .into_response()
}
