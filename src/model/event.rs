//! The vocabulary of a run. Everything that a report says is computed from these records.

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Expect, Phase, Region, RegionRole, RunId, UserAction};

/// The version of the event log, of `run.json` and of `truth.json`.
pub const SCHEMA_VERSION: u32 = 1;

/// One line of `events.ndjson`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Counts the lines of a run from 0.
    pub seq: u64,
    /// When it was written, in scenario time.
    pub at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// When a request was sent and when its answer was there, in scenario time. What it says was true
/// at some moment between the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// Just before the request was sent.
    pub sent: Timestamp,
    /// Just after the answer was there, or was given up.
    pub received: Timestamp,
}

/// Something that happened in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The first record.
    RunStarted(Box<RunStarted>),
    /// A phase began; it lasts until the next one begins.
    PhaseStarted {
        /// Which one.
        phase: Phase,
    },
    /// A finding of preflight.
    Finding(Finding),
    /// Something that preflight could not look at, and why.
    NotChecked {
        /// What, and what was missing.
        what: String,
    },
    /// A fault's targets are resolved: what it will touch.
    FaultPlanned {
        /// The fault's kind and, where it has them, its times: `nacl-blackhole, 3 times for 40s, one every 1m`.
        fault: String,
        /// Where.
        region: Region,
        /// What is touched, as IDs with names.
        targets: Vec<String>,
        /// The front doors of the primary whose packets it stops; none where it stops no packets.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        addresses: Vec<IpAddr>,
        /// Whether connections that are open already may live on.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        stateful: bool,
    },
    /// A call that changes something was made.
    Mutation(Mutation),
    /// The health check, by Route 53's API.
    Health {
        /// When.
        #[serde(flatten)]
        window: Window,
        /// Checkers that reported healthy.
        healthy: u32,
        /// Checkers that reported anything.
        checkers: u32,
        /// Healthy by Route 53's rule: more than 18 % of the checkers say so (Route 53 developer guide).
        status_healthy: bool,
    },
    /// The record, asked of one server.
    Answer {
        /// When.
        #[serde(flatten)]
        window: Window,
        /// An authoritative server, or a resolver.
        source: DnsSource,
        /// Which server.
        server: String,
        /// The addresses that it gave, sorted.
        addresses: Vec<IpAddr>,
        /// The TTL that it gave, in seconds.
        ttl_s: u32,
        /// Which Region the addresses belong to; nothing where they belong to neither.
        role: Option<RegionRole>,
    },
    /// A TCP connection to one of the primary's addresses was tried.
    Path {
        /// When it was sent, and when it opened or was given up.
        #[serde(flatten)]
        window: Window,
        /// When its first packet had certainly been handed to the network: a probe that fails tells that packets
        /// vanished by then, and not at `sent`, after which a busy runner may pause.
        departed: Timestamp,
        /// The address.
        address: IpAddr,
        /// Whether it opened.
        open: bool,
    },
    /// A canary was written at the primary.
    CanaryWritten {
        /// When.
        #[serde(flatten)]
        window: Window,
        /// Its sequence number.
        sequence: u64,
        /// Whether the primary acknowledged it.
        acknowledged: bool,
    },
    /// The canary was read at the replica.
    CanaryRead {
        /// When.
        #[serde(flatten)]
        window: Window,
        /// The newest sequence number that is visible there.
        sequence: u64,
    },
    /// An observer got no answer; the bounds of what happened meanwhile widen.
    ObserverGap {
        /// When.
        #[serde(flatten)]
        window: Window,
        /// Which observer, as `health`.
        observer: String,
        /// What went wrong.
        error: String,
    },
    /// A login ended.
    Login(Box<Login>),
    /// A user who signed in before the fault did something in that session.
    Session(Box<SessionCall>),
    /// Something that a replica may not do was tried there.
    Expectation(Expectation),
    /// The steps of restoring ended, with what is left.
    Restored {
        /// Mutations made that needed a revert.
        mutations: u32,
        /// Mutations that were reverted.
        reverted: u32,
        /// What could not be restored: resource and reason.
        left: Vec<String>,
    },
    /// The network's described state before and after was compared, association IDs aside.
    StateCompared {
        /// Whether they are identical.
        identical: bool,
        /// The differences in words.
        differences: Vec<String>,
        /// SHA-256 of the state before.
        before_sha256: String,
        /// SHA-256 of the state after.
        after_sha256: String,
    },
    /// The run is being stopped early.
    Abort {
        /// Why: a signal or a stop condition.
        reason: String,
    },
    /// Something worth a line in the report.
    Notice {
        /// What.
        text: String,
    },
    /// The last record.
    RunEnded {
        /// The first reason for which the run is not a success, other than its objectives.
        #[serde(skip_serializing_if = "Option::is_none")]
        failure: Option<RunFailure>,
    },
}

/// Why a run did not go its way to the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "detail")]
pub enum RunFailure {
    /// Preflight refused; nothing was touched. Exit code 3.
    PreflightRefused,
    /// A signal, a stop condition or an error ended it early; all restored. Exit code 4.
    Aborted(String),
    /// Something could not be restored. Exit code 5.
    NotRestored(String),
}

/// What the first record says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunStarted {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The run.
    pub run_id: RunId,
    /// GameDay's version.
    pub tool_version: String,
    /// The scenario file's name without folder and ending.
    pub scenario_name: String,
    /// SHA-256 of the scenario file's bytes.
    pub scenario_sha256: String,
    /// The scenario, as parsed.
    pub scenario: serde_json::Value,
    /// The environment's name.
    pub environment_name: String,
    /// `aws` or `lab`.
    pub environment_kind: String,
    /// SHA-256 of the environment file's bytes.
    pub environment_sha256: String,
    /// The Region that serves in steady state.
    pub primary: Region,
    /// The Region that takes over.
    pub replica: Region,
    /// The failover record's name.
    pub record: String,
    /// Scenario seconds in one real second.
    pub speed: f64,
    /// The seed of every random draw.
    pub seed: u64,
    /// Poll periods by observer, in seconds: `health`, `authoritative`, `resolver`, `path`, `canary`.
    pub poll_s: BTreeMap<String, f64>,
    /// Operating system and processor architecture of the runner.
    pub host: String,
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Note,
    /// May spoil a failover or a figure.
    Risk,
    /// A run is refused.
    Blocker,
}

/// A finding of preflight.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// As `GD501`.
    pub code: String,
    /// How bad.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub title: String,
    /// What was seen.
    pub evidence: String,
    /// What to do.
    pub remedy: String,
}

/// What a mutation is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    /// Harmless preparation.
    Prepare,
    /// What hurts.
    Cut,
    /// The end of the hurt.
    Heal,
    /// Removal of what was prepared.
    Dismantle,
}

/// A call that changes something.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mutation {
    /// When it was sent and answered.
    #[serde(flatten)]
    pub window: Window,
    /// Where.
    pub region: Region,
    /// What it is for.
    pub step: Step,
    /// The API operation, as `ec2:CreateNetworkAclEntry`.
    pub call: String,
    /// What it changed.
    pub resource: String,
    /// Whether IPv4 traffic hangs on it; cut and heal only.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ipv4: bool,
    /// What went wrong; nothing when it took effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Which kind of DNS server answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DnsSource {
    /// An authoritative server of the zone.
    Authoritative,
    /// A recursive resolver.
    Resolver,
}

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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again_of: Option<u64>,
    /// What each step of the last try took, in order, in milliseconds of scenario time.
    pub steps: Vec<StepTime>,
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

/// One step of a login and what it took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepTime {
    /// Which step.
    pub step: LoginStep,
    /// Milliseconds of scenario time.
    pub ms: f64,
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
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
    /// Stopped because the run ended.
    Cancelled,
}

impl LoginOutcome {
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
            Self::Cancelled => "cancelled".into(),
        }
    }
}

/// The milestones of a failover, in causal order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Milestone {
    /// Packets vanish at every front door that the fault covers.
    FaultEffective,
    /// A login gave up. Known at the client alone.
    FirstFailedLogin,
    /// At most 18 % of the checkers say healthy.
    HealthCheckUnhealthy,
    /// Every authoritative server gives the replica.
    DnsFlipAuthoritative,
    /// Every resolver gives the replica.
    DnsFlipResolver,
    /// The protected API accepted a token of the replica.
    FirstReplicaLogin,
    /// From here on, every login succeeds at the replica, to the end of the hold phase.
    ReplicaSustained,
    /// Packets pass again at every front door.
    FaultReverted,
    /// More than 18 % of the checkers say healthy again.
    HealthCheckHealthy,
    /// Every authoritative server gives the primary again.
    DnsFailbackAuthoritative,
    /// The protected API accepted a token of the primary again.
    FirstPrimaryLoginAfterFailback,
}

impl Milestone {
    /// All of them, in causal order.
    pub const ALL: [Self; 11] = [
        Self::FaultEffective,
        Self::FirstFailedLogin,
        Self::HealthCheckUnhealthy,
        Self::DnsFlipAuthoritative,
        Self::DnsFlipResolver,
        Self::FirstReplicaLogin,
        Self::ReplicaSustained,
        Self::FaultReverted,
        Self::HealthCheckHealthy,
        Self::DnsFailbackAuthoritative,
        Self::FirstPrimaryLoginAfterFailback,
    ];

    /// The name in files and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FaultEffective => "fault_effective",
            Self::FirstFailedLogin => "first_failed_login",
            Self::HealthCheckUnhealthy => "health_check_unhealthy",
            Self::DnsFlipAuthoritative => "dns_flip_authoritative",
            Self::DnsFlipResolver => "dns_flip_resolver",
            Self::FirstReplicaLogin => "first_replica_login",
            Self::ReplicaSustained => "replica_sustained",
            Self::FaultReverted => "fault_reverted",
            Self::HealthCheckHealthy => "health_check_healthy",
            Self::DnsFailbackAuthoritative => "dns_failback_authoritative",
            Self::FirstPrimaryLoginAfterFailback => "first_primary_login_after_failback",
        }
    }
}
