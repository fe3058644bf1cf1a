//! Our own users sign in to Cognito as others have built it: moto, ministack, which really verifies SRP, and cognito-local. Each stands
//! behind a front door of the test's own, with TLS and a protected API that verifies what it gets.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_cognitoidentityprovider::Client;
use aws_sdk_cognitoidentityprovider::config::{BehaviorVersion, Config, Region as SdkRegion};
use aws_sdk_cognitoidentityprovider::types::{
    ExplicitAuthFlowsType, MessageActionType, SmsMfaConfigType, SoftwareTokenMfaConfigType, UserPoolMfaType,
};
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use gameday::users::{
    Account, AppClient, ClientProfile, LoginRequest, LoginResult, LoginTarget, Lookup, Population, Token, Who, login,
};
use gameday_core::env::Timeouts;
use gameday_core::model::{
    AfterLogin, Clock, Cohort, Flow, LoginOutcome, LoginStep, Percent, Region, RegionRole, Secret, Seed,
};
use gameday_core::scenario::{CohortShare, FlowShare};
use gameday_protocols::dns::{Direct, Doors, Server};
use gameday_protocols::net::{self, Connection};
use gameday_protocols::tokens::{Expectations, Fetch, JwksCache};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;

use super::tools::{Running, ministack, node_modules, python_tool, within};

const REGION: &str = "us-east-1";
const HOST: &str = "cognito.gameday.test";
const PASSWORD: &str = "Right-1-horse!";
const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A Cognito that somebody else wrote.
struct Emulator {
    _process: Running,
    at: SocketAddr,
}

impl Emulator {
    fn start(program: &Path, arguments: &[&str], variables: &[(&str, &str)], folder: &Path) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let output = std::fs::File::create(folder.join("emulator.out")).unwrap();
        let filled = |text: &str| text.replace("{port}", &port.to_string());
        let process = Command::new(program)
            .args(arguments.iter().map(|argument| filled(argument)))
            .envs(variables.iter().map(|(name, value)| (*name, filled(value))))
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        let process = Running(process);
        within(Duration::from_mins(1), "the emulator to start", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        Self { _process: process, at: SocketAddr::new(LOCALHOST, port) }
    }
}

fn credentials() -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(Credentials::new("testing", "testing", None, None, "test"))
}

fn administrator(at: SocketAddr) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(SdkRegion::new(REGION))
        .endpoint_url(format!("http://{at}"))
        .credentials_provider(credentials())
        .build();
    Client::from_conf(config)
}

/// A pool with a client without secret and one with, and the keys that it signs with.
struct Pool {
    admin: Client,
    id: String,
    clients: Vec<AppClient>,
    keys: Arc<JwksCache>,
    expectations: Expectations,
}

impl Pool {
    async fn make(at: SocketAddr, clock: Clock) -> Self {
        let admin = administrator(at);
        let pool = admin.create_user_pool().pool_name("customers").send().await.unwrap();
        let id = pool.user_pool().unwrap().id().unwrap().to_owned();
        let mut clients = Vec::new();
        for (name, secret) in [("", false), ("confidential", true)] {
            let call = admin.create_user_pool_client().user_pool_id(&id).client_name("app").generate_secret(secret);
            let call = call
                .explicit_auth_flows(ExplicitAuthFlowsType::AllowUserSrpAuth)
                .explicit_auth_flows(ExplicitAuthFlowsType::AllowUserPasswordAuth)
                .explicit_auth_flows(ExplicitAuthFlowsType::AllowAdminUserPasswordAuth)
                .explicit_auth_flows(ExplicitAuthFlowsType::AllowRefreshTokenAuth);
            let made = call.send().await.unwrap();
            let made = made.user_pool_client().unwrap();
            clients.push(AppClient {
                name: name.to_owned(),
                id: made.client_id().unwrap().to_owned(),
                secret: made.client_secret().filter(|_| secret).map(Secret::new),
                redirect_uri: None,
                scopes: Vec::new(),
            });
        }
        let path = format!("/{id}/.well-known/jwks.json");
        let fetch: Fetch = Arc::new(move || {
            let path = path.clone();
            Box::pin(async move { fetch_from(at, &path).await })
        });
        let keys = Arc::new(JwksCache::start(vec![(Region::from(REGION), fetch)], clock));
        keys.settled().await;
        let expectations = Expectations {
            pool_id: id.clone(),
            client_ids: clients.iter().map(|client| client.id.clone()).collect(),
            regions: vec![Region::from(REGION)],
            required_claims: vec!["username".to_owned()],
        };
        Self { admin, id, clients, keys, expectations }
    }

    /// A user who may sign in, or must set a new password first.
    async fn user(&self, name: &str, permanent: bool) -> Account {
        let call = self.admin.admin_create_user().user_pool_id(&self.id).username(name).temporary_password(PASSWORD);
        call.message_action(MessageActionType::Suppress).send().await.unwrap();
        if permanent {
            let call = self.admin.admin_set_user_password().user_pool_id(&self.id).username(name);
            call.password(PASSWORD).permanent(true).send().await.unwrap();
        }
        Account { name: name.to_owned(), password: Secret::new(PASSWORD), totp_secret: None }
    }

    /// A user with a software token.
    async fn user_with_totp(&self, name: &str, token_of: impl AsyncFnOnce(&Account) -> String) -> Account {
        let call = self.admin.set_user_pool_mfa_config().user_pool_id(&self.id);
        let software = SoftwareTokenMfaConfigType::builder().enabled(true).build();
        call.software_token_mfa_configuration(software)
            .mfa_configuration(UserPoolMfaType::Optional)
            .set_sms_mfa_configuration(None::<SmsMfaConfigType>)
            .send()
            .await
            .unwrap();
        let account = self.user(name, true).await;
        let access = token_of(&account).await;
        let made = self.admin.associate_software_token().access_token(&access).send().await.unwrap();
        let secret = Secret::new(made.secret_code().unwrap());
        let code = code_of(&secret);
        self.admin.verify_software_token().access_token(&access).user_code(code).send().await.unwrap();
        let preference = aws_sdk_cognitoidentityprovider::types::SoftwareTokenMfaSettingsType::builder();
        let preference = preference.enabled(true).preferred_mfa(true).build();
        let call = self.admin.admin_set_user_mfa_preference().user_pool_id(&self.id).username(name);
        call.software_token_mfa_settings(preference).send().await.unwrap();
        Account { totp_secret: Some(secret), ..account }
    }
}

fn code_of(secret: &Secret) -> String {
    let key = totp_rs::Secret::try_from_base32(secret.expose()).unwrap();
    let totp = totp_rs::Builder::new().with_algorithm(totp_rs::Algorithm::SHA1).with_digits(6).with_step_duration(30);
    totp.with_secret(key).build().unwrap().generate(Clock::start(1.0).now().as_second().unsigned_abs()).to_string()
}

async fn fetch_from(at: SocketAddr, path: &str) -> Result<Vec<u8>, String> {
    let tcp = net::connect(at).await.map_err(|error| error.to_string())?;
    let mut connection = Connection::plain(tcp).await.map_err(|error| error.to_string())?;
    let request = http::Request::get(path).header("host", at.to_string()).body(Bytes::new()).unwrap();
    connection.send(request).await.map(|answer| answer.into_body().to_vec()).map_err(|error| error.to_string())
}

#[derive(Clone)]
struct Behind {
    emulator: SocketAddr,
    keys: Arc<JwksCache>,
    expectations: Expectations,
    clock: Clock,
}

/// Passes Cognito's API on.
async fn forward(State(behind): State<Behind>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let tcp = net::connect(behind.emulator).await.unwrap();
    let answer = Connection::plain(tcp).await.unwrap().send(http::Request::from_parts(head, body)).await;
    let Ok(mut answer) = answer else { return StatusCode::BAD_GATEWAY.into_response() };
    // How the emulator ends its connections is between it and this front door (RFC 9110, section 7.6.1).
    answer.headers_mut().remove("connection");
    answer.map(axum::body::Body::from)
}

/// The protected API: the token must be good.
async fn account(State(behind): State<Behind>, request: Request) -> StatusCode {
    let header = request.headers().get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let token = header.strip_prefix("Bearer ").unwrap_or_default();
    let verified = behind.keys.verify_access_token(token, &behind.expectations, behind.clock.now());
    verified.map_or(StatusCode::UNAUTHORIZED, |_| StatusCode::OK)
}

/// TLS in front of an emulator; gives its port and its authority.
fn front_door(behind: Behind) -> (u16, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec![HOST.to_owned()]).unwrap().self_signed(&key).unwrap();
    let acceptor = net::server_tls(
        vec![certificate.der().clone()],
        rustls::pki_types::PrivatePkcs8KeyDer::from(key.serialize_der()).into(),
    );
    let acceptor = acceptor.unwrap();
    let router = Router::new().route("/api/account", get(account)).fallback(forward).with_state(behind);
    let listener = net::listen(SocketAddr::new(LOCALHOST, 0), 64).unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let (acceptor, router) = (acceptor.clone(), router.clone());
            tokio::spawn(async move {
                let Ok(tls) = acceptor.accept(tcp).await else { return };
                let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                let _ = server.serve_connection(TokioIo::new(tls), TowerToHyperService::new(router)).await;
            });
        }
    });
    (port, certificate.pem())
}

/// Our users in front of an emulator.
struct Bench {
    door: LoginTarget,
    way: ClientProfile,
    pool: Pool,
}

impl Bench {
    async fn at(emulator: SocketAddr) -> Self {
        let clock = Clock::start(1.0);
        let pool = Pool::make(emulator, clock).await;
        let (keys, expectations) = (Arc::clone(&pool.keys), pool.expectations.clone());
        let behind = Behind { emulator, keys: Arc::clone(&keys), expectations: expectations.clone(), clock };
        let (port, pem) = front_door(behind);
        let (role, region) = (RegionRole::Primary, Region::from(REGION));
        let primary = Direct { role, region, names: Vec::new(), addresses: vec![LOCALHOST] };
        let door = LoginTarget {
            run: http::HeaderValue::from_static("gd-emulator"),
            name: HOST.to_owned(),
            port,
            api_path: "/api/account".to_owned(),
            region_claim: None,
            tls: net::client_tls(Some(&pem)).unwrap(),
            pool_id: pool.id.clone(),
            clients: pool.clients.clone(),
            managed: None,
            populations: BTreeMap::from([(String::new(), Population::default())]),
            credentials: Some(credentials()),
            admin: pool.admin.clone(),
            clock,
            keys,
            expectations,
            doors: Arc::new(Doors::new(vec![primary], Vec::new())),
        };
        let share = CohortShare {
            cohort: Cohort::FreshLookup,
            share: Percent(1.0),
            name: None,
            caches_for: None,
            connect_timeout: None,
            login_timeout: Some(gameday_core::model::Span::secs(30)),
            retry: None,
        };
        let resolver = Server::at(SocketAddr::new(LOCALHOST, 1), true, Duration::from_secs(1)).unwrap();
        let way = ClientProfile::new(&share, &Timeouts::default(), &[resolver], clock);
        Self { door, way, pool }
    }

    /// A user who must set a new password, and may.
    async fn new_user(&mut self) -> Account {
        let new = self.pool.user("new", false).await;
        let declared = Population::new(vec![new.clone()], true);
        declared.let_set_password([new.name.clone()].into());
        self.door.populations.insert("new".to_owned(), declared);
        new
    }

    async fn login(&self, flow: Flow, client: &str, who: Who) -> LoginResult {
        self.login_and(flow, client, who, Vec::new()).await
    }

    async fn login_and(&self, flow: Flow, client: &str, who: Who, then: Vec<AfterLogin>) -> LoginResult {
        let name = (!client.is_empty()).then(|| client.to_owned());
        let share = FlowShare { then, ..FlowShare::of(flow, name, None, Percent(1.0)) };
        let wanted = LoginRequest {
            scheduled: self.door.clock.now(),
            flow: &share,
            client: self.door.clients.iter().find(|known| known.name == client).unwrap(),
            who,
            lookup: Lookup::Fixed(&[LOCALHOST]),
            choice: 0,
            jitter: Seed(1).stream("emulators"),
        };
        login(&self.door, &self.way, wanted, &tokio_util::sync::CancellationToken::new()).await
    }

    /// Signs in by every flow with every app client, and gives what refreshes.
    async fn succeeds(&self, flows: &[Flow], account: &Account) {
        for client in ["", "confidential"] {
            for flow in flows.iter().filter(|flow| !flow.refreshes()) {
                let ended = self.login(*flow, client, Who::Account(account.clone())).await;
                assert_eq!(ended.outcome, LoginOutcome::Succeeded, "{flow:?} as {client:?} by {}", account.name);
                let refresh = ended.trace.refresh.unwrap_or_else(|| panic!("{flow:?} gave no refresh token"));
                for flow in flows.iter().filter(|flow| flow.refreshes()) {
                    let token = Token::new(account.name.clone(), ended.trace.username.clone(), refresh.clone());
                    let ended = self.login(*flow, client, Who::Token(token)).await;
                    assert_eq!(ended.outcome, LoginOutcome::Succeeded, "{flow:?} as {client:?}");
                }
            }
        }
    }

    async fn refuses(&self, flows: &[Flow], account: &Account) {
        let account = Account { password: Secret::new("Wrong-1-horse!"), ..account.clone() };
        for flow in flows.iter().filter(|flow| !flow.refreshes()) {
            let ended = self.login(*flow, "", Who::Account(account.clone())).await;
            // cognito-local has a word of its own for it.
            let words = ["NotAuthorizedException", "InvalidPasswordException"];
            let refused =
                matches!(&ended.outcome, LoginOutcome::Rejected { code, .. } if words.contains(&code.as_str()));
            assert!(refused, "{flow:?} with a wrong password: {:?}", ended.outcome);
        }
    }

    /// The public client's access token of a user.
    async fn access(&self, account: &Account) -> String {
        let ended = self.login(Flow::UserPassword, "", Who::Account(account.clone())).await;
        ended.trace.access.unwrap_or_else(|| panic!("{:?}", ended.outcome)).expose().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn moto_takes_every_flow_that_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let emulator =
        Emulator::start(&python_tool("moto_server"), &["-H", "127.0.0.1", "-p", "{port}"], &[], folder.path());
    let mut bench = Bench::at(emulator.at).await;
    // It accepts any signature of SRP, so only a wrong password in clear says something.
    let flows = [Flow::UserSrp, Flow::UserPassword, Flow::AdminUserPassword, Flow::RefreshToken];
    let ann = bench.pool.user("ann", true).await;
    bench.succeeds(&flows, &ann).await;
    bench.refuses(&flows[1..], &ann).await;
    let new = bench.new_user().await;
    let ended = bench.login(Flow::UserPassword, "", Who::Account(new)).await;
    assert_eq!(ended.outcome, LoginOutcome::Succeeded);
    assert_eq!(ended.trace.to_put_back.as_deref(), Some("new"));
}

#[tokio::test(flavor = "multi_thread")]
async fn ministack_which_verifies_takes_what_is_right_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let variables = [("BIND_HOST", "127.0.0.1"), ("IOT_MTLS_ENABLED", "0"), ("GATEWAY_PORT", "{port}")];
    let emulator = Emulator::start(&ministack(), &[], &variables, folder.path());
    let mut bench = Bench::at(emulator.at).await;
    let flows =
        [Flow::UserSrp, Flow::UserPassword, Flow::AdminUserPassword, Flow::RefreshToken, Flow::TokensFromRefreshToken];
    let ann = bench.pool.user("ann", true).await;
    bench.succeeds(&flows, &ann).await;
    bench.refuses(&flows, &ann).await;
    let ended = bench.login_and(Flow::UserSrp, "", Who::Account(ann.clone()), vec![AfterLogin::GetUser]).await;
    assert_eq!(ended.outcome, LoginOutcome::Succeeded);
    // It leaves refresh tokens alive, which a sign-out that is believed without a look would not notice.
    let ended = bench.login_and(Flow::UserSrp, "", Who::Account(ann), vec![AfterLogin::GlobalSignOut]).await;
    let code = "the session is still valid after the sign-out".to_owned();
    assert_eq!(ended.outcome, LoginOutcome::Rejected { step: LoginStep::SignOut, code });
    let new = bench.new_user().await;
    let ended = bench.login(Flow::UserSrp, "confidential", Who::Account(new)).await;
    assert_eq!(ended.outcome, LoginOutcome::Succeeded);
    assert_eq!(ended.trace.to_put_back.as_deref(), Some("new"));
    let bob = bench.pool.user_with_totp("bob", async |account: &Account| bench.access(account).await).await;
    let ended = bench.login(Flow::UserSrp, "", Who::Account(bob.clone())).await;
    assert_eq!(ended.outcome, LoginOutcome::Succeeded);
    let wrong = Account { totp_secret: Some(Secret::new("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")), ..bob };
    let ended = bench.login(Flow::UserSrp, "", Who::Account(wrong)).await;
    assert!(matches!(&ended.outcome, LoginOutcome::Rejected { .. }), "{:?}", ended.outcome);
}

#[tokio::test(flavor = "multi_thread")]
async fn cognito_local_takes_passwords_and_refresh_tokens() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join(".cognito")).unwrap();
    let settings = format!(
        "{{\"TokenConfig\": {{\"IssuerDomain\": \"https://cognito-idp.{REGION}.amazonaws.com\"}}, \"UserPoolDefaults\": {{\"UsernameAttributes\": []}}}}"
    );
    std::fs::write(folder.path().join(".cognito/config.json"), settings).unwrap();
    let program = node_modules().join(".bin/cognito-local");
    let emulator = Emulator::start(&program, &[], &[("HOST", "127.0.0.1"), ("PORT", "{port}")], folder.path());
    let bench = Bench::at(emulator.at).await;
    let flows = [Flow::UserPassword, Flow::RefreshToken];
    let ann = bench.pool.user("ann", true).await;
    bench.succeeds(&flows, &ann).await;
    bench.refuses(&flows, &ann).await;
}
