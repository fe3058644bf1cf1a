//! The authorization endpoint, with the login form (OpenID Connect Core 1.0, section 3.1.2).

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;
use url::Url;

use super::{Granted, Provider};
use crate::web::{self, Form, Parameters};

/// What it gives out.
pub(super) const SCOPES: [&str; 3] = ["openid", "email", "profile"];

/// A request that may be answered by a code.
struct ProviderRequest {
    parameters: Parameters,
    redirect_uri: Url,
}

impl Provider {
    /// Checks a request. What is wrong with client or redirect URI is shown to the user, the rest is told the client.
    fn request(&self, query: Option<&str>) -> Result<ProviderRequest, Box<Response>> {
        let parameters = Parameters::parse(query.unwrap_or_default().as_bytes());
        let page = |why| Box::new(web::page_refused(why));
        let parameters = parameters.ok_or_else(|| page("a parameter stands twice"))?;
        if parameters.get("client_id") != Some(&self.client.id) {
            return Err(page("unknown client_id"));
        }
        let given = parameters.get("redirect_uri").filter(|uri| *uri == self.client.redirect_uri);
        let given = given.and_then(|uri| Url::parse(uri).ok());
        let redirect_uri = given.ok_or_else(|| page("redirect_uri is not registered"))?;
        let scopes = parameters.words("scope");
        let error = if parameters.get("response_type") != Some("code") {
            "unsupported_response_type"
        } else if !scopes.iter().any(|scope| scope == "openid") {
            "invalid_scope"
        } else if parameters.get("code_challenge").is_some()
            != (parameters.get("code_challenge_method") == Some("S256"))
        {
            "invalid_request"
        } else {
            return Ok(ProviderRequest { parameters, redirect_uri });
        };
        let told = [("error", Some(error)), ("state", parameters.get("state"))];
        Err(Box::new(web::redirect(&redirect_uri, &told)))
    }

    /// A code for a user who has signed in.
    fn grant(&self, request: &ProviderRequest, user: String) -> String {
        let code = web::opaque();
        let now = self.clock.now();
        let text = |name| request.parameters.get(name).map(str::to_owned);
        let mut scopes = request.parameters.words("scope");
        scopes.retain(|scope| SCOPES.contains(&scope.as_str()));
        let granted = Granted {
            user,
            redirect_uri: self.client.redirect_uri.clone(),
            scopes,
            nonce: text("nonce"),
            challenge: text("code_challenge"),
            auth_time: now,
        };
        self.codes.insert(code.clone(), granted, now);
        code
    }
}

fn form(request: &ProviderRequest, error: Option<&str>) -> Response {
    let action = format!("/authorize?{}", request.parameters.query());
    let fields = &[web::USERNAME, web::PASSWORD];
    Form { title: "GameDay identity provider", name: "login", action: &action, error, fields, links: &[] }.page()
}

pub(super) async fn ask(State(provider): State<Arc<Provider>>, RawQuery(query): RawQuery) -> Response {
    match provider.request(query.as_deref()) {
        Ok(request) => form(&request, None),
        Err(refused) => *refused,
    }
}

pub(super) async fn answer(
    State(provider): State<Arc<Provider>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let request = match provider.request(query.as_deref()) {
        Ok(request) => request,
        Err(refused) => return *refused,
    };
    let Some(sent) = Parameters::parse(&body).filter(|sent| web::is_own_form(&headers, sent)) else {
        return web::page_refused("the form is not one of ours");
    };
    match (sent.get("username"), sent.get("password")) {
        (Some(user), Some(password)) if Provider::knows(user) && password == provider.password.expose() => {
            let code = provider.grant(&request, user.to_owned());
            let state = request.parameters.get("state");
            web::redirect(&request.redirect_uri, &[("code", Some(&code)), ("state", state)])
        }
        _ => form(&request, Some("Incorrect username or password.")),
    }
}
