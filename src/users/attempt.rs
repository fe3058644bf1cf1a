//! One login, end to end: resolve, connect, sign in through the SDK, verify the token, call the
//! protected API. A success counts only when all of it holds.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use aws_sdk_cognitoidentityprovider::Client;
use aws_sdk_cognitoidentityprovider::config::timeout::TimeoutConfig;
use aws_sdk_cognitoidentityprovider::config::{BehaviorVersion, Config, Region as SdkRegion};
use aws_sdk_cognitoidentityprovider::types::{AuthFlowType, AuthenticationResultType, ChallengeNameType};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::retry::RetryConfig;
use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use tokio_rustls::TlsConnector;

use crate::dns::ClientCache;
use crate::env::{Pool, Timeouts};
use crate::model::{Clock, Flow, LoginOutcome, LoginStep, Region, RegionRole, Secret, StepTime};
use crate::net::{Connection, TcpStream, connect, server_name};
use crate::srp::{self, Challenge, ClientSession};
use crate::tokens::{Expectations, JwksCache, TokenError};

use super::wire::OneConnection;

/// What is the same for every login of a run.
pub struct Door {
    /// The name that users connect to.
    pub name: String,
    /// The TCP port.
    pub port: u16,
    /// The protected API's path.
    pub api_path: String,
    /// The claim that names the serving Region.
    pub region_claim: Option<String>,
    /// Trusts the front door's authority.
    pub tls: TlsConnector,
    /// Pool and app client.
    pub pool: Pool,
    /// The app client's secret.
    pub client_secret: Option<Secret>,
    /// Scenario time.
    pub clock: Clock,
    /// The users' patience.
    pub timeouts: Timeouts,
    /// Both Regions' keys.
    pub keys: Arc<JwksCache>,
    /// What an access token must be.
    pub expectations: Expectations,
    /// Both Regions and the addresses that lead to each.
    pub regions: Vec<(RegionRole, Region, Vec<IpAddr>)>,
}

impl Door {
    /// The Region that an address leads to.
    pub fn role_of(&self, address: IpAddr) -> Option<RegionRole> {
        self.regions.iter().find(|(_, _, addresses)| addresses.contains(&address)).map(|(role, ..)| *role)
    }

    fn region_named(&self, name: &str) -> Option<(RegionRole, Region)> {
        self.regions
            .iter()
            .find(|(_, region, _)| region.as_str() == name)
            .map(|(role, region, _)| (*role, region.clone()))
    }
}

/// Who logs in, and with what.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// A user name and the password.
    Password(String, Secret),
    /// A user name and a refresh token.
    Refresh(String, Secret),
}

impl Credentials {
    /// Who logs in.
    pub fn user(&self) -> &str {
        match self {
            Self::Password(user, _) | Self::Refresh(user, _) => user,
        }
    }
}

/// How a login finds its addresses.
#[derive(Debug, Clone, Copy)]
pub enum Lookup<'a> {
    /// Through a cohort's cache.
    Cache(&'a ClientCache),
    /// Straight to these.
    Fixed(&'a [IpAddr]),
}

/// A login to make.
#[derive(Debug)]
pub struct Attempt<'a> {
    /// Latency counts from here.
    pub scheduled: Timestamp,
    /// How.
    pub flow: Flow,
    /// Who.
    pub credentials: Credentials,
    /// Where to.
    pub lookup: Lookup<'a>,
    /// Chooses among the addresses of an answer.
    pub choice: u32,
}

/// What became of it.
#[derive(Debug)]
pub struct Ended {
    /// How it ended.
    pub outcome: LoginOutcome,
    /// The address that it connected to.
    pub address: Option<IpAddr>,
    /// Who served.
    pub served: Option<(RegionRole, Region)>,
    /// When the protected API was asked.
    pub api_sent: Option<Timestamp>,
    /// What each step took.
    pub steps: Vec<StepTime>,
    /// A refresh token for later, from a sign-in that gave one.
    pub refresh: Option<Secret>,
}

/// Makes a login within the users' patience.
pub async fn attempt(door: &Door, attempt: &Attempt<'_>) -> Ended {
    let mut progress = Progress::new(door.clock);
    let patience = SignedDuration::try_from(door.timeouts.login.0).unwrap_or(SignedDuration::MAX);
    let deadline = attempt.scheduled.saturating_add(patience).unwrap_or(Timestamp::MAX);
    let work = login(door, attempt, &mut progress);
    let outcome = match tokio::time::timeout_at(door.clock.instant(deadline).into(), work).await {
        Ok(Ok(())) => LoginOutcome::Succeeded,
        Ok(Err(outcome)) => outcome,
        Err(_) => match progress.step {
            LoginStep::Dns => LoginOutcome::DnsFailed,
            LoginStep::Connect => LoginOutcome::ConnectTimeout,
            step => LoginOutcome::Stalled { step },
        },
    };
    let by_address = progress.address.and_then(|address| door.role_of(address));
    let by_address = door.regions.iter().find(|(role, ..)| Some(*role) == by_address);
    let served = progress.served.or_else(|| by_address.map(|(role, region, _)| (*role, region.clone())));
    Ended {
        outcome,
        address: progress.address,
        served,
        api_sent: progress.api_sent,
        steps: progress.steps,
        refresh: progress.refresh,
    }
}

struct Progress {
    clock: Clock,
    step: LoginStep,
    since: Timestamp,
    steps: Vec<StepTime>,
    address: Option<IpAddr>,
    served: Option<(RegionRole, Region)>,
    api_sent: Option<Timestamp>,
    refresh: Option<Secret>,
}

impl Progress {
    fn new(clock: Clock) -> Self {
        Self {
            clock,
            step: LoginStep::Dns,
            since: clock.now(),
            steps: Vec::with_capacity(7),
            address: None,
            served: None,
            api_sent: None,
            refresh: None,
        }
    }

    /// Ends the step under way and begins the next.
    fn next(&mut self, step: LoginStep) {
        self.end();
        self.step = step;
    }

    fn end(&mut self) {
        let now = self.clock.now();
        let ms = now.duration_since(self.since).as_secs_f64() * 1000.0;
        self.steps.push(StepTime { step: self.step, ms });
        self.since = now;
    }
}

async fn login(door: &Door, attempt: &Attempt<'_>, progress: &mut Progress) -> Result<(), LoginOutcome> {
    let addresses = match attempt.lookup {
        Lookup::Fixed(addresses) => addresses.to_vec(),
        Lookup::Cache(cache) => cache.addresses(&door.name).await.map_err(|_| LoginOutcome::DnsFailed)?,
    };
    progress.next(LoginStep::Connect);
    let tcp = open(door, &addresses, attempt.choice, progress).await?;
    progress.next(LoginStep::Tls);
    let name = server_name(&door.name).map_err(|_| LoginOutcome::TlsFailed)?;
    let connection = Connection::open(&door.tls, name, tcp).await.map_err(|error| tls_outcome(&error))?;
    let connection = OneConnection::new(connection);
    let client = client(door, &connection);
    progress.next(LoginStep::InitiateAuth);
    let tokens = match &attempt.credentials {
        Credentials::Password(user, password) if attempt.flow == Flow::UserPassword => {
            in_one_call(
                door,
                &client,
                user,
                AuthFlowType::UserPasswordAuth,
                &[("USERNAME", user), ("PASSWORD", password.expose())],
            )
            .await
        }
        Credentials::Password(user, password) => by_srp(door, &client, user, password, progress).await,
        Credentials::Refresh(user, token) => {
            in_one_call(door, &client, user, AuthFlowType::RefreshTokenAuth, &[("REFRESH_TOKEN", token.expose())]).await
        }
    }?;
    progress.refresh = tokens.refresh_token().map(Secret::new);
    progress.next(LoginStep::VerifyToken);
    let access =
        tokens.access_token().ok_or_else(|| LoginOutcome::TokenInvalid { reason: "no access token".into() })?;
    verify(door, access, progress)?;
    progress.next(LoginStep::ProtectedApi);
    progress.api_sent = Some(door.clock.now());
    protected_api(door, &connection, access).await?;
    progress.end();
    Ok(())
}

async fn open(
    door: &Door,
    addresses: &[IpAddr],
    choice: u32,
    progress: &mut Progress,
) -> Result<TcpStream, LoginOutcome> {
    // As common HTTP clients do: the addresses of an answer share the connect timeout.
    let share = door.timeouts.connect.0 / u32::try_from(addresses.len().max(1)).unwrap_or(u32::MAX);
    let mut outcome = LoginOutcome::DnsFailed;
    for turn in 0..addresses.len() {
        let address = addresses[(choice as usize + turn) % addresses.len()];
        progress.address = Some(address);
        match door.clock.timeout(share, connect(SocketAddr::new(address, door.port))).await {
            Ok(Ok(tcp)) => return Ok(tcp),
            Ok(Err(_)) => outcome = LoginOutcome::ConnectionFailed { step: LoginStep::Connect },
            Err(_) => outcome = LoginOutcome::ConnectTimeout,
        }
    }
    Err(outcome)
}

fn tls_outcome(error: &crate::net::ConnectionError) -> LoginOutcome {
    match error {
        crate::net::ConnectionError::Tls(io) if io.kind() == std::io::ErrorKind::InvalidData => LoginOutcome::TlsFailed,
        _ => LoginOutcome::ConnectionFailed { step: LoginStep::Tls },
    }
}

fn client(door: &Door, connection: &OneConnection) -> Client {
    let patience = door.clock.real(door.timeouts.login.0);
    let timeouts = TimeoutConfig::builder()
        .read_timeout(patience)
        .operation_attempt_timeout(patience)
        .operation_timeout(patience)
        .build();
    let region = door.regions.first().map_or("us-east-1", |(_, region, _)| region.as_str());
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(SdkRegion::new(region.to_owned()))
        .endpoint_url(format!("https://{}:{}", door.name, door.port))
        .retry_config(RetryConfig::disabled())
        .timeout_config(timeouts)
        .http_client(connection.clone())
        .build();
    Client::from_conf(config)
}

fn service<E: ProvideErrorMetadata>(step: LoginStep) -> impl Fn(SdkError<E, HttpResponse>) -> LoginOutcome {
    move |error| match error.code() {
        Some("TooManyRequestsException" | "ThrottlingException") => LoginOutcome::Throttled { step },
        Some(code) => LoginOutcome::Rejected { step, code: code.to_owned() },
        None => match error {
            SdkError::TimeoutError(_) => LoginOutcome::Stalled { step },
            SdkError::ServiceError(service) => {
                LoginOutcome::Rejected { step, code: format!("HTTP {}", service.raw().status().as_u16()) }
            }
            _ => LoginOutcome::ConnectionFailed { step },
        },
    }
}

fn secret_hash(door: &Door, user: &str) -> Option<String> {
    door.client_secret.as_ref().map(|secret| srp::secret_hash(user, &door.pool.client_id, secret))
}

/// A flow that is one call: the password or a refresh token.
async fn in_one_call(
    door: &Door,
    client: &Client,
    user: &str,
    flow: AuthFlowType,
    parameters: &[(&str, &str)],
) -> Result<AuthenticationResultType, LoginOutcome> {
    let mut call = client.initiate_auth().client_id(&door.pool.client_id).auth_flow(flow);
    for (name, value) in parameters {
        call = call.auth_parameters(*name, *value);
    }
    if let Some(hash) = secret_hash(door, user) {
        call = call.auth_parameters("SECRET_HASH", hash);
    }
    let answer = call.send().await.map_err(service(LoginStep::InitiateAuth))?;
    let challenge = answer.challenge_name().map(ToString::to_string);
    answer.authentication_result.ok_or_else(|| unexpected(LoginStep::InitiateAuth, challenge))
}

fn unexpected(step: LoginStep, challenge: Option<String>) -> LoginOutcome {
    let code = challenge.map_or_else(|| "no tokens".to_owned(), |name| format!("challenge {name}"));
    LoginOutcome::Rejected { step, code }
}

async fn by_srp(
    door: &Door,
    client: &Client,
    user: &str,
    password: &Secret,
    progress: &mut Progress,
) -> Result<AuthenticationResultType, LoginOutcome> {
    let session = off_thread(|| ClientSession::new(&mut rand::rng())).await?;
    let mut call = client
        .initiate_auth()
        .client_id(&door.pool.client_id)
        .auth_flow(AuthFlowType::UserSrpAuth)
        .auth_parameters("USERNAME", user)
        .auth_parameters("SRP_A", session.public_a_hex());
    if let Some(hash) = secret_hash(door, user) {
        call = call.auth_parameters("SECRET_HASH", hash);
    }
    let answer = call.send().await.map_err(service(LoginStep::InitiateAuth))?;
    if answer.challenge_name() != Some(&ChallengeNameType::PasswordVerifier) {
        return Err(unexpected(LoginStep::InitiateAuth, answer.challenge_name().map(ToString::to_string)));
    }
    progress.next(LoginStep::RespondToAuthChallenge);
    let incomplete =
        || unexpected(LoginStep::InitiateAuth, Some("PASSWORD_VERIFIER without its parameters".to_owned()));
    let parameter = |name: &str| {
        answer.challenge_parameters().and_then(|parameters| parameters.get(name)).cloned().ok_or_else(incomplete)
    };
    let challenge = Challenge {
        salt_hex: parameter("SALT")?,
        srp_b_hex: parameter("SRP_B")?,
        secret_block_b64: parameter("SECRET_BLOCK")?,
    };
    let (user_id, block) = (parameter("USER_ID_FOR_SRP")?, challenge.secret_block_b64.clone());
    let username = parameter("USERNAME").unwrap_or_else(|_| user_id.clone());
    let timestamp = srp::timestamp(door.clock.now());
    let (pool, password, id, stamp) = (door.pool.id.clone(), password.clone(), user_id, timestamp.clone());
    let claim = off_thread(move || session.claim(&pool, &id, &password, &challenge, &stamp)).await?;
    let claim = claim.map_err(|error| LoginOutcome::Rejected {
        step: LoginStep::RespondToAuthChallenge,
        code: format!("SRP: {error}"),
    })?;
    let mut call = client
        .respond_to_auth_challenge()
        .client_id(&door.pool.client_id)
        .challenge_name(ChallengeNameType::PasswordVerifier)
        .set_session(answer.session().map(str::to_owned))
        .challenge_responses("USERNAME", &username)
        .challenge_responses("PASSWORD_CLAIM_SECRET_BLOCK", block)
        .challenge_responses("PASSWORD_CLAIM_SIGNATURE", claim)
        .challenge_responses("TIMESTAMP", timestamp);
    if let Some(hash) = secret_hash(door, &username) {
        call = call.challenge_responses("SECRET_HASH", hash);
    }
    let answer = call.send().await.map_err(service(LoginStep::RespondToAuthChallenge))?;
    let challenge = answer.challenge_name().map(ToString::to_string);
    answer.authentication_result.ok_or_else(|| unexpected(LoginStep::RespondToAuthChallenge, challenge))
}

/// Exponentiations take milliseconds; on the async threads they would delay other users' clocks.
async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, LoginOutcome> {
    tokio::task::spawn_blocking(work).await.map_err(|_| LoginOutcome::Cancelled)
}

fn verify(door: &Door, token: &str, progress: &mut Progress) -> Result<(), LoginOutcome> {
    let claims = door.keys.verify_access_token(token, &door.expectations, door.clock.now());
    let served = |claims: &crate::tokens::Claims| {
        let name = claims.text(door.region_claim.as_deref()?)?.to_owned();
        door.region_named(&name)
    };
    match claims {
        Ok(claims) => {
            progress.served = served(&claims);
            Ok(())
        }
        Err(TokenError::ClaimMissing { claim }) => Err(LoginOutcome::ClaimMissing { claim }),
        Err(error) => Err(LoginOutcome::TokenInvalid { reason: error.to_string() }),
    }
}

async fn protected_api(door: &Door, connection: &OneConnection, token: &str) -> Result<(), LoginOutcome> {
    let step = LoginStep::ProtectedApi;
    let request = http::Request::get(format!("https://{}:{}{}", door.name, door.port, door.api_path))
        .header("authorization", format!("Bearer {token}"))
        .body(Bytes::new())
        .map_err(|_| LoginOutcome::ConnectionFailed { step })?;
    let response = connection.send(request).await.map_err(|_| LoginOutcome::ConnectionFailed { step })?;
    match response.status().as_u16() {
        200 => Ok(()),
        status => Err(LoginOutcome::ApiRefused { status, reason: String::new() }),
    }
}
