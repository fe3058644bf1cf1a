use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One of the two Regions, by its part in the failover.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum RegionRole {
    /// Where users are served in steady state.
    #[default]
    Primary,
    /// Where they are served when the primary is down.
    Replica,
}

impl RegionRole {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Primary, Self::Replica];

    /// `primary` or `replica`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Replica => "replica",
        }
    }
}

/// The phases of a run, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Readiness checks; nothing is touched.
    Preflight,
    /// Steady state.
    Baseline,
    /// The harmless preparation of the faults, then the cut.
    Inject,
    /// Until the replica serves.
    Outage,
    /// The replica serves.
    Hold,
    /// Heal and dismantle.
    Restore,
    /// Until the primary serves again.
    Failback,
    /// The described state after equals the state before.
    Verify,
}

impl Phase {
    /// Every phase, in order.
    pub const ALL: [Self; 8] = [
        Self::Preflight,
        Self::Baseline,
        Self::Inject,
        Self::Outage,
        Self::Hold,
        Self::Restore,
        Self::Failback,
        Self::Verify,
    ];

    /// The name in files and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Preflight => "preflight",
            Self::Baseline => "baseline",
            Self::Inject => "inject",
            Self::Outage => "outage",
            Self::Hold => "hold",
            Self::Restore => "restore",
            Self::Failback => "failback",
            Self::Verify => "verify",
        }
    }
}

/// The login flows: API flows by Cognito's names, the others by the name of what they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Flow {
    /// Secure Remote Password, then RespondToAuthChallenge with PASSWORD_VERIFIER.
    #[serde(rename = "USER_SRP_AUTH")]
    UserSrp,
    /// The password in InitiateAuth.
    #[serde(rename = "USER_PASSWORD_AUTH")]
    UserPassword,
    /// The password in AdminInitiateAuth, signed with AWS credentials: a server signs its users in.
    #[serde(rename = "ADMIN_USER_PASSWORD_AUTH")]
    AdminUserPassword,
    /// InitiateAuth with the refresh token of a sign-in before the fault.
    #[serde(rename = "REFRESH_TOKEN_AUTH")]
    RefreshToken,
    /// GetTokensFromRefreshToken with such a token: the way that refresh-token rotation needs.
    #[serde(rename = "GET_TOKENS_FROM_REFRESH_TOKEN")]
    TokensFromRefreshToken,
    /// Managed login in a browser: authorize with PKCE, the login form, the code, `/oauth2/token`.
    #[serde(rename = "managed-login")]
    ManagedLogin,
    /// Managed login through the identity provider of the environment.
    #[serde(rename = "federated")]
    Federated,
    /// A machine's sign-in: `/oauth2/token` with `grant_type=client_credentials`.
    #[serde(rename = "client-credentials")]
    ClientCredentials,
}

impl Flow {
    /// Every flow.
    pub const ALL: [Self; 8] = [
        Self::UserSrp,
        Self::UserPassword,
        Self::AdminUserPassword,
        Self::RefreshToken,
        Self::TokensFromRefreshToken,
        Self::ManagedLogin,
        Self::Federated,
        Self::ClientCredentials,
    ];

    /// The name in files and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UserSrp => "USER_SRP_AUTH",
            Self::UserPassword => "USER_PASSWORD_AUTH",
            Self::AdminUserPassword => "ADMIN_USER_PASSWORD_AUTH",
            Self::RefreshToken => "REFRESH_TOKEN_AUTH",
            Self::TokensFromRefreshToken => "GET_TOKENS_FROM_REFRESH_TOKEN",
            Self::ManagedLogin => "managed-login",
            Self::Federated => "federated",
            Self::ClientCredentials => "client-credentials",
        }
    }

    /// Whether it lives on a refresh token from before.
    pub fn refreshes(self) -> bool {
        matches!(self, Self::RefreshToken | Self::TokensFromRefreshToken)
    }

    /// Whether it goes through managed login's own endpoints.
    pub fn is_managed(self) -> bool {
        matches!(self, Self::ManagedLogin | Self::Federated | Self::ClientCredentials)
    }
}

/// How a client finds and keeps its way to the front door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Cohort {
    /// Asks the resolver for every login.
    FreshLookup,
    /// Keeps an answer for its TTL.
    HonoursTtl,
    /// Keeps an answer for a time of its own, whatever the TTL, as a JVM may.
    CachesFor,
    /// Keeps the first answer for ever.
    CachesForever,
    /// Holds its connection until it dies, then asks the resolver again.
    KeepAlive,
    /// Asks the resolver for every login, and goes to the replica by itself when what it got does not answer.
    TriesReplica,
}

impl Cohort {
    /// The name in files and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FreshLookup => "fresh-lookup",
            Self::HonoursTtl => "honours-ttl",
            Self::CachesFor => "caches-for",
            Self::CachesForever => "caches-forever",
            Self::KeepAlive => "keep-alive",
            Self::TriesReplica => "tries-replica",
        }
    }
}

/// What is expected of something that a replica may not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Expect {
    /// The service refuses it.
    Refused,
    /// It works.
    Works,
}

impl Expect {
    /// The name in files and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Works => "works",
        }
    }
}

/// Something that users do and that a replica limits (Cognito developer guide, "Multi-Region replication for user pools").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UserAction {
    /// A sign-in of a user with TOTP MFA.
    TotpSignIn,
    /// SignUp.
    SignUp,
    /// ForgotPassword.
    PasswordReset,
    /// ChangePassword, to the password that the user has already.
    PasswordChange,
    /// A sign-in through the identity provider by somebody who never signed in before.
    FirstFederatedSignIn,
}

impl UserAction {
    /// Every action.
    pub const ALL: [Self; 5] =
        [Self::TotpSignIn, Self::SignUp, Self::PasswordReset, Self::PasswordChange, Self::FirstFederatedSignIn];

    /// The name in files and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TotpSignIn => "totp-sign-in",
            Self::SignUp => "sign-up",
            Self::PasswordReset => "password-reset",
            Self::PasswordChange => "password-change",
            Self::FirstFederatedSignIn => "first-federated-sign-in",
        }
    }
}

/// What a login does once it has succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AfterLogin {
    /// GetUser with the access token.
    GetUser,
    /// GlobalSignOut: every session of the user ends, so give it a population of its own.
    GlobalSignOut,
}

impl AfterLogin {
    /// The name in files and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::GetUser => "get-user",
            Self::GlobalSignOut => "global-sign-out",
        }
    }
}
