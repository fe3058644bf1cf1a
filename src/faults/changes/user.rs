//! What synthetic users change in a user pool while they sign in, and how it is put back. Their own clients make these calls, so that the
//! executor records and undoes them and makes none.

use std::time::Duration;

use aws_sdk_cognitoidentityprovider::types::UserStatusType;
use futures::FutureExt;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::cloud::{CloudError, ErrorClass, PasswordRef};
use crate::faults::change::{Applied, Change, ChangeContext, RevertOutcome, Stage};
use gameday_core::model::Clock;

/// A Region that deletes no users may show one for so long whom the other has just deleted, in real time; our own choice, since Cognito
/// names no bound for its replication.
const REPLICATION: Duration = Duration::from_secs(10);
const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// A user who must set a new password sets it; inverse cognito-idp:AdminSetUserPassword, which asks for a new one again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RequirePasswordChange {
    /// The user pool's ID.
    pub pool: String,
    /// The user's name.
    pub user: String,
    /// Where the password is that the user had and has again; never the password.
    pub password: PasswordRef,
}

/// Somebody signs up, or signs in by an identity provider for the first time; inverse cognito-idp:AdminDeleteUser.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CreateUser {
    /// The user pool's ID.
    pub pool: String,
    /// The name, which nobody else has.
    pub user: String,
}

/// A user's state; nothing where there is no such user.
async fn status(context: &ChangeContext<'_>, pool: &str, user: &str) -> Result<Option<UserStatusType>, CloudError> {
    context.limiter.acquire().await;
    let call = context.clients.reading.cognito.admin_get_user().user_pool_id(pool).username(user).send().await;
    let answer = call.map_err(CloudError::of("cognito-idp:AdminGetUser"));
    context.limiter.on_response(&answer);
    match answer {
        Err(error) if error.code.as_deref() == Some("UserNotFoundException") => Ok(None),
        answer => Ok(answer?.user_status),
    }
}

impl RequirePasswordChange {
    async fn ask(&self, context: &ChangeContext<'_>) -> Result<(), CloudError> {
        let operation = "cognito-idp:AdminSetUserPassword";
        let password = match context.passwords.get(&self.user) {
            Some(password) => password.clone(),
            None => self
                .password
                .resolve(&self.user, &context.clients.checked.secrets)
                .await
                .map_err(|message| CloudError { operation, class: ErrorClass::Refused, code: None, message })?,
        };
        let call = context.clients.mutating.cognito.admin_set_user_password().user_pool_id(&self.pool);
        let call = call.username(&self.user).password(password.expose()).permanent(false).send();
        let call = async { call.await.map(drop).map_err(CloudError::of(operation)) };
        context.unmake(self, operation, format!("user {}: must set a new password again", self.user), call).await
    }
}

impl Change for RequirePasswordChange {
    fn call(&self) -> &'static str {
        "cognito-idp:RespondToAuthChallenge"
    }

    fn resource(&self) -> String {
        format!("user {}: sets the required new password", self.user)
    }

    fn inverse(&self) -> &'static str {
        "cognito-idp:AdminSetUserPassword"
    }

    fn stage(&self) -> Stage {
        Stage::Users
    }

    fn apply<'a>(&'a self, _: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<Applied, CloudError>> {
        // The user's own client calls.
        async { Ok(Applied::default()) }.boxed()
    }

    fn settled<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<Option<Applied>, CloudError>> {
        async {
            let status = status(context, &self.pool, &self.user).await?;
            Ok((status == Some(UserStatusType::Confirmed)).then(Applied::default))
        }
        .boxed()
    }

    fn undo<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<RevertOutcome, CloudError>> {
        async {
            let user = &self.user;
            match status(context, &self.pool, user).await? {
                Some(UserStatusType::ForceChangePassword) => Ok(RevertOutcome::NoOp),
                Some(UserStatusType::Confirmed) => {
                    self.ask(context).await?;
                    Ok(RevertOutcome::Reverted)
                }
                Some(other) => Ok(RevertOutcome::ChangedByOthers(format!(
                    "user {user} is now {} and is left as it is",
                    other.as_str()
                ))),
                None => Ok(RevertOutcome::ChangedByOthers(format!("user {user} does not exist"))),
            }
        }
        .boxed()
    }
}

impl Change for CreateUser {
    fn call(&self) -> &'static str {
        "cognito-idp:SignUp"
    }

    fn resource(&self) -> String {
        format!("user {}: new", self.user)
    }

    fn inverse(&self) -> &'static str {
        "cognito-idp:AdminDeleteUser"
    }

    fn stage(&self) -> Stage {
        Stage::Users
    }

    fn apply<'a>(&'a self, _: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<Applied, CloudError>> {
        // The newcomer's own client calls.
        async { Ok(Applied::default()) }.boxed()
    }

    fn settled<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<Option<Applied>, CloudError>> {
        async { Ok(status(context, &self.pool, &self.user).await?.map(|_| Applied::default())) }.boxed()
    }

    fn undo<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<RevertOutcome, CloudError>> {
        async {
            let operation = "cognito-idp:AdminDeleteUser";
            if status(context, &self.pool, &self.user).await?.is_none() {
                return Ok(RevertOutcome::NoOp);
            }
            let call = context.clients.mutating.cognito.admin_delete_user().user_pool_id(&self.pool);
            let call = call.username(&self.user).send();
            let call = async { call.await.map(drop).map_err(CloudError::of(operation)) };
            let refused = match context.unmake(self, operation, format!("user {}: deleted", self.user), call).await {
                Ok(()) => return Ok(RevertOutcome::Reverted),
                Err(error) if error.code.as_deref() == Some("OperationNotEnabledException") => error,
                Err(error) => return Err(error),
            };
            // A replica, which has its users from the primary, where this one is deleted at the same time.
            let until = Clock::real_now() + REPLICATION;
            while Clock::real_now() < until {
                tokio::time::sleep(BETWEEN_LOOKS).await;
                if status(context, &self.pool, &self.user).await?.is_none() {
                    return Ok(RevertOutcome::NoOp);
                }
            }
            Err(refused)
        }
        .boxed()
    }
}
