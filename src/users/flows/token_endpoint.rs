//! `/oauth2/token`: tokens for a code, and for a machine.

use headers::{Authorization, HeaderMapExt};
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method};
use serde::Deserialize;
use url::{Url, form_urlencoded};

use crate::users::attempt_context::{AttemptContext, bounded};
use crate::users::login_target::Managed;
use gameday_core::model::{LoginOutcome, LoginStep, Secret};

use super::{Signed, browser};

const STEP: LoginStep = LoginStep::Token;

/// RFC 6749, section 5.1, and the ID token of OpenID Connect.
#[derive(Deserialize)]
#[expect(clippy::struct_field_names, reason = "the RFC's names")]
struct TokenAnswer {
    access_token: String,
    id_token: Option<String>,
    refresh_token: Option<String>,
}

/// RFC 6749, section 5.2.
#[derive(Deserialize)]
struct OauthError {
    error: String,
}

/// An endpoint of managed login's domain.
pub(super) fn address(managed: &Managed, path: &str) -> Result<Url, LoginOutcome> {
    // Validation lets nothing else through than a host name.
    Url::parse(&format!("https://{}:{}{path}", managed.domain, managed.port)).map_err(|_| LoginOutcome::DnsFailed)
}

/// Asks for tokens, as part of the step `Token`. The app client proves itself by its secret where it has one, else it only says who it is.
pub(super) async fn ask(
    context: &mut AttemptContext<'_>,
    managed: &Managed,
    grant: &[(&str, &str)],
) -> Result<Signed, LoginOutcome> {
    let client = context.client;
    let json = HeaderValue::from_static("application/json");
    let urlencoded = HeaderValue::from_static("application/x-www-form-urlencoded");
    let mut headers = HeaderMap::from_iter([(ACCEPT, json), (CONTENT_TYPE, urlencoded)]);
    let own_name = client.secret.is_none().then_some(("client_id", client.id.as_str()));
    if let Some(secret) = &client.secret {
        headers.typed_insert(Authorization::basic(&client.id, secret.expose()));
    }
    let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(grant).extend_pairs(own_name).finish();
    let url = address(managed, "/oauth2/token")?;
    let response = browser::ask(context, Method::POST, &url, headers, form).await?;
    let (status, body) = (response.status().as_u16(), response.body());
    match status {
        200 => {
            let malformed = |_| LoginOutcome::TokenInvalid { reason: "no access token".to_owned() };
            let tokens: TokenAnswer = serde_json::from_slice(body).map_err(malformed)?;
            Ok(Signed {
                access: Secret::new(tokens.access_token),
                id: tokens.id_token.map(Secret::new),
                refresh: tokens.refresh_token.map(Secret::new),
                nonce: None,
            })
        }
        429 => Err(LoginOutcome::Throttled { step: STEP }),
        _ => {
            let code = serde_json::from_slice(body).map(|refusal: OauthError| bounded(&refusal.error));
            Err(LoginOutcome::Rejected { step: STEP, code: code.unwrap_or_else(|_| format!("HTTP {status}")) })
        }
    }
}
