use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::CryptoRng;

use super::SrpError;
use super::bignum::Number;
use super::group::{GROUP, HASH_BYTES, claim_message, hex, number, pad_hex, pool_name, session_key, u, x};
use gameday_core::model::Secret;

/// Bytes of the client's secret exponent: 256 bits, twice the strength of the group (RFC 5054, 2.6.4 asks for at least that).
const EPHEMERAL_BYTES: usize = 32;

/// What InitiateAuth answers to `USER_SRP_AUTH`: the parameters of the challenge `PASSWORD_VERIFIER`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// `SALT`: of the user, in hexadecimal.
    pub salt_hex: String,
    /// `SRP_B`: the server's public value, in hexadecimal.
    pub srp_b_hex: String,
    /// `SECRET_BLOCK`: opaque, in base64. It goes back as it came, as `PASSWORD_CLAIM_SECRET_BLOCK`.
    pub secret_block_b64: String,
}

/// The client's side of one sign-in.
pub struct ClientSession {
    secret: Number,
    public: Number,
}

impl ClientSession {
    /// Draws the secret exponent and computes A.
    pub fn new(rng: &mut impl CryptoRng) -> Self {
        let mut bytes = [0; EPHEMERAL_BYTES];
        rng.fill_bytes(&mut bytes);
        Self::with_secret(&bytes)
    }

    pub(super) fn with_secret(secret: &[u8]) -> Self {
        // A is a power of g modulo a prime, so it is never zero.
        let public = GROUP.g_to(secret).into_number();
        Self { secret: Number::from_bytes(secret), public }
    }

    /// `SRP_A`: the client's public value, in hexadecimal.
    pub fn public_a_hex(&self) -> String {
        hex(&self.public.to_bytes())
    }

    /// `PASSWORD_CLAIM_SIGNATURE`, in base64, for `USER_ID_FOR_SRP` and [`super::timestamp`]'s text. Costs a modular
    /// exponentiation: keep it off the threads that wait for sockets.
    ///
    /// # Errors
    /// [`SrpError`], when the pool ID or the challenge is malformed, or the challenge is unsafe.
    pub fn claim(
        &self,
        pool_id: &str,
        user_id_for_srp: &str,
        password: &Secret,
        challenge: &Challenge,
        timestamp: &str,
    ) -> Result<String, SrpError> {
        let pool = pool_name(pool_id).ok_or(SrpError::PoolId)?;
        let b = number(&challenge.srp_b_hex).ok_or(SrpError::PublicB)?;
        let salt = pad_hex(&challenge.salt_hex).ok_or(SrpError::Salt)?;
        let secret_block = lenient_base64(&challenge.secret_block_b64).ok_or(SrpError::SecretBlock)?;
        let u = u(&self.public, &b);
        let b = GROUP.modulus.reduce(b);
        if b.number().is_zero() {
            return Err(SrpError::ZeroB);
        }
        if u == [0; HASH_BYTES] {
            return Err(SrpError::ZeroU);
        }
        let x = x(&salt, pool, user_id_for_srp, password.expose());
        // S = (B - k * g^x) ^ (a + u * x).
        let base = GROUP.modulus.minus(&b, &GROUP.k_times_g_to(&x));
        let exponent = self.secret.plus(&Number::from_bytes(&u).times(&Number::from_bytes(&x)));
        let s = GROUP.modulus.power(&base, &exponent);
        let message = claim_message(pool, user_id_for_srp, &secret_block, timestamp);
        Ok(STANDARD.encode(hmac::sign(&session_key(s.number(), &u), &message)))
    }
}

/// Base64 as other clients read a secret block: what is not of its alphabet is passed over. Cognito's blocks have nothing else, simulators' may.
fn lenient_base64(text: &str) -> Option<Vec<u8>> {
    let of_alphabet = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
    let text: String = text.chars().filter(of_alphabet).collect();
    STANDARD.decode(text).ok().filter(|bytes| !bytes.is_empty())
}

impl fmt::Debug for ClientSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSession(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::super::vectors::VECTORS;
    use super::*;

    #[test]
    fn claims_agree_with_pycognito() {
        for vector in VECTORS {
            let client = ClientSession::with_secret(&number(vector.a).unwrap().to_bytes());
            assert_eq!(client.public_a_hex(), vector.public_a, "{}", vector.name);
            let claim = client.claim(
                vector.pool(),
                vector.user,
                &Secret::new(vector.password),
                &vector.challenge(),
                vector.timestamp(),
            );
            assert_eq!(claim.as_deref(), Ok(vector.signature), "{}", vector.name);
        }
    }

    #[test]
    fn unsafe_and_malformed_challenges_are_refused() {
        let client = ClientSession::new(&mut rand::rng());
        let good = VECTORS[0].challenge();
        let claim = |change: &dyn Fn(&mut Challenge)| {
            let mut challenge = good.clone();
            change(&mut challenge);
            client.claim("us-east-1_pool", "alice", &Secret::new("p"), &challenge, "now")
        };
        let n = GROUP.modulus.number();
        let (n, twice) = (hex(&n.to_bytes()), hex(&n.plus(n).to_bytes()));
        assert_eq!(claim(&|c| c.srp_b_hex = "0".into()), Err(SrpError::ZeroB));
        assert_eq!(claim(&|c| c.srp_b_hex.clone_from(&n)), Err(SrpError::ZeroB));
        assert_eq!(claim(&|c| c.srp_b_hex.clone_from(&twice)), Err(SrpError::ZeroB));
        assert_eq!(claim(&|c| c.srp_b_hex = "xyz".into()), Err(SrpError::PublicB));
        assert_eq!(claim(&|c| c.salt_hex = String::new()), Err(SrpError::Salt));
        assert_eq!(claim(&|c| c.secret_block_b64 = "*".into()), Err(SrpError::SecretBlock));
        assert_eq!(client.claim("pool", "alice", &Secret::new("p"), &good, "now"), Err(SrpError::PoolId));
    }
}
