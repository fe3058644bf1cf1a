//! Amazon Cognito user pools: AWS JSON 1.1 over `POST /`, the operation in `X-Amz-Target`.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::Value;
use uuid::Uuid;

use super::{Identity, Refusal};
use gameday_core::model::RegionRole;

/// What the operation's name begins with on the wire.
pub(crate) const TARGET: &str = "AWSCognitoIdentityProviderService.";
const CONTENT_TYPE: &str = "application/x-amz-json-1.1";
const SERVICE: &str = "cognito-idp";

/// The largest request that is read; Cognito's own are far smaller.
const LARGEST_REQUEST_BYTES: usize = 128 * 1024;

/// Goes with a request that a service of the lab makes itself, and that needs no signature: no client can send it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Vouched;

/// One operation.
#[derive(Clone, Copy)]
struct Operation {
    /// Needs AWS credentials.
    signed: bool,
    /// Does arithmetic that must not hold up a thread that waits for sockets.
    heavy: bool,
    run: fn(&Identity, RegionRole, &Value) -> Result<Value, Refusal>,
}

fn operation(name: &str) -> Option<Operation> {
    let (signed, heavy, run): (_, _, fn(&Identity, RegionRole, &Value) -> _) = match name {
        "InitiateAuth" => (false, true, Identity::initiate_auth),
        "RespondToAuthChallenge" => (false, true, Identity::respond_to_auth_challenge),
        "AdminInitiateAuth" => (true, true, Identity::admin_initiate_auth),
        "AdminRespondToAuthChallenge" => (true, true, Identity::admin_respond_to_auth_challenge),
        "GetTokensFromRefreshToken" => (false, true, Identity::get_tokens_from_refresh_token),
        "GetUser" => (false, false, Identity::get_user),
        "UpdateUserAttributes" => (false, false, Identity::update_user_attributes),
        "GlobalSignOut" => (false, false, Identity::global_sign_out),
        "AdminUserGlobalSignOut" => (true, false, Identity::admin_user_global_sign_out),
        "RevokeToken" => (false, false, Identity::revoke_token),

        "SignUp" => (false, true, Identity::sign_up),
        "ConfirmSignUp" => (false, false, Identity::confirm_sign_up),
        "ResendConfirmationCode" => (false, false, Identity::resend_confirmation_code),
        "AdminConfirmSignUp" => (true, false, Identity::admin_confirm_sign_up),
        "ChangePassword" => (false, true, Identity::change_password),
        "ForgotPassword" => (false, false, Identity::forgot_password),
        "ConfirmForgotPassword" => (false, true, Identity::confirm_forgot_password),
        "AdminResetUserPassword" => (true, false, Identity::admin_reset_user_password),
        "AdminSetUserPassword" => (true, true, Identity::admin_set_user_password),

        "AssociateSoftwareToken" => (false, false, Identity::associate_software_token),
        "VerifySoftwareToken" => (false, false, Identity::verify_software_token),
        "SetUserMFAPreference" => (false, false, Identity::set_user_mfa_preference),
        "AdminSetUserMFAPreference" => (true, false, Identity::admin_set_user_mfa_preference),
        "GetUserPoolMfaConfig" => (true, false, Identity::get_user_pool_mfa_config),
        "SetUserPoolMfaConfig" => (true, false, Identity::set_user_pool_mfa_config),

        "AdminCreateUser" => (true, true, Identity::admin_create_user),
        "AdminGetUser" => (true, false, Identity::admin_get_user),
        "AdminUpdateUserAttributes" => (true, false, Identity::admin_update_user_attributes),
        "AdminDisableUser" => (true, false, Identity::admin_disable_user),
        "AdminEnableUser" => (true, false, Identity::admin_enable_user),
        "AdminDeleteUser" => (true, false, Identity::admin_delete_user),
        "ListUsers" => (true, false, Identity::list_users),
        "CreateGroup" => (true, false, Identity::create_group),
        "GetGroup" => (true, false, Identity::get_group),
        "ListGroups" => (true, false, Identity::list_groups),
        "DeleteGroup" => (true, false, Identity::delete_group),
        "ListUsersInGroup" => (true, false, Identity::list_users_in_group),
        "AdminListGroupsForUser" => (true, false, Identity::admin_list_groups_for_user),
        "AdminAddUserToGroup" => (true, false, Identity::admin_add_user_to_group),
        "AdminRemoveUserFromGroup" => (true, false, Identity::admin_remove_user_from_group),

        "DescribeUserPool" => (true, false, Identity::describe_user_pool),
        "DescribeUserPoolClient" => (true, false, Identity::describe_user_pool_client),
        "ListUserPoolClients" => (true, false, Identity::list_user_pool_clients),
        "TagResource" => (true, false, Identity::tag_resource),
        "UntagResource" => (true, false, Identity::untag_resource),
        "ListTagsForResource" => (true, false, Identity::list_tags_for_resource),
        "GetProvisionedLimit" => (true, false, Identity::get_provisioned_limit),
        "UpdateProvisionedLimit" => (true, false, Identity::update_provisioned_limit),
        "DescribeUserPoolDomain" => (true, false, Identity::describe_user_pool_domain),
        "ListUserPoolReplicas" => (true, false, Identity::list_user_pool_replicas),
        _ => return None,
    };
    Some(Operation { signed, heavy, run })
}

#[derive(Clone)]
struct Endpoint {
    identity: Arc<Identity>,
    role: RegionRole,
}

/// The Cognito API of one Region.
pub(crate) fn router(identity: &Arc<Identity>, role: RegionRole) -> Router {
    let endpoint = Endpoint { identity: Arc::clone(identity), role };
    Router::new().route("/", post(answer)).layer(DefaultBodyLimit::max(LARGEST_REQUEST_BYTES)).with_state(endpoint)
}

async fn answer(State(endpoint): State<Endpoint>, parts: Parts, body: Bytes) -> Response {
    let mut response = match serve(endpoint, &parts, &body).await {
        Ok(output) => (StatusCode::OK, output.to_string()).into_response(),
        Err(refusal) => refused(&refusal),
    };
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
    if let Ok(id) = HeaderValue::from_str(&Uuid::new_v4().to_string()) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}

async fn serve(endpoint: Endpoint, parts: &Parts, body: &[u8]) -> Result<Value, Refusal> {
    let target = parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let unknown = || Refusal::new("UnknownOperationException", "The lab does not know this operation.");
    let name = target.strip_prefix(TARGET).unwrap_or_default();
    let operation = operation(name).ok_or_else(unknown)?;
    if operation.signed && parts.extensions.get::<Vouched>().is_none() {
        check_signature(&endpoint, parts, body)?;
    }
    // WAF inspects the operations that anyone may call, and none that AWS credentials authorize (Cognito developer guide, "Associate an AWS WAF web
    // ACL with a user pool").
    if !operation.signed && endpoint.identity.is_refused(endpoint.role, parts) {
        return Err(Refusal::new("ForbiddenException", "Request not allowed due to WAF block."));
    }
    let input: Value =
        serde_json::from_slice(body).map_err(|_| Refusal::new("SerializationException", "The request is not JSON."))?;
    let Endpoint { identity, role } = endpoint;
    identity.quotas(role).charge_operation(name, &input)?;
    if operation.heavy {
        identity.compute(move |identity| (operation.run)(identity, role, &input)).await
    } else {
        (operation.run)(&identity, role, &input)
    }
}

fn check_signature(endpoint: &Endpoint, parts: &Parts, body: &[u8]) -> Result<(), Refusal> {
    let invalid = |message: String| Refusal::new("InvalidSignatureException", message);
    if !parts.headers.contains_key(header::AUTHORIZATION) {
        return Err(Refusal::new("MissingAuthenticationTokenException", "Missing Authentication Token"));
    }
    let scope = endpoint.identity.keys().verify(parts, body).map_err(invalid)?;
    if scope.service != SERVICE {
        return Err(invalid(format!("Credential should be scoped to correct service: '{SERVICE}'.")));
    }
    let region = endpoint.identity.place(endpoint.role).region();
    if scope.region != region.as_str() {
        return Err(invalid(format!("Credential should be scoped to a valid Region, here '{region}'.")));
    }
    Ok(())
}

fn refused(refusal: &Refusal) -> Response {
    let body = serde_json::json!({ "__type": refusal.code, "message": refusal.message }).to_string();
    let status = match refusal.code {
        "InternalErrorException" => StatusCode::INTERNAL_SERVER_ERROR,
        "ForbiddenException" => StatusCode::FORBIDDEN,
        _ => StatusCode::BAD_REQUEST,
    };
    let mut response = (status, body).into_response();
    response.headers_mut().insert("x-amzn-errortype", HeaderValue::from_static(refusal.code));
    response
}
