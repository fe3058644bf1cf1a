//! GD702: the keys that both Regions publish.

use std::collections::BTreeSet;

use jsonwebtoken::jwk::JwkSet;

use super::super::{Check, Looked, REPLICA, Sight};
use super::is_updated;
use crate::model::{Predicts, RegionRole, Severity};
use crate::preflight::facts::Facts;

/// See its text.
pub const CHECK: Check = Check {
    code: "GD702",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "The Regions' signing keys are not what the issuer promises",
    why: "Validators find keys by the issuer that a token names. With the issuer UPDATED that is one for both Regions, and both must publish \
          the same keys; with ORIGINAL each Region must publish its own. Keys that are not there, or not the same, make every token of one \
          Region worthless where it is verified.",
    remedy: "Compare what the Regions publish; keys of a native replica are AWS's to keep in step, so open a support case for them. \
             Independent pools cannot share an issuer: set theirs back to ORIGINAL.\n\n\
             ```sh\ncurl https://cognito-idp.REGION.amazonaws.com/POOL/.well-known/jwks.json\n```",
    calls: &["cognito-idp:DescribeUserPool"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> Looked {
    let updated = is_updated(facts).await?;
    let path = format!("/{}/.well-known/jwks.json", facts.site.pool.id);
    let (one, other) = tokio::join!(facts.fetch(RegionRole::Primary, &path), facts.fetch(RegionRole::Replica, &path));
    let (here, there) = (&facts.site.primary.region, &facts.site.replica.region);
    let (one, other) = match (one.and_then(|body| ids(&body)), other.and_then(|body| ids(&body))) {
        (Ok(one), Ok(other)) => (one, other),
        (one, other) => {
            let failed =
                [(RegionRole::Primary, here, one.err()), (RegionRole::Replica, there, other.err())].into_iter();
            let sights = failed.filter_map(|(role, region, error)| {
                Some(Sight::of(format!("{region}: GET {path}: {}", error?)).at(role))
            });
            return Ok(sights.collect());
        }
    };
    let list = |ids: &BTreeSet<String>| ids.iter().cloned().collect::<Vec<_>>().join(", ");
    let sight =
        || Sight::of(format!("issuer UPDATED; key IDs in {here}: {}; in {there}: {}", list(&one), list(&other)));
    Ok((updated && one != other).then(sight).into_iter().collect())
}

fn ids(document: &[u8]) -> Result<BTreeSet<String>, String> {
    let set: JwkSet = serde_json::from_slice(document).map_err(|error| format!("not a JWKS document: {error}"))?;
    let ids: BTreeSet<String> = set.keys.into_iter().filter_map(|key| key.common.key_id).collect();
    if ids.is_empty() { Err("it holds no key with an ID".to_owned()) } else { Ok(ids) }
}
