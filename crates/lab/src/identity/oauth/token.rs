//! `/oauth2/token`: tokens for a code, for a refresh token, and for a machine.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::{Code, Desk};
use crate::identity::clients::AppClient;
use crate::identity::quota::Category;
use crate::identity::session::Managed;
use crate::identity::{Identity, Refusal};
use crate::web::{self, Parameters};
use gameday_core::model::{RegionRole, Secret};

/// An error in the words of RFC 6749, section 5.2. Cognito sends all of them with status 400.
pub(super) struct TokenError {
    error: &'static str,
    description: Option<String>,
}

impl TokenError {
    pub(super) fn new(error: &'static str) -> Self {
        Self { error, description: None }
    }

    pub(super) fn described(error: &'static str, description: impl Into<String>) -> Self {
        Self { error, description: Some(description.into()) }
    }
}

/// Of a request above its quota; the developer guide names no error for it.
const THROTTLED: &str = "too_many_requests";

impl IntoResponse for TokenError {
    fn into_response(self) -> Response {
        let status = if self.error == THROTTLED { StatusCode::TOO_MANY_REQUESTS } else { StatusCode::BAD_REQUEST };
        web::refused(status, self.error, self.description.as_deref())
    }
}

/// What is refused to a grant is told in the words of OAuth.
impl From<Refusal> for TokenError {
    fn from(refusal: Refusal) -> Self {
        let error = match refusal.code {
            "NotAuthorizedException" | "UserNotFoundException" => "invalid_grant",
            "InternalErrorException" => "server_error",
            "TooManyRequestsException" => THROTTLED,
            _ => "invalid_request",
        };
        Self::described(error, refusal.message)
    }
}

/// Reads a form that a client sends, and checks that it is that client.
pub(super) fn authenticate<'a>(
    identity: &'a Identity,
    role: RegionRole,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<(&'a AppClient, Parameters), TokenError> {
    if !web::is_form(headers) {
        return Err(TokenError::new("invalid_request"));
    }
    let form = Parameters::parse(body).ok_or_else(|| TokenError::new("invalid_request"))?;
    let caller = web::caller(headers, &form).ok_or_else(|| TokenError::new("invalid_request"))?;
    let client = identity.client_at(role, &caller.id).ok_or_else(|| TokenError::new("invalid_client"))?;
    let wrong = |_| TokenError::described("invalid_client", "invalid_client_secret");
    client.check_secret(caller.secret.as_ref().map(Secret::expose)).map_err(wrong)?;
    Ok((client, form))
}

pub(super) async fn token(State(desk): State<Desk>, headers: HeaderMap, body: Bytes) -> Response {
    let role = desk.role;
    // Signatures are arithmetic; errors of OAuth pass through as values.
    let done = desk.identity.compute(move |identity| Ok(grant(identity, role, &headers, &body))).await;
    match done.unwrap_or_else(|refusal| Err(refusal.into())) {
        Ok(tokens) => ([(header::CACHE_CONTROL, "no-store")], Json(tokens)).into_response(),
        Err(error) => error.into_response(),
    }
}

fn grant(identity: &Identity, role: RegionRole, headers: &HeaderMap, body: &[u8]) -> Result<Value, TokenError> {
    let (client, form) = authenticate(identity, role, headers, body)?;
    let required = |name| form.get(name).ok_or_else(|| TokenError::new("invalid_request"));
    let allows = |grant: &str| client.oauth.as_ref().is_some_and(|oauth| oauth.flows.iter().any(|flow| flow == grant));
    let unauthorized = || TokenError::new("unauthorized_client");
    let quotas = &identity.place(role).quotas;
    match required("grant_type")? {
        "authorization_code" if allows("code") => {
            quotas.charge_redemption()?;
            let code = identity.take_authorization_code(role, required("code")?)?;
            check_code(client, &form, &code)?;
            identity.redeem(role, client, &code)
        }
        "refresh_token" if allows("code") => {
            quotas.charge(Category::UserAuthentication)?;
            identity.refresh_oauth(role, client, required("refresh_token")?)
        }
        "client_credentials" if allows("client_credentials") => {
            quotas.charge(Category::ClientAuthentication)?;
            identity.machine(role, client, &form)
        }
        "authorization_code" | "refresh_token" | "client_credentials" => Err(unauthorized()),
        _ => Err(TokenError::new("unsupported_grant_type")),
    }
}

fn check_code(client: &AppClient, form: &Parameters, code: &Code) -> Result<(), TokenError> {
    let same_client = client.id == code.client && form.get("redirect_uri") == Some(&code.redirect_uri);
    if same_client && web::verifier_fits(form.get("code_verifier"), code.challenge.as_deref()) {
        Ok(())
    } else {
        Err(TokenError::new("invalid_grant"))
    }
}

impl Identity {
    /// Takes a code, which counts once, whatever comes of it.
    fn take_authorization_code(&self, role: RegionRole, code: &str) -> Result<Code, TokenError> {
        let taken = self.place(role).managed.codes.take(code, self.clock.now());
        taken.ok_or_else(|| TokenError::new("invalid_grant"))
    }

    fn redeem(&self, role: RegionRole, client: &AppClient, code: &Code) -> Result<Value, TokenError> {
        let place = self.place(role);
        let user = place.sign_in_candidate(&code.user)?;
        if user.sub != code.sub {
            return Err(TokenError::new("invalid_grant"));
        }
        let managed = Managed { scopes: &code.scopes, auth_time: code.auth_time, nonce: code.nonce.as_deref() };
        let result = self.open_session(place, client, &user, Some(&managed))?;
        Ok(tokens(&result, &code.scopes))
    }

    fn refresh_oauth(&self, role: RegionRole, client: &AppClient, token: &str) -> Result<Value, TokenError> {
        let (result, grant) = self.renew(self.place(role), client, token)?;
        Ok(tokens(&result, grant.scopes.as_deref().unwrap_or_default()))
    }

    /// A token for the client itself.
    fn machine(&self, role: RegionRole, client: &AppClient, form: &Parameters) -> Result<Value, TokenError> {
        let allowed = client.oauth.as_ref().map_or(&[][..], |oauth| &oauth.scopes);
        let mut scopes = form.words("scope");
        if !scopes.iter().all(|scope| allowed.contains(scope)) {
            return Err(TokenError::new("invalid_scope"));
        }
        if scopes.is_empty() {
            scopes = allowed.to_vec();
        }
        let access = self.issue_to_machine(self.place(role), client, &scopes)?;
        Ok(json!({ "access_token": access, "expires_in": client.token_validity.as_secs(), "token_type": "Bearer" }))
    }
}

/// The names that OAuth has for what the API answers. An ID token comes with the scope `openid` alone.
fn tokens(result: &Value, scopes: &[String]) -> Value {
    let mut tokens = json!({
        "access_token": result["AccessToken"],
        "expires_in": result["ExpiresIn"],
        "token_type": result["TokenType"],
    });
    if scopes.iter().any(|scope| scope == "openid") {
        tokens["id_token"] = result["IdToken"].clone();
    }
    if result["RefreshToken"].is_string() {
        tokens["refresh_token"] = result["RefreshToken"].clone();
    }
    tokens
}
