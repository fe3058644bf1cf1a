//! What follows a right password: tokens, or another challenge.

use aws_sdk_cognitoidentityprovider::types::{AuthenticationResultType, ChallengeNameType};

use crate::model::{LoginOutcome, LoginStep};

use super::Signed;

/// Tokens, where the service gave them at once.
pub(super) fn tokens(
    step: LoginStep,
    result: Option<&AuthenticationResultType>,
    challenge: Option<&ChallengeNameType>,
) -> Result<Signed, LoginOutcome> {
    match (result, challenge) {
        (Some(result), _) => Signed::of(result),
        (None, challenge) => {
            let challenge = challenge.map_or_else(|| "none, and no tokens".to_owned(), ToString::to_string);
            Err(LoginOutcome::ChallengeUnsupported { step, challenge })
        }
    }
}
