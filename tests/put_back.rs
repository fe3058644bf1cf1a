//! What synthetic users change in the pool is put back, whatever goes wrong: permissions that are missing, a process that is killed, a trigger
//! that fails after the password was set. And nobody is changed who is not declared.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use crate::proxy;
use crate::proxy::{Call, Way, Wire};
use crate::support;
use crate::support::{Lab, events, gameday, json, lab_with};
use aws_sdk_cognitoidentityprovider::Client;
use gameday::cloud::{Access, Cloud, resolve_secret};
use gameday::faults::{Action, CreateUser, Journal};
use gameday_core::env::Site;
use gameday_core::model::{Clock, Event, RunId};

/// Slow enough for logins on a busy machine.
const SPEED: &str = "4";

/// Users who set a new password at each sign-in, and people who are new at the primary, while a fault lasts that leaves it in reach.
fn scenario(folder: &Path, fault: &str) -> PathBuf {
    let path = folder.join("put-back.toml");
    let text = format!(
        r#"
schema_version = 1
title = "New passwords and newcomers"
hypothesis = "Nothing of them stays."
required_claims = ["tenant", "risk_profile"]
[phases]
baseline = "30s"
outage = "60s"
hold = "40s"
failback = "60s"
[[faults]]
{fault}
[users.arrivals]
process = "constant"
rate = "2/s"
[[users.flows]]
flow = "USER_PASSWORD_AUTH"
users = "new-password"
share = "100%"
expect = "refused"
[[users.cohorts]]
cohort = "fresh-lookup"
login_timeout = "60s"
share = "100%"
[[expectations]]
action = "sign-up"
region = "primary"
expect = "works"
[[expectations]]
action = "first-federated-sign-in"
region = "primary"
expect = "works"
[[objectives]]
metric = "rto"
at_most = "50s"
"#
    );
    std::fs::write(&path, text).unwrap();
    path
}

const INVERT: &str = "kind = \"health-check-invert\"";

struct Place {
    folder: tempfile::TempDir,
    lab: Lab,
    wire: Wire,
    environment: PathBuf,
    site: Site,
    cognito: Client,
}

impl Place {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = lab_with(folder.path(), "[lab]\nttl = \"10s\"\n");
        let lab = Lab::start(folder.path(), &["--speed", SPEED, "--seed", "5", "--env", settings.to_str().unwrap()]);
        let site = lab.site();
        let environment = lab.environment.with_file_name("wire.toml");
        let wire = proxy::before(&lab.environment, &environment, "primary", Some("cognito-idp"));
        let cognito = Cloud::connect(&site).await.unwrap().primary.cognito;
        Self { folder, lab, wire, environment, site, cognito }
    }

    fn out(&self) -> PathBuf {
        self.folder.path().join("run")
    }

    fn command(&self, fault: &str) -> Command {
        let mut command = gameday();
        command.arg("run").arg(scenario(self.folder.path(), fault)).arg("--env").arg(&self.environment);
        command.args(["--no-progress", "--seed", "3", "--out"]).arg(self.out()).stdin(Stdio::null());
        command
    }

    async fn run(&self, fault: &str) -> Output {
        output(self.command(fault)).await
    }

    async fn rollback(&self) -> Output {
        let mut command = gameday();
        command.arg("rollback").arg(self.out());
        output(command).await
    }

    /// Every user of the pool and its state.
    async fn users(&self) -> BTreeMap<String, String> {
        let pages = self.cognito.list_users().user_pool_id(&self.site.pool.id).into_paginator().items().send();
        let users = pages.collect::<Result<Vec<_>, _>>().await.unwrap();
        let state = |user: &aws_sdk_cognitoidentityprovider::types::UserType| {
            (user.username().unwrap().to_owned(), user.user_status().unwrap().as_str().to_owned())
        };
        users.iter().map(state).collect()
    }

    /// Starts a run and kills it as soon as `seen`.
    async fn killed_when(&self, seen: impl AsyncFn() -> bool) {
        let mut command = self.command(INVERT);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        let mut process = support::tools::Running(command.spawn().unwrap());
        let began = Instant::now();
        while !seen().await {
            assert!(process.0.try_wait().unwrap().is_none() && began.elapsed() < Duration::from_mins(4), "not seen");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        process.0.kill().unwrap();
        process.0.wait().unwrap();
    }
}

async fn output(mut command: Command) -> Output {
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn refusing(operation: &'static str) -> impl FnMut(&Call) -> Way + Send {
    move |call| if call.action == operation { Way::Refused(400, "AccessDeniedException") } else { Way::Open }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_permission_to_ask_for_passwords_a_run_is_not_restored_and_says_so() {
    let place = Place::start().await;
    let before = place.users().await;
    place.wire.rule(refusing("AdminSetUserPassword"));
    let done = place.run(INVERT).await;
    assert_eq!(done.status.code(), Some(5), "{}", said(&done));
    let changed: Vec<String> =
        place.users().await.into_iter().filter(|(name, state)| before[name] != *state).map(|(name, _)| name).collect();
    let run = json(&place.out().join("run.json"));
    let left: Vec<&str> =
        run["rollback"]["not_reverted"].as_array().unwrap().iter().filter_map(|one| one.as_str()).collect();
    assert!(!changed.is_empty() && left.len() == changed.len(), "{changed:?} but {left:?}");
    let report = std::fs::read_to_string(place.out().join("report.md")).unwrap();
    for name in &changed {
        let of_user = |one: &&&str| one.contains(name.as_str()) && one.contains("AdminSetUserPassword");
        assert!(left.iter().any(|one| of_user(&one)) && report.contains(name.as_str()), "{name}: {left:?}");
    }
    assert_eq!(place.rollback().await.status.code(), Some(5));
    place.wire.open();
    let done = place.rollback().await;
    assert_eq!((done.status.code(), place.users().await), (Some(0), before), "{}", said(&done));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_new_is_gone_after_a_run() {
    let place = Place::start().await;
    let before = place.users().await;
    let done = place.run(INVERT).await;
    assert!(matches!(done.status.code(), Some(0 | 1)), "{}", said(&done));
    let tried = events(&place.out()).into_iter().filter_map(|record| match record.event {
        Event::Expectation(seen) => Some(seen),
        _ => None,
    });
    let tried: Vec<_> = tried.collect();
    assert!(tried.len() == 2 && tried.iter().all(|seen| seen.held == Some(true)), "{tried:?}");
    assert_eq!(place.users().await, before);
    let text = std::fs::read_to_string(place.out().join("journal.ndjson")).unwrap();
    let secrets = std::fs::read_to_string(place.lab.environment.with_extension("secrets.toml")).unwrap();
    let secrets: BTreeMap<String, String> = toml::from_str(&secrets).unwrap();
    assert!(secrets.values().all(|secret| !text.contains(secret)), "a secret is in the journal");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_killed_leaves_passwords_and_newcomers_to_its_rollback() {
    let place = Place::start().await;
    let before = place.users().await;
    // Nobody is asked again, so that somebody is changed at every moment.
    place.wire.rule(refusing("AdminSetUserPassword"));
    place
        .killed_when(async || {
            let works = |record: &&gameday_core::model::Record| {
                matches!(&record.event, Event::Expectation(seen) if seen.seen == "works")
            };
            events(&place.out()).iter().filter(works).count() == 2
        })
        .await;
    place.wire.open();
    let after = place.users().await;
    assert_eq!(after.len(), before.len() + 2, "two are new");
    assert!(before.iter().any(|(name, state)| after[name] != *state), "somebody has set a password");
    let done = place.rollback().await;
    assert_eq!((done.status.code(), place.users().await), (Some(0), before), "{}", said(&done));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_is_set_before_a_trigger_fails_is_put_back() {
    let place = Place::start().await;
    let before = place.users().await;
    // DNS stays where it is, so that users go on meeting the trigger.
    let done = place.run("kind = \"lambda-trigger-break\"").await;
    assert!(matches!(done.status.code(), Some(0 | 1)), "{}", said(&done));
    let failed = events(&place.out()).iter().any(|record| {
        matches!(&record.event, Event::Login(login) if login.outcome.label().contains("NEW_PASSWORD_REQUIRED (UnexpectedLambda"))
    });
    assert!(failed, "nobody's trigger failed after the password was set");
    assert_eq!(place.users().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn preflight_changes_nobody() {
    let place = Place::start().await;
    let password = place.site.users.password.as_ref().unwrap();
    let cloud = Cloud::connect(&place.site).await.unwrap();
    let password = resolve_secret(password, &place.site.folder, &cloud.secrets).await.unwrap();
    // Also all of `[users]`, none of whom is declared to set a new password, and with whom this scenario does not sign in.
    for name in &place.site.users.names {
        let call = place.cognito.admin_set_user_password().user_pool_id(&place.site.pool.id).username(name);
        call.password(password.expose()).permanent(false).send().await.unwrap();
    }
    let before = place.users().await;
    let mut command = gameday();
    command.arg("preflight").arg(scenario(place.folder.path(), INVERT)).arg("--env").arg(&place.environment);
    let done = output(command).await;
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    assert_eq!(place.users().await, before);
    let set = place.wire.seen().into_iter().find(|seen| seen.call.action == "AdminSetUserPassword");
    assert!(set.is_none(), "{set:?}");
}

/// Somebody whom a replica has, although it deletes nobody, goes with the primary's.
#[tokio::test(flavor = "multi_thread")]
async fn a_newcomer_at_the_replica_is_deleted_at_the_primary_too() {
    let place = Place::start().await;
    let before = place.users().await;
    let (pool, user) = (place.site.pool.id.clone(), "gameday-newcomer".to_owned());
    place.cognito.admin_create_user().user_pool_id(&pool).username(&user).send().await.unwrap();
    let replica = Cloud::connect(&place.site).await.unwrap().replica.cognito;
    let there = async || replica.admin_get_user().user_pool_id(&pool).username(&user).send().await.is_ok();
    while !there().await {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    std::fs::create_dir(place.out()).unwrap();
    let path = place.out().join("journal.ndjson");
    let now = Clock::start(1.0).now();
    let journal = Journal::create(&path, RunId::from("gd-test"), Access::of(&place.site), now).unwrap();
    let change = Action::CreateUser(CreateUser { pool: pool.clone(), user: user.clone() });
    let regions = [&place.site.primary.region, &place.site.replica.region];
    let both = regions.map(|region| (region.clone(), change.clone()));
    journal.intend(&both.iter().collect::<Vec<_>>()).unwrap();
    drop(journal);
    let done = place.rollback().await;
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    assert_eq!((place.users().await, there().await), (before, false));
}
