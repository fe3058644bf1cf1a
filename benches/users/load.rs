//! Many users at once: how late arrivals start, and how much memory logins in flight take.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{env, fs};

use aws_sdk_cognitoidentityprovider::config::{BehaviorVersion, Config, Region as SdkRegion};
use bytes::Bytes;
use gameday::users::{
    Account, AppClient, ClientProfile, CurrentPhase, LoadGenerator, LoginRequest, LoginTarget, Lookup, Population,
    Tokens, Who, login,
};
use gameday_core::env::Timeouts;
use gameday_core::model::{Clock, Event, EventLog, LoginOutcome, Record, Secret, Seed, Span, read_log};
use gameday_core::scenario::UserLoad;
use gameday_protocols::dns::Server;
use gameday_protocols::net::{Connection, client_tls, connect, listen, server_name, server_tls};
use gameday_protocols::tokens::{Expectations, Fetch, JwksCache};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::AsyncReadExt as _;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Lab, Running, cpu_s};

/// The environment variable that makes this program the one whose memory is measured: how many users, the port of the
/// server that never answers, and the file with its certificate.
const IN_FLIGHT: &str = "USERS_IN_FLIGHT";

/// Arrivals for each second (issue 4).
const ARRIVALS_PER_S: u32 = 500;

const NAME: &str = "stalls.gameday.test";

fn load(flow: &str) -> UserLoad {
    let text = format!(
        "flows = [{{ flow = \"{flow}\", share = \"100%\" }}]\n\
         cohorts = [{{ cohort = \"keep-alive\", share = \"100%\" }}]\n\
         arrivals = {{ process = \"constant\", rate = \"{ARRIVALS_PER_S}/s\" }}\n"
    );
    toml::from_str(&text).unwrap()
}

/// What is not said of a door is not used by these logins.
fn door(
    name: &str,
    port: u16,
    trust_root: &str,
    expectations: Expectations,
    keys: JwksCache,
    clock: Clock,
) -> LoginTarget {
    let config = Config::builder().behavior_version(BehaviorVersion::latest()).region(SdkRegion::new("us-east-1"));
    let id = expectations.client_ids[0].clone();
    let client = AppClient { name: String::new(), id, secret: None, redirect_uri: None, scopes: Vec::new() };
    LoginTarget {
        run: http::HeaderValue::from_static("gd-bench"),
        name: name.to_owned(),
        port,
        api_path: "/".to_owned(),
        region_claim: None,
        tls: client_tls(Some(trust_root)).unwrap(),
        pool_id: expectations.pool_id.clone(),
        clients: vec![client],
        managed: None,
        populations: BTreeMap::new(),
        credentials: None,
        admin: aws_sdk_cognitoidentityprovider::Client::from_conf(config.build()),
        clock,
        keys: Arc::new(keys),
        expectations,
        doors: Arc::new(gameday_protocols::dns::Doors::new(Vec::new(), Vec::new())),
    }
}

/// How late logins by password started, and how busy that made the machine.
#[derive(Debug)]
pub struct Lateness {
    pub p50_ms: f64,
    pub p99_ms: f64,
    pub arrivals: f64,
    pub succeeded: f64,
    /// Processors that the users and the lab used together.
    pub busy: f64,
}

/// The primary's keys, from its front door.
async fn keys(lab: &Lab, address: IpAddr) -> Vec<u8> {
    let site = &lab.site;
    let tls = client_tls(site.trust_root_pem.as_deref()).unwrap();
    let tcp = connect(SocketAddr::new(address, site.front_door.port)).await.unwrap();
    let mut connection = Connection::open(&tls, server_name(&site.front_door.name).unwrap(), tcp).await.unwrap();
    let request = http::Request::get(format!("/{}/.well-known/jwks.json", site.pool.id));
    let request = request.header("host", &site.front_door.name).body(Bytes::new()).unwrap();
    connection.send(request).await.unwrap().into_body().to_vec()
}

/// Users who arrive for so long.
pub async fn lateness(lab: &Lab, seconds: f64, folder: &Path) -> Lateness {
    let (site, clock) = (&lab.site, Clock::start(1.0));
    let document = keys(lab, site.primary.direct[0].parse().unwrap()).await;
    let fetch: Fetch = Arc::new(move || {
        let document = document.clone();
        Box::pin(async move { Ok(document) })
    });
    let keys = JwksCache::start(vec![(site.primary.region.clone(), fetch)], clock);
    keys.settled().await;
    let expectations = Expectations {
        pool_id: site.pool.id.clone(),
        client_ids: vec![site.pool.client_id.clone()],
        regions: vec![site.primary.region.clone()],
        required_claims: Vec::new(),
    };
    let trust_root = site.trust_root_pem.as_deref().unwrap();
    let mut door = door(&site.front_door.name, site.front_door.port, trust_root, expectations, keys, clock);
    door.api_path.clone_from(&site.front_door.api_path);
    let account = |name: &String| Account { name: name.clone(), password: lab.password.clone(), totp_secret: None };
    let accounts = site.users.names.iter().map(account).collect();
    door.populations.insert(String::new(), Population::new(accounts, false));
    let resolver = |address: &SocketAddr| Server::at(*address, true, Duration::from_secs(2)).unwrap();
    let resolvers: Vec<Server> = site.dns.resolvers.iter().map(resolver).collect();
    let load = load("USER_PASSWORD_AUTH");
    let path = folder.join("lateness.ndjson");
    let crowd = LoadGenerator {
        door: Arc::new(door),
        ways: load.cohorts.iter().map(|share| ClientProfile::new(share, &site.timeouts, &resolvers, clock)).collect(),
        load,
        tokens: Tokens::default(),
        seed: Seed(7),
        log: Arc::new(EventLog::create(&path, clock).unwrap()),
        phase: Arc::new(CurrentPhase::default()),
        chores: gameday::users::PasswordResets::default(),
    };
    let (crowd, stop) = (Arc::new(crowd), CancellationToken::new());
    let (used, began) = (cpu_s("self") + lab.cpu_s(), Instant::now());
    let running = tokio::spawn(Arc::clone(&crowd).run(stop.clone()));
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
    let busy = (cpu_s("self") + lab.cpu_s() - used) / began.elapsed().as_secs_f64();
    stop.cancel();
    running.await.unwrap();
    crowd.log.close().unwrap();
    let (mut late, mut succeeded) = (Vec::new(), 0.0);
    let take = |record: Record| {
        if let Event::Login(login) = record.event {
            late.push(login.started.duration_since(login.scheduled).as_secs_f64() * 1000.0);
            succeeded += f64::from(u8::from(login.outcome == LoginOutcome::Succeeded));
        }
    };
    read_log(&path, take).unwrap();
    late.sort_by(f64::total_cmp);
    let quantile = |share: f64| late[((late.len() - 1) as f64 * share) as usize];
    Lateness { p50_ms: quantile(0.5), p99_ms: quantile(0.99), arrivals: late.len() as f64, succeeded, busy }
}

/// Resident memory in MiB of a process: without users, and with so many in flight.
#[derive(Debug)]
pub struct Memory {
    pub users: usize,
    pub idle_mib: f64,
    pub in_flight_mib: f64,
}

impl Memory {
    pub fn kib_per_user(&self) -> f64 {
        (self.in_flight_mib - self.idle_mib) * 1024.0 / self.users as f64
    }
}

/// As many open files as the system lets us have: each user in flight is one, here and there.
fn raise_files() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
}

/// Starts this program again, lets that many of its users sign in at a server that never answers, and asks for its memory
/// when all of them wait for the answer to their first call.
pub async fn memory(users: usize, folder: &Path) -> Memory {
    raise_files();
    let made = rcgen::generate_simple_self_signed([NAME.to_owned()]).unwrap();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let acceptor = server_tls(vec![made.cert.der().clone()], key).unwrap();
    let trust_root = folder.join("stalls.pem");
    fs::write(&trust_root, made.cert.pem()).unwrap();
    let listener = listen((Ipv4Addr::LOCALHOST, 0).into(), 4096).unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::new(Semaphore::new(0));
    let counted = Arc::clone(&asked);
    let server = tokio::spawn(async move {
        let mut connections = JoinSet::new();
        while let Ok((tcp, _)) = listener.accept().await {
            let (acceptor, counted) = (acceptor.clone(), Arc::clone(&counted));
            connections.spawn(async move {
                let mut stream = acceptor.accept(tcp).await.unwrap();
                let mut request = [0; 4096];
                assert!(stream.read(&mut request).await.unwrap() > 0);
                counted.add_permits(1);
                std::future::pending::<()>().await;
            });
        }
    });
    let mut command = Command::new(env::current_exe().unwrap());
    command.env(IN_FLIGHT, format!("{users} {port} {}", trust_root.display()));
    let mut process = Running(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap());
    let (mut input, output) = (process.0.stdin.take().unwrap(), process.0.stdout.take().unwrap());
    asked.acquire_many(users as u32).await.unwrap().forget();
    input.write_all(b"all of them wait\n").unwrap();
    let mut answer = String::new();
    BufReader::new(output).read_line(&mut answer).unwrap();
    server.abort();
    let mut figures = answer.split_whitespace().map(|text| text.parse::<f64>().unwrap());
    Memory { users, idle_mib: figures.next().unwrap(), in_flight_mib: figures.next().unwrap() }
}

fn resident_mib() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}

/// The other side of [`memory`]: whether this process is that one.
pub async fn be_the_users() -> bool {
    let Ok(order) = env::var(IN_FLIGHT) else { return false };
    let parts: Vec<&str> = order.splitn(3, ' ').collect();
    let (users, port): (usize, u16) = (parts[0].parse().unwrap(), parts[1].parse().unwrap());
    raise_files();
    let clock = Clock::start(1.0);
    let expectations = Expectations {
        pool_id: "us-east-1_POOL".into(),
        client_ids: vec!["client".into()],
        regions: vec!["us-east-1".into()],
        required_claims: Vec::new(),
    };
    let trust_root = fs::read_to_string(parts[2]).unwrap();
    let keys = JwksCache::start(Vec::new(), clock);
    let door = Arc::new(door(NAME, port, &trust_root, expectations, keys, clock));
    let load = Arc::new(load("USER_SRP_AUTH"));
    let patience = Timeouts { connect: Span::secs(600), login: Span::secs(600) };
    let way = Arc::new(ClientProfile::new(&load.cohorts[0], &patience, &[], clock));
    // What there is once: the tables of powers, for instance.
    drop(gameday_protocols::srp::ClientSession::new(&mut rand::rng()));
    let idle = resident_mib();
    let mut waiting = JoinSet::new();
    for user in 0..users {
        let (door, load, way) = (Arc::clone(&door), Arc::clone(&load), Arc::clone(&way));
        waiting.spawn(async move {
            let account = Account { name: format!("user-{user}"), password: Secret::new("p"), totp_secret: None };
            let addresses = [IpAddr::from(Ipv4Addr::LOCALHOST)];
            let wanted = LoginRequest {
                scheduled: clock.now(),
                flow: &load.flows[0],
                client: &door.clients[0],
                who: Who::Account(account),
                lookup: Lookup::Fixed(&addresses),
                choice: 0,
                jitter: Seed(7).stream("jitter"),
            };
            let ended = login(&door, &way, wanted, &CancellationToken::new()).await;
            panic!("a login that should wait has ended: {:?}", ended.outcome);
        });
        // Not all in the same instant: the server's queue of connections is finite.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    let in_flight = resident_mib();
    assert!(waiting.try_join_next().is_none(), "not all are in flight");
    println!("{idle} {in_flight}");
    true
}
