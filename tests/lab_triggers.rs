//! Triggers in the lab, and what they depend on: what is broken at the replica is found by one check alone, and where that check
//! refuses a run, it really keeps users out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use aws_sdk_cognitoidentityprovider::error::ProvideErrorMetadata;
use aws_sdk_cognitoidentityprovider::types::AuthFlowType;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gameday::cloud::Cloud;
use gameday::preflight::Findings;
use gameday::preflight::checks;
use gameday::preflight::facts::Facts;
use gameday_core::env::{self, SecretRef, Site};
use gameday_core::model::{Clock, RegionRole, Seed, Severity};
use gameday_core::scenario;
use gameday_lab::{Lab, LabOptions};
use serde_json::Value;

const BROKEN: &str = "scenarios/broken";
const FULL_FAILOVER: &str = "scenarios/full-failover.toml";

struct World {
    _lab: Lab,
    site: Arc<Site>,
    cloud: Cloud,
    clock: Clock,
}

/// The embedded lab of an environment file.
async fn world(file: Option<&Path>) -> World {
    let environment = file.map_or_else(env::built_in, |file| env::load(file).unwrap()).value;
    let (clock, rules) = (Clock::start(1.0), environment.rules());
    let lab = Lab::start(LabOptions::new(environment.lab.unwrap_or_default(), clock, Seed(7))).await.unwrap();
    let pem = Some(lab.trust_root_pem().to_owned());
    let site = lab.environment().ruled_by(&rules).complete(PathBuf::from("."), pem).unwrap();
    let cloud = Cloud::connect(&site).await.unwrap();
    World { _lab: lab, site: Arc::new(site), cloud, clock }
}

fn variants() -> BTreeMap<String, PathBuf> {
    let files = std::fs::read_dir(BROKEN).unwrap().map(|file| file.unwrap().path());
    let named = files.map(|path| (path.file_name().unwrap().to_str().unwrap()[..5].to_owned(), path));
    named.filter(|(code, _)| code.starts_with("GD4")).collect()
}

impl World {
    async fn look(&self) -> (Findings, BTreeMap<&'static str, usize>) {
        let scenario = scenario::load(Path::new(FULL_FAILOVER), None).unwrap().value;
        let facts = Facts::new(Arc::clone(&self.site), self.cloud.clone(), Arc::new(scenario), self.clock);
        let mut found = Findings::default();
        facts.saw_all();
        checks::look(&facts, &mut found).await;
        (found, facts.calls())
    }

    /// The claims of an access token that a user gets in a Region, or why there is none.
    async fn sign_in(&self, role: RegionRole) -> Result<Value, String> {
        let Some(SecretRef::Literal(password)) = &self.site.users.password else { panic!("no password") };
        let call = self.cloud.region(role).cognito.initiate_auth().client_id(&self.site.pool.client_id);
        let call = call.auth_flow(AuthFlowType::UserPasswordAuth).auth_parameters("PASSWORD", password.expose());
        let answer = call.auth_parameters("USERNAME", &self.site.users.names[0]).send().await;
        let answer = answer.map_err(|error| {
            format!("{}: {}", error.code().unwrap_or_default(), error.message().unwrap_or_default())
        })?;
        let token = answer.authentication_result.unwrap().access_token.unwrap();
        let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap();
        Ok(serde_json::from_slice(&claims).unwrap())
    }
}

fn of_area<'a>(found: &'a Findings, prefix: &str) -> Vec<&'a str> {
    let codes = found.findings.iter().map(|finding| finding.code.as_str());
    codes.filter(|code| code.starts_with(prefix)).collect()
}

/// Two labs' worth of futures, unoptimised, are more than a test's thread has room for.
fn with_room(test: impl Future<Output = ()> + Send + 'static) {
    let run = || tokio::runtime::Runtime::new().unwrap().block_on(test);
    thread::Builder::new().stack_size(16 << 20).spawn(run).unwrap().join().unwrap();
}

#[test]
fn in_the_healthy_lab_nothing_is_found_and_no_call_is_made_twice() {
    with_room(healthy());
}

async fn healthy() {
    let world = world(None).await;
    let (found, calls) = world.look().await;
    assert_eq!(of_area(&found, "GD4"), [""; 0], "{:?}", found.findings);
    let not_checked: Vec<_> = found.not_checked.iter().filter(|missing| missing.code.starts_with("GD4")).collect();
    assert!(not_checked.is_empty(), "{not_checked:?}");
    // Two functions in two Regions, two roles of one attached and one inline policy.
    for (call, times) in [
        ("cognito-idp:DescribeUserPool", 2),
        ("lambda:GetFunctionConfiguration", 4),
        ("lambda:GetFunctionConcurrency", 4),
        ("lambda:GetPolicy", 4),
        ("lambda:GetAccountSettings", 2),
        ("lambda:InvokeFunction", 2),
        ("dynamodb:DescribeTable", 2),
        ("secretsmanager:DescribeSecret", 2),
        ("rds:DescribeGlobalClusters", 1),
        ("rds:DescribeDBProxies", 1),
        ("iam:ListAttachedRolePolicies", 2),
        ("iam:GetPolicy", 2),
        ("iam:GetPolicyVersion", 2),
        ("iam:ListRolePolicies", 2),
        ("iam:GetRolePolicy", 2),
    ] {
        assert_eq!(calls.get(call), Some(&times), "{call}: {calls:?}");
    }
}

#[test]
fn what_is_broken_is_found_by_its_check_alone_and_keeps_users_out_where_it_refuses_a_run() {
    with_room(broken());
}

/// What keeps users out of the replica, where a check refuses a run.
fn predicted() -> BTreeMap<&'static str, String> {
    let unexpected =
        |code: &str| format!("UnexpectedLambdaException: PreTokenGeneration invocation failed due to error {code}.");
    let threw =
        |trigger: &str, words: &str| format!("UserLambdaValidationException: {trigger} failed with error {words}.");
    let proxy = "getaddrinfo ENOTFOUND gameday-audit.proxy-c7gdlab2xk1q.us-west-2.rds.amazonaws.com";
    let denied = "arn:aws:iam::111122223333:role/gameday-pre-token is not authorized to perform: dynamodb:GetItem on \
                  resource: arn:aws:dynamodb:us-west-2:111122223333:table/gameday-claims";
    BTreeMap::from([
        ("GD401", "the claim `tenant` is missing".to_owned()),
        ("GD403", unexpected("AccessDeniedException")),
        ("GD404", unexpected("ResourceConflictException")),
        ("GD407", unexpected("TooManyRequestsException")),
        ("GD410", unexpected("AccessDeniedException")),
        ("GD414", threw("PreTokenGeneration", "Requested resource not found")),
        ("GD415", threw("PostAuthentication", "Secrets Manager can't find the specified secret.")),
        ("GD417", threw("PostAuthentication", proxy)),
        ("GD418", threw("PreTokenGeneration", denied)),
    ])
}

async fn broken() {
    let (variants, predicted) = (variants(), predicted());
    for check in checks::all().into_iter().filter(|check| check.code.starts_with("GD4")) {
        let file = variants.get(check.code).unwrap_or_else(|| panic!("{} has no variant", check.code));
        let world = world(Some(file)).await;
        let (found, _) = world.look().await;
        assert_eq!(of_area(&found, "GD4"), [check.code], "{:?}", found.findings);
        let finding = found.findings.iter().find(|finding| finding.code == check.code).unwrap();
        let refuses = finding.severity == Severity::Blocker;
        assert!(world.sign_in(RegionRole::Primary).await.is_ok(), "{}", check.code);
        let there = match world.sign_in(RegionRole::Replica).await {
            Ok(claims) => claims.get("tenant").is_none().then(|| "the claim `tenant` is missing".to_owned()),
            Err(error) => Some(error),
        };
        assert_eq!((refuses, there.as_ref()), (there.is_some(), predicted.get(check.code)), "{}", check.code);
    }
}

#[test]
fn claims_come_from_the_table_of_the_region_that_serves() {
    with_room(claims());
}

async fn claims() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lab.toml");
    let change = |path: &str, value: &str| format!("[[lab.estate]]\npath = \"{path}\"\n{value}\n");
    let text = [
        "schema_version = 1\nname = \"lab\"\nkind = \"lab\"\n".to_owned(),
        change("/dynamodb/us-west-2/gameday-claims/items/plan/otherwise", "value = \"gold\""),
        change("/dynamodb/us-west-2/gameday-claims/items/tenant", ""),
        change("/triggers/us-east-1/PreTokenGeneration/version", "value = \"V1_0\""),
    ];
    std::fs::write(&file, text.concat()).unwrap();
    let world = world(Some(&file)).await;
    let [primary, replica] = [world.sign_in(RegionRole::Primary).await, world.sign_in(RegionRole::Replica).await];
    let (primary, replica) = (primary.unwrap(), replica.unwrap());
    assert_eq!((&replica["plan"], &replica["serving_region"]), (&"gold".into(), &"us-west-2".into()));
    assert_eq!(replica.get("tenant"), None);
    // The first version of the event knows ID tokens alone.
    assert_eq!((primary.get("plan"), primary.get("tenant")), (None, None));
    let (found, _) = world.look().await;
    let [versions] = &found.findings.iter().filter(|it| it.code == "GD401").collect::<Vec<_>>()[..] else {
        panic!("{:?}", found.findings)
    };
    assert!(versions.evidence.contains("V1_0 in us-east-1, and V3_0 in us-west-2"), "{}", versions.evidence);
}
