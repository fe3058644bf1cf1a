//! GD519: whether both front doors answer.

use super::super::{BOTH, Check, Looked, Sight};
use crate::model::{Predicts, RegionRole, Severity};
use crate::preflight::facts::{Door, Facts};

/// See its text.
pub const CHECK: Check = Check {
    code: "GD519",
    severity: Severity::Risk,
    regions: BOTH,
    predicts: Predicts::FailedLogins,
    title: "A front door does not answer what the health check asks",
    why: "After a failover the replica's front door is all that there is, and after the failback the primary's again. An address that gives \
          no good answer today turns users away then. Nothing else asks the replica while the primary serves.",
    remedy: "Ask it by hand, and repair what answers there:\n\n\
             ```sh\ncurl -v --resolve NAME:443:ADDRESS https://NAME/health\n```",
    calls: &["route53:GetHealthCheck"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> Looked {
    let (primary, replica) = futures::try_join!(facts.doors(RegionRole::Primary), facts.doors(RegionRole::Replica))?;
    // What the checkers see at the primary is GD520.
    let seen = facts.is_seen_healthy().await.unwrap_or(true);
    let path = facts.health_check().await?.resource_path().unwrap_or("/").to_owned();
    let judge = |role: RegionRole, door: &Door| {
        let region = &facts.site.region(role).region;
        match door.status {
            Ok(status) if (200..400).contains(&status) => None,
            Ok(_) if role == RegionRole::Primary && !seen => None,
            Ok(status) => {
                Some(Sight::of(format!("{region}, {}: GET {path} answered HTTP {status}", door.address)).at(role))
            }
            Err(ref error) => Some(Sight::of(format!("{region}, {}: {error}", door.address)).at(role)),
        }
    };
    let sights = primary.iter().filter_map(|door| judge(RegionRole::Primary, door));
    Ok(sights.chain(replica.iter().filter_map(|door| judge(RegionRole::Replica, door))).collect())
}
