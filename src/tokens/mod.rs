//! Cognito's access tokens, verified against the keys of both Regions.
//!
//! [`JwksCache`] holds the keys and refreshes them in the background, so that no request ever waits for a key
//! server: a Region that is down keeps its last keys. Its [`JwksCache::verify_access_token`] is the whole check.
//!
//! ```no_run
//! # use gameday::{model::Clock, tokens::{Expectations, JwksCache, Source}};
//! # fn sources() -> Vec<Source> { Vec::new() }
//! # async fn example(token: &str) -> Result<(), gameday::tokens::TokenError> {
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
pub use verify::{Claims, Expectations, LEEWAY, TokenError};
