//! Federated sign-in: managed login sends the user to the identity provider of the environment, whose form takes name and password, and
//! takes the user back.

use crate::users::accounts::Account;
use crate::users::attempt_context::AttemptContext;
use gameday_core::model::LoginOutcome;

use super::{Signed, managed};

pub(super) async fn sign_in(context: &mut AttemptContext<'_>, account: &Account) -> Result<Signed, LoginOutcome> {
    // Preflight lets no such flow through without a provider.
    let provider = context.door.managed.as_ref().and_then(|managed| managed.identity_provider.as_deref());
    managed::browse(
        context,
        account,
        Some(provider.ok_or_else(|| LoginOutcome::harness("the environment has no identity provider"))?),
    )
    .await
}
