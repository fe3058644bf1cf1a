use std::fmt;
use std::sync::{Arc, OnceLock};

use aws_lc_rs::{constant_time, hmac};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::CryptoRng;

use super::bignum::Number;
use super::group::{GROUP, HASH_BYTES, claim_message, hex, number, pad, pool_name, session_key, u, x};
use gameday_core::model::Secret;

/// Bytes of the server's secret exponent, as many as the client's.
const EPHEMERAL_BYTES: usize = 32;

/// What the lab's directory keeps instead of a password: x, where a directory of people would keep v = g^x alone. It makes
/// v^u a power of g, for which there are tables, so that the lab spends less on a sign-in than the client does.
#[derive(Clone)]
pub struct Verifier(Arc<Kept>);

struct Kept {
    pool_name: String,
    user_id: String,
    salt: Vec<u8>,
    x: [u8; HASH_BYTES],
    /// k * v, from the user's first sign-in on.
    masked: OnceLock<Number>,
}

impl Verifier {
    /// Whether both are the same verifier, and not two of the same password.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Computes the verifier of a password.
    pub fn new(pool_id: &str, user_id: &str, password: &Secret, salt: &[u8]) -> Self {
        let pool_name = pool_name(pool_id).unwrap_or(pool_id).to_owned();
        let x = x(&pad(salt), &pool_name, user_id, password.expose());
        let (user_id, salt, masked) = (user_id.to_owned(), salt.to_owned(), OnceLock::new());
        Self(Arc::new(Kept { pool_name, user_id, salt, x, masked }))
    }

    /// `SALT`, without zeros in front, about which clients disagree.
    pub fn salt_hex(&self) -> String {
        hex(&self.0.salt)
    }

    /// `USER_ID_FOR_SRP`: the name by which the password was hashed.
    pub fn user_id(&self) -> &str {
        &self.0.user_id
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verifier(…)")
    }
}

/// Whether that is the password, for `USER_PASSWORD_AUTH`.
pub fn verify_password(verifier: &Verifier, password: &Secret) -> bool {
    let kept = &verifier.0;
    let x = x(&pad(&kept.salt), &kept.pool_name, &kept.user_id, password.expose());
    constant_time::verify_slices_are_equal(&x, &kept.x).is_ok()
}

/// The server's side of one sign-in.
pub struct ServerSession {
    verifier: Verifier,
    secret: Number,
    public: Number,
}

impl ServerSession {
    /// Draws the secret exponent and computes B.
    pub fn new(verifier: &Verifier, rng: &mut impl CryptoRng) -> Self {
        let mut bytes = [0; EPHEMERAL_BYTES];
        rng.fill_bytes(&mut bytes);
        Self::with_secret(verifier, &bytes)
    }

    pub(super) fn with_secret(verifier: &Verifier, secret: &[u8]) -> Self {
        let kept = &verifier.0;
        let masked = kept.masked.get_or_init(|| GROUP.k_times_g_to(&kept.x).into_number());
        let public = GROUP.modulus.reduce(masked.plus(GROUP.g_to(secret).number())).into_number();
        Self { verifier: verifier.clone(), secret: Number::from_bytes(secret), public }
    }

    /// `SRP_B`: the server's public value, in hexadecimal.
    pub fn public_b_hex(&self) -> String {
        hex(&self.public.to_bytes())
    }

    /// Whether the claim proves the password. False as well for a malformed claim, and for an A that is a multiple of
    /// N, with which anybody could sign in. Costs a modular exponentiation.
    pub fn check(&self, a_hex: &str, secret_block: &[u8], timestamp: &str, signature_b64: &str) -> bool {
        let (Some(a), Ok(signature)) = (number(a_hex), STANDARD.decode(signature_b64)) else {
            return false;
        };
        let u = u(&a, &self.public);
        let a = GROUP.modulus.reduce(a);
        if a.number().is_zero() || u == [0; HASH_BYTES] {
            return false;
        }
        // S = (A * v^u) ^ b, and v^u = g^(u * x).
        let kept = &self.verifier.0;
        let exponent = Number::from_bytes(&u).times(&Number::from_bytes(&kept.x)).to_bytes();
        let s = GROUP.modulus.power(&GROUP.times_g_to(a, &exponent), &self.secret);
        let message = claim_message(&kept.pool_name, &kept.user_id, secret_block, timestamp);
        hmac::verify(&session_key(s.number(), &u), &message, &signature).is_ok()
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
            let salt = number(vector.salt).unwrap().to_bytes();
            let verifier = Verifier::new(vector.pool(), vector.user, &Secret::new(vector.password), &salt);
            assert_eq!(verifier.salt_hex(), vector.salt.trim_start_matches('0'), "{}", vector.name);
            let server = ServerSession::with_secret(&verifier, &number(vector.b).unwrap().to_bytes());
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
        let n = GROUP.modulus.number();
        for a in [Number::from_bytes(&[]), n.times(&Number::from_bytes(&[1])), n.plus(n)] {
            let u = u(&a, &server.public);
            let message = claim_message("pool", "alice", b"block", "now");
            let forged = STANDARD.encode(hmac::sign(&session_key(&Number::from_bytes(&[]), &u), &message));
            assert!(!server.check(&hex(&a.to_bytes()), b"block", "now", &forged));
        }
    }
}
