//! Secure Remote Password as Cognito speaks it (`USER_SRP_AUTH`): the client's side for synthetic users, the server's side for the lab.
//!
//! | Step | Client | Server |
//! |---|---|---|
//! | InitiateAuth | [`ClientSession::new`] draws a and computes A, `SRP_A` | [`ServerSession::new`] computes B, and answers with a [`Challenge`] |
//! | RespondToAuthChallenge | [`ClientSession::claim`] signs the challenge and a [`timestamp`] | [`check_timestamp`], [`ServerSession::check`] |
//!
//! An app client with a secret adds a [`secret_hash`] to both calls. The [crate's documentation](crate) has a whole sign-in.
//!
//! # Sources
//!
//! SRP-6a: RFC 5054. The 3072-bit prime: RFC 3526, group 15. HKDF: RFC 5869. Where Cognito differs, AWS publishes code and no
//! specification: the generator 2, how numbers are padded before they are hashed, the `info` "Caldera Derived Key", the length of the
//! session key, and the form of `TIMESTAMP` are those of `AuthenticationHelper` in amazon-cognito-identity-js. Test vectors come from
//! pycognito.
//!
//! # Performance and limits
//!
//! Powers of g come from tables (`powers`); what is left is one exponentiation on either side, by aws-lc
//! (`bignum`; docs/performance.md has the figures of other libraries). The arithmetic is not constant in time, and the
//! server keeps x: fit for synthetic users and a lab, not for a directory of people.

mod bare;
mod bignum;
mod client;
mod group;
mod powers;
mod server;
#[cfg(test)]
mod vectors;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

pub use bare::BareExponentiation;
pub use client::{Challenge, ClientSession};
pub use server::{ServerSession, Verifier, verify_password};

use gameday_core::model::Secret;

/// Why a password claim could not be computed. Never holds the secret or what came over the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SrpError {
    /// The user pool's ID has no `_`, after which its name begins.
    #[error("the user pool ID is not of the form REGION_NAME")]
    PoolId,
    /// `SRP_B`, the server's public value, is not a hexadecimal number of at most twice the length of N.
    #[error("SRP_B is not a hexadecimal number")]
    PublicB,
    /// `SALT` is not a hexadecimal number.
    #[error("SALT is not a hexadecimal number")]
    Salt,
    /// `SECRET_BLOCK` is empty or not base64.
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

/// How far a claim's time may be from the service's own (reported by users of Cognito's SDKs; AWS documents no figure).
const TIMESTAMP_TOLERANCE: SignedDuration = SignedDuration::from_mins(5);

/// Why the `TIMESTAMP` of a password claim is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TimestampError {
    /// It does not have the form that [`timestamp`] writes.
    #[error("TIMESTAMP format should be EEE MMM d HH:mm:ss z yyyy in english.")]
    Form,
    /// It has that form, but is written in another way: with a leading zero, or a wrong weekday.
    #[error("TIMESTAMP is not written as the service writes that time")]
    Spelling,
    /// It is more than five minutes from every clock of the service.
    #[error("TIMESTAMP is more than five minutes off")]
    Stale,
}

/// Checks the `TIMESTAMP` of a claim against the service's clocks: it must be within five minutes of one of them.
///
/// # Errors
/// [`TimestampError`], when the text has another form or none of `clocks` is near.
///
/// ```
/// use gameday_core::model::Clock;
/// use gameday_protocols::srp::{TimestampError, check_timestamp, timestamp};
///
/// let now = Clock::wall();
/// assert_eq!(check_timestamp(&timestamp(now), &[now]), Ok(()));
/// assert_eq!(check_timestamp("now", &[now]), Err(TimestampError::Form));
/// ```
pub fn check_timestamp(text: &str, clocks: &[Timestamp]) -> Result<(), TimestampError> {
    let (weekday, rest) = text.split_once(' ').ok_or(TimestampError::Form)?;
    let known = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"].contains(&weekday);
    let civil = DateTime::strptime("%b %d %H:%M:%S UTC %Y", rest).ok().filter(|_| known);
    let at = civil.and_then(|civil| TimeZone::UTC.to_timestamp(civil).ok()).ok_or(TimestampError::Form)?;
    if timestamp(at) != text {
        return Err(TimestampError::Spelling);
    }
    let near = |clock: &Timestamp| clock.duration_since(at).abs() <= TIMESTAMP_TOLERANCE;
    if clocks.iter().any(near) { Ok(()) } else { Err(TimestampError::Stale) }
}

/// `SECRET_HASH` of an app client that has a secret: base64(HMAC-SHA256(secret, username + client ID)) (Cognito developer guide,
/// "Computing secret hash values").
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
    use rand::RngExt;

    use super::*;

    #[test]
    fn timestamps_are_in_cognitos_form() {
        let at = |text: &str| timestamp(text.parse().unwrap());
        assert_eq!(at("2026-06-03T04:05:06Z"), "Wed Jun 3 04:05:06 UTC 2026");
        assert_eq!(at("2026-12-31T23:59:59.9Z"), "Thu Dec 31 23:59:59 UTC 2026");
    }

    #[test]
    fn c17_a_claims_time_is_written_as_cognito_writes_it_and_is_current() {
        let now: Timestamp = "2026-06-03T04:05:06Z".parse().unwrap();
        let check = |text: &str| check_timestamp(text, &[now]);
        for minutes in [-5, 0, 5] {
            assert_eq!(check(&timestamp(now + SignedDuration::from_mins(minutes))), Ok(()));
        }
        for minutes in [-10, 10] {
            let off = timestamp(now + SignedDuration::from_mins(minutes));
            assert_eq!(check(&off), Err(TimestampError::Stale));
            assert_eq!(check_timestamp(&off, &[now, now + SignedDuration::from_mins(minutes)]), Ok(()));
        }
        for spelling in ["Wed Jun 03 04:05:06 UTC 2026", "Thu Jun 3 04:05:06 UTC 2026", "Wed Jun 3 4:05:06 UTC 2026"] {
            assert_eq!(check(spelling), Err(TimestampError::Spelling), "{spelling}");
        }
        for form in ["", "now", "2026-06-03T04:05:06Z", "Wed Jun 3 04:05:06 IST 2026", "Mit Jun 3 04:05:06 UTC 2026"] {
            assert_eq!(check(form), Err(TimestampError::Form), "{form}");
        }
    }

    #[test]
    fn secret_hash_agrees_with_pycognito() {
        let hash = secret_hash("zoë", "client0123", &Secret::new("s3cr3t"));
        assert_eq!(hash, vectors::SECRET_HASH);
    }

    const POOL: &str = "eu-west-1_abcDEF123";
    const WHEN: &str = "Wed Jun 3 04:05:06 UTC 2026";

    fn challenge(verifier: &Verifier, server: &ServerSession) -> Challenge {
        Challenge {
            salt_hex: verifier.salt_hex(),
            srp_b_hex: server.public_b_hex(),
            secret_block_b64: STANDARD.encode(b"block"),
        }
    }

    /// One whole sign-in of our client at our server.
    fn sign_in(user: &str, known: &str, typed: &str, salt: [u8; 16]) -> bool {
        let mut rng = rand::rng();
        sign_in_with(&rng.random::<[u8; 32]>(), &rng.random::<[u8; 32]>(), user, known, typed, salt)
    }

    fn sign_in_with(a: &[u8], b: &[u8], user: &str, known: &str, typed: &str, salt: [u8; 16]) -> bool {
        let verifier = Verifier::new(POOL, user, &Secret::new(known), &salt);
        let server = ServerSession::with_secret(&verifier, b);
        let client = ClientSession::with_secret(a);
        let claim = client.claim(POOL, user, &Secret::new(typed), &challenge(&verifier, &server), WHEN).unwrap();
        assert!(!server.check(&client.public_a_hex(), b"another block", WHEN, &claim));
        assert!(!server.check(&client.public_a_hex(), b"block", "Wed Jun 3 04:05:07 UTC 2026", &claim));
        server.check(&client.public_a_hex(), b"block", WHEN, &claim)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn our_client_signs_in_at_our_server(user in "\\PC{1,40}", password in "\\PC{1,60}", salt: [u8; 16]) {
            prop_assert!(sign_in(&user, &password, &password, salt));
        }

        /// Control characters, spaces, nothing at all; salts of all lengths, and zeros in front of them.
        #[test]
        fn whatever_they_are_called(user: String, password: String, zeros in 0..17_usize, mut salt: [u8; 16]) {
            salt[..zeros.min(16)].fill(0);
            prop_assert!(sign_in(&user, &password, &password, salt));
        }

        /// Secrets, and so public values and shared secrets, of every length, and with zeros in front.
        #[test]
        fn numbers_with_zeros_in_front(mut a: [u8; 32], mut b: [u8; 32], zeros in (0..32_usize, 0..32_usize)) {
            a[..zeros.0].fill(0);
            b[..zeros.1].fill(0);
            prop_assert!(sign_in_with(&a, &b, "alice", "p", "p", [1; 16]));
        }

        /// The text of B with zeros in front, or in capitals, is the same number.
        #[test]
        fn texts_of_a_number(zeros in 0..9_usize, a: [u8; 32], b: [u8; 32]) {
            let verifier = Verifier::new(POOL, "alice", &Secret::new("p"), &[1; 16]);
            let server = ServerSession::with_secret(&verifier, &b);
            let client = ClientSession::with_secret(&a);
            let mut challenge = challenge(&verifier, &server);
            challenge.srp_b_hex = format!("{}{}", "0".repeat(zeros), challenge.srp_b_hex.to_uppercase());
            let claim = client.claim(POOL, "alice", &Secret::new("p"), &challenge, WHEN).unwrap();
            let public_a = format!("{}{}", "0".repeat(zeros), client.public_a_hex().to_uppercase());
            prop_assert!(server.check(&public_a, b"block", WHEN, &claim));
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
