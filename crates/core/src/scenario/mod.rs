//! The scenario file: what breaks, who logs in, and what must hold.

mod objective;
mod users;
mod validate;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{AfterLogin, Cidr, Cohort, Expect, Flow, Percent, PortRange, Rate, RegionRole, Span, UserAction};

pub use objective::Objective;
pub use validate::{load, read_str, schema};

/// A scenario as its file writes it. [`validate`](crate::scenario) has proved that it can work.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// The version of this file format; 1.
    pub schema_version: u32,
    /// One line that names the rehearsal; it heads the report.
    pub title: String,
    /// What is believed to hold when this breaks; the report confirms or refutes it.
    pub hypothesis: String,
    /// Claims that every access token must carry for a login to count as successful.
    #[serde(default)]
    pub required_claims: Vec<String>,
    /// How long each phase lasts.
    pub phases: Phases,
    /// What breaks.
    pub faults: Vec<FaultSpec>,
    /// Who logs in.
    pub users: UserLoad,
    /// Limits of a replica that are expected, each tried once in the hold phase; what comes otherwise is a finding.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expectations: Vec<ExpectedLimit>,
    /// When to give up early: everything is put back, and the run exits with code 4.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<StopConditions>,
    /// What must hold at the end of the baseline for anything to be cut, and is asked for again after failback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steady_state: Option<SteadyStateRules>,
    /// The availability that is promised to users: the report says how much of its error budget the run would take. 99.9 % over 30 days
    /// stand in where this is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slo: Option<Slo>,
    /// What must hold.
    pub objectives: Vec<Objective>,
}

/// When a run gives up early.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StopConditions {
    /// Too few logins succeed after the record has moved to the replica.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replica_success_rate: Option<TooFew>,
    /// More logins than this failed since the fault began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_budget: Option<u32>,
    /// No login succeeded anywhere for this long since the fault began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_outage: Option<Span>,
}

/// What steady state is, beside a healthy health check, a record at the primary, and a runner that keeps up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SteadyStateRules {
    /// At least this share of the baseline's logins succeeds at the primary; 99 % where this is left out.
    pub success_rate: Percent,
    /// Replication lags by at most so long, by canary writes. Left out, what the objective `rpo` demands, or 30 s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replication_lag: Option<Span>,
}

impl Default for SteadyStateRules {
    fn default() -> Self {
        Self { success_rate: Percent(0.99), replication_lag: None }
    }
}

/// A service level objective for logins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Slo {
    /// The share of the time in which users can log in.
    pub availability: Percent,
    /// Over so long; 30 days, `"720h"`, where this is left out.
    #[serde(default = "thirty_days")]
    pub window: Span,
}

const fn thirty_days() -> Span {
    Span::secs(30 * 24 * 60 * 60)
}

/// 99.9 % over 30 days: what AWS promises for Cognito over a month (Amazon Cognito Service Level Agreement).
impl Default for Slo {
    fn default() -> Self {
        Self { availability: Percent(0.999), window: thirty_days() }
    }
}

/// A success rate that is too low for too long.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TooFew {
    /// Below this share.
    pub below: Percent,
    /// Over this long.
    #[serde(rename = "for")]
    pub lasts: Span,
}

/// The phases of a run that take their duration from the scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Phases {
    /// Steady state before the fault.
    pub baseline: Span,
    /// At most so long, from the cut, for detection, DNS flip and the first replica login; ends
    /// early when all of them were seen.
    pub outage: Span,
    /// Time at the replica, after the outage phase, in which the sustained figures are taken; at least the TTL.
    pub hold: Span,
    /// At most so long, from the heal, for the way back; ends early when the primary serves again.
    pub failback: Span,
}

/// One fault.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FaultSpec {
    /// Which fault.
    pub kind: FaultKind,
    /// Which Region it is applied to.
    #[serde(default)]
    pub region: RegionRole,
    /// What it covers: the environment's subnets, or what is in them; all of it where this is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub targets: Option<Targets>,
    /// How long after the first fault it begins; at once where this is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Span>,
    /// How long it lasts; until the restore where this is left out.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub lasts: Option<Span>,
    /// How often it comes; once where this is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat: Option<u32>,
    /// From one beginning to the next, with `repeat`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<Span>,
    /// For `nacl-deny-entries`: the other ends whose traffic is denied, as `10.0.0.0/8` or `2001:db8::/32`; all where
    /// this is left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cidrs: Vec<Cidr>,
    /// For `nacl-deny-entries`: the destination ports of TCP in the denied direction, as `"443"` or `"8000-8999"`; every protocol and port where
    /// this is left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ports: Vec<PortRange>,
    /// For `nacl-deny-entries`: which direction is denied; both where this is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// For `security-group-blackhole`: how it is done; `swap-groups` where this is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<GroupMethod>,
    /// For `lambda-trigger-break`: which trigger of the user pool; `pre-token-generation` where this is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<Trigger>,
    /// For `provisioned-limit`: so many sign-ins a second pass in the Region, as `"300/s"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// For `waf-block`: whose sign-ins are refused; those of this run's synthetic users where this is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocks: Option<Blocks>,
}

/// The faults there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// Deny all traffic of the targets' subnets with a network ACL.
    #[default]
    NaclBlackhole,
    /// Deny chosen traffic of the targets' subnets with entries in their network ACLs.
    NaclDenyEntries,
    /// Take every inbound rule away from the targets' network interfaces and load balancers. Security groups are
    /// stateful: connections that are open already may live on.
    SecurityGroupBlackhole,
    /// Deny the way from the synthetic users' own subnets to the primary; health checkers do not notice.
    ClientEgressBlackhole,
    /// Invert the health check, so that the record moves although nothing is broken: Route 53's own way to drill.
    HealthCheckInvert,
    /// Reserve no concurrency at all for a trigger of the user pool, so that it is throttled.
    LambdaTriggerBreak,
    /// Set the request rate of the user pool's sign-ins in the Region; it stops no packets.
    ProvisionedLimit,
    /// Refuse sign-ins at the user pool with 403, by a rule of AWS WAF; it stops no packets.
    WafBlock,
    /// Refused: a disabled health check counts as healthy, so nothing would fail over.
    HealthCheckDisable,
}

impl FaultKind {
    /// Its name in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NaclBlackhole => "nacl-blackhole",
            Self::NaclDenyEntries => "nacl-deny-entries",
            Self::SecurityGroupBlackhole => "security-group-blackhole",
            Self::ClientEgressBlackhole => "client-egress-blackhole",
            Self::HealthCheckInvert => "health-check-invert",
            Self::LambdaTriggerBreak => "lambda-trigger-break",
            Self::ProvisionedLimit => "provisioned-limit",
            Self::WafBlock => "waf-block",
            Self::HealthCheckDisable => "health-check-disable",
        }
    }
}

/// Whose requests a rule of AWS WAF blocks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Blocks {
    /// Those of the run's own synthetic users, which carry its ID in the header `x-gameday-run`.
    #[default]
    SyntheticUsers,
    /// Every user's.
    Everyone,
}

/// A direction of traffic, seen from the targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// To them.
    Ingress,
    /// From them.
    Egress,
    /// Both.
    Both,
}

/// How security groups stop letting packets in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum GroupMethod {
    /// The targets get an empty group instead of their own.
    SwapGroups,
    /// Inbound rules for `ports` (the front door's where left out) from `cidrs` are taken out of the targets' groups.
    RevokeRules,
}

/// A Lambda trigger of a user pool (Cognito API reference, LambdaConfigType).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Trigger {
    /// Before a sign-in is decided.
    PreAuthentication,
    /// After a sign-in.
    PostAuthentication,
    /// Adds claims to tokens.
    #[default]
    PreTokenGeneration,
    /// Looks up a user of an older directory.
    UserMigration,
    /// Chooses the next challenge of custom authentication.
    DefineAuthChallenge,
}

impl Trigger {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::PreAuthentication,
        Self::PostAuthentication,
        Self::PreTokenGeneration,
        Self::UserMigration,
        Self::DefineAuthChallenge,
    ];

    /// Its name in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PreAuthentication => "pre-authentication",
            Self::PostAuthentication => "post-authentication",
            Self::PreTokenGeneration => "pre-token-generation",
            Self::UserMigration => "user-migration",
            Self::DefineAuthChallenge => "define-auth-challenge",
        }
    }
}

/// Narrows a fault to some of what the environment selects; every given condition must hold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Targets {
    /// These subnets only, as `subnet-0a1b`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subnet_ids: Vec<String>,
    /// Subnets in these Availability Zones only, as `us-east-1a`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<String>,
    /// Subnets of these VPCs only, as `vpc-0a1b`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vpc_ids: Vec<String>,
    /// Subnets that carry all of these tags only.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
    /// For `security-group-blackhole`: these network interfaces only, as `eni-0a1b`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub network_interface_ids: Vec<String>,
    /// For `security-group-blackhole`: these load balancers only, by name or ARN.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub load_balancers: Vec<String>,
    /// At most so many of what is left, in the order of their IDs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// At most that share of what is left, rounded up, in the order of their IDs: `"50%"`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percentage: Option<Percent>,
}

/// When a fault hurts: from and to, after the first cut. No end means until the restore.
pub type FaultWindow = (Duration, Option<Duration>);

/// As reports and plans name it: `nacl-blackhole, 3 times for 40s, one every 1m`.
impl fmt::Display for FaultSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.as_str())?;
        if let Some(at) = self.at {
            write!(f, ", from {at}")?;
        }
        match (self.repeat, self.lasts, self.every) {
            (Some(times), Some(lasts), Some(every)) => write!(f, ", {times} times for {lasts}, one every {every}"),
            (_, Some(lasts), _) => write!(f, ", for {lasts}"),
            _ => Ok(()),
        }
    }
}

impl FaultSpec {
    /// When it hurts, in order.
    pub fn windows(&self) -> Vec<FaultWindow> {
        let first = self.at.map_or(Duration::ZERO, |at| at.0);
        let every = self.every.map_or(Duration::ZERO, |every| every.0);
        let from = |turn: u32| first + every * turn;
        (0..self.repeat.unwrap_or(1)).map(|turn| (from(turn), self.lasts.map(|lasts| from(turn) + lasts.0))).collect()
    }
}

/// The synthetic users.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct UserLoad {
    /// When logins start: open loop, never slowed by a slow server.
    pub arrivals: Arrivals,
    /// How they log in; the shares add up to 100 %.
    pub flows: Vec<FlowShare>,
    /// What their clients are like; the shares add up to 100 %.
    pub cohorts: Vec<CohortShare>,
    /// Users who signed in before the fault and go on working in that session.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sessions: Vec<SessionPlan>,
    /// So many logins may be under way at once; what arrives beyond that is counted as `shed`. It bounds the runner's memory.
    #[serde(default = "most_in_flight", skip_serializing_if = "is_most_in_flight")]
    pub most_in_flight: u32,
}

impl UserLoad {
    /// How the users of a population sign in by an app client where a flow begins with a session: as the scenario's own flows do there.
    pub fn sign_in_flow(&self, client: Option<&str>, users: Option<&str>) -> Flow {
        let by_api = [Flow::UserSrp, Flow::UserPassword, Flow::AdminUserPassword];
        let of_client = |flow: &&FlowShare| by_api.contains(&flow.flow) && flow.client.as_deref() == client;
        let own = self.flows.iter().filter(of_client).find(|flow| flow.users.as_deref() == users);
        own.or_else(|| self.flows.iter().find(of_client)).map_or(Flow::UserSrp, |flow| flow.flow)
    }

    /// The most logins that the arrivals start in a second.
    pub fn peak(&self) -> f64 {
        self.arrivals.to.map_or(self.arrivals.rate.0, |to| to.0.max(self.arrivals.rate.0))
    }
}

/// At 64 KiB for each login under way these are 640 MiB: our own choice.
const fn most_in_flight() -> u32 {
    10_000
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's form")]
fn is_most_in_flight(most: &u32) -> bool {
    *most == most_in_flight()
}

/// An arrival process.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Arrivals {
    /// How the gaps between logins are spread.
    pub process: ArrivalProcess,
    /// How many logins start in each second or minute of scenario time: `"2/s"`, `"90/min"`.
    pub rate: Rate,
    /// For `ramp`: the rate at its end, which stays from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Rate>,
    /// For `ramp`: how long it takes, from the first arrival.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub over: Option<Span>,
    /// For `retry-storm`: how long after a failed login the same user tries again, and again until it succeeds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again_after: Option<Span>,
}

/// How the gaps between logins are spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ArrivalProcess {
    /// Equal gaps.
    Constant,
    /// Exponential gaps: independent users.
    Poisson,
    /// Exponential gaps at a rate that grows, or falls, evenly.
    Ramp,
    /// Independent users, each of whom tries again until a login succeeds: after an outage all of them are back at once.
    RetryStorm,
}

/// A login flow and its share of the logins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FlowShare {
    /// Which flow.
    pub flow: Flow,
    /// Its share: `"70%"`.
    pub share: Percent,
    /// The app client, by its name in the environment; where left out, the pool's `client_id`, and for managed flows the
    /// first client that has what the flow needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// The population, by its name in the environment; the users of `[users]` where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<String>,
    /// What follows a login that succeeded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub then: Vec<AfterLogin>,
    /// What the replica does with it: `"refused"` for flows that it may not serve, whose refusals are then counted apart and not as failures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expect: Option<Expect>,
}

/// A kind of client and its share of the logins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CohortShare {
    /// How it finds and keeps its way.
    pub cohort: Cohort,
    /// Its share: `"60%"`.
    pub share: Percent,
    /// Its name in reports; that of its kind where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// For `caches-for`: how long it keeps an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caches_for: Option<Span>,
    /// How long a connection may take to open; the environment's where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect_timeout: Option<Span>,
    /// How long one try of a login may take; the environment's where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login_timeout: Option<Span>,
    /// What it does when a try fails; nothing where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<Retry>,
}

/// What a client does when a try of a login fails. A refusal that another try cannot mend (a wrong password) is not tried again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// How the waits go on.
    pub policy: RetryPolicy,
    /// So many tries in all, the first one counted.
    pub tries: u32,
    /// The wait, or for `exponential` the most that the first wait can be.
    pub wait: Span,
    /// For `exponential`: the most that any wait can be; 20 s where left out, as the AWS SDKs have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub longest: Option<Span>,
}

/// How the waits between tries go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RetryPolicy {
    /// Always the same.
    Fixed,
    /// A random time up to a bound that doubles with each try (full jitter).
    Exponential,
}

/// Users who signed in before the fault and go on working: each calls the protected API with its access token, and gets new tokens by
/// its refresh token, wherever DNS leads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionPlan {
    /// How many sessions.
    pub count: u32,
    /// How they are refreshed: `REFRESH_TOKEN_AUTH` or `GET_TOKENS_FROM_REFRESH_TOKEN`.
    pub refresh: Flow,
    /// From one refresh to the next.
    pub refresh_every: Span,
    /// From one call of the protected API to the next.
    pub call_every: Span,
    /// The app client, by its name in the environment; the pool's `client_id` where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// The population, by its name in the environment; the users of `[users]` where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub users: Option<String>,
    /// The cohort of their clients, by name; the first one where left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cohort: Option<String>,
}

/// Something that a replica may not do, tried there in the hold phase.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExpectedLimit {
    /// What is tried.
    pub action: UserAction,
    /// Where.
    #[serde(default = "at_the_replica")]
    pub region: RegionRole,
    /// What must come of it.
    pub expect: Expect,
}

const fn at_the_replica() -> RegionRole {
    RegionRole::Replica
}

impl FlowShare {
    /// A flow that is all that happens, with nothing after it.
    pub fn of(flow: Flow, client: Option<String>, users: Option<String>, share: Percent) -> Self {
        Self { flow, share, client, users, then: Vec::new(), expect: None }
    }

    /// The name in events and reports: the flow, and where they are not the default the app client and the population.
    pub fn label(&self) -> String {
        flow_label(self.flow, self.client.as_deref(), self.users.as_deref())
    }
}

impl SessionPlan {
    /// As [`FlowShare::label`].
    pub fn label(&self) -> String {
        flow_label(self.refresh, self.client.as_deref(), self.users.as_deref())
    }
}

fn flow_label(flow: Flow, client: Option<&str>, users: Option<&str>) -> String {
    let parts: Vec<&str> = client.into_iter().chain(users).collect();
    if parts.is_empty() { flow.as_str().to_owned() } else { format!("{} {}", flow.as_str(), parts.join("/")) }
}

impl CohortShare {
    /// The name in events and reports.
    pub fn label(&self) -> String {
        match (&self.name, self.caches_for) {
            (Some(name), _) => name.clone(),
            (None, Some(time)) => format!("{} {time}", self.cohort.as_str()),
            (None, None) => self.cohort.as_str().to_owned(),
        }
    }
}

impl Phases {
    /// The longest the timed phases can take together.
    pub fn longest(&self) -> Duration {
        self.baseline.0 + self.outage_and_hold() + self.failback.0
    }

    /// How long a fault lasts at most that ends with the restore.
    pub fn outage_and_hold(&self) -> Duration {
        self.outage.0 + self.hold.0
    }
}
