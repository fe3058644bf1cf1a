//! USER_PASSWORD_AUTH: the password in InitiateAuth.

use aws_sdk_cognitoidentityprovider::types::AuthFlowType;

use crate::users::accounts::Account;
use crate::users::attempt_context::{AttemptContext, service};
use gameday_core::model::{LoginOutcome, LoginStep};

use super::Signed;
use super::challenge::{self, By};

pub(super) async fn sign_in(context: &mut AttemptContext<'_>, account: &Account) -> Result<Signed, LoginOutcome> {
    let connection = context.connection().await?;
    let cognito = context.cognito(&connection);
    context.next(LoginStep::InitiateAuth);
    let mut call = cognito
        .initiate_auth()
        .client_id(&context.client.id)
        .auth_flow(AuthFlowType::UserPasswordAuth)
        .auth_parameters("USERNAME", &account.name)
        .auth_parameters("PASSWORD", account.password.expose());
    if let Some(hash) = context.secret_hash(&account.name) {
        call = call.auth_parameters("SECRET_HASH", hash);
    }
    let answer = call.send().await.map_err(service(LoginStep::InitiateAuth))?;
    challenge::tokens(context, &cognito, By::User, account, &account.name, answer).await
}
