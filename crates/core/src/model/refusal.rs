//! Which errors say that something is not allowed where it was tried. Everything else is an outage, a quota, a mistake or a user's own state,
//! and says nothing of what a replica may do.

use super::LoginOutcome;

/// Errors of Cognito's API for what is not allowed (Cognito API reference): not available in this Region, not enabled for the app client.
/// NotAuthorizedException is none of them: a wrong password, a disabled, a locked and an unknown user all answer with it.
const NOT_ALLOWED: [&str; 2] = ["OperationNotEnabledException", "UnsupportedOperationException"];

/// Errors of OAuth 2.0 for what is not allowed (RFC 6749, section 4.1.2.1).
const DENIED: [&str; 2] = ["access_denied", "unauthorized_client"];

/// What OAuth has no error for comes as this one (RFC 6749, section 4.1.2.1), a trigger that broke as well as an operation that is not enabled:
/// only the service's words tell them apart.
const ANY: &str = "invalid_request";
const NOT_ENABLED: &str = "not enabled";

/// Whether the service said that it does not allow what was tried.
pub fn not_allowed(outcome: &LoginOutcome) -> bool {
    let LoginOutcome::Rejected { code, .. } = outcome else { return false };
    let (error, words) = code.split_once(": ").unwrap_or((code, ""));
    NOT_ALLOWED.contains(&error) || DENIED.contains(&error) || (error == ANY && words.contains(NOT_ENABLED))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::LoginStep;

    fn rejected(code: &str) -> bool {
        not_allowed(&LoginOutcome::Rejected { step: LoginStep::InitiateAuth, code: code.to_owned() })
    }

    #[test]
    fn c04_a_wrong_password_is_no_refusal_of_a_region() {
        assert!(!rejected("NotAuthorizedException"));
        assert!(!rejected("NotAuthorizedException: Incorrect username or password."));
    }

    #[test]
    fn an_outage_is_no_refusal_whatever_its_error() {
        let refusals = [
            "OperationNotEnabledException",
            "UnsupportedOperationException",
            "access_denied",
            "access_denied: the provider said no",
            "invalid_request: Sign-up is not enabled in us-west-2, a replica of this user pool.",
        ];
        for code in refusals {
            assert!(rejected(code), "{code}");
        }
        let others = [
            "HTTP 500",
            "HTTP 403",
            "InternalErrorException",
            "ServiceUnavailable",
            "UnexpectedLambdaException",
            "UserLambdaValidationException",
            "ResourceNotFoundException",
            "UserNotFoundException",
            "LimitExceededException",
            "CodeMismatchException",
            "the login form was shown again",
            "invalid_request: PreTokenGeneration failed with error timeout.",
            "server_error",
            "SRP: the claim is not enabled",
        ];
        for code in others {
            assert!(!rejected(code), "{code}");
        }
        let challenge = "MFA_SETUP".to_owned();
        assert!(!not_allowed(&LoginOutcome::ChallengeUnsupported { step: LoginStep::InitiateAuth, challenge }));
    }
}
