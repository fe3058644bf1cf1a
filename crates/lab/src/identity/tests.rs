//! The identity plane on the wire, asked by the real SDK over loopback.

mod administrators;
mod clients;
mod issuer;
mod mfa;
mod passwords;
mod quota;
mod sessions;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_cognitoidentityprovider::Client;
use aws_sdk_cognitoidentityprovider::config::retry::RetryConfig;
use aws_sdk_cognitoidentityprovider::config::{BehaviorVersion, Credentials, Region as SdkRegion};
use aws_sdk_cognitoidentityprovider::error::ProvideErrorMetadata;
use aws_sdk_cognitoidentityprovider::types::{
    AttributeType, AuthFlowType, AuthenticationResultType, ChallengeNameType, MessageActionType, ReplicaRoleType,
    UserStatusType,
};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};

use super::*;
use crate::truth::Fact;
use gameday_core::env::{EstateChange, Strategy};
use gameday_core::model::{Milestone, Span};
use gameday_protocols::net;
use gameday_protocols::srp::{Challenge, ClientSession, timestamp};

struct TestLab {
    identity: Arc<Identity>,
    truth: Arc<Truth>,
    clock: Clock,
    doors: [SocketAddr; 2],
    clients: [Client; 2],
    servers: Vec<AbortOnDropHandle<()>>,
}

fn settings() -> LabSettings {
    LabSettings { users: 3, lag_median: Span::default(), ..LabSettings::default() }
}

async fn lab(settings: LabSettings, speed: f64) -> TestLab {
    let truth = Arc::new(Truth::default());
    let clock = Clock::start(speed);
    let estate = Arc::new(AccountFixture::of(&settings, Seed(7)).unwrap());
    let options = IdentityOptions {
        settings,
        primary: "us-east-1".into(),
        replica: "us-west-2".into(),
        account: "111122223333".into(),
        clock,
        seed: Seed(7),
        truth: Arc::clone(&truth),
        keys: sigv4::Keys::new("AKIDLAB", Secret::new("lab-secret")),
        estate,
    };
    let identity = Identity::start(options).await.unwrap();
    let of = |role| {
        let place = identity.place(role);
        (place.issuer.clone(), source(&place.region, &place.signer))
    };
    let sources = || RegionRole::ALL.map(of).to_vec();
    let one = || Authorizer::start(gameday_core::env::JwksFetch::Cached, sources(), clock);
    identity.authorize([one().await.unwrap(), one().await.unwrap()]);
    let mut servers = Vec::new();
    let doors = RegionRole::ALL.map(|role| {
        let listener = net::listen((Ipv4Addr::LOCALHOST, 0).into(), 128).unwrap();
        let door = listener.local_addr().unwrap();
        let router = identity.data_plane(role);
        let serve = crate::http::serve_listener(listener, None, router);
        servers.push(AbortOnDropHandle::new(tokio::spawn(serve)));
        door
    });
    let clients = [client(doors[0], "us-east-1"), client(doors[1], "us-west-2")];
    TestLab { identity, truth, clock, doors, clients, servers }
}

fn client(door: SocketAddr, region: &'static str) -> Client {
    let config = aws_sdk_cognitoidentityprovider::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(SdkRegion::new(region))
        .endpoint_url(format!("http://{door}"))
        .retry_config(RetryConfig::disabled())
        .credentials_provider(Credentials::new("AKIDLAB", "lab-secret", None, None, "test"))
        .build();
    Client::from_conf(config)
}

/// The code and message of an SDK error.
fn refusal<T: std::fmt::Debug, E: ProvideErrorMetadata + std::fmt::Debug>(answer: Result<T, E>) -> (String, String) {
    let error = answer.expect_err("it was not refused");
    (error.code().unwrap_or_default().to_owned(), error.message().unwrap_or_default().to_owned())
}

impl TestLab {
    fn client(&self, role: RegionRole) -> &Client {
        &self.clients[role as usize]
    }

    /// Signs in by SRP as our own client would, up to what the challenge leads to.
    async fn srp(
        &self,
        role: RegionRole,
        user: &str,
        password: &Secret,
    ) -> Result<
        aws_sdk_cognitoidentityprovider::operation::respond_to_auth_challenge::RespondToAuthChallengeOutput,
        aws_sdk_cognitoidentityprovider::Error,
    > {
        self.srp_at(role, user, password, timestamp(self.clock.now())).await
    }

    /// The same with a claim for that time.
    async fn srp_at(
        &self,
        role: RegionRole,
        user: &str,
        password: &Secret,
        when: String,
    ) -> Result<
        aws_sdk_cognitoidentityprovider::operation::respond_to_auth_challenge::RespondToAuthChallengeOutput,
        aws_sdk_cognitoidentityprovider::Error,
    > {
        let session = ClientSession::new(&mut rand::rng());
        let begun = self
            .client(role)
            .initiate_auth()
            .client_id(self.identity.client_id())
            .auth_flow(AuthFlowType::UserSrpAuth)
            .auth_parameters("USERNAME", user)
            .auth_parameters("SRP_A", session.public_a_hex())
            .send()
            .await?;
        assert_eq!(begun.challenge_name, Some(ChallengeNameType::PasswordVerifier));
        let parameter = |name: &str| begun.challenge_parameters().unwrap()[name].clone();
        let challenge = Challenge {
            salt_hex: parameter("SALT"),
            srp_b_hex: parameter("SRP_B"),
            secret_block_b64: parameter("SECRET_BLOCK"),
        };
        let pool = self.identity.pool_id();
        let claim = session.claim(pool, &parameter("USER_ID_FOR_SRP"), password, &challenge, &when).unwrap();
        let answer = self
            .client(role)
            .respond_to_auth_challenge()
            .client_id(self.identity.client_id())
            .challenge_name(ChallengeNameType::PasswordVerifier)
            .challenge_responses("USERNAME", parameter("USERNAME"))
            .challenge_responses("PASSWORD_CLAIM_SECRET_BLOCK", challenge.secret_block_b64)
            .challenge_responses("PASSWORD_CLAIM_SIGNATURE", claim)
            .challenge_responses("TIMESTAMP", when)
            .send()
            .await?;
        Ok(answer)
    }

    async fn sign_in(&self, role: RegionRole, user: &str) -> AuthenticationResultType {
        let answer = self.srp(role, user, &self.identity.password()).await.unwrap();
        answer.authentication_result.unwrap()
    }

    async fn initiate(
        &self,
        role: RegionRole,
        flow: AuthFlowType,
        parameters: &[(&str, &str)],
    ) -> Result<AuthenticationResultType, aws_sdk_cognitoidentityprovider::Error> {
        let mut request = self.client(role).initiate_auth().client_id(self.identity.client_id()).auth_flow(flow);
        for (name, value) in parameters {
            request = request.auth_parameters(*name, *value);
        }
        Ok(request.send().await?.authentication_result.unwrap())
    }

    async fn http(&self, role: RegionRole, request: http::request::Builder, body: &str) -> (u16, Value) {
        let stream = net::connect(self.doors[role as usize]).await.unwrap();
        let (mut sender, driver) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        let _driver = AbortOnDropHandle::new(tokio::spawn(driver));
        let request = request.header("host", "lab").body(Full::new(Bytes::from(body.to_owned()))).unwrap();
        let (head, body) = sender.send_request(request).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (head.status.as_u16(), serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    async fn account(&self, role: RegionRole, token: &str) -> (u16, Value) {
        let request = http::Request::get("/api/account").header("authorization", format!("Bearer {token}"));
        self.http(role, request, "").await
    }

    async fn canary_at(&self, role: RegionRole) -> String {
        let canary = Identity::canary();
        let user = self.client(role).admin_get_user().user_pool_id(self.identity.pool_id());
        let user = user.username(canary.username).send().await.unwrap();
        let attributes = user.user_attributes();
        attributes.iter().find(|found| found.name() == canary.attribute).unwrap().value().unwrap().to_owned()
    }

    async fn write_canary(&self, role: RegionRole, value: &str) -> Result<(), aws_sdk_cognitoidentityprovider::Error> {
        let canary = Identity::canary();
        let attribute = AttributeType::builder().name(canary.attribute).value(value).build().unwrap();
        let request = self.client(role).admin_update_user_attributes().user_pool_id(self.identity.pool_id());
        request.username(canary.username).user_attributes(attribute).send().await?;
        Ok(())
    }

    /// Waits until what was committed is replicated, given a lag of zero.
    async fn replicated(&self) {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn users_sign_in_by_srp_in_both_regions() {
    let lab = lab(settings(), 1.0).await;
    assert_eq!(lab.identity.user_names(), ["synthetic-0001", "synthetic-0002", "synthetic-0003"]);
    for role in RegionRole::ALL {
        let region = lab.identity.place(role).region.to_string();
        let tokens = lab.sign_in(role, "synthetic-0002").await;
        assert_eq!((tokens.expires_in, tokens.token_type.as_deref()), (3600, Some("Bearer")));
        let access = tokens.access_token.unwrap();
        // Any Region's API takes it.
        let (status, answer) = lab.account(RegionRole::Primary, &access).await;
        assert_eq!(
            (status, &answer["username"], &answer["issued_in"]),
            (200, &json!("synthetic-0002"), &json!(region))
        );
        assert_eq!(lab.account(RegionRole::Replica, &access).await.0, 200);
        // An ID token is no access token.
        assert_eq!(lab.account(role, &tokens.id_token.unwrap()).await.0, 401);
        let user = lab.client(role).get_user().access_token(access).send().await.unwrap();
        assert_eq!(user.username(), "synthetic-0002");
    }
}

#[tokio::test]
async fn only_the_first_use_of_a_token_is_an_acceptance() {
    let lab = lab(settings(), 1.0).await;
    let first = |truth: &Truth| {
        let report = truth.report(None);
        report.milestones.iter().find(|seen| seen.name == Milestone::FirstReplicaLogin).map(|seen| seen.at)
    };
    let session = lab.sign_in(RegionRole::Replica, "synthetic-0001").await.access_token.unwrap();
    assert_eq!(lab.account(RegionRole::Replica, &session).await.0, 200);
    lab.truth.note(Fact::PathsDown, lab.clock.now());
    assert_eq!(lab.account(RegionRole::Replica, &session).await.0, 200);
    assert_eq!(first(&lab.truth), None);
    let before = lab.clock.now();
    let fresh = lab.sign_in(RegionRole::Replica, "synthetic-0001").await.access_token.unwrap();
    assert_eq!(lab.account(RegionRole::Primary, &fresh).await.0, 200);
    let at = first(&lab.truth).unwrap();
    assert!(before < at && at <= lab.clock.now());
}

#[tokio::test]
async fn passwords_are_checked() {
    let lab = lab(settings(), 1.0).await;
    let password = lab.identity.password();
    let flow = AuthFlowType::UserPasswordAuth;
    for role in RegionRole::ALL {
        let right = [("USERNAME", "synthetic-0001"), ("PASSWORD", password.expose())];
        assert!(lab.initiate(role, flow.clone(), &right).await.unwrap().refresh_token.is_some());
        let wrong = [("USERNAME", "synthetic-0001"), ("PASSWORD", "Wrong-1234")];
        let incorrect = ("NotAuthorizedException".to_owned(), "Incorrect username or password.".to_owned());
        assert_eq!(refusal(lab.initiate(role, flow.clone(), &wrong).await), incorrect);
        assert_eq!(refusal(lab.srp(role, "synthetic-0001", &Secret::new("Wrong-1234")).await), incorrect);
        let unknown = refusal(lab.srp(role, "nobody", &password).await);
        assert_eq!(unknown, ("UserNotFoundException".to_owned(), "User does not exist.".to_owned()));
        let missing = refusal(lab.initiate(role, flow.clone(), &[("USERNAME", "synthetic-0001")]).await);
        assert_eq!(missing.0, "InvalidParameterException");
    }
    let other = lab.client(RegionRole::Primary).initiate_auth().client_id("other").auth_flow(flow).send().await;
    assert_eq!(refusal(other).0, "ResourceNotFoundException");
}

#[tokio::test]
async fn c17_srp_claims_of_a_wrong_time_are_refused() {
    let lab = lab(settings(), 1.0).await;
    let (password, now) = (lab.identity.password(), lab.clock.now());
    let minutes = |off: i64| now + jiff::SignedDuration::from_mins(off);
    let yesterday = (now - jiff::SignedDuration::from_hours(24)).strftime("%a");
    let padded = now.strftime("%a %b %d %H:%M:%S UTC %Y").to_string();
    let weekday = now.strftime(&format!("{yesterday} %b %-d %H:%M:%S UTC %Y")).to_string();
    for role in RegionRole::ALL {
        // From the tenth of a month on there is no zero to lead.
        let padded = Some(padded.clone()).filter(|padded| *padded != timestamp(now));
        let wrong = [weekday.clone(), timestamp(minutes(-10)), timestamp(minutes(10))];
        for when in wrong.into_iter().chain(padded) {
            let refused = refusal(lab.srp_at(role, "synthetic-0001", &password, when.clone()).await);
            let incorrect = ("NotAuthorizedException".to_owned(), "Incorrect username or password.".to_owned());
            assert_eq!(refused, incorrect, "{when}");
        }
        let refused = refusal(lab.srp_at(role, "synthetic-0001", &password, now.to_string()).await);
        assert_eq!(refused.0, "InvalidParameterException");
        assert!(lab.srp_at(role, "synthetic-0001", &password, timestamp(minutes(-4))).await.is_ok());
    }
}

#[tokio::test]
async fn sessions_outlive_failover_and_failback() {
    let lab = lab(settings(), 1.0).await;
    for (begin, end) in [(RegionRole::Primary, RegionRole::Replica), (RegionRole::Replica, RegionRole::Primary)] {
        let refresh = lab.sign_in(begin, "synthetic-0003").await.refresh_token.unwrap();
        lab.replicated().await;
        for role in [end, begin, end] {
            let parameters = [("REFRESH_TOKEN", refresh.as_str())];
            let renewed = lab.initiate(role, AuthFlowType::RefreshTokenAuth, &parameters).await.unwrap();
            assert!(renewed.refresh_token.is_none());
            let (status, answer) = lab.account(role, &renewed.access_token.unwrap()).await;
            assert_eq!((status, &answer["issued_in"]), (200, &json!(lab.identity.place(role).region)));
        }
    }
    let forged =
        lab.initiate(RegionRole::Primary, AuthFlowType::RefreshTokenAuth, &[("REFRESH_TOKEN", "forged")]).await;
    assert_eq!(refusal(forged), ("NotAuthorizedException".to_owned(), "Invalid Refresh Token".to_owned()));
}

#[tokio::test]
async fn the_replica_takes_no_writes() {
    let lab = lab(settings(), 1.0).await;
    let (code, message) = refusal(lab.write_canary(RegionRole::Replica, "1").await);
    assert_eq!(code, "OperationNotEnabledException");
    assert!(message.contains("us-west-2, a read-only replica") && message.contains("us-east-1"), "{message}");
    let replica = lab.client(RegionRole::Replica);
    let pool = lab.identity.pool_id();
    let created = replica.admin_create_user().user_pool_id(pool).username("new").send().await;
    assert_eq!(refusal(created).0, "OperationNotEnabledException");
    let set = replica.admin_set_user_password().user_pool_id(pool).username("synthetic-0001").password("Passw0rd-1");
    assert_eq!(refusal(set.send().await).0, "OperationNotEnabledException");
    let deleted = replica.admin_delete_user().user_pool_id(pool).username("synthetic-0001").send().await;
    assert_eq!(refusal(deleted).0, "OperationNotEnabledException");
    assert_eq!(lab.canary_at(RegionRole::Replica).await, "0");
}

#[tokio::test]
async fn writes_reach_the_replica_after_a_lag() {
    let lagging = |lag| LabSettings { lag_median: lag, lag_max: lag, ..settings() };
    let slow = lab(lagging(Span::secs(36_000)), 1.0).await;
    slow.write_canary(RegionRole::Primary, "1").await.unwrap();
    assert_eq!(slow.canary_at(RegionRole::Primary).await, "1");
    assert_eq!(slow.canary_at(RegionRole::Replica).await, "0");
    let fast = lab(lagging(Span::secs(20)), 100.0).await;
    fast.write_canary(RegionRole::Primary, "1").await.unwrap();
    let waited = async {
        while fast.canary_at(RegionRole::Replica).await != "1" {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waited).await.expect("it never arrived");
}

#[tokio::test]
async fn a_broken_trigger_lets_users_in_without_the_claim() {
    let path = "/dynamodb/us-west-2/gameday-claims/items/risk_profile".to_owned();
    let estate = vec![EstateChange { path, value: None }];
    let lab = lab(LabSettings { estate, ..settings() }, 1.0).await;
    let good = lab.sign_in(RegionRole::Primary, "synthetic-0001").await.access_token.unwrap();
    assert_eq!(lab.account(RegionRole::Replica, &good).await.0, 200);
    let silent = lab.sign_in(RegionRole::Replica, "synthetic-0001").await.access_token.unwrap();
    let (status, answer) = lab.account(RegionRole::Replica, &silent).await;
    assert_eq!((status, &answer["message"]), (403, &json!("the claim `risk_profile` is missing")));
}

#[tokio::test]
async fn new_users_set_their_password_at_the_primary() {
    let lab = lab(settings(), 1.0).await;
    let pool = lab.identity.pool_id();
    let primary = lab.client(RegionRole::Primary);
    let create = || {
        let request = primary.admin_create_user().user_pool_id(pool).username("zoë");
        request.temporary_password("Temporary-1").message_action(MessageActionType::Suppress).send()
    };
    assert_eq!(create().await.unwrap().user.unwrap().user_status, Some(UserStatusType::ForceChangePassword));
    assert_eq!(refusal(create().await).0, "UsernameExistsException");
    lab.replicated().await;
    for role in [RegionRole::Replica, RegionRole::Primary] {
        let demanded = lab.srp(role, "zoë", &Secret::new("Temporary-1")).await.unwrap();
        assert_eq!(demanded.challenge_name, Some(ChallengeNameType::NewPasswordRequired));
        let answer = |password: &str| {
            let request = lab.client(role).respond_to_auth_challenge().client_id(lab.identity.client_id());
            let request = request.challenge_name(ChallengeNameType::NewPasswordRequired);
            let request = request.session(demanded.session().unwrap()).challenge_responses("USERNAME", "zoë");
            request.challenge_responses("NEW_PASSWORD", password).send()
        };
        if role == RegionRole::Replica {
            assert_eq!(refusal(answer("Länger-als-1").await).0, "OperationNotEnabledException");
        } else {
            assert_eq!(refusal(answer("short").await).0, "InvalidPasswordException");
            assert!(answer("Länger-als-1").await.unwrap().authentication_result.is_some());
            assert_eq!(refusal(answer("Länger-als-1").await).0, "NotAuthorizedException");
        }
    }
    lab.replicated().await;
    let signed_in = lab.srp(RegionRole::Replica, "zoë", &Secret::new("Länger-als-1")).await.unwrap();
    assert!(signed_in.authentication_result.is_some());
}

#[tokio::test]
async fn administrators_write_and_list_users() {
    let lab = lab(settings(), 1.0).await;
    let pool = lab.identity.pool_id();
    let primary = lab.client(RegionRole::Primary);
    let set = primary.admin_set_user_password().user_pool_id(pool).username("synthetic-0001").password("Passw0rd-1");
    set.permanent(true).send().await.unwrap();
    assert!(lab.srp(RegionRole::Primary, "synthetic-0001", &Secret::new("Passw0rd-1")).await.is_ok());
    let group = |name: &'static str| {
        primary.admin_add_user_to_group().user_pool_id(pool).username("synthetic-0001").group_name(name).send()
    };
    group("customers").await.unwrap();
    assert_eq!(refusal(group("nobody").await).0, "ResourceNotFoundException");
    primary.admin_delete_user().user_pool_id(pool).username("synthetic-0002").send().await.unwrap();
    lab.replicated().await;
    let mut names = Vec::new();
    let mut pages = lab.client(RegionRole::Replica).list_users().user_pool_id(pool).limit(7).into_paginator().send();
    while let Some(page) = pages.next().await {
        names.extend(page.unwrap().users().iter().map(|user| user.username().unwrap().to_owned()));
    }
    let synthetic = |name: &&String| name.starts_with("synthetic-000");
    assert_eq!(names.iter().filter(synthetic).collect::<Vec<_>>(), ["synthetic-0001", "synthetic-0003"]);
    assert!(names.is_sorted() && names.iter().any(|name| name == "replication-canary"));
}

#[tokio::test]
async fn the_pool_describes_itself() {
    let lab = lab(settings(), 1.0).await;
    let pool = lab.identity.pool_id();
    assert!(pool.starts_with("us-east-1_"));
    let replica = lab.client(RegionRole::Replica);
    let described = replica.describe_user_pool().user_pool_id(pool).send().await.unwrap().user_pool.unwrap();
    assert_eq!(described.arn(), Some(format!("arn:aws:cognito-idp:us-west-2:111122223333:userpool/{pool}").as_str()));
    // The synthetic users, the canary, and the populations.
    assert_eq!(described.estimated_number_of_users, 3 + 1 + 40 + 10 + 10 + 10);
    let request = replica.describe_user_pool_client().user_pool_id(pool).client_id(lab.identity.client_id());
    assert_eq!(request.send().await.unwrap().user_pool_client.unwrap().refresh_token_validity, 30);
    let replicas =
        replica.list_user_pool_replicas().user_pool_id(pool).send().await.unwrap().user_pool_replicas.unwrap();
    let roles: Vec<_> = replicas.iter().map(|r| (r.region_name().unwrap(), r.role().unwrap().clone())).collect();
    assert_eq!(roles, [("us-east-1", ReplicaRoleType::Primary), ("us-west-2", ReplicaRoleType::Secondary)]);
    let other = replica.describe_user_pool().user_pool_id("us-east-1_OTHER").send().await;
    assert_eq!(refusal(other).0, "ResourceNotFoundException");
}

#[tokio::test]
async fn the_wire_is_cognitos() {
    let lab = lab(settings(), 1.0).await;
    let post = |target: &str| http::Request::post("/").header("x-amz-target", target);
    let prefixed = |name: &str| format!("AWSCognitoIdentityProviderService.{name}");
    let (status, answer) = lab.http(RegionRole::Primary, post(&prefixed("ListUsers")), "{}").await;
    assert_eq!((status, &answer["__type"]), (400, &json!("MissingAuthenticationTokenException")));
    let signed = post(&prefixed("ListUsers")).header("authorization", "AWS4-HMAC-SHA256 Credential=other/x");
    assert_eq!(lab.http(RegionRole::Primary, signed, "{}").await.1["__type"], "InvalidSignatureException");
    assert_eq!(
        lab.http(RegionRole::Primary, post(&prefixed("Nothing")), "{}").await.1["__type"],
        "UnknownOperationException"
    );
    assert_eq!(
        lab.http(RegionRole::Primary, post(&prefixed("InitiateAuth")), "{").await.1["__type"],
        "SerializationException"
    );
    let no_client = lab.http(RegionRole::Primary, post(&prefixed("InitiateAuth")), "{}").await.1;
    assert_eq!(no_client["__type"], "InvalidParameterException");

    let keys = |pool: &str| http::Request::get(format!("/{pool}/.well-known/jwks.json"));
    let (_, here) = lab.http(RegionRole::Primary, keys(lab.identity.pool_id()), "").await;
    let (_, there) = lab.http(RegionRole::Replica, keys(lab.identity.pool_id()), "").await;
    assert_eq!((&here["keys"][0]["alg"], &here["keys"][0]["use"]), (&json!("RS256"), &json!("sig")));
    assert_eq!(here["keys"], there["keys"], "of the issuer UPDATED both Regions publish the same");
    assert_eq!(lab.http(RegionRole::Primary, keys("us-east-1_OTHER"), "").await.0, 404);
    assert_eq!(lab.http(RegionRole::Primary, http::Request::get("/health"), "").await.0, 200);
    assert_eq!(lab.http(RegionRole::Primary, http::Request::get("/api/account"), "").await.0, 401);
    // A client of one Region does not administer the other by mistake.
    let lost = client(lab.doors[1], "us-east-1");
    let listed = lost.list_users().user_pool_id(lab.identity.pool_id()).send().await;
    assert_eq!(refusal(listed).0, "InvalidSignatureException");
}

#[tokio::test]
async fn the_same_seed_gives_the_same_pool_but_not_the_same_secrets() {
    let (one, two) = (lab(settings(), 1.0).await, lab(settings(), 1.0).await);
    assert_eq!(one.identity.pool_id(), two.identity.pool_id());
    assert_eq!(one.identity.client_id(), two.identity.client_id());
    assert_ne!(one.identity.password(), two.identity.password());
    assert!(!format!("{:?}", one.identity).contains(one.identity.password().expose()));
}

#[tokio::test]
async fn nothing_is_left_of_a_dropped_lab() {
    let TestLab { identity, servers, clients, .. } = lab(settings(), 1.0).await;
    let (weak, directory) = (Arc::downgrade(&identity), Arc::downgrade(&identity.replica.directory));
    drop((identity, clients));
    for server in servers {
        server.abort();
        drop(server.await);
    }
    let gone = async {
        while weak.strong_count() + directory.strong_count() > 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone).await.expect("something holds it");
}
