//! GD709: when keys are fetched.

use super::super::{Check, Occurrence, REPLICA};
use crate::preflight::facts::Unavailable;
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
          request. While packets to the primary are dropped, every token that the primary issued is refused: users who \
          signed in before the failover wait for a fetch that hangs, and must sign in again.",
    remedy: "Cache the keys of both Regions, refresh them in the background (every 10 min), keep the last ones while a \
             Region is down, and never fetch on the request path. `examples/jwks_cache.rs` is a validator that does \
             this. Then state it in the environment file:\n\n\
             ```toml\n\
             [preflight]\n\
             jwks_fetch = \"cached\"\n\
             ```",
    calls: &[],
    look: |facts| {
        Box::pin(async move {
            match facts.site.preflight.jwks_fetch {
                None => Err(Unavailable::setting("preflight.jwks_fetch")),
                Some(JwksFetch::Cached) => Ok(Vec::new()),
                Some(JwksFetch::PerRequest) => Ok(vec![Occurrence::of("preflight.jwks_fetch: per-request")]),
            }
        })
    },
};
