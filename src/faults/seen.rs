//! Whether what a journal is about is there at all for whoever works it off. Where it is not, "not found" is no proof of anything.

use std::collections::BTreeSet;

use super::journal::Recorded;
use crate::cloud::{CloudError, RegionClients};

/// The VPCs that a journal's changes name and that these clients do not see, with their Regions: credentials of another account, or the
/// endpoint of another Region or emulator.
///
/// # Errors
/// [`CloudError`] where they cannot be looked for.
pub async fn unseen_vpcs(clients: &[RegionClients], actions: &[Recorded]) -> Result<Vec<String>, CloudError> {
    let mut unseen = Vec::new();
    for clients in clients {
        let here = actions.iter().filter(|recorded| recorded.region == clients.region);
        let vpcs: BTreeSet<&str> =
            here.filter_map(|recorded| recorded.action.change().vpc()).filter(|vpc| !vpc.is_empty()).collect();
        for vpc in vpcs {
            if !clients.sees_vpc(vpc).await? {
                unseen.push(format!("{vpc} in {}", clients.region));
            }
        }
    }
    Ok(unseen)
}
