//! The real binary against the lab: whole runs, refusals, repetition by seed, and without privileges.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support;
use crate::support::{
    FULL_FAILOVER, Lab, SHORT_TTL, bounds, events, gameday, json, keeps_secrets, lab_with, short_scenario, tools,
    without_debug,
};
use gameday_core::model::{Event, Login};
use serde_json::Value;

#[test]
fn a_full_failover_is_measured_truly_and_everything_is_put_back() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let done =
        gameday().args(["run", FULL_FAILOVER, "--time", "virtual", "--seed", "2", "--out"]).arg(&out).output().unwrap();
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    let (run, truth) = (json(&out.join("run.json")), json(&out.join("truth.json")));
    for milestone in truth["milestones"].as_array().unwrap() {
        let (name, at) = (milestone["name"].as_str().unwrap(), milestone["at_s"].as_f64().unwrap());
        let (lower, upper) = bounds(&run, name).unwrap_or_else(|| panic!("{name} was not reached"));
        assert!(lower <= at && at <= upper, "{name}: {at} s is outside {lower} s to {upper} s");
    }
    let (rpo, lost) = (&run["rpo"], truth["rpo"]["age_s"].as_f64().unwrap());
    let (lower, upper) = (rpo["lower_s"].as_f64().unwrap(), rpo["upper_s"].as_f64().unwrap());
    assert!(lower <= lost && lost <= upper, "RPO: {lost} s is outside {lower} s to {upper} s");
    assert!(rpo["writes_lost"].as_u64() <= truth["rpo"]["writes_lost"].as_u64(), "{rpo} beside {}", truth["rpo"]);
    assert_eq!(truth["milestones"].as_array().unwrap().len(), 10);
    let detected = bounds(&run, "health_check_unhealthy").unwrap();
    assert!(detected.0 > 20.0 && detected.1 < 45.0, "{detected:?}");
    assert!(bounds(&run, "first_replica_login").unwrap().1 < 120.0);
    assert_eq!(run["rollback"]["state_identical"], true);
    assert_eq!(run["rollback"]["mutations"], run["rollback"]["reverted"]);
    let before: Vec<Vec<u8>> = reports(&out);
    assert!(gameday().arg("report").arg(&out).status().unwrap().success());
    assert!(before == reports(&out), "gameday report writes other bytes than the run did");
}

fn reports(out: &Path) -> Vec<Vec<u8>> {
    let names = ["report.md", "report.html", "run.json", "junit.xml", "logins.hlog", "metrics.txt", "journal.json"];
    names.map(|name| std::fs::read(out.join(name)).unwrap()).into()
}

#[test]
fn a_health_check_outside_the_blackhole_is_refused_and_nothing_is_touched() {
    let folder = tempfile::tempdir().unwrap();
    let (env, out) = (lab_with(folder.path(), "[lab]\nhealth_target = \"elsewhere\"\n"), folder.path().join("run"));
    let done = gameday()
        .args(["run", FULL_FAILOVER, "--time", "virtual", "--env"])
        .arg(&env)
        .arg("--out")
        .arg(&out)
        .output()
        .unwrap();
    assert_eq!(done.status.code(), Some(3), "{}", String::from_utf8_lossy(&done.stderr));
    assert!(std::fs::read_to_string(out.join("report.md")).unwrap().contains("GD506"));
    assert!(!out.join("journal.ndjson").exists());
}

#[test]
fn a_trigger_that_is_broken_at_the_replica_alone_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let settings = "[lab]\n[[lab.estate]]\npath = \"/dynamodb/us-west-2/gameday-claims/items/risk_profile\"\n";
    let (env, out) = (lab_with(folder.path(), settings), folder.path().join("run"));
    // A lab of its own process, whose secrets are known.
    let lab = Lab::start(folder.path(), &["--speed", "10", "--env", env.to_str().unwrap()]);
    let mut run = gameday();
    // Preflight foretells it.
    run.args(["run", FULL_FAILOVER, "--ignore", "GD402", "--env"]).arg(&lab.environment).arg("--out").arg(&out);
    let done = run.env("GAMEDAY_LOG", "trace").output().unwrap();
    keeps_secrets(&lab.environment.with_extension("secrets.toml"), &out, &[&done.stdout, &done.stderr]);
    assert_eq!(done.status.code(), Some(1), "{}", without_debug(&done.stderr));
    let run = json(&out.join("run.json"));
    assert!(bounds(&run, "dns_flip_resolver").is_some() && bounds(&run, "first_replica_login").is_none());
    assert!(std::fs::read_to_string(out.join("report.md")).unwrap().contains("risk_profile"));
}

/// What follows from the seed in one whole run.
struct Drawn {
    /// By arrival: nanoseconds after the first one, user, flow, cohort.
    arrivals: Vec<(i128, String, String, String)>,
    checker_phases: Vec<Value>,
    lags: Vec<Value>,
}

fn drawn(seed: &str) -> Drawn {
    let folder = tempfile::tempdir().unwrap();
    let (env, out) = (lab_with(folder.path(), SHORT_TTL), folder.path().join("run"));
    let mut run = gameday();
    run.arg("run").arg(short_scenario(folder.path())).args(["--time", "virtual", "--seed", seed, "--env"]).arg(&env);
    let done = run.arg("--out").arg(&out).output().unwrap();
    // At this speed a busy machine may miss an objective; what was drawn is the same.
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(matches!(done.status.code(), Some(0 | 1)), "{said}");
    let logins = events(&out).into_iter().filter_map(|record| match record.event {
        Event::Login(login) => Some(*login),
        _ => None,
    });
    let mut logins: Vec<Login> = logins.collect();
    logins.sort_by_key(|login| login.arrival);
    assert!(logins.iter().map(|login| login.arrival).eq(0..logins.len() as u64), "an arrival is missing");
    let first = logins[0].scheduled;
    let arrival = |login: Login| {
        let offset = login.scheduled.duration_since(first).as_nanos();
        (offset, login.user.unwrap(), login.flow, login.cohort)
    };
    let truth = json(&out.join("truth.json"));
    let draws = |name: &str| truth["draws"][name].as_array().unwrap().clone();
    Drawn {
        arrivals: logins.into_iter().map(arrival).collect(),
        checker_phases: draws("checker_phase_s"),
        lags: draws("lag_s"),
    }
}

#[test]
fn the_same_seed_gives_the_same_arrivals_checker_phases_and_lags() {
    let (one, again, other) = (drawn("11"), drawn("11"), drawn("12"));
    // How long a run goes on depends on when the replica serves, so runs are compared as far as both went.
    let arrivals = one.arrivals.len().min(again.arrivals.len());
    assert!(arrivals > 100, "{arrivals} arrivals");
    assert_eq!(one.arrivals[..arrivals], again.arrivals[..arrivals]);
    let lags = one.lags.len().min(again.lags.len());
    assert!(lags > 10, "{lags} lags");
    assert_eq!(one.lags[..lags], again.lags[..lags]);
    assert_eq!(one.checker_phases.len(), 16);
    assert_eq!(one.checker_phases, again.checker_phases);

    let differ = |part: fn(&(i128, String, String, String)) -> String| {
        let parts = |run: &Drawn| run.arrivals[..100].iter().map(part).collect::<Vec<_>>();
        assert_ne!(parts(&one), parts(&other));
    };
    differ(|arrival| arrival.0.to_string());
    differ(|arrival| arrival.1.clone());
    differ(|arrival| format!("{:?}", arrival.2));
    differ(|arrival| format!("{:?}", arrival.3));
    assert!(one.lags.iter().zip(&other.lags).all(|(one, other)| one != other));
    assert!(one.checker_phases.iter().zip(&other.checker_phases).all(|(one, other)| one != other));
}

/// Runs a program as somebody without privileges: as `nobody` where the tests run as root, else as whoever runs
/// them.
pub(crate) fn unprivileged(program: &Path, root: bool) -> Command {
    if !root {
        return Command::new(program);
    }
    let mut command = Command::new(tools::on_path("setpriv"));
    let id = NOBODY;
    command.args([format!("--reuid={id}"), format!("--regid={id}"), "--clear-groups".to_owned()]);
    command.args(["--inh-caps=-all", "--no-new-privs"]).arg(program);
    command
}

pub(crate) const NOBODY: u32 = 65534;

#[test]
fn an_ordinary_user_without_capabilities_rehearses_a_failover() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let root = std::fs::metadata(at).unwrap().uid() == 0;
    // A copy, since the repository may be where nobody else may look.
    let program = at.join("gameday");
    std::fs::copy(env!("CARGO_BIN_EXE_gameday"), &program).unwrap();
    let (scenario, env) = (short_scenario(at), lab_with(at, SHORT_TTL));
    if root {
        for path in [at, &program, &scenario, &env] {
            chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o500)).unwrap();

    let mut who = unprivileged(&tools::on_path("sh"), root);
    let who = who.args(["-c", "id -u; id -G; grep ^CapEff: /proc/self/status"]).output().unwrap();
    let who = String::from_utf8(who.stdout).unwrap();
    let [uid, groups, capabilities] = who.lines().collect::<Vec<_>>()[..] else { panic!("{who}") };
    assert_ne!(uid, "0", "{who}");
    assert!(!groups.split(' ').any(|group| group == "0"), "{who}");
    let mask = capabilities.split_whitespace().nth(1).unwrap();
    assert_eq!(u64::from_str_radix(mask, 16).unwrap(), 0, "{who}");

    let mut run = unprivileged(&program, root);
    run.arg("run").arg(&scenario).args(["--speed", "10", "--seed", "3", "--env"]).arg(&env);
    let done = run.env_clear().current_dir(at).output().unwrap();
    assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
    // Without --out, in the folder that it was started in.
    let made: Vec<PathBuf> = std::fs::read_dir(at.join("reports")).unwrap().map(|made| made.unwrap().path()).collect();
    let [out] = &made[..] else { panic!("{made:?}") };
    assert_eq!(std::fs::metadata(out).unwrap().uid().to_string(), uid);
    let run = json(&out.join("run.json"));
    assert_eq!(run["rollback"]["state_identical"], true);
    assert!(bounds(&run, "fault_effective").is_some() && bounds(&run, "first_replica_login").is_some());
}

#[test]
fn a_token_is_told_from_the_base64_of_a_histogram() {
    assert_eq!(support::json_web_token("a=eyJraWQiOiJrIn0.eyJzdWIiOiJ1In0.c2ln"), Some("eyJraWQiOiJr"));
    assert_eq!(support::json_web_token("eyJhbGciOiJSUzI1NiJ9"), Some("eyJhbGciOiJS"));
    assert_eq!(support::json_web_token("AAeyJG7yveVS4wJgqZwWPhnQytc67gUmnitHKJkcZB"), None);
    assert_eq!(support::json_web_token("eyJ"), None);
}
