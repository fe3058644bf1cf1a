//! The vocabulary of a run. Everything that a report says is computed from these records.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::ops::RangeInclusive;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ClockSync, Expectation, Login, Phase, Predicts, Region, RegionRole, RunId, SessionCall, SteadyState};

/// The version of the event log that is written. Version 1 had other names for some keys.
pub const EVENT_LOG_VERSION: u32 = 2;

/// The versions of the event log that are read.
pub const EVENT_LOG_VERSIONS: RangeInclusive<u32> = 1..=EVENT_LOG_VERSION;

/// The version of `run.json` that is written. Version 1 had other names for some keys.
pub const RUN_VERSION: u32 = 2;

/// The versions of `run.json` that are read.
pub const RUN_VERSIONS: RangeInclusive<u32> = 1..=RUN_VERSION;

/// One line of `events.ndjson`.
#[derive(Debug, Clone, PartialEq, Serialize)]
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
    /// Who makes the run, by `sts:GetCallerIdentity`.
    Caller {
        /// The account.
        account: String,
        /// The principal.
        arn: String,
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
        /// Whether it stops chosen packets alone, ours not among them, so that no probe from here shows it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        unseen: bool,
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
    /// The health check's settings, as the observers follow them.
    HealthCheckRead {
        /// Its RequestInterval, in seconds.
        interval_s: f64,
        /// Its FailureThreshold.
        threshold: u32,
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
        /// Which Region the addresses belong to, as far as they are known; nothing where they belong to neither, or to both.
        role: Option<RegionRole>,
        /// Those of them that no direct name of either Region gives.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        unknown: Vec<IpAddr>,
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
    /// The runner itself stood still: a timer of its own fired late, or its machine slept. What it stamped meanwhile may have happened
    /// earlier, and what its timeouts gave up meanwhile may be no fault of a service.
    HarnessStalled {
        /// From the moment at which the timer was due to the one at which it fired.
        #[serde(flatten)]
        window: Window,
        /// By how much it was late, in real milliseconds.
        late_ms: f64,
        /// Real milliseconds in which the machine slept and no clock of the run went on, so that they are in no figure.
        #[serde(default, skip_serializing_if = "is_zero")]
        slept_ms: f64,
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
        #[serde(alias = "left")]
        not_reverted: Vec<String>,
    },
    /// Something that the run touches, or stands beside, was changed by somebody else meanwhile, and left so.
    ChangedByOthers {
        /// Where.
        region: Option<Region>,
        /// The resource's ID.
        resource: String,
        /// What was found.
        found: String,
    },
    /// Whether steady state was there when the run asked for it.
    SteadyState(SteadyState),
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

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
fn is_zero(ms: &f64) -> bool {
    *ms == 0.0
}

/// Why a run did not go its way to the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "detail")]
pub enum RunFailure {
    /// Preflight refused; nothing was touched. Exit code 3.
    PreflightRefused,
    /// The gate before the cut refused: steady state was not proved, or something was changed since preflight; nothing was cut, and what was
    /// prepared is taken down. Exit code 3.
    Refused(String),
    /// A signal, a stop condition or an error ended it early; all restored. Exit code 4.
    Aborted(String),
    /// Something could not be restored. Exit code 5.
    NotRestored(String),
}

/// What the first record says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunStarted {
    /// [`EVENT_LOG_VERSION`] where this version wrote the log.
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
    /// Whether time was virtual: simulated, and no wall clock's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub virtual_time: bool,
    /// The seed of every random draw.
    pub seed: u64,
    /// Poll periods by observer, in seconds: `health`, `authoritative`, `resolver`, `path`, `canary`.
    pub poll_s: BTreeMap<String, f64>,
    /// Operating system and processor architecture of the runner.
    pub host: String,
    /// How well its system clock was kept when the run began; nothing where the system does not say.
    #[serde(default)]
    pub clock_sync: Option<ClockSync>,
}

impl RunStarted {
    /// The Region of a part.
    pub fn region(&self, role: RegionRole) -> &Region {
        match role {
            RegionRole::Primary => &self.primary,
            RegionRole::Replica => &self.replica,
        }
    }
}

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Finding {
    /// As `GD501`.
    pub code: String,
    /// How bad.
    pub severity: Severity,
    /// The Regions that it is about; absent where it is about none, and in older logs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub regions: Vec<RegionRole>,
    /// What it says that a run will show; absent in older logs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predicts: Option<Predicts>,
    /// What is wrong, in one line.
    pub title: String,
    /// What was seen.
    pub evidence: String,
    /// What to do.
    pub remedy: String,
    /// Somebody answers for it, so that it refuses nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<Accepted>,
    /// The run was told to go on all the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ignored: bool,
}

/// Who answers for a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Accepted {
    /// Who.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// The last day on which it is accepted.
    pub expires: String,
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
    /// Which of the scenario's faults, counted from 1; cut and heal only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<u32>,
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

/// The milestones of a failover, in causal order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
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
    /// A user can sign in at the replica, whether one does or not.
    FirstReplicaLogin,
    /// From here on, every login succeeds at the replica, to the end of the hold phase.
    ReplicaSustained,
    /// Packets pass again at every front door.
    FaultReverted,
    /// More than 18 % of the checkers say healthy again.
    HealthCheckHealthy,
    /// Every authoritative server gives the primary again.
    DnsFailbackAuthoritative,
    /// A user can sign in at the primary again.
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
