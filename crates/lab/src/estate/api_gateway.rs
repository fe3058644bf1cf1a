//! API Gateway: the REST APIs of each Region, and who may call them.

use gameday_core::model::RegionRole;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::topology;

/// The function that verifies tokens for the accounts API.
pub(crate) const AUTHORIZER: &str = "gameday-authorizer";

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RestApi {
    pub id: String,
    pub authorizers: Vec<AuthorizerFixture>,
}

/// An authorizer (API Gateway API reference, AuthorizerFixture). They only tell of themselves: the lab's protected API has one of its own, which
/// `jwks_fetch` of `[lab]` sets up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AuthorizerFixture {
    pub id: String,
    pub name: String,
    /// `TOKEN`, `REQUEST` or `COGNITO_USER_POOLS`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Of a user pool's: the Regions whose pool it asks for.
    #[serde(default)]
    pub pools_of: Vec<String>,
    /// Of a function's: how it is invoked.
    pub authorizer_uri: Option<String>,
    /// How long its answer for a token is kept.
    pub result_ttl_s: u32,
}

/// REST APIs by name.
pub(crate) type RestApis = BTreeMap<String, RestApi>;

/// The accounts API of both Regions, behind a function.
pub(crate) fn healthy() -> BTreeMap<String, RestApis> {
    RegionRole::ALL
        .into_iter()
        .map(|role| {
            let region = topology::region(role);
            let function = format!("arn:aws:lambda:{region}:{}:function:{AUTHORIZER}", topology::ACCOUNT);
            let authorizer = AuthorizerFixture {
                id: "a1b2c3".to_owned(),
                name: "tokens".to_owned(),
                kind: "TOKEN".to_owned(),
                pools_of: Vec::new(),
                authorizer_uri: Some(format!(
                    "arn:aws:apigateway:{region}:lambda:path/2015-03-31/functions/{function}/invocations"
                )),
                result_ttl_s: 300,
            };
            let api = RestApi { id: "lab0accounts".to_owned(), authorizers: vec![authorizer] };
            (region.to_owned(), RestApis::from([("accounts".to_owned(), api)]))
        })
        .collect()
}
