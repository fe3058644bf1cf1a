//! Cognito's access and ID tokens, verified against the keys of both Regions.
//!
//! A validator that asks one Region's key server fails with that Region, and takes every user with it, also those who hold good tokens.
//! [`JwksCache`] is one that does not:
//!
//! - It holds the keys of both Regions for [`TTL`], and refreshes them in the background. Verifying is pure computation: no request ever
//!   waits for a key server.
//! - While a key server is down, its last keys stay, however old they are.
//! - A token whose key nobody knows causes one refresh in the background, not one for each such token.
//! - The keys of both Regions are tried before a token is rejected, whichever issuer it names: the ORIGINAL form, of the Region that
//!   served, or the UPDATED one, of the primary (Cognito developer guide, "Multi-Region replication for user pools").
//! - Claims that a Pre-Token-Generation trigger adds can be required: one that fails silently leaves them out.
//!
//! [`JwksCache::verify_access_token`] and [`JwksCache::verify_id_token`] are the whole check. `examples/jwks_cache.rs` is a small validator
//! that does nothing else.
//!
//! ```no_run
//! # use gameday_core::model::Clock;
//! # use gameday_protocols::tokens::{Expectations, JwksCache, Source};
//! # fn sources() -> Vec<Source> { Vec::new() }
//! # async fn example(token: &str) -> Result<(), gameday_protocols::tokens::TokenError> {
//! let clock = Clock::start(1.0);
//! let keys = JwksCache::start(sources(), clock);
//! let expected = Expectations {
//!     pool_id: "us-east-1_EXAMPLE".into(),
//!     client_ids: vec!["1example23456789".into()],
//!     regions: vec!["us-east-1".into(), "us-west-2".into()],
//!     required_claims: vec!["tenant".into()],
//! };
//! let claims = keys.verify_access_token(token, &expected, clock.now())?;
//! println!("signed by {}", claims.region);
//! # Ok(())
//! # }
//! ```

mod cache;
#[cfg(test)]
mod tests;
mod verify;

pub use cache::{Fetch, JwksCache, Source, SourceStatus, TTL};
pub use verify::{Claims, Expectations, LEEWAY, TokenError, claimed_issuer};
