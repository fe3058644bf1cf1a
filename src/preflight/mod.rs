//! Readiness checks: what must hold before a fault may be injected. Only reads, but for the logins
//! that any user could make. What passed here, and nothing else, can be injected.

pub mod checks;
mod expect;
pub mod facts;
mod guard;
mod login;
mod people;
mod routing;

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

pub use expect::{Expectation, expect};
use facts::Facts;

use crate::cloud::{Cloud, CloudError, SecretError};
use crate::dns::{DnsError, Server};
use crate::env::Site;
use crate::faults::{self, FaultError, Plan, State};
use crate::model::{Clock, Event, EventLog, Finding, Region, RegionRole, RunId, Seed, Severity};
use crate::net::{TlsError, client_tls, source_address};
use crate::observe;
use crate::scenario::{Direction, FaultKind, FaultSpec, Scenario};
use crate::users::{Chores, Crowd, CurrentPhase, Door, Tokens, Way};

/// How long a single DNS question may take, in real time.
const DNS_PATIENCE: Duration = Duration::from_secs(2);

/// Everything that a run needs, looked up and found ready.
pub struct Preflighted {
    /// AWS clients.
    pub cloud: Cloud,
    /// The faults with their targets frozen.
    pub plan: Plan,
    /// The synthetic users, with sessions open.
    pub crowd: Arc<Crowd>,
    /// What observers look at.
    pub targets: observe::Targets,
    /// What the faults change, as it was before.
    pub before: State,
    /// The front doors of the primary whose packets each fault stops, in the order of the faults.
    pub covered: Vec<Vec<IpAddr>>,
}

/// What preflight found.
#[derive(Debug, Default)]
pub struct Findings {
    /// In the order of the checks.
    pub findings: Vec<Finding>,
    /// What could not be looked at, and why.
    pub not_checked: Vec<String>,
}

impl Findings {
    /// Adds a finding.
    pub fn add(
        &mut self,
        code: &str,
        severity: Severity,
        title: &str,
        evidence: impl Into<String>,
        remedy: impl Into<String>,
    ) {
        self.findings.push(Finding {
            code: code.to_owned(),
            severity,
            title: title.to_owned(),
            evidence: evidence.into(),
            remedy: remedy.into(),
        });
    }

    /// Notes something that could not be looked at.
    pub fn not_checked(&mut self, what: impl Into<String>) {
        self.not_checked.push(what.into());
    }

    /// Whether a run is refused.
    pub fn refused(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Blocker)
    }

    /// Writes them to the event log.
    pub fn write(&self, log: &EventLog) {
        for finding in &self.findings {
            log.write(Event::Finding(finding.clone()));
        }
        for what in &self.not_checked {
            log.write(Event::NotChecked { what: what.clone() });
        }
    }
}

/// Preflight itself could not go on: what it needs to look with is missing.
#[derive(Debug, thiserror::Error)]
pub enum PreflightError {
    /// A secret could not be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The trust root or the system's certificate authorities could not be read.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A list of users could not be read.
    #[error(transparent)]
    Users(#[from] people::ListError),
    /// The system's resolver could not be used.
    #[error(transparent)]
    Dns(#[from] DnsError),
}

/// What preflight looks at.
#[derive(Debug)]
pub struct Question<'a> {
    /// What is to break, and who logs in.
    pub scenario: &'a Scenario,
    /// Where.
    pub site: &'a Site,
    /// The run, for tags.
    pub run: &'a RunId,
    /// Scenario time.
    pub clock: Clock,
    /// Every random draw of the crowd follows from it.
    pub seed: Seed,
    /// Where logins of the crowd will be written.
    pub log: &'a Arc<EventLog>,
    /// The phase under way.
    pub phase: &'a Arc<CurrentPhase>,
    /// What its user allows.
    pub allowed: Allowed,
}

/// What the user of a run allows that would be refused else.
#[derive(Debug, Clone, Copy, Default)]
pub struct Allowed {
    /// Nothing heals the faults if the runner cannot.
    pub no_dead_man: bool,
    /// Nobody can log in at the replica.
    pub no_replica: bool,
}

/// Makes every check. Gives nothing to inject with where a check refused.
///
/// # Errors
/// [`PreflightError`] when it cannot even look.
pub async fn check(question: &Question<'_>) -> Result<(Findings, Option<Preflighted>), PreflightError> {
    let Question { scenario, site, run, .. } = question;
    let mut found = Findings::default();
    let cloud = Cloud::connect(site).await?;
    if !account(&cloud, site, &mut found).await {
        return Ok((found, None));
    }
    let facts = Facts::new(Arc::new((*site).clone()), cloud.clone(), Arc::new((*scenario).clone()), question.clock);
    checks::look(&facts, &mut found).await;
    let resolvers = resolvers(site)?;
    let mut regions = Vec::new();
    for role in [RegionRole::Primary, RegionRole::Replica] {
        let env = site.region(role);
        regions.push((role, env.region.clone(), direct(&resolvers, env, role, &mut found).await));
    }
    let plan = match faults::plan(&scenario.faults, site, &cloud, run).await {
        Ok(plan) => Some(plan),
        Err(error) => {
            fault_finding(&error, &mut found);
            None
        }
    };
    let faults = plan.as_ref().map(|plan| plan.faults.as_slice()).unwrap_or_default();
    let routing = routing::check(&cloud, site, &resolvers, &regions, faults, &mut found).await?;
    let crowd = crowd(question, &cloud, &resolvers, &regions).await?;
    people::check(&crowd, question, &mut found);
    login::check(&crowd, question, &mut found).await;
    if let Some(plan) = &plan {
        guard::check(question, &cloud, plan, &mut found).await;
    }
    let Some(plan) = plan.filter(|_| !found.refused()) else {
        return Ok((found, None));
    };
    let before = match State::describe(&cloud, &plan.scope).await {
        Ok(before) => before,
        Err(error) => {
            fault_finding(&error.into(), &mut found);
            return Ok((found, None));
        }
    };
    let covered = covered(&plan, &routing, &regions, site.front_door.port);
    let targets = targets(site, &scenario.faults, routing, resolvers, &regions);
    Ok((found, Some(Preflighted { cloud, plan, crowd: Arc::new(crowd), targets, before, covered })))
}

fn covered(
    plan: &Plan,
    routing: &routing::Routing,
    regions: &[(RegionRole, Region, Vec<IpAddr>)],
    port: u16,
) -> Vec<Vec<IpAddr>> {
    let primary = regions.iter().filter(|(role, ..)| *role == RegionRole::Primary).flat_map(|(.., list)| list);
    let of = |(fault, covered): (&faults::Fault, &BTreeSet<IpAddr>)| {
        let denied = |address: &IpAddr| fault.cover.from_users_to.iter().any(|range| range.contains(*address));
        let at_door = |address: &IpAddr| covered.contains(address) && stops_ours(&fault.spec, *address, port);
        primary.clone().filter(|address| at_door(address) || denied(address)).copied().collect()
    };
    plan.faults.iter().zip(&routing.covered).map(of).collect()
}

/// Whether a fault at a front door stops what comes from here. One that stops chosen traffic alone may not, and then our probes
/// tell nothing of it.
fn stops_ours(fault: &FaultSpec, door: IpAddr, port: u16) -> bool {
    let ours = |from: IpAddr| fault.cidrs.iter().any(|range| range.contains(from));
    let from_here = fault.cidrs.is_empty() || source_address(SocketAddr::new(door, port)).is_ok_and(ours);
    let inbound = fault.direction != Some(Direction::Egress);
    let to_door =
        fault.ports.is_empty() || inbound && fault.ports.iter().any(|range| (range.from..=range.to).contains(&port));
    from_here && to_door
}

/// Whether the credentials belong to an account that the environment allows; finds it otherwise.
pub async fn account(cloud: &Cloud, site: &Site, found: &mut Findings) -> bool {
    let answer = cloud.sts.get_caller_identity().send().await.map_err(CloudError::of("sts:GetCallerIdentity"));
    let identity = match answer {
        Ok(identity) => identity,
        Err(error) => {
            found.add(
                "GD001",
                Severity::Blocker,
                "AWS does not accept the credentials",
                error.to_string(),
                "Sign in (aws sso login), export credentials, or set `credentials` in the environment file; then: aws sts get-caller-identity",
            );
            return false;
        }
    };
    let account = identity.account().unwrap_or_default();
    let allowed = site.account.allowed.iter().any(|allowed| allowed.as_str() == account);
    if !allowed {
        let list: Vec<&str> = site.account.allowed.iter().map(crate::model::AccountId::as_str).collect();
        found.add(
            "GD901",
            Severity::Blocker,
            "The credentials belong to an account that the environment does not allow",
            format!(
                "sts:GetCallerIdentity answered {account} ({}); allowed: {}",
                identity.arn().unwrap_or("-"),
                list.join(", ")
            ),
            "Use credentials of an allowed account, or add the account to `account.allowed` of the environment file",
        );
    }
    allowed
}

fn resolvers(site: &Site) -> Result<Vec<Server>, DnsError> {
    if site.dns.resolvers.is_empty() {
        return Ok(vec![Server::system(DNS_PATIENCE)?]);
    }
    site.dns.resolvers.iter().map(|address| Server::at(*address, true, DNS_PATIENCE)).collect()
}

async fn direct(
    resolvers: &[Server],
    env: &crate::env::RegionEnv,
    role: RegionRole,
    found: &mut Findings,
) -> Vec<IpAddr> {
    let mut addresses = BTreeSet::new();
    for name in &env.direct {
        match resolve(resolvers, name).await {
            Ok(answer) => addresses.extend(answer),
            Err(error) => found.add(
                "GD510",
                Severity::Blocker,
                "A front door's direct name does not resolve",
                format!("{name} of the {} Region: {error}", role.as_str()),
                format!("Correct `{}.direct` in the environment file; then: dig {name}", role.as_str()),
            ),
        }
    }
    addresses.into_iter().collect()
}

/// Asks resolvers in order until one answers.
async fn resolve(resolvers: &[Server], name: &str) -> Result<Vec<IpAddr>, String> {
    let mut failed = "no resolver is configured".to_owned();
    for server in resolvers {
        match server.addresses(name).await {
            Ok(answer) => return Ok(answer.addresses),
            Err(error) => failed = error.to_string(),
        }
    }
    Err(failed)
}

fn fault_finding(error: &FaultError, found: &mut Findings) {
    let (code, remedy) = match error {
        FaultError::Quota(_) => {
            ("GD602", "Raise the quota (aws service-quotas), or delete ACLs and rules that nothing uses")
        }
        FaultError::Cloud(_) => {
            ("GD003", "Grant the missing permission or correct the ID; then: gameday plan SCENARIO --env FILE")
        }
        _ => (
            "GD002",
            "Correct `subnets` in the environment file or `targets` in the scenario; then: gameday plan SCENARIO --env FILE",
        ),
    };
    found.add(code, Severity::Blocker, "A fault's targets cannot be resolved", error.to_string(), remedy);
}

/// The users of a scenario with what they need, as a run has them; checks nothing.
///
/// # Errors
/// [`PreflightError`] when a secret, a list of users or the trust root is not to be read.
pub async fn users(question: &Question<'_>) -> Result<Crowd, PreflightError> {
    let site = question.site;
    let (cloud, resolvers) = (Cloud::connect(site).await?, resolvers(site)?);
    let mut regions = Vec::new();
    for role in [RegionRole::Primary, RegionRole::Replica] {
        let env = site.region(role);
        let addresses = direct(&resolvers, env, role, &mut Findings::default()).await;
        regions.push((role, env.region.clone(), addresses));
    }
    crowd(question, &cloud, &resolvers, &regions).await
}

async fn crowd(
    question: &Question<'_>,
    cloud: &Cloud,
    resolvers: &[Server],
    regions: &[(RegionRole, Region, Vec<IpAddr>)],
) -> Result<Crowd, PreflightError> {
    let Question { scenario, site, clock, seed, log, phase, .. } = question;
    let tls = client_tls(site.trust_root_pem.as_deref())?;
    let keys = login::keys(site, &tls, regions, *clock);
    let clients = people::clients(site, cloud).await?;
    let mut expectations = login::expectations(scenario, site);
    expectations.client_ids = clients.iter().map(|client| client.id.clone()).collect();
    let door = Door {
        name: site.front_door.name.clone(),
        port: site.front_door.port,
        api_path: site.front_door.api_path.clone(),
        region_claim: site.front_door.region_claim.clone(),
        tls,
        pool_id: site.pool.id.clone(),
        clients,
        managed: site.managed_login.as_ref().map(people::managed),
        populations: people::populations(site, cloud).await?,
        credentials: cloud.credentials.clone(),
        admin: cloud.primary.cognito.clone(),
        clock: *clock,
        keys,
        expectations,
        regions: regions.to_vec(),
    };
    let way = |share| Way::new(share, &site.timeouts, resolvers, *clock);
    Ok(Crowd {
        door: Arc::new(door),
        ways: scenario.users.cohorts.iter().map(way).collect(),
        load: scenario.users.clone(),
        tokens: Tokens::default(),
        seed: *seed,
        log: Arc::clone(log),
        phase: Arc::clone(phase),
        chores: Chores::default(),
    })
}

fn targets(
    site: &Site,
    faults: &[FaultSpec],
    routing: routing::Routing,
    resolvers: Vec<Server>,
    regions: &[(RegionRole, Region, Vec<IpAddr>)],
) -> observe::Targets {
    let of = |role| regions.iter().filter(move |(own, ..)| *own == role).flat_map(|(_, _, addresses)| addresses);
    observe::Targets {
        health_check_id: site.dns.health_check_id.clone(),
        may_be_inverted: faults.iter().any(|fault| fault.kind == FaultKind::HealthCheckInvert),
        record: site.dns.record.clone(),
        authoritative: routing.authoritative,
        failure_threshold: routing.failure_threshold,
        resolvers,
        primary: of(RegionRole::Primary).map(|address| SocketAddr::new(*address, site.front_door.port)).collect(),
        regions: regions.iter().flat_map(|(role, _, list)| list.iter().map(|address| (*address, *role))).collect(),
        canary: site.users.canary.clone().map(|canary| (site.pool.id.clone(), canary)),
    }
}
