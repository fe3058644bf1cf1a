//! What a user does once a login has succeeded.

use std::time::Duration;

use crate::users::attempt_context::{AttemptContext, service};
use gameday_core::model::{AfterLogin, LoginOutcome, LoginStep, Secret};
use gameday_protocols::timer::Timer as _;

use super::refresh;

/// A sign-out may take a moment to reach every part of the service: so often, and after so long, it is looked at again before the
/// session counts as alive. Our own choice.
const LOOKS: u32 = 5;
const BETWEEN_LOOKS: Duration = Duration::from_secs(1);

/// What those calls need of the login.
#[derive(Debug)]
pub(in crate::users) struct SignedIn<'a> {
    /// Its access token.
    pub access: &'a Secret,
    /// Its refresh token, where it has one.
    pub refresh: Option<&'a Secret>,
    /// The user, by the access token.
    pub username: Option<&'a str>,
}

/// Does what is to follow, in order.
pub(in crate::users) async fn go_on(
    context: &mut AttemptContext<'_>,
    then: &[AfterLogin],
    session: &SignedIn<'_>,
) -> Result<(), LoginOutcome> {
    for next in then {
        match next {
            AfterLogin::GetUser => get_user(context, session).await?,
            AfterLogin::GlobalSignOut => sign_out(context, session).await?,
        }
    }
    Ok(())
}

async fn get_user(context: &mut AttemptContext<'_>, session: &SignedIn<'_>) -> Result<(), LoginOutcome> {
    let step = LoginStep::GetUser;
    let connection = context.connection().await?;
    context.next(step);
    let call = context.cognito(&connection).get_user().access_token(session.access.expose());
    let user = call.send().await.map_err(service(step))?;
    if session.username == Some(user.username()) {
        Ok(())
    } else {
        Err(LoginOutcome::Rejected { step, code: "GetUser returned another user".to_owned() })
    }
}

/// Signs out everywhere; then the refresh token must be of no more use.
async fn sign_out(context: &mut AttemptContext<'_>, session: &SignedIn<'_>) -> Result<(), LoginOutcome> {
    let step = LoginStep::SignOut;
    let connection = context.connection().await?;
    context.next(step);
    let call = context.cognito(&connection).global_sign_out().access_token(session.access.expose());
    call.send().await.map_err(service(step))?;
    // From here on the tokens are of no use to anybody else.
    context.trace.refresh = None;
    let Some(mut refresh) = session.refresh.cloned() else { return Ok(()) };
    for look in 1..=LOOKS {
        match refresh::renew(context, &connection, &refresh, step).await {
            Err(LoginOutcome::Rejected { code, .. }) if code == "NotAuthorizedException" => return Ok(()),
            Err(other) => return Err(other),
            Ok(renewed) => refresh = renewed.refresh.unwrap_or(refresh),
        }
        if look < LOOKS {
            context.door.clock.sleep(BETWEEN_LOOKS).await;
        }
    }
    Err(LoginOutcome::Rejected { step, code: "the session is still valid after the sign-out".to_owned() })
}
