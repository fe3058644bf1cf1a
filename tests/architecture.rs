//! An arrow between modules never points up, `net` alone opens sockets, the clock alone reads time, and one file calls C.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::names::Names;

/// Who may know whom.
const MAY_KNOW: &[(&str, &str)] = &[
    (
        "cli",
        "cloud compare discover dns engine env evidence faults files lab measure model net observe preflight report runbook scenario timer users",
    ),
    ("engine", "preflight faults users observe measure scenario env cloud model timer"),
    ("preflight", "cloud scenario env model faults users observe tokens dns net timer"),
    ("faults", "cloud scenario env model timer"),
    ("users", "tokens srp dns cloud scenario env model net timer"),
    ("observe", "dns cloud env model net timer"),
    ("tokens", "model timer"),
    ("srp", "model"),
    ("dns", "model net"),
    ("discover", "cloud env model"),
    ("cloud", "env model net"),
    ("files", "model"),
    ("scenario", "model files"),
    ("env", "model files"),
    ("measure", "scenario model"),
    ("report", "measure scenario model"),
    ("compare", "report measure model"),
    ("evidence", "faults measure report model"),
    ("runbook", "compare env model"),
    ("lab", "tokens srp env model net timer"),
    ("net", "model"),
    ("timer", "model net"),
    ("model", ""),
];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// The crates of the workspace: the folder of each, the name by which others use it, and how its paths begin here.
const CRATES: [(&str, &str, &str); 4] = [
    ("src", "gameday", ""),
    ("crates/core/src", "gameday_core", ""),
    ("crates/protocols/src", "gameday_protocols", ""),
    // Its modules are its own affair: it is one module here.
    ("crates/lab/src", "gameday_lab", "lab/"),
];

/// A file of the program: its path under its crate's sources, and its lines without tests and comments.
struct Source {
    path: String,
    lines: Vec<String>,
    text: String,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let lines = code.lines().map(|line| without_comment(line).to_owned()).collect();
        Self { path: path.to_owned(), lines, text: text.to_owned() }
    }

    fn of_crate((folder, _, begin): &(&str, &str, &str)) -> Vec<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let mut files = Vec::new();
        sources(&root, &mut files);
        let relative = |file: &Path| format!("{begin}{}", file.strip_prefix(&root).unwrap().to_str().unwrap());
        let read = |file: PathBuf| Self::new(&relative(&file), &std::fs::read_to_string(&file).unwrap());
        files.into_iter().filter(|file| !file.ends_with("tests.rs")).map(read).collect()
    }

    fn all() -> Vec<Self> {
        CRATES.iter().flat_map(Self::of_crate).collect()
    }

    fn module(&self) -> &str {
        self.path.split('/').next().unwrap().trim_end_matches(".rs")
    }

    /// The modules at the top of a crate that this file names: by `crate::`, by another crate's name, and by as many `super::` as lead out
    /// of its own module.
    fn knows(&self) -> BTreeSet<String> {
        let own = if self.module() == "lab" { "lab" } else { "crate" };
        // `a/b.rs` is crate::a::b, `a/mod.rs` and `a.rs` are crate::a: so many `super::` reach the crate.
        let depth = self.path.trim_end_matches(".rs").trim_end_matches("/mod").split('/').count();
        let module = |path: &Vec<String>| {
            let (root, rest) = path.split_first()?;
            match root.as_str() {
                "gameday_lab" => Some("lab".to_owned()),
                "crate" if own == "crate" => rest.first().cloned(),
                "gameday_core" | "gameday_protocols" => rest.first().cloned(),
                "super" if own == "crate" && path.iter().take_while(|name| *name == "super").count() == depth => {
                    path.get(depth).cloned()
                }
                _ => None,
            }
        };
        Names::of(&self.text).paths.iter().filter_map(module).collect()
    }

    /// Where each of `patterns` stands, with the reason why it must not.
    fn find(&self, patterns: &[&str], why: &str) -> Vec<String> {
        let lines = self.lines.iter().enumerate();
        let found = lines.flat_map(|(n, line)| patterns.iter().filter(|p| has(line, p)).map(move |p| (n + 1, p)));
        found.map(|(number, pattern)| format!("{}:{number}: `{pattern}`: {why}", self.path)).collect()
    }
}

/// A `//` in a URL is no comment.
fn without_comment(line: &str) -> &str {
    let start = line.match_indices("//").map(|(at, _)| at).find(|at| !line[..*at].ends_with(':'));
    &line[..start.unwrap_or(line.len())]
}

/// Whether `pattern` stands in `line` as a word, and not as part of a longer name.
fn has(line: &str, pattern: &str) -> bool {
    let part_of_name = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(pattern).any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + pattern.len()..]);
        let starts = !pattern.starts_with(part_of_name) || !before.ends_with(part_of_name);
        starts && (!pattern.ends_with(part_of_name) || !after.starts_with(part_of_name))
    })
}

#[test]
fn every_way_to_name_a_module_is_seen() {
    let knows = |path: &str, text: &str| Source::new(path, text).knows().into_iter().collect::<Vec<_>>().join(" ");
    assert_eq!(knows("users/wire.rs", "use crate::{cloud, faults::{Plan, self}, engine};"), "cloud engine faults");
    assert_eq!(knows("users/wire.rs", "use crate::{\n    cloud::Cloud,\n    engine,\n};"), "cloud engine");
    assert_eq!(knows("users/flows/srp.rs", "use super::super::super::engine::Run;"), "engine");
    assert_eq!(knows("users/flows/srp.rs", "use super::super::door::Door;"), "");
    assert_eq!(knows("users/mod.rs", "use super::{engine, cli};"), "cli engine");
    assert_eq!(
        knows("users/mod.rs", "fn f() { gameday_core::model::Clock::start(1.0); gameday_lab::Lab }"),
        "lab model"
    );
    assert_eq!(knows("users/mod.rs", "fn f() { select! { _ = crate::engine::run() => {} } }"), "engine");
    assert_eq!(knows("lab/api/mod.rs", "use crate::health::Checker; use gameday_protocols::net;"), "net");
    assert_eq!(knows("users/mod.rs", "// use crate::engine;"), "");
}

#[test]
fn no_arrow_points_up_and_no_file_is_long() {
    let allowed: BTreeMap<&str, BTreeSet<&str>> =
        MAY_KNOW.iter().map(|(module, known)| (*module, known.split_whitespace().collect())).collect();
    let (mut wrong, mut arrows) = (Vec::new(), 0);
    for source in Source::all() {
        let (path, module) = (&source.path, source.module());
        if source.lines.len() > 600 {
            wrong.push(format!("{path} has more than 600 lines"));
        }
        let Some(known) = allowed.get(module) else { continue };
        for target in source.knows() {
            arrows += 1;
            if allowed.contains_key(target.as_str()) && target != module && !known.contains(target.as_str()) {
                wrong.push(format!("{path}: {module} may not know {target}"));
            }
        }
    }
    assert!(arrows > 100, "the sources were not read");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Where socket types come from.
const SOCKET_SOURCES: &[&str] = &["tokio::net", "unix::net", "rustix::net", "socket2", "mio"];
const SOCKETS: &[&str] =
    &["TcpStream", "TcpListener", "TcpSocket", "UdpSocket", "UnixStream", "UnixListener", "UnixDatagram"];
/// Libraries that open sockets of their own, the one module that may hand work to each, and why.
const OPENERS: &[(&str, &str, &str)] = &[
    ("hickory_resolver", "dns", "the stub resolver asks its servers itself, over UDP and TCP"),
    (
        "aws_config",
        "cloud",
        "the SDK's clients connect to AWS's endpoints themselves, with credentials from IMDS or SSO",
    ),
    ("hyper_util::client", "", "its pool connects by itself"),
    ("aws_smithy_http_client", "cloud", "the SDK's own connector, for endpoints that no proxy belongs in front of"),
];

/// Sockets that a file gets otherwise than from `net`. It may name a type that `net` hands out, and call nothing of it.
fn sockets(source: &Source) -> Vec<String> {
    if source.module() == "net" {
        return Vec::new();
    }
    let mut wrong = source.find(SOCKET_SOURCES, "sockets come from gameday_protocols::net");
    let calls: Vec<String> = SOCKETS.iter().map(|socket| format!("{socket}::")).collect();
    let calls: Vec<&str> = calls.iter().map(String::as_str).collect();
    wrong.extend(source.find(&calls, "only net opens sockets"));
    // `std::net` has addresses too, which everybody may name; its import may span lines.
    let text = source.lines.join(" ");
    for import in text.split("std::net::").skip(1) {
        let names =
            if import.starts_with('{') { import.split('}').next() } else { import.split([' ', ';', ':']).next() };
        let names = names.unwrap();
        let found = SOCKETS.iter().chain(&["*"]).filter(|socket| has(names, socket));
        wrong.extend(
            found.map(|socket| {
                format!("{}: `std::net::{socket}`: sockets come from gameday_protocols::net", source.path)
            }),
        );
    }
    // Nested imports would hide the path.
    for import in text.split("use tokio::{").skip(1).filter(|import| has(import.split(';').next().unwrap(), "net")) {
        wrong.push(format!("{}: `use tokio::{{{}`", source.path, import.split(';').next().unwrap()));
    }
    for (library, module, reason) in OPENERS.iter().filter(|(_, module, _)| *module != source.module()) {
        let who = if module.is_empty() { "nobody" } else { module };
        wrong.extend(source.find(&[library], &format!("{who} alone may use it: {reason}")));
    }
    wrong
}

/// Readings of time that a file makes otherwise than by the clock.
fn readings(source: &Source) -> Vec<String> {
    // The second is what the clock reads in virtual time.
    if ["model/clock.rs", "timer.rs"].contains(&source.path.as_str()) {
        return Vec::new();
    }
    // Whatever the type, whatever it is called here: `Instant::now()`, `map(Timestamp::now)`, `wall.elapsed()`.
    source.find(&["::now", ".elapsed()", "clock_gettime"], "only model::Clock reads time")
}

#[test]
fn only_net_opens_sockets_and_only_the_clock_reads_time() {
    let sources = Source::all();
    assert!(
        sources.iter().any(|source| source.module() == "net") && sources.iter().any(|s| s.path == "model/clock.rs")
    );
    let wrong: Vec<String> = sources.iter().flat_map(|source| [sockets(source), readings(source)].concat()).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // What these two may do, they do: the patterns find it there.
    let found = |path: &str, patterns: &[&str]| {
        sources.iter().filter(|source| source.path.starts_with(path)).any(|s| !s.find(patterns, "").is_empty())
    };
    assert!(found("net/", &["TcpStream::"]) && found("net/", &["tokio::net"]) && found("model/clock.rs", &["::now"]));
    for (library, module, _) in OPENERS.iter().filter(|(_, module, _)| !module.is_empty()) {
        assert!(found(&format!("{module}/"), &[library]), "{module} does not use {library}: the exception is stale");
    }
}

#[test]
fn a_socket_or_a_reading_of_time_elsewhere_is_found() {
    let opens = [
        "use tokio::net::TcpStream;",
        "let stream = tokio::net::TcpStream::connect(at).await?;",
        "use std::net::{\n    IpAddr,\n    TcpStream,\n};",
        "use std::net::UdpSocket as Datagrams;",
        "use std::net::*;",
        "use std::os::unix::net::UnixStream;",
        "use tokio::{net, time};",
        "rustix::net::socket(family, kind, None)?;",
        "use gameday_protocols::net::TcpStream;\nTcpStream::connect(at).await?;",
        "net::TcpListener::bind(at)",
        "use hickory_resolver::TokioResolver;",
        "use hyper_util::client::legacy::Client;",
    ];
    for text in opens {
        assert!(!sockets(&Source::new("users/wire.rs", text)).is_empty(), "{text}");
    }
    assert!(opens[..10].iter().all(|text| sockets(&Source::new("net/connect.rs", text)).is_empty()));
    assert!(sockets(&Source::new("dns/mod.rs", opens[10])).is_empty());
    for text in ["Instant::now()", "map(jiff::Timestamp::now)", "std::time::SystemTime::now ()", "began.elapsed()"] {
        assert!(!readings(&Source::new("model/log.rs", text)).is_empty(), "{text}");
        assert!(readings(&Source::new("model/clock.rs", text)).is_empty(), "{text}");
    }
    let fine = "use std::net::{IpAddr, SocketAddr};\nuse gameday_protocols::net::{self, TcpStream};\n// TcpStream::connect, Instant::now()\n\
                net::connect(SocketAddr::new(at, 443)); clock.now(); Clock::real_now(); \"https://::nowhere\"\n\
                #[cfg(test)]\nmod tests {\n    TcpStream::connect(at); Instant::now();\n";
    let fine = Source::new("users/wire.rs", fine);
    assert_eq!([sockets(&fine), readings(&fine)].concat(), Vec::<String>::new());
}

/// The two files that may be unsafe; clippy sees to a proof at each of their blocks.
const CALL_C: [&str; 2] = ["crates/core/src/model/ntp.rs", "crates/protocols/src/srp/bignum.rs"];

/// Whether a line is unsafe code, or lifts the ban on it.
fn is_unsafe(line: &str) -> bool {
    let word = ["un", "safe"].concat();
    has(without_comment(line), &word) || has(without_comment(line), &format!("{word}_code"))
}

#[test]
fn only_two_files_are_unsafe() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["src", "crates", "tests", "benches", "examples"] {
        sources(&root.join(folder), &mut files);
    }
    // Whole files, tests included.
    let text = |file: &PathBuf| std::fs::read_to_string(file).unwrap();
    let mut found: Vec<_> = files.into_iter().filter(|file| text(file).lines().any(is_unsafe)).collect();
    found.sort();
    assert_eq!(found, CALL_C.map(|file| root.join(file)));
    let word = ["un", "safe"].concat();
    for line in [
        format!("let x = {word} {{ f() }};"),
        format!("{word} impl Send for X {{}}"),
        format!("#![allow({word}_code)]"),
    ] {
        assert!(is_unsafe(&line), "{line}");
    }
    assert!(!is_unsafe(&format!("// {word}")) && !is_unsafe(&format!("fn {word}_values() {{}}")));
}

/// The name of the type that a line at the margin of a file defines.
fn type_of(line: &str) -> Option<&str> {
    let is_public = line.starts_with("pub");
    let line = line
        .strip_prefix("pub")
        .map_or(line, |rest| rest.strip_prefix("(crate)").or(rest.strip_prefix("(super)")).unwrap_or(rest));
    let line = line.strip_prefix("(in ").map_or(line, |rest| rest.split_once(')').map_or(rest, |(_, rest)| rest));
    let words = if is_public { line.trim_start() } else { line };
    let named = ["struct ", "enum ", "trait ", "type "].into_iter().find_map(|kind| words.strip_prefix(kind))?;
    named.split(|c: char| !c.is_alphanumeric() && c != '_').next().filter(|name| !name.is_empty())
}

/// Whoever searches a crate for a type finds one.
#[test]
fn a_name_is_one_types_name_in_its_crate() {
    for of in CRATES {
        let name = of.1;
        let mut types: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for source in Source::of_crate(&of) {
            for line in &source.lines {
                if let Some(found) = type_of(line) {
                    types.entry(found.to_owned()).or_default().push(source.path.clone());
                }
            }
        }
        let twice: Vec<_> = types.iter().filter(|(_, files)| files.len() > 1).collect();
        assert!(types.len() > 20, "{name}");
        assert!(twice.is_empty(), "{name}: {twice:#?}");
    }
}

#[test]
fn a_type_is_seen_by_its_line() {
    assert_eq!(type_of("pub(in crate::users) struct Session<'a> {"), Some("Session"));
    assert_eq!(type_of("pub(crate) type Key = (String, String);"), Some("Key"));
    assert_eq!(type_of("enum Kind {"), Some("Kind"));
    assert_eq!(type_of("    type Error = u8;"), None);
}
