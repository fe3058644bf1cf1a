//! Numbers of thousands of bits, by aws-lc, which rustls brings along. The one file with unsafe code: it calls C, and
//! nothing that is unsafe leaves it.
//!
//! What each block below stands on:
//! - a pointer that a type of this file holds came from aws-lc's constructor for it, was checked for null, is freed by
//!   nobody but `drop`, and never leaves the file;
//! - what a function writes to was made on the line before, so it is no argument of the call at the same time; where
//!   arguments may be one and the same number, they are only read;
//! - a function that reads through a `*const` changes nothing behind it, so values may be read by several threads at once.

#![allow(unsafe_code, reason = "aws-lc is C; `tests/architecture.rs` holds that no other file has this")]

use std::ffi::c_int;
use std::ptr::{NonNull, null_mut};

use aws_lc_sys as c;

/// A number that is not negative. Its memory is erased when it is dropped.
pub(super) struct Number(NonNull<c::BIGNUM>);

// SAFETY: a BIGNUM is plain memory, bound to no thread, and owned by this value alone.
unsafe impl Send for Number {}
// SAFETY: nothing that takes `&Number` writes to the BIGNUM (third point above).
unsafe impl Sync for Number {}

impl Drop for Number {
    fn drop(&mut self) {
        // SAFETY: the pointer is from BN_new or BN_bin2bn, and nobody uses it after this.
        unsafe { c::BN_clear_free(self.0.as_ptr()) }
    }
}

impl Number {
    fn new() -> Self {
        // SAFETY: takes nothing, and gives a new BIGNUM or null.
        Self(made(unsafe { c::BN_new() }))
    }

    /// The number of these bytes, the highest first.
    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        // SAFETY: reads `len` bytes from a slice of that many; with null as the third argument it makes a new BIGNUM.
        Self(made(unsafe { c::BN_bin2bn(bytes.as_ptr(), bytes.len(), null_mut()) }))
    }

    /// Its bytes, the highest first, without zeros in front: none for zero.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        // SAFETY: only reads the number.
        let mut bytes = vec![0; unsafe { c::BN_num_bytes(self.0.as_ptr()) } as usize];
        // SAFETY: writes BN_num_bytes bytes, and the vector is so long.
        unsafe { c::BN_bn2bin(self.0.as_ptr(), bytes.as_mut_ptr()) };
        bytes
    }

    /// Whether it is 0.
    pub(super) fn is_zero(&self) -> bool {
        // SAFETY: only reads the number.
        unsafe { c::BN_is_zero(self.0.as_ptr()) == 1 }
    }

    /// The sum.
    pub(super) fn plus(&self, other: &Self) -> Self {
        let sum = Self::new();
        // SAFETY: writes to `sum` alone.
        done(unsafe { c::BN_add(sum.0.as_ptr(), self.0.as_ptr(), other.0.as_ptr()) });
        sum
    }

    /// The product.
    pub(super) fn times(&self, other: &Self) -> Self {
        let (product, scratch) = (Self::new(), Scratch::new());
        // SAFETY: writes to `product` and `scratch` alone.
        done(unsafe { c::BN_mul(product.0.as_ptr(), self.0.as_ptr(), other.0.as_ptr(), scratch.0.as_ptr()) });
        product
    }
}

/// A number below the modulus. The program has one modulus, so there is no mixing them up.
pub(super) struct Residue(Number);

impl Residue {
    pub(super) fn number(&self) -> &Number {
        &self.0
    }

    pub(super) fn into_number(self) -> Number {
        self.0
    }
}

/// An odd modulus, and what Montgomery's multiplication needs to know of it.
pub(super) struct Modulus {
    number: Number,
    montgomery: NonNull<c::BN_MONT_CTX>,
}

// SAFETY: a BN_MONT_CTX is plain memory, bound to no thread, and owned by this value alone.
unsafe impl Send for Modulus {}
// SAFETY: it is filled when it is made; after that it is only read (third point above).
unsafe impl Sync for Modulus {}

impl Drop for Modulus {
    fn drop(&mut self) {
        // SAFETY: the pointer is from BN_MONT_CTX_new_for_modulus, and nobody uses it after this.
        unsafe { c::BN_MONT_CTX_free(self.montgomery.as_ptr()) }
    }
}

impl Modulus {
    /// # Panics
    /// Of an even number.
    pub(super) fn new(bytes: &[u8]) -> Self {
        assert!(bytes.last().is_some_and(|last| last % 2 == 1), "Montgomery's multiplication needs an odd modulus");
        c::init();
        let (number, scratch) = (Number::from_bytes(bytes), Scratch::new());
        // SAFETY: reads the number, which it copies, and writes to `scratch` alone.
        let montgomery = made(unsafe { c::BN_MONT_CTX_new_for_modulus(number.0.as_ptr(), scratch.0.as_ptr()) });
        Self { number, montgomery }
    }

    /// The modulus itself.
    pub(super) fn number(&self) -> &Number {
        &self.number
    }

    /// What remains when it is divided by the modulus.
    pub(super) fn reduce(&self, number: Number) -> Residue {
        // SAFETY: only reads both.
        if unsafe { c::BN_cmp(number.0.as_ptr(), self.number.0.as_ptr()) } < 0 {
            return Residue(number);
        }
        let (rest, scratch) = (Number::new(), Scratch::new());
        let (dividend, divisor) = (number.0.as_ptr(), self.number.0.as_ptr());
        // SAFETY: writes to `rest` and `scratch` alone.
        done(unsafe { c::BN_nnmod(rest.0.as_ptr(), dividend, divisor, scratch.0.as_ptr()) });
        Residue(rest)
    }

    /// The difference, never below zero.
    pub(super) fn minus(&self, from: &Residue, what: &Residue) -> Residue {
        let (rest, scratch) = (Number::new(), Scratch::new());
        let (from, what, modulus) = (from.0.0.as_ptr(), what.0.0.as_ptr(), self.number.0.as_ptr());
        // SAFETY: writes to `rest` and `scratch` alone.
        done(unsafe { c::BN_mod_sub(rest.0.as_ptr(), from, what, modulus, scratch.0.as_ptr()) });
        Residue(rest)
    }

    /// Montgomery's form: times R, the power of 2 just above the modulus.
    pub(super) fn montgomery(&self, plain: &Residue) -> Residue {
        let (form, scratch) = (Number::new(), Scratch::new());
        let (plain, montgomery) = (plain.0.0.as_ptr(), self.montgomery.as_ptr());
        // SAFETY: writes to `form` and `scratch` alone.
        done(unsafe { c::BN_to_montgomery(form.0.as_ptr(), plain, montgomery, scratch.0.as_ptr()) });
        Residue(form)
    }

    /// Montgomery's product: of both, by R. Of a number and another's Montgomery form it is their plain product.
    pub(super) fn product(&self, one: &Residue, other: &Residue) -> Residue {
        let (product, scratch) = (Number::new(), Scratch::new());
        let (one, other, montgomery) = (one.0.0.as_ptr(), other.0.0.as_ptr(), self.montgomery.as_ptr());
        // SAFETY: writes to `product` and `scratch` alone.
        done(unsafe { c::BN_mod_mul_montgomery(product.0.as_ptr(), one, other, montgomery, scratch.0.as_ptr()) });
        Residue(product)
    }

    /// The base to that power. Its time depends on the exponent.
    pub(super) fn power(&self, base: &Residue, exponent: &Number) -> Residue {
        let (power, scratch) = (Number::new(), Scratch::new());
        let (base, exponent) = (base.0.0.as_ptr(), exponent.0.as_ptr());
        let (modulus, montgomery) = (self.number.0.as_ptr(), self.montgomery.as_ptr());
        // SAFETY: writes to `power` and `scratch` alone.
        done(unsafe { c::BN_mod_exp_mont(power.0.as_ptr(), base, exponent, modulus, scratch.0.as_ptr(), montgomery) });
        Residue(power)
    }
}

/// Where aws-lc keeps intermediate numbers; it erases them itself when it frees them.
struct Scratch(NonNull<c::BN_CTX>);

impl Scratch {
    fn new() -> Self {
        // SAFETY: takes nothing, and gives a new BN_CTX or null.
        Self(made(unsafe { c::BN_CTX_new() }))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // SAFETY: the pointer is from BN_CTX_new, and nobody uses it after this.
        unsafe { c::BN_CTX_free(self.0.as_ptr()) }
    }
}

/// Operands are what the functions want: not negative, reduced, the modulus odd. Memory alone can be missing then, or a thing that this file does not know
/// of. Either way it is the end of the login that needed the number, and of nothing else: a panic is caught where the login was started, whereas an abort would
/// end the program without its restore.
fn made<T>(pointer: *mut T) -> NonNull<T> {
    NonNull::new(pointer).unwrap_or_else(|| out_of_memory())
}

fn done(succeeded: c_int) {
    if succeeded != 1 {
        out_of_memory()
    }
}

fn out_of_memory() -> ! {
    panic!("aws-lc could not calculate: it had no memory, or refused the operands")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(value: u64) -> Number {
        Number::from_bytes(&value.to_be_bytes())
    }

    fn value(number: &Number) -> u64 {
        number.to_bytes().iter().fold(0, |value, byte| value << 8 | u64::from(*byte))
    }

    #[test]
    fn it_calculates() {
        assert_eq!(number(0).to_bytes(), [0_u8; 0]);
        assert_eq!(Number::from_bytes(&[]).to_bytes(), [0_u8; 0]);
        assert_eq!(Number::from_bytes(&[0, 0, 1, 0]).to_bytes(), [1, 0]);
        assert!(number(0).is_zero() && !number(1).is_zero());
        assert_eq!(value(&number(u64::MAX - 3).plus(&number(2))), u64::MAX - 1);
        assert_eq!(number(u64::MAX).plus(&number(1)).to_bytes(), [1, 0, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(value(&number(6).times(&number(7))), 42);
        let six = number(6);
        assert_eq!(value(&six.times(&six).plus(&six)), 42);
    }

    #[test]
    fn it_calculates_modulo() {
        // One word, and so many that the assembly is used.
        let mut long = [0xff; 384];
        long[0] = 0x7f;
        for modulus in [Modulus::new(&[101]), Modulus::new(&long)] {
            let residue = |value| modulus.reduce(number(value));
            let (seven, nine) = (residue(7), residue(9));
            assert_eq!(value(modulus.minus(&nine, &seven).number()), 2);
            let below = modulus.minus(&seven, &nine);
            let all = below.number().plus(&number(2));
            assert_eq!(all.to_bytes(), modulus.number().to_bytes());
            assert!(modulus.reduce(all).number().is_zero());
            let product = modulus.product(&seven, &modulus.montgomery(&nine));
            assert_eq!(value(product.number()), 63);
            assert_eq!(value(modulus.power(&seven, &number(2)).number()), 49);
            assert_eq!(value(modulus.power(&seven, &number(0)).number()), 1);
        }
        let modulus = Modulus::new(&[101]);
        assert_eq!(value(modulus.reduce(number(205)).number()), 3);
        assert_eq!(value(modulus.power(&modulus.reduce(number(2)), &number(100)).number()), 1);
    }

    /// An abort would end the program without its restore, and a test with it.
    #[test]
    fn what_aws_lc_refuses_is_a_panic_that_can_be_caught() {
        let made_of_nothing = || {
            let _ = made::<u8>(null_mut());
        };
        for refused in [std::panic::catch_unwind(|| done(0)), std::panic::catch_unwind(made_of_nothing)] {
            let said = refused.unwrap_err();
            assert!(said.downcast_ref::<&str>().is_some_and(|said| said.contains("aws-lc")));
        }
    }

    #[test]
    #[should_panic(expected = "odd")]
    fn an_even_modulus_is_refused() {
        Modulus::new(&[100]);
    }

    #[test]
    fn threads_may_read_the_same_numbers() {
        let (modulus, base) = (Modulus::new(&[101]), Number::from_bytes(&[3]));
        let base = modulus.reduce(base);
        let alone = modulus.power(&base, &number(77)).number().to_bytes();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        assert_eq!(modulus.power(&base, &number(77)).number().to_bytes(), alone);
                    }
                });
            }
        });
    }
}
