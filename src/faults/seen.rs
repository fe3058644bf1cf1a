//! Whether what a journal is about is there at all for whoever works it off. Where it is not, "not found" is no proof of anything.

use std::collections::BTreeSet;

use super::action::Action;
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
        let vpcs: BTreeSet<&str> = here.filter_map(|recorded| vpc_of(&recorded.action)).collect();
        for vpc in vpcs {
            if !clients.sees_vpc(vpc).await? {
                unseen.push(format!("{vpc} in {}", clients.region));
            }
        }
    }
    Ok(unseen)
}

/// The VPC that an action names; every run locks each of its own.
fn vpc_of(action: &Action) -> Option<&str> {
    let vpc = match action {
        Action::Lock(change) => &change.vpc,
        Action::CreateClone(change) => &change.vpc,
        Action::CreateEmpty(change) => &change.vpc,
        _ => return None,
    };
    Some(vpc.as_str()).filter(|vpc| !vpc.is_empty())
}
