use std::fmt;

use aws_lc_rs::{constant_time, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use num_bigint::BigUint;
use rand::CryptoRng;

use super::group::{GROUP, claim_message, number, pad, pool_name, session_key, u, x};
use crate::model::Secret;

/// Bytes of the server's secret exponent, as many as the client's.
const EPHEMERAL_BYTES: usize = 32;

/// What a directory keeps instead of a password.
#[derive(Clone)]
pub struct Verifier {
    pool_name: String,
    user_id: String,
    salt: BigUint,
    v: BigUint,
}

impl Verifier {
    /// Computes the verifier of a password. Costs one modular exponentiation.
    pub fn new(pool_id: &str, user_id: &str, password: &Secret, salt: &[u8]) -> Self {
        let pool_name = pool_name(pool_id).unwrap_or(pool_id).to_owned();
        // As a number, so that its text has no zeros in front, about which clients disagree.
        let salt = BigUint::from_bytes_be(salt);
        let v = GROUP.g_to(&x(&pad(&salt), &pool_name, user_id, password.expose()));
        Self { pool_name, user_id: user_id.to_owned(), salt, v }
    }

    /// `SALT`.
    pub fn salt_hex(&self) -> String {
        self.salt.to_str_radix(16)
    }

    /// `USER_ID_FOR_SRP`.
    pub fn user_id(&self) -> &str {
        &self.user_id
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier(…)")
    }
}

/// Whether that is the password, for `USER_PASSWORD_AUTH`. Costs one modular exponentiation.
pub fn verify_password(verifier: &Verifier, password: &Secret) -> bool {
    let x = x(&pad(&verifier.salt), &verifier.pool_name, &verifier.user_id, password.expose());
    constant_time::verify_slices_are_equal(&pad(&GROUP.g_to(&x)), &pad(&verifier.v)).is_ok()
}

/// The server's side of one sign-in.
pub struct ServerSession {
    verifier: Verifier,
    secret: BigUint,
    public: BigUint,
}

impl ServerSession {
    /// Draws the secret exponent and computes B. Costs one modular exponentiation.
    pub fn new(verifier: &Verifier, rng: &mut impl CryptoRng) -> Self {
        let mut bytes = [0; EPHEMERAL_BYTES];
        rng.fill_bytes(&mut bytes);
        Self::with_secret(verifier, BigUint::from_bytes_be(&bytes))
    }

    pub(super) fn with_secret(verifier: &Verifier, secret: BigUint) -> Self {
        let public = (&GROUP.k * &verifier.v + GROUP.g_to(&secret)) % &GROUP.n;
        Self { verifier: verifier.clone(), secret, public }
    }

    /// `SRP_B`.
    pub fn public_b_hex(&self) -> String {
        self.public.to_str_radix(16)
    }

    /// Whether the claim proves the password. False as well for a malformed claim, and for an A that is a multiple of
    /// N, with which anybody could sign in. Costs two modular exponentiations.
    pub fn check(&self, a_hex: &str, secret_block: &[u8], timestamp: &str, signature_b64: &str) -> bool {
        let (Some(a), Ok(signature)) = (number(a_hex), STANDARD.decode(signature_b64)) else {
            return false;
        };
        let zero = BigUint::ZERO;
        let u = u(&a, &self.public);
        if &a % &GROUP.n == zero || u == zero {
            return false;
        }
        let s = (a * self.verifier.v.modpow(&u, &GROUP.n)).modpow(&self.secret, &GROUP.n);
        let message = claim_message(&self.verifier.pool_name, &self.verifier.user_id, secret_block, timestamp);
        hmac::verify(&session_key(&s, &u), &message, &signature).is_ok()
    }
}

impl fmt::Debug for ServerSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerSession(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::super::vectors::VECTORS;
    use super::*;

    #[test]
    fn the_server_accepts_pycognitos_claims() {
        for vector in VECTORS {
            let salt = number(vector.salt).unwrap().to_bytes_be();
            let verifier = Verifier::new(vector.pool(), vector.user, &Secret::new(vector.password), &salt);
            assert_eq!(verifier.salt_hex(), vector.salt.trim_start_matches('0'), "{}", vector.name);
            let server = ServerSession::with_secret(&verifier, number(vector.b).unwrap());
            assert_eq!(server.public_b_hex(), vector.public_b, "{}", vector.name);
            let block = STANDARD.decode(vector.secret_block).unwrap();
            assert!(server.check(vector.public_a, &block, vector.timestamp(), vector.signature), "{}", vector.name);
            assert!(!server.check(vector.public_a, &block, vector.timestamp(), "AAAA"), "{}", vector.name);
        }
    }

    #[test]
    fn a_zero_a_signs_nobody_in() {
        // With A = 0 the shared secret is 0 whatever the password, so anybody can compute this claim.
        let verifier = Verifier::new("us-east-1_pool", "alice", &Secret::new("unknown"), &[9; 16]);
        let server = ServerSession::new(&verifier, &mut rand::rng());
        for a in [BigUint::ZERO, GROUP.n.clone(), &GROUP.n * 3_u8] {
            let u = u(&a, &server.public);
            let message = claim_message("pool", "alice", b"block", "now");
            let forged = STANDARD.encode(hmac::sign(&session_key(&BigUint::ZERO, &u), &message));
            assert!(!server.check(&a.to_str_radix(16), b"block", "now", &forged));
        }
    }
}
