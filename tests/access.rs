//! Right account, right endpoint, right identity: journals worked off with the wrong ones, against a server that answers as AWS would there.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};

use aws_sdk_cognitoidentityprovider::config::{BehaviorVersion, Credentials, Region as SdkRegion};
use aws_sdk_cognitoidentityprovider::{Client, Config};
use gameday::cloud::Access;
use gameday::faults::{Action, Journal, read_journal};
use gameday::users::OneConnection;
use gameday_core::env::CredentialRef;
use gameday_core::model::{Region, RunId};
use gameday_protocols::net::{self, Connection};
use jiff::Timestamp;
use serde_json::json;

use crate::support::gameday;

const OURS: &str = "111122223333";
const OTHER: &str = "222222222222";

/// An account with nothing in it; what it was asked is kept.
struct Elsewhere {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Elsewhere {
    /// Answers as an account.
    fn start(account: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let (kept, account) = (Arc::clone(&asked), account.to_owned());
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let Some((_, body)) = request(&stream) else { continue };
                let action = body.split('&').find_map(|pair| pair.strip_prefix("Action=")).unwrap_or("-").to_owned();
                kept.lock().unwrap().push(action.clone());
                answer(&stream, &xml(&action, &account));
            }
        });
        Self { url, asked }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

/// The head and the body of one request.
fn request(stream: &TcpStream) -> Option<(String, String)> {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        (reader.read_line(&mut head).ok()? > 0).then_some(())?;
    }
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some((head, String::from_utf8_lossy(&body).into_owned()))
}

fn answer(mut stream: &TcpStream, body: &str) {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    let _ = stream.write_all((head + body).as_bytes());
}

fn xml(action: &str, account: &str) -> String {
    match action {
        "GetCallerIdentity" => format!(
            "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetCallerIdentityResult>\
             <Arn>arn:aws:iam::{account}:user/somebody</Arn><UserId>AIDA</UserId><Account>{account}</Account>\
             </GetCallerIdentityResult></GetCallerIdentityResponse>"
        ),
        _ => format!("<{action}Response xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15/\"></{action}Response>"),
    }
}

/// A run's folder, whose journal is of an account and open.
fn journal(folder: &Path, account: Option<&str>, url: &str, credentials: Option<CredentialRef>) {
    let region = Region::from("us-east-1");
    let endpoints = ["sts", "ec2"].map(|service| (service.to_owned(), url.to_owned()));
    let access = Access {
        environment: "staging".to_owned(),
        credentials,
        endpoints: [(region.clone(), endpoints.into())].into(),
        account: account.map(str::to_owned),
        caller: account.map(|account| format!("arn:aws:iam::{account}:user/runner")),
        ..Access::default()
    };
    let made = Journal::create(&folder.join("journal.ndjson"), RunId::from("gd-1"), access, Timestamp::UNIX_EPOCH);
    let holder = json!({ "run": "gd-1", "owner": "o@h", "until": "2026-01-01T00:00:00Z" });
    let lock: Action =
        serde_json::from_value(json!({ "action": "lock", "vpc": "vpc-0a1b", "holder": holder })).unwrap();
    made.unwrap().intend(&[&(region, lock)]).unwrap();
}

fn is_open(folder: &Path) -> bool {
    !read_journal(&folder.join("journal.ndjson")).unwrap().closed
}

/// The program with a key pair in its environment, and no profile of this machine.
fn with_keys() -> Command {
    let mut command = gameday();
    command.env("AWS_ACCESS_KEY_ID", "AKIDSOMEBODY").env("AWS_SECRET_ACCESS_KEY", "secret");
    command.env("AWS_CONFIG_FILE", "/dev/null").env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    command.env("AWS_EC2_METADATA_DISABLED", "true");
    command
}

fn said(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    // Without the line breaks and the frame of a diagnostic.
    text.replace('│', " ").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn c01_a_rollback_with_another_accounts_credentials_is_refused_with_both_named() {
    let (folder, other) = (tempfile::tempdir().unwrap(), Elsewhere::start(OTHER));
    journal(folder.path(), Some(OURS), &other.url, None);
    let done = with_keys().arg("rollback").arg(folder.path()).output().unwrap();
    let text = said(&done);
    assert_eq!(done.status.code(), Some(5), "{text}");
    assert!(text.contains(OURS) && text.contains(OTHER), "{text}");
    assert_eq!(other.asked(), ["GetCallerIdentity"]);
    assert!(is_open(folder.path()));
}

/// A journal of an older version names no account, and an endpoint of another Region has the right one.
#[test]
fn s1_not_found_is_never_reverted_where_the_runs_vpc_is_not_to_be_seen() {
    for account in [None, Some(OTHER)] {
        let (folder, other) = (tempfile::tempdir().unwrap(), Elsewhere::start(OTHER));
        journal(folder.path(), account, &other.url, None);
        let done = with_keys().arg("rollback").arg(folder.path()).output().unwrap();
        let text = said(&done);
        assert_eq!(done.status.code(), Some(5), "{text}");
        assert!(text.contains("vpc-0a1b in us-east-1 is not visible"), "{text}");
        assert_eq!(other.asked(), ["GetCallerIdentity", "DescribeSubnets", "DescribeNetworkAcls"]);
        assert!(is_open(folder.path()));
    }
}

#[test]
fn c02_discover_refuses_an_account_that_the_environment_does_not_allow() {
    let (folder, other) = (tempfile::tempdir().unwrap(), Elsewhere::start(OTHER));
    let example = std::fs::read_to_string(crate::tools::in_repository("environments/aws-example.toml")).unwrap();
    let own = example.replace("[credentials]\nprofile = \"gameday-staging\"\n", "");
    assert_ne!(own, example);
    let endpoints =
        ["primary", "replica"].map(|part| format!("[{part}.endpoints]\nsts = \"{0}\"\nec2 = \"{0}\"\n", other.url));
    let path = folder.path().join("env.toml");
    std::fs::write(&path, own + "\n" + &endpoints.concat()).unwrap();
    let mut command = with_keys();
    let done =
        command.current_dir(folder.path()).args(["rollback", "--discover", "--env"]).arg(&path).output().unwrap();
    let text = said(&done);
    assert_eq!(done.status.code(), Some(3), "{text}");
    assert!(text.contains(OTHER) && text.contains(OURS) && text.contains("nothing was changed"), "{text}");
    assert_eq!(other.asked(), ["GetCallerIdentity"]);
}

/// What the journal says holds, and the call arrives: it is another account's server that says no.
#[test]
fn c03_c18_c19_what_the_journal_says_wins_over_the_environment() {
    let cases: [&[(&str, &str)]; 4] = [
        &[("AWS_ENDPOINT_URL", "http://127.0.0.1:9"), ("AWS_ENDPOINT_URL_STS", "http://127.0.0.1:9")],
        &[("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")],
        &[
            ("HTTP_PROXY", "http://127.0.0.1:1"),
            ("HTTPS_PROXY", "http://127.0.0.1:1"),
            ("ALL_PROXY", "http://127.0.0.1:1"),
        ],
        &[("AWS_USE_FIPS_ENDPOINT", "true"), ("AWS_USE_DUALSTACK_ENDPOINT", "true")],
    ];
    for variables in cases {
        let (folder, other) = (tempfile::tempdir().unwrap(), Elsewhere::start(OTHER));
        journal(folder.path(), Some(OURS), &other.url, None);
        let done = with_keys().envs(variables.iter().copied()).arg("rollback").arg(folder.path()).output().unwrap();
        let text = said(&done);
        assert!(done.status.code() == Some(5) && text.contains(OTHER), "{variables:?}: {text}");
        assert_eq!(other.asked(), ["GetCallerIdentity"], "{variables:?}");
    }
}

#[test]
fn a5_a_profile_that_does_not_exist_is_named_whatever_keys_are_exported() {
    let (folder, ours) = (tempfile::tempdir().unwrap(), Elsewhere::start(OURS));
    let profile = CredentialRef::Profile { profile: "bank-sso".to_owned() };
    journal(folder.path(), Some(OURS), &ours.url, Some(profile));
    let done = with_keys().arg("rollback").arg(folder.path()).output().unwrap();
    let text = said(&done);
    assert_eq!(done.status.code(), Some(5), "{text}");
    assert!(text.contains("the profile `bank-sso` does not exist"), "{text}");
    assert_eq!(ours.asked(), Vec::<String>::new());
    assert!(is_open(folder.path()));
}

/// Nobody listens; something that is no AWS answers; there are no credentials. Each is told as that.
#[test]
fn a13_what_cannot_be_reached_and_what_is_missing_are_told_apart() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let page = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = format!("http://{}", page.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in page.incoming().map_while(Result::ok) {
            let _ = request(&stream);
            let _ = stream.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 6\r\nConnection: close\r\n\r\ndenied");
        }
    });
    let rollback = |url: &str, keys: bool| {
        let folder = tempfile::tempdir().unwrap();
        journal(folder.path(), Some(OURS), url, None);
        let mut command = with_keys();
        if !keys {
            command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
        }
        let done = command.arg("rollback").arg(folder.path()).output().unwrap();
        assert_eq!(done.status.code(), Some(5), "{}", said(&done));
        assert!(is_open(folder.path()));
        said(&done)
    };
    let text = rollback(&format!("http://{closed}"), true);
    assert!(text.contains("has no answer of AWS"), "{text}");
    let text = rollback(&proxy, true);
    assert!(text.contains("HTTP 403 without an error of AWS"), "{text}");
    let text = rollback(&proxy, false);
    assert!(text.contains("was not sent"), "{text}");
}

/// A front door at 443 wants `Host: name`, and the signature of an SDK is over that.
#[tokio::test]
async fn c24_the_default_port_is_not_in_the_host_header() {
    for (port, host) in [(443, "login.example.com"), (8443, "login.example.com:8443")] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = listener.local_addr().unwrap();
        let asked = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let head = request(&stream).unwrap().0;
            answer(&stream, "{}");
            head
        });
        let connection = Connection::plain(net::connect(at).await.unwrap()).await.unwrap();
        let connection = OneConnection::new(connection, IpAddr::V4(Ipv4Addr::LOCALHOST), None);
        let config = Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(SdkRegion::new("us-east-1"))
            .endpoint_url(format!("https://login.example.com:{port}"))
            .credentials_provider(Credentials::new("AKID", "secret", None, None, "test"))
            .http_client(connection)
            .build();
        let call = Client::from_conf(config).admin_get_user().user_pool_id("us-east-1_X").username("u");
        let _ = call.send().await;
        let head = asked.join().unwrap();
        let found = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("host: ").map(str::to_owned));
        assert_eq!(found.as_deref(), Some(host), "{head}");
    }
}
