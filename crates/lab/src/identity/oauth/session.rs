//! Browsers that have signed in, and the endpoints for those who hold tokens: who it is, and the end of it.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::request::{CodeRequest, to_error_page};
use super::token::{TokenError, authenticate};
use super::{Desk, Session};
use crate::identity::directory::User;
use crate::web::{self, Parameters};

/// The cookie of a browser that has signed in (Cognito developer guide, "Managed login").
const SESSION_COOKIE: &str = "cognito";

/// Remembers the browser, and sends it back with a code.
pub(super) fn start_session(desk: &Desk, request: &CodeRequest, user: &User) -> Response {
    let now = desk.now();
    let session = Session { user: user.name.clone(), sub: user.sub.clone(), auth_time: now };
    let mut response = request.grant(desk, user, &session);
    let key = web::opaque();
    web::set_cookie(&mut response, SESSION_COOKIE, &key);
    desk.place().managed.sessions.insert(key, session, now);
    response
}

/// The user whom this browser has signed in, if that still holds.
pub(super) fn known_session(desk: &Desk, headers: &HeaderMap) -> Option<(Arc<User>, Session)> {
    let key = web::cookie(headers, SESSION_COOKIE)?;
    let place = desk.place();
    let session = place.managed.sessions.get(&key, desk.now())?;
    let user = place.sign_in_candidate(&session.user).ok().filter(|user| user.sub == session.sub)?;
    Some((user, session))
}

/// The claims of a user that the scopes of an access token open (Cognito developer guide, "UserInfo endpoint"): all of them
/// with `profile`, or with nothing but `openid`.
fn about(user: &User, scopes: &[&str]) -> Map<String, Value> {
    let all = scopes.contains(&"profile") || !["email", "phone"].iter().any(|scope| scopes.contains(scope));
    let opened = |name: &str| all || (scopes.contains(&"email") && matches!(name, "email" | "email_verified"));
    let mut claims = Map::from_iter([("sub".to_owned(), Value::from(user.sub.clone()))]);
    let attributes = user.attributes.iter().filter(|(name, _)| opened(name));
    claims.extend(attributes.map(|(name, value)| (name.clone(), value.clone().into())));
    claims.insert("username".into(), user.name.clone().into());
    claims
}

pub(super) async fn user_info(State(desk): State<Desk>, headers: HeaderMap) -> Response {
    let held = match web::bearer(&headers) {
        Some(token) => desk.identity.holder(desk.place(), &token, "openid").map_err(|refusal| refusal.message),
        None => Err("no bearer token".to_owned()),
    };
    match held {
        Ok((user, scopes)) => {
            let scopes: Vec<&str> = scopes.split(' ').collect();
            Json(about(&user, &scopes)).into_response()
        }
        Err(why) => {
            let mut response = web::refused(StatusCode::UNAUTHORIZED, "invalid_token", Some(&why));
            let challenge =
                HeaderValue::from_str(&format!("Bearer error=\"invalid_token\", error_description=\"{why}\""));
            if let Ok(challenge) = challenge {
                response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
            }
            response
        }
    }
}

/// RFC 7009: 200 and nothing in it, also for a token that nobody knows.
pub(super) async fn revoke(State(desk): State<Desk>, headers: HeaderMap, body: Bytes) -> Response {
    let revoked = authenticate(&desk.identity, desk.role, &headers, &body).and_then(|(client, form)| {
        let token = form.get("token").ok_or_else(|| TokenError::new("invalid_request"))?;
        let secret = client.secret.as_ref().map(gameday_core::model::Secret::expose);
        let input = json!({ "Token": token, "ClientId": client.id, "ClientSecret": secret });
        desk.identity.revoke_token(desk.role, &input).map_err(|refusal| match refusal.code {
            "UnsupportedTokenTypeException" => TokenError::new("unsupported_token_type"),
            "UnauthorizedException" => TokenError::new("invalid_client"),
            _ => refusal.into(),
        })
    });
    match revoked {
        Ok(_) => StatusCode::OK.into_response(),
        Err(error) => error.into_response(),
    }
}

/// Forgets the browser, and sends it to the login form, or back to the client.
pub(super) async fn log_out(State(desk): State<Desk>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    if let Some(key) = web::cookie(&headers, SESSION_COOKIE) {
        desk.place().managed.sessions.take(&key, desk.now());
    }
    let parameters = Parameters::parse(query.unwrap_or_default().as_bytes()).unwrap_or_default();
    let client = parameters.get("client_id").and_then(|id| desk.identity.client_at(desk.role, id));
    let callbacks = client.and_then(|client| client.oauth.as_ref()).map_or(&[][..], |oauth| &oauth.callback_urls);
    // The clients' sign-out URLs are their callback URLs.
    let registered = |name| parameters.get(name).filter(|uri| callbacks.iter().any(|known| known == uri));
    let mut response = if let Some(uri) = registered("logout_uri") {
        web::found(uri)
    } else if registered("redirect_uri").is_some() {
        web::found(&format!("/login?{}", parameters.query()))
    } else {
        to_error_page("redirect_mismatch", client.map(|client| client.id.as_str()))
    };
    web::clear_cookie(&mut response, SESSION_COOKIE);
    response
}
