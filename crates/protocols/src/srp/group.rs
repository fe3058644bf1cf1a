use std::sync::LazyLock;

use aws_lc_rs::{digest, hmac};

use super::bignum::{Modulus, Number, Residue};
use super::powers::{EXPONENT_BYTES, Powers};

/// The 3072-bit prime (RFC 3526, group 15; RFC 5054 takes it with the generator 5, Cognito with 2).
const N_HEX: &str = "\
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

/// The generator (amazon-cognito-identity-js, `AuthenticationHelper`).
const G: u8 = 2;

/// The `info` of the key derivation, with the counter of HKDF's first block (amazon-cognito-identity-js, `AuthenticationHelper`).
const INFO: &[u8] = b"Caldera Derived Key\x01";

/// Bytes of the derived key that are the session key (amazon-cognito-identity-js, `AuthenticationHelper`).
const KEY_BYTES: usize = 16;

/// Bytes of N.
const N_BYTES: usize = 384;

/// Bytes of SHA-256, and so of k, u and x.
pub(super) const HASH_BYTES: usize = 32;

/// Longer numbers are refused: both sides' values are below N.
const MOST_BYTES: usize = 2 * N_BYTES;

/// What both sides share.
pub(super) struct Group {
    pub modulus: Modulus,
    /// The multiplier k = H(pad(N) | pad(g)).
    pub k: [u8; HASH_BYTES],
    g: Residue,
    powers: Powers,
}

pub(super) static GROUP: LazyLock<Group> = LazyLock::new(|| {
    let modulus = Modulus::new(&hex_bytes(N_HEX).unwrap_or_default());
    let g = modulus.reduce(Number::from_bytes(&[G]));
    let k = hash(&[&pad(&modulus.number().to_bytes()), &pad(&[G])]);
    let powers = Powers::new(&modulus, &g);
    Group { modulus, k, g, powers }
});

/// For exponents beyond the first table, which are the server's alone: of g to the power of 2^256.
static HIGH_POWERS: LazyLock<Powers> = LazyLock::new(|| {
    let mut first = [0; EXPONENT_BYTES + 1];
    first[0] = 1;
    let base = GROUP.modulus.power(&GROUP.g, &Number::from_bytes(&first));
    Powers::new(&GROUP.modulus, &base)
});

impl Group {
    /// A short number among those below N, as wide as N: aws-lc multiplies numbers of one width faster.
    fn widened(&self, short: &[u8]) -> Residue {
        let mut bytes = [0; N_BYTES];
        bytes[N_BYTES - short.len()..].copy_from_slice(short);
        self.modulus.reduce(Number::from_bytes(&bytes))
    }

    /// g to that power. The exponent's bytes have the highest first.
    pub(super) fn g_to(&self, exponent: &[u8]) -> Residue {
        self.times_g_to(self.widened(&[1]), exponent)
    }

    /// k * g to that power.
    pub(super) fn k_times_g_to(&self, exponent: &[u8]) -> Residue {
        self.times_g_to(self.widened(&self.k), exponent)
    }

    /// `factor` * g to that power, of at most twice [`EXPONENT_BYTES`].
    pub(super) fn times_g_to(&self, factor: Residue, exponent: &[u8]) -> Residue {
        let (high, low) = exponent.split_at(exponent.len().saturating_sub(EXPONENT_BYTES));
        let product = self.powers.times(&self.modulus, factor, low);
        if high.is_empty() { product } else { HIGH_POWERS.times(&self.modulus, product, high) }
    }
}

/// The bytes of a number as both sides hash it: the fewest that hold it, with a zero byte in front when the
/// highest bit is set (the two's-complement form of a positive number).
pub(super) fn pad(number: &[u8]) -> Vec<u8> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    pad_bytes(number[zeros..].to_vec())
}

fn pad_bytes(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.first().is_none_or(|first| first & 0x80 != 0) {
        bytes.insert(0, 0);
    }
    bytes
}

/// The bytes of hexadecimal text, also of an odd number of digits.
fn hex_bytes(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = text.chars().map(|digit| digit.to_digit(16).map(|value| value as u8)).collect();
    let digits = digits?;
    let (first, pairs) = digits.split_at(digits.len() % 2);
    Some(first.iter().copied().chain(pairs.chunks(2).map(|pair| pair[0] << 4 | pair[1])).collect())
}

/// Hexadecimal text without zeros in front.
pub(super) fn hex(number: &[u8]) -> String {
    use std::fmt::Write;
    let mut text = String::with_capacity(2 * number.len());
    for byte in number {
        let _ = write!(text, "{byte:02x}");
    }
    let significant = text.trim_start_matches('0');
    if significant.is_empty() { "0".to_owned() } else { significant.to_owned() }
}

/// The bytes of a salt as it came, in hexadecimal: zeros in front are kept, else padded as numbers are.
pub(super) fn pad_hex(text: &str) -> Option<Vec<u8>> {
    if text.is_empty() { None } else { hex_bytes(text).map(pad_bytes) }
}

/// A number in hexadecimal, without sign or separators, of no more than twice the digits of N.
pub(super) fn number(hex: &str) -> Option<Number> {
    if hex.is_empty() || hex.len() > 2 * MOST_BYTES {
        return None;
    }
    hex_bytes(hex).map(|bytes| Number::from_bytes(&bytes))
}

fn hash(parts: &[&[u8]]) -> [u8; HASH_BYTES] {
    let mut context = digest::Context::new(&digest::SHA256);
    for part in parts {
        context.update(part);
    }
    let mut bytes = [0; HASH_BYTES];
    bytes.copy_from_slice(context.finish().as_ref());
    bytes
}

/// x = H(salt | H(pool name | user ID | ":" | password)).
pub(super) fn x(salt: &[u8], pool_name: &str, user_id: &str, password: &str) -> [u8; HASH_BYTES] {
    let identity = hash(&[pool_name.as_bytes(), user_id.as_bytes(), b":", password.as_bytes()]);
    hash(&[salt, identity.as_ref()])
}

/// u = H(pad(A) | pad(B)).
pub(super) fn u(a: &Number, b: &Number) -> [u8; HASH_BYTES] {
    hash(&[&pad(&a.to_bytes()), &pad(&b.to_bytes())])
}

/// The session key: the shared secret S and the salt u through the two steps of HKDF (RFC 5869), cut to [`KEY_BYTES`].
pub(super) fn session_key(s: &Number, u: &[u8]) -> hmac::Key {
    let extract = hmac::Key::new(hmac::HMAC_SHA256, &pad(u));
    let pseudo_random = hmac::sign(&extract, &pad(&s.to_bytes()));
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
        let n = GROUP.modulus.number().to_bytes();
        assert_eq!((n.len(), &n[..2]), (384, &[0xff, 0xff][..]));
        assert_eq!(pad(&n).len(), 385);
        assert_eq!(hex(&n), N_HEX.to_lowercase());
    }

    #[test]
    fn numbers_are_padded_when_the_high_bit_is_set() {
        let padded = |hex| pad(&number(hex).unwrap().to_bytes());
        assert_eq!(padded("7f"), [0x7f]);
        assert_eq!(padded("80"), [0, 0x80]);
        assert_eq!(padded("fff"), [0x0f, 0xff]);
        assert_eq!(padded("000012"), [0x12]);
        assert_eq!(padded("0"), [0]);
        assert_eq!(pad(&[0, 0, 0x80]), [0, 0x80]);
    }

    #[test]
    fn salts_keep_their_zeros() {
        assert_eq!(pad_hex("0012"), Some(vec![0, 0x12]));
        assert_eq!(pad_hex("f01"), Some(vec![0x0f, 0x01]));
        assert_eq!(pad_hex("f012"), Some(vec![0, 0xf0, 0x12]));
        assert_eq!(pad_hex("+f"), None);
        assert_eq!(pad_hex(""), None);
        assert!(number("f_f").is_none() && number("").is_none());
    }

    #[test]
    fn text_has_no_zeros_in_front() {
        assert_eq!(hex(&[0, 0x0a, 0xbc]), "abc");
        assert_eq!([hex(&[]), hex(&[0, 0])], ["0", "0"]);
        assert!(number(&"f".repeat(1536)).is_some() && number(&"f".repeat(1537)).is_none());
    }

    /// The tables against aws-lc's exponentiation.
    #[test]
    fn tables_give_the_powers_of_g() {
        let n = |exponent: &[u8]| GROUP.modulus.power(&GROUP.g, &Number::from_bytes(exponent)).number().to_bytes();
        let sure = |exponent: &[u8]| assert_eq!(GROUP.g_to(exponent).number().to_bytes(), n(exponent), "{exponent:?}");
        for length in [0, 1, 2, 31, 32, 33, 63, 64] {
            sure(&vec![0; length]);
            sure(&vec![1; length]);
            sure(&vec![0xff; length]);
            sure(&(0..length).map(|at| (at * 89 + length) as u8).collect::<Vec<_>>());
        }
        let mut sparse = [0; 64];
        (sparse[0], sparse[63]) = (0x80, 3);
        sure(&sparse);
    }
}
