//! GD523: how long the certificates on the wire are good.

use jiff::SignedDuration;

use super::super::{BOTH, Check, CheckResult, Occurrence};
use crate::preflight::facts::Facts;
use gameday_core::model::{Predicts, RegionRole, Severity};

/// How long they must be valid yet, in days.
pub(super) const DAYS: i64 = 30;

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD523",
    severity: Severity::Risk,
    regions: BOTH,
    predicts: Predicts::Nothing,
    title: "A certificate of an endpoint expires within 30 days",
    why: "When the certificate expires, every client refuses the connection. The health check does not detect this, \
          because Route 53 does not verify certificates. At a replica without traffic the problem stays unnoticed \
          until the failover.",
    remedy: "Renew the certificate, and check that the endpoint presents the new one:\n\n\
             ```sh\n\
             openssl s_client -connect ADDRESS:443 -servername NAME </dev/null | openssl x509 -noout -enddate\n\
             ```",
    calls: &["route53:GetHealthCheck"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
    let (primary, replica) = futures::try_join!(facts.doors(RegionRole::Primary), facts.doors(RegionRole::Replica))?;
    let (judge, host) = (facts.judge()?, &facts.site.front_door.name);
    let now = facts.clock.wall_now();
    let mut sights = Vec::new();
    let doors = [(RegionRole::Primary, &primary), (RegionRole::Replica, &replica)];
    for (role, door) in doors.into_iter().flat_map(|(role, doors)| doors.iter().map(move |door| (role, door))) {
        let Some(ends) = door.ends(&judge, host) else { continue };
        let left = ends.duration_since(now);
        if left < SignedDuration::from_hours(24 * DAYS) {
            let days = left.as_secs().div_euclid(24 * 3600);
            sights.push(Occurrence::of(format!("{}: expires at {ends}, in {days} days", door.address)).at(role));
        }
    }
    Ok(sights)
}
