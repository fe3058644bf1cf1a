//! What follows a right password: tokens, or challenges until there are tokens. The same for users who sign in themselves and for servers
//! that sign their users in; only the operations' names differ.

use std::collections::HashMap;

use aws_sdk_cognitoidentityprovider::Client;
use aws_sdk_cognitoidentityprovider::operation::admin_initiate_auth::AdminInitiateAuthOutput;
use aws_sdk_cognitoidentityprovider::operation::admin_respond_to_auth_challenge::AdminRespondToAuthChallengeOutput;
use aws_sdk_cognitoidentityprovider::operation::initiate_auth::InitiateAuthOutput;
use aws_sdk_cognitoidentityprovider::operation::respond_to_auth_challenge::RespondToAuthChallengeOutput;
use aws_sdk_cognitoidentityprovider::types::{AuthenticationResultType, ChallengeNameType};

use crate::users::accounts::Account;
use crate::users::attempt_context::{AttemptContext, service};
use crate::users::login_target::AppClient;
use gameday_core::model::{LoginOutcome, LoginStep};

use super::{Signed, totp};

/// Whose operations are called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// RespondToAuthChallenge: the user's own client.
    User,
    /// AdminRespondToAuthChallenge: a server with AWS credentials.
    Admin,
}

/// What the service said: tokens, or a challenge.
pub(super) struct AuthAnswer {
    result: Option<AuthenticationResultType>,
    challenge: Option<ChallengeNameType>,
    parameters: HashMap<String, String>,
    session: Option<String>,
}

impl AuthAnswer {
    /// The name that the pool has for the user, where the challenge tells it.
    fn user(&self) -> Option<String> {
        self.parameters.get("USER_ID_FOR_SRP").or_else(|| self.parameters.get("USERNAME")).cloned()
    }
}

/// The four operations answer with the same members, in four types.
macro_rules! answers {
    ($($output:ty),+) => {$(
        impl From<$output> for AuthAnswer {
            fn from(output: $output) -> Self {
                Self {
                    result: output.authentication_result,
                    challenge: output.challenge_name,
                    parameters: output.challenge_parameters.unwrap_or_default(),
                    session: output.session,
                }
            }
        }
    )+};
}
answers!(InitiateAuthOutput, RespondToAuthChallengeOutput, AdminInitiateAuthOutput, AdminRespondToAuthChallengeOutput);

/// Answers challenges until there are tokens. The login's patience bounds how often. `username` is what the user is known by so far: what was
/// typed, or the name that an earlier challenge told.
pub(super) async fn tokens(
    context: &mut AttemptContext<'_>,
    cognito: &Client,
    by: By,
    account: &Account,
    username: &str,
    answer: impl Into<AuthAnswer>,
) -> Result<Signed, LoginOutcome> {
    let mut answer = answer.into();
    let mut username = username.to_owned();
    loop {
        username = answer.user().unwrap_or(username);
        if let Some(result) = &answer.result {
            return Signed::of(result);
        }
        let next = match (&answer.challenge, &account.totp_secret) {
            // Nobody else may be changed: preflight has no record of whom to put back, and users of another population are not declared.
            (Some(ChallengeNameType::NewPasswordRequired), _) if sets_password(context, account) => {
                let password = account.password.expose().to_owned();
                Some((LoginStep::NewPassword, "NEW_PASSWORD", password))
            }
            (Some(ChallengeNameType::SoftwareTokenMfa), Some(secret)) => {
                totp::shown(context, account, secret).map(|code| (LoginStep::Mfa, "SOFTWARE_TOKEN_MFA_CODE", code))
            }
            _ => None,
        };
        let Some((step, key, value)) = next else {
            let challenge =
                answer.challenge.map_or_else(|| "no challenge and no tokens".to_owned(), |name| name.to_string());
            return Err(LoginOutcome::ChallengeUnsupported { step: context.step, challenge });
        };
        context.next(step);
        if step == LoginStep::NewPassword {
            // Noted before the call: an answer that is lost may stand for a password that is set.
            context.trace.to_put_back = Some(account.name.clone());
        }
        let answered = respond(context, cognito, by, &username, answer, (key, value)).await;
        if step == LoginStep::NewPassword && answered.as_ref().is_err_and(proves_unchanged) {
            context.trace.to_put_back = None;
        }
        answer = answered?;
    }
}

fn sets_password(context: &AttemptContext<'_>, account: &Account) -> bool {
    context.door.populations.values().any(|population| population.sets_password(&account.name))
}

/// Whether the password is certainly not set. Any other refusal may come after it was set, as where a trigger fails that tokens wait for.
fn proves_unchanged(refused: &LoginOutcome) -> bool {
    const BEFORE: [&str; 4] = [
        "CodeMismatchException",
        "InvalidPasswordException",
        "OperationNotEnabledException",
        "PasswordHistoryPolicyViolationException",
    ];
    matches!(refused, LoginOutcome::Rejected { code, .. } if BEFORE.contains(&code.as_str()))
}

/// What answers a challenge: the name and its hash are the pool's own, whatever the user typed.
fn responses(client: &AppClient, username: &str, (key, value): (&str, String)) -> HashMap<String, String> {
    let hash = client.secret_hash(username).map(|hash| ("SECRET_HASH".to_owned(), hash));
    [("USERNAME".to_owned(), username.to_owned()), (key.to_owned(), value)].into_iter().chain(hash).collect()
}

/// Answers one challenge.
async fn respond(
    context: &AttemptContext<'_>,
    cognito: &Client,
    by: By,
    username: &str,
    asked: AuthAnswer,
    (key, value): (&str, String),
) -> Result<AuthAnswer, LoginOutcome> {
    let step = context.step;
    let responses = responses(context.client, username, (key, value));
    let client = &context.client.id;
    match by {
        By::User => {
            let call = cognito.respond_to_auth_challenge().client_id(client).set_challenge_name(asked.challenge);
            let call = call.set_session(asked.session).set_challenge_responses(Some(responses));
            call.send().await.map(AuthAnswer::from).map_err(service(step))
        }
        By::Admin => {
            let call = cognito.admin_respond_to_auth_challenge().user_pool_id(&context.door.pool_id).client_id(client);
            let call = call.set_challenge_name(asked.challenge).set_session(asked.session);
            let call = call.set_challenge_responses(Some(responses));
            call.send().await.map(AuthAnswer::from).map_err(service(step))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gameday_core::model::Secret;
    use gameday_protocols::srp;

    #[test]
    fn c10_an_answer_hashes_the_name_that_the_challenge_told() {
        let secret = Secret::new("s3cr3t");
        let client = AppClient {
            name: String::new(),
            id: "client0123".to_owned(),
            secret: Some(secret.clone()),
            redirect_uri: None,
            scopes: Vec::new(),
        };
        let told = |parameters: &[(&str, &str)]| {
            let parameters = parameters.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
            AuthAnswer { result: None, challenge: None, parameters, session: None }.user()
        };
        assert_eq!(told(&[("USER_ID_FOR_SRP", "sub"), ("USERNAME", "ann@example.com")]).as_deref(), Some("sub"));
        assert_eq!(told(&[("USERNAME", "sub")]).as_deref(), Some("sub"));
        assert_eq!(told(&[("FRIENDLY_DEVICE_NAME", "phone")]), None);
        let answer = responses(&client, "sub", ("SOFTWARE_TOKEN_MFA_CODE", "123456".to_owned()));
        assert_eq!(answer["USERNAME"], "sub");
        assert_eq!(answer["SECRET_HASH"], srp::secret_hash("sub", "client0123", &secret));
    }
}
