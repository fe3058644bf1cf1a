//! Every login flow of the API at both Regions of the lab, by real SDK clients that know what its environment says and no more.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_cognitoidentityprovider::config::retry::RetryConfig;
use aws_sdk_cognitoidentityprovider::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_cognitoidentityprovider::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_cognitoidentityprovider::types::{AuthFlowType, AuthenticationResultType, ChallengeNameType};
use aws_sdk_cognitoidentityprovider::{Client, Config};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use gameday_core::env::{AppClient, CredentialRef, Environment, LabSettings, Population, RegionEnv, SecretRef};
use gameday_core::model::{Clock, RegionRole, Secret, Seed, Span};
use gameday_lab::{Lab, LabOptions};
use gameday_protocols::srp::{Challenge, ClientSession, secret_hash, timestamp};
use serde_json::Value;

const ROLES: [RegionRole; 2] = [RegionRole::Primary, RegionRole::Replica];

/// Refused at the replica.
const NOT_ENABLED: &str = "OperationNotEnabledException";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Flow {
    Srp,
    Password,
    Admin,
}

/// What an answer says, whichever operation gave it.
type Answer = (Option<AuthenticationResultType>, Option<ChallengeNameType>, Option<String>);

struct World {
    clock: Clock,
    environment: Environment,
    clients: [Client; 2],
    _lab: Lab,
}

fn literal(reference: Option<&SecretRef>) -> Secret {
    match reference {
        Some(SecretRef::Literal(secret)) => secret.clone(),
        _ => panic!("not in the environment"),
    }
}

fn client(region: &RegionEnv, access_key: &str, secret_key: &Secret) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(region.region.to_string()))
        .endpoint_url(&region.endpoints["cognito-idp"])
        .retry_config(RetryConfig::disabled())
        .credentials_provider(Credentials::new(access_key, secret_key.expose(), None, None, "test"))
        .build();
    Client::from_conf(config)
}

#[allow(clippy::needless_pass_by_value, reason = "as map_err gives it")]
fn code<E: ProvideErrorMetadata + std::fmt::Debug, R: std::fmt::Debug>(error: SdkError<E, R>) -> String {
    error.code().map_or_else(|| panic!("no answer: {error:?}"), str::to_owned)
}

impl World {
    async fn start() -> Self {
        let clock = Clock::start(1.0);
        let settings = LabSettings { users: 2, lag_median: Span::default(), ..LabSettings::default() };
        let options = LabOptions::new(settings, clock, Seed(7));
        let lab = Lab::start(options).await.unwrap();
        let environment = lab.environment();
        let Some(CredentialRef::Static { access_key_id, secret_access_key }) = &environment.credentials else {
            panic!("a lab has a key of its own");
        };
        let secret_key = literal(Some(secret_access_key));
        let clients = [&environment.primary, &environment.replica]
            .map(|region| client(region.as_ref().unwrap(), access_key_id, &secret_key));
        Self { clock, environment, clients, _lab: lab }
    }

    fn at(&self, role: RegionRole) -> &Client {
        &self.clients[role as usize]
    }

    fn pool(&self) -> &str {
        &self.environment.pool.as_ref().unwrap().id
    }

    fn client(&self, name: &str) -> &AppClient {
        self.environment.pool.as_ref().unwrap().clients.iter().find(|client| client.name == name).unwrap()
    }

    fn population(&self, name: &str) -> &Population {
        self.environment.users.as_ref().unwrap().populations.iter().find(|it| it.name == name).unwrap()
    }

    fn password(&self) -> Secret {
        literal(self.environment.users.as_ref().unwrap().password.as_ref())
    }

    /// `USERNAME`, with the secret hash where the client has a secret.
    fn named(client: &AppClient, user: &str) -> BTreeMap<String, String> {
        let mut parameters = BTreeMap::from([("USERNAME".to_owned(), user.to_owned())]);
        if client.secret.is_some() {
            let hash = secret_hash(user, &client.id, &literal(client.secret.as_ref()));
            parameters.insert("SECRET_HASH".to_owned(), hash);
        }
        parameters
    }

    async fn begin(&self, role: RegionRole, flow: Flow, client: &AppClient, user: &str) -> Result<Answer, String> {
        let mut parameters = Self::named(client, user);
        if flow == Flow::Srp {
            return self.by_srp(role, client, user).await;
        }
        parameters.insert("PASSWORD".to_owned(), self.password().expose().to_owned());
        let parameters = Some(parameters.into_iter().collect());
        if flow == Flow::Admin {
            let request = self.at(role).admin_initiate_auth().user_pool_id(self.pool()).client_id(&client.id);
            let request = request.auth_flow(AuthFlowType::AdminUserPasswordAuth).set_auth_parameters(parameters);
            let answer = request.send().await.map_err(code)?;
            return Ok((answer.authentication_result, answer.challenge_name, answer.session));
        }
        let request = self.at(role).initiate_auth().client_id(&client.id).auth_flow(AuthFlowType::UserPasswordAuth);
        let answer = request.set_auth_parameters(parameters).send().await.map_err(code)?;
        Ok((answer.authentication_result, answer.challenge_name, answer.session))
    }

    async fn by_srp(&self, role: RegionRole, client: &AppClient, user: &str) -> Result<Answer, String> {
        let session = ClientSession::new(&mut rand::rng());
        let mut parameters = Self::named(client, user);
        parameters.insert("SRP_A".to_owned(), session.public_a_hex());
        let request = self.at(role).initiate_auth().client_id(&client.id).auth_flow(AuthFlowType::UserSrpAuth);
        let begun = request.set_auth_parameters(Some(parameters.into_iter().collect())).send().await;
        let given = begun.map_err(code)?.challenge_parameters.unwrap();
        let challenge = Challenge {
            salt_hex: given["SALT"].clone(),
            srp_b_hex: given["SRP_B"].clone(),
            secret_block_b64: given["SECRET_BLOCK"].clone(),
        };
        let when = timestamp(self.clock.now());
        let claim = session.claim(self.pool(), &given["USER_ID_FOR_SRP"], &self.password(), &challenge, &when).unwrap();
        let responses = [
            ("PASSWORD_CLAIM_SECRET_BLOCK", challenge.secret_block_b64),
            ("PASSWORD_CLAIM_SIGNATURE", claim),
            ("TIMESTAMP", when),
        ];
        self.respond(role, Flow::Srp, client, user, ChallengeNameType::PasswordVerifier, None, responses).await
    }

    #[allow(clippy::too_many_arguments, reason = "an answer has that many parts")]
    async fn respond<const N: usize>(
        &self,
        role: RegionRole,
        flow: Flow,
        client: &AppClient,
        user: &str,
        challenge: ChallengeNameType,
        session: Option<String>,
        responses: [(&str, String); N],
    ) -> Result<Answer, String> {
        let mut all = Self::named(client, user);
        all.extend(responses.into_iter().map(|(name, value)| (name.to_owned(), value)));
        let all = Some(all.into_iter().collect());
        if flow == Flow::Admin {
            let request = self.at(role).admin_respond_to_auth_challenge().user_pool_id(self.pool());
            let request = request.client_id(&client.id).challenge_name(challenge).set_session(session);
            let answer = request.set_challenge_responses(all).send().await.map_err(code)?;
            return Ok((answer.authentication_result, answer.challenge_name, answer.session));
        }
        let request = self.at(role).respond_to_auth_challenge().client_id(&client.id).challenge_name(challenge);
        let answer = request.set_session(session).set_challenge_responses(all).send().await.map_err(code)?;
        Ok((answer.authentication_result, answer.challenge_name, answer.session))
    }

    /// A whole login: tokens and the challenge that followed the password, if any; or the error's code.
    async fn log_in(
        &self,
        role: RegionRole,
        flow: Flow,
        client: &AppClient,
        user: &str,
    ) -> Result<(AuthenticationResultType, Option<ChallengeNameType>), String> {
        let (result, challenge, session) = self.begin(role, flow, client, user).await?;
        if let Some(result) = result {
            return Ok((result, None));
        }
        let challenge = challenge.unwrap();
        let response = match challenge {
            ChallengeNameType::NewPasswordRequired => ("NEW_PASSWORD", self.password().expose().to_owned()),
            ChallengeNameType::SoftwareTokenMfa => ("SOFTWARE_TOKEN_MFA_CODE", self.one_time_code()),
            other => panic!("{other} was not expected"),
        };
        let answer = self.respond(role, flow, client, user, challenge.clone(), session, [response]).await?;
        Ok((answer.0.unwrap(), Some(challenge)))
    }

    fn one_time_code(&self) -> String {
        let secret = literal(self.population("totp").totp_secret.as_ref());
        let secret = totp_rs::Secret::try_from_base32(secret.expose()).unwrap();
        let totp = totp_rs::Builder::new().with_secret(secret).build().unwrap();
        totp.generate(u64::try_from(self.clock.now().as_second()).unwrap()).to_string()
    }

    /// New tokens at a Region by a refresh token, once it is known there.
    async fn renew(&self, role: RegionRole, client: &AppClient, token: &str) -> AuthenticationResultType {
        let renewed = async {
            loop {
                let request = self.at(role).get_tokens_from_refresh_token().client_id(&client.id).refresh_token(token);
                let secret = client.secret.is_some().then(|| literal(client.secret.as_ref()).expose().to_owned());
                match request.set_client_secret(secret).send().await.map_err(code) {
                    Ok(answer) => return answer.authentication_result.unwrap(),
                    Err(code) => assert_eq!(code, "NotAuthorizedException"),
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), renewed).await.expect("it was never replicated")
    }

    async fn check(&self, role: RegionRole, client: &AppClient, user: &str, access: &str) {
        let payload = URL_SAFE_NO_PAD.decode(access.split('.').nth(1).unwrap()).unwrap();
        let claims: Value = serde_json::from_slice(&payload).unwrap();
        assert_eq!((&claims["client_id"], &claims["username"]), (&Value::from(client.id.clone()), &Value::from(user)));
        let shown = self.at(role).get_user().access_token(access).send().await.unwrap();
        assert_eq!(shown.username(), user);
    }
}

fn other(role: RegionRole) -> RegionRole {
    if role == RegionRole::Primary { RegionRole::Replica } else { RegionRole::Primary }
}

/// Every flow that a client allows.
fn flows(client: &AppClient) -> &'static [Flow] {
    match client.name.as_str() {
        "rotating" => &[Flow::Srp, Flow::Password],
        _ => &[Flow::Srp, Flow::Password, Flow::Admin],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_flow_signs_in_where_it_may_and_is_refused_where_it_may_not() {
    let world = World::start().await;
    // Codes of a software token are of use once, so that every login takes another user.
    let next = Cell::new(0);
    let fresh = |population: &str| {
        next.set(next.get() + 1);
        let names = &world.population(population).names;
        names[next.get() % names.len()].clone()
    };
    for role in ROLES {
        for name in ["public", "confidential", "rotating"] {
            let client = world.client(name);
            for &flow in flows(client) {
                let context = format!("{flow:?} of {name} at the {}", role.as_str());
                let user = "synthetic-0001";
                let (tokens, challenge) = world.log_in(role, flow, client, user).await.expect(&context);
                assert_eq!(challenge, None, "{context}");
                world.check(role, client, user, tokens.access_token().unwrap()).await;
                let renewed = world.renew(other(role), client, tokens.refresh_token().unwrap()).await;
                assert_eq!(renewed.refresh_token().is_some(), name == "rotating", "{context}");
                world.check(other(role), client, user, renewed.access_token().unwrap()).await;

                let user = fresh("totp");
                let logged_in = world.log_in(role, flow, client, &user).await;
                if role == RegionRole::Primary {
                    let (tokens, challenge) = logged_in.expect(&context);
                    assert_eq!(challenge, Some(ChallengeNameType::SoftwareTokenMfa), "{context}");
                    world.check(role, client, &user, tokens.access_token().unwrap()).await;
                } else {
                    assert_eq!(logged_in.unwrap_err(), NOT_ENABLED, "{context}");
                }

                let user = fresh("new-password");
                let logged_in = world.log_in(role, flow, client, &user).await;
                if role == RegionRole::Primary {
                    let (tokens, challenge) = logged_in.expect(&context);
                    assert_eq!(challenge, Some(ChallengeNameType::NewPasswordRequired), "{context}");
                    world.check(role, client, &user, tokens.access_token().unwrap()).await;
                    let back = world.at(role).admin_set_user_password().user_pool_id(world.pool()).username(user);
                    back.password(world.password().expose()).permanent(false).send().await.unwrap();
                } else {
                    assert_eq!(logged_in.unwrap_err(), NOT_ENABLED, "{context}");
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_out_at_one_region_ends_the_session_at_the_other() {
    let world = World::start().await;
    let client = world.client("public");
    for (role, user) in ROLES.into_iter().zip(&world.population("sign-out").names) {
        let (tokens, _) = world.log_in(role, Flow::Srp, client, user).await.unwrap();
        let access = tokens.access_token().unwrap();
        // Known there before it ends.
        world.renew(other(role), client, tokens.refresh_token().unwrap()).await;
        world.at(role).global_sign_out().access_token(access).send().await.unwrap();
        let again = world.at(role).global_sign_out().access_token(access).send().await;
        assert_eq!(again.map_err(code).unwrap_err(), "NotAuthorizedException");
        let ended = async {
            while world.at(other(role)).get_user().access_token(access).send().await.is_ok() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(20), ended).await.expect("it went on");
        world.log_in(other(role), Flow::Password, client, user).await.unwrap();
    }
}
