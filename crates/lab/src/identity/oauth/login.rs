//! The login form of managed login, and the second one for the code of an authenticator app.

use axum::body::Bytes;
use axum::extract::{RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::authorize::OWN_DIRECTORY;
use super::request::{CodeRequest, Error};
use super::session::start_session;
use super::{Desk, IDENTITY_PROVIDER};
use crate::identity::Refusal;
use crate::identity::directory::Status;
use crate::identity::quota::Category;
use crate::web::{self, Form, PageLink, Parameters};
use gameday_core::model::Secret;

/// The cookie of a sign-in that waits for a code.
const FACTOR_COOKIE: &str = "cognito-mfa";

/// A sign-in whose password was right, and that needs a code more.
pub(super) struct Factor {
    user: String,
    client: String,
}

/// What a right password leads to.
enum Proven {
    SignedIn,
    NeedsCode,
}

/// What managed login says of a refusal. Everything else than a wrong password is told in the API's own words.
fn told(refusal: Refusal) -> String {
    match refusal.code {
        "UserNotFoundException" => "Incorrect username or password.".to_owned(),
        _ => refusal.message,
    }
}

fn form(request: &CodeRequest, error: Option<&str>) -> Response {
    let query = request.parameters.query();
    let action = format!("/login?{query}");
    let providers = request.oauth.identity_providers.iter().filter(|name| *name != OWN_DIRECTORY);
    let link = |name: &String| PageLink {
        to: format!("/oauth2/authorize?{}", request.parameters.with("identity_provider", name).query()),
        text: format!("Sign in with {name}"),
    };
    let links: Vec<PageLink> = providers.map(link).collect();
    let fields = &[web::USERNAME, web::PASSWORD];
    Form { title: "Sign in", name: "cognitoSignInForm", action: &action, error, fields, links: &links }.page()
}

fn factor_form(request: &CodeRequest, desk: &Desk, factor: Factor, error: Option<&str>) -> Response {
    let action = format!("/mfa?{}", request.parameters.query());
    let fields = &[web::TOTP_CODE];
    let form = Form {
        title: "Code of your authenticator app",
        name: "cognitoMfaForm",
        action: &action,
        error,
        fields,
        links: &[],
    };
    let mut response = form.page();
    let key = web::opaque();
    web::set_cookie(&mut response, FACTOR_COOKIE, &key);
    desk.place().managed.factors.insert(key, factor, desk.now());
    response
}

/// A request of a client whose users may have a password.
fn read(desk: &Desk, query: Option<&str>) -> Result<CodeRequest, Box<Response>> {
    let request = CodeRequest::read(desk, query)?;
    if request.oauth.identity_providers.iter().any(|name| name == OWN_DIRECTORY) {
        return Ok(request);
    }
    Err(Box::new(request.refuse(&Error::described("invalid_request", format!("sign in with {IDENTITY_PROVIDER}")))))
}

pub(super) async fn ask(State(desk): State<Desk>, RawQuery(query): RawQuery) -> Response {
    match read(&desk, query.as_deref()) {
        Ok(request) => form(&request, None),
        Err(refused) => *refused,
    }
}

/// The request and the form that the browser sent for it, if it is one of ours and not one too many: each step at managed login
/// counts (Cognito developer guide, "Quotas in Amazon Cognito", note 2).
fn sent(
    desk: &Desk,
    query: Option<&str>,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(CodeRequest, Parameters), Box<Response>> {
    let request = read(desk, query)?;
    let sent = Parameters::parse(body).filter(|sent| web::is_own_form(headers, sent));
    let sent = sent.ok_or_else(|| {
        Box::new(web::page_refused("An error was encountered with the requested page.\nInvalid CSRF token\n"))
    })?;
    match desk.throttled(Category::UserAuthentication) {
        Some(refused) => Err(Box::new(refused)),
        None => Ok((request, sent)),
    }
}

pub(super) async fn answer(
    State(desk): State<Desk>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let (request, sent) = match sent(&desk, query.as_deref(), &headers, &body) {
        Ok(sent) => sent,
        Err(refused) => return *refused,
    };
    let (Some(name), Some(password)) = (sent.get("username"), sent.get("password")) else {
        return form(&request, Some("Enter username and password."));
    };
    let (role, name, password) = (desk.role, name.to_owned(), Secret::new(password));
    // The comparison costs an exponentiation.
    let checked = desk.identity.clone().compute(move |identity| {
        let place = identity.place(role);
        let user = place.check_password(&name, &password)?;
        match user.status {
            Status::Confirmed => {}
            Status::ForceChangePassword => {
                let message = "Your temporary password must be changed before you can sign in here.";
                return Err(Refusal::new("PasswordResetRequiredException", message));
            }
            _ => return Err(Refusal::new("NotAuthorizedException", "Incorrect username or password.")),
        }
        let proven = if identity.needs_code(place, &user)? { Proven::NeedsCode } else { Proven::SignedIn };
        Ok((user, proven))
    });
    match checked.await {
        Ok((user, Proven::SignedIn)) => start_session(&desk, &request, &user),
        Ok((user, Proven::NeedsCode)) => {
            let factor = Factor { user: user.name.clone(), client: request.client.id.clone() };
            factor_form(&request, &desk, factor, None)
        }
        Err(refusal) => form(&request, Some(&told(refusal))),
    }
}

pub(super) async fn answer_factor(
    State(desk): State<Desk>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let (request, sent) = match sent(&desk, query.as_deref(), &headers, &body) {
        Ok(sent) => sent,
        Err(refused) => return *refused,
    };
    let waiting = web::cookie(&headers, FACTOR_COOKIE);
    let waiting = waiting.and_then(|key| desk.place().managed.factors.take(&key, desk.now()));
    // Gone, or of another client: from the start.
    let Some(factor) = waiting.filter(|factor| factor.client == request.client.id) else {
        return form(&request, Some("Your session has expired."));
    };
    let code = sent.get(web::TOTP_CODE.name).unwrap_or_default();
    let place = desk.place();
    let checked = place.sign_in_candidate(&factor.user).and_then(|user| {
        desk.identity.check_code(place, &user, code)?;
        Ok(user)
    });
    match checked {
        Ok(user) => {
            let mut response = start_session(&desk, &request, &user);
            web::clear_cookie(&mut response, FACTOR_COOKIE);
            response
        }
        // A mistyped code may be corrected.
        Err(refusal) => factor_form(&request, &desk, factor, Some(&told(refusal))),
    }
}
