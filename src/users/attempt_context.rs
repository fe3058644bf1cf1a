//! One try of a login: the connection that it goes through, and what each step takes.

use std::net::{IpAddr, SocketAddr};

use aws_sdk_cognitoidentityprovider::Client;
use aws_sdk_cognitoidentityprovider::config::timeout::TimeoutConfig;
use aws_sdk_cognitoidentityprovider::config::{
    BehaviorVersion, Config, Region as SdkRegion, StalledStreamProtectionConfig,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::retry::RetryConfig;
use bytes::Bytes;
use jiff::Timestamp;

use gameday_core::model::{LoginOutcome, LoginStep, Region, RegionRole, Secret, StepTime};
use gameday_protocols::dns::DnsError;
use gameday_protocols::net::{Connection, ConnectionError, LocalFailure, TcpStream, connect, server_name};
use gameday_protocols::timer::Timer as _;
use gameday_protocols::tokens::{Expectations, SignedBy, TokenError};

use super::client_profile::ClientProfile;
use super::login_target::{AppClient, LoginTarget};
use super::wire::OneConnection;

/// Where a login's addresses come from.
#[derive(Debug, Clone, Copy)]
pub enum Lookup<'a> {
    /// From the way's cache.
    Profile,
    /// They are these.
    Fixed(&'a [IpAddr]),
}

/// A try under way.
pub(super) struct AttemptContext<'a> {
    pub door: &'a LoginTarget,
    pub way: &'a ClientProfile,
    pub client: &'a AppClient,
    pub lookup: Lookup<'a>,
    /// Chooses among the addresses of an answer.
    pub choice: u32,
    /// The step under way.
    pub step: LoginStep,
    /// When it began.
    since: Timestamp,
    pub trace: LoginTrace,
    /// The front door's connection, once there is one.
    connection: Option<OneConnection>,
    /// Connections to other hosts, by name and port: managed login's domain, identity providers.
    others: Vec<(String, u16, OneConnection)>,
}

/// What a try leaves; it outlives a try that is broken off.
#[derive(Debug, Default)]
pub struct LoginTrace {
    /// What each step took.
    pub steps: Vec<StepTime>,
    /// The address that it connected to.
    pub address: Option<IpAddr>,
    /// The Region that the token names; of an ended try else the one of the address.
    pub served: Option<(RegionRole, Region)>,
    /// What the access token of a sign-in says of its signature.
    pub signed_by: Option<SignedBy>,
    /// When the protected API was asked.
    pub api_sent: Option<Timestamp>,
    /// A refresh token for later, from a sign-in that gave one.
    pub refresh: Option<Secret>,
    /// The access token of a sign-in.
    pub access: Option<Secret>,
    /// The pool's own name of the user who signed in.
    pub username: Option<String>,
    /// A user who set a new password and must be put back.
    pub to_put_back: Option<String>,
}

impl<'a> AttemptContext<'a> {
    pub(super) fn new(
        door: &'a LoginTarget,
        way: &'a ClientProfile,
        client: &'a AppClient,
        lookup: Lookup<'a>,
        choice: u32,
    ) -> Self {
        let (step, since) = (LoginStep::Dns, door.clock.now());
        let trace = LoginTrace { steps: Vec::with_capacity(8), ..LoginTrace::default() };
        Self { door, way, client, lookup, choice, step, since, trace, connection: None, others: Vec::new() }
    }

    /// How the try ended when no answer came in time.
    pub(super) fn unanswered(&self) -> LoginOutcome {
        match self.step {
            LoginStep::Dns => LoginOutcome::DnsFailed,
            LoginStep::Connect => LoginOutcome::ConnectTimeout,
            step => LoginOutcome::Stalled { step },
        }
    }

    /// Ends the step under way.
    pub(super) fn end(&mut self) {
        self.close(true);
    }

    /// The try ends in the step under way.
    pub(super) fn break_off(&mut self) {
        self.close(false);
    }

    fn close(&mut self, ended: bool) {
        let now = self.door.clock.now();
        let ms = now.duration_since(self.since).as_secs_f64() * 1000.0;
        self.trace.steps.push(StepTime { step: self.step, ms, ended });
        self.since = now;
    }

    /// Ends the step under way and begins the next.
    pub(super) fn next(&mut self, step: LoginStep) {
        self.end();
        self.step = step;
    }

    /// The connection to the front door: one that the cohort holds, or a new one.
    pub(super) async fn connection(&mut self) -> Result<OneConnection, LoginOutcome> {
        if let Some(connection) = &self.connection {
            return Ok(connection.clone());
        }
        let held = match self.lookup {
            Lookup::Profile => self.way.take(),
            Lookup::Fixed(_) => None,
        };
        let connection = match held {
            Some(held) => {
                self.trace.address = Some(held.address());
                held
            }
            None => self.open().await?,
        };
        self.connection = Some(connection.clone());
        Ok(connection)
    }

    /// A connection to a host by name: the front door's own, one of this try, or a new one by the cohort's DNS.
    pub(super) async fn connection_to(&mut self, host: &str, port: u16) -> Result<OneConnection, LoginOutcome> {
        if port == self.door.port && host.eq_ignore_ascii_case(&self.door.name) {
            return self.connection().await;
        }
        let known = self.others.iter().find(|(name, at, _)| *at == port && name == host);
        if let Some((.., connection)) = known {
            return Ok(connection.clone());
        }
        // Later on in a login, finding the way to another host belongs to the step that needs it.
        let first = self.step == LoginStep::Dns;
        let serving = self.trace.address;
        let addresses = self.way.cache.addresses(host).await.map_err(|error| dns_outcome(&error))?;
        if first {
            self.next(LoginStep::Connect);
        }
        let reached = self.reach(&addresses, port).await;
        // The Region that serves is told by the first host, not by a provider on the way.
        self.trace.address = serving.or(self.trace.address);
        let (tcp, address) = reached?;
        if first {
            self.next(LoginStep::Tls);
        }
        let connection = self.secure(tcp, address, host).await?;
        self.others.push((host.to_owned(), port, connection.clone()));
        Ok(connection)
    }

    /// Gives the connection back to the cohort, after all went well.
    pub(super) fn keep_connection(&mut self) {
        if let (Some(connection), Lookup::Profile) = (self.connection.take(), self.lookup) {
            self.way.give_back(connection);
        }
    }

    async fn open(&mut self) -> Result<OneConnection, LoginOutcome> {
        let door = self.door;
        let addresses = match self.lookup {
            Lookup::Fixed(addresses) => addresses.to_vec(),
            Lookup::Profile => self.way.cache.addresses(&door.name).await.map_err(|error| dns_outcome(&error))?,
        };
        self.next(LoginStep::Connect);
        let mut opened = self.reach(&addresses, door.port).await;
        if opened.is_err() && self.way.tries_replica && matches!(self.lookup, Lookup::Profile) {
            let replica: Vec<IpAddr> =
                door.addresses_of(RegionRole::Replica).into_iter().filter(|at| !addresses.contains(at)).collect();
            if !replica.is_empty() {
                opened = self.reach(&replica, door.port).await;
            }
        }
        let (tcp, address) = opened?;
        self.next(LoginStep::Tls);
        self.secure(tcp, address, &door.name).await
    }

    /// Does the TLS handshake.
    pub(super) async fn secure(&self, tcp: TcpStream, at: IpAddr, host: &str) -> Result<OneConnection, LoginOutcome> {
        let name = server_name(host).map_err(|_| LoginOutcome::TlsFailed)?;
        let connection = Connection::open(&self.door.tls, name, tcp).await.map_err(|error| tls_outcome(&error))?;
        let run = self.door.is_own(host).then(|| self.door.run.clone());
        Ok(OneConnection::new(connection, at, run))
    }

    /// Opens a TCP connection to one of several addresses.
    pub(super) async fn reach(&mut self, addresses: &[IpAddr], port: u16) -> Result<(TcpStream, IpAddr), LoginOutcome> {
        // As common HTTP clients do: the addresses of an answer share the connect timeout.
        let share = self.way.connect / u32::try_from(addresses.len().max(1)).unwrap_or(u32::MAX);
        let (mut outcome, mut local) = (LoginOutcome::DnsFailed, None);
        for turn in 0..addresses.len() {
            let address = addresses[(self.choice as usize + turn) % addresses.len()];
            self.trace.address = Some(address);
            match self.door.clock.timeout(share, connect(SocketAddr::new(address, port))).await {
                Ok(Ok(tcp)) => return Ok((tcp, address)),
                Ok(Err(error)) => match LocalFailure::of(&error) {
                    Some(failure) => local = Some(failure),
                    None => outcome = LoginOutcome::ConnectionFailed { step: LoginStep::Connect },
                },
                Err(_) => outcome = LoginOutcome::ConnectTimeout,
            }
        }
        // An address that this machine could not even try might have answered.
        Err(local.map_or(outcome, own))
    }

    /// Cognito's API through the front door's connection. Calls that are signed are signed for the Region that the address leads to.
    pub(super) fn cognito(&self, connection: &OneConnection) -> Client {
        let door = self.door;
        let patience = door.clock.real(self.way.login);
        let timeouts = TimeoutConfig::builder()
            .read_timeout(patience)
            .operation_attempt_timeout(patience)
            .operation_timeout(patience)
            .build();
        let region = door.region_at(connection.address()).map(|(_, region)| region);
        let region =
            region.or(door.doors.regions().next().map(|(_, region)| region)).map_or("us-east-1", Region::as_str);
        let mut config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(SdkRegion::new(region.to_owned()))
            .endpoint_url(format!("https://{}:{}", door.name, door.port))
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts)
            // It would end a stalled call after 20 s as if its connection had failed, however patient the user is.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .http_client(connection.clone());
        config.set_credentials_provider(door.credentials.clone());
        Client::from_conf(config.build())
    }

    /// `SECRET_HASH` for a user, where the app client has a secret.
    pub(super) fn secret_hash(&self, user: &str) -> Option<String> {
        self.client.secret_hash(user)
    }

    /// Verifies an access token, and notes which Region it names. Gives the name of its user, where it has one.
    pub(super) fn verify(&mut self, token: &str) -> Result<Option<String>, LoginOutcome> {
        let door = self.door;
        match door.keys.verify_access_token(token, &door.expectations, door.clock.now()) {
            Ok(claims) => {
                let named = door.region_claim.as_deref().and_then(|claim| claims.text(claim));
                let named = named.and_then(|name| door.region_named(name));
                self.trace.served = named.map(|(role, region)| (role, region.clone()));
                self.right_region()?;
                Ok(claims.text("username").map(str::to_owned))
            }
            Err(TokenError::ClaimMissing { claim }) => Err(LoginOutcome::ClaimMissing { claim }),
            Err(error) => Err(LoginOutcome::TokenInvalid { reason: error.to_string() }),
        }
    }

    /// Verifies an ID token, which was issued to this try's app client and repeats the word that the try sent.
    pub(super) fn verify_id(&self, token: &str, nonce: Option<&str>) -> Result<(), LoginOutcome> {
        let door = self.door;
        // The mandatory claims are those of the access token; triggers need not add them here, too.
        let (client_ids, required_claims) = (vec![self.client.id.clone()], Vec::new());
        let expected = Expectations { client_ids, required_claims, ..door.expectations.clone() };
        let verified = door.keys.verify_id_token(token, &expected, nonce, door.clock.now());
        verified.map(drop).map_err(|error| LoginOutcome::TokenInvalid { reason: format!("ID token: {error}") })
    }

    /// A token that names another Region than the address leads to came from a trigger, or a front door, that looks across Regions.
    fn right_region(&self) -> Result<(), LoginOutcome> {
        let asked = self.trace.address.and_then(|address| self.door.region_at(address));
        match (asked, &self.trace.served) {
            (Some((role, asked)), Some((other, served))) if role != *other => {
                Err(LoginOutcome::WrongRegion { asked: asked.clone(), served: served.clone() })
            }
            _ => Ok(()),
        }
    }

    /// Asks the protected API.
    pub(super) async fn protected_api(&mut self, token: &str) -> Result<(), LoginOutcome> {
        let (door, step) = (self.door, LoginStep::ProtectedApi);
        let connection = self.connection().await?;
        self.next(step);
        self.trace.api_sent = Some(door.clock.now());
        let request = http::Request::get(format!("https://{}:{}{}", door.name, door.port, door.api_path))
            .header("authorization", format!("Bearer {token}"))
            .body(Bytes::new())
            .map_err(|_| LoginOutcome::ConnectionFailed { step })?;
        let response = connection.send(request).await.map_err(|error| broken(&error, step))?;
        match response.status().as_u16() {
            200 => Ok(()),
            429 => Err(LoginOutcome::Throttled { step }),
            status => Err(LoginOutcome::ApiRefused { status, reason: reason(response.body()) }),
        }
    }
}

/// The most characters of a service's own words that go into a report.
const LONGEST_REASON: usize = 120;

/// `message` of a JSON answer.
fn reason(body: &[u8]) -> String {
    let answer: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    bounded(answer["message"].as_str().unwrap_or_default())
}

/// A longer run without a space or a quote may be a token that the service says again; a UUID has 36 characters.
const LONGEST_WORD: usize = 40;

/// A service's own words, fit for a line of a report, without what may be a token.
pub(super) fn bounded(words: &str) -> String {
    let in_token = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '~' | '+' | '/' | '=');
    let mut told = String::new();
    for word in words.split_inclusive(|c| !in_token(c)) {
        let token = word.trim_end_matches(|c| !in_token(c));
        if token.len() > LONGEST_WORD {
            told.push('…');
            told.push_str(&word[token.len()..]);
        } else {
            told.push_str(word);
        }
    }
    told.chars().filter(|c| !c.is_control()).take(LONGEST_REASON).collect()
}

fn tls_outcome(error: &ConnectionError) -> LoginOutcome {
    match error {
        ConnectionError::Tls(io) if io.kind() == std::io::ErrorKind::InvalidData => LoginOutcome::TlsFailed,
        other => broken(other, LoginStep::Tls),
    }
}

/// What this machine lacked is no failure of a service.
fn own(failure: LocalFailure) -> LoginOutcome {
    LoginOutcome::HarnessFailed { what: failure.to_string() }
}

fn dns_outcome(error: &DnsError) -> LoginOutcome {
    error.local().map_or(LoginOutcome::DnsFailed, own)
}

/// How a login ends whose connection broke.
pub(super) fn broken(error: &(dyn std::error::Error + 'static), step: LoginStep) -> LoginOutcome {
    LocalFailure::of(error).map_or(LoginOutcome::ConnectionFailed { step }, own)
}

/// What an error of an SDK call means for the login.
pub(super) fn service<E: ProvideErrorMetadata>(
    step: LoginStep,
) -> impl Fn(SdkError<E, HttpResponse>) -> LoginOutcome + Copy {
    move |error| match error.code() {
        Some("TooManyRequestsException" | "ThrottlingException") => LoginOutcome::Throttled { step },
        Some(code) => LoginOutcome::Rejected { step, code: code.to_owned() },
        None => match error {
            SdkError::TimeoutError(_) => LoginOutcome::Stalled { step },
            SdkError::ServiceError(service) => {
                LoginOutcome::Rejected { step, code: format!("HTTP {}", service.raw().status().as_u16()) }
            }
            SdkError::DispatchFailure(failure) => match failure.as_connector_error() {
                Some(error) => broken(error, step),
                None => LoginOutcome::ConnectionFailed { step },
            },
            _ => LoginOutcome::ConnectionFailed { step },
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_this_machine_lacked_is_no_failure_of_a_service() {
        let io = |errno: rustix::io::Errno| std::io::Error::from(errno);
        let is_own = |outcome: LoginOutcome| matches!(outcome, LoginOutcome::HarnessFailed { .. });
        assert!(is_own(broken(&io(rustix::io::Errno::MFILE), LoginStep::Tls)));
        assert!(is_own(tls_outcome(&ConnectionError::Tls(io(rustix::io::Errno::NOBUFS)))));
        let reset = io(rustix::io::Errno::CONNRESET);
        assert_eq!(broken(&reset, LoginStep::Token), LoginOutcome::ConnectionFailed { step: LoginStep::Token });
        let (name, server) = ("auth.example.".to_owned(), "192.0.2.1:53".to_owned());
        let local = DnsError::Local { name: name.clone(), server: server.clone(), failure: LocalFailure::Ports };
        assert!(is_own(dns_outcome(&local)));
        let lookup = DnsError::Lookup { name, server, reason: "no such name".to_owned() };
        assert_eq!(dns_outcome(&lookup), LoginOutcome::DnsFailed);
    }

    #[test]
    fn a_service_that_says_the_token_again_does_not_bring_it_into_a_report() {
        let token = "eyJraWQiOiJrIn0.eyJzdWIiOiJ1In0.c2lnbmF0dXJlLXNpZ25hdHVyZS1zaWduYXR1cmU";
        let opaque = "dGhpcyBpcyBhbiBvcGFxdWUgdG9rZW4gb2YgNDggYnl0ZXM=";
        for token in [token, opaque] {
            let body = serde_json::json!({ "message": format!("denied: \"Bearer {token}\" for\nusers") });
            assert_eq!(reason(body.to_string().as_bytes()), "denied: \"Bearer …\" forusers");
        }
        let id = "Request 0f8fad5b-d9cb-469f-a165-70867728950e failed";
        assert_eq!(bounded(id), id);
        assert_eq!(bounded(&"word ".repeat(100)).len(), LONGEST_REASON);
    }
}
