//! Every check of preflight in a lab that is broken in one place, and none in the healthy one.
//!
//! `scenarios/broken/` has the variants: each an environment file whose name begins with the code that must be found there, alone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::proxy as wire;
use crate::proxy::Wire;
use crate::support::{Lab, gameday};
use gameday_core::model::Severity;
use serde_json::Value;

/// So many labs at once; they wait as much as they work.
const AT_ONCE: usize = 4;

/// Codes that no lab file breaks, and where they are tried.
const ELSEWHERE: [(&str, &str); 6] = [
    ("GD011", "credentials that expire: src/preflight/identity.rs"),
    ("GD012", "needs variables of the process: src/preflight/identity.rs"),
    ("GD103", "found in the hold phase of a run: tests/reports.rs"),
    ("GD310", "the lab's Regions are fixed: src/preflight/checks/replication/regions.rs"),
    ("GD610", "needs a process with few descriptors: tests/descriptors.rs"),
    ("GD910", "needs a run under way: tests/guard.rs"),
];

/// Where a run is forced past each blocker and fails as predicted: the binaries, whose tests have the codes in their names.
const FORCED: [(&str, &str, &[&str]); 3] = [
    (
        "tests/forced_logins.rs",
        include_str!("forced_logins.rs"),
        &[
            "GD101", "GD102", "GD104", "GD401", "GD402", "GD403", "GD404", "GD407", "GD410", "GD414", "GD415", "GD417",
            "GD418", "GD510",
        ],
    ),
    (
        "tests/forced_pool.rs",
        include_str!("forced_pool.rs"),
        &["GD116", "GD118", "GD122", "GD123", "GD203", "GD204", "GD205", "GD206", "GD301", "GD302"],
    ),
    (
        "tests/forced_routing.rs",
        include_str!("forced_routing.rs"),
        &["GD501", "GD503", "GD504", "GD505", "GD506", "GD517", "GD520", "GD526"],
    ),
];

/// What a login that is really tried tells beside the cause of its failure.
const SYMPTOMS: [&str; 3] = ["GD101", "GD102", "GD402"];

#[derive(Debug)]
struct Told {
    findings: Vec<(String, String)>,
    not_checked: Vec<String>,
}

impl Told {
    fn codes(&self) -> BTreeSet<&str> {
        self.findings.iter().map(|(code, _)| code.as_str()).collect()
    }
}

fn preflight(arguments: &[&Path]) -> Told {
    let mut command = gameday();
    command.args(["preflight", "--format", "json"]).args(&arguments[1..]).arg("--env").arg(arguments[0]);
    let done = command.output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(!said.contains("panicked"), "{said}");
    let told: Value = serde_json::from_slice(&done.stdout).unwrap_or_else(|_| panic!("{arguments:?}: {said}"));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let findings = told["findings"].as_array().unwrap();
    Told {
        findings: findings.iter().map(|found| (text(&found["code"]), text(&found["evidence"]))).collect(),
        not_checked: told["not_checked"].as_array().unwrap().iter().map(text).collect(),
    }
}

fn variants() -> BTreeMap<PathBuf, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/broken");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let code = |path: PathBuf| {
        let code = path.file_name().unwrap().to_str().unwrap().split(['-', '.']).next().unwrap().to_owned();
        (path, code)
    };
    files.filter(|path| path.extension().is_some_and(|ending| ending == "toml")).map(code).collect()
}

/// The page of every code that there is.
fn codes() -> BTreeSet<String> {
    let pages = gameday::preflight::checks::pages();
    pages.into_iter().map(|page| page.code.to_owned()).collect()
}

#[test]
fn the_healthy_lab_has_no_finding_and_nothing_unseen() {
    let told = preflight(&[Path::new("environments/lab.toml")]);
    assert!(told.findings.is_empty() && told.not_checked.is_empty(), "{told:#?}");
}

/// What is wrong with a variant; nothing where its finding is there, alone.
fn wrong(path: &Path, code: &str) -> Option<String> {
    let told = preflight(&[path]);
    let mut others = told.codes();
    let found = others.remove(code);
    // What follows from the same mistake, as the file says.
    let text = std::fs::read_to_string(path).unwrap();
    let expected = text.lines().filter_map(|line| line.strip_prefix("# Also found: "));
    let missing: Vec<&str> = expected.filter(|also| !others.remove(also)).collect();
    // A login that was tried, and failed for the reason that the variant's finding names.
    let symptom = |other: &str| {
        let tried =
            |(of, evidence): &(String, String)| of != other || evidence.starts_with("USER_SRP_AUTH straight to");
        SYMPTOMS.contains(&other) && told.findings.iter().all(tried) && ("GD1"..="GD5").contains(&&code[..3])
    };
    others.retain(|other| !symptom(other));
    let good = found && missing.is_empty() && others.is_empty();
    (!good).then(|| format!("{}: {told:#?}", path.file_name().unwrap().display()))
}

#[test]
fn each_variant_has_its_finding_alone() {
    let (variants, next) = (Vec::from_iter(variants()), AtomicUsize::new(0));
    let work = || {
        let mut wrongs = Vec::new();
        while let Some((path, code)) = variants.get(next.fetch_add(1, Ordering::SeqCst)) {
            wrongs.extend(wrong(path, code));
        }
        wrongs
    };
    let wrongs: Vec<String> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    assert!(wrongs.is_empty(), "{} of {} variants:\n{}", wrongs.len(), variants.len(), wrongs.join("\n"));
}

#[test]
fn every_check_has_a_variant() {
    let (codes, variants) = (codes(), variants());
    let mut tried: BTreeSet<String> = variants.into_values().collect();
    assert_eq!(tried.difference(&codes).collect::<Vec<_>>(), Vec::<&String>::new(), "no such check");
    tried.extend(EDITS.iter().map(|edit| edit.code.to_owned()));
    tried.extend(ELSEWHERE.map(|(code, _)| code.to_owned()));
    assert_eq!(codes.difference(&tried).collect::<Vec<_>>(), Vec::<&String>::new(), "these have no variant");
}

/// A blocker is no false alarm: there is a run that went past it and failed as it says. Guard rails alone have none, since no run goes
/// past them.
#[test]
fn every_blocker_has_a_forced_run() {
    let blockers = gameday::preflight::checks::pages().into_iter().filter(|page| page.severity == Severity::Blocker);
    let (rails, mut others): (BTreeSet<&str>, BTreeSet<&str>) =
        blockers.map(|page| page.code).partition(|code| gameday::preflight::checks::is_guard_rail(code));
    for (file, text, codes) in FORCED {
        for code in codes {
            assert!(
                others.remove(code),
                "{code} of {file} is no blocker that a run can go past, or stands there twice"
            );
            assert!(text.contains(&code.to_lowercase()), "{file} has no test of {code}");
        }
    }
    assert!(others.is_empty(), "no run is forced past these blockers: {others:?}");
    for code in rails {
        let done = gameday().args(["run", FULL, "--ignore", code]).output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.code() == Some(2) && said.contains("cannot be ignored"), "{code}: {said}");
    }
}

#[test]
fn c05_preflight_signs_in_by_the_scenarios_own_flows() {
    let folder = tempfile::tempdir().unwrap();
    let environment = |name: &str, allowed: &str| {
        let path = folder.path().join(format!("{name}.toml"));
        let patch = |region: &str| {
            format!(
                "[[lab.estate]]\npath = \"/cognito/pools/{region}/clients/0/auth_flows\"\n\
                 value = [\"{allowed}\", \"ALLOW_REFRESH_TOKEN_AUTH\"]\n"
            )
        };
        let patches = [patch("us-east-1"), patch("us-west-2")].concat();
        let text = format!("schema_version = 1\nname = \"{name}\"\nkind = \"lab\"\n{patches}");
        std::fs::write(&path, text).unwrap();
        path
    };
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(FULL)).unwrap();
    let by = |flow: &str| {
        let (before, after) = text.split_once("[[users.flows]]").unwrap();
        let flow = format!("[[users.flows]]\nflow = \"{flow}\"\nshare = \"100%\"\n\n");
        let path = folder.path().join("scenario.toml");
        std::fs::write(&path, format!("{before}{flow}{}", &after[after.find("[[users.cohorts]]").unwrap()..])).unwrap();
        path
    };
    let passwords_only = environment("passwords", "ALLOW_USER_PASSWORD_AUTH");
    let srp_only = environment("srp", "ALLOW_USER_SRP_AUTH");
    let refused = |environment: &Path, flow: &str| {
        let told = preflight(&[environment, &by(flow)]);
        let logins = told.findings.iter().filter(|(code, _)| SYMPTOMS.contains(&code.as_str()));
        logins.map(|(_, evidence)| evidence.split(" straight").next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let (srp, passwords) = ("USER_SRP_AUTH", "USER_PASSWORD_AUTH");
    assert_eq!(refused(&passwords_only, passwords), Vec::<String>::new());
    assert_eq!(refused(&srp_only, srp), Vec::<String>::new());
    assert_eq!(refused(&srp_only, passwords), [passwords, passwords]);
    assert_eq!(refused(&passwords_only, srp), [srp, srp]);
}

#[test]
fn c09_preflight_uses_up_no_code_that_its_sessions_need() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::start(folder.path(), &["--seed", "5"]);
    let text = std::fs::read_to_string(&lab.environment).unwrap();
    let (before, after) = text.split_once("\"synthetic-totp-02\"").unwrap();
    let one_user = lab.environment.with_file_name("one-user.toml");
    let own = |text: String| text.replace("\"lab.", &format!("\"{}/lab.", lab.environment.parent().unwrap().display()));
    std::fs::write(&one_user, own(format!("{before}{}", &after[after.find(']').unwrap()..]))).unwrap();
    let full = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(FULL)).unwrap();
    let (before, after) = full.split_once("[[users.flows]]").unwrap();
    let flow = |flow: &str, share: &str| {
        format!("[[users.flows]]\nflow = \"{flow}\"\nusers = \"totp\"\nshare = \"{share}\"\nexpect = \"refused\"\n")
    };
    let flows = [flow("USER_SRP_AUTH", "50%"), flow("REFRESH_TOKEN_AUTH", "50%")].concat();
    let scenario = folder.path().join("totp.toml");
    std::fs::write(&scenario, format!("{before}{flows}{}", &after[after.find("[[users.cohorts]]").unwrap()..]))
        .unwrap();
    let told = preflight(&[&one_user, &scenario]);
    assert!(told.codes().contains("GD105"), "{told:#?}");
    let refused = ["GD101", "GD102", "GD104"].iter().any(|code| told.codes().contains(code));
    assert!(!refused, "{told:#?}");
}

/// What only the file of a running lab can break.
struct Edit {
    code: &'static str,
    /// What is found beside it.
    also: &'static [&'static str],
    scenario: &'static str,
    with: fn(&str) -> String,
}

const FULL: &str = "scenarios/full-failover.toml";
const EVERY_FLOW: &str = "scenarios/every-flow.toml";

/// The full failover, at whose replica the limit is to be set below what Cognito allows.
const TOO_MUCH: &str = "TOO_MUCH";

fn too_much(folder: &Path) -> PathBuf {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(FULL)).unwrap();
    let fault = "[[faults]]\nkind = \"provisioned-limit\"\nregion = \"replica\"\nrate = \"1/s\"\n\n";
    let path = folder.join("too-much.toml");
    std::fs::write(&path, text.replacen("[users.arrivals]", &format!("{fault}[users.arrivals]"), 1)).unwrap();
    path
}

/// The full failover with more sign-ins than Cognito lets through by default.
const CROWDED: &str = "CROWDED";

fn crowded(folder: &Path) -> PathBuf {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(FULL)).unwrap();
    let path = folder.join("crowded.toml");
    std::fs::write(&path, text.replacen("rate = \"2/s\"", "rate = \"200/s\"", 1)).unwrap();
    path
}

/// Without a table, up to the next one.
fn without(text: &str, table: &str) -> String {
    let (before, after) = text.split_once(&format!("\n[{table}]\n")).unwrap();
    let after = after.find("\n[").map_or("", |next| &after[next..]);
    format!("{before}{after}")
}

/// With another value for a key of a table.
fn with(text: &str, table: &str, key: &str, value: &str) -> String {
    let (before, after) = text.split_once(&format!("\n[{table}]\n")).unwrap();
    let (own, rest) = after.split_at(after.find("\n[").unwrap_or(after.len()));
    let own = own.lines().filter(|line| !line.starts_with(&format!("{key} = "))).collect::<Vec<_>>().join("\n");
    format!("{before}\n[{table}]\n{own}\n{key} = {value}\n{rest}")
}

/// The value of a key of a table.
fn value<'a>(text: &'a str, table: &str, key: &str) -> &'a str {
    let (_, after) = text.split_once(&format!("\n[{table}]\n")).unwrap();
    after.lines().find_map(|line| line.strip_prefix(&format!("{key} = "))).unwrap()
}

const EDITS: [Edit; 20] = [
    Edit {
        code: "GD001",
        also: &[],
        scenario: FULL,
        with: |text| with(text, "credentials.secret_access_key", "key", "\"password\""),
    },
    Edit {
        code: "GD009",
        also: &[],
        scenario: FULL,
        with: |text| with(text, "primary.endpoints", "sts", "\"http://127.0.0.1:9\""),
    },
    Edit {
        code: "GD010",
        also: &[],
        scenario: FULL,
        with: |text| without(text, "credentials.secret_access_key").replace("access_key_id = ", "profile = "),
    },
    Edit {
        code: "GD002",
        also: &[],
        scenario: FULL,
        with: |text| {
            let none = without(text, "primary.subnets");
            none.replace(
                "\n[primary.clients]",
                "\n[primary.subnets]\ntags = { nobody = \"has it\" }\n\n[primary.clients]",
            )
        },
    },
    Edit {
        code: "GD003",
        also: &[],
        scenario: FULL,
        with: |text| with(text, "primary.subnets", "ids", "[\"subnet-00000000000000000\"]"),
    },
    Edit {
        code: "GD004",
        also: &[],
        scenario: EVERY_FLOW,
        with: |text| text.replace("name = \"confidential\"", "name = \"other\""),
    },
    Edit {
        code: "GD005",
        also: &[],
        scenario: EVERY_FLOW,
        with: |text| text.replace("name = \"sign-out\"", "name = \"other\""),
    },
    Edit { code: "GD006", also: &[], scenario: EVERY_FLOW, with: |text| without(text, "managed_login") },
    Edit {
        code: "GD007",
        also: &[],
        scenario: EVERY_FLOW,
        with: |text| without(text, "users.populations.totp_secret"),
    },
    // A user with a wrong password is refused at both Regions, which tells nothing of the replica.
    Edit {
        code: "GD007",
        also: &["GD101"],
        scenario: EVERY_FLOW,
        with: |text| with(text, "users.populations.password", "key", "\"client_service\""),
    },
    // Part of what the health check asks is outside, too.
    Edit {
        code: "GD008",
        also: &["GD506"],
        scenario: FULL,
        with: |text| {
            let first = value(text, "primary.subnets", "ids").split(',').next().unwrap();
            with(text, "primary.subnets", "ids", &format!("{first}]"))
        },
    },
    Edit {
        code: "GD101",
        also: &["GD102"],
        scenario: FULL,
        with: |text| with(text, "users.password", "key", "\"client_service\""),
    },
    // Nothing listens there.
    Edit { code: "GD102", also: &[], scenario: FULL, with: |text| with(text, "replica", "direct", "[\"127.0.0.1\"]") },
    // Nobody can sign in by an app client that is not there, so that no session lives on its refresh tokens.
    Edit {
        code: "GD104",
        also: &[],
        scenario: EVERY_FLOW,
        with: |text| {
            let id = |name: &str| {
                let (_, after) = text.split_once(&format!("name = \"{name}\"\nid = \"")).unwrap();
                after.split('"').next().unwrap().to_owned()
            };
            text.replace(&id("rotating"), "0000000000000000000000000a")
        },
    },
    // Two users with codes, for seven logins in 30 s.
    Edit {
        code: "GD105",
        also: &[],
        scenario: EVERY_FLOW,
        with: |text| {
            let (before, after) = text.split_once("\"synthetic-totp-03\"").unwrap();
            format!("{before}{}", &after[after.find(']').unwrap()..])
        },
    },
    Edit {
        code: "GD510",
        also: &[],
        scenario: FULL,
        with: |text| with(text, "replica", "direct", "[\"127.0.2.10\", \"no-such-name.gameday.test\"]"),
    },
    Edit { code: "GD605", also: &[], scenario: CROWDED, with: str::to_owned },
    Edit { code: "GD602", also: &[], scenario: TOO_MUCH, with: str::to_owned },
    Edit {
        code: "GD905",
        also: &[],
        scenario: FULL,
        // Its last table is `[guard]`.
        with: |text| format!("{text}forbidden_ids = {}\n", value(text, "primary.subnets", "ids")),
    },
    Edit { code: "GD911", also: &[], scenario: FULL, with: |text| without(text, "dead_man") },
];

#[test]
fn what_a_file_can_break_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::start(folder.path(), &["--seed", "5"]);
    let text = std::fs::read_to_string(&lab.environment).unwrap();
    let (too_much, crowded) = (too_much(folder.path()), crowded(folder.path()));
    let mut wrong = Vec::new();
    for edit in &EDITS {
        let path = folder.path().join(format!("{}.toml", edit.code));
        std::fs::write(&path, (edit.with)(&text)).unwrap();
        let scenario: &Path = match edit.scenario {
            TOO_MUCH => &too_much,
            CROWDED => &crowded,
            file => Path::new(file),
        };
        let told = preflight(&[&path, scenario]);
        // What a whole file says is looked at by many checks, so that others may find it, too.
        if !edit.also.iter().chain([&edit.code]).all(|code| told.codes().contains(code)) {
            wrong.push(format!("{}: {told:#?}", edit.code));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The lab's file with a proxy before each Region's control plane.
fn behind(lab: &Lab, folder: &Path) -> (PathBuf, Vec<Wire>) {
    let path = folder.join("behind.toml");
    let primary = wire::before(&lab.environment, &path, "primary", None);
    let replica = wire::before(&path, &path, "replica", None);
    (path, vec![primary, replica])
}

/// However many checks want an answer, it is asked for once.
#[tokio::test(flavor = "multi_thread")]
async fn no_call_is_made_twice() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::start(folder.path(), &["--seed", "5"]);
    let (environment, wires) = behind(&lab, folder.path());
    let told = tokio::task::spawn_blocking(move || preflight(&[&environment])).await.unwrap();
    assert!(told.findings.is_empty() && told.not_checked.is_empty(), "{told:#?}");
    let mut made = 0;
    for wire in &wires {
        let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
        for seen in wire.seen() {
            *counts.entry((seen.call.action, seen.call.form)).or_default() += 1;
            made += 1;
        }
        // The canary alone is read until what was written is there.
        // A plan looks by itself whose account it is in and what its clones are made of: it is made again before the cut, without preflight.
        let of_plan = |action: &str| matches!(action, "GetCallerIdentity" | "DescribeNetworkAcls");
        counts.retain(|(action, form), count| {
            *count > 1 + usize::from(of_plan(action))
                && !(action == "AdminGetUser" && form.contains("replication-canary"))
        });
        assert!(counts.is_empty(), "{counts:#?}");
    }
    assert!(made > 5, "{made} calls");
}

/// That an alarm or a routing control decides is a design of its own; what no checker sees is not looked at, and that is reported.
#[test]
fn c26_a_health_check_without_checkers_is_not_called_wrong() {
    let folder = tempfile::tempdir().unwrap();
    for kind in ["CLOUDWATCH_METRIC", "RECOVERY_CONTROL"] {
        let path = folder.path().join("type.toml");
        let estate = format!("[[lab.estate]]\npath = \"/routing/health_check/type\"\nvalue = \"{kind}\"\n");
        std::fs::write(&path, format!("schema_version = 1\nname = \"type\"\nkind = \"lab\"\n\n{estate}")).unwrap();
        let done = gameday().args(["preflight", "--format", "json", "--env"]).arg(&path).output().unwrap();
        let told: Value = serde_json::from_slice(&done.stdout).unwrap();
        let codes = told["findings"].as_array().unwrap().iter().map(|finding| finding["code"].as_str().unwrap());
        let of_routing: Vec<&str> = codes.filter(|code| code.starts_with("GD5")).collect();
        assert!(of_routing.is_empty(), "{kind}: {of_routing:?}");
        let mut open = told["not_checked"].as_array().unwrap().iter().map(ToString::to_string);
        assert!(open.any(|what| what.contains("GD520") && what.contains(kind)), "{told}");
    }
}
