//! What the provider's client asks behind the browser's back: tokens for a code, and who a token speaks of.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jsonwebtoken::{Algorithm, Validation, decode};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::{Granted, Provider, TOKEN_SECONDS};
use crate::web::{self, Parameters};

impl Provider {
    fn audience(&self) -> String {
        format!("{}/userinfo", self.issuer)
    }

    /// Access and ID token.
    fn issue(&self, granted: &Granted) -> Result<Value, String> {
        let now = self.clock.now().as_second();
        let common = json!({
            "iss": self.issuer,
            "sub": granted.user,
            "iat": now,
            "exp": now + TOKEN_SECONDS,
            "jti": Uuid::new_v4().to_string(),
        });
        let (mut access, mut id) = (object(common.clone()), object(common));
        // Its audience tells it from an ID token, which this key signs as well.
        access.insert("aud".into(), self.audience().into());
        access.insert("scope".into(), granted.scopes.join(" ").into());
        id.insert("aud".into(), self.client.id.clone().into());
        id.insert("auth_time".into(), granted.auth_time.as_second().into());
        id.extend(about(&granted.user, &granted.scopes));
        if let Some(nonce) = &granted.nonce {
            id.insert("nonce".into(), nonce.clone().into());
        }
        Ok(json!({
            "access_token": self.signer.sign(&access)?,
            "id_token": self.signer.sign(&id)?,
            "token_type": "Bearer",
            "expires_in": TOKEN_SECONDS,
            "scope": granted.scopes.join(" "),
        }))
    }

    /// The claims of one of its own access tokens.
    fn verify(&self, token: &str) -> Option<Map<String, Value>> {
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_audience(&[self.audience()]);
        // Time counts by the scenario's clock.
        validation.validate_exp = false;
        let claims = decode::<Map<String, Value>>(token, &self.key, &validation).ok()?.claims;
        (claims.get("exp")?.as_i64()? > self.clock.now().as_second()).then_some(claims)
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        // Each caller writes an object.
        _ => Map::new(),
    }
}

/// What the scopes tell of a user (OpenID Connect Core 1.0, section 5.4).
fn about(user: &str, scopes: &[String]) -> Map<String, Value> {
    let mut claims = Map::new();
    let granted = |scope: &str| scopes.iter().any(|one| one == scope);
    if granted("email") {
        claims.insert("email".into(), format!("{user}@example.com").into());
        claims.insert("email_verified".into(), true.into());
    }
    if granted("profile") {
        claims.insert("name".into(), user.into());
    }
    claims
}

pub(super) async fn redeem(State(provider): State<Arc<Provider>>, headers: HeaderMap, body: Bytes) -> Response {
    let refused = |error| web::refused(StatusCode::BAD_REQUEST, error, None);
    let Some(form) = Parameters::parse(&body) else { return refused("invalid_request") };
    let known = web::caller(&headers, &form).is_some_and(|caller| {
        let secret = caller.secret.as_ref().map(gameday_core::model::Secret::expose);
        caller.id == provider.client.id && secret == Some(provider.client.secret.expose())
    });
    if !known {
        let mut response = web::refused(StatusCode::UNAUTHORIZED, "invalid_client", None);
        response.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Basic"));
        return response;
    }
    if form.get("grant_type") != Some("authorization_code") {
        return refused("unsupported_grant_type");
    }
    let Some(code) = form.get("code") else { return refused("invalid_request") };
    // Taken before it is checked: a code is tried once.
    let Some(granted) = provider.codes.take(code, provider.clock.now()) else { return refused("invalid_grant") };
    let fits = web::verifier_fits(form.get("code_verifier"), granted.challenge.as_deref());
    if !fits || form.get("redirect_uri") != Some(&granted.redirect_uri) {
        return refused("invalid_grant");
    }
    match provider.issue(&granted) {
        Ok(tokens) => ([(header::CACHE_CONTROL, "no-store")], Json(tokens)).into_response(),
        Err(error) => web::refused(StatusCode::INTERNAL_SERVER_ERROR, "server_error", Some(&error)),
    }
}

pub(super) async fn user_info(State(provider): State<Arc<Provider>>, headers: HeaderMap) -> Response {
    let claims = web::bearer(&headers).and_then(|token| provider.verify(&token));
    let told = claims.as_ref().and_then(|claims| Some((claims.get("sub")?.as_str()?, claims.get("scope")?.as_str()?)));
    let Some((user, scope)) = told else {
        let challenge = [(header::WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"")];
        return (StatusCode::UNAUTHORIZED, challenge).into_response();
    };
    let scopes: Vec<String> = scope.split(' ').map(str::to_owned).collect();
    let mut answer = about(user, &scopes);
    answer.insert("sub".into(), user.into());
    Json(answer).into_response()
}
