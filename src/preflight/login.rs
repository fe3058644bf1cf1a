//! A login at each Region directly, and the sessions that refresh later.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt;
use futures::future::join_all;
use tokio_rustls::TlsConnector;

use crate::env::Site;
use crate::model::{Clock, LoginOutcome, Region, RegionRole, Severity};
use crate::net::{Connection, connect, server_name};
use crate::scenario::Scenario;
use crate::tokens::{Expectations, Fetch, JwksCache};
use crate::users::Crowd;

use super::{Findings, Question};

/// Sign-ins before the fault whose refresh tokens are used through it.
const SESSIONS: usize = 10;

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
                http::Request::get(format!("/{pool}/.well-known/jwks.json")).header("host", format!("{name}:{port}"));
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

/// Logs in at each Region directly, and opens the sessions.
pub async fn check(crowd: &Crowd, question: &Question<'_>, found: &mut Findings) {
    crowd.door.keys.settled().await;
    for (role, region, addresses) in &crowd.door.regions {
        if addresses.is_empty() {
            continue;
        }
        let ended = crowd.direct(0, addresses).await;
        let (code, title) = match role {
            RegionRole::Primary => ("GD101", "A login at the primary fails"),
            RegionRole::Replica => ("GD102", "A login at the replica fails"),
        };
        let evidence = format!("USER_SRP_AUTH straight to {region}: {}", ended.outcome.label());
        match &ended.outcome {
            LoginOutcome::Succeeded => {}
            LoginOutcome::ClaimMissing { claim } if *role == RegionRole::Replica => found.add(
                "GD402",
                Severity::Risk,
                "The replica's tokens lack a required claim",
                format!("{evidence}: the Pre-Token-Generation trigger in {region} leaves out `{claim}`"),
                "Compare the trigger, its environment variables and its table between the Regions",
            ),
            _ => found.add(
                code,
                match role {
                    RegionRole::Replica if question.allowed.no_replica => Severity::Risk,
                    _ => Severity::Blocker,
                },
                title,
                evidence,
                format!("Make a sign-in work there first; try: aws cognito-idp initiate-auth --region {region} --client-id {}", question.site.pool.client_id),
            ),
        }
    }
    if !found.refused() {
        sessions(crowd, found).await;
    }
}

async fn sessions(crowd: &Crowd, found: &mut Findings) {
    let primary = crowd.door.regions.iter().find(|(role, ..)| *role == RegionRole::Primary);
    let Some((_, _, addresses)) = primary else { return };
    let count = SESSIONS.min(crowd.names.len());
    let logins = join_all((0..count).map(|user| crowd.direct(user, addresses))).await;
    for (user, ended) in logins.into_iter().enumerate() {
        match ended.refresh {
            Some(token) => crowd.sessions.add(crowd.names[user].clone(), token),
            None => found.not_checked(format!("session {}: {}", user + 1, ended.outcome.label())),
        }
    }
}
