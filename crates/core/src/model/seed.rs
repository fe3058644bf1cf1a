use rand::SeedableRng;
use rand_chacha::ChaCha12Rng;
use sha2::{Digest, Sha256};

use super::Clock;

/// The number from which every random draw of a run follows. Each purpose gets its own stream,
/// so that drawing more of one thing does not shift another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seed(pub u64);

impl Seed {
    /// A generator for one purpose, as `arrivals` or `checker-3`; the same for the same seed and purpose.
    pub fn stream(self, purpose: &str) -> ChaCha12Rng {
        let mut input = self.0.to_be_bytes().to_vec();
        input.extend_from_slice(purpose.as_bytes());
        ChaCha12Rng::from_seed(Sha256::digest(&input).into())
    }

    /// A generator of what must differ from run to run, as names in an account. In virtual time, where nothing outlives a run, it is a
    /// stream as any other.
    pub fn unique(self, purpose: &str) -> ChaCha12Rng {
        if Clock::is_virtual() { self.stream(purpose) } else { ChaCha12Rng::from_rng(&mut rand::rng()) }
    }
}

#[cfg(test)]
mod tests {
    use rand::Rng;

    use super::*;

    #[test]
    fn streams_repeat_and_differ_by_purpose() {
        let draw = |seed: u64, purpose| Seed(seed).stream(purpose).next_u64();
        assert_eq!(draw(7, "arrivals"), draw(7, "arrivals"));
        assert_ne!(draw(7, "arrivals"), draw(7, "lag"));
        assert_ne!(draw(7, "arrivals"), draw(8, "arrivals"));
    }
}
