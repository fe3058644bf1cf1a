//! What is behind a front door beside the Cognito API: the pool's keys, a health page, and the protected API.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;

use super::Identity;
use super::authorizer::Refused;
use crate::truth::Fact;
use gameday_core::model::RegionRole;
use gameday_protocols::tokens::TokenError;

/// Claims that the authorizer requires, from the trigger's table. `serving_region` tells users and reports who served
/// them; no decision hangs on it.
const REQUIRED_CLAIMS: [&str; 2] = ["tenant", "risk_profile"];

#[derive(Clone)]
struct Door {
    identity: Arc<Identity>,
    role: RegionRole,
}

pub(super) fn router(identity: &Arc<Identity>, role: RegionRole) -> Router {
    Router::new()
        .route("/", get(|| async { "the lab" }))
        .route("/health", get(health))
        .route("/{pool}/.well-known/jwks.json", get(keys))
        .route("/api/account", get(account))
        .with_state(Door { identity: Arc::clone(identity), role })
}

/// Whatever the health page says, everything else goes on.
async fn health(State(door): State<Door>) -> Response {
    let status = door.identity.estate.routing.health_status(door.role);
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, if status.is_success() { "ok" } else { "not ok" }).into_response()
}

async fn keys(State(door): State<Door>, Path(pool): Path<String>) -> Response {
    if pool != door.identity.pool_id || door.identity.publisher(door.role) != door.role {
        return (StatusCode::NOT_FOUND, Json(json!({ "message": "User pool does not exist." }))).into_response();
    }
    let jwks = door.identity.place(door.role).signer.jwks.clone();
    ([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "public, max-age=86400")], jwks)
        .into_response()
}

async fn account(State(door): State<Door>, headers: HeaderMap) -> Response {
    let identity = &door.identity;
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let Some(token) = authorization.and_then(|value| value.strip_prefix("Bearer ")) else {
        return unauthorized("no bearer token");
    };
    let expected = identity.expected(&REQUIRED_CLAIMS);
    let Some(authorizer) = identity.authorizer(door.role) else {
        return refused(StatusCode::SERVICE_UNAVAILABLE, "the authorizer has not started");
    };
    let claims = match authorizer.verify(token.trim(), &expected).await {
        Ok(claims) => claims,
        Err(Refused::Keys(why)) => return refused(StatusCode::SERVICE_UNAVAILABLE, &why),
        Err(Refused::Token(error @ TokenError::ClaimMissing { .. })) => {
            return refused(StatusCode::FORBIDDEN, &error.to_string());
        }
        Err(Refused::Token(error)) => return unauthorized(&error.to_string()),
    };
    // The first use ends the sign-in for which the token was issued; later ones are of a session.
    let now = identity.clock.now();
    if let Some(issuer) = identity.unused.take(claims.text("jti").unwrap_or_default(), now) {
        identity.truth.note(Fact::Accepted(issuer), now);
    }
    let answer = json!({
        "username": claims.text("username"),
        "tenant": claims.text("tenant"),
        "issued_in": claims.text("serving_region"),
        "answered_in": identity.place(door.role).region,
    });
    Json(answer).into_response()
}

fn refused(status: StatusCode, why: &str) -> Response {
    (status, Json(json!({ "message": why }))).into_response()
}

fn unauthorized(why: &str) -> Response {
    let challenge = [(header::WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"")];
    (StatusCode::UNAUTHORIZED, challenge, Json(json!({ "message": why }))).into_response()
}
