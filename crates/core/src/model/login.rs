//! What users did: logins, sessions, and what was tried at a replica.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Expect, Phase, Region, RegionRole, UserAction, Window, refusal};

/// A login attempt, from its scheduled instant to its end.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Login {
    /// Counts the arrivals of a run from 0.
    pub arrival: u64,
    /// When it was to start; latency counts from here.
    pub scheduled: Timestamp,
    /// When it did start.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// The phase in which it was scheduled.
    pub phase: Phase,
    /// Who logged in; nothing where there was nobody to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// How it logged in: the flow, and where it is not the default the app client and the population, as
    /// `USER_SRP_AUTH confidential/totp`.
    pub flow: String,
    /// The cohort of its client.
    pub cohort: String,
    /// The address that it connected to last, once it had one.
    pub address: Option<IpAddr>,
    /// The Region which served: by the token's claim, else by the address.
    pub region: Option<Region>,
    /// Its part.
    pub role: Option<RegionRole>,
    /// When the protected API was asked; with `ended` it bounds the moment of acceptance.
    pub api_sent: Option<Timestamp>,
    /// How it ended.
    pub outcome: LoginOutcome,
    /// What the scenario expects of this flow at the replica; nothing where it is to succeed as everywhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_replica: Option<Expect>,
    /// Tries before the last one, in order: the client's retries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<FailedTry>,
    /// The arrival that failed and that this one repeats: a user who tries again.
    #[serde(default, alias = "again_of", skip_serializing_if = "Option::is_none")]
    pub retry_of: Option<u64>,
    /// What each step of the last try took, in order, in milliseconds of scenario time.
    pub steps: Vec<StepTime>,
}

impl Login {
    /// Whether the replica refused what it is expected to refuse. That is no failure, and counts apart from the others. An outage is no
    /// such refusal, whatever error it answers with.
    pub fn refused_as_expected(&self) -> bool {
        self.expects_refusal() && refusal::not_allowed(&self.outcome)
    }

    /// Whether the replica let in whom it is expected to refuse.
    pub fn let_in_against_expectation(&self) -> bool {
        self.outcome == LoginOutcome::Succeeded && self.expects_refusal()
    }

    /// Whether the replica was asked for what it is expected to refuse, and what came of it does not tell whether it would.
    pub fn tells_no_limit(&self) -> bool {
        let told = matches!(self.outcome, LoginOutcome::Succeeded | LoginOutcome::Cancelled);
        self.expects_refusal() && !told && !self.refused_as_expected()
    }

    fn expects_refusal(&self) -> bool {
        self.at_replica == Some(Expect::Refused) && self.role == Some(RegionRole::Replica)
    }

    /// Whether somebody who should have got in did not.
    pub fn failed(&self) -> bool {
        !matches!(self.outcome, LoginOutcome::Succeeded | LoginOutcome::Cancelled) && !self.refused_as_expected()
    }
}

/// A try of a login that failed and was tried again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FailedTry {
    /// When it ended.
    pub ended: Timestamp,
    /// The Region that was asked, where one was reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<RegionRole>,
    /// Why it failed.
    pub outcome: LoginOutcome,
    /// When the protected API was asked; it may have accepted the token, and what came after it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_sent: Option<Timestamp>,
    /// What each of its steps took, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<StepTime>,
}

/// What a user does in a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionStep {
    /// The sign-in that opens the session, before the fault.
    SignIn,
    /// A call of the protected API with the access token.
    ApiCall,
    /// New tokens by the refresh token.
    Refresh,
    /// A sign-in that the session needed because its refresh token was refused: the user had to log in again.
    SignInAgain,
}

/// One call in a session that was opened before the fault.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionCall {
    /// Counts the sessions of a run from 0.
    pub session: u64,
    /// Whose it is.
    pub user: String,
    /// How it is refreshed, as [`Login::flow`].
    pub flow: String,
    /// The cohort of its client.
    pub cohort: String,
    /// What was done.
    pub step: SessionStep,
    /// When it was sent and answered, or given up.
    #[serde(flatten)]
    pub window: Window,
    /// The phase in which it was sent.
    pub phase: Phase,
    /// The part of the Region that was asked, where one was reached.
    pub role: Option<RegionRole>,
    /// How it ended.
    pub outcome: LoginOutcome,
    /// Not made: when it was due, which counts as its sending, another request of the session had no answer yet. It has the outcome of
    /// that request.
    #[serde(default, alias = "held_up", skip_serializing_if = "std::ops::Not::not")]
    pub blocked: bool,
}

/// What came of something that a replica may not do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Expectation {
    /// What was tried.
    pub action: UserAction,
    /// The Region's part.
    pub role: RegionRole,
    /// The Region.
    pub region: Region,
    /// What the scenario expects.
    pub expect: Expect,
    /// Whether it came so; nothing where it could not be told, because no answer came.
    pub held: Option<bool>,
    /// What was seen, as an error's code.
    pub seen: String,
    /// When it was sent and answered.
    #[serde(flatten)]
    pub window: Window,
}

/// One step of a try and what it took: up to the next step where it ended, else up to the end of the try.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepTime {
    /// Which step.
    pub step: LoginStep,
    /// Milliseconds of scenario time.
    pub ms: f64,
    /// Whether the try got past it. The step in which a try failed, was refused or was given up did not end.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub ended: bool,
}

/// Logs from before steps that did not end were recorded have those that did alone.
fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_yes(flag: &bool) -> bool {
    *flag
}

/// The steps of a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoginStep {
    /// Resolving the name through the cohort's cache.
    Dns,
    /// Opening the TCP connection.
    Connect,
    /// The TLS handshake.
    Tls,
    /// InitiateAuth, AdminInitiateAuth or GetTokensFromRefreshToken.
    InitiateAuth,
    /// RespondToAuthChallenge to PASSWORD_VERIFIER.
    RespondToAuthChallenge,
    /// The answer to NEW_PASSWORD_REQUIRED.
    NewPassword,
    /// The answer to SOFTWARE_TOKEN_MFA.
    Mfa,
    /// `/oauth2/authorize`.
    Authorize,
    /// Managed login's form, got and sent.
    LoginForm,
    /// The identity provider's pages.
    IdentityProvider,
    /// `/oauth2/token`.
    Token,
    /// Checking signature and claims, locally.
    VerifyToken,
    /// The protected API.
    ProtectedApi,
    /// GetUser.
    GetUser,
    /// GlobalSignOut.
    SignOut,
}

impl LoginStep {
    /// The name in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::InitiateAuth => "InitiateAuth",
            Self::RespondToAuthChallenge => "RespondToAuthChallenge",
            Self::NewPassword => "NEW_PASSWORD_REQUIRED",
            Self::Mfa => "SOFTWARE_TOKEN_MFA",
            Self::Authorize => "authorize",
            Self::LoginForm => "login form",
            Self::IdentityProvider => "identity provider",
            Self::Token => "token endpoint",
            Self::VerifyToken => "verify token",
            Self::ProtectedApi => "protected API",
            Self::GetUser => "GetUser",
            Self::SignOut => "GlobalSignOut",
        }
    }
}

/// How a login ended. A success means: token with a valid signature and every required claim,
/// accepted by the protected API.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "class", rename_all = "snake_case")]
pub enum LoginOutcome {
    /// All of it held.
    Succeeded,
    /// The name did not resolve.
    DnsFailed,
    /// No TCP connection within the connect timeout.
    ConnectTimeout,
    /// The connection was refused or reset.
    ConnectionFailed {
        /// At which step.
        step: LoginStep,
    },
    /// Connected, then no answer within the login timeout.
    Stalled {
        /// At which step.
        step: LoginStep,
    },
    /// The certificate or the handshake was bad.
    TlsFailed,
    /// TooManyRequestsException.
    Throttled {
        /// At which step.
        step: LoginStep,
    },
    /// The service refused; its error code, as `NotAuthorizedException`.
    Rejected {
        /// At which step.
        step: LoginStep,
        /// The error's code.
        code: String,
    },
    /// The token's signature, issuer, client or expiry is wrong.
    TokenInvalid {
        /// What is wrong, without the token.
        reason: String,
    },
    /// A required claim is missing.
    ClaimMissing {
        /// Which one.
        claim: String,
    },
    /// The protected API answered with another status than 200.
    ApiRefused {
        /// The status.
        status: u16,
        /// Why, in the API's own words, where it said so.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        reason: String,
    },
    /// The service asked for a challenge that this user cannot answer.
    ChallengeUnsupported {
        /// At which step.
        step: LoginStep,
        /// Its name.
        challenge: String,
    },
    /// The token was issued in another Region than the one that the address leads to.
    WrongRegion {
        /// Where the address leads.
        asked: Region,
        /// Where the token says that it comes from.
        served: Region,
    },
    /// Not started: as many logins were under way as the scenario allows.
    Shed,
    /// Not started: every refresh token of its flow was in use.
    NoSession,
    /// Not made, or not to its end, by a mistake of the environment or of GameDay itself: no service had a part in it.
    HarnessFailed {
        /// What is wrong.
        what: String,
    },
    /// Stopped because the run ended. Only older logs have it: what is under way when a run ends is waited for.
    Cancelled,
}

impl LoginOutcome {
    /// Something of ours is wrong.
    pub fn harness(what: &str) -> Self {
        Self::HarnessFailed { what: what.to_owned() }
    }

    /// Whether an answer came, and it was no. A stall, a lost connection or too many requests may end well when it is tried again.
    pub fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Rejected { .. }
                | Self::TokenInvalid { .. }
                | Self::ClaimMissing { .. }
                | Self::ApiRefused { .. }
                | Self::ChallengeUnsupported { .. }
                | Self::WrongRegion { .. }
        )
    }

    /// The class with its one telling detail, as errors are counted in reports.
    pub fn label(&self) -> String {
        match self {
            Self::Succeeded => "succeeded".into(),
            Self::DnsFailed => "dns_failed".into(),
            Self::ConnectTimeout => "connect_timeout".into(),
            Self::ConnectionFailed { step } => format!("connection_failed at {}", step.as_str()),
            Self::Stalled { step } => format!("stalled at {}", step.as_str()),
            Self::TlsFailed => "tls_failed".into(),
            Self::Throttled { step } => format!("throttled at {}", step.as_str()),
            Self::Rejected { step, code } => format!("rejected at {} ({code})", step.as_str()),
            Self::TokenInvalid { reason } => format!("token_invalid ({reason})"),
            Self::ClaimMissing { claim } => format!("claim_missing ({claim})"),
            Self::ApiRefused { status, reason } if reason.is_empty() => format!("api_refused ({status})"),
            Self::ApiRefused { status, reason } => format!("api_refused ({status}: {reason})"),
            Self::ChallengeUnsupported { step, challenge } => {
                format!("challenge_unsupported at {} ({challenge})", step.as_str())
            }
            Self::WrongRegion { asked, served } => format!("wrong_region ({served} instead of {asked})"),
            Self::Shed => "shed".into(),
            Self::NoSession => "no_session".into(),
            Self::HarnessFailed { what } => format!("harness_failed ({what})"),
            Self::Cancelled => "cancelled".into(),
        }
    }
}
