//! GD930: whether personal data may lie where it does.

use crate::model::Severity::Risk;
use crate::model::{Predicts, RegionRole};
use crate::preflight::checks::{BOTH, Check, Sight};
use crate::preflight::facts::Missing;

/// See its text.
pub const CHECK: Check = Check {
    code: "GD930",
    severity: Risk,
    regions: BOTH,
    predicts: Predicts::Nothing,
    title: "Users' data lie in a Region that the residency list does not allow",
    why: "A replica holds names, e-mail addresses and whatever custom attributes hold, an ID number perhaps, of every user. Data \
          protection law (LGPD, GDPR) treats that as a transfer to the replica's country from the moment the replica is made, not from \
          the failover.",
    remedy: "Put the replica into an allowed Region, or have the transfer approved and add the Region to `preflight.allowed_regions` of \
             the environment file",
    calls: &[],
    look: |facts| {
        Box::pin(async move {
            let allowed = &facts.site.preflight.allowed_regions;
            if allowed.is_empty() {
                return Err(Missing::setting("preflight.allowed_regions"));
            }
            let names: Vec<&str> = allowed.iter().map(crate::model::Region::as_str).collect();
            let sight = |role: RegionRole| {
                let region = &facts.site.region(role).region;
                let text = format!("the {} lies in {region}; allowed: {}", role.as_str(), names.join(", "));
                (!allowed.contains(region)).then(|| Sight::of(text).at(role))
            };
            Ok([RegionRole::Primary, RegionRole::Replica].into_iter().filter_map(sight).collect())
        })
    },
};
