//! The user pool's triggers in each Region, and the functions that they invoke.

use gameday_core::model::RegionRole;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::api_gateway::AUTHORIZER;
use super::{arn, dynamodb, rds, secrets};
use crate::topology;

/// The function that adds claims.
pub(crate) const PRE_TOKEN: &str = "gameday-pre-token";
/// The function that writes down who signed in.
pub(crate) const AUDIT: &str = "gameday-sign-in-audit";

/// The triggers of a Region's pool, by their names in LambdaConfig (Cognito API reference, LambdaConfigType). The lab invokes
/// `PostAuthentication` and `PreTokenGeneration`, and only tells of others.
pub(crate) type Triggers = BTreeMap<String, Trigger>;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Trigger {
    /// The function's ARN.
    pub function: String,
    /// Of the event, where the trigger has several: `V1_0`, `V2_0` or `V3_0`.
    #[serde(default)]
    pub version: Option<String>,
}

/// Lambda in one Region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lambda {
    /// The account's concurrent executions.
    pub concurrent_executions: i64,
    /// By name.
    pub functions: BTreeMap<String, FunctionFixture>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FunctionFixture {
    /// What it does.
    pub program: Program,
    /// The digest of its code, in base64.
    pub code_sha256: String,
    /// As `nodejs24.x`.
    pub runtime: String,
    /// In seconds.
    pub timeout_s: i64,
    /// In MB.
    pub memory_mb: i64,
    /// `Pending`, `Active`, `Inactive` or `Failed`.
    pub state: String,
    /// `Successful`, `Failed` or `InProgress`.
    pub last_update_status: String,
    /// The ARN of its execution role.
    pub role: String,
    /// Environment variables.
    pub environment: BTreeMap<String, String>,
    /// The ARNs of its layers' versions.
    pub layers: Vec<String>,
    /// Where it is in a VPC.
    pub vpc: Option<FunctionVpc>,
    /// Concurrent executions that only it may have, and no more.
    pub reserved_concurrency: Option<i64>,
    /// Who may invoke it.
    pub policy: Vec<Statement>,
}

/// What a function does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Program {
    /// Looks up each of `CLAIMS` in `TABLE_NAME` and adds it to both tokens. What has no row is left out, and nobody notices.
    Claims,
    /// Takes `SECRET_ARN` to the database behind `DATABASE_HOST`. What is missing is an error.
    Audit,
    /// Verifies tokens for API Gateway, with the keys behind `JWKS_URLS`. No trigger invokes it.
    Authorizer,
}

/// The VPC of a function.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FunctionVpc {
    pub id: String,
    /// IDs of subnets.
    pub subnets: Vec<String>,
    /// IDs of security groups.
    pub security_groups: Vec<String>,
}

/// A statement of a function's resource policy that lets a service invoke it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Statement {
    /// Its name.
    pub sid: String,
    /// The service, as `cognito-idp.amazonaws.com`.
    pub service: String,
    /// For which caller, as a pattern.
    pub source_arn: String,
}

/// The triggers of a healthy Region.
pub(crate) fn triggers(region: &str) -> Triggers {
    let of = |name: &str, version: Option<&str>| Trigger {
        function: arn("lambda", region, &format!("function:{name}")),
        version: version.map(str::to_owned),
    };
    BTreeMap::from([
        ("PostAuthentication".to_owned(), of(AUDIT, None)),
        ("PreTokenGeneration".to_owned(), of(PRE_TOKEN, Some("V3_0"))),
    ])
}

impl Lambda {
    /// In a healthy Region, for the pool with that ID.
    pub(crate) fn healthy(region: &str, pool_id: &str) -> Self {
        Self {
            // Lambda developer guide, "Lambda quotas".
            concurrent_executions: 1000,
            functions: BTreeMap::from([
                (PRE_TOKEN.to_owned(), claims(region, pool_id)),
                (AUDIT.to_owned(), audit(region, pool_id)),
                (AUTHORIZER.to_owned(), authorizer(region, pool_id)),
            ]),
        }
    }
}

fn function(name: &str, program: Program, code_sha256: &str, region: &str, pool_id: &str) -> FunctionFixture {
    FunctionFixture {
        program,
        code_sha256: code_sha256.to_owned(),
        runtime: "nodejs24.x".to_owned(),
        // Cognito waits no longer (Cognito developer guide, "Customizing user pool workflows with Lambda triggers").
        timeout_s: 5,
        memory_mb: 256,
        state: "Active".to_owned(),
        last_update_status: "Successful".to_owned(),
        role: arn("iam", "", &format!("role/{name}")),
        environment: BTreeMap::from([("LOG_LEVEL".to_owned(), "info".to_owned())]),
        layers: vec![arn("lambda", region, "layer:gameday-shared:3")],
        vpc: None,
        reserved_concurrency: None,
        policy: vec![Statement {
            sid: "user-pool".to_owned(),
            service: "cognito-idp.amazonaws.com".to_owned(),
            source_arn: arn("cognito-idp", region, &format!("userpool/{pool_id}")),
        }],
    }
}

fn claims(region: &str, pool_id: &str) -> FunctionFixture {
    let code = "5m3MwkBGQ0Xvo1gk5SZ0qYcCBHgZyYw1bPZ2eUqQ1nA=";
    let mut function = function(PRE_TOKEN, Program::Claims, code, region, pool_id);
    let claims = dynamodb::CLAIMS.map(|(claim, ..)| claim).join(",");
    function.environment.extend([
        ("TABLE_NAME".to_owned(), dynamodb::TABLE.to_owned()),
        ("CLAIMS".to_owned(), claims),
        ("AWS_ENDPOINT_URL_DYNAMODB".to_owned(), format!("https://dynamodb.{region}.amazonaws.com")),
    ]);
    function
}

fn authorizer(region: &str, pool_id: &str) -> FunctionFixture {
    let code = "q7Tz1mHf4cRk8yJ2nWv5xB0sLp3dEoAuGiKtC6eMZ9Y=";
    let mut function = function(AUTHORIZER, Program::Authorizer, code, region, pool_id);
    let urls = RegionRole::ALL.map(|role| {
        format!("https://cognito-idp.{}.amazonaws.com/{pool_id}/.well-known/jwks.json", topology::region(role))
    });
    function.environment.insert("JWKS_URLS".to_owned(), urls.join(" "));
    function.policy = vec![Statement {
        sid: "api".to_owned(),
        service: "apigateway.amazonaws.com".to_owned(),
        source_arn: arn("execute-api", region, "lab0accounts/authorizers/*"),
    }];
    function
}

fn audit(region: &str, pool_id: &str) -> FunctionFixture {
    let code = "u8Qd0o2n7sJw5cXk3Vb1yTzR6pLmA9fGhE4iNxC2sDM=";
    let mut function = function(AUDIT, Program::Audit, code, region, pool_id);
    function.environment.extend([
        ("SECRET_ARN".to_owned(), secrets::arn_of(region, secrets::AUDIT)),
        ("DATABASE_HOST".to_owned(), rds::proxy_endpoint(region)),
        ("DATABASE_WRITER".to_owned(), rds::GLOBAL_ENDPOINT.to_owned()),
    ]);
    function.vpc = Some(FunctionVpc {
        id: format!("vpc-0audit{}", region.replace('-', "")),
        subnets: ["a", "b"].map(|zone| format!("subnet-0audit{}{zone}", region.replace('-', ""))).to_vec(),
        security_groups: vec![format!("sg-0audit{}", region.replace('-', ""))],
    });
    function
}
