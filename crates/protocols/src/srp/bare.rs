use rand::CryptoRng;

use super::bignum::{Number, Residue};
use super::group::{GROUP, HASH_BYTES};

/// The exponentiation that no client can avoid: S from a base that the server chose. Benchmarks use it as the lower limit of what a sign-in
/// costs.
pub struct BareExponentiation {
    base: Residue,
    exponent: Number,
}

impl BareExponentiation {
    /// Of random numbers as long as those of a sign-in: 3072 bits to the power of a + u * x, 512 bits.
    pub fn new(rng: &mut impl CryptoRng) -> Self {
        let mut random = |bytes: usize| {
            let mut random = vec![0; bytes];
            rng.fill_bytes(&mut random);
            Number::from_bytes(&random)
        };
        let base = GROUP.modulus.reduce(random(GROUP.modulus.number().to_bytes().len()));
        let exponent = random(HASH_BYTES).plus(&random(HASH_BYTES).times(&random(HASH_BYTES)));
        Self { base, exponent }
    }

    /// Computes the power, and drops it.
    pub fn run(&self) {
        std::hint::black_box(GROUP.modulus.power(&self.base, &self.exponent));
    }
}
