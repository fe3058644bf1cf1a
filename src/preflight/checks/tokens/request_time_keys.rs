//! GD709: when keys are fetched.

use super::super::{Check, REPLICA, Sight};
use crate::env::JwksFetch;
use crate::model::{Predicts, Severity};
use crate::preflight::facts::Missing;

/// See its text.
pub const CHECK: Check = Check {
    code: "GD709",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "Tokens are verified with keys that are fetched at request time",
    why: "A validator that fetches the JWKS while a request waits depends on the Region that publishes it, for every request. When the \
          primary's front door swallows packets, every token that the primary issued is refused wherever it is shown: who was signed in \
          before the failover has to sign in again, and until then waits for a fetch that hangs.",
    remedy: "Hold the keys of both Regions, refresh them in the background (every 10 min), keep the last ones while a Region is down, and \
             never fetch on the request path. `examples/jwks_cache.rs` is a validator that does. Then say so:\n\n\
             ```toml\n[preflight]\njwks_fetch = \"cached\"\n```",
    calls: &[],
    look: |facts| {
        Box::pin(async move {
            match facts.site.preflight.jwks_fetch {
                None => Err(Missing::setting("preflight.jwks_fetch")),
                Some(JwksFetch::Cached) => Ok(Vec::new()),
                Some(JwksFetch::PerRequest) => Ok(vec![Sight::of("preflight.jwks_fetch: per-request")]),
            }
        })
    },
};
