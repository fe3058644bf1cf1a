//! The files that people write: what is said about wrong ones, and that the committed ones are right.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::support::gameday;
use gameday_core::env::{self, Environment, EnvironmentKind};
use gameday_core::files::{FileProblems, Loaded};
use gameday_core::scenario::{self, Scenario};
use miette::{GraphicalReportHandler, GraphicalTheme};
use proptest::prelude::*;

const FULL_FAILOVER: &str = include_str!("../scenarios/full-failover.toml");
const AWS_EXAMPLE: &str = include_str!("../environments/aws-example.toml");

/// A diagnostic as a terminal without colours shows it.
fn shown(problems: &FileProblems) -> String {
    let mut text = String::new();
    GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor())
        .with_width(100)
        .render_report(&mut text, problems)
        .unwrap();
    text.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

fn scenario(text: &str) -> Result<Loaded<Scenario>, FileProblems> {
    scenario::read_str("scenarios/wrong.toml", text, None)
}

fn environment(text: &str) -> Result<Loaded<Environment>, FileProblems> {
    env::read_str("environments/wrong.toml", text)
}

/// The full failover with one text replaced by another.
fn with(old: &str, new: &str) -> String {
    assert!(FULL_FAILOVER.contains(old), "{old}");
    FULL_FAILOVER.replace(old, new)
}

/// The messages about a file, in order.
fn messages<T>(result: Result<Loaded<T>, FileProblems>) -> Vec<String> {
    let all = |found: FileProblems| found.problems().iter().map(ToString::to_string).collect();
    result.map_or_else(all, |_| Vec::new())
}

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

#[test]
fn many_mistakes_in_a_scenario() {
    let text = r#"schema_version = 1
titel = "A scenario with everything wrong"
hypothesis = ""
required_claims = ["tenant", "tenant"]

[phases]
baseline = 30
outage = "60s"
hold = "45s"
failbak = "2 minutes"

[[faults]]
kind = "nacl-blackhol"

[users.arrivals]
process = "constant"
rate = "2"

[[users.flows]]
flow = "USER_SRP_AUTH"
share = "60%"

[[users.flows]]
flow = "USER_SRP_AUTH"
share = "30%"

[[users.cohorts]]
cohort = "fresh-lookup"
share = "100"

[[objectives]]
metric = "rto"
at_most = "2m"

[[objectives]]
metric = "detektion"
at_most = "45s"

[[objectives]]
metric = "success_rate"
region = "replica"
phase = "restore"
at_least = "99%"

[[objectives]]
metric = "success_rate"
region = "replica"
phase = "baseline"

[[objectives]]
metric = "rpo"
at_most = "0s"
at_least = "99%"
"#;
    insta::assert_snapshot!(shown(&scenario(text).unwrap_err()));
}

#[test]
fn syntax_errors_in_a_scenario() {
    let text = r#"schema_version = 1
title = A title
hypothesis = "unclosed
[phases
baseline = "30s"

[users]
arrivals = { process = "constant", rate = "2/s"
"#;
    insta::assert_snapshot!(shown(&scenario(text).unwrap_err()));
}

#[test]
fn many_mistakes_in_an_aws_environment() {
    let text = r#"schema_version = 2
name = "staging"
kind = "aws"

[account]
allowed = ["1111-2222-3333"]

[credentials]
profile = "staging"
access_key_id = "AKIAEXAMPLE"

[primary]
region = "us-east"
direct = ["https://login-use1.example.com/"]

[primary.endpoints]
ec3 = "vpce.example.com"

[replica]
region = "us-west-2"
direct = []
subnets = { ids = ["0a1b2c3d"] }
clients = { ids = ["10.0.6.0/24"] }

[pool]
id = "eu-west-1_EXAMPLE"
client_id = ""
client_secret = { file = "secrets.toml" }

[front_door]
name = "login.example.com"
api_path = "api/whoami"
trust_root = "no-such-ca.pem"

[dns]
hosted_zone_id = ""
record = "login.example.com"
health_check_id = "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee"
resolvers = ["10.0.0.2", "10.0.0.2:53"]

[timeouts]
connect = "12s"
login = "10s"

[observe]
health = "100ms"
authoritative = "0s"

[lab]
users = 3
"#;
    insta::assert_snapshot!(shown(&environment(text).unwrap_err()));
}

#[test]
fn c23_regions_and_roles_of_two_partitions_are_refused() {
    let cases = [
        (
            "region = \"us-west-2\"",
            "region = \"us-gov-west-1\"",
            "us-east-1 is in the partition `aws`, us-gov-west-1 in `aws-us-gov`",
        ),
        ("arn:aws:iam", "arn:aws-cn:iam", "the role is in the partition `aws-cn`, us-east-1 in `aws`"),
    ];
    for (old, new, message) in cases {
        let found = messages(environment(&AWS_EXAMPLE.replacen(old, new, 1)));
        assert!(found.iter().any(|one| one == message), "{found:?}");
    }
    let government = AWS_EXAMPLE
        .replace("us-east-1", "us-gov-west-1")
        .replace("us-west-2", "us-gov-east-1")
        .replace("arn:aws:", "arn:aws-us-gov:");
    assert_eq!(messages(environment(&government)), Vec::<String>::new());
    let domain = format!("{government}\n[managed_login]\ndomain = \"login.example.com\"\n");
    let found = messages(environment(&domain));
    assert_eq!(found, ["`login.example.com` is a custom domain, which Cognito does not have in GovCloud (US)"]);
}

#[test]
fn a17_an_endpoint_is_the_failover_record_and_none_of_aws() {
    let name = "name = \"login.staging.example.com\"";
    assert!(AWS_EXAMPLE.contains(name));
    let text = AWS_EXAMPLE.replacen(name, "name = \"signin.staging.example.com\"", 1);
    let problems = environment(&text).unwrap_err();
    let [problem] = problems.problems() else { panic!("{problems:?}") };
    let message =
        "users connect to `signin.staging.example.com`, but the failover record is `login.staging.example.com`";
    assert_eq!(problem.to_string(), message);
    let line = text.lines().position(|line| line.starts_with("name = \"signin")).unwrap() + 1;
    assert_eq!(problem.location().unwrap().0, line);
    // Names are the same in any case, and with a dot at the end.
    assert_eq!(
        messages(environment(&AWS_EXAMPLE.replacen(name, "name = \"Login.staging.example.com.\"", 1))),
        Vec::<String>::new()
    );
    for own in [
        "cognito-idp.us-east-1.amazonaws.com",
        "cognito-idp-fips.us-east-1.amazonaws.com",
        "cognito-idp.us-east-1.api.aws",
    ] {
        let text = AWS_EXAMPLE.replacen(name, &format!("name = \"{own}\""), 1);
        let problems = environment(&text).unwrap_err();
        let [problem] = problems.problems() else { panic!("{problems:?}") };
        assert_eq!(problem.to_string(), format!("`{own}` is an endpoint of AWS, not an endpoint of yours"));
        assert!(problem.remedy().unwrap().contains("in no VPC of yours"), "{problem:?}");
    }
}

#[test]
fn a_file_that_is_not_there_or_not_text() {
    let missing = scenario::load(Path::new("scenarios/no-such-file.toml"), None).unwrap_err();
    insta::assert_snapshot!("missing_file", shown(&missing));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("latin1.toml");
    fs::write(&path, b"schema_version = 1\ntitle = \"caf\xe9\"\n").unwrap();
    let found = messages(scenario::load(&path, None));
    assert!(found[0].ends_with("latin1.toml is not UTF-8 text: line 2 has a byte that does not belong there"));
    assert!(messages(env::load(folder.path()))[0].starts_with("cannot read "));
}

#[test]
fn a_scenario_that_cannot_work_is_refused() {
    let cases = [
        ("hold = \"60s\"", "hold = \"59s\"", "a hold of 59s is shorter than the usual TTL of 1m"),
        ("hold = \"60s\"", "hold = \"0s\"", "the scenario has no phase `hold`"),
        ("outage = \"150s\"", "outage = \"119s\"", "`rto` of 2m cannot be measured in 1m59s"),
        ("outage = \"150s\"", "outage = \"44s\"", "`detection` of 45s cannot be measured in 44s"),
        ("failback = \"150s\"", "failback = \"1m\"", "`failback` of 2m30s cannot be measured in 1m"),
        ("at_most = \"2m30s\"", "at_most = \"4m\"", "`sustained_rto` of 4m cannot be measured in 3m30s"),
        ("baseline = \"30s\"", "baseline = \"9s\"", "a baseline of 9s is too short to be one"),
        ("share = \"60%\"", "share = \"60.1%\"", "the shares of `users.flows` add up to 100.1%, not 100%"),
        ("cohort = \"honours-ttl\"", "cohort = \"fresh-lookup\"", "`fresh-lookup` is there twice in `users.cohorts`"),
        ("metric = \"rpo\"", "metric = \"rto\"", "the objective `rto` is there twice"),
        ("phase = \"hold\"", "phase = \"verify\"", "no logins are counted in the phase `verify`"),
        ("phase = \"hold\"", "phase = \"baseline\"", "no user is served at the replica in the baseline"),
        ("at_most = \"30s\"", "at_most = \"0s\"", "a target of zero for `rpo` can never be met"),
        ("rate = \"2/s\"", "rate = \"0/s\"", "`0/s` is not a positive rate"),
        ("schema_version = 1", "schema_version = 2", "schema_version 2 is not known"),
    ];
    for (old, new, message) in cases {
        let found = messages(scenario(&with(old, new)));
        assert!(found.iter().any(|one| one == message), "{new}: {found:?}");
    }
    let (head, _) = FULL_FAILOVER.split_once("[[objectives]]").unwrap();
    assert_eq!(messages(scenario(&format!("objectives = []\n{head}"))), ["nothing must hold"]);
}

#[test]
fn shares_of_sessions_and_of_throttled_logins_must_be_able_to_fail() {
    let (head, _) = FULL_FAILOVER.split_once("[[objectives]]").unwrap();
    let with = |objectives: &str, rest: &str| messages(scenario(&format!("objectives = [{objectives}]\n{head}{rest}")));
    let kept = r#"{ metric = "sessions_kept", at_least = "99%" }"#;
    assert_eq!(with(kept, ""), ["the scenario has no sessions to keep"]);
    let sessions = "[[users.sessions]]\ncount = 5\nrefresh = \"REFRESH_TOKEN_AUTH\"\nrefresh_every = \"30s\"\ncall_every = \"5s\"\n";
    assert!(with(kept, sessions).is_empty());
    // The baseline is 30 s.
    let rarely = sessions.replace("call_every = \"5s\"", "call_every = \"20s\"");
    let late = "a session signs in within its first `call_every`, which must be well before the fault";
    assert_eq!(with(kept, &rarely), [late]);
    let throttled = |phase: &str, share: &str| {
        format!(r#"{{ metric = "throttled_share", region = "replica", phase = "{phase}", at_most = "{share}" }}"#)
    };
    assert!(with(&format!("{}, {}", throttled("hold", "1%"), throttled("outage", "50%")), "").is_empty());
    assert_eq!(with(&throttled("hold", "100%"), ""), ["a throttled share of at most 100% always holds"]);
    assert_eq!(with(&throttled("verify", "1%"), ""), ["no logins are counted in the phase `verify`"]);
    let twice = format!("{}, {}", throttled("hold", "1%"), throttled("hold", "2%"));
    assert_eq!(with(&twice, ""), ["the objective `throttled_share` is there twice"]);
}

#[test]
fn the_record_s_ttl_decides_how_long_to_hold() {
    let load = |text: &str, ttl| messages(scenario::read_str("s.toml", text, Some(Duration::from_secs(ttl))));
    assert_eq!(load(FULL_FAILOVER, 60), Vec::<String>::new());
    assert_eq!(load(FULL_FAILOVER, 300), ["a hold of 1m is shorter than the record's TTL of 5m"]);
    assert_eq!(load(&with("hold = \"60s\"", "hold = \"20s\""), 20), Vec::<String>::new());
}

#[test]
fn a_lab_is_embedded_or_runs_already_and_nothing_between() {
    let half = format!("{}\n[pool]\nid = \"us-east-1_LAB\"\nclient_id = \"c\"\n", env::BUILT_IN_LAB);
    assert_eq!(
        messages(environment(&half)),
        [
            "a lab that runs already needs `[lab.clock]`",
            "a lab that runs already needs `[primary]`, `[replica]`, `[front_door]`, `[dns]`, `[users]`"
        ]
    );
    let clock = "\n[lab.clock]\nanchor = \"2026-01-01T00:00:00Z\"\nspeed = 10\n";
    let clocked = messages(environment(&format!("{}{clock}", env::BUILT_IN_LAB)));
    assert_eq!(clocked, ["`lab.clock` belongs to a lab that runs already"]);

    let running = AWS_EXAMPLE.replace("kind = \"aws\"", "kind = \"lab\"") + clock;
    let running = environment(&running).unwrap().value;
    assert_eq!(running.kind, EnvironmentKind::Lab);
    assert!(running.complete(PathBuf::from("environments"), None).is_ok());
}

#[test]
fn the_built_in_lab_lacks_what_it_fills_in_when_it_starts() {
    let lab = env::built_in_lab();
    assert_eq!(lab.lab, Some(env::LabSettings::default()), "the file spells out the defaults");
    assert_eq!((&lab.timeouts, &lab.observe), (&env::Timeouts::default(), &env::Observe::default()));
    let missing = lab.complete(PathBuf::from("."), None).unwrap_err();
    assert_eq!(missing, ["primary", "replica", "pool", "front_door", "dns", "users"]);
    assert_eq!(env::built_in().sha256, env::load(&root("environments/lab.toml")).unwrap().sha256);
}

#[test]
fn a_provisioned_limit_has_a_whole_rate_and_nothing_else_has_one() {
    let found = |fault: &str| {
        let text = FULL_FAILOVER.replace("kind = \"nacl-blackhole\"\n", &format!("kind = \"{fault}\n"));
        messages(scenario(&text))
    };
    assert_eq!(found("provisioned-limit\"\nrate = \"300/s\""), Vec::<String>::new());
    assert_eq!(found("provisioned-limit\"\nrate = \"600/min\""), Vec::<String>::new());
    assert_eq!(found("provisioned-limit\""), ["provisioned-limit needs a `rate`"]);
    let fraction = "a limit is a whole number of requests a second";
    assert_eq!(found("provisioned-limit\"\nrate = \"90/min\""), [fraction]);
    assert_eq!(found("nacl-blackhole\"\nrate = \"300/s\""), ["`rate` means nothing to nacl-blackhole"]);
}

#[test]
fn paths_count_from_the_file_s_folder() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("staging.toml");
    fs::write(&path, AWS_EXAMPLE.replace("# trust_root", "trust_root")).unwrap();
    assert_eq!(messages(env::load(&path)), ["there is no file staging-ca.pem"]);
    fs::write(folder.path().join("staging-ca.pem"), "").unwrap();
    assert_eq!(messages(env::load(&path)), Vec::<String>::new());
}

#[test]
fn what_is_read_can_be_written_and_read_again() {
    let aws = environment(AWS_EXAMPLE).unwrap().value;
    assert_eq!(environment(&toml::to_string(&aws).unwrap()).unwrap().value, aws);
    let full = scenario(FULL_FAILOVER).unwrap().value;
    assert_eq!(scenario(&toml::to_string(&full).unwrap()).unwrap().value, full);
}

fn toml_files(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(root(folder)).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.extension().is_some_and(|ending| ending == "toml")).collect()
}

#[test]
fn every_committed_file_loads_and_names_its_schema() {
    let names = |path: &Path, schema: &str| {
        let text = fs::read_to_string(path).unwrap();
        assert!(text.starts_with(&format!("#:schema ../docs/schema/{schema}.schema.json\n")), "{}", path.display());
    };
    let (scenarios, environments) = (toml_files("scenarios"), toml_files("environments"));
    assert!(!scenarios.is_empty() && environments.len() >= 2);
    for path in &scenarios {
        scenario::load(path, None).unwrap_or_else(|problems| panic!("{}", shown(&problems)));
        names(path, "scenario");
    }
    for path in &environments {
        env::load(path).unwrap_or_else(|problems| panic!("{}", shown(&problems)));
        names(path, "environment");
    }
}

#[test]
fn committed_schemas_are_the_generated_ones() {
    let schemas = [
        ("docs/schema/scenario.schema.json", scenario::schema()),
        ("docs/schema/environment.schema.json", env::schema()),
    ];
    for (path, schema) in schemas {
        let generated = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        let committed = fs::read_to_string(root(path)).unwrap_or_default();
        assert!(committed == generated, "{path} is not what the types say: run `make generate`");
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert!(schema.get("$id").is_none());
    }
}

/// What a hand that slips does to a line.
#[derive(Debug, Clone)]
enum Slip {
    Delete,
    Duplicate,
    Rename(String),
    Cut(prop::sample::Index),
    Replace(String),
}

fn slips() -> impl Strategy<Value = Vec<(prop::sample::Index, Slip)>> {
    let kind = prop_oneof![
        Just(Slip::Delete),
        Just(Slip::Duplicate),
        "[a-z_]{1,12}".prop_map(Slip::Rename),
        any::<prop::sample::Index>().prop_map(Slip::Cut),
        "\\PC{0,30}".prop_map(Slip::Replace),
    ];
    prop::collection::vec((any::<prop::sample::Index>(), kind), 1..4)
}

fn mangle(text: &str, slips: &[(prop::sample::Index, Slip)]) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for (index, slip) in slips {
        let at = index.index(lines.len());
        match slip {
            Slip::Delete => drop(lines.remove(at)),
            Slip::Duplicate => lines.insert(at, lines[at].clone()),
            Slip::Rename(name) => {
                let renamed = lines[at].split_once('=').map(|(_, value)| format!("{name} ={value}"));
                lines[at] = renamed.unwrap_or_else(|| format!("[{name}]"));
            }
            Slip::Cut(end) => {
                let keep = end.index(lines[at].chars().count() + 1);
                lines[at] = lines[at].chars().take(keep).collect();
            }
            Slip::Replace(line) => lines[at].clone_from(line),
        }
    }
    lines.join("\n")
}

/// Whatever is found has a place and a remedy, and can be shown.
fn well_said<T>(result: Result<Loaded<T>, FileProblems>) -> Result<(), TestCaseError> {
    let Err(problems) = result else { return Ok(()) };
    prop_assert!(!problems.problems().is_empty() && !shown(&problems).is_empty());
    for problem in problems.problems() {
        prop_assert!(problem.location().is_some() && problem.remedy().is_some(), "{}", problem);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn no_slip_of_the_hand_makes_it_panic(slips in slips()) {
        well_said(scenario(&mangle(FULL_FAILOVER, &slips)))?;
        well_said(environment(&mangle(AWS_EXAMPLE, &slips)))?;
    }
}

/// What is too much is refused at once, with a clear error and few words.
#[test]
fn what_is_too_much_is_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let validate = |name: &str, text: &str| {
        let path = folder.path().join(format!("{name}.toml"));
        std::fs::write(&path, text).unwrap();
        let began = Instant::now();
        let done = gameday().arg("validate").arg(&path).output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert_eq!(done.status.code(), Some(2), "{name}: {said:.2000}");
        assert!(began.elapsed() < Duration::from_secs(30) && said.len() < 50_000, "{name}: {} bytes", said.len());
        said
    };
    let unknown: String = (0..90_000).fold(String::new(), |text, number| text + &format!("k{number:05}=1\n"));
    let head = "schema_version = 1\nname = \"x\"\nkind = \"lab\"\n";
    let said = validate("unknown", &format!("schema_version = 1\n{unknown}"));
    let words = said.replace('│', " ").split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("the first 25"), "{said:.2000}");
    validate("environment", &format!("{head}{unknown}"));
    validate("broken", &"= = =\n".repeat(150_000));
    validate("nested", &format!("{}=1", "a.".repeat(300_000)));
    validate("brackets", &format!("a={}", "[".repeat(900_000)));
    validate("word", &format!("{}=1", "k".repeat(900_000)));
    let populations: String =
        (0..20_000).fold(String::new(), |text, n| text + &format!("[[users.populations]]\nname=\"p{n}\"\n"));
    validate("populations", &format!("{head}{populations}"));
    let said = validate("long", &"# a comment\n".repeat(100_000));
    assert!(said.contains("longer than 1 MiB"), "{said}");
    for (key, number) in [("users", "1000000000"), ("checkers", "4000000000")] {
        let said = validate("numbers", &format!("{head}[lab]\n{key} = {number}\n"));
        assert!(said.contains(&format!("`lab.{key}` is more than the lab has room for")), "{said}");
    }
}

/// A secret that is in a file by mistake is in no diagnostic, neither as what is pointed at nor as what stands beside it.
#[test]
fn a_secret_in_an_environment_file_is_never_shown() {
    let secrets = ["hunter2-hunter2", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "s3cr3t-cl13nt"];
    let text = format!(
        "schema_version = 1\nname = \"x\"\nkind = \"aws\"\n[credentials]\naccess_key_id = \"AKIDEXAMPLE\"\nsecret_access_key = \"{1}\"\n\
         aws_key = \"{1}\"\n[users]\nnames = [\"a\"]\npassword = \"{0}\"\n[pool]\nid = \"us-east-1_A\"\nclient_secret = {2}\n",
        secrets[0], secrets[1], secrets[2]
    );
    for text in [text.clone(), text.replace("[pool]", "[[pool"), text.replace("[users]", "nonsense")] {
        let problems = env::read_str("wrong.toml", &text).unwrap_err();
        let shown = format!("{} {:?}", shown(&problems), problems);
        for secret in secrets {
            assert!(!shown.contains(secret), "{secret}: {shown}");
        }
    }
}
