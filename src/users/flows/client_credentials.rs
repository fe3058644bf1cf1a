//! Client credentials: a machine's own token, by the secret of its app client. No user, no ID token, no refresh token.

use crate::users::visit::AttemptContext;
use gameday_core::model::{LoginOutcome, LoginStep};

use super::{Signed, token_endpoint};

pub(super) async fn sign_in(visit: &mut AttemptContext<'_>) -> Result<Signed, LoginOutcome> {
    // Preflight lets no such flow through without managed login.
    let managed =
        visit.door.managed.as_ref().ok_or_else(|| LoginOutcome::harness("the environment has no managed login"))?;
    visit.connection_to(&managed.domain, managed.port).await?;
    visit.next(LoginStep::Token);
    let scopes = visit.client.scopes.join(" ");
    token_endpoint::ask(visit, managed, &[("grant_type", "client_credentials"), ("scope", &scopes)]).await
}
