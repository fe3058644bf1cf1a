//! Codes of a software token (RFC 6238).

use jiff::Timestamp;
use totp_rs::{Algorithm, Builder};

use crate::users::accounts::{Account, TOTP_STEP_SECONDS, totp_step};
use crate::users::attempt_context::AttemptContext;
use gameday_core::model::Secret;

/// Digits of a code (what authenticator apps assume, and Cognito with them).
const DIGITS: u8 = 6;

/// The code that a user shows now, noted as used.
pub(super) fn shown(context: &AttemptContext<'_>, account: &Account, secret: &Secret) -> Option<String> {
    let now = context.door.clock.now();
    context.door.populations.values().for_each(|users| users.code_shown(&account.name, totp_step(now)));
    code(secret, now)
}

/// The code of a moment; nothing where the secret is not base32, or too short for the RFC.
pub(super) fn code(secret: &Secret, at: Timestamp) -> Option<String> {
    let secret = totp_rs::Secret::try_from_base32(secret.expose()).ok()?;
    let builder = Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(DIGITS)
        .with_step_duration(TOTP_STEP_SECONDS.unsigned_abs());
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
