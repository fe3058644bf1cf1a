//! Before a journal is worked off: whether it is of this account, and whether what it is about is there.

use crate::cloud::{ErrorClass, RegionClients, verify_identity};
use crate::faults::{Contents, unseen_vpcs};

use super::{Exit, Failure};

/// Refuses what is of another account or not to be seen; touches nothing, and leaves the journal open.
///
/// # Errors
/// With [`Exit::NotRestored`].
pub async fn verify(clients: &[RegionClients], contents: &Contents) -> Result<(), Failure> {
    let refused = |text: String, help: String| Failure::with_help(text, help).coded(Exit::NotRestored);
    let identity = verify_identity(clients, &contents.access).await;
    identity.map_err(|wrong| refused(wrong.to_string(), wrong.remedy()))?;
    match unseen_vpcs(clients, &contents.actions).await {
        Ok(unseen) if unseen.is_empty() => Ok(()),
        Ok(unseen) => Err(refused(
            format!("{} is not to be seen with these credentials at these endpoints; nothing was touched", unseen.join(", ")),
            "The journal is of another account, Region or emulator than this one, and stays open: use the credentials and the endpoints \
             of the run"
                .to_owned(),
        )),
        // The account is the right one, and who may not describe finds nothing gone.
        Err(error) if error.class == ErrorClass::Denied && contents.access.account.is_some() => Ok(()),
        Err(error) => Err(refused(
            format!("whether the run's network is there cannot be seen: {error}; nothing was touched"),
            "Run the same command again: the journal stays open".to_owned(),
        )),
    }
}
