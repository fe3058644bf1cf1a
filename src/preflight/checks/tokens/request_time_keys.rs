//! GD709: when keys are fetched.

use super::super::{Check, CheckResult, Occurrence, REPLICA};
use super::observed;
use crate::preflight::facts::{Facts, Unavailable};
use gameday_core::env::JwksFetch;
use gameday_core::model::{Predicts, Severity};

/// See its text.
pub(super) const CHECK: Check = Check {
    code: "GD709",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "Token validators fetch the JWKS at request time",
    why: "A validator that fetches the JWKS during a request depends on the Region that publishes it, for every \
          request. The keys of the issuer ORIGINAL are the primary's, also for tokens of a native replica: while packets \
          to the primary are dropped, every token is refused, those of new sign-ins too. Of independent pools the tokens \
          of the primary are. With UPDATED several Regions publish the keys, and requests wait until another one answers.",
    remedy: "Cache the keys of both Regions, refresh them in the background (every 10 min), keep the last ones while a \
             Region is down, and never fetch on the request path. `examples/jwks_cache.rs` is a validator that does \
             this. Then state it in the environment file:\n\n\
             ```toml\n\
             [preflight]\n\
             jwks_fetch = \"cached\"\n\
             ```",
    calls: &[],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
    match facts.site.preflight.jwks_fetch {
        None => Err(Unavailable::setting("preflight.jwks_fetch")),
        Some(JwksFetch::Cached) => Ok(Vec::new()),
        Some(JwksFetch::PerRequest) => {
            let tokens = observed(facts).await?;
            let issuer = &tokens.primary.token.issuer;
            let sight =
                Occurrence::of(format!("preflight.jwks_fetch: per-request; the primary's tokens name {issuer}"));
            Ok(vec![if tokens.published_twice() { sight.severity(Severity::Note) } else { sight }])
        }
    }
}
