//! New tokens for a refresh token: REFRESH_TOKEN_AUTH of InitiateAuth, and GetTokensFromRefreshToken, the only way where an app client
//! rotates refresh tokens.

use std::collections::HashMap;

use aws_sdk_cognitoidentityprovider::types::AuthFlowType;

use crate::users::accounts::Token;
use crate::users::attempt_context::{AttemptContext, service};
use crate::users::login_target::AppClient;
use gameday_core::model::{LoginOutcome, LoginStep, Secret};

use super::Signed;

pub(super) async fn initiate_auth(context: &mut AttemptContext<'_>, token: &Token) -> Result<Signed, LoginOutcome> {
    let connection = context.connection().await?;
    let cognito = context.cognito(&connection);
    context.next(LoginStep::InitiateAuth);
    let call = cognito.initiate_auth().client_id(&context.client.id).auth_flow(AuthFlowType::RefreshTokenAuth);
    let call = call.set_auth_parameters(Some(parameters(context.client, token)));
    let answer = call.send().await.map_err(service(LoginStep::InitiateAuth))?;
    let challenge = || LoginOutcome::ChallengeUnsupported {
        step: LoginStep::InitiateAuth,
        challenge: answer.challenge_name().map_or_else(|| "no challenge and no tokens".to_owned(), ToString::to_string),
    };
    Signed::of(answer.authentication_result().ok_or_else(challenge)?)
}

/// The hash is over the name that the pool has for the user, which is not what was typed where users sign in by their e-mail address.
fn parameters(client: &AppClient, token: &Token) -> HashMap<String, String> {
    let hash = client.secret_hash(&token.username).map(|hash| ("SECRET_HASH".to_owned(), hash));
    [("REFRESH_TOKEN".to_owned(), token.refresh.expose().to_owned())].into_iter().chain(hash).collect()
}

/// The answer's refresh token is the next one, where the app client rotates them.
pub(super) async fn get_tokens(context: &mut AttemptContext<'_>, token: &Token) -> Result<Signed, LoginOutcome> {
    let connection = context.connection().await?;
    context.next(LoginStep::InitiateAuth);
    renew(context, &connection, &token.refresh, LoginStep::InitiateAuth).await
}

/// GetTokensFromRefreshToken on a connection that is there, as part of a step.
pub(super) async fn renew(
    context: &AttemptContext<'_>,
    connection: &crate::users::OneConnection,
    refresh: &Secret,
    step: LoginStep,
) -> Result<Signed, LoginOutcome> {
    let call = context.cognito(connection).get_tokens_from_refresh_token().client_id(&context.client.id);
    let secret = context.client.secret.as_ref().map(|secret| secret.expose().to_owned());
    let answer = call.refresh_token(refresh.expose()).set_client_secret(secret).send().await.map_err(service(step))?;
    let missing = || LoginOutcome::TokenInvalid { reason: "no access token".to_owned() };
    Signed::of(answer.authentication_result().ok_or_else(missing)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gameday_protocols::srp;

    #[test]
    fn c10_a_refresh_hashes_the_pools_own_name_of_its_user() {
        let secret = Secret::new("s3cr3t");
        let client = AppClient {
            name: "confidential".to_owned(),
            id: "client0123".to_owned(),
            secret: Some(secret.clone()),
            redirect_uri: None,
            scopes: Vec::new(),
        };
        let sub = "7a2f9c1e-0000-4000-8000-1234567890ab";
        let token = Token::new("ann@example.com".to_owned(), Some(sub.to_owned()), Secret::new("refresh"));
        let asked = parameters(&client, &token);
        assert_eq!(asked["SECRET_HASH"], srp::secret_hash(sub, "client0123", &secret));
        assert_eq!(asked["REFRESH_TOKEN"], "refresh");
        // An access token without a name leaves the one that was typed.
        let token = Token::new("ann".to_owned(), None, Secret::new("refresh"));
        assert_eq!(parameters(&client, &token)["SECRET_HASH"], srp::secret_hash("ann", "client0123", &secret));
        assert!(!parameters(&AppClient { secret: None, ..client }, &token).contains_key("SECRET_HASH"));
    }
}
