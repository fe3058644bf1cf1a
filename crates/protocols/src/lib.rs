//! The network protocols of an identity plane on Amazon Cognito: sign-in by SRP, signed tokens, DNS, sockets and TLS.
//!
//! GameDay, which rehearses the failover of Amazon Cognito between two AWS Regions, and its lab, which simulates both Regions, share this
//! crate: one side of each protocol is used by the synthetic users, the other side by the lab. A service can use the parts by themselves:
//! [`tokens`] validates tokens while a Region is down, and [`srp`] signs users in without sending the password.
//!
//! | Module | What it does | Specification |
//! |---|---|---|
//! | [`srp`] | the flow `USER_SRP_AUTH` of Cognito, client and server | RFC 5054, RFC 3526 (group 15), RFC 5869; AWS's SDKs where Cognito differs |
//! | [`tokens`] | verifies tokens with the keys of both Regions | RFC 7515, 7517, 7519; Cognito developer guide, "Verifying JSON web tokens" |
//! | [`dns`] | queries resolvers, and caches answers as different clients do | RFC 1034, 1035 |
//! | [`net`] | TCP, UDP, TLS and HTTP/1.1, on the system's network or on a simulated one | RFC 9293, 8446, 9110, 9112 |
//! | [`timer`] | sleeps and timeouts by a scenario's clock, and virtual time | |
//!
//! # Examples
//!
//! A sign-in by SRP, both sides in one program. `examples/srp_login.rs` does the same with the AWS SDK:
//!
//! ```
//! use gameday_core::model::{Clock, Secret};
//! use gameday_protocols::srp::{Challenge, ClientSession, ServerSession, SrpError, Verifier, timestamp};
//!
//! # fn main() -> Result<(), SrpError> {
//! let (pool, password) = ("us-east-1_EXAMPLE", Secret::new("correct horse battery staple"));
//! let mut random = rand::rng();
//! // The server stores a verifier instead of the password.
//! let verifier = Verifier::new(pool, "alice", &password, &[7; 16]);
//!
//! // InitiateAuth: the client sends A, the server answers with B, the salt and a secret block.
//! let client = ClientSession::new(&mut random);
//! let server = ServerSession::new(&verifier, &mut random);
//! let challenge = Challenge {
//!     salt_hex: verifier.salt_hex(),
//!     srp_b_hex: server.public_b_hex(),
//!     secret_block_b64: "YmxvY2s=".into(), // b"block"
//! };
//!
//! // RespondToAuthChallenge: the client proves that it knows the password.
//! let at = timestamp(Clock::wall());
//! let claim = client.claim(pool, "alice", &password, &challenge, &at)?;
//! assert!(server.check(&client.public_a_hex(), b"block", &at, &claim));
//!
//! let wrong = client.claim(pool, "alice", &Secret::new("a guess"), &challenge, &at)?;
//! assert!(!server.check(&client.public_a_hex(), b"block", &at, &wrong));
//! # Ok(())
//! # }
//! ```
//!
//! Each module has an example of its own: a key cache of which one Region is down in [`tokens`], a caching client in [`dns`], a server
//! and its client in [`net`], an hour that passes at once in [`timer`].
//!
//! # Errors
//!
//! Each module has its own error type: [`srp::SrpError`] and [`srp::TimestampError`], [`tokens::TokenError`], [`dns::DnsError`],
//! [`net::TlsError`] and [`net::ConnectionError`]; sockets give [`std::io::Error`]. None of them contains a password, a token or a key.
//! [`net::LocalFailure::of`] tells whether an error comes from this machine, for example from a lack of file descriptors, rather than from
//! the service that was called.
//!
//! # Platform
//!
//! Linux. Async functions need a [tokio](tokio::runtime) runtime with its I/O and time drivers.

#![warn(unreachable_pub)]
// A closed pipe makes these panic.
#![warn(clippy::print_stdout, clippy::print_stderr)]

pub mod dns;
pub mod net;
pub mod srp;
pub mod timer;
pub mod tokens;
