//! A sign-in by SRP, with the calls of the AWS SDK, in a lab that this program starts: what a test of another project would do.
//!
//! ```text
//! cargo run --example srp_login
//! ```
//!
//! Against AWS only the client differs: the Region's own endpoint and credentials. `ClientSession` does the arithmetic of
//! `USER_SRP_AUTH`; the password never leaves this process.

use std::collections::HashMap;
use std::error::Error;

use aws_sdk_cognitoidentityprovider::config::{BehaviorVersion, Region};
use aws_sdk_cognitoidentityprovider::types::{AuthFlowType, ChallengeNameType};
use aws_sdk_cognitoidentityprovider::{Client, Config};
use gameday_core::env::{LabSettings, SecretRef};
use gameday_core::model::{Clock, Seed};
use gameday_lab::{Lab, LabOptions};
use gameday_protocols::srp::{Challenge, ClientSession, timestamp};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let clock = Clock::start(1.0);
    let settings = LabSettings { users: 1, ..LabSettings::default() };
    let lab = Lab::start(LabOptions::new(settings, clock, Seed(7))).await?;

    // What a lab says of itself is an environment, as one of AWS.
    let environment = lab.environment();
    let pool = environment.pool.ok_or("a lab has a pool")?;
    let users = environment.users.ok_or("a lab has users")?;
    let primary = environment.primary.ok_or("a lab has a primary")?;
    let Some(SecretRef::Literal(password)) = users.password else { return Err("a lab has a password".into()) };
    let user = users.names.first().ok_or("a lab has a user")?.clone();

    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(primary.region.to_string()))
        .endpoint_url(&primary.endpoints["cognito-idp"])
        .allow_no_auth()
        .build();
    let cognito = Client::from_conf(config);

    let session = ClientSession::new(&mut rand::rng());
    let parameters =
        HashMap::from([("USERNAME".to_owned(), user.clone()), ("SRP_A".to_owned(), session.public_a_hex())]);
    let begun = cognito
        .initiate_auth()
        .client_id(&pool.client_id)
        .auth_flow(AuthFlowType::UserSrpAuth)
        .set_auth_parameters(Some(parameters))
        .send()
        .await?;
    let given = begun.challenge_parameters().ok_or("no challenge")?;
    let challenge = Challenge {
        salt_hex: given["SALT"].clone(),
        srp_b_hex: given["SRP_B"].clone(),
        secret_block_b64: given["SECRET_BLOCK"].clone(),
    };
    let at = timestamp(clock.wall_now());
    let claim = session.claim(&pool.id, &given["USER_ID_FOR_SRP"], &password, &challenge, &at)?;
    let answers = HashMap::from([
        ("USERNAME".to_owned(), given["USER_ID_FOR_SRP"].clone()),
        ("PASSWORD_CLAIM_SECRET_BLOCK".to_owned(), challenge.secret_block_b64),
        ("PASSWORD_CLAIM_SIGNATURE".to_owned(), claim),
        ("TIMESTAMP".to_owned(), at),
    ]);
    let done = cognito
        .respond_to_auth_challenge()
        .client_id(&pool.client_id)
        .challenge_name(ChallengeNameType::PasswordVerifier)
        .set_challenge_responses(Some(answers))
        .send()
        .await?;
    let tokens = done.authentication_result().ok_or("no tokens")?;
    println!("{user} is signed in for {} s", tokens.expires_in());
    lab.shutdown().await;
    Ok(())
}
