//! A login at each Region directly, and the sessions that refresh later.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use tokio_rustls::TlsConnector;

use crate::users::{ClientProfile, LoadGenerator, LoginResult, TOTP_STEP_SECONDS, Token, Who};
use gameday_core::env::{Pool, Site};
use gameday_core::model::{
    Clock, Expect, Flow, LoginOutcome, LoginStep, Percent, Region, RegionRole, Severity, UserAction,
};
use gameday_core::scenario::{FlowShare, Scenario, UserLoad};
use gameday_protocols::dns::Server;
use gameday_protocols::net::{Connection, connect, host_header, server_name};
use gameday_protocols::timer::Timer as _;
use gameday_protocols::tokens::{Expectations, Fetch, JwksCache};

use super::checks::{Occurrence, RuleMetadata, steps};
use super::facts::Facts;
use super::{Findings, PreflightInput};

/// At least so many sign-ins before the fault, whose refresh tokens are used through it.
const LEAST_SESSIONS: usize = 10;

/// No more than this, so that preflight stays below Cognito's default quota of 120 sign-ins a second.
const MOST_SESSIONS: usize = 100;

/// How many sessions to open of each flow that lives on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sessions {
    /// Whether one can be opened at all.
    One,
    /// As many as a run needs.
    All,
}

/// What an access token must be.
pub(super) fn expectations(scenario: &Scenario, site: &Site) -> Expectations {
    Expectations {
        pool_id: site.pool.id.clone(),
        client_ids: vec![site.pool.client_id.clone()],
        regions: vec![site.primary.region.clone(), site.replica.region.clone()],
        required_claims: scenario.required_claims.clone(),
    }
}

/// The cache of both Regions' keys, each fetched from its Region directly.
pub(super) fn keys(
    site: &Site,
    tls: &TlsConnector,
    regions: &[(RegionRole, Region, Vec<IpAddr>)],
    clock: Clock,
) -> Arc<JwksCache> {
    let sources = regions.iter().map(|(_, region, addresses)| {
        let (tls, addresses) = (tls.clone(), addresses.clone());
        let (name, port, pool) = (site.front_door.name.clone(), site.front_door.port, site.pool.id.clone());
        let fetch: Fetch = Arc::new(move || {
            let (tls, addresses, name, pool) = (tls.clone(), addresses.clone(), name.clone(), pool.clone());
            async move { fetch_keys(&tls, &addresses, &name, port, &pool).await }.boxed()
        });
        (region.clone(), fetch)
    });
    Arc::new(JwksCache::start(sources.collect(), clock))
}

async fn fetch_keys(
    tls: &TlsConnector,
    addresses: &[IpAddr],
    name: &str,
    port: u16,
    pool: &str,
) -> Result<Vec<u8>, String> {
    let patience = Duration::from_secs(5);
    let mut failed = "no address".to_owned();
    for address in addresses {
        let work = async {
            let tcp = connect(SocketAddr::new(*address, port)).await.map_err(|error| error.to_string())?;
            let host = server_name(name).map_err(|error| error.to_string())?;
            let mut connection = Connection::open(tls, host, tcp).await.map_err(|error| error.to_string())?;
            let request =
                http::Request::get(format!("/{pool}/.well-known/jwks.json")).header("host", host_header(name, port));
            let request = request.body(Bytes::new()).map_err(|error| error.to_string())?;
            let response = connection.send(request).await.map_err(|error| error.to_string())?;
            match response.status().as_u16() {
                200 => Ok(response.into_body().to_vec()),
                status => Err(format!("HTTP {status}")),
            }
        };
        match tokio::time::timeout(patience, work).await {
            Ok(Ok(keys)) => return Ok(keys),
            Ok(Err(error)) => failed = format!("{address}: {error}"),
            Err(_) => failed = format!("{address}: no answer within 5 s"),
        }
    }
    Err(failed)
}

/// The first cohort's way, with the patience of real time even where the lab's goes faster: nothing is timed here, and many checks share
/// the processor.
fn patient(crowd: &LoadGenerator, question: &PreflightInput<'_>, resolvers: &[Server]) -> Option<ClientProfile> {
    let clock = crowd.door.clock;
    let mut way = ClientProfile::new(crowd.load.cohorts.first()?, &question.site.timeouts, resolvers, clock);
    way.connect = way.connect.mul_f64(clock.speed());
    way.login = way.login.mul_f64(clock.speed());
    Some(way)
}

/// The scenario's own ways to sign in, each once: by flow, app client and population. What lives on refresh tokens is for [`sessions`]; a
/// scenario that has nothing else is tried by the sign-ins before them.
fn logins(load: &UserLoad) -> Vec<FlowShare> {
    let plain = |flow, client: &Option<String>, users: &Option<String>, expect| {
        let by_itself = FlowShare::of(flow, client.clone(), users.clone(), Percent(1.0));
        FlowShare { expect, ..by_itself }
    };
    let before = |client: &Option<String>, users: &Option<String>| {
        plain(load.sign_in_flow(client.as_deref(), users.as_deref()), client, users, None)
    };
    let (renewals, flows): (Vec<_>, Vec<_>) = load.flows.iter().partition(|flow| flow.flow.refreshes());
    let mut all: Vec<FlowShare> =
        flows.iter().map(|flow| plain(flow.flow, &flow.client, &flow.users, flow.expect)).collect();
    all.extend(load.sessions.iter().map(|plan| before(&plan.client, &plan.users)));
    if all.is_empty() {
        all.extend(renewals.iter().map(|flow| before(&flow.client, &flow.users)));
    }
    let mut seen = BTreeSet::new();
    all.retain(|flow| seen.insert(flow.label()));
    all
}

/// A Region in which a login failed, and how; with the flows of which that is so.
struct Failed {
    role: RegionRole,
    region: Region,
    outcome: LoginOutcome,
    client: String,
    flows: Vec<String>,
}

/// Logs in at each Region directly, in each way in which the scenario does.
pub(super) async fn check(
    crowd: &LoadGenerator,
    facts: &Facts,
    question: &PreflightInput<'_>,
    resolvers: &[Server],
    found: &mut Findings,
) {
    crowd.door.keys.settled().await;
    let Some(way) = patient(crowd, question, resolvers) else { return };
    let mut all: Vec<Failed> = Vec::new();
    for (role, region) in crowd.door.doors.regions() {
        let addresses = crowd.door.addresses_of(role);
        for flow in logins(&crowd.load) {
            if addresses.is_empty() || !is_for(crowd, &flow, role) {
                continue;
            }
            let Some(mut ended) = once(crowd, &way, &flow, &addresses).await else { continue };
            if let Some(token) = ended.trace.signed_by.take() {
                facts.saw(role, token);
            }
            let (Some(outcome), Some(client)) =
                (failure(crowd, &flow, ended), crowd.door.client(flow.flow, flow.client.as_deref()))
            else {
                continue;
            };
            let same = |failed: &&mut Failed| failed.role == role && cause(&failed.outcome) == cause(&outcome);
            if let Some(failed) = all.iter_mut().find(same) {
                failed.flows.push(flow.label());
                continue;
            }
            let (region, client, flows) = (region.clone(), client.id.clone(), vec![flow.label()]);
            all.push(Failed { role, region, outcome, client, flows });
        }
    }
    for failed in all {
        let (page, sight) = told(&failed, question, facts.cloud.primary.ambient.proxy);
        found.add(page, sight);
    }
    expected_limit(crowd, question, &way, found).await;
}

/// Whether a flow can be tried at a Region by itself, and is to work there.
fn is_for(crowd: &LoadGenerator, flow: &FlowShare, role: RegionRole) -> bool {
    let managed = crowd.door.managed.as_ref();
    // A domain of its own leads where its DNS says: the primary, as long as all is well.
    let own = managed.is_some_and(|managed| !managed.domain.eq_ignore_ascii_case(&crowd.door.name));
    let refused = flow.expect == Some(Expect::Refused);
    role == RegionRole::Primary || !(refused || flow.flow.is_managed() && own)
}

/// One login by the next of the flow's users.
async fn once(
    crowd: &LoadGenerator,
    way: &ClientProfile,
    flow: &FlowShare,
    addresses: &[IpAddr],
) -> Option<LoginResult> {
    let login = async || {
        let who = if flow.flow == Flow::ClientCredentials {
            Who::Machine
        } else {
            Who::Account(crowd.next_user(crowd.door.population(flow.users.as_deref())?).await?)
        };
        crowd.direct(way, flow, who, addresses).await
    };
    with_fresh_code(crowd, login).await
}

/// A code that another process has just shown, as a preflight before this one, is of no more use: then once more with the next.
async fn with_fresh_code(crowd: &LoadGenerator, login: impl AsyncFn() -> Option<LoginResult>) -> Option<LoginResult> {
    let ended = login().await?;
    let used = |outcome: &LoginOutcome| matches!(outcome, LoginOutcome::Rejected { code, .. } if code == "ExpiredCodeException");
    if !used(&ended.outcome) {
        return Some(ended);
    }
    crowd.door.clock.sleep(Duration::from_secs(TOTP_STEP_SECONDS.unsigned_abs())).await;
    login().await
}

/// What two logins that fail for one cause have in common: the code of an error, at whatever step it came.
fn cause(outcome: &LoginOutcome) -> String {
    match outcome {
        LoginOutcome::Rejected { code, .. } => code.clone(),
        other => other.label(),
    }
}

/// How a login failed. Who must set a new password and is asked for it gave the right one, and preflight sets none.
fn failure(crowd: &LoadGenerator, flow: &FlowShare, ended: LoginResult) -> Option<LoginOutcome> {
    let new = crowd.door.population(flow.users.as_deref()).is_some_and(|users| users.new_password);
    match ended.outcome {
        LoginOutcome::Succeeded => None,
        LoginOutcome::ChallengeUnsupported { challenge, .. } if new && challenge == "NEW_PASSWORD_REQUIRED" => None,
        // Managed login has a page for it.
        LoginOutcome::ChallengeUnsupported { .. } if new && flow.flow == Flow::ManagedLogin => None,
        outcome => Some(outcome),
    }
}

/// Who is to be refused at the replica must be let in at the primary: who cannot sign in there proves nothing of the replica.
async fn expected_limit(
    crowd: &LoadGenerator,
    question: &PreflightInput<'_>,
    way: &ClientProfile,
    found: &mut Findings,
) {
    let wanted = question.scenario.expectations.iter().any(|limit| limit.action == UserAction::TotpSignIn);
    let Some(account) = crowd.actor(UserAction::TotpSignIn).filter(|_| wanted) else { return };
    let flow = FlowShare::of(crowd.load.sign_in_flow(None, None), None, None, Percent(1.0));
    let primary = crowd.door.addresses_of(RegionRole::Primary);
    let login = async || {
        for users in crowd.door.populations.values().filter(|users| users.accounts.contains(&account)) {
            crowd.code_left(users, &account).await;
        }
        crowd.direct(way, &flow, Who::Account(account.clone()), &primary).await
    };
    let Some(ended) = with_fresh_code(crowd, login).await else { return };
    if ended.outcome != LoginOutcome::Succeeded {
        let evidence = format!(
            "`totp-sign-in` cannot be tested at the replica, because its user cannot sign in at the primary either: {}: {}",
            flow.label(),
            ended.outcome.label()
        );
        found.add(steps::EXPECTATION, Occurrence::of(evidence));
    }
}

fn told(failed: &Failed, question: &PreflightInput<'_>, proxy: Option<&str>) -> (RuleMetadata, Occurrence) {
    let Failed { role, region, outcome, client, flows } = failed;
    let past = proxy.and_then(|variable| past_the_proxy(variable, outcome)).unwrap_or_default();
    let pools = two_pools(*role, &question.site.pool).unwrap_or_default();
    let (first, others) = flows.split_first().map_or(("", &[][..]), |(first, others)| (first.as_str(), others));
    let others = if others.is_empty() { String::new() } else { format!("; the same for {}", others.join(", ")) };
    let evidence = format!("{first} straight to {region}: {}{others}{past}{pools}", outcome.label());
    match outcome {
        LoginOutcome::ClaimMissing { claim } if *role == RegionRole::Replica => {
            let trigger = format!("the Pre-Token-Generation trigger in {region} does not add `{claim}`");
            (steps::CLAIM, Occurrence::of(format!("{evidence}: {trigger}")))
        }
        _ => {
            let without = match role {
                RegionRole::Primary => "",
                RegionRole::Replica => ". To rehearse without a working replica, run with `--allow-no-replica`",
            };
            let sight = Occurrence::of(evidence).remedy(format!(
                "Make a sign-in in {region} work first; try it yourself (add `SECRET_HASH` if the app client has a \
                 secret): `aws cognito-idp initiate-auth --region {region} --client-id {client} --auth-flow \
                 USER_PASSWORD_AUTH --auth-parameters USERNAME=USERNAME,PASSWORD=PASSWORD`{without}"
            ));
            match role {
                RegionRole::Primary => (steps::LOGIN_PRIMARY, sight),
                RegionRole::Replica if question.allowed.no_replica => {
                    (steps::LOGIN_REPLICA, sight.severity(Severity::Risk))
                }
                RegionRole::Replica => (steps::LOGIN_REPLICA, sight),
            }
        }
    }
}

/// What becomes of a login at a pool of the replica Region's own, where nothing translates between the pools.
fn two_pools(role: RegionRole, pool: &Pool) -> Option<String> {
    let own = pool.replica_id.as_ref().filter(|_| role == RegionRole::Replica)?;
    Some(format!(
        ". `pool.replica_id` in the environment file names an independent pool in this Region, {own}, but users sign in at \
         both Regions with the ID, the app clients and the issuer of {}. Two independent pools cannot be rehearsed unless \
         a broker at the endpoint translates between their IDs, app clients, issuers and keys",
        pool.id
    ))
}

/// What a network that lets the proxy out alone does to users, who connect as users do.
fn past_the_proxy(variable: &str, outcome: &LoginOutcome) -> Option<String> {
    let connecting = match outcome {
        LoginOutcome::ConnectTimeout | LoginOutcome::DnsFailed => true,
        LoginOutcome::ConnectionFailed { step } => *step == LoginStep::Connect,
        _ => false,
    };
    connecting.then(|| {
        format!(
            ". Calls to AWS use the proxy in {variable}, but synthetic users and DNS never use it: this machine needs a \
             direct connection to the endpoints and to port 53 of the name servers"
        )
    })
}

/// Opens the sessions on whose refresh tokens flows live, by the primary directly.
pub(super) async fn sessions(
    crowd: &LoadGenerator,
    open: Sessions,
    question: &PreflightInput<'_>,
    resolvers: &[Server],
    found: &mut Findings,
) {
    let Some(way) = patient(crowd, question, resolvers) else { return };
    let addresses = crowd.door.addresses_of(RegionRole::Primary);
    let rate = crowd.load.peak();
    let patience = crowd.ways.iter().map(|way| way.login).max().unwrap_or_default();
    for flow in crowd.load.flows.iter().filter(|flow| flow.flow.refreshes()) {
        let Some(users) = crowd.door.population(flow.users.as_deref()) else { continue };
        // A token is used by one login at a time: so many that a login which waits in vain does not starve the next ones.
        let needed = rate * flow.share.0 * patience.as_secs_f64() * 1.5;
        let count = match open {
            Sessions::One => 1,
            Sessions::All => (needed.ceil() as usize).clamp(LEAST_SESSIONS, MOST_SESSIONS),
        };
        // A code counts once: one session for each user who shows them, or each further one would wait for the next code.
        let count = if users.has_codes() { count.min(users.accounts.len().max(1)) } else { count };
        let by = crowd.load.sign_in_flow(flow.client.as_deref(), flow.users.as_deref());
        let sign_in = FlowShare::of(by, flow.client.clone(), flow.users.clone(), flow.share);
        let mut opened = 0;
        let mut failed: BTreeMap<String, usize> = BTreeMap::new();
        for number in 0..count {
            let account = if users.has_codes() {
                crowd.next_user(users).await
            } else {
                users.accounts.get(number % users.accounts.len().max(1)).cloned()
            };
            let Some(account) = account else { break };
            let who = Who::Account(account.clone());
            let Some(ended) = crowd.direct(&way, &sign_in, who, &addresses).await else { break };
            if let Some(refresh) = ended.trace.refresh {
                crowd.tokens.put(&flow.label(), Token::new(account.name.clone(), ended.trace.username, refresh));
                opened += 1;
            } else {
                *failed.entry(ended.outcome.label()).or_default() += 1;
            }
        }
        for (why, times) in failed {
            let what = format!("{times} of {count} sessions of {} could not be opened: {why}", flow.label());
            found.not_checked(steps::SESSIONS.code, &what);
        }
        if opened == 0 {
            let evidence =
                format!("{}: none of {count} sign-ins at the primary returned a refresh token", flow.label());
            found.add(steps::SESSIONS, Occurrence::of(evidence));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(flows: &str) -> UserLoad {
        let text = include_str!("../../scenarios/full-failover.toml");
        let (before, after) = text.split_once("[[users.flows]]").unwrap();
        let rest = &after[after.find("[[users.cohorts]]").unwrap()..];
        gameday_core::scenario::read_str("scenario.toml", &format!("{before}{flows}\n{rest}"), None)
            .unwrap()
            .value
            .users
    }

    fn tried(flows: &str) -> Vec<String> {
        logins(&load(flows)).iter().map(FlowShare::label).collect()
    }

    #[test]
    fn c05_the_scenarios_own_flows_clients_and_populations_are_tried() {
        let passwords = "[[users.flows]]\nflow = \"USER_PASSWORD_AUTH\"\nclient = \"web\"\nshare = \"60%\"\n";
        let renewals = "[[users.flows]]\nflow = \"REFRESH_TOKEN_AUTH\"\nclient = \"web\"\nshare = \"40%\"\n";
        let both = format!("{passwords}{renewals}");
        assert_eq!(tried(&both), ["USER_PASSWORD_AUTH web"], "the default client and SRP are none of this scenario's");
        // Sessions begin as the scenario's users sign in, for want of such by SRP.
        assert_eq!(load(&both).sign_in_flow(Some("web"), None), Flow::UserPassword);
        assert_eq!(load(&both).sign_in_flow(None, None), Flow::UserSrp);
        assert_eq!(tried(&renewals.replace("40%", "100%")), ["USER_SRP_AUTH web"]);
        let every =
            gameday_core::scenario::read_str("s.toml", include_str!("../../scenarios/every-flow.toml"), None).unwrap();
        let every: Vec<String> = logins(&every.value.users).iter().map(FlowShare::label).collect();
        for flow in ["managed-login", "federated federated", "client-credentials", "ADMIN_USER_PASSWORD_AUTH totp"] {
            assert!(every.iter().any(|label| label.replace(" /", " ") == flow), "{flow}: {every:?}");
        }
        assert!(every.iter().all(|label| !label.contains("REFRESH")), "{every:?}");
    }

    #[test]
    fn c16_two_pools_of_their_own_are_one_refusal_that_points_at_the_key() {
        let pool = Pool {
            id: "us-east-1_AAAAAAAAA".to_owned(),
            replica_id: Some("us-west-2_BBBBBBBBB".to_owned()),
            client_id: "c".to_owned(),
            client_secret: None,
            clients: Vec::new(),
        };
        let told = two_pools(RegionRole::Replica, &pool).unwrap();
        for part in ["`pool.replica_id`", "us-east-1_AAAAAAAAA", "us-west-2_BBBBBBBBB", "cannot be rehearsed"] {
            assert!(told.contains(part), "{part}: {told}");
        }
        assert_eq!(two_pools(RegionRole::Primary, &pool), None);
        assert_eq!(two_pools(RegionRole::Replica, &Pool { replica_id: None, ..pool }), None);
    }

    #[test]
    fn c18_users_who_cannot_connect_past_a_proxy_are_explained() {
        let told = |outcome| past_the_proxy("HTTPS_PROXY", &outcome).is_some_and(|told| told.contains("HTTPS_PROXY"));
        assert!(told(LoginOutcome::ConnectTimeout) && told(LoginOutcome::DnsFailed));
        assert!(told(LoginOutcome::ConnectionFailed { step: LoginStep::Connect }));
        assert!(
            !told(LoginOutcome::ConnectionFailed { step: LoginStep::InitiateAuth }) && !told(LoginOutcome::TlsFailed)
        );
    }
}
