//! What a sign-in by SRP costs: GameDay's client beside pycognito and amazon-cognito-identity-js, on the same lab, and the
//! exponentiation that none of them can do without.
//!
//! `PYTHON` says which Python has the packages of `benches/requirements.txt`, `NODE_MODULES` where those of
//! `benches/peers/package.json` are, `SECONDS` how long each measurement takes (3), `ROUNDS` how many there are (3).

#![allow(clippy::unwrap_used, clippy::panic, reason = "a benchmark may panic")]

mod load;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{env, fs};

use aws_sdk_cognitoidentityprovider::Client;
use aws_sdk_cognitoidentityprovider::types::{AuthFlowType, ChallengeNameType};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::StreamExt as _;
use gameday::cloud::{Cloud, resolve_local};
use gameday_core::env::{self as environment, Site};
use gameday_core::model::{Clock, Secret};
use gameday_protocols::srp::{self, BareExponentiation, Challenge, ClientSession, ServerSession, Verifier};
use gameday_protocols::tokens::{Expectations, Fetch, JwksCache};
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use load::{Lateness, Memory};
use rcgen::{KeyPair, PKCS_RSA_SHA256, RsaKeySize};
use serde_json::{Value, json};

/// Linux counts a process's time in hundredths of a second (proc(5), time(7): `USER_HZ`).
const TICKS_PER_S: f64 = 100.0;

/// Sign-ins that are under way at once, where a client can have more than one.
const AT_ONCE: usize = 8;

/// The processor time that a process has used so far, with all its threads.
fn cpu_s(process: &str) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    // The name, in parentheses, may hold spaces; after it, user and system time are the 12th and the 13th field.
    let fields: Vec<&str> = stat[stat.rfind(')').unwrap() + 1..].split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / TICKS_PER_S
}

/// A process that ends with this value.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The stand-alone lab that all sign in to.
struct Lab {
    process: Running,
    site: Site,
    password: Secret,
}

impl Lab {
    fn start(folder: &Path) -> Self {
        let (settings, out, told) = (folder.join("settings.toml"), folder.join("lab.toml"), folder.join("lab.out"));
        fs::write(&settings, SETTINGS).unwrap();
        let output = fs::File::create(&told).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_gameday"));
        command.args(["lab", "--seed", "7", "--env"]).arg(&settings).arg("--out").arg(&out);
        command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
        let mut process = Running(command.spawn().unwrap());
        // Its last line follows the environment file.
        let told = || fs::read_to_string(&told).unwrap();
        while !told().contains("runs until Ctrl-C") {
            assert!(process.0.try_wait().unwrap().is_none(), "the lab has ended: {}", told());
            std::thread::sleep(Duration::from_millis(50));
        }
        let pem = fs::read_to_string(out.with_extension("ca.pem")).unwrap();
        let site = environment::load(&out).unwrap().value.complete(folder.to_owned(), Some(pem)).unwrap();
        let password = resolve_local(site.users.password.as_ref().unwrap(), folder).unwrap();
        Self { process, site, password }
    }

    fn user(&self) -> &str {
        &self.site.users.names[0]
    }

    fn cpu_s(&self) -> f64 {
        cpu_s(&self.process.0.id().to_string())
    }
}

/// The lab must not refuse what the benchmark asks for.
const SETTINGS: &str = "\
    schema_version = 1\n\
    name = \"lab\"\n\
    kind = \"lab\"\n\
    [lab]\n\
    users = 20\n\
    user_authentication_rps = 100000\n\
    service_quota_rps = 100000\n";

/// Sign-ins in one measurement, and what they took.
#[derive(Debug, Clone, Copy)]
struct Sample {
    logins: f64,
    client_s: f64,
    lab_s: f64,
    wall_s: f64,
}

impl Sample {
    fn of(lab: &Lab, client: &str, work: impl FnOnce() -> u64) -> Self {
        let (client_s, lab_s, began) = (cpu_s(client), lab.cpu_s(), Instant::now());
        let logins = work() as f64;
        let wall_s = began.elapsed().as_secs_f64();
        Self { logins, client_s: cpu_s(client) - client_s, lab_s: lab.cpu_s() - lab_s, wall_s }
    }

    fn per_core(self) -> f64 {
        self.logins / self.client_s
    }
}

/// Another client, in a process of its own.
struct Peer {
    process: Running,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    errors: PathBuf,
}

impl Peer {
    fn start(mut command: Command, setting: &Value, errors: PathBuf) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(fs::File::create(&errors).unwrap());
        let mut process = command.spawn().unwrap();
        let (input, output) = (process.stdin.take().unwrap(), BufReader::new(process.stdout.take().unwrap()));
        let mut peer = Self { process: Running(process), input, output, errors };
        assert_eq!(peer.order(&setting.to_string()), "ready");
        peer
    }

    fn order(&mut self, order: &str) -> String {
        writeln!(self.input, "{order}").unwrap();
        let mut answer = String::new();
        self.output.read_line(&mut answer).unwrap();
        assert!(!answer.is_empty(), "a peer failed: {}", fs::read_to_string(&self.errors).unwrap());
        answer.trim().to_owned()
    }

    fn measure(&mut self, lab: &Lab, what: &str, seconds: f64) -> Sample {
        let id = self.process.0.id().to_string();
        Sample::of(lab, &id, || self.order(&format!("{what} {seconds}")).parse().unwrap())
    }
}

/// Repeats that for so long.
fn repeat(seconds: f64, mut work: impl FnMut()) -> u64 {
    let (began, mut done) = (Instant::now(), 0);
    while began.elapsed().as_secs_f64() < seconds {
        work();
        done += 1;
    }
    done
}

/// What our client computes for one sign-in, from the user's name to the signature.
fn math(lab: &Lab, challenge: &Challenge) {
    let client = ClientSession::new(&mut rand::rng());
    std::hint::black_box(client.public_a_hex());
    let timestamp = srp::timestamp(Clock::start(1.0).now());
    let claim = client.claim(&lab.site.pool.id, lab.user(), &lab.password, challenge, &timestamp);
    std::hint::black_box(claim.unwrap());
}

/// Our client signs in by the SDK, as the peers do by theirs: two calls, one connection for each that is under way.
async fn login(lab: &Lab, cognito: &Client) {
    let (pool, name) = (&lab.site.pool, lab.user());
    let session = ClientSession::new(&mut rand::rng());
    let call = cognito.initiate_auth().client_id(&pool.client_id).auth_flow(AuthFlowType::UserSrpAuth);
    let call = call.auth_parameters("USERNAME", name).auth_parameters("SRP_A", session.public_a_hex());
    let answer = call.send().await.unwrap();
    let parameters = answer.challenge_parameters().unwrap();
    let challenge = Challenge {
        salt_hex: parameters["SALT"].clone(),
        srp_b_hex: parameters["SRP_B"].clone(),
        secret_block_b64: parameters["SECRET_BLOCK"].clone(),
    };
    let timestamp = srp::timestamp(Clock::start(1.0).now());
    let user = &parameters["USER_ID_FOR_SRP"];
    let claim = session.claim(&pool.id, user, &lab.password, &challenge, &timestamp).unwrap();
    let call = cognito.respond_to_auth_challenge().client_id(&pool.client_id);
    let answer = call
        .challenge_name(ChallengeNameType::PasswordVerifier)
        .challenge_responses("USERNAME", user)
        .challenge_responses("PASSWORD_CLAIM_SECRET_BLOCK", challenge.secret_block_b64)
        .challenge_responses("PASSWORD_CLAIM_SIGNATURE", claim)
        .challenge_responses("TIMESTAMP", timestamp)
        .send()
        .await
        .unwrap();
    assert!(answer.authentication_result().unwrap().access_token().is_some());
}

async fn logins(lab: &Lab, cognito: &Client, seconds: f64) -> u64 {
    let began = Instant::now();
    let wanted = futures::stream::repeat(()).take_while(|()| async { began.elapsed().as_secs_f64() < seconds });
    wanted.map(|()| login(lab, cognito)).buffer_unordered(AT_ONCE).count().await as u64
}

/// Waits within the runtime, as the peers are waited for.
fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(work))
}

/// Verifications of an access token by `tokens::JwksCache` for each second of a core.
async fn verifications_per_core(seconds: f64) -> f64 {
    let pair = KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap();
    let key = EncodingKey::from_rsa_pem(pair.serialize_pem().as_bytes()).unwrap();
    let mut jwk = Jwk::from_encoding_key(&key, Algorithm::RS256).unwrap();
    jwk.common.key_id = Some("key".to_owned());
    let document = serde_json::to_vec(&JwkSet { keys: vec![jwk] }).unwrap();
    let fetch: Fetch = Arc::new(move || {
        let document = document.clone();
        Box::pin(async move { Ok(document) })
    });
    let clock = Clock::start(1.0);
    let cache = JwksCache::start(vec![("us-east-1".into(), fetch)], clock);
    cache.settled().await;
    let claims = json!({
        "iss": "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_POOL", "token_use": "access", "client_id": "client",
        "exp": clock.now().as_second() + 3600, "sub": "a", "username": "a", "tenant": "retail", "jti": "b",
    });
    let header = Header { kid: Some("key".to_owned()), ..Header::new(Algorithm::RS256) };
    let token = encode(&header, &claims, &key).unwrap();
    let expected = Expectations {
        pool_id: "us-east-1_POOL".into(),
        client_ids: vec!["client".into()],
        regions: vec!["us-east-1".into()],
        required_claims: vec!["tenant".into()],
    };
    let before = cpu_s("self");
    let done = repeat(seconds, || {
        cache.verify_access_token(&token, &expected, clock.now()).unwrap();
    });
    done as f64 / (cpu_s("self") - before)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The three clients, in the order of the table.
const CLIENTS: [&str; 3] = ["gameday", "pycognito", "amazon-cognito-identity-js"];

/// Samples of one client.
#[derive(Default)]
struct Samples {
    math: Vec<Sample>,
    login: Vec<Sample>,
}

struct Figures {
    clients: BTreeMap<&'static str, Samples>,
    bare_per_core: f64,
    verifications_per_core: f64,
    lateness: Lateness,
    memory: Vec<Memory>,
}

fn peers(lab: &Lab, challenge: &Challenge, target: &Path, folder: &Path) -> [Peer; 2] {
    let python = env::var_os("PYTHON").map_or_else(|| target.join("venv/bin/python"), PathBuf::from);
    let modules = env::var_os("NODE_MODULES").map_or_else(|| target.join("node/node_modules"), PathBuf::from);
    let setting = json!({
        "region": lab.site.primary.region, "endpoint": lab.site.primary.endpoints["cognito-idp"],
        "pool": lab.site.pool.id, "client": lab.site.pool.client_id,
        "user": lab.user(), "password": lab.password.expose(),
        "challenge": {
            "SALT": challenge.salt_hex, "SRP_B": challenge.srp_b_hex, "SECRET_BLOCK": challenge.secret_block_b64,
            "USERNAME": lab.user(), "USER_ID_FOR_SRP": lab.user(),
        },
    });
    let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers");
    let mut pycognito = Command::new(python);
    pycognito.arg(scripts.join("srp_pycognito.py"));
    pycognito.envs([
        ("AWS_ACCESS_KEY_ID", "none"),
        ("AWS_SECRET_ACCESS_KEY", "none"),
        ("AWS_CONFIG_FILE", "/dev/null"),
    ]);
    let mut identity_js = Command::new("node");
    identity_js.arg(scripts.join("srp_identity_js.mjs")).env("NODE_MODULES", modules);
    [
        Peer::start(pycognito, &setting, folder.join("pycognito.err")),
        Peer::start(identity_js, &setting, folder.join("identity_js.err")),
    ]
}

#[tokio::main]
async fn main() {
    if load::be_the_users().await {
        return;
    }
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench");
    fs::create_dir_all(&target).unwrap();
    let number = |name, otherwise| env::var(name).map_or(otherwise, |text| text.parse::<f64>().unwrap());
    let (seconds, rounds) = (number("SECONDS", 3.0), number("ROUNDS", 3.0) as u32);
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::start(folder.path());
    let cognito = Cloud::connect(&lab.site).await.unwrap().primary.cognito;
    login(&lab, &cognito).await;
    let verifier = Verifier::new(&lab.site.pool.id, lab.user(), &lab.password, &[7; 16]);
    let server = ServerSession::new(&verifier, &mut rand::rng());
    let (salt_hex, srp_b_hex) = (verifier.salt_hex(), server.public_b_hex());
    let challenge = Challenge { salt_hex, srp_b_hex, secret_block_b64: STANDARD.encode([7; 1000]) };
    let mut peers = peers(&lab, &challenge, &target, folder.path());
    let bare = BareExponentiation::new(&mut rand::rng());

    let mut clients: BTreeMap<_, Samples> = CLIENTS.map(|client| (client, Samples::default())).into();
    let (mut bare_per_core, mut verifications) = (Vec::new(), Vec::new());
    // In turns, so that all meet the same machine.
    for _ in 0..rounds {
        bare_per_core.push(Sample::of(&lab, "self", || repeat(seconds, || bare.run())).per_core());
        let sample = Sample::of(&lab, "self", || repeat(seconds, || math(&lab, &challenge)));
        clients.get_mut(CLIENTS[0]).unwrap().math.push(sample);
        for (client, peer) in CLIENTS[1..].iter().zip(&mut peers) {
            clients.get_mut(client).unwrap().math.push(peer.measure(&lab, "math", seconds));
        }
        let sample = Sample::of(&lab, "self", || wait(logins(&lab, &cognito, seconds)));
        clients.get_mut(CLIENTS[0]).unwrap().login.push(sample);
        for (client, peer) in CLIENTS[1..].iter().zip(&mut peers) {
            clients.get_mut(client).unwrap().login.push(peer.measure(&lab, "login", seconds));
        }
        verifications.push(verifications_per_core(seconds).await);
    }
    for (client, samples) in &clients {
        eprintln!("{client}:\n  math {:?}\n  login {:?}", samples.math, samples.login);
    }
    drop(peers);
    let mut memory = Vec::new();
    for users in [1_000, 10_000] {
        memory.push(load::memory(users, folder.path()).await);
    }
    let figures = Figures {
        clients,
        bare_per_core: median(bare_per_core),
        verifications_per_core: median(verifications),
        lateness: load::lateness(&lab, 3.0 * seconds, folder.path()).await,
        memory,
    };
    println!("{}", figures.table());
    let rows = serde_json::to_string_pretty(&json!({ "rows": figures.rows() })).unwrap() + "\n";
    fs::write(target.join("users.json"), rows).unwrap();
}

impl Figures {
    fn of(&self, client: &str, kind: fn(&Samples) -> &Vec<Sample>, value: impl Fn(&Sample) -> f64) -> f64 {
        median(kind(&self.clients[client]).iter().map(value).collect())
    }

    /// Client-side math, sign-ins for each core.
    fn math(&self, client: &str) -> f64 {
        self.of(client, |samples| &samples.math, |sample| sample.per_core())
    }

    /// End to end, sign-ins for each core of the client.
    fn login(&self, client: &str) -> f64 {
        self.of(client, |samples| &samples.login, |sample| sample.per_core())
    }

    /// The lab's part of the processor time of sign-ins.
    fn lab_share(&self, client: &str) -> f64 {
        self.of(client, |samples| &samples.login, |sample| 100.0 * sample.lab_s / (sample.lab_s + sample.client_s))
    }

    fn lab_ms(&self, client: &str) -> f64 {
        self.of(client, |samples| &samples.login, |sample| 1000.0 * sample.lab_s / sample.logins)
    }

    fn wall(&self, client: &str) -> f64 {
        self.of(client, |samples| &samples.login, |sample| sample.logins / sample.wall_s)
    }

    fn table(&self) -> String {
        let mut text = "| | client math, logins/s a core | ms a login | gameday : it | end to end, logins/s a core of the client | \
                        ms a login | gameday : it | the lab's ms a login | the lab's share |\n"
            .to_owned();
        text += "|---|---:|---:|---:|---:|---:|---:|---:|---:|\n";
        for client in CLIENTS {
            let (math, login) = (self.math(client), self.login(client));
            let _ = writeln!(
                text,
                "| {client} | {math:.1} | {:.2} | {:.1} | {login:.1} | {:.2} | {:.1} | {:.2} | {:.0} % |",
                1000.0 / math,
                self.math(CLIENTS[0]) / math,
                1000.0 / login,
                self.login(CLIENTS[0]) / login,
                self.lab_ms(client),
                self.lab_share(client)
            );
        }
        let bare = self.bare_per_core;
        let _ = writeln!(text, "| the bare exponentiation | {bare:.1} | {:.2} | | | | | | |", 1000.0 / bare);
        let _ = writeln!(text, "\nRS256: {:.0} verifications/s a core", self.verifications_per_core);
        for memory in &self.memory {
            let Memory { users, idle_mib, in_flight_mib } = memory;
            let each = memory.kib_per_user();
            let _ = writeln!(
                text,
                "{users} users in flight: {in_flight_mib:.1} MiB, {idle_mib:.1} MiB without: {each:.1} KiB each"
            );
        }
        let Lateness { p50_ms, p99_ms, arrivals, succeeded, busy } = self.lateness;
        let _ = writeln!(
            text,
            "500 arrivals/s by password: start {p50_ms:.2} ms late at p50, {p99_ms:.2} ms at p99; {succeeded} of {arrivals} \
             succeeded, {busy:.2} processors busy"
        );
        text
    }

    fn rows(&self) -> Vec<Value> {
        let mut rows = Vec::new();
        let mut row = |name: String, value: f64, unit: &str| {
            rows.push(json!({ "name": name, "value": value, "unit": unit }));
        };
        for client in CLIENTS {
            row(format!("{client} client srp logins per core"), self.math(client), "logins/s");
            row(format!("{client} client ms per login"), 1000.0 / self.math(client), "ms");
            row(format!("{client} srp logins per core"), self.login(client), "logins/s");
            row(format!("{client} srp logins per second"), self.wall(client), "logins/s");
            row(format!("{client} srp ms per login"), 1000.0 / self.login(client), "ms");
            row(format!("{client} srp lab ms per login"), self.lab_ms(client), "ms");
            row(format!("{client} srp lab share"), self.lab_share(client), "%");
        }
        for peer in &CLIENTS[1..] {
            row(format!("client srp gameday:{peer}"), self.math(CLIENTS[0]) / self.math(peer), "ratio");
            row(format!("srp gameday:{peer}"), self.login(CLIENTS[0]) / self.login(peer), "ratio");
        }
        row("bare exponentiation logins per core".to_owned(), self.bare_per_core, "logins/s");
        row("bare exponentiation ms per login".to_owned(), 1000.0 / self.bare_per_core, "ms");
        row("rs256 verifications per core".to_owned(), self.verifications_per_core, "verifications/s");
        for memory in &self.memory {
            row(format!("rss at {} users in flight", memory.users), memory.in_flight_mib, "MiB");
            row(format!("memory per user at {} users in flight", memory.users), memory.kib_per_user(), "KiB");
        }
        row("scheduling error of arrivals at 500/s p50".to_owned(), self.lateness.p50_ms, "ms");
        row("scheduling error of arrivals at 500/s p99".to_owned(), self.lateness.p99_ms, "ms");
        row("processors busy at 500 arrivals/s".to_owned(), self.lateness.busy, "processors");
        rows
    }
}
