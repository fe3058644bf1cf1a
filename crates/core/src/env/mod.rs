//! The environment file: where a scenario runs. Endpoints, resolvers, trust roots, credentials
//! and a clock; the engine cannot tell AWS from the lab by anything else.

mod baseline;
mod estate;
mod guard;
mod partitions;
mod places;
mod preflight;
mod runbook;
mod site;
mod strategy;
mod validate;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{AccountId, Region, RegionRole, Secret, Span};

pub use baseline::{Accept, Baseline, Day, baseline_schema, load_baseline};
pub use estate::{EstateChange, MissingClient};
pub use guard::{AlarmRef, DeadMan, Guard, Hours, Rules, SCHEDULER_PRECISION, TimeOfDay, Weekday};
pub use places::SERVICES;
pub use preflight::{Dependency, DependencyKind, Preflight};
pub use runbook::Runbook;
pub use site::Site;
pub use strategy::Strategy;
pub use validate::{BUILT_IN_LAB, built_in, built_in_lab, load, load_before_users, read_str, schema};

/// An environment as its file writes it.
///
/// `kind = "lab"` with neither [`Environment::primary`] nor [`Environment::replica`] means the embedded lab, which fills the rest in when it
/// starts; with them, a lab that runs already (`gameday lab --out FILE` wrote the file).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// The version of this file format; 1.
    pub schema_version: u32,
    /// The name in reports and confirmations.
    pub name: String,
    /// AWS or the lab.
    pub kind: EnvironmentKind,
    /// Whether real users depend on it: `--yes` is not enough then, a run needs `--confirm NAME`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub production: bool,
    /// Which accounts a run may touch.
    #[serde(default)]
    pub account: AccountRules,
    /// Limits that hold for every scenario.
    #[serde(default, skip_serializing_if = "is_default")]
    pub guard: Guard,
    /// What heals the faults if the runner cannot; left out, a run needs `--no-dead-man` on AWS.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_man: Option<DeadMan>,
    /// Tags on everything that a run makes, as an organization may demand of whatever is created.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// Credentials for AWS calls; left out, the SDK's default chain (environment, profile, SSO, instance role).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<CredentialRef>,
    /// The Region that serves in steady state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary: Option<RegionEnv>,
    /// The Region that takes over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replica: Option<RegionEnv>,
    /// The user pool and its app client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<Pool>,
    /// What the users connect to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub front_door: Option<FrontDoor>,
    /// Managed login, where the pool has a domain for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed_login: Option<ManagedLogin>,
    /// The failover record, its health check, and whom to ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dns: Option<Dns>,
    /// The synthetic users' accounts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<Users>,
    /// The users' patience.
    #[serde(default)]
    pub timeouts: Timeouts,
    /// How often observers look.
    #[serde(default)]
    pub observe: Observe,
    /// What preflight cannot discover by itself.
    #[serde(default, skip_serializing_if = "Preflight::is_empty")]
    pub preflight: Preflight,
    /// Whom the runbook names.
    #[serde(default, skip_serializing_if = "Runbook::is_empty")]
    pub runbook: Runbook,
    /// The lab's own settings; only with `kind = "lab"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lab: Option<LabSettings>,
}

fn is_default(guard: &Guard) -> bool {
    *guard == Guard::default()
}

/// AWS or the lab.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EnvironmentKind {
    /// Real accounts.
    Aws,
    /// The two-Region twin in this binary.
    Lab,
}

impl EnvironmentKind {
    /// `aws` or `lab`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::Lab => "lab",
        }
    }
}

/// Which accounts a run may touch.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountRules {
    /// Account IDs; sts:GetCallerIdentity must answer with one of them.
    #[serde(default)]
    pub allowed: Vec<AccountId>,
}

/// Where AWS credentials come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, deny_unknown_fields)]
pub enum CredentialRef {
    /// A profile of the shared configuration files.
    Profile {
        /// Its name.
        profile: String,
    },
    /// A static key pair, for the lab and for emulators.
    Static {
        /// Not a secret.
        access_key_id: String,
        /// Where the secret is.
        secret_access_key: SecretRef,
    },
}

/// One of the two Regions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegionEnv {
    /// Its name, as `us-east-1`.
    pub region: Region,
    /// Names or addresses that lead to this Region's front door whatever the failover record says.
    pub direct: Vec<String>,
    /// The subnets of its front door; what faults select from.
    #[serde(default)]
    pub subnets: SubnetSelector,
    /// The subnets that the synthetic users connect from, where they are in this account: what
    /// `client-egress-blackhole` selects from.
    #[serde(default, skip_serializing_if = "SubnetSelector::is_empty")]
    pub clients: SubnetSelector,
    /// Endpoint URLs that replace AWS's own, by service: `ec2`, `cognito-idp`, `route53`, `sts`, `secretsmanager`,
    /// `scheduler`, `lambda`, `monitoring`, `elasticloadbalancing`, `servicequotas`, `acm`, `apigateway`, `cloudtrail`, `dynamodb`,
    /// `iam`, `kms`, `rds`, `s3`, `wafv2`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub endpoints: BTreeMap<String, String>,
}

/// Subnets by ID, or by tags that all must match.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SubnetSelector {
    /// These subnets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<String>,
    /// Subnets that carry all of these tags.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// The user pool and its app client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// The pool's ID, the same in both Regions with native replication.
    pub id: String,
    /// The ID of the replica Region's pool, where that is an independent pool that is kept in step by hand, by triggers or by a bridge. Left
    /// out, the replica is a native one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replica_id: Option<String>,
    /// The app client's ID.
    pub client_id: String,
    /// The app client's secret, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<SecretRef>,
    /// Further app clients, which scenarios name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clients: Vec<AppClient>,
}

impl Pool {
    /// The pool's ID in a Region.
    pub fn id_at(&self, role: RegionRole) -> &str {
        let own = self.replica_id.as_ref().filter(|_| role == RegionRole::Replica);
        own.unwrap_or(&self.id)
    }
}

/// An app client beside the pool's own one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AppClient {
    /// What scenarios call it.
    pub name: String,
    /// Its ID.
    pub id: String,
    /// Its secret, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret: Option<SecretRef>,
    /// A callback URL that it has registered, for managed login. Nothing need answer there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redirect_uri: Option<String>,
    /// The scopes to ask for, in managed login and with client credentials.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
}

/// Managed login: the pool's domain with the pages that users sign in on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ManagedLogin {
    /// Its custom domain.
    pub domain: String,
    /// The TCP port; 443 where left out.
    #[serde(default = "https_port")]
    pub port: u16,
    /// The identity provider of `federated` flows, by its name in the pool. Its pages must ask for user name and password in one HTML form.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub identity_provider: Option<String>,
}

impl SubnetSelector {
    /// Whether it selects nothing.
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty() && self.tags.is_empty()
    }
}

/// What the users connect to: one HTTPS name that serves Cognito's API, its keys and the protected API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FrontDoor {
    /// The name of the failover record.
    pub name: String,
    /// The TCP port; 443 where left out.
    #[serde(default = "https_port")]
    pub port: u16,
    /// The path of a protected API that answers 200 to a valid access token in `Authorization: Bearer`.
    pub api_path: String,
    /// A PEM file of certificate authorities to trust instead of the public ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trust_root: Option<PathBuf>,
    /// The claim of the access token that names the Region which served, where the trigger adds one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region_claim: Option<String>,
}

const fn https_port() -> u16 {
    443
}

/// The failover record, its health check, and whom to ask.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Dns {
    /// The hosted zone's ID, as `Z0123456789`.
    pub hosted_zone_id: String,
    /// The failover record's name.
    pub record: String,
    /// The health check attached to the primary record.
    pub health_check_id: String,
    /// Authoritative servers to ask; left out, the zone's own name servers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authoritative: Vec<SocketAddr>,
    /// Recursive resolvers to ask, as the users do; left out, the system's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub resolvers: Vec<SocketAddr>,
}

/// The synthetic users' accounts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Users {
    /// User names; logins take one at random.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// The password that they share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretRef>,
    /// Instead of `names` and `password`: where a list of users is, each with a password of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<UserList>,
    /// A user of its own for replication canaries: an attribute of it is written at the primary and read at the replica.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<Canary>,
    /// Further users with something special, which scenarios name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub populations: Vec<Population>,
}

/// Users with something special.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Population {
    /// What scenarios call them.
    pub name: String,
    /// User names; of federated users, those at the identity provider.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
    /// The password that they share.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretRef>,
    /// Instead of `names` and `password`: where a list of users is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<UserList>,
    /// The TOTP secret that they share, in base32, where they sign in with a software token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub totp_secret: Option<SecretRef>,
    /// They must set a new password when they sign in. A run answers the challenge with the same password, and puts each of them back
    /// with AdminSetUserPassword.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub new_password: bool,
}

/// A list of users: CSV with the columns `username`, `password` and, where they have one, `totp_secret`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, deny_unknown_fields)]
pub enum UserList {
    /// A file, readable by its owner alone; `gameday users seed` writes one.
    File {
        /// Its path, from the environment file's folder.
        file: PathBuf,
    },
    /// AWS Secrets Manager, in the primary Region.
    SecretsManager {
        /// The secret's name or ARN.
        secrets_manager: String,
    },
}

/// The replication canary.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Canary {
    /// The user that carries it.
    pub username: String,
    /// The attribute that takes the sequence number, as `custom:canary`.
    pub attribute: String,
}

/// A secret by reference; never a value in a file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged, deny_unknown_fields)]
pub enum SecretRef {
    /// An environment variable.
    Env {
        /// Its name.
        env: String,
    },
    /// AWS Secrets Manager, in the primary Region.
    SecretsManager {
        /// The secret's name or ARN.
        secrets_manager: String,
        /// The key, where the secret is a JSON object.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
    },
    /// A TOML file of `key = "value"` lines beside this one, readable by its owner alone.
    File {
        /// Its path, from the environment file's folder.
        file: PathBuf,
        /// The key.
        key: String,
    },
    /// Handed over in memory by the embedded lab; no file can write it.
    #[serde(skip)]
    Literal(Secret),
}

/// The users' patience, in scenario time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Timeouts {
    /// For a TCP connection to open.
    pub connect: Span,
    /// For a whole login, from its scheduled instant.
    pub login: Span,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: Span::secs(3), login: Span::secs(10) }
    }
}

/// How often observers look, in scenario time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Observe {
    /// The health check's status; Route 53 allows five API requests a second for each account.
    pub health: Span,
    /// The record at each authoritative server.
    pub authoritative: Span,
    /// The record through each resolver.
    pub resolver: Span,
    /// A TCP connection to each of the primary's addresses.
    pub path: Span,
    /// A canary write at the primary and a read at the replica.
    pub canary: Span,
}

impl Default for Observe {
    fn default() -> Self {
        Self {
            health: Span::secs(1),
            authoritative: Span::millis(500),
            resolver: Span::millis(500),
            path: Span::millis(500),
            canary: Span::secs(1),
        }
    }
}

/// The lab's own settings. Defaults follow what is known of AWS.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LabSettings {
    /// Synthetic users in its directory.
    pub users: u32,
    /// The failover record's TTL.
    pub ttl: Span,
    /// Health checkers, with unsynchronised phases.
    pub checkers: u32,
    /// Each checker's interval.
    pub checker_interval: Span,
    /// Consecutive results after which a checker flips.
    pub failure_threshold: u32,
    /// The median of the replication lag.
    pub lag_median: Span,
    /// The longest replication lag.
    pub lag_max: Span,
    /// How long a packet takes at most between two addresses, with `--time virtual`: each path has a latency of its own, between 1 ms and this.
    /// 4 ms where this is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_max: Option<Span>,
    /// The health check's target: the primary's front door, or an address outside every subnet.
    pub health_target: HealthTarget,
    /// An Application Load Balancer in each Region owns the front doors' network interfaces.
    pub load_balancers: bool,
    /// Requests in a second of the category UserAuthentication, in each Region, until more are provisioned.
    pub user_authentication_rps: u32,
    /// What may be provisioned at most of every adjustable category, in requests in a second.
    pub service_quota_rps: u32,
    /// How the authorizer of the protected API gets the keys that it verifies tokens with.
    pub jwks_fetch: JwksFetch,
    /// Which issuer tokens name.
    pub issuer: Issuer,
    /// CloudWatch has the metrics UserPoolReplicationStatus and ReplicationLag, which the reference article names and no source of AWS.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub replication_metrics: bool,
    /// How the other Region gets the pool's users, and who moves the record.
    #[serde(skip_serializing_if = "Strategy::is_native")]
    pub strategy: Strategy,
    /// App clients that a Region does not have, as an independent pool that somebody has to keep in step.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing_clients: Vec<MissingClient>,
    /// What is otherwise than in the healthy lab, of the resources that its AWS services tell of: a table `[[lab.estate]]` for each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub estate: Vec<EstateChange>,
    /// Set in the file of a running lab: how its clock runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock: Option<LabClock>,
    /// Set in the file of a running lab: the URL of its ground truth.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truth_url: Option<String>,
}

/// What the lab's health check asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HealthTarget {
    /// The primary's front door: what a blackhole covers.
    FrontDoor,
    /// A status page outside every subnet: a mistake that preflight must find.
    Elsewhere,
}

/// How the lab's authorizer gets keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum JwksFetch {
    /// Both Regions' keys are held, and refreshed in the background.
    Cached,
    /// The keys of a token's issuer are fetched for every request, which is refused where that fails: a mistake that a rehearsal must find.
    PerRequest,
}

/// Which issuer the lab's tokens name, wherever a user signs in (Cognito developer guide, "Multi-Region replication for user pools"). Independent
/// pools have an issuer and a key each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Issuer {
    /// `https://cognito-idp.PRIMARY.amazonaws.com/POOL`, also at the replica since July 2026. Its keys are published by the primary alone
    /// (assumed; AWS does not document it).
    Original,
    /// `https://issuer-cognito-idp.PRIMARY.amazonaws.com/POOL`, whose keys both Regions publish.
    Updated,
}

/// How a running lab's clock runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LabClock {
    /// The wall time at which scenario time and real time were the same.
    #[schemars(with = "String")]
    pub anchor: Timestamp,
    /// Scenario seconds in one real second.
    pub speed: f64,
}

impl Default for LabSettings {
    fn default() -> Self {
        Self {
            users: 20,
            ttl: Span::secs(60),
            checkers: 16,
            checker_interval: Span::secs(10),
            failure_threshold: 3,
            lag_median: Span::secs(1),
            lag_max: Span::secs(8),
            latency_max: None,
            health_target: HealthTarget::FrontDoor,
            load_balancers: false,
            user_authentication_rps: 120,
            service_quota_rps: 1000,
            jwks_fetch: JwksFetch::Cached,
            issuer: Issuer::Updated,
            replication_metrics: false,
            strategy: Strategy::NativeReplica,
            missing_clients: Vec::new(),
            estate: Vec::new(),
            clock: None,
            truth_url: None,
        }
    }
}
