//! What the tests of whole runs share: the binary, a short scenario, a stand-alone lab, and what a run left behind.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use gameday::cloud::Cloud;
use gameday::faults::{Part, Scope, State};
use gameday_core::env::{self, Site};
use gameday_core::model::{Event, Phase, Record};
use serde_json::Value;

pub(crate) use crate::tools;

pub const FULL_FAILOVER: &str = "scenarios/full-failover.toml";

pub fn gameday() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gameday"));
    command.current_dir(env!("CARGO_MANIFEST_DIR")).env("GAMEDAY_STATE_DIR", state_dir());
    command
}

/// Where this process's runs are registered: nothing of whoever runs the tests is read or written.
pub fn state_dir() -> &'static Path {
    static STATE: OnceLock<PathBuf> = OnceLock::new();
    STATE.get_or_init(|| {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let name = format!("state-{}-{}", std::process::id(), since.as_nanos());
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
    })
}

/// Writes a file of secrets, for its owner alone.
pub fn write_secrets(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

pub fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// The bounds of a milestone in `run.json`, where it was reached.
pub fn bounds(run: &Value, name: &str) -> Option<(f64, f64)> {
    let found = run["milestones"].as_array().unwrap().iter().find(|milestone| milestone["name"] == name)?;
    Some((found["lower_s"].as_f64()?, found["upper_s"].as_f64()?))
}

/// The variant of the lab in which a check has its finding.
pub fn variant(code: &str) -> PathBuf {
    let files = std::fs::read_dir(tools::in_repository("scenarios/broken")).unwrap().map(|entry| entry.unwrap().path());
    let mut its = files.filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with(code));
    its.next().unwrap_or_else(|| panic!("{code} has no variant"))
}

/// A report ties the failure of logins to the finding that predicted it.
pub fn ties(report: &str, failure: &str, code: &str) {
    let told = |line: &str| {
        let predicted = line.split_once("(predicted by ").and_then(|(before, after)| {
            let (codes, _) = after.split_once(')')?;
            Some(before.contains(failure) && codes.split(", ").any(|one| one == code))
        });
        predicted.unwrap_or(false)
    };
    assert!(report.lines().any(told), "{failure} is not predicted by {code}:\n{report}");
}

/// Writes an environment file with the lab's settings.
pub fn lab_with(folder: &Path, settings: &str) -> PathBuf {
    let path = folder.join("env.toml");
    let text = "schema_version = 1\nname = \"lab\"\nkind = \"lab\"\n[account]\nallowed = [\"111122223333\"]\n";
    std::fs::write(&path, format!("{text}{settings}")).unwrap();
    path
}

/// A failover of all phases that is over in about 150 s of scenario time; it needs [`SHORT_TTL`].
pub fn short_scenario(folder: &Path) -> PathBuf {
    let path = folder.join("short.toml");
    std::fs::write(&path, include_str!("short.toml")).unwrap();
    path
}

/// Lab settings for [`short_scenario`], whose hold is shorter than the usual TTL.
pub const SHORT_TTL: &str = "[lab]\nttl = \"20s\"\n";

/// The records that a run under way has written so far.
pub fn events(out: &Path) -> Vec<Record> {
    let text = std::fs::read_to_string(out.join("events.ndjson")).unwrap_or_default();
    // What follows the last line end is half a line.
    let whole = &text[..text.rfind('\n').unwrap_or_default()];
    whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The phase that a run under way is in.
pub fn current_phase(out: &Path) -> Option<Phase> {
    let text = std::fs::read_to_string(out.join("events.ndjson")).unwrap_or_default();
    let whole = &text[..text.rfind('\n').unwrap_or_default()];
    let last = whole.lines().rev().find(|line| line.contains("\"event\":\"phase_started\""))?;
    phases(&[serde_json::from_str(last).unwrap()]).pop()
}

/// What was said, without the debug log.
pub fn without_debug(printed: &[u8]) -> String {
    let text = String::from_utf8_lossy(printed);
    text.lines().filter(|line| !line.contains(" DEBUG ")).collect::<Vec<_>>().join("\n")
}

/// Where a JSON web token begins: the base64 of a header, whose first name is a JSON one. `eyJ`, the base64 of `{"`, alone is no
/// token: a histogram is base64 of binary data, where any three letters come up by chance.
pub fn json_web_token(text: &str) -> Option<&str> {
    text.match_indices("eyJ").map(|(at, _)| &text[at..]).find_map(|rest| {
        let begin = rest.get(..12)?;
        let header = BASE64_URL_SAFE_NO_PAD.decode(begin).ok()?;
        // The shortest names of a header are of three letters: `{"alg":"`, `{"kid":"`, `{"typ":"`.
        header[2..5].iter().all(u8::is_ascii_lowercase).then_some(begin)
    })
}

/// Every file of a run, and what it printed, against every secret of the lab and everything that looks like a token.
pub fn keeps_secrets(secrets: &Path, out: &Path, printed: &[&[u8]]) {
    let secrets: BTreeMap<String, String> = toml::from_str(&std::fs::read_to_string(secrets).unwrap()).unwrap();
    assert!(secrets.len() >= 5 && secrets.values().all(|secret| secret.len() >= 12), "{:?}", secrets.keys());
    let texts = texts(out, printed);
    for (place, text) in &texts {
        for (name, secret) in &secrets {
            assert!(!text.contains(secret), "{name} is in {place}");
        }
    }
    keeps_tokens(&texts);
}

/// Every file of a run, and what it printed, each with its name.
pub fn texts(out: &Path, printed: &[&[u8]]) -> Vec<(String, String)> {
    let mut texts: Vec<(String, String)> =
        printed.iter().map(|text| ("printed".to_owned(), String::from_utf8_lossy(text).into_owned())).collect();
    for path in files(out) {
        let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
        texts.push((path.display().to_string(), text));
    }
    assert!(texts.len() >= 8, "a run leaves at least six files: {}", texts.len());
    texts
}

/// None of them has anything that looks like a token.
pub fn keeps_tokens(texts: &[(String, String)]) {
    for (place, text) in texts {
        assert_eq!(json_web_token(text), None, "a token is in {place}");
        // Codes and refresh tokens of the lab are words of 43 and more characters of every kind; digests have no capitals. Histograms
        // and pages have long words of their own.
        let opaque = |word: &&str| {
            let has = |of: fn(&u8) -> bool| word.as_bytes().iter().any(of);
            word.len() >= 43 && has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit)
        };
        let ending = Path::new(place).extension().and_then(|ending| ending.to_str());
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_')));
        let found = words.filter(|_| !matches!(ending, Some("hlog" | "html"))).find(opaque);
        assert_eq!(found.map(str::len), None, "a word that may be a refresh token is in {place}");
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { all.extend(files(&path)) } else { all.push(path) }
    }
    all
}

/// The phases of a run, in order.
pub fn phases(events: &[Record]) -> Vec<Phase> {
    let phase = |record: &Record| match record.event {
        Event::PhaseStarted { phase } => Some(phase),
        _ => None,
    };
    events.iter().filter_map(phase).collect()
}

/// A lab of a process of its own, ended when dropped.
pub struct Lab {
    _process: tools::Running,
    pub environment: PathBuf,
}

impl Lab {
    /// Starts `gameday lab` with these arguments; its files go to `folder`.
    pub fn start(folder: &Path, arguments: &[&str]) -> Self {
        let environment = folder.join("lab.toml");
        let lab = gameday().arg("lab").args(arguments).arg("--out").arg(&environment).stdout(Stdio::null()).spawn();
        let mut process = tools::Running(lab.unwrap());
        tools::within(Duration::from_secs(30), "the lab to start", || {
            assert!(process.0.try_wait().unwrap().is_none(), "the lab has ended");
            environment.exists()
        });
        let lab = Self { _process: process, environment };
        lab.set_lag("20ms");
        lab
    }

    /// How far a run takes descriptions to lag: the lab's do not, so that no test need wait for it.
    pub fn set_lag(&self, lag: &str) {
        set_lag(&self.environment, lag);
    }

    /// A copy of its environment file in which every call to the primary's EC2 takes a while on its way, as it does in
    /// AWS: phases that change something are over within milliseconds otherwise.
    pub fn with_slow_ec2(&self) -> PathBuf {
        let text = std::fs::read_to_string(&self.environment).unwrap();
        let (before, after) = text.split_once("ec2 = \"http://").unwrap();
        let (ec2, after) = after.split_once('"').unwrap();
        let path = self.environment.with_file_name("slow.toml");
        std::fs::write(&path, format!("{before}ec2 = \"http://{}\"{after}", slow_way(ec2.parse().unwrap()))).unwrap();
        path
    }

    /// Its environment, as a run has it.
    pub fn site(&self) -> Site {
        site(&self.environment)
    }

    /// Everything that faults could change in both Regions, association IDs aside.
    pub async fn world(&self) -> World {
        // Limits may be asked for once a second of scenario time: at real speed that would take longer than all the rest.
        let clock = env::load(&self.environment).unwrap().value.lab.and_then(|lab| lab.clock);
        Box::pin(world(&self.site(), clock.is_some_and(|clock| clock.speed >= 10.0))).await
    }
}

/// An environment file, as a run has it.
pub fn site(environment: &Path) -> Site {
    let loaded = env::load(environment).unwrap();
    let pem = std::fs::read_to_string(environment.with_extension("ca.pem")).unwrap();
    loaded.value.complete(environment.parent().unwrap().to_owned(), Some(pem)).unwrap()
}

/// What is described of both Regions.
#[derive(Debug, PartialEq)]
pub struct World {
    pub state: State,
    pub tags: BTreeSet<String>,
    pub schedules: BTreeSet<String>,
}

/// Describes network ACLs, security groups and who uses them, the health check, the triggers' functions, every tag, schedules, and
/// limits where asked for.
pub async fn world(site: &Site, limits: bool) -> World {
    let cloud = Cloud::connect(site).await.unwrap();
    let (mut scope, mut tags, mut schedules) = (Scope::default(), BTreeSet::new(), BTreeSet::new());
    scope.insert(Part::HealthCheck, &cloud.primary.region, &site.dns.health_check_id);
    for clients in [&cloud.primary, &cloud.replica] {
        let region = &clients.region;
        for vpc in clients.ec2.describe_vpcs().send().await.unwrap().vpcs() {
            for part in [Part::NetworkAcls, Part::SecurityGroups] {
                scope.insert(part, region, vpc.vpc_id().unwrap());
            }
        }
        let pool = clients.cognito.describe_user_pool().user_pool_id(&site.pool.id).send().await.unwrap();
        let function = pool.user_pool().unwrap().lambda_config().unwrap().pre_token_generation().unwrap().to_owned();
        scope.insert(Part::Function, region, &function);
        let own = clients.reading.lambda.list_tags().resource(&function).send().await.unwrap().tags.unwrap_or_default();
        tags.extend(own.iter().map(|(key, value)| format!("{function} {key:?} {value:?}")));
        for tag in clients.ec2.describe_tags().send().await.unwrap().tags() {
            tags.insert(format!("{:?} {:?} {:?}", tag.resource_id(), tag.key(), tag.value()));
        }
        if limits {
            scope.insert(Part::Limit, region, "limit of UserAuthentication");
        }
        let arn = pool.user_pool().unwrap().arn().unwrap();
        scope.insert(Part::UserPool, region, arn);
        scope.insert(Part::WebAcl, region, arn);
        for one in clients.reading.scheduler.list_schedules().send().await.unwrap().schedules() {
            schedules.insert(one.name().unwrap().to_owned());
        }
    }
    let call = cloud.primary.reading.route53.list_tags_for_resource().resource_id(&site.dns.health_check_id);
    let own = call.resource_type(aws_sdk_route53::types::TagResourceType::Healthcheck).send().await.unwrap();
    let own = own.resource_tag_set.and_then(|set| set.tags).unwrap_or_default();
    tags.extend(own.iter().map(|tag| format!("health check {:?} {:?}", tag.key(), tag.value())));
    assert!(scope.all(Part::NetworkAcls).count() >= 2, "both Regions have one");
    World { state: State::describe(&cloud, &scope).await.unwrap(), tags, schedules }
}

/// What a request to EC2 needs more on the slow way.
const ON_ITS_WAY: Duration = Duration::from_millis(50);

/// Forwards connections, with a delay on the way there; gives the address to connect to.
fn slow_way(to: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let Ok(server) = TcpStream::connect(to) else { continue };
            for (from, to, delay) in [(&client, &server, ON_ITS_WAY), (&server, &client, Duration::ZERO)] {
                let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
                std::thread::spawn(move || pump(from, to, delay));
            }
        }
    });
    at
}

/// Until one end closes, which the other is told.
fn pump(mut from: TcpStream, mut to: TcpStream, delay: Duration) {
    let _ = to.set_nodelay(true);
    let mut buffer = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        std::thread::sleep(delay);
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// How far a run takes descriptions to lag, in an environment file.
pub fn set_lag(environment: &Path, lag: &str) {
    let text = std::fs::read_to_string(environment).unwrap();
    // As it was written otherwise, since tests edit it as text.
    let lines = text.lines().filter(|line| !line.starts_with("description_lag = "));
    let mut text: String = lines.flat_map(|line| [line, "\n"]).collect();
    if !text.contains("\n[guard]\n") {
        text.push_str("\n[guard]\n");
    }
    let text = text.replacen("\n[guard]\n", &format!("\n[guard]\ndescription_lag = \"{lag}\"\n"), 1);
    // At once, since others may read it at the same time.
    let new = environment.with_extension("new");
    std::fs::write(&new, text).unwrap();
    std::fs::rename(new, environment).unwrap();
}
