//! A login at each Region directly, and the sessions that refresh later.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use tokio_rustls::TlsConnector;

use crate::env::Site;
use crate::model::{Clock, Flow, LoginOutcome, LoginStep, Percent, Region, RegionRole, Severity};
use crate::net::{Connection, connect, host_header, server_name};
use crate::scenario::{FlowShare, Scenario};
use crate::tokens::{Expectations, Fetch, JwksCache};
use crate::users::{Crowd, Token, Way};

use super::checks::{Sight, steps};
use super::{Findings, Question};

/// At least so many sign-ins before the fault, whose refresh tokens are used through it.
const LEAST_SESSIONS: usize = 10;

/// No more than this, so that preflight stays below Cognito's default quota of 120 sign-ins a second.
const MOST_SESSIONS: usize = 100;

/// How many sessions to open of each flow that lives on them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sessions {
    /// Whether one can be opened at all.
    One,
    /// As many as a run needs.
    All,
}

/// What an access token must be.
pub fn expectations(scenario: &Scenario, site: &Site) -> Expectations {
    Expectations {
        pool_id: site.pool.id.clone(),
        client_ids: vec![site.pool.client_id.clone()],
        regions: vec![site.primary.region.clone(), site.replica.region.clone()],
        required_claims: scenario.required_claims.clone(),
    }
}

/// The cache of both Regions' keys, each fetched from its Region directly.
pub fn keys(
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
    let patience = std::time::Duration::from_secs(5);
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
fn patient(crowd: &Crowd, question: &Question<'_>) -> Option<Way> {
    let clock = crowd.door.clock;
    let mut way = Way::new(crowd.load.cohorts.first()?, &question.site.timeouts, &[], clock);
    way.connect = way.connect.mul_f64(clock.speed());
    way.login = way.login.mul_f64(clock.speed());
    Some(way)
}

/// Logs in at each Region directly.
pub async fn check(crowd: &Crowd, question: &Question<'_>, proxy: Option<&str>, found: &mut Findings) {
    crowd.door.keys.settled().await;
    let Some(way) = patient(crowd, question) else { return };
    for (role, region, addresses) in &crowd.door.regions {
        if addresses.is_empty() {
            continue;
        }
        let users = crowd.door.population(None).and_then(|users| users.accounts.first());
        let srp = FlowShare::of(Flow::UserSrp, None, None, Percent(1.0));
        let Some(account) = users else { continue };
        let Some(ended) = crowd.direct(&way, &srp, account, addresses).await else { continue };
        let past = proxy.and_then(|variable| past_the_proxy(variable, &ended.outcome));
        let evidence =
            format!("USER_SRP_AUTH straight to {region}: {}{}", ended.outcome.label(), past.unwrap_or_default());
        let (page, sight) = match &ended.outcome {
            LoginOutcome::Succeeded => continue,
            LoginOutcome::ClaimMissing { claim } if *role == RegionRole::Replica => {
                let trigger = format!("the Pre-Token-Generation trigger in {region} leaves out `{claim}`");
                (steps::CLAIM, Sight::of(format!("{evidence}: {trigger}")))
            }
            _ => {
                let client = &question.site.pool.client_id;
                let command = format!("aws cognito-idp initiate-auth --region {region} --client-id {client}");
                let sight = Sight::of(evidence).remedy(format!("Make a sign-in work there first; try: {command}"));
                match role {
                    RegionRole::Primary => (steps::LOGIN_PRIMARY, sight),
                    RegionRole::Replica if question.allowed.no_replica => {
                        (steps::LOGIN_REPLICA, sight.severity(Severity::Risk))
                    }
                    RegionRole::Replica => (steps::LOGIN_REPLICA, sight),
                }
            }
        };
        found.add(page, sight);
    }
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
            ". Calls to AWS go through the proxy that {variable} names; synthetic users and DNS never do: this machine needs a way of its own \
             to the front doors and to port 53 of the name servers"
        )
    })
}

/// Opens the sessions on whose refresh tokens flows live, by the primary directly.
pub async fn sessions(crowd: &Crowd, open: Sessions, question: &Question<'_>, found: &mut Findings) {
    let Some(way) = patient(crowd, question) else { return };
    let addresses = crowd.door.addresses_of(RegionRole::Primary);
    let arrivals = &crowd.load.arrivals;
    let rate = arrivals.to.map_or(arrivals.rate.0, |to| to.0.max(arrivals.rate.0));
    let patience = crowd.ways.iter().map(|way| way.login).max().unwrap_or_default();
    for flow in crowd.load.flows.iter().filter(|flow| flow.flow.refreshes()) {
        let Some(users) = crowd.door.population(flow.users.as_deref()) else { continue };
        // A token is used by one login at a time: so many that a login which waits in vain does not starve the next ones.
        let needed = rate * flow.share.0 * patience.as_secs_f64() * 1.5;
        let count = match open {
            Sessions::One => 1,
            Sessions::All => (needed.ceil() as usize).clamp(LEAST_SESSIONS, MOST_SESSIONS),
        };
        let sign_in = FlowShare::of(Flow::UserSrp, flow.client.clone(), flow.users.clone(), flow.share);
        let mut opened = 0;
        let mut failed: BTreeMap<String, usize> = BTreeMap::new();
        for number in 0..count {
            let Some(account) = users.accounts.get(number % users.accounts.len().max(1)) else { break };
            let Some(ended) = crowd.direct(&way, &sign_in, account, addresses).await else { break };
            if let Some(refresh) = ended.refresh {
                crowd.tokens.put(&flow.label(), Token { user: account.name.clone(), refresh });
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
            let evidence = format!("{}: none of {count} sign-ins at the primary gave a refresh token", flow.label());
            found.add(steps::SESSIONS, Sight::of(evidence));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
