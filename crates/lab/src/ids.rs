//! The IDs that a seed draws, which are known before anything runs.

use rand::{CryptoRng, RngExt};

use gameday_core::model::{Region, Seed};

pub(crate) const LOWERCASE: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";
const ALPHANUMERIC: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Characters of a client ID, as in Cognito's answers; AWS documents no figure but the longest (API reference: 128).
pub(crate) const CLIENT_ID_LENGTH: usize = 26;

/// The ID of the user pool that a lab with this seed has.
pub(crate) fn pool_id(primary: &Region, seed: Seed) -> String {
    draw_pool_id(primary, &mut seed.stream("identity"))
}

/// The ID of its default app client.
pub(crate) fn client_id(primary: &Region, seed: Seed) -> String {
    let mut ids = seed.stream("identity");
    draw_pool_id(primary, &mut ids);
    text(&mut ids, LOWERCASE, CLIENT_ID_LENGTH)
}

/// The first draw of all; the default app client's ID is the next one.
pub(crate) fn draw_pool_id(primary: &Region, ids: &mut impl CryptoRng) -> String {
    format!("{primary}_{}", text(ids, ALPHANUMERIC, 9))
}

/// Text of letters drawn from an alphabet.
pub(crate) fn text(rng: &mut impl CryptoRng, alphabet: &[u8], length: usize) -> String {
    (0..length).map(|_| char::from(alphabet[rng.random_range(0..alphabet.len())])).collect()
}
