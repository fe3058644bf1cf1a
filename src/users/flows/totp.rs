//! Codes of a software token (RFC 6238).

use jiff::Timestamp;
use totp_rs::{Algorithm, Builder};

use crate::model::Secret;

/// Digits of a code, and seconds for which it is shown (what authenticator apps assume, and Cognito with them).
const DIGITS: u8 = 6;
const STEP_SECONDS: u64 = 30;

/// The code of a moment; nothing where the secret is not base32, or too short for the RFC.
pub(super) fn code(secret: &Secret, at: Timestamp) -> Option<String> {
    let secret = totp_rs::Secret::try_from_base32(secret.expose()).ok()?;
    let builder = Builder::new().with_algorithm(Algorithm::SHA1).with_digits(DIGITS).with_step_duration(STEP_SECONDS);
    let totp = builder.with_secret(secret).build().ok()?;
    Some(totp.generate(u64::try_from(at.as_second()).ok()?).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_rfc() {
        // RFC 6238, appendix B: the secret "12345678901234567890"; the last six of its eight digits.
        let secret = Secret::new("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        for (second, expected) in [(59, "287082"), (1_111_111_109, "081804"), (2_000_000_000, "279037")] {
            assert_eq!(code(&secret, Timestamp::from_second(second).unwrap()).unwrap(), expected);
        }
        assert_eq!(code(&Secret::new("no base32!"), Timestamp::UNIX_EPOCH), None);
    }
}
