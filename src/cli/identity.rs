//! Before a restore: whether the journal belongs to this account, and whether the resources in it are visible.

use crate::cloud::{ErrorClass, RegionClients, verify_identity};
use crate::faults::{Contents, unseen_vpcs};

use super::{Exit, Failure};

/// Refuses another account and resources that are not visible; changes nothing, and leaves the journal open.
///
/// # Errors
/// With [`Exit::NotRestored`].
pub(super) async fn verify(clients: &[RegionClients], contents: &Contents) -> Result<(), Failure> {
    let refused = |text: String, help: String| Failure::with_help(text, help).coded(Exit::NotRestored);
    let identity = verify_identity(clients, &contents.access).await;
    identity.map_err(|wrong| refused(wrong.to_string(), wrong.remedy()))?;
    match unseen_vpcs(clients, &contents.actions).await {
        Ok(unseen) if unseen.is_empty() => Ok(()),
        Ok(unseen) => Err(refused(
            format!("{} is not visible with these credentials at these endpoints; nothing was changed", unseen.join(", ")),
            "The journal belongs to another account, Region or emulator, and stays open: use the credentials and the endpoints of the run"
                .to_owned(),
        )),
        // The account is right; without the permission to describe, nothing is known to be missing.
        Err(error) if error.class == ErrorClass::Denied && contents.access.account.is_some() => Ok(()),
        Err(error) => Err(refused(
            format!("the network of the run cannot be described: {error}; nothing was changed"),
            "Run the same command again: the journal stays open".to_owned(),
        )),
    }
}
