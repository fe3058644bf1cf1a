//! `gameday users` on a running lab: users are made, made again, used and removed, and nobody else is touched.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Output;

use crate::proxy;
use crate::proxy::{Call, Way, Wire};
use crate::support::{Lab, gameday};
use aws_sdk_cognitoidentityprovider::Client;
use aws_sdk_cognitoidentityprovider::types::{AuthFlowType, UserStatusType};
use gameday::cloud::Cloud;
use gameday::users::GROUP;

struct Pool {
    cognito: Client,
    id: String,
    client: String,
}

impl Pool {
    async fn group(&self) -> Vec<String> {
        let page = self.cognito.list_users_in_group().user_pool_id(&self.id).group_name(GROUP).send().await.unwrap();
        page.users().iter().map(|user| user.username().unwrap().to_owned()).collect()
    }

    async fn is_there(&self, name: &str) -> bool {
        self.cognito.admin_get_user().user_pool_id(&self.id).username(name).send().await.is_ok()
    }

    async fn signs_in(&self, name: &str, password: &str) -> bool {
        let call = self.cognito.initiate_auth().client_id(&self.client).auth_flow(AuthFlowType::UserPasswordAuth);
        let call = call.auth_parameters("USERNAME", name).auth_parameters("PASSWORD", password).send().await;
        call.is_ok_and(|answer| answer.authentication_result().is_some())
    }
}

fn users(arguments: &[&str], environment: &Path) -> Output {
    let mut command = gameday();
    command.arg("users").args(arguments).arg("--env").arg(environment).output().unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn list(path: &Path) -> Vec<(String, String)> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    reader.records().map(Result::unwrap).map(|row| (row[0].to_owned(), row[1].to_owned())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn users_are_made_made_again_and_removed_and_nobody_else_is_touched() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::start(folder.path(), &["--speed", "10", "--seed", "5"]);
    let site = lab.site();
    let cloud = Cloud::connect(&site).await.unwrap();
    let (id, client) = (site.pool.id.clone(), site.pool.client_id.clone());
    let pool = Pool { cognito: cloud.primary.cognito.clone(), id, client };
    // Somebody else's user, under a name that we would take.
    let foreign = "gameday-00002";
    pool.cognito.admin_create_user().user_pool_id(&pool.id).username(foreign).send().await.unwrap();
    let out = folder.path().join("users.csv");
    let seed = ["seed", "--count", "4", "--out", out.to_str().unwrap()];

    let done = users(&seed, &lab.environment);
    assert_eq!(done.status.code(), Some(1), "one of four is not ours: {}", said(&done));
    assert!(said(&done).contains("3 users created") && said(&done).contains(foreign), "{}", said(&done));
    assert_eq!(pool.group().await, ["gameday-00001", "gameday-00003", "gameday-00004"]);
    assert_eq!(std::fs::metadata(&out).unwrap().permissions().mode() & 0o777, 0o600);
    let first = list(&out);
    assert_eq!(first.len(), 3);
    for (name, password) in &first {
        assert!(pool.signs_in(name, password).await, "{name}");
        assert!(!said(&done).contains(password), "a password is printed");
    }
    let user = pool.cognito.admin_get_user().user_pool_id(&pool.id).username(foreign).send().await.unwrap();
    assert_eq!(user.user_status(), Some(&UserStatusType::ForceChangePassword), "untouched");

    // Again: new passwords for those who are ours.
    let again = users(&seed, &lab.environment);
    assert!(said(&again).contains("0 users created, 3 of the group"), "{}", said(&again));
    let second = list(&out);
    for ((name, old), (_, new)) in first.iter().zip(&second) {
        assert!(!pool.signs_in(name, old).await && pool.signs_in(name, new).await, "{name}");
    }

    // A member by another name stays, and so does who is no member.
    let call = pool.cognito.admin_add_user_to_group().user_pool_id(&pool.id).username("synthetic-0001");
    call.group_name(GROUP).send().await.unwrap();
    let looked = users(&["purge", "--dry-run"], &lab.environment);
    assert_eq!((looked.status.code(), pool.group().await.len()), (Some(0), 4), "{}", said(&looked));
    let purged = users(&["purge"], &lab.environment);
    assert_eq!(purged.status.code(), Some(0), "{}", said(&purged));
    for expected in ["3 of 3 users deleted", "synthetic-0001", foreign] {
        assert!(said(&purged).contains(expected), "{expected}: {}", said(&purged));
    }
    assert_eq!(pool.group().await, ["synthetic-0001"]);
    assert!(pool.is_there(foreign).await && pool.is_there("synthetic-0001").await);
}

#[test]
fn an_account_that_is_not_allowed_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::start(folder.path(), &["--speed", "10", "--seed", "5"]);
    let text = std::fs::read_to_string(&lab.environment).unwrap().replace("111122223333\"]", "444455556666\"]");
    let other = lab.environment.with_file_name("other.toml");
    std::fs::write(&other, text.replace("lab.ca.pem", &lab.environment.with_extension("ca.pem").display().to_string()))
        .unwrap();
    let out = folder.path().join("users.csv");
    let done = users(&["seed", "--count", "1", "--out", out.to_str().unwrap()], &other);
    assert_eq!(done.status.code(), Some(3), "{}", said(&done));
    assert!(said(&done).contains("444455556666") && !out.exists(), "{}", said(&done));
    let built_in = users(&["seed", "--count", "1"], Path::new("environments/lab.toml"));
    assert_eq!(built_in.status.code(), Some(2), "{}", said(&built_in));
    assert!(said(&built_in).contains("gameday lab --out"), "{}", said(&built_in));
}

/// The lab's environment file, with every call to the primary's Cognito on a wire of its own.
fn on_a_wire(lab: &Lab) -> (Wire, std::path::PathBuf) {
    let path = lab.environment.with_file_name("wire.toml");
    (proxy::before(&lab.environment, &path, "primary", Some("cognito-idp")), path)
}

async fn seeded(seed: [&'static str; 5], environment: &Path) -> Output {
    let environment = environment.to_owned();
    tokio::task::spawn_blocking(move || users(&seed, &environment)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_whose_making_was_broken_off_is_ours_and_nobody_else_loses_a_password() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::start(folder.path(), &["--speed", "10", "--seed", "5"]);
    let cloud = Cloud::connect(&lab.site()).await.unwrap();
    let (id, client) = (lab.site().pool.id.clone(), lab.site().pool.client_id.clone());
    let pool = Pool { cognito: cloud.primary.cognito.clone(), id, client };
    let out = folder.path().join("users.csv");
    let out_text: &'static str = Box::leak(out.display().to_string().into_boxed_str());
    let seed = ["seed", "--count", "3", "--out", out_text];
    let (wire, environment) = on_a_wire(&lab);

    // The answer to the first user's making is lost.
    let mut lost = false;
    wire.rule(move |call: &Call| {
        let lose = !lost && call.action == "AdminCreateUser";
        lost |= lose;
        if lose { Way::Reset } else { Way::Open }
    });
    let done = seeded(seed, &environment).await;
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    assert_eq!((pool.group().await.len(), list(&out).len()), (3, 3));
    assert!(users(&["purge"], &lab.environment).status.success());
    std::fs::remove_file(&out).unwrap();

    // Nobody can join the group: what was begun is finished by the same command.
    wire.rule(|call: &Call| match call.action.as_str() {
        "AdminAddUserToGroup" => Way::Refused(400, "NotAuthorizedException"),
        _ => Way::Open,
    });
    let done = seeded(seed, &environment).await;
    assert_eq!((done.status.code(), pool.group().await.len()), (Some(1), 0), "{}", said(&done));
    wire.open();
    let done = seeded(seed, &environment).await;
    assert_eq!(done.status.code(), Some(0), "{}", said(&done));
    assert!(said(&done).contains("3 users created"), "{}", said(&done));
    let first = list(&out);

    // New passwords are refused for all but one: the others keep theirs, in the file too.
    wire.rule(|call: &Call| match call.action.as_str() {
        "AdminSetUserPassword" if !call.form.contains("gameday-00002") => Way::Refused(400, "NotAuthorizedException"),
        _ => Way::Open,
    });
    let done = seeded(seed, &environment).await;
    assert_eq!(done.status.code(), Some(1), "{}", said(&done));
    let second = list(&out);
    assert_eq!(second.len(), 3);
    assert_ne!(first[1], second[1]);
    for (name, password) in &second {
        assert!(pool.signs_in(name, password).await, "{name}");
    }

    // As of every command: 3 where nothing was changed, 5 where something is left.
    wire.rule(|call: &Call| match call.action.as_str() {
        "ListUsersInGroup" => Way::Refused(400, "NotAuthorizedException"),
        _ => Way::Open,
    });
    let purge = || {
        let environment = environment.clone();
        tokio::task::spawn_blocking(move || users(&["purge"], &environment))
    };
    let done = purge().await.unwrap();
    assert_eq!(done.status.code(), Some(3), "{}", said(&done));
    wire.rule(|call: &Call| match call.action.as_str() {
        "AdminDeleteUser" if call.form.contains("gameday-00002") => Way::Refused(400, "NotAuthorizedException"),
        _ => Way::Open,
    });
    let done = purge().await.unwrap();
    assert_eq!(done.status.code(), Some(5), "{}", said(&done));
    assert_eq!(pool.group().await, ["gameday-00002"]);
}
