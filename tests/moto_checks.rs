//! The checks against moto, a simulator of AWS that others wrote and that lacks much of it: nothing crashes, and what moto does not
//! know is told as not checked.

use std::path::{Path, PathBuf};

use crate::moto_server as moto;
use crate::moto_server::Moto;
use crate::support::{gameday, tools};
use aws_sdk_route53::types::{HealthCheckConfig, HealthCheckType};
use gameday::cloud::Cloud;
use serde_json::Value;

/// Every service that checks read.
const SERVICES: [&str; 19] = [
    "acm",
    "apigateway",
    "cloudtrail",
    "cognito-idp",
    "dynamodb",
    "ec2",
    "elasticloadbalancing",
    "iam",
    "kms",
    "lambda",
    "monitoring",
    "rds",
    "route53",
    "s3",
    "scheduler",
    "secretsmanager",
    "servicequotas",
    "sts",
    "wafv2",
];

struct Names {
    pool: String,
    client: String,
    subnets: Vec<String>,
    zone: String,
    health_check: String,
}

/// An environment whose AWS is moto. It has no front door, and its names are asked of nobody.
fn environment(folder: &Path, moto: &Moto, names: &Names) -> PathBuf {
    crate::support::write_secrets(&folder.join("secrets.toml"), "key = \"testing\"\n");
    let url = moto.url();
    let endpoints = SERVICES.map(|service| format!("{service} = \"{url}\"")).join(", ");
    let region = |part: &str, name: &str, subnets: &[String]| {
        format!(
            "[{part}]\nregion = \"{name}\"\ndirect = [\"127.0.0.1\"]\nsubnets = {{ ids = {subnets:?} }}\n\
             endpoints = {{ {endpoints} }}\n"
        )
    };
    let Names { pool, client, subnets, zone, health_check } = names;
    let text = format!(
        "schema_version = 1\nname = \"moto\"\nkind = \"lab\"\n[account]\nallowed = [\"123456789012\"]\n\
         [credentials]\naccess_key_id = \"testing\"\nsecret_access_key = {{ file = \"secrets.toml\", key = \"key\" }}\n\
         {}{}\
         [pool]\nid = \"{pool}\"\nclient_id = \"{client}\"\n\
         [front_door]\nname = \"auth.gameday.test\"\nport = 1\napi_path = \"/\"\n\
         [dns]\nhosted_zone_id = \"{zone}\"\nrecord = \"auth.gameday.test\"\nhealth_check_id = \"{health_check}\"\n\
         resolvers = [\"127.0.0.1:1\"]\n\
         [users]\nnames = [\"nobody\"]\npassword = {{ file = \"secrets.toml\", key = \"key\" }}\n\
         [lab.clock]\nanchor = \"{}\"\nspeed = 1.0\n",
        region("primary", "us-east-1", subnets),
        region("replica", "us-west-2", &subnets[..1]),
        jiff::Timestamp::now(),
    );
    let path = folder.join("moto.toml");
    std::fs::write(&path, text).unwrap();
    path
}

/// What the environment names.
async fn made(cloud: &Cloud) -> Names {
    let cognito = &cloud.primary.cognito;
    let pool = cognito.create_user_pool().pool_name("customers").send().await.unwrap();
    let pool = pool.user_pool.and_then(|pool| pool.id).unwrap();
    let client = cognito.create_user_pool_client().user_pool_id(&pool).client_name("app").send().await.unwrap();
    let zone = cloud.route53.create_hosted_zone().name("gameday.test").caller_reference("1").send().await.unwrap();
    let config = HealthCheckConfig::builder().r#type(HealthCheckType::Https).ip_address("192.0.2.1").port(443);
    let config = config.request_interval(10).failure_threshold(3).build().unwrap();
    let check = cloud.route53.create_health_check().caller_reference("1").health_check_config(config).send().await;
    let (_, subnets) = moto::subnets(&cloud.primary.ec2, 2).await;
    Names {
        client: client.user_pool_client.and_then(|client| client.client_id).unwrap(),
        pool,
        subnets,
        zone: zone.hosted_zone.unwrap().id.trim_start_matches("/hostedzone/").to_owned(),
        health_check: check.unwrap().health_check.unwrap().id,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn c08_a_pool_of_email_addresses_takes_what_seed_makes_and_purge_finds_it() {
    let folder = tempfile::tempdir().unwrap();
    let moto = Moto::start(&tools::python_tool("moto_server"), folder.path());
    let cloud = Cloud::connect(&moto::site(folder.path(), &moto.url(), &[])).await.unwrap();
    let mut names = made(&cloud).await;
    let cognito = &cloud.primary.cognito;
    let email = aws_sdk_cognitoidentityprovider::types::UsernameAttributeType::Email;
    let pool = cognito.create_user_pool().pool_name("email").username_attributes(email).send().await.unwrap();
    names.pool = pool.user_pool.and_then(|pool| pool.id).unwrap();
    let environment = environment(folder.path(), &moto, &names);
    let list = folder.path().join("users.csv");
    let users = async |arguments: &[&str]| {
        let mut command = gameday();
        command.arg("users").args(arguments).arg("--env").arg(&environment);
        let done = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        (
            done.status.code(),
            String::from_utf8_lossy(&done.stdout).into_owned() + &String::from_utf8_lossy(&done.stderr),
        )
    };
    // Somebody else's user stays.
    let other = cognito.admin_create_user().user_pool_id(&names.pool).username("ann@example.org");
    other.send().await.unwrap();
    let seed = ["seed", "--count", "3", "--out", list.to_str().unwrap()];
    for said in ["3 users created", "0 users created, 3 of the group"] {
        let (code, told) = users(&seed).await;
        assert!(code == Some(0) && told.contains(said), "{code:?}: {told}");
    }
    let text = std::fs::read_to_string(&list).unwrap();
    assert!(text.contains("\ngameday-00001@example.com,") && text.lines().count() == 4, "an address is missing");
    let (code, told) = users(&["purge", "--dry-run"]).await;
    let expected = "3 users would be deleted: gameday-00001@example.com, gameday-00002@example.com";
    assert!(code == Some(0) && told.contains(expected), "{code:?}: {told}");
    let (code, told) = users(&["purge"]).await;
    assert!(code == Some(0) && told.contains("3 of 3 users deleted"), "{code:?}: {told}");
    let left = cognito.list_users().user_pool_id(&names.pool).send().await.unwrap();
    assert_eq!(left.users().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_moto_lacks_is_not_checked() {
    let folder = tempfile::tempdir().unwrap();
    let moto = Moto::start(&tools::python_tool("moto_server"), folder.path());
    let cloud = Cloud::connect(&moto::site(folder.path(), &moto.url(), &[])).await.unwrap();
    let environment = environment(folder.path(), &moto, &made(&cloud).await);
    let mut command = gameday();
    command.args(["preflight", "--format", "json", "--env"]).arg(&environment);
    let done = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(!said.contains("panicked") && done.status.code() == Some(3), "{:?}: {said}", done.status);
    let told: Value = serde_json::from_slice(&done.stdout).unwrap();
    let codes: Vec<&str> =
        told["findings"].as_array().unwrap().iter().map(|found| found["code"].as_str().unwrap()).collect();
    // There is no front door behind moto, no record in its zone, and no dead-man switch.
    for code in ["GD101", "GD102", "GD501", "GD911"] {
        assert!(codes.contains(&code), "{code} is not in {told:#}");
    }
    let not_checked: Vec<&str> =
        told["not_checked"].as_array().unwrap().iter().map(|what| what.as_str().unwrap()).collect();
    let known = |what: &&str| gameday::preflight::checks::pages().iter().any(|page| what.starts_with(page.code));
    assert!(not_checked.iter().all(known), "{not_checked:#?}");
    // moto has no replicas of user pools (its list of implemented services).
    let lacks = |call: &str| not_checked.iter().any(|what| what.contains(call));
    let asks =
        gameday::preflight::checks::all().iter().any(|check| check.calls.contains(&"cognito-idp:ListUserPoolReplicas"));
    assert!(!asks || lacks("cognito-idp:ListUserPoolReplicas"), "{not_checked:#?}");
}
