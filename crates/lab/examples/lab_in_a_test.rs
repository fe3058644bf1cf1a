//! The lab in a test of another project: it starts two Regions on loopback, has that project's sign-in code log a user in at each of
//! them, and verifies the tokens with the keys that the lab serves.
//!
//! ```text
//! cargo run -p gameday-lab --example lab_in_a_test
//! ```
//!
//! `sign_in` is the code under test. `main` is what the test does: there, `#[tokio::test]` takes the place of `#[tokio::main]`, and
//! assertions take the place of what is printed. The test needs no AWS account, no network beyond loopback and no root. It needs Linux,
//! where every address of 127.0.0.0/8 is local. Several labs can run at the same time, since each takes free ports.

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

use aws_sdk_cognitoidentityprovider::config::{BehaviorVersion, Region};
use aws_sdk_cognitoidentityprovider::types::AuthFlowType;
use aws_sdk_cognitoidentityprovider::{Client, Config};
use bytes::Bytes;
use gameday_core::env::{Environment, LabSettings, RegionEnv, SecretRef};
use gameday_core::model::{Clock, Seed, Span};
use gameday_lab::{Lab, LabOptions};
use gameday_protocols::dns::Server;
use gameday_protocols::net::{self, Connection};
use gameday_protocols::tokens::{Expectations, JwksCache};

/// How long the lab's resolver may take for one answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// The code under test: signs a user in with the AWS SDK and gives the access token. Nothing in it knows of the lab.
async fn sign_in(cognito: &Client, client_id: &str, user: &str, password: &str) -> Result<String, Box<dyn Error>> {
    let answer = cognito
        .initiate_auth()
        .auth_flow(AuthFlowType::UserPasswordAuth)
        .client_id(client_id)
        .auth_parameters("USERNAME", user)
        .auth_parameters("PASSWORD", password)
        .send()
        .await
        .map_err(aws_sdk_cognitoidentityprovider::Error::from)?;
    let tokens = answer.authentication_result().ok_or("Cognito asks for a further challenge")?;
    Ok(tokens.access_token().ok_or("no access token")?.to_owned())
}

/// A client of the AWS SDK for one Region. Against AWS, `endpoint_url` is left out.
fn cognito(region: &RegionEnv) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region.region.to_string()))
        .endpoint_url(&region.endpoints["cognito-idp"])
        // InitiateAuth is not signed. Administrators' calls need the access key in `Environment::credentials`.
        .allow_no_auth()
        .build();
    Client::from_conf(config)
}

/// Gets the key set of one Region by plain HTTPS, as any validator does: it asks the lab's resolver for the address, and trusts the lab's
/// certificate authority.
async fn keys(lab: &Lab, environment: &Environment, region: &RegionEnv) -> Result<Vec<u8>, Box<dyn Error>> {
    let pool = environment.pool.as_ref().ok_or("the environment has no pool")?;
    let endpoint = environment.front_door.as_ref().ok_or("the environment has no endpoint")?;
    let dns = environment.dns.as_ref().ok_or("the environment has no DNS")?;
    let name = region.direct.first().ok_or("the Region has no name of its own")?;
    let resolver = dns.resolvers.first().ok_or("the environment has no resolver")?;
    let answer = Server::at(*resolver, true, PATIENCE)?.addresses(name).await?;
    let address = answer.addresses.first().ok_or("the name has no address")?;
    let tcp = net::connect(SocketAddr::new(*address, endpoint.port)).await?;
    let tls = net::client_tls(Some(lab.trust_root_pem()))?;
    let mut connection = Connection::open(&tls, net::server_name(&endpoint.name)?, tcp).await?;
    let url = format!("https://{}:{}/{}/.well-known/jwks.json", endpoint.name, endpoint.port, pool.id);
    let answer = connection.send(http::Request::get(url).body(Bytes::new())?).await?;
    if answer.status().is_success() { Ok(answer.into_body().to_vec()) } else { Err(answer.status().to_string().into()) }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let clock = Clock::start(1.0);
    // Two users are enough. Without a replication lag, both Regions agree at once.
    let settings = LabSettings { users: 2, lag_median: Span::default(), ..LabSettings::default() };
    // The same seed gives the same names, IDs and random draws in every run. Passwords and keys are new each time.
    let lab = Lab::start(LabOptions::new(settings, clock, Seed(7))).await?;

    let environment = lab.environment();
    let pool = environment.pool.as_ref().ok_or("the environment has no pool")?;
    let users = environment.users.as_ref().ok_or("the environment has no users")?;
    let user = users.names.first().ok_or("the lab has no user")?;
    let Some(SecretRef::Literal(password)) = &users.password else { return Err("the users have no password".into()) };
    let regions: Vec<&RegionEnv> = environment.primary.iter().chain(&environment.replica).collect();

    let mut documents = Vec::new();
    for region in &regions {
        documents.push((region.region.clone(), keys(&lab, &environment, region).await?));
    }
    let cache = JwksCache::of_documents(documents)?;
    let expected = Expectations {
        pool_id: pool.id.clone(),
        client_ids: vec![pool.client_id.clone()],
        regions: regions.iter().map(|region| region.region.clone()).collect(),
        required_claims: Vec::new(),
    };
    for region in &regions {
        let token = sign_in(&cognito(region), &pool.client_id, user, password.expose()).await?;
        let claims = cache.verify_access_token(&token, &expected, clock.now())?;
        println!("{user} is signed in at {}, by a key of {}", region.region, claims.region);
    }

    let Err(refused) = sign_in(&cognito(regions[0]), &pool.client_id, user, "wrong").await else {
        return Err("a wrong password was accepted".into());
    };
    println!("a wrong password is refused: {refused}");
    lab.shutdown().await;
    Ok(())
}
