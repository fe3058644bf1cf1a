//! Verifies one token by the key sets of both Regions, and says what it is, or why it is refused.
//!
//! ```text
//! cargo run --example jwks_cache -- us-east-1_EXAMPLE 1example23456789 TOKEN \
//!     us-east-1=https://cognito-idp.us-east-1.amazonaws.com/us-east-1_EXAMPLE/.well-known/jwks.json \
//!     us-west-2=https://cognito-idp.us-west-2.amazonaws.com/us-east-1_EXAMPLE/.well-known/jwks.json
//! ```
//!
//! A service would start the cache once and keep it: keys come in the background from then on, and no request waits for them. Where the
//! servers' certificate authority is not a public one, `TRUST_ROOT` names its PEM file, as for a lab.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::FutureExt;
use gameday_core::model::{Clock, Region};
use gameday_protocols::net::{self, Connection};
use gameday_protocols::tokens::{Claims, Expectations, Fetch, JwksCache, Source, TokenError};

/// How long the first keys may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Gets one document. Called by the cache's own tasks, which give it a timeout.
async fn fetch(url: http::Uri, trust_root: Option<String>) -> Result<Vec<u8>, String> {
    let host = url.host().ok_or("the URL names no host")?.to_owned();
    let port = url.port_u16().unwrap_or(443);
    let tls = net::client_tls(trust_root.as_deref()).map_err(|error| error.to_string())?;
    let found = tokio::net::lookup_host((host.as_str(), port)).await.map_err(|error| error.to_string())?;
    let addresses: Vec<SocketAddr> = found.collect();
    let address = addresses.first().ok_or("the host has no address")?;
    let tcp = net::connect(*address).await.map_err(|error| error.to_string())?;
    let name = net::server_name(&host).map_err(|error| error.to_string())?;
    let mut connection = Connection::open(&tls, name, tcp).await.map_err(|error| error.to_string())?;
    let request = http::Request::get(url.path()).header("host", &host).body(Bytes::new());
    let response = connection.send(request.map_err(|error| error.to_string())?).await;
    let response = response.map_err(|error| error.to_string())?;
    if response.status().is_success() { Ok(response.into_body().to_vec()) } else { Err(response.status().to_string()) }
}

/// `us-east-1=https://…` as a source of keys.
fn source(argument: &str, trust_root: Option<&String>) -> Result<Source, String> {
    let (region, url) = argument.split_once('=').ok_or_else(|| format!("`{argument}` is not REGION=URL"))?;
    let url: http::Uri = url.parse().map_err(|error| format!("`{url}`: {error}"))?;
    let trust_root = trust_root.cloned();
    let keys: Fetch = Arc::new(move || fetch(url.clone(), trust_root.clone()).boxed());
    Ok((Region::from(region), keys))
}

async fn run(arguments: &[String]) -> Result<Result<Claims, TokenError>, String> {
    let [pool, client, token, sources @ ..] = arguments else {
        return Err("usage: jwks_cache POOL CLIENT TOKEN REGION=URL...".to_owned());
    };
    let trust_root = match std::env::var("TRUST_ROOT") {
        Ok(path) => Some(std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?),
        Err(_) => None,
    };
    let sources: Vec<Source> = sources.iter().map(|one| source(one, trust_root.as_ref())).collect::<Result<_, _>>()?;
    let expected = Expectations {
        pool_id: pool.clone(),
        client_ids: vec![client.clone()],
        regions: sources.iter().map(|(region, _)| region.clone()).collect(),
        required_claims: Vec::new(),
    };
    let clock = Clock::start(1.0);
    let keys = JwksCache::start(sources, clock);
    // One Region may be down; the other's keys are enough for its own tokens.
    drop(tokio::time::timeout(PATIENCE, keys.settled()).await);
    for (region, status) in keys.status() {
        eprintln!("{region}: {}", status.error.as_deref().unwrap_or("keys are here"));
    }
    let verdict = keys.verify_access_token(token, &expected, clock.now());
    // An ID token is no access token; what it is for, its own check tells.
    Ok(match verdict {
        Err(TokenError::TokenUse) => keys.verify_id_token(token, &expected, None, clock.now()),
        other => other,
    })
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments).await {
        Ok(Ok(claims)) => {
            let (kind, user) = (claims.text("token_use").unwrap_or("-"), claims.username().unwrap_or("a machine"));
            println!("good: an {kind} token of {user}, signed by {}", claims.region);
            ExitCode::SUCCESS
        }
        Ok(Err(refused)) => {
            println!("refused: {refused}");
            ExitCode::FAILURE
        }
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::from(2)
        }
    }
}
