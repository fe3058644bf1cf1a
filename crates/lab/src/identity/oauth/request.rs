//! Requests for an authorization code: what they ask, and who is told what is wrong with them.

use axum::extract::RawQuery;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use url::Url;

use super::{Code, Desk, Session};
use crate::identity::clients::{AppClient, OAuth};
use crate::identity::directory::User;
use crate::web::{self, Parameters};

/// A request that may be answered by a code.
#[derive(Clone)]
pub(super) struct CodeRequest {
    pub parameters: Parameters,
    pub client: AppClient,
    pub oauth: OAuth,
    pub redirect_uri: Url,
    pub scopes: Vec<String>,
}

/// What a client is told by way of the browser (RFC 6749, section 4.1.2.1).
pub(super) struct Error {
    pub error: &'static str,
    pub description: Option<String>,
}

impl Error {
    pub(super) fn new(error: &'static str) -> Self {
        Self { error, description: None }
    }

    pub(super) fn described(error: &'static str, description: impl Into<String>) -> Self {
        Self { error, description: Some(description.into()) }
    }
}

impl CodeRequest {
    /// Checks a request. What is wrong with client or redirect URI is shown to the user, the rest is told the client (Cognito
    /// developer guide, "Authorize endpoint", negative responses).
    pub(super) fn read(desk: &Desk, query: Option<&str>) -> Result<Self, Box<Response>> {
        let shown = |error, client: Option<&str>| Box::new(to_error_page(error, client));
        let parameters = Parameters::parse(query.unwrap_or_default().as_bytes());
        let parameters = parameters.ok_or_else(|| shown("invalid_request", None))?;
        let id = parameters.get("client_id").ok_or_else(|| shown("invalid_request", None))?;
        let client = desk.identity.client_at(desk.role, id).ok_or_else(|| shown("invalid_client", Some(id)))?.clone();
        let mismatch = || shown("redirect_mismatch", Some(&client.id));
        let oauth = client.oauth.clone().ok_or_else(mismatch)?;
        let redirect_uri =
            parameters.get("redirect_uri").filter(|uri| oauth.callback_urls.iter().any(|known| known == uri));
        let redirect_uri = redirect_uri.and_then(|uri| Url::parse(uri).ok()).ok_or_else(mismatch)?;
        let request = Self { scopes: parameters.words("scope"), parameters, client, oauth, redirect_uri };
        request.checked().map_err(|wrong| Box::new(wrong.0.refuse(&wrong.1)))
    }

    fn checked(mut self) -> Result<Self, Box<(Self, Error)>> {
        let get = |name| self.parameters.get(name);
        // Implicit grants (`token`) are no client's here.
        let error = match get("response_type") {
            Some("code") if self.oauth.flows.iter().any(|flow| flow == "code") => None,
            Some("code" | "token") => Some("unauthorized_client"),
            _ => Some("invalid_request"),
        };
        // `plain` is not supported (Cognito developer guide, "Using PKCE").
        let challenge = (get("code_challenge").is_some(), get("code_challenge_method"));
        let error = error.or(match challenge {
            (true, Some("S256")) | (false, None) => None,
            _ => Some("invalid_request"),
        });
        let granted = self.scopes.iter().all(|scope| self.oauth.scopes.contains(scope));
        if let Some(error) = error.or((!granted).then_some("invalid_scope")) {
            return Err(Box::new((self, Error::new(error))));
        }
        if self.scopes.is_empty() {
            // "If the client doesn't request any scopes, the authentication server uses all scopes associated with the client."
            self.scopes.clone_from(&self.oauth.scopes);
        }
        Ok(self)
    }

    /// Tells the client what is wrong.
    pub(super) fn refuse(&self, error: &Error) -> Response {
        let state = self.parameters.get("state");
        let told =
            [("error_description", error.description.as_deref()), ("error", Some(error.error)), ("state", state)];
        web::redirect(&self.redirect_uri, &told)
    }

    /// Gives the client a code for a user who has signed in.
    pub(super) fn grant(&self, desk: &Desk, user: &User, session: &Session) -> Response {
        let code = web::opaque();
        let text = |name| self.parameters.get(name).map(str::to_owned);
        let granted = Code {
            client: self.client.id.clone(),
            user: user.name.clone(),
            sub: user.sub.clone(),
            scopes: self.scopes.clone(),
            redirect_uri: self.parameters.get("redirect_uri").unwrap_or_default().to_owned(),
            nonce: text("nonce"),
            challenge: text("code_challenge"),
            auth_time: session.auth_time,
        };
        desk.place().managed.codes.insert(code.clone(), granted, desk.now());
        web::redirect(&self.redirect_uri, &[("code", Some(&code)), ("state", self.parameters.get("state"))])
    }
}

/// Shows the user what no client may be told.
pub(super) fn to_error_page(error: &str, client: Option<&str>) -> Response {
    let mut pairs = vec![("error", error)];
    pairs.extend(client.map(|id| ("client_id", id)));
    web::found(&format!("/error?{}", web::encoded(&pairs)))
}

pub(super) async fn error_page(RawQuery(query): RawQuery) -> Response {
    let parameters = Parameters::parse(query.unwrap_or_default().as_bytes()).unwrap_or_default();
    let error = parameters.get("error").unwrap_or("unknown error").to_owned();
    let text = format!("An error was encountered with the requested page.\n{error}\n");
    (StatusCode::BAD_REQUEST, [(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}
