//! STS's query protocol (STS API reference, version 2011-06-15).

use super::query::Params;
use super::xml::{node, text};
use super::{Reply, ServiceError, query_error, request_id};
use crate::topology::ACCOUNT;

pub(super) const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";
/// The lab's only principal.
const USER: &str = "gameday-lab";
const USER_ID: &str = "AIDAGAMEDAYLAB000000";

/// Answers one request.
pub(super) fn handle(params: &Params) -> Reply {
    match params.get("Action") {
        Some("GetCallerIdentity") => {
            let arn = format!("arn:aws:iam::{ACCOUNT}:user/{USER}");
            let result = node(
                "GetCallerIdentityResult",
                vec![text("Arn", arn), text("UserId", USER_ID), text("Account", ACCOUNT)],
            );
            let metadata = node("ResponseMetadata", vec![text("RequestId", request_id())]);
            Reply::xml(
                http::StatusCode::OK,
                &node("GetCallerIdentityResponse", vec![result, metadata]).in_namespace(NAMESPACE),
            )
        }
        action => {
            let message = format!("Could not find operation {} for version 2011-06-15", action.unwrap_or_default());
            query_error(&ServiceError::bad("InvalidAction", message), NAMESPACE)
        }
    }
}
