//! The login flows: one file each. A flow takes a try's connection and gives tokens, or says at which step what went wrong.

mod admin;
mod after;
mod browser;
mod challenge;
mod client_credentials;
mod federated;
mod form;
mod managed;
mod password;
mod refresh;
mod srp;
mod token_endpoint;
mod totp;

use aws_sdk_cognitoidentityprovider::types::AuthenticationResultType;

use gameday_core::model::{Flow, LoginOutcome, Secret};

use super::accounts::Who;
use super::attempt_context::AttemptContext;

pub(super) use after::{SignedIn, go_on};

/// What a sign-in gave.
#[derive(Debug)]
pub(super) struct Signed {
    /// The access token.
    pub access: Secret,
    /// The ID token; machines get none.
    pub id: Option<Secret>,
    /// The refresh token; a refresh without rotation gives none.
    pub refresh: Option<Secret>,
    /// What the ID token must repeat, where the flow sent such a word.
    pub nonce: Option<String>,
}

impl Signed {
    /// The tokens of an API call's answer.
    fn of(result: &AuthenticationResultType) -> Result<Self, LoginOutcome> {
        let missing = || LoginOutcome::TokenInvalid { reason: "no access token".to_owned() };
        Ok(Self {
            access: result.access_token().map(Secret::new).ok_or_else(missing)?,
            id: result.id_token().map(Secret::new),
            refresh: result.refresh_token().map(Secret::new),
            nonce: None,
        })
    }
}

/// Signs in. Whoever does not fit the flow is a mistake of the caller, and said to be one.
pub(super) async fn sign_in(context: &mut AttemptContext<'_>, flow: Flow, who: &Who) -> Result<Signed, LoginOutcome> {
    match (flow, who) {
        (Flow::UserSrp, Who::Account(account)) => srp::sign_in(context, account).await,
        (Flow::UserPassword, Who::Account(account)) => password::sign_in(context, account).await,
        (Flow::AdminUserPassword, Who::Account(account)) => admin::sign_in(context, account).await,
        (Flow::RefreshToken, Who::Token(token)) => refresh::initiate_auth(context, token).await,
        (Flow::TokensFromRefreshToken, Who::Token(token)) => refresh::get_tokens(context, token).await,
        (Flow::ManagedLogin, Who::Account(account)) => managed::sign_in(context, account).await,
        (Flow::Federated, Who::Account(account)) => federated::sign_in(context, account).await,
        (Flow::ClientCredentials, Who::Machine) => client_credentials::sign_in(context).await,
        _ => Err(LoginOutcome::harness("the flow does not support this kind of user")),
    }
}
