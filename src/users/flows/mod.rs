//! The login flows: one file each. A flow takes a try's connection and gives tokens, or says at which step what went wrong.

mod challenge;
mod password;
mod refresh;
mod srp;

use aws_sdk_cognitoidentityprovider::types::AuthenticationResultType;

use crate::model::{Flow, LoginOutcome, Secret};

use super::attempt::Who;
use super::visit::Visit;

/// What a sign-in gave.
#[derive(Debug)]
pub(super) struct Signed {
    /// The access token.
    pub access: Secret,
    /// The ID token; machines get none.
    pub id: Option<Secret>,
    /// The refresh token; a refresh without rotation gives none.
    pub refresh: Option<Secret>,
}

impl Signed {
    /// The tokens of an API call's answer.
    fn of(result: &AuthenticationResultType) -> Result<Self, LoginOutcome> {
        let missing = || LoginOutcome::TokenInvalid { reason: "no access token".to_owned() };
        Ok(Self {
            access: result.access_token().map(Secret::new).ok_or_else(missing)?,
            id: result.id_token().map(Secret::new),
            refresh: result.refresh_token().map(Secret::new),
        })
    }
}

/// Signs in. Whoever does not fit the flow is a mistake of the caller, and cancelled.
pub(super) async fn sign_in(visit: &mut Visit<'_>, flow: Flow, who: &Who) -> Result<Signed, LoginOutcome> {
    match (flow, who) {
        (Flow::UserSrp, Who::Account(account)) => srp::sign_in(visit, account).await,
        (Flow::UserPassword, Who::Account(account)) => password::sign_in(visit, account).await,
        (Flow::RefreshToken, Who::Token(token)) => refresh::sign_in(visit, token).await,
        _ => Err(LoginOutcome::Cancelled),
    }
}
