//! Client credentials: a machine's own token, by the secret of its app client. No user, no ID token, no refresh token.

use crate::users::attempt_context::AttemptContext;
use gameday_core::model::{LoginOutcome, LoginStep};

use super::{Signed, token_endpoint};

pub(super) async fn sign_in(context: &mut AttemptContext<'_>) -> Result<Signed, LoginOutcome> {
    // Preflight lets no such flow through without managed login.
    let managed =
        context.door.managed.as_ref().ok_or_else(|| LoginOutcome::harness("the environment has no managed login"))?;
    context.connection_to(&managed.domain, managed.port).await?;
    context.next(LoginStep::Token);
    let scopes = context.client.scopes.join(" ");
    token_endpoint::ask(context, managed, &[("grant_type", "client_credentials"), ("scope", &scopes)]).await
}
