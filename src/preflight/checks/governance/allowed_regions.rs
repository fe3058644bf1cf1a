//! GD930: whether personal data may lie where it does.

use crate::preflight::checks::{BOTH, Check, Occurrence};
use crate::preflight::facts::Unavailable;
use gameday_core::model::Severity::Risk;
use gameday_core::model::{Predicts, RegionRole};

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD930",
    severity: Risk,
    regions: BOTH,
    predicts: Predicts::Nothing,
    title: "User data is stored in a Region that the residency list does not allow",
    why: "A replica stores the names, e-mail addresses and custom attributes of every user, possibly ID numbers. Data \
          protection law (LGPD, GDPR) treats this as a transfer to the replica's country from the creation of the \
          replica, not from the failover.",
    remedy: "Create the replica in an allowed Region, or have the transfer approved and add the Region to \
             `preflight.allowed_regions` in the environment file:\n\n\
             ```toml\n\
             [preflight]\n\
             allowed_regions = [\"PRIMARY_REGION\", \"REPLICA_REGION\"]\n\
             ```",
    calls: &[],
    look: |facts| {
        Box::pin(async move {
            let allowed = &facts.site.preflight.allowed_regions;
            if allowed.is_empty() {
                return Err(Unavailable::setting("preflight.allowed_regions"));
            }
            let names: Vec<&str> = allowed.iter().map(gameday_core::model::Region::as_str).collect();
            let sight = |role: RegionRole| {
                let region = &facts.site.region(role).region;
                let text = format!("the {} is in {region}; allowed: {}", role.as_str(), names.join(", "));
                (!allowed.contains(region)).then(|| Occurrence::of(text).at(role))
            };
            Ok([RegionRole::Primary, RegionRole::Replica].into_iter().filter_map(sight).collect())
        })
    },
};
