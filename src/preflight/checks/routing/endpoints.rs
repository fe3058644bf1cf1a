//! GD519: whether both front doors answer.

use super::super::{BOTH, Check, CheckResult, Occurrence};
use crate::preflight::facts::{Door, Facts};
use gameday_core::model::{Predicts, RegionRole, Severity};

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD519",
    severity: Severity::Risk,
    regions: BOTH,
    predicts: Predicts::FailedLogins,
    title: "An endpoint does not answer the health check's request",
    why: "After a failover all users depend on the replica's endpoint, and after the failback on the primary's again. \
          An address that does not give a good answer today rejects users then. Nothing else tests the replica while \
          the primary serves the users.",
    remedy: "Send the request yourself, and repair the service at that address:\n\n\
             ```sh\n\
             curl -v --resolve NAME:443:ADDRESS https://NAME/health\n\
             ```",
    calls: &["route53:GetHealthCheck"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
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
                Some(Occurrence::of(format!("{region}, {}: GET {path} answered HTTP {status}", door.address)).at(role))
            }
            Err(ref error) => Some(Occurrence::of(format!("{region}, {}: {error}", door.address)).at(role)),
        }
    };
    let sights = primary.iter().filter_map(|door| judge(RegionRole::Primary, door));
    Ok(sights.chain(replica.iter().filter_map(|door| judge(RegionRole::Replica, door))).collect())
}
