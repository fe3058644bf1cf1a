use std::error::Error;

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::{ConnectorError, SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use super::ProfileError;

/// Why a call has no answer of AWS's own. By types alone: no text is looked into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Obstacle {
    /// Refused, timed out, no name, no TLS, or something on the way answered in AWS's place.
    Unreachable(String),
    /// Nothing to sign it with.
    NoCredentials(String),
    /// The same, and the profile is why.
    Profile(ProfileError),
}

/// Nothing where AWS has answered, if only with a refusal.
pub(super) fn obstacle<E>(error: &SdkError<E, HttpResponse>) -> Option<Obstacle>
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    if let SdkError::ServiceError(answer) = error {
        // Every error of AWS has a code; a page of a proxy has none.
        let status = answer.raw().status().as_u16();
        let told = || format!("something answered HTTP {status} without an error of AWS, as a proxy does");
        return error.code().is_none().then(|| Obstacle::Unreachable(told()));
    }
    if let Some(profile) = cause::<ProfileError>(error) {
        return Some(Obstacle::Profile(profile.clone()));
    }
    let told = match error {
        SdkError::TimeoutError(_) => "no answer in time".to_owned(),
        _ => chain(error),
    };
    Some(match cause::<CredentialsError>(error) {
        // Where credentials come from could not be reached either.
        Some(CredentialsError::ProviderTimedOut(_)) => Obstacle::Unreachable(told),
        Some(credentials) if cause::<ConnectorError>(credentials).is_none() => Obstacle::NoCredentials(told),
        _ => Obstacle::Unreachable(told),
    })
}

/// The first of that type among an error and its causes.
fn cause<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// What to do about a failed call depends on this alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// Too many requests: wait and try again.
    Throttled,
    /// No answer, or a server error: the call may have taken effect; look before trying again.
    Unclear,
    /// The resource is not there.
    NotFound,
    /// The look that the call was based on is out of date: look again, after a pause.
    Stale,
    /// Something still uses the resource, or was seen to a moment ago: wait and try again.
    InUse,
    /// It is there already.
    Exists,
    /// Credentials are missing, expired or not allowed to do this.
    Denied,
    /// Anything else that the service refused.
    Refused,
}

/// A failed AWS call.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{operation}: {}{message}", code.as_ref().map(|code| format!("{code}: ")).unwrap_or_default())]
pub struct CloudError {
    /// As `ec2:CreateNetworkAcl`.
    pub operation: &'static str,
    /// What to do about it.
    pub class: ErrorClass,
    /// The service's error code, as `InvalidNetworkAclID.NotFound`.
    pub code: Option<String>,
    /// The service's words, or the client's.
    pub message: String,
}

impl CloudError {
    /// Maps an SDK error; meant for `map_err(CloudError::of("ec2:DescribeSubnets"))`.
    pub fn of<E>(operation: &'static str) -> impl Fn(SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
    {
        move |error| {
            let code = error.code().map(str::to_owned);
            let message = match (&error, error.message()) {
                (_, Some(message)) => message.to_owned(),
                (SdkError::TimeoutError(_), None) => "no answer in time".to_owned(),
                _ => chain(&error),
            };
            Self { operation, class: classify(&error, code.as_deref()), code, message }
        }
    }

    /// An answer without something that it must have.
    pub fn incomplete(operation: &'static str, missing: &str) -> Self {
        let message = format!("the answer has no {missing}");
        Self { operation, class: ErrorClass::Refused, code: None, message }
    }

    /// Whether the same call may succeed later without anybody doing something.
    pub fn is_transient(&self) -> bool {
        matches!(self.class, ErrorClass::Throttled | ErrorClass::Unclear)
    }
}

fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

fn classify<E>(error: &SdkError<E, HttpResponse>, code: Option<&str>) -> ErrorClass {
    match code {
        // EC2 API reference, "Error codes".
        Some(
            "RequestLimitExceeded"
            | "Throttling"
            | "ThrottlingException"
            | "TooManyRequestsException"
            | "Client.RequestLimitExceeded"
            | "PriorRequestNotComplete"
            // A function that is just being updated (Lambda API reference, PutFunctionConcurrency).
            | "ResourceConflictException"
            // Something that was made just now is not known everywhere yet (WAFV2 API reference, AssociateWebACL).
            | "WAFUnavailableEntityException",
        ) => ErrorClass::Throttled,
        // ConflictException is EventBridge Scheduler's word for a name that is taken.
        Some(
            "NetworkAclEntryAlreadyExists"
            | "InvalidGroup.Duplicate"
            | "InvalidPermission.Duplicate"
            | "ConflictException"
            | "WAFDuplicateItemException",
        ) => ErrorClass::Exists,
        // The look that the call was based on is stale.
        Some("HealthCheckVersionMismatch" | "InvalidAssociationID.NotFound" | "WAFOptimisticLockException") => ErrorClass::Stale,
        // EC2 API reference, "Error codes": the resource has dependents, or had them a moment ago.
        Some("DependencyViolation" | "InvalidGroup.InUse" | "ResourceInUse" | "WAFAssociatedItemException") => ErrorClass::InUse,
        Some(
            "UnauthorizedOperation"
            | "AccessDenied"
            | "AccessDeniedException"
            | "AuthFailure"
            | "ExpiredToken"
            | "RequestExpired"
            | "InvalidClientTokenId"
            | "SignatureDoesNotMatch"
            | "UnrecognizedClientException"
            | "ExpiredTokenException"
            | "NotAuthorizedException",
        ) => ErrorClass::Denied,
        Some(code)
            if code.ends_with(".NotFound") || code.starts_with("NoSuch") || matches!(code, "ResourceNotFoundException" | "NotFoundException" | "ResourceNotFound" | "TrailNotFoundException" | "ObjectLockConfigurationNotFoundError" | "WAFNonexistentItemException" | "LoadBalancerNotFound" | "UserNotFoundException") =>
        {
            ErrorClass::NotFound
        }
        Some(
            "InternalError" | "InternalFailure" | "ServiceUnavailable" | "Unavailable" | "RequestTimeout"
            | "WAFInternalErrorException" | "WAFTagOperationInternalErrorException",
        ) => {
            ErrorClass::Unclear
        }
        _ => match error {
            // Never sent: no credentials, or a request that could not be built.
            SdkError::ConstructionFailure(_) => ErrorClass::Denied,
            SdkError::DispatchFailure(failure) if failure.is_user() => ErrorClass::Denied,
            // Also a connection that was closed before the answer came: the call may have taken effect.
            SdkError::DispatchFailure(_) | SdkError::TimeoutError(_) | SdkError::ResponseError(_) => {
                ErrorClass::Unclear
            }
            SdkError::ServiceError(service) if service.raw().status().is_server_error() => ErrorClass::Unclear,
            _ => ErrorClass::Refused,
        },
    }
}
