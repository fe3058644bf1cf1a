//! GD702: the keys that both Regions publish.

use std::collections::BTreeSet;

use super::super::{Check, CheckResult, Occurrence, REPLICA};
use super::{ObservedToken, observed};
use crate::preflight::facts::Facts;
use gameday_core::model::{Predicts, RegionRole, Severity};
use gameday_protocols::tokens::SignedBy;

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD702",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "A signing key is not published where its issuer leads",
    why: "Validators find the signing keys through the issuer that a token names. Preflight signed in at both Regions, \
          read issuer and key ID of the access tokens, and fetched the keys: of the issuer UPDATED from both Regions, \
          which must publish the same, of ORIGINAL from the Region that it names. If a key is missing there, every \
          token that it signed is refused.",
    remedy: "Compare the keys that the Regions publish:\n\n\
             ```sh\n\
             curl https://cognito-idp.PRIMARY_REGION.amazonaws.com/USER_POOL_ID/.well-known/jwks.json\n\
             curl https://cognito-idp.REPLICA_REGION.amazonaws.com/USER_POOL_ID/.well-known/jwks.json\n\
             ```\n\n\
             AWS keeps the keys of a native replica in step: open a support case if they differ. Independent pools \
             cannot share an issuer: set their issuer back to ORIGINAL.",
    calls: &[],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
    let tokens = observed(facts).await?;
    let (mut sights, mut sets) = (Vec::new(), Vec::new());
    for role in RegionRole::ALL {
        let region = &facts.site.region(role).region;
        let published_here = |seen: &&ObservedToken| seen.region == region.as_str() || tokens.published_twice();
        let mut needed: Vec<&ObservedToken> = tokens.both().into_iter().filter(published_here).collect();
        needed.dedup_by_key(|seen| &seen.token);
        if needed.is_empty() {
            continue;
        }
        let known = match facts.published_keys(role).await {
            Ok(known) => known,
            Err(error) => {
                sights.push(Occurrence::of(format!("the keys of {region}: {error}")).at(role));
                continue;
            }
        };
        for ObservedToken { token: SignedBy { issuer, key_id }, .. } in needed {
            if !known.contains(key_id) {
                let known = list(&known);
                sights.push(Occurrence::of(format!(
                    "issuer {issuer}, key {key_id}: not among the keys in {region}: {known}"
                )));
            }
        }
        sets.push((region, known));
    }
    // Keys of other tokens, as ID tokens may have.
    if let [(here, one), (there, other)] = &sets[..]
        && sights.is_empty()
        && tokens.published_twice()
        && one != other
    {
        let issuer = &tokens.primary.token.issuer;
        let evidence = format!("issuer {issuer}; key IDs in {here}: {}; in {there}: {}", list(one), list(other));
        sights.push(Occurrence::of(evidence));
    }
    Ok(sights)
}

fn list(ids: &BTreeSet<String>) -> String {
    ids.iter().cloned().collect::<Vec<_>>().join(", ")
}
