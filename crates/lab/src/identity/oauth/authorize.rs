//! `/oauth2/authorize`: to the login form, to the identity provider, or at once back to the client that asks for a user
//! whom this browser has signed in.

use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::federation;
use super::request::{CodeRequest, Error};
use super::session::known_session;
use super::{Desk, IDENTITY_PROVIDER};
use crate::web;

/// The pool's own directory among identity providers.
pub(super) const OWN_DIRECTORY: &str = "COGNITO";

pub(super) async fn authorize(State(desk): State<Desk>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let request = match CodeRequest::read(&desk, query.as_deref()) {
        Ok(request) => request,
        Err(refused) => return *refused,
    };
    let provider = request.parameters.get("identity_provider");
    if let Some(unknown) = provider.filter(|name| !request.oauth.identity_providers.iter().any(|known| known == name)) {
        return request.refuse(&Error::described("invalid_request", format!("{unknown} is not an option for sign-in")));
    }
    let prompt = request.parameters.get("prompt");
    let session = known_session(&desk, &headers).filter(|_| prompt != Some("login"));
    match (session, provider) {
        // No form for a browser that has signed in.
        (Some((user, session)), _) => request.grant(&desk, &user, &session),
        (None, _) if prompt == Some("none") => request.refuse(&Error::new("login_required")),
        (None, Some(IDENTITY_PROVIDER)) => federation::send_away(&desk, request),
        (None, _) => web::found(&format!("/login?{}", request.parameters.query())),
    }
}
