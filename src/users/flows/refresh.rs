//! New tokens for a refresh token: REFRESH_TOKEN_AUTH of InitiateAuth, and GetTokensFromRefreshToken, the only way where an app client
//! rotates refresh tokens.

use aws_sdk_cognitoidentityprovider::types::AuthFlowType;

use crate::model::{LoginOutcome, LoginStep, Secret};
use crate::users::accounts::Token;
use crate::users::visit::{Visit, service};

use super::Signed;

pub(super) async fn initiate_auth(visit: &mut Visit<'_>, token: &Token) -> Result<Signed, LoginOutcome> {
    let connection = visit.connection().await?;
    let cognito = visit.cognito(&connection);
    visit.next(LoginStep::InitiateAuth);
    let mut call = cognito
        .initiate_auth()
        .client_id(&visit.client.id)
        .auth_flow(AuthFlowType::RefreshTokenAuth)
        .auth_parameters("REFRESH_TOKEN", token.refresh.expose());
    if let Some(hash) = visit.secret_hash(&token.user) {
        call = call.auth_parameters("SECRET_HASH", hash);
    }
    let answer = call.send().await.map_err(service(LoginStep::InitiateAuth))?;
    let challenge = || LoginOutcome::ChallengeUnsupported {
        step: LoginStep::InitiateAuth,
        challenge: answer.challenge_name().map_or_else(|| "none, and no tokens".to_owned(), ToString::to_string),
    };
    Signed::of(answer.authentication_result().ok_or_else(challenge)?)
}

/// The answer's refresh token is the next one, where the app client rotates them.
pub(super) async fn get_tokens(visit: &mut Visit<'_>, token: &Token) -> Result<Signed, LoginOutcome> {
    let connection = visit.connection().await?;
    visit.next(LoginStep::InitiateAuth);
    renew(visit, &connection, &token.refresh, LoginStep::InitiateAuth).await
}

/// GetTokensFromRefreshToken on a connection that is there, as part of a step.
pub(super) async fn renew(
    visit: &Visit<'_>,
    connection: &crate::users::OneConnection,
    refresh: &Secret,
    step: LoginStep,
) -> Result<Signed, LoginOutcome> {
    let call = visit.cognito(connection).get_tokens_from_refresh_token().client_id(&visit.client.id);
    let secret = visit.client.secret.as_ref().map(|secret| secret.expose().to_owned());
    let answer = call.refresh_token(refresh.expose()).set_client_secret(secret).send().await.map_err(service(step))?;
    let missing = || LoginOutcome::TokenInvalid { reason: "no access token".to_owned() };
    Signed::of(answer.authentication_result().ok_or_else(missing)?)
}
