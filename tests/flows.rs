//! Every flow in whole runs on the lab: each scenario with its verdict and what it counts, and no secret in anything that was written or
//! printed on the way.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Output;

use crate::support;
use crate::support::{Lab, events, gameday, json, keeps_secrets, keeps_tokens, lab_with, texts, without_debug};
use aws_sdk_cognitoidentityprovider::types::UserStatusType;
use gameday::cloud::Cloud;
use gameday_core::env::Site;
use gameday_core::model::{
    Event, Expectation, Login, LoginOutcome, LoginStep, Phase, RegionRole, SessionCall, SessionStep,
};
use gameday_core::scenario;

const SPEED: &str = "10";

/// A run that has ended.
struct Done {
    code: Option<i32>,
    run: serde_json::Value,
    logins: Vec<Login>,
    expectations: Vec<Expectation>,
    notices: Vec<String>,
    sessions: Vec<SessionCall>,
    report: String,
    told: String,
    /// Users of the lab who must set a new password, and how they are after the run.
    must_set_password: Vec<(String, UserStatusType)>,
}

/// Runs a scenario on a lab of its own whose secrets are known, and looks for them in everything that is left.
fn run(scenario: &Path, settings: &str) -> Done {
    let folder = tempfile::tempdir().unwrap();
    let environment = lab_with(folder.path(), settings);
    let lab = Lab::start(folder.path(), &["--speed", SPEED, "--seed", "5", "--env", environment.to_str().unwrap()]);
    let out = folder.path().join("run");
    let mut command = gameday();
    command
        .arg("run")
        .arg(scenario)
        .arg("--env")
        .arg(&lab.environment)
        .args(["--no-progress", "--seed", "3", "--out"])
        .arg(&out);
    if settings.contains("missing_clients") {
        // Preflight foretells what is to be seen here.
        command.args(["--ignore", "GD116", "--ignore", "GD102"]);
    }
    let done = command.env("GAMEDAY_LOG", "debug").output().unwrap();
    keeps_secrets(&lab.environment.with_extension("secrets.toml"), &out, &[&done.stdout, &done.stderr]);
    left(&out, &done, statuses(&lab.site()))
}

/// The same in virtual time, on the built-in lab; what looks like a token is looked for alone.
fn run_virtually(scenario: &Path, settings: &str) -> Done {
    let folder = tempfile::tempdir().unwrap();
    let (environment, out) = (lab_with(folder.path(), settings), folder.path().join("run"));
    let mut command = gameday();
    command.arg("run").arg(scenario).arg("--env").arg(environment);
    command.args(["--no-progress", "--time", "virtual", "--seed", "3", "--out"]).arg(&out);
    if settings.contains("missing_clients") {
        // Preflight predicts what is to be seen here.
        command.args(["--ignore", "GD116", "--ignore", "GD102"]);
    }
    let done = command.env("GAMEDAY_LOG", "debug").output().unwrap();
    keeps_tokens(&texts(&out, &[&done.stdout, &done.stderr]));
    left(&out, &done, Vec::new())
}

/// What a run has left.
fn left(out: &Path, done: &Output, must_set_password: Vec<(String, UserStatusType)>) -> Done {
    let records = events(out);
    let (mut logins, mut expectations, mut notices, mut sessions) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for record in records {
        match record.event {
            Event::Login(login) => logins.push(*login),
            Event::Expectation(expectation) => expectations.push(expectation),
            Event::Notice { text } => notices.push(text),
            Event::Session(call) => sessions.push(*call),
            _ => {}
        }
    }
    Done {
        code: done.status.code(),
        run: json(&out.join("run.json")),
        logins,
        expectations,
        notices,
        sessions,
        report: std::fs::read_to_string(out.join("report.md")).unwrap(),
        told: without_debug(&done.stderr),
        must_set_password,
    }
}

fn statuses(site: &Site) -> Vec<(String, UserStatusType)> {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let cognito = Cloud::connect(site).await.unwrap().primary.cognito;
        let mut all = Vec::new();
        for name in site.users.populations.iter().filter(|users| users.new_password).flat_map(|users| &users.names) {
            let user = cognito.admin_get_user().user_pool_id(&site.pool.id).username(name).send().await.unwrap();
            all.push((name.clone(), user.user_status().unwrap().clone()));
        }
        all
    })
}

impl Done {
    /// Logins of a flow that were served by a Region, or tried to be.
    fn of<'a>(&'a self, flow: &'a str, role: RegionRole) -> impl Iterator<Item = &'a Login> {
        self.logins.iter().filter(move |login| login.flow == flow && login.role == Some(role))
    }
}

/// Logins that the outage, or a busy machine, has cut short tell nothing of a flow.
fn cut_short(outcome: &LoginOutcome) -> bool {
    matches!(
        outcome,
        LoginOutcome::DnsFailed
            | LoginOutcome::ConnectTimeout
            | LoginOutcome::ConnectionFailed { .. }
            | LoginOutcome::Stalled { .. }
    )
}

fn is_reuse(outcome: &LoginOutcome) -> bool {
    matches!(outcome, LoginOutcome::Rejected { code, .. } if code == "RefreshTokenReuseException")
}

#[test]
fn every_flow_is_served_by_both_regions_or_refused_where_the_guide_says_so() {
    let path = Path::new("scenarios/every-flow.toml");
    let done = run(path, "");
    let whole = scenario::load(path, None).unwrap().value;
    assert_eq!(done.code, Some(0), "{}", done.told);
    assert_eq!(done.run["rollback"]["state_identical"], true);
    for share in &whole.users.flows {
        let flow = share.label();
        for role in [RegionRole::Primary, RegionRole::Replica] {
            let told: Vec<&LoginOutcome> =
                done.of(&flow, role).map(|login| &login.outcome).filter(|outcome| !cut_short(outcome)).collect();
            assert!(!told.is_empty(), "{flow} at the {}: nobody got an answer", role.as_str());
            // With rotation, whoever lost the answer with the next token has lost the session.
            let of_flow = || done.logins.iter().filter(|login| login.flow == flow);
            let (lost, reused) = (
                of_flow().filter(|login| cut_short(&login.outcome)).count(),
                of_flow().filter(|login| is_reuse(&login.outcome)).count(),
            );
            assert!(reused <= lost, "{flow}: {reused} tokens were refused, {lost} answers lost");
            for outcome in told.into_iter().filter(|outcome| !is_reuse(outcome)) {
                let refused =
                    matches!(outcome, LoginOutcome::Rejected { code, .. } if code == "OperationNotEnabledException");
                let expected = if role == RegionRole::Replica && share.expect.is_some() {
                    refused
                } else {
                    *outcome == LoginOutcome::Succeeded
                };
                assert!(expected, "{flow} at the {}: {outcome:?}", role.as_str());
            }
        }
    }
    // What follows a login is a step of it.
    let ends_with = |flow: &str, step: LoginStep| {
        let served = done.of(flow, RegionRole::Replica).filter(|login| login.outcome == LoginOutcome::Succeeded);
        assert!(served.into_iter().all(|login| login.steps.last().unwrap().step == step), "{flow}");
    };
    ends_with("USER_SRP_AUTH", LoginStep::GetUser);
    ends_with("USER_SRP_AUTH sign-out", LoginStep::SignOut);
    // Some have set a new password, and all of them were asked for one again afterwards.
    let set = |login: &&Login| login.steps.iter().any(|step| step.step == LoginStep::NewPassword && step.ended);
    let somebody = done.of("USER_SRP_AUTH new-password", RegionRole::Primary).find(set);
    assert!(
        somebody
            .or_else(|| done.of("ADMIN_USER_PASSWORD_AUTH confidential/new-password", RegionRole::Primary).find(set))
            .is_some()
    );
    assert!(!done.must_set_password.is_empty());
    for (user, status) in &done.must_set_password {
        assert_eq!(*status, UserStatusType::ForceChangePassword, "{user}");
    }
    assert!(!done.notices.iter().any(|text| text.contains("could not be put back")), "{:?}", done.notices);
    assert_eq!(done.expectations.len(), whole.expectations.len());
    for seen in &done.expectations {
        assert_eq!(seen.held, Some(true), "{seen:?}");
    }
    assert!(done.logins.iter().any(|login| login.phase == Phase::Hold && login.role == Some(RegionRole::Replica)));
    assert!(done.report.contains("Every flow, through an outage of the primary"));
}

#[test]
fn an_app_client_that_the_replica_lacks_is_named_and_shuts_out_its_own_users_alone() {
    let missing = "[[lab.missing_clients]]\nregion = \"replica\"\nclient = \"confidential\"\n";
    let done = run_virtually(Path::new("scenarios/missing-app-client.toml"), missing);
    assert_eq!(done.code, Some(1), "{}", done.told);
    for (flow, gets_in) in [
        ("USER_SRP_AUTH", true),
        ("USER_PASSWORD_AUTH confidential", false),
        ("REFRESH_TOKEN_AUTH confidential", false),
    ] {
        let told: Vec<&LoginOutcome> = done
            .of(flow, RegionRole::Replica)
            .map(|login| &login.outcome)
            .filter(|outcome| !cut_short(outcome))
            .collect();
        assert!(!told.is_empty(), "{flow}");
        let unknown = |outcome: &LoginOutcome| matches!(outcome, LoginOutcome::Rejected { code, .. } if code == "ResourceNotFoundException");
        let expected =
            |outcome: &&LoginOutcome| if gets_in { **outcome == LoginOutcome::Succeeded } else { unknown(outcome) };
        assert!(told.iter().all(expected), "{flow}: {told:?}");
    }
    assert!(done.report.contains("ResourceNotFoundException"), "{}", done.report);
}

fn is_refused(call: &SessionCall, why: &str) -> bool {
    matches!(&call.outcome, LoginOutcome::Rejected { code, .. } if code == why)
}

/// Whether a session's renewal was cut short before another call of it: its answer may have been lost.
fn lost_before(renewal: &SessionCall, call: &SessionCall) -> bool {
    (renewal.session, renewal.step) == (call.session, SessionStep::Refresh)
        && cut_short(&renewal.outcome)
        && renewal.window.sent < call.window.sent
}

#[test]
fn sessions_live_through_failover_and_failback_by_every_refresh() {
    let path = Path::new("scenarios/sessions.toml");
    let done = run(path, "");
    assert_eq!(done.code, Some(0), "{}", done.told);
    let whole = scenario::load(path, None).unwrap().value;
    let count: u32 = whole.users.sessions.iter().map(|plan| plan.count).sum();
    let sessions: BTreeSet<u64> = done.sessions.iter().map(|call| call.session).collect();
    assert_eq!(sessions.len(), count as usize);
    for plan in &whole.users.sessions {
        let of = || done.sessions.iter().filter(|call| call.flow == plan.label());
        for role in [RegionRole::Primary, RegionRole::Replica] {
            let renewed = of().filter(|call| call.step == SessionStep::Refresh && call.role == Some(role));
            assert!(
                renewed.clone().any(|call| call.outcome == LoginOutcome::Succeeded),
                "{} at {role:?}",
                plan.label()
            );
            // Nobody's refresh token is refused, wherever it was issued, but for a rotated one whose successor was lost with its answer.
            for call in renewed {
                let lost =
                    is_refused(call, "RefreshTokenReuseException") && of().any(|before| lost_before(before, call));
                assert!(call.outcome == LoginOutcome::Succeeded || cut_short(&call.outcome) || lost, "{call:?}");
            }
        }
        for call in of().filter(|call| call.step == SessionStep::SignInAgain) {
            assert!(of().any(|before| lost_before(before, call)), "{call:?}");
        }
        // Every call that fell due is there, whatever held it up.
        for session in of().map(|call| call.session).collect::<BTreeSet<u64>>() {
            let calls: Vec<&SessionCall> =
                of().filter(|call| call.session == session && call.step == SessionStep::ApiCall).collect();
            let last = calls.iter().map(|call| call.window.sent).max().unwrap();
            let span = last.duration_since(calls[0].window.sent).as_secs_f64();
            let due = span / plan.call_every.0.as_secs_f64();
            assert!(calls.len() as f64 > due - 1.0, "session {session}: {} calls of {due:.1}", calls.len());
        }
    }
    assert!(done.sessions.iter().any(|call| call.blocked));
}

/// When so many percent of a cohort were back, in `run.json`: at the latest so long after the cut, and whether it took the heal.
fn back(run: &serde_json::Value, cohort: &str, percent: u64) -> Option<(f64, bool)> {
    let back = run["recovery"]["by_cohort"][cohort]["recovered"].as_array().unwrap();
    let found = back.iter().find(|back| back["percent"] == percent).unwrap();
    Some((found["upper_s"].as_f64()?, found["after_restore"].as_bool().unwrap()))
}

#[test]
fn each_kind_of_client_is_back_when_its_way_of_finding_the_front_door_lets_it() {
    let done = run_virtually(Path::new("scenarios/cohorts.toml"), "");
    assert_eq!(done.code, Some(0), "{}", done.told);
    let during = |cohort: &str, role| {
        let of_cohort = done.logins.iter().filter(|login| login.cohort == cohort && login.role == Some(role));
        let wanted = |login: &&Login| {
            matches!(login.phase, Phase::Outage | Phase::Hold) && login.outcome == LoginOutcome::Succeeded
        };
        of_cohort.filter(wanted).count()
    };
    // Whoever keeps the first answer for ever is never served by the replica, and is back with the primary alone.
    assert_eq!(during("caches-forever", RegionRole::Replica), 0);
    assert!(back(&done.run, "caches-forever", 90).is_none_or(|(_, after_restore)| after_restore));
    let before_heal = |cohort| {
        let (at, after_restore) = back(&done.run, cohort, 90).unwrap_or_else(|| panic!("{cohort} was never back"));
        assert!(!after_restore, "{cohort}");
        at
    };
    let (fresh, jvm, by_itself) = (before_heal("fresh-lookup"), before_heal("jvm"), before_heal("tries-replica"));
    assert!(by_itself < 20.0, "a client that tries the replica waits for no DNS: {by_itself} s");
    assert!(fresh > 30.0 && jvm > fresh + 20.0, "fresh lookups after {fresh} s, the JVM after {jvm} s");
    // Retries: some got in by another try, and nobody made more tries than its policy has.
    let tries =
        |cohort: &str| done.logins.iter().filter(|login| login.cohort == cohort).map(|l| l.earlier.len() + 1).max();
    assert_eq!(tries("honours-ttl"), Some(3));
    assert!(tries("keep-alive").is_some_and(|most| (2..=4).contains(&most)));
    assert_eq!(tries("fresh-lookup"), Some(1));
    // Held connections: no handshake where one is used again.
    let reused =
        |login: &&Login| login.cohort == "keep-alive" && !login.steps.iter().any(|step| step.step == LoginStep::Tls);
    assert!(done.logins.iter().filter(reused).any(|login| login.outcome == LoginOutcome::Succeeded));
}

#[test]
fn everybody_who_failed_comes_again_until_the_storm_is_over() {
    let done = run_virtually(Path::new("scenarios/retry-storm.toml"), "");
    assert_eq!(done.code, Some(0), "{}", done.told);
    let failed: Vec<&Login> = done.logins.iter().filter(|login| login.outcome != LoginOutcome::Succeeded).collect();
    assert!(failed.len() > 100, "{} failed", failed.len());
    // Each failure is repeated once, after its pause, but for those at the very end.
    for login in done.logins.iter().filter(|login| login.retry_of.is_some()) {
        let first = done.logins.iter().find(|first| Some(first.arrival) == login.retry_of).unwrap();
        assert_ne!(first.outcome, LoginOutcome::Succeeded);
        let pause = login.scheduled.duration_since(first.ended).as_secs_f64();
        assert!((pause - 2.0).abs() < 1e-6, "{pause} s");
        assert_eq!((&first.user, &first.flow, &first.cohort), (&login.user, &login.flow, &login.cohort));
    }
    let again: BTreeSet<u64> = done.logins.iter().filter_map(|login| login.retry_of).collect();
    let last = done.logins.iter().map(|login| login.ended).max().unwrap();
    let settled = |login: &&&Login| last.duration_since(login.ended).as_secs_f64() > 5.0;
    assert!(failed.iter().filter(settled).all(|login| again.contains(&login.arrival)), "somebody went away");
}

/// A failover in which everybody who did not get in comes again, with a few changes.
fn storm(folder: &Path, changes: &[(&str, &str)]) -> PathBuf {
    let mut text = std::fs::read_to_string("tests/support/short.toml").unwrap();
    let (head, rest) = text.split_once("[users.arrivals]").unwrap();
    let (_, rest) = rest.split_once("[[users.cohorts]]").unwrap();
    text = format!("{head}@users\n\n[[users.cohorts]]{rest}");
    for (old, new) in changes {
        text = text.replace(old, new);
    }
    let path = folder.join("storm.toml");
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn whoever_is_shed_comes_again_too() {
    let folder = tempfile::tempdir().unwrap();
    let users = "[users]\nmost_in_flight = 4\n\n[users.arrivals]\nprocess = \"retry-storm\"\nrate = \"1/s\"\nagain_after = \"5s\"\n\n\
                 [[users.flows]]\nflow = \"USER_PASSWORD_AUTH\"\nshare = \"100%\"";
    let done = run_virtually(&storm(folder.path(), &[("@users", users)]), support::SHORT_TTL);
    let again: BTreeSet<u64> = done.logins.iter().filter_map(|login| login.retry_of).collect();
    let last = done.logins.iter().map(|login| login.ended).max().unwrap();
    let shed: Vec<&Login> = done
        .logins
        .iter()
        .filter(|login| login.outcome == LoginOutcome::Shed && last.duration_since(login.ended).as_secs_f64() > 8.0)
        .collect();
    assert!(shed.len() > 20, "{} were shed: {}", shed.len(), done.told);
    assert!(shed.iter().all(|login| again.contains(&login.arrival)), "somebody who was shed went away");
}

#[test]
fn whoever_has_lost_a_session_signs_in_for_a_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let users = "[users.arrivals]\nprocess = \"constant\"\nrate = \"2/s\"\n\n[[users.flows]]\n\
                 flow = \"GET_TOKENS_FROM_REFRESH_TOKEN\"\nclient = \"rotating\"\nshare = \"100%\"";
    let missing = "[[lab.missing_clients]]\nregion = \"replica\"\nclient = \"rotating\"\n";
    let done = run_virtually(&storm(folder.path(), &[("@users", users)]), &format!("{}{missing}", support::SHORT_TTL));
    let (refresh, sign_in) = ("GET_TOKENS_FROM_REFRESH_TOKEN rotating", "USER_SRP_AUTH rotating");
    let refused = |login: &&Login| matches!(login.outcome, LoginOutcome::Rejected { .. });
    let lost = done.of(refresh, RegionRole::Replica).filter(refused).count();
    assert!(lost > 10, "{lost} were refused: {}", done.told);
    // The replica does not know their client, so that they get in with the primary alone.
    assert!(done.of(sign_in, RegionRole::Replica).any(|login| refused(&login)));
    let back: Vec<&Login> = done
        .of(sign_in, RegionRole::Primary)
        .filter(|login| login.phase == Phase::Failback && login.outcome == LoginOutcome::Succeeded)
        .collect();
    assert!(!back.is_empty());
    // So many are under way while packets vanish that some find none, and nobody is shed for it.
    assert!(!done.logins.iter().any(|login| login.outcome == LoginOutcome::Shed));
}

#[test]
fn preflight_refuses_an_app_client_that_lacks_what_its_flow_needs() {
    let folder = tempfile::tempdir().unwrap();
    let path = storm(
        folder.path(),
        &[(
            "@users",
            "[users.arrivals]\nprocess = \"constant\"\nrate = \"1/s\"\n\n\
             [[users.flows]]\nflow = \"managed-login\"\nclient = \"confidential\"\nshare = \"50%\"\n\n\
             [[users.flows]]\nflow = \"client-credentials\"\nclient = \"web\"\nshare = \"50%\"",
        )],
    );
    let environment = lab_with(folder.path(), support::SHORT_TTL);
    let out = folder.path().join("run");
    let mut command = gameday();
    let command = command.arg("run").arg(path).arg("--env").arg(environment);
    let done = command.args(["--yes", "--time", "virtual", "--no-progress", "--out"]).arg(&out).output().unwrap();
    let found: Vec<String> = events(&out)
        .into_iter()
        .filter_map(|record| match record.event {
            Event::Finding(finding) if finding.code == "GD004" => Some(finding.evidence),
            _ => None,
        })
        .collect();
    let expected = [
        "managed-login: the app client `confidential` has no `redirect_uri` with a valid URL",
        "client-credentials: the app client `web` has no `secret`",
    ];
    assert_eq!(found, expected, "{}", String::from_utf8_lossy(&done.stderr));
    assert_eq!(done.status.code(), Some(3));
}
