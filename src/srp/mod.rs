//! Secure Remote Password as Cognito speaks it: the client's side for synthetic users, the server's
//! side for the lab.
//!
//! The arithmetic is not constant in time, which is fit for synthetic users and a lab, not for a
//! directory of people.

mod client;
mod group;
mod server;
#[cfg(test)]
mod vectors;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;

pub use client::{Challenge, ClientSession};
pub use server::{ServerSession, Verifier, verify_password};

use crate::model::Secret;

/// Why a password claim could not be computed. Never holds the secret or what came over the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SrpError {
    /// The pool ID has no `_`.
    #[error("the user pool ID is not of the form REGION_NAME")]
    PoolId,
    /// The server's public value B is no hexadecimal number.
    #[error("SRP_B is not a hexadecimal number")]
    PublicB,
    /// The salt is no hexadecimal number.
    #[error("SALT is not a hexadecimal number")]
    Salt,
    /// The secret block is not base64.
    #[error("SECRET_BLOCK is not base64")]
    SecretBlock,
    /// B is a multiple of N: the server could pretend to know the password (RFC 5054, 2.5.3).
    #[error("the server's public value is zero modulo N")]
    ZeroB,
    /// The hash of both public values is zero (RFC 5054 asks both sides to refuse that).
    #[error("the scrambling parameter u is zero")]
    ZeroU,
}

/// `TIMESTAMP` of a password claim: `EEE MMM d HH:mm:ss UTC yyyy` in English, the day without a leading zero.
pub fn timestamp(at: Timestamp) -> String {
    at.strftime("%a %b %-d %H:%M:%S UTC %Y").to_string()
}

/// `SECRET_HASH` of an app client that has a secret: base64(HMAC-SHA256(secret, username + client ID)).
pub fn secret_hash(username: &str, client_id: &str, client_secret: &Secret) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, client_secret.expose().as_bytes());
    let mut context = hmac::Context::with_key(&key);
    context.update(username.as_bytes());
    context.update(client_id.as_bytes());
    STANDARD.encode(context.sign())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn timestamps_are_in_cognitos_form() {
        let at = |text: &str| timestamp(text.parse().unwrap());
        assert_eq!(at("2026-06-03T04:05:06Z"), "Wed Jun 3 04:05:06 UTC 2026");
        assert_eq!(at("2026-12-31T23:59:59.9Z"), "Thu Dec 31 23:59:59 UTC 2026");
    }

    #[test]
    fn secret_hash_agrees_with_pycognito() {
        let hash = secret_hash("zoë", "client0123", &Secret::new("s3cr3t"));
        assert_eq!(hash, vectors::SECRET_HASH);
    }

    /// One whole sign-in of our client at our server.
    fn sign_in(user: &str, known: &str, typed: &str, salt: [u8; 16]) -> bool {
        let mut rng = rand::rng();
        let verifier = Verifier::new("eu-west-1_abcDEF123", user, &Secret::new(known), &salt);
        let server = ServerSession::new(&verifier, &mut rng);
        let client = ClientSession::new(&mut rng);
        let challenge = Challenge {
            salt_hex: verifier.salt_hex(),
            srp_b_hex: server.public_b_hex(),
            secret_block_b64: STANDARD.encode(b"block"),
        };
        let when = "Wed Jun 3 04:05:06 UTC 2026";
        let claim = client.claim("eu-west-1_abcDEF123", user, &Secret::new(typed), &challenge, when).unwrap();
        assert!(!server.check(&client.public_a_hex(), b"another block", when, &claim));
        assert!(!server.check(&client.public_a_hex(), b"block", "Wed Jun 3 04:05:07 UTC 2026", &claim));
        server.check(&client.public_a_hex(), b"block", when, &claim)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn our_client_signs_in_at_our_server(user in "\\PC{1,40}", password in "\\PC{1,60}", salt: [u8; 16]) {
            prop_assert!(sign_in(&user, &password, &password, salt));
        }

        #[test]
        fn a_wrong_password_does_not(password in "\\PC{1,40}", other in "\\PC{1,40}", salt: [u8; 16]) {
            prop_assume!(password != other);
            prop_assert!(!sign_in("alice", &password, &other, salt));
        }
    }

    #[test]
    fn a_salt_that_begins_with_zeros_works() {
        assert!(sign_in("alice", "pässwort", "pässwort", [0; 16]));
        let mut salt = [0; 16];
        salt[15] = 0x80;
        assert!(sign_in("alice", "pässwort", "pässwort", salt));
    }

    #[test]
    fn secrets_do_not_show() {
        let mut rng = rand::rng();
        let verifier = Verifier::new("eu-west-1_abcDEF123", "alice", &Secret::new("hunter2"), &[7; 16]);
        assert!(verify_password(&verifier, &Secret::new("hunter2")));
        assert!(!verify_password(&verifier, &Secret::new("hunter3")));
        let shown =
            format!("{verifier:?} {:?} {:?}", ServerSession::new(&verifier, &mut rng), ClientSession::new(&mut rng));
        assert_eq!(shown, "Verifier(…) ServerSession(…) ClientSession(…)");
    }
}
