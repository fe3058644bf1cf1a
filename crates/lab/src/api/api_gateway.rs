//! API Gateway's REST-JSON protocol (API Gateway API reference): REST APIs and their authorizers.

use axum::extract::Query;
use http::StatusCode;
use http::request::Parts;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Reply, ServiceError, rest_error};
use crate::estate::api_gateway::{AuthorizerFixture, RestApi, RestApis};
use crate::topology;

/// What every path begins with.
pub(super) const PATH: &str = "/restapis";
/// The largest page, and what is given without `limit` (API reference, GetRestApis).
const LARGEST_PAGE: usize = 500;
const PAGE: usize = 25;
/// They are older than the lab.
const CREATED: i64 = 1_735_689_600;

/// Answers one request of a Region with these APIs, whose authorizers ask for that user pool.
pub(super) fn handle(apis: &RestApis, pool_id: &str, parts: &Parts) -> Reply {
    match act(apis, pool_id, parts) {
        Ok(answer) => Reply::json(StatusCode::OK, &answer),
        Err(error) => rest_error(&error),
    }
}

fn act(apis: &RestApis, pool_id: &str, parts: &Parts) -> Result<Value, ServiceError> {
    let path = parts.uri.path();
    let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    match (parts.method.as_str(), &segments[..]) {
        ("GET", ["restapis"]) => page(parts, &apis.iter().map(|(name, api)| shown(name, api)).collect::<Vec<_>>()),
        ("GET", ["restapis", id]) => find(apis, id).map(|(name, api)| shown(name, api)),
        ("GET", ["restapis", id, "authorizers"]) => {
            let (_, api) = find(apis, id)?;
            page(parts, &api.authorizers.iter().map(|it| authorizer(it, pool_id)).collect::<Vec<_>>())
        }
        (method, _) => {
            let message = format!("The lab's API Gateway has no operation {method} {path}.");
            Err(ServiceError { status: StatusCode::NOT_FOUND, code: "NotFoundException", message })
        }
    }
}

fn find<'a>(apis: &'a RestApis, id: &str) -> Result<(&'a String, &'a RestApi), ServiceError> {
    apis.iter().find(|(_, api)| api.id == id).ok_or_else(|| ServiceError {
        status: StatusCode::NOT_FOUND,
        code: "NotFoundException",
        message: format!("Invalid API identifier specified {}:{id}", topology::ACCOUNT),
    })
}

#[derive(Deserialize)]
struct Paging {
    limit: Option<usize>,
    position: Option<String>,
}

/// Positions are numbers of items that came before.
fn page(parts: &Parts, items: &[Value]) -> Result<Value, ServiceError> {
    let bad = |message: &str| ServiceError::bad("BadRequestException", message);
    let Query(paging) =
        Query::<Paging>::try_from_uri(&parts.uri).map_err(|error| bad(&format!("Invalid request: {error}")))?;
    let from = match &paging.position {
        None => 0,
        Some(position) => position.parse().map_err(|_| bad("Invalid position parameter"))?,
    };
    let most = paging.limit.unwrap_or(PAGE).clamp(1, LARGEST_PAGE);
    let mut answer = json!({ "item": items.iter().skip(from).take(most).collect::<Vec<_>>() });
    if from + most < items.len() {
        answer["position"] = (from + most).to_string().into();
    }
    Ok(answer)
}

fn shown(name: &str, api: &RestApi) -> Value {
    json!({
        "id": api.id,
        "name": name,
        "createdDate": CREATED,
        "apiKeySource": "HEADER",
        "endpointConfiguration": { "types": ["REGIONAL"] },
        "disableExecuteApiEndpoint": false,
    })
}

fn authorizer(authorizer: &AuthorizerFixture, pool_id: &str) -> Value {
    let cognito = authorizer.kind == "COGNITO_USER_POOLS";
    let mut shown = json!({
        "id": authorizer.id,
        "name": authorizer.name,
        "type": authorizer.kind,
        "authType": if cognito { "cognito_user_pools" } else { "custom" },
        "identitySource": "method.request.header.Authorization",
        "authorizerResultTtlInSeconds": authorizer.result_ttl_s,
    });
    if cognito {
        let arn = |region: &String| format!("arn:aws:cognito-idp:{region}:{}:userpool/{pool_id}", topology::ACCOUNT);
        shown["providerARNs"] = authorizer.pools_of.iter().map(arn).collect();
    }
    if let Some(uri) = &authorizer.authorizer_uri {
        shown["authorizerUri"] = uri.as_str().into();
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estate::api_gateway::healthy;

    fn ask(path: &str) -> Result<Value, ServiceError> {
        let mut apis = healthy().remove("us-west-2").unwrap();
        apis.insert("other".to_owned(), RestApi { id: "lab0other".to_owned(), authorizers: Vec::new() });
        let (parts, ()) = http::Request::get(path).body(()).unwrap().into_parts();
        act(&apis, "pool", &parts)
    }

    #[test]
    fn apis_come_page_by_page_with_their_authorizers() {
        let first = ask("/restapis?limit=1").unwrap();
        assert_eq!((&first["item"][0]["name"], &first["position"]), (&json!("accounts"), &json!("1")));
        let rest = ask("/restapis?limit=1&position=1").unwrap();
        assert_eq!((&rest["item"][0]["name"], &rest["position"]), (&json!("other"), &Value::Null));
        let authorizers = ask("/restapis/lab0accounts/authorizers").unwrap();
        assert_eq!(authorizers["item"][0]["type"], "TOKEN");
        assert_eq!(ask("/restapis/nothing/authorizers").unwrap_err().code, "NotFoundException");
        assert_eq!(ask("/restapis?position=x").unwrap_err().code, "BadRequestException");
    }
}
