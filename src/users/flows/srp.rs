//! USER_SRP_AUTH: the password never leaves the client.

use std::collections::HashMap;

use aws_sdk_cognitoidentityprovider::types::{AuthFlowType, ChallengeNameType};

use crate::users::accounts::Account;
use crate::users::attempt_context::{AttemptContext, service};
use gameday_core::model::{LoginOutcome, LoginStep};
use gameday_protocols::srp::{self, Challenge, ClientSession};
use gameday_protocols::timer;

use super::Signed;
use super::challenge::{self, By};

pub(super) async fn sign_in(context: &mut AttemptContext<'_>, account: &Account) -> Result<Signed, LoginOutcome> {
    let connection = context.connection().await?;
    let cognito = context.cognito(&connection);
    context.next(LoginStep::InitiateAuth);
    let session = ClientSession::new(&mut rand::rng());
    let mut call = cognito
        .initiate_auth()
        .client_id(&context.client.id)
        .auth_flow(AuthFlowType::UserSrpAuth)
        .auth_parameters("USERNAME", &account.name)
        .auth_parameters("SRP_A", session.public_a_hex());
    if let Some(hash) = context.secret_hash(&account.name) {
        call = call.auth_parameters("SECRET_HASH", hash);
    }
    let answer = call.send().await.map_err(service(LoginStep::InitiateAuth))?;
    if answer.challenge_name() != Some(&ChallengeNameType::PasswordVerifier) {
        return challenge::tokens(context, &cognito, By::User, account, &account.name, answer).await;
    }
    context.next(LoginStep::RespondToAuthChallenge);
    let asked = Asked::of(answer.challenge_parameters()).ok_or_else(|| LoginOutcome::Rejected {
        step: LoginStep::InitiateAuth,
        code: "PASSWORD_VERIFIER without its parameters".to_owned(),
    })?;
    let timestamp = srp::timestamp(context.door.clock.now());
    let block = asked.challenge.secret_block_b64.clone();
    let (pool, password, stamp) = (context.door.pool_id.clone(), account.password.clone(), timestamp.clone());
    let (id, challenge) = (asked.user_id, asked.challenge);
    // Two exponentiations; on the async threads they would delay other users' clocks.
    let claim = timer::compute(move || session.claim(&pool, &id, &password, &challenge, &stamp)).await;
    let claim = claim.map_err(|_| LoginOutcome::harness("the SRP computation was interrupted"))?.map_err(|error| {
        LoginOutcome::Rejected { step: LoginStep::RespondToAuthChallenge, code: format!("SRP: {error}") }
    })?;
    let mut call = cognito
        .respond_to_auth_challenge()
        .client_id(&context.client.id)
        .challenge_name(ChallengeNameType::PasswordVerifier)
        .set_session(answer.session().map(str::to_owned))
        .challenge_responses("USERNAME", &asked.username)
        .challenge_responses("PASSWORD_CLAIM_SECRET_BLOCK", block)
        .challenge_responses("PASSWORD_CLAIM_SIGNATURE", claim)
        .challenge_responses("TIMESTAMP", timestamp);
    if let Some(hash) = context.secret_hash(&asked.username) {
        call = call.challenge_responses("SECRET_HASH", hash);
    }
    let answer = call.send().await.map_err(service(LoginStep::RespondToAuthChallenge))?;
    challenge::tokens(context, &cognito, By::User, account, &asked.username, answer).await
}

/// What PASSWORD_VERIFIER asks.
struct Asked {
    challenge: Challenge,
    user_id: String,
    username: String,
}

impl Asked {
    fn of(parameters: Option<&HashMap<String, String>>) -> Option<Self> {
        let parameter = |name: &str| parameters?.get(name).cloned();
        let user_id = parameter("USER_ID_FOR_SRP")?;
        Some(Self {
            challenge: Challenge {
                salt_hex: parameter("SALT")?,
                srp_b_hex: parameter("SRP_B")?,
                secret_block_b64: parameter("SECRET_BLOCK")?,
            },
            username: parameter("USERNAME").unwrap_or_else(|| user_id.clone()),
            user_id,
        })
    }
}
