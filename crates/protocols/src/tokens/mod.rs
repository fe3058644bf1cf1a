//! Cognito's access and ID tokens, verified against the keys of both Regions.
//!
//! A validator that asks one Region's key server fails with that Region, and takes every user with it, also those who hold good tokens.
//! [`JwksCache`] is one that does not:
//!
//! - It holds the keys of both Regions for [`TTL`], and refreshes them in the background. Verifying is pure computation: no request ever
//!   waits for a key server.
//! - While a key server is down, its last keys stay, however old they are.
//! - A token whose key no Region has causes one refresh in the background, not one for each such token.
//! - The keys of both Regions are tried before a token is rejected, whichever form of issuer it names, ORIGINAL or UPDATED (Cognito developer
//!   guide, "Multi-Region replication for user pools"), and of whichever of the Regions: independent pools have one each.
//! - Claims that a Pre-Token-Generation trigger adds can be required: one that fails silently leaves them out.
//!
//! [`JwksCache::verify_access_token`] and [`JwksCache::verify_id_token`] are the whole check. `examples/jwks_cache.rs` is a small validator
//! that does nothing else.
//!
//! ```
//! use std::sync::Arc;
//!
//! use futures::FutureExt;
//! use gameday_core::model::Clock;
//! use gameday_protocols::tokens::{Expectations, Fetch, JwksCache, TokenError};
//!
//! # // The key of RFC 7517, appendix A.1.
//! # const DOCUMENT: &[u8] = concat!(
//! #     r#"{"keys":[{"kty":"RSA","alg":"RS256","kid":"2011-04-29","e":"AQAB","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx"#,
//! #     "4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2Q",
//! #     "vzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0",
//! #     r#"Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"}]}"#
//! # ).as_bytes();
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! // How a key set is fetched is up to the caller. Here one Region answers, and the other one is down.
//! let primary: Fetch = Arc::new(|| async { Err("connection timed out".to_owned()) }.boxed());
//! let replica: Fetch = Arc::new(|| async { Ok(DOCUMENT.to_vec()) }.boxed());
//! let clock = Clock::start(1.0);
//! let keys = JwksCache::start(vec![("us-east-1".into(), primary), ("us-west-2".into(), replica)], clock);
//! keys.settled().await;
//! let [(_, down), (_, up)] = &keys.status()[..] else { panic!("two Regions") };
//! assert_eq!(down.error.as_deref(), Some("connection timed out"));
//! assert!(up.fetched_at.is_some());
//!
//! let expected = Expectations {
//!     pool_id: "us-east-1_EXAMPLE".into(),
//!     client_ids: vec!["1example23456789".into()],
//!     regions: vec!["us-east-1".into(), "us-west-2".into()],
//!     required_claims: vec!["tenant".into()],
//! };
//! // A good token gives its claims, and the Region whose key signed it.
//! match keys.verify_access_token("not a token", &expected, clock.now()) {
//!     Ok(claims) => println!("{:?} is signed in by {}", claims.username(), claims.region),
//!     Err(refused) => assert_eq!(refused, TokenError::Malformed),
//! }
//! # }
//! ```

mod cache;
#[cfg(test)]
mod tests;
mod verify;

pub use cache::{Fetch, JwksCache, Source, SourceStatus, TTL};
pub use verify::{Claims, Expectations, LEEWAY, SignedBy, TokenError};
