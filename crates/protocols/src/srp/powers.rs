use super::bignum::{Modulus, Number, Residue};

/// Bytes of an exponent that one table covers.
pub(super) const EXPONENT_BYTES: usize = 32;

/// Powers of one base, so that another costs a multiplication for each byte of the exponent and no squarings: 32
/// instead of about 300 for 256 bits. A table takes 3 MB, and 8,000 multiplications to make.
pub(super) struct Powers {
    /// Row i has the base to the powers 0, 256^i, 2 * 256^i and so on to 255 * 256^i, in Montgomery's form.
    rows: Vec<Vec<Residue>>,
}

impl Powers {
    pub(super) fn new(modulus: &Modulus, base: &Residue) -> Self {
        let one = || modulus.montgomery(&modulus.reduce(Number::from_bytes(&[1])));
        let mut step = modulus.montgomery(base);
        let mut rows = Vec::with_capacity(EXPONENT_BYTES);
        for _ in 0..EXPONENT_BYTES {
            let mut row = vec![one(), step];
            for at in 2..=256 {
                row.push(modulus.product(&row[at - 1], &row[1]));
            }
            step = row.swap_remove(256);
            rows.push(row);
        }
        Self { rows }
    }

    /// `factor` times the base to the power of these bytes, the highest first, at most [`EXPONENT_BYTES`] of them.
    pub(super) fn times(&self, modulus: &Modulus, factor: Residue, exponent: &[u8]) -> Residue {
        let chosen = self.rows.iter().zip(exponent.iter().rev()).map(|(row, byte)| &row[usize::from(*byte)]);
        chosen.fold(factor, |product, power| modulus.product(&product, power))
    }
}
