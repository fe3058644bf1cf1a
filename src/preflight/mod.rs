//! Readiness checks: what must hold before a fault may be injected. Only reads, but for the logins
//! that any user could make. What passed here, and nothing else, can be injected.

pub mod checks;
mod expect;
pub mod facts;
mod identity;
mod login;
mod users;

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use http::HeaderValue;

pub use expect::{Expectation, expect};
pub use identity::account;

use checks::{Occurrence, RuleMetadata, steps};
use facts::{DEFAULT_INTERVAL, DEFAULT_THRESHOLD, Facts, resolvers};
use login::Sessions;

use crate::cloud::{Caller, Cloud, ListError, SecretError};
use crate::faults::{Fault, Part, Plan, State};
use crate::observe;
use crate::users::{ClientProfile, CurrentPhase, LoadGenerator, LoginTarget, PasswordResets, Tokens};
use gameday_core::env::Site;
use gameday_core::model::{Clock, Event, EventLog, Finding, Region, RegionRole, RunId, Seed, Severity};
use gameday_core::scenario::{Direction, FaultKind, FaultSpec, Scenario};
use gameday_protocols::dns::{Direct, DnsError, Doors, Server};
use gameday_protocols::net::{TlsError, client_tls, source_address};

/// What a zone whose servers cannot be asked leaves unseen: whether its record leads anywhere.
const CHECK_OF_SERVERS: &str = "GD501";

/// Everything that a run needs, looked up and found ready.
pub struct Preflighted {
    /// AWS clients.
    pub cloud: Cloud,
    /// Who runs it.
    pub caller: Caller,
    /// The faults with their targets frozen.
    pub plan: Plan,
    /// The synthetic users, with sessions open.
    pub crowd: Arc<LoadGenerator>,
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
    /// What others follow from first, then what refuses a run, then the rest.
    pub findings: Vec<Finding>,
    /// What could not be looked at, and why.
    pub not_checked: Vec<NotChecked>,
}

/// What could not be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotChecked {
    /// The finding that may be there unseen.
    pub code: &'static str,
    /// What was missing.
    pub what: String,
}

impl Display for NotChecked {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        write!(out, "{}: {}", self.code, self.what)
    }
}

impl Findings {
    /// Adds what a page tells of a place.
    pub fn add(&mut self, page: RuleMetadata, sight: Occurrence) {
        self.findings.push(page.finding(sight));
    }

    /// Notes something that could not be looked at.
    pub fn not_checked(&mut self, code: &'static str, what: &impl ToString) {
        self.not_checked.push(NotChecked { code, what: what.to_string() });
    }

    fn join(&mut self, other: Self) {
        self.findings.extend(other.findings);
        self.not_checked.extend(other.not_checked);
        self.findings.sort_by(reason_first);
        self.not_checked.sort_by_key(|missing| missing.code);
    }

    /// Lets a finding that keeps everybody out of a Region tell of the sign-in that failed there: that follows from it, and is no finding
    /// beside it.
    fn explain(&mut self) {
        let pages = [steps::LOGIN_PRIMARY.code, steps::LOGIN_REPLICA.code];
        let (failed, mut rest): (Vec<Finding>, Vec<Finding>) =
            self.findings.drain(..).partition(|finding| pages.contains(&finding.code.as_str()));
        for login in failed {
            let keeps_out = |cause: &&mut Finding| {
                checks::KEEP_OUT.contains(&cause.code.as_str()) && cause.regions == login.regions
            };
            match rest.iter_mut().find(keeps_out) {
                Some(cause) => cause.evidence = format!("{}; {}", cause.evidence, login.evidence),
                None => rest.push(login),
            }
        }
        rest.sort_by(reason_first);
        self.findings = rest;
    }

    /// Marks the findings in spite of which a run goes on.
    fn ignore(&mut self, codes: &[String]) {
        for finding in &mut self.findings {
            finding.ignored = codes.contains(&finding.code) && !checks::is_guard_rail(&finding.code);
        }
    }

    /// Whether a run is refused.
    pub fn refused(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Blocker && !finding.ignored)
    }

    /// Writes them to the event log.
    pub fn write(&self, log: &EventLog) {
        for finding in &self.findings {
            log.write(Event::Finding(finding.clone()));
        }
        for what in &self.not_checked {
            log.write(Event::NotChecked { what: what.to_string() });
        }
    }
}

/// What others follow from comes first, then what refuses a run, then the rest; each by code.
fn reason_first(a: &Finding, b: &Finding) -> Ordering {
    let rank = |finding: &Finding| {
        let code = finding.code.as_str();
        (!checks::EXPLAIN_OTHERS.contains(&code), finding.severity != Severity::Blocker)
    };
    rank(a).cmp(&rank(b)).then_with(|| a.code.cmp(&b.code))
}

/// What `gameday preflight` tells.
#[derive(Debug, Default)]
pub struct PreflightReport {
    /// What was found.
    pub found: Findings,
    /// How often the checks made each call.
    pub calls: BTreeMap<&'static str, usize>,
    /// The codes of the checks that were made and found nothing, in order.
    pub passed: Vec<&'static str>,
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
    Users(#[from] ListError),
    /// The system's resolver could not be used.
    #[error(transparent)]
    Dns(#[from] DnsError),
}

/// What preflight looks at.
#[derive(Debug)]
pub struct PreflightInput<'a> {
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
#[derive(Debug, Clone, Default)]
pub struct Allowed {
    /// Nothing heals the faults if the runner cannot.
    pub no_dead_man: bool,
    /// Nobody can log in at the replica.
    pub no_replica: bool,
    /// Codes of findings in spite of which the run goes on; see [`checks::is_guard_rail`].
    pub ignore: Vec<String>,
}

/// Makes every check, and no more than that.
///
/// # Errors
/// [`PreflightError`] when it cannot even look.
pub async fn look(question: &PreflightInput<'_>) -> Result<PreflightReport, PreflightError> {
    let mut found = Findings::default();
    let (calls, passed) = match begin(question, Sessions::One, &mut found).await? {
        Some(begun) => (begun.facts.calls(), passed(begun.passed, &found)),
        None => (BTreeMap::new(), Vec::new()),
    };
    Ok(PreflightReport { found, calls, passed })
}

/// The checks that found nothing, and the steps that did: sessions are opened only where nothing refuses a run.
fn passed(mut codes: Vec<&'static str>, found: &Findings) -> Vec<&'static str> {
    let made =
        |page: &&RuleMetadata| steps::is_of_preflight(page) && !(found.refused() && page.code == steps::SESSIONS.code);
    codes.extend(steps::ALL.iter().filter(made).map(|page| page.code));
    codes.retain(|code| {
        let is_open = found.not_checked.iter().any(|missing| missing.code == *code);
        !is_open && !found.findings.iter().any(|finding| finding.code == *code)
    });
    codes.sort_unstable();
    codes.dedup();
    codes
}

/// Makes every check. Gives nothing to inject with where a check refused.
///
/// # Errors
/// [`PreflightError`] when it cannot even look.
pub async fn check(question: &PreflightInput<'_>) -> Result<(Findings, Option<Preflighted>), PreflightError> {
    let mut found = Findings::default();
    let begun = begin(question, Sessions::All, &mut found).await?;
    let Some((plan, begun)) =
        begun.filter(|_| !found.refused()).and_then(|mut begun| Some((begun.plan.take()?, begun)))
    else {
        return Ok((found, None));
    };
    let Prepared { caller, facts, crowd, regions, resolvers, .. } = begun;
    let mut plan = Plan::clone(&plan);
    if let Some(settings) = question.site.dead_man.as_ref().filter(|_| !question.allowed.no_dead_man) {
        for fault in &plan.faults {
            plan.scope.insert(Part::Schedules, &fault.region, &settings.group);
        }
    }
    let before = match State::describe(&facts.cloud, &plan.scope).await {
        Ok(before) => before,
        Err(error) => {
            found.add(checks::drill::DESCRIBED, Occurrence::of(error.to_string()));
            return Ok((found, None));
        }
    };
    let targets = targets(question, &facts, resolvers, &crowd.door.doors, &mut found).await;
    let covered = join_all(plan.faults.iter().map(|fault| covered(&facts, fault, &regions))).await;
    let cloud = facts.cloud.clone();
    Ok((found, Some(Preflighted { cloud, caller, plan, crowd: Arc::new(crowd), targets, before, covered })))
}

/// What was looked up on the way.
struct Prepared {
    caller: Caller,
    facts: Facts,
    plan: Option<Arc<Plan>>,
    crowd: LoadGenerator,
    regions: Vec<(RegionRole, Region, Vec<IpAddr>)>,
    resolvers: Vec<Server>,
    /// The codes of the checks that found nothing.
    passed: Vec<&'static str>,
}

/// Looks at everything; gives nothing where it may not even begin to.
async fn begin(
    question: &PreflightInput<'_>,
    open: Sessions,
    found: &mut Findings,
) -> Result<Option<Prepared>, PreflightError> {
    let PreflightInput { scenario, site, .. } = question;
    let cloud = Cloud::connect(site).await?;
    let Some(caller) = account(&cloud, site, found).await else { return Ok(None) };
    question.log.write(Event::Caller { account: caller.account.clone(), arn: caller.arn.clone() });
    identity::surroundings(question, &cloud, found).await;
    let resolvers = resolvers(site)?;
    let facts = Facts::new(Arc::new((*site).clone()), cloud, Arc::new((*scenario).clone()), question.clock)
        .of_run(question.run.clone(), question.allowed.clone());
    let regions = facts.front_doors().await;
    let crowd = crowd(question, &facts.cloud, &resolvers, &regions).await?;
    let mut steps = Findings::default();
    users::check(&crowd, question, &mut steps);
    let sign_in = async {
        login::check(&crowd, &facts, question, &resolvers, &mut steps).await;
        facts.saw_all();
    };
    let (passed, ()) = tokio::join!(checks::look(&facts, found), sign_in);
    found.join(steps);
    found.explain();
    found.ignore(&question.allowed.ignore);
    if !found.refused() {
        login::sessions(&crowd, open, question, &resolvers, found).await;
        found.ignore(&question.allowed.ignore);
    }
    let plan = facts.plan().await.ok();
    Ok(Some(Prepared { caller, facts, plan, crowd, regions, resolvers, passed }))
}

/// The front doors of the primary whose packets a fault stops.
async fn covered(facts: &Facts, fault: &Fault, regions: &[(RegionRole, Region, Vec<IpAddr>)]) -> Vec<IpAddr> {
    // Where it could not be told, GD506 or GD008 were not checked for the same reason.
    let covered = facts.covered(fault).await.unwrap_or_default();
    let primary = regions.iter().filter(|(role, ..)| *role == RegionRole::Primary).flat_map(|(.., list)| list);
    let denied = |address: &IpAddr| fault.blast_radius.from_users_to.iter().any(|range| range.contains(*address));
    let port = facts.site.front_door.port;
    let at_door = |address: &IpAddr| covered.contains(address) && stops_ours(&fault.spec, *address, port);
    primary.filter(|address| at_door(address) || denied(address)).copied().collect()
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

/// The users of a scenario with what they need, as a run has them; checks nothing.
///
/// # Errors
/// [`PreflightError`] when a secret, a list of users or the trust root is not to be read.
pub async fn users(question: &PreflightInput<'_>) -> Result<LoadGenerator, PreflightError> {
    let site = question.site;
    let (cloud, resolvers) = (Cloud::connect(site).await?, resolvers(site)?);
    let facts = Facts::new(Arc::new(site.clone()), cloud.clone(), Arc::new(question.scenario.clone()), question.clock);
    let regions = facts.front_doors().await;
    crowd(question, &cloud, &resolvers, &regions).await
}

async fn crowd(
    question: &PreflightInput<'_>,
    cloud: &Cloud,
    resolvers: &[Server],
    regions: &[(RegionRole, Region, Vec<IpAddr>)],
) -> Result<LoadGenerator, PreflightError> {
    let PreflightInput { scenario, site, run, clock, seed, log, phase, .. } = question;
    let tls = client_tls(site.trust_root_pem.as_deref())?;
    let keys = login::keys(site, &tls, regions, *clock);
    let clients = users::clients(site, cloud).await?;
    let mut expectations = login::expectations(scenario, site);
    expectations.client_ids = clients.iter().map(|client| client.id.clone()).collect();
    let direct = regions.iter().map(|(role, region, addresses)| {
        let names = site.region(*role).direct.clone();
        Direct { role: *role, region: region.clone(), names, addresses: addresses.clone() }
    });
    let direct = direct.collect();
    let door = LoginTarget {
        run: HeaderValue::from_str(run.as_str()).unwrap_or(HeaderValue::from_static("gameday")),
        name: site.front_door.name.clone(),
        port: site.front_door.port,
        api_path: site.front_door.api_path.clone(),
        region_claim: site.front_door.region_claim.clone(),
        tls,
        pool_id: site.pool.id.clone(),
        clients,
        managed: site.managed_login.as_ref().map(users::managed),
        populations: users::populations(site, cloud).await?,
        credentials: cloud.credentials.clone(),
        admin: cloud.primary.cognito.clone(),
        clock: *clock,
        keys,
        expectations,
        doors: Arc::new(Doors::new(direct, resolvers.to_vec())),
    };
    let way = |share| ClientProfile::new(share, &site.timeouts, resolvers, *clock);
    Ok(LoadGenerator {
        door: Arc::new(door),
        ways: scenario.users.cohorts.iter().map(way).collect(),
        load: scenario.users.clone(),
        tokens: Tokens::default(),
        seed: *seed,
        log: Arc::clone(log),
        phase: Arc::clone(phase),
        chores: PasswordResets::default(),
    })
}

async fn targets(
    question: &PreflightInput<'_>,
    facts: &Facts,
    resolvers: Vec<Server>,
    doors: &Arc<Doors>,
    found: &mut Findings,
) -> observe::Targets {
    let site = question.site;
    let authoritative = facts.authoritative().await.unwrap_or_else(|missing| {
        found.not_checked(CHECK_OF_SERVERS, &format!("DNS is measured at the resolvers only: {missing}"));
        Vec::new()
    });
    let check = facts.health_check().await.ok();
    let threshold = check.as_ref().and_then(|check| check.failure_threshold());
    let interval = check.as_ref().and_then(|check| check.request_interval()).unwrap_or(DEFAULT_INTERVAL);
    let interval = Duration::from_secs(u64::from(interval.unsigned_abs()).max(1));
    let set = |setting: Option<bool>| setting == Some(true);
    let set_by_hand = check.as_ref().is_some_and(|check| set(check.disabled()) || set(check.inverted()));
    let inverts = question.scenario.faults.iter().any(|fault| fault.kind == FaultKind::HealthCheckInvert);
    observe::Targets {
        health_check_id: site.dns.health_check_id.clone(),
        may_differ: inverts || set_by_hand,
        record: site.dns.record.clone(),
        authoritative,
        failure_threshold: u32::try_from(threshold.unwrap_or(DEFAULT_THRESHOLD)).unwrap_or(1),
        request_interval: interval,
        resolvers,
        primary: doors
            .addresses_of(RegionRole::Primary)
            .into_iter()
            .map(|address| SocketAddr::new(address, site.front_door.port))
            .collect(),
        doors: Arc::clone(doors),
        canary: site.users.canary.clone().map(|canary| (site.pool.clone(), canary)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a16_the_reason_for_a_refusal_comes_first() {
        let finding = |code: &str| {
            checks::pages().iter().find(|page| page.code == code).unwrap().finding(Occurrence::of("us-east-1: seen"))
        };
        let codes = ["GD101", "GD502", "GD506", "GD901", "GD910"];
        let mut found = Findings { findings: codes.map(finding).into(), not_checked: Vec::new() };
        found.explain();
        let told: Vec<_> = found.findings.iter().map(|finding| finding.code.as_str()).collect();
        assert_eq!(told[..3], ["GD910", "GD101", "GD506"], "{told:?}");
        let blockers = found.findings.iter().map(|finding| finding.severity != Severity::Blocker);
        assert!(blockers.is_sorted(), "{told:?}");
    }

    #[test]
    fn a_failed_login_is_told_by_what_keeps_everybody_out_of_that_region() {
        let finding = |code: &str, sight| checks::pages().iter().find(|page| page.code == code).unwrap().finding(sight);
        let login =
            |code, region| finding(code, Occurrence::of(format!("USER_SRP_AUTH straight to {region}: refused")));
        let key = finding("GD206", Occurrence::of("kms:GetKeyPolicy in us-west-2").at(RegionRole::Replica));
        let all = vec![login("GD101", "us-east-1"), login("GD102", "us-west-2"), key];
        let mut found = Findings { findings: all, not_checked: Vec::new() };
        found.explain();
        let told: Vec<_> = found.findings.iter().map(|finding| finding.code.as_str()).collect();
        assert_eq!(told, ["GD101", "GD206"]);
        assert!(found.findings[1].evidence.ends_with("straight to us-west-2: refused"));
    }
}
