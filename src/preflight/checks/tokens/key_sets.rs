//! GD702: the keys that both Regions publish.

use std::collections::BTreeSet;

use jsonwebtoken::jwk::JwkSet;

use super::super::{Check, CheckResult, Occurrence, REPLICA};
use super::is_updated;
use crate::preflight::facts::Facts;
use gameday_core::model::{Predicts, RegionRole, Severity};

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD702",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "The Regions' published signing keys do not match the issuer",
    why: "Validators find the signing keys through the issuer that a token names. With the issuer UPDATED both Regions \
          must publish the same keys; with ORIGINAL each Region must publish a key set. If keys are missing or differ, \
          every token of one Region is refused.",
    remedy: "Compare the keys that the Regions publish:\n\n\
             ```sh\n\
             curl https://cognito-idp.PRIMARY_REGION.amazonaws.com/USER_POOL_ID/.well-known/jwks.json\n\
             curl https://cognito-idp.REPLICA_REGION.amazonaws.com/USER_POOL_ID/.well-known/jwks.json\n\
             ```\n\n\
             AWS keeps the keys of a native replica in step: open a support case if they differ. Independent pools \
             cannot share an issuer: set their issuer back to ORIGINAL.",
    calls: &["cognito-idp:DescribeUserPool"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
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
                Some(Occurrence::of(format!("{region}: GET {path}: {}", error?)).at(role))
            });
            return Ok(sights.collect());
        }
    };
    let list = |ids: &BTreeSet<String>| ids.iter().cloned().collect::<Vec<_>>().join(", ");
    let sight =
        || Occurrence::of(format!("issuer UPDATED; key IDs in {here}: {}; in {there}: {}", list(&one), list(&other)));
    Ok((updated && one != other).then(sight).into_iter().collect())
}

fn ids(document: &[u8]) -> Result<BTreeSet<String>, String> {
    let set: JwkSet = serde_json::from_slice(document).map_err(|error| format!("not a JWKS document: {error}"))?;
    let ids: BTreeSet<String> = set.keys.into_iter().filter_map(|key| key.common.key_id).collect();
    if ids.is_empty() { Err("it contains no key with an ID".to_owned()) } else { Ok(ids) }
}
