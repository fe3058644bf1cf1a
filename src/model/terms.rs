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

/// The login flows, by Cognito's names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Flow {
    /// Secure Remote Password, then RespondToAuthChallenge with PASSWORD_VERIFIER.
    #[serde(rename = "USER_SRP_AUTH")]
    UserSrp,
    /// The password in InitiateAuth.
    #[serde(rename = "USER_PASSWORD_AUTH")]
    UserPassword,
    /// A sign-in by SRP during baseline, whose refresh token is used from then on.
    #[serde(rename = "REFRESH_TOKEN_AUTH")]
    RefreshToken,
}

impl Flow {
    /// Cognito's name of it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UserSrp => "USER_SRP_AUTH",
            Self::UserPassword => "USER_PASSWORD_AUTH",
            Self::RefreshToken => "REFRESH_TOKEN_AUTH",
        }
    }
}

/// How a client caches DNS answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Cohort {
    /// Asks the resolver for every login.
    FreshLookup,
    /// Keeps an answer for its TTL.
    HonoursTtl,
}

impl Cohort {
    /// The name in files and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FreshLookup => "fresh-lookup",
            Self::HonoursTtl => "honours-ttl",
        }
    }
}
