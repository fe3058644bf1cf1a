use std::sync::LazyLock;

use aws_lc_rs::{digest, hmac};
use num_bigint::BigUint;

/// The 3072-bit prime (RFC 3526, group 15; RFC 5054 takes it with the generator 5, Cognito with 2).
const N_HEX: &[u8] = b"\
    FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74\
    020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F1437\
    4FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED\
    EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF05\
    98DA48361C55D39A69163FA8FD24CF5F83655D23DCA3AD961C62F356208552BB\
    9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B\
    E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF695581718\
    3995497CEA956AE515D2261898FA051015728E5A8AAAC42DAD33170D04507A33\
    A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7\
    ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864\
    D87602733EC86A64521F2B18177B200CBBE117577A615D6C770988C0BAD946E2\
    08E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF";

/// The `info` of the key derivation.
const INFO: &[u8] = b"Caldera Derived Key\x01";

/// So many bytes of the derived key are the session key.
const KEY_BYTES: usize = 16;

/// The numbers that both sides share.
pub(super) struct Group {
    pub n: BigUint,
    pub g: BigUint,
    /// The multiplier k = H(pad(N) | pad(g)).
    pub k: BigUint,
}

pub(super) static GROUP: LazyLock<Group> = LazyLock::new(|| {
    let n = BigUint::parse_bytes(N_HEX, 16).unwrap_or_default();
    let g = BigUint::from(2_u8);
    let k = hash_number(&[&pad(&n), &pad(&g)]);
    Group { n, g, k }
});

impl Group {
    /// g to that power.
    pub fn g_to(&self, exponent: &BigUint) -> BigUint {
        self.g.modpow(exponent, &self.n)
    }
}

/// The bytes of a number as both sides hash it: the fewest that hold it, with a zero byte in front when the
/// highest bit is set (the two's-complement form of a positive number).
pub(super) fn pad(number: &BigUint) -> Vec<u8> {
    pad_bytes(number.to_bytes_be())
}

fn pad_bytes(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.first().is_none_or(|first| first & 0x80 != 0) {
        bytes.insert(0, 0);
    }
    bytes
}

/// The bytes of a salt as it came, in hexadecimal: zeros in front are kept, else padded as numbers are.
pub(super) fn pad_hex(text: &str) -> Option<Vec<u8>> {
    if text.is_empty() || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let even = if text.len() % 2 == 1 { format!("0{text}") } else { text.to_owned() };
    let byte = |at: usize| u8::from_str_radix(&even[at..at + 2], 16).ok();
    (0..even.len()).step_by(2).map(byte).collect::<Option<Vec<u8>>>().map(pad_bytes)
}

/// A number in hexadecimal, without sign or separators.
pub(super) fn number(hex: &str) -> Option<BigUint> {
    if !hex.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    BigUint::parse_bytes(hex.as_bytes(), 16)
}

pub(super) fn hash_number(parts: &[&[u8]]) -> BigUint {
    BigUint::from_bytes_be(hash(parts).as_ref())
}

fn hash(parts: &[&[u8]]) -> digest::Digest {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(part);
    }
    context.finish()
}

/// x = H(salt | H(pool name | user ID | ":" | password)).
pub(super) fn x(salt: &[u8], pool_name: &str, user_id: &str, password: &str) -> BigUint {
    let identity = hash(&[pool_name.as_bytes(), user_id.as_bytes(), b":", password.as_bytes()]);
    hash_number(&[salt, identity.as_ref()])
}

/// u = H(pad(A) | pad(B)).
pub(super) fn u(a: &BigUint, b: &BigUint) -> BigUint {
    hash_number(&[&pad(a), &pad(b)])
}

/// The session key: the shared secret S and the salt u through HKDF's two steps, cut.
pub(super) fn session_key(s: &BigUint, u: &BigUint) -> hmac::Key {
    let extract = hmac::Key::new(hmac::HMAC_SHA256, &pad(u));
    let pseudo_random = hmac::sign(&extract, &pad(s));
    let expand = hmac::Key::new(hmac::HMAC_SHA256, pseudo_random.as_ref());
    let derived = hmac::sign(&expand, INFO);
    hmac::Key::new(hmac::HMAC_SHA256, &derived.as_ref()[..KEY_BYTES])
}

/// What the password claim signs.
pub(super) fn claim_message(pool_name: &str, user_id: &str, secret_block: &[u8], timestamp: &str) -> Vec<u8> {
    [pool_name.as_bytes(), user_id.as_bytes(), secret_block, timestamp.as_bytes()].concat()
}

/// The part of a pool ID after the `_`.
pub(super) fn pool_name(pool_id: &str) -> Option<&str> {
    pool_id.split_once('_').map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prime_has_3072_bits() {
        assert_eq!(GROUP.n.bits(), 3072);
        assert_eq!(GROUP.n.to_bytes_be()[..2], [0xff, 0xff]);
        assert_eq!(pad(&GROUP.n).len(), 385);
    }

    #[test]
    fn numbers_are_padded_when_the_high_bit_is_set() {
        let padded = |hex| pad(&number(hex).unwrap());
        assert_eq!(padded("7f"), [0x7f]);
        assert_eq!(padded("80"), [0, 0x80]);
        assert_eq!(padded("fff"), [0x0f, 0xff]);
        assert_eq!(padded("000012"), [0x12]);
        assert_eq!(padded("0"), [0]);
    }

    #[test]
    fn salts_keep_their_zeros() {
        assert_eq!(pad_hex("0012"), Some(vec![0, 0x12]));
        assert_eq!(pad_hex("f01"), Some(vec![0x0f, 0x01]));
        assert_eq!(pad_hex("f012"), Some(vec![0, 0xf0, 0x12]));
        assert_eq!(pad_hex("+f"), None);
        assert_eq!(pad_hex(""), None);
        assert_eq!(number("f_f"), None);
        assert_eq!(number(""), None);
    }
}
