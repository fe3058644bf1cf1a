//! The AWS service APIs of the control plane, one file for each service's wire protocol. Requests are told apart by the service in the scope
//! of their signature, as one endpoint serves them all.

mod acm;
mod api_gateway;
mod calls;
mod cloudtrail;
mod cloudwatch;
mod dynamodb;
pub(crate) mod ec2;
pub(crate) mod elb;
mod iam;
mod kms;
mod lambda;
mod query;
mod rds;
mod route53;
mod s3;
mod scheduler;
mod secrets;
mod service_quotas;
pub(crate) mod sigv4;
mod sts;
mod universal;
mod waf;
mod xml;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{Query, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use jiff::Timestamp;
use serde::Deserialize;
use tower_service::Service as _;

pub(crate) use self::calls::Calls;
use self::query::Params;
use self::sigv4::{Keys, Scope, SigV4Error};
pub(crate) use self::universal::fire;
use self::xml::Element;
use super::dns::Zone;
use super::estate::AccountFixture;
use super::health::HealthCheck;
use super::identity::quota::Quotas;
use super::ids;
use super::services::Services;
use super::services::web_acls::WebAcls;
use super::topology;
use super::truth::Truth;
use super::world::World;
use gameday_core::model::{Clock, Region, RegionRole, Seed};

/// No request of these APIs is larger.
const LARGEST_BODY_BYTES: usize = 1 << 20;
/// Route 53 and IAM are one service for all Regions, signed for this one (AWS general reference, "Service endpoints and quotas").
const GLOBAL_REGION: &str = "us-east-1";

/// What one Region's control plane needs.
pub(crate) struct Control {
    /// The Region.
    pub role: RegionRole,
    /// Whose requests it takes.
    pub keys: Keys,
    /// EC2's state.
    pub world: Arc<World>,
    /// Route 53's records.
    pub zone: Arc<Zone>,
    /// Route 53's health check.
    pub health: Arc<HealthCheck>,
    /// What really happened.
    pub truth: Arc<Truth>,
    /// Cognito's API with admin operations.
    pub cognito: Router,
    /// Cognito's request rates, for Service Quotas.
    pub(super) quotas: Arc<Quotas>,
    /// WAF.
    pub web_acls: Arc<WebAcls>,
    /// The resources that only checks read.
    pub estate: Arc<AccountFixture>,
    /// Lambda, CloudWatch and Scheduler.
    pub services: Arc<Services>,
    /// What was asked.
    pub calls: Calls,
    /// Scenario time.
    pub clock: Clock,
    /// How late schedules fire follows from it.
    pub seed: Seed,
}

/// An error that a service answers with.
#[derive(Debug, Clone)]
pub(crate) struct ServiceError {
    /// The HTTP status.
    pub status: StatusCode,
    /// The service's code.
    pub code: &'static str,
    /// In words.
    pub message: String,
}

impl ServiceError {
    /// With status 400, as most are.
    pub(crate) fn bad(code: &'static str, message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code, message: message.into() }
    }
}

/// A service's answer.
#[derive(Debug)]
pub(crate) struct Reply {
    status: StatusCode,
    content_type: &'static str,
    body: String,
    /// `x-amzn-errortype`, where the protocol has it.
    error_type: Option<&'static str>,
}

impl Reply {
    fn json(status: StatusCode, document: &serde_json::Value) -> Self {
        let body = if document.is_null() { String::new() } else { document.to_string() };
        Self { status, content_type: "application/json", body, error_type: None }
    }

    fn xml(status: StatusCode, document: &Element) -> Self {
        Self { status, content_type: "text/xml;charset=UTF-8", body: document.document(), error_type: None }
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let mut response = (self.status, [(header::CONTENT_TYPE, self.content_type)], self.body).into_response();
        if let Some(code) = self.error_type {
            response.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static(code));
        }
        response
    }
}

/// The services of the control plane.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Service {
    Ec2,
    Elb,
    Route53,
    Sts,
    Cognito,
    Scheduler,
    Lambda,
    CloudWatch,
    Quotas,
    DynamoDb,
    Secrets,
    Rds,
    Iam,
    Kms,
    Acm,
    ApiGateway,
    CloudTrail,
    S3,
    Waf,
}

impl Service {
    fn of(name: &str) -> Option<Self> {
        match name {
            "ec2" => Some(Self::Ec2),
            "elasticloadbalancing" => Some(Self::Elb),
            "route53" => Some(Self::Route53),
            "sts" => Some(Self::Sts),
            "cognito-idp" => Some(Self::Cognito),
            "scheduler" => Some(Self::Scheduler),
            "lambda" => Some(Self::Lambda),
            "monitoring" => Some(Self::CloudWatch),
            "servicequotas" => Some(Self::Quotas),
            "dynamodb" => Some(Self::DynamoDb),
            "secretsmanager" => Some(Self::Secrets),
            "rds" => Some(Self::Rds),
            "iam" => Some(Self::Iam),
            "kms" => Some(Self::Kms),
            "acm" => Some(Self::Acm),
            "apigateway" => Some(Self::ApiGateway),
            "cloudtrail" => Some(Self::CloudTrail),
            "s3" => Some(Self::S3),
            "wafv2" => Some(Self::Waf),
            _ => None,
        }
    }

    /// For requests whose signature says nothing: what their shape tells.
    fn guess(parts: &Parts) -> Self {
        let path = parts.uri.path();
        if service_quotas::operation(parts).is_some() {
            Self::Quotas
        } else if dynamodb::operation(parts).is_some() {
            Self::DynamoDb
        } else if secrets::operation(parts).is_some() {
            Self::Secrets
        } else if kms::operation(parts).is_some() {
            Self::Kms
        } else if acm::operation(parts).is_some() {
            Self::Acm
        } else if path.starts_with(api_gateway::PATH) {
            Self::ApiGateway
        } else if cloudtrail::operation(parts).is_some() {
            Self::CloudTrail
        } else if waf::operation(parts).is_some() {
            Self::Waf
        } else if s3::asks_for_object_lock(parts) {
            Self::S3
        } else if parts.headers.contains_key("x-amz-target") {
            Self::Cognito
        } else if path.starts_with(route53::VERSION_PATH) {
            Self::Route53
        } else if path.starts_with("/schedule") {
            Self::Scheduler
        } else if path.contains("/functions") {
            Self::Lambda
        } else if path.starts_with(cloudwatch::RPC_PATH) {
            Self::CloudWatch
        } else {
            Self::Ec2
        }
    }
}

/// The control plane of one Region.
pub(crate) fn router(control: Arc<Control>) -> Router {
    Router::new()
        .route("/truth", get(truth))
        .route("/calls", get(asked))
        .route("/firings", get(firings))
        .fallback(dispatch)
        .with_state(control)
}

#[derive(Deserialize)]
struct TruthQuery {
    zero_at: Option<Timestamp>,
}

async fn truth(State(control): State<Arc<Control>>, Query(query): Query<TruthQuery>) -> Response {
    axum::Json(control.truth.report(query.zero_at)).into_response()
}

async fn asked(State(control): State<Arc<Control>>) -> Response {
    axum::Json(control.calls.all()).into_response()
}

/// What this Region's schedules called, which AWS would tell in CloudTrail.
async fn firings(State(control): State<Arc<Control>>) -> Response {
    axum::Json(control.services.firings()).into_response()
}

async fn dispatch(State(control): State<Arc<Control>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, LARGEST_BODY_BYTES).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    // Sign-in is not signed; Cognito's side tells which operations must be.
    if !parts.headers.contains_key(header::AUTHORIZATION) && Service::guess(&parts) == Service::Cognito {
        return cognito(&control, parts, body).await;
    }
    let scope = match sigv4::verify(&parts, &body, &control.keys) {
        Ok(scope) => scope,
        Err(error) => {
            let claimed = sigv4::claimed(&parts).and_then(|scope| Service::of(&scope.service));
            return refuse(claimed.unwrap_or_else(|| Service::guess(&parts)), &parts, &error);
        }
    };
    let Some(service) = Service::of(&scope.service) else {
        let error = ServiceError::bad("InvalidAction", format!("The lab has no service {}.", scope.service));
        return error_reply(Service::guess(&parts), &parts, &error);
    };
    if let Err(error) = check_region(service, &scope, control.role) {
        return error_reply(service, &parts, &error);
    }
    calls::note(&control, service, &parts, &body);
    answer(&control, service, parts, body).await
}

/// Answers a request whose signature is right, or that a service of the lab makes itself.
async fn answer(control: &Control, service: Service, parts: Parts, body: Bytes) -> Response {
    let region = topology::region(control.role);
    match service {
        Service::Cognito => cognito(control, parts, body).await,
        Service::Route53 => route53::handle(control, &parts, &body).into_response(),
        Service::Scheduler => scheduler::handle(control, &parts, &body).into_response(),
        Service::Lambda => lambda::handle(&control.services, &parts, &body),
        Service::CloudWatch => cloudwatch::handle(&control.services, control.role, control.clock, &parts, &body),
        Service::Kms => {
            kms::RegionKeys { keys: &control.estate.kms, role: control.role }.handle(&parts, &body).into_response()
        }
        Service::Quotas => service_quotas::handle(&control.quotas, control.role, &parts, &body).into_response(),
        Service::Acm => {
            let known = control.estate.acm.get(region).cloned().unwrap_or_default();
            acm::handle(&known, control.clock.wall_now(), &parts, &body).into_response()
        }
        Service::ApiGateway => {
            let known = control.estate.api_gateway.get(region).cloned().unwrap_or_default();
            let primary = Region::from(topology::region(RegionRole::Primary));
            api_gateway::handle(&known, &ids::pool_id(&primary, control.seed), &parts).into_response()
        }
        Service::DynamoDb => dynamodb::handle(&control.estate, control.role, &parts, &body).into_response(),
        Service::Secrets => secrets::handle(&control.estate, control.role, &parts, &body).into_response(),
        Service::CloudTrail => {
            cloudtrail::handle(&control.estate.governance, control.role, &parts, &body).into_response()
        }
        Service::S3 => s3::handle(&control.estate.governance, control.role, &parts).into_response(),
        Service::Waf => waf::handle(&control.web_acls, control.clock.now(), &parts, &body).into_response(),
        Service::Ec2 | Service::Elb | Service::Sts | Service::Rds | Service::Iam => {
            match Params::parse(parts.uri.query().unwrap_or_default(), &body) {
                Some(params) => answer_query(control, service, &params),
                None => error_reply(
                    service,
                    &parts,
                    &ServiceError::bad("MalformedQueryString", "The request is not a form of less than 64 KiB."),
                ),
            }
        }
    }
}

/// The same for what the query protocol says; services of other protocols have no parameters.
fn answer_query(control: &Control, service: Service, params: &Params) -> Response {
    match service {
        Service::Ec2 => {
            let required = &control.estate.governance.required_tags;
            ec2::handle(&control.world, control.role, params, required).into_response()
        }
        Service::Elb => elb::handle(&control.world, control.role, params).into_response(),
        Service::Sts => sts::handle(params).into_response(),
        Service::Rds => rds::handle(&control.estate, control.role, params).into_response(),
        Service::Iam => iam::handle(&control.estate.iam, params).into_response(),
        Service::CloudWatch => cloudwatch::handle_query(&control.services, control.role, control.clock, params),
        _ => StatusCode::BAD_REQUEST.into_response(),
    }
}

async fn cognito(control: &Control, parts: Parts, body: Bytes) -> Response {
    // A router is always ready.
    match control.cognito.clone().call(Request::from_parts(parts, Body::from(body))).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

fn check_region(service: Service, scope: &Scope, role: RegionRole) -> Result<(), ServiceError> {
    let global = matches!(service, Service::Route53 | Service::Iam);
    let region = if global { GLOBAL_REGION } else { topology::region(role) };
    if scope.region == region {
        return Ok(());
    }
    let message = format!("Credential should be scoped to a valid Region, not '{}'.", scope.region);
    Err(signature_error(service, "SignatureDoesNotMatch", message))
}

fn refuse(service: Service, parts: &Parts, error: &SigV4Error) -> Response {
    let code = match error {
        SigV4Error::Missing => "MissingAuthenticationToken",
        SigV4Error::Incomplete(_) => "IncompleteSignature",
        SigV4Error::UnknownKey => "InvalidClientTokenId",
        SigV4Error::Mismatch => "SignatureDoesNotMatch",
    };
    error_reply(service, parts, &signature_error(service, code, error.to_string()))
}

/// A failed authentication in a service's own words.
fn signature_error(service: Service, code: &'static str, message: String) -> ServiceError {
    match (service, code) {
        // EC2 API reference, "Common client error codes": one code for both.
        (Service::Ec2, "InvalidClientTokenId" | "SignatureDoesNotMatch") => {
            let message = format!("AWS was not able to validate the provided access credentials: {message}");
            ServiceError { status: StatusCode::UNAUTHORIZED, code: "AuthFailure", message }
        }
        // JSON services have names of their own for the common errors; those of REST come with 403.
        (Service::Scheduler | Service::Lambda | Service::ApiGateway, code) => {
            let code = match code {
                "InvalidClientTokenId" => "UnrecognizedClientException",
                "SignatureDoesNotMatch" => "InvalidSignatureException",
                "IncompleteSignature" => "IncompleteSignatureException",
                _ => "MissingAuthenticationTokenException",
            };
            ServiceError { status: StatusCode::FORBIDDEN, code, message }
        }
        (
            Service::Cognito
            | Service::Quotas
            | Service::Kms
            | Service::Acm
            | Service::DynamoDb
            | Service::Secrets
            | Service::CloudTrail
            | Service::Waf,
            code,
        ) => match code {
            "InvalidClientTokenId" => ServiceError::bad("UnrecognizedClientException", message),
            "SignatureDoesNotMatch" => ServiceError::bad("InvalidSignatureException", message),
            "IncompleteSignature" => ServiceError::bad("IncompleteSignatureException", message),
            _ => ServiceError::bad("MissingAuthenticationTokenException", message),
        },
        (_, "IncompleteSignature") => ServiceError::bad(code, message),
        _ => ServiceError { status: StatusCode::FORBIDDEN, code, message },
    }
}

fn error_reply(service: Service, parts: &Parts, error: &ServiceError) -> Response {
    match service {
        Service::Ec2 => ec2::refusal(error, &request_id()).into_response(),
        Service::Route53 => query_error(error, route53::NAMESPACE).into_response(),
        Service::Elb => query_error(error, elb::NAMESPACE).into_response(),
        Service::Sts => query_error(error, sts::NAMESPACE).into_response(),
        Service::Rds => query_error(error, rds::NAMESPACE).into_response(),
        Service::Iam => query_error(error, iam::NAMESPACE).into_response(),
        Service::DynamoDb => dynamodb::error_reply(error).into_response(),
        Service::Scheduler | Service::Lambda | Service::ApiGateway => rest_error(error).into_response(),
        Service::CloudWatch => cloudwatch::refusal(parts, error),
        Service::S3 => s3::refusal(error).into_response(),
        Service::Cognito
        | Service::Quotas
        | Service::Kms
        | Service::Acm
        | Service::Secrets
        | Service::CloudTrail
        | Service::Waf => json_error(error).into_response(),
    }
}

/// The operation that a request of a service of AWS JSON asks for; nothing where its headers do not say.
fn json_operation<'a>(parts: &'a Parts, target: &str) -> Option<&'a str> {
    parts.headers.get("x-amz-target")?.to_str().ok()?.strip_prefix(target)
}

/// What a request of a service of AWS JSON says.
fn json_input(body: &[u8]) -> Result<serde_json::Value, ServiceError> {
    serde_json::from_slice(body)
        .map_err(|error| ServiceError::bad("SerializationException", format!("The request is not JSON: {error}")))
}

/// An answer as the services of AWS JSON 1.1 write it.
fn json_reply(answer: Result<serde_json::Value, ServiceError>) -> Reply {
    match answer {
        Ok(answer) => Reply { content_type: "application/x-amz-json-1.1", ..Reply::json(StatusCode::OK, &answer) },
        Err(error) => json_error(&error),
    }
}

/// An error as the services of AWS JSON 1.1 write it.
fn json_error(error: &ServiceError) -> Reply {
    let body = serde_json::json!({ "__type": error.code, "message": error.message }).to_string();
    Reply { status: error.status, content_type: "application/x-amz-json-1.1", body, error_type: None }
}

/// An error as the REST-JSON services write it: the code in a header.
fn rest_error(error: &ServiceError) -> Reply {
    let body = serde_json::json!({ "__type": error.code, "Message": error.message });
    Reply { error_type: Some(error.code), ..Reply::json(error.status, &body) }
}

/// An error as the query and REST-XML services other than EC2 write it.
fn query_error(error: &ServiceError, namespace: &'static str) -> Reply {
    let what = xml::node(
        "Error",
        vec![xml::text("Type", "Sender"), xml::text("Code", error.code), xml::text("Message", &error.message)],
    );
    let document = xml::node("ErrorResponse", vec![what, xml::text("RequestId", request_id())]).in_namespace(namespace);
    Reply::xml(error.status, &document)
}

/// Nothing follows from request IDs, so they need no seed.
fn request_id() -> String {
    uuid::Uuid::new_v4().to_string()
}
