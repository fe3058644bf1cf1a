//! S3's REST-XML, with the bucket in the path (S3 API reference, version 2006-03-01). It tells of a bucket's Object Lock, and nothing else.

use http::StatusCode;
use http::request::Parts;

use super::xml::{Element, node, text};
use super::{Reply, ServiceError, request_id};
use crate::estate::governance::{BucketFixture, Governance, ObjectLock};
use crate::topology;
use gameday_core::model::RegionRole;

const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// The bucket that a request is about.
pub(super) fn bucket(parts: &Parts) -> &str {
    parts.uri.path().trim_start_matches('/').split('/').next().unwrap_or_default()
}

/// Whether a request asks for a bucket's Object Lock; subresources are parameters without a value.
pub(super) fn asks_for_object_lock(parts: &Parts) -> bool {
    let mut names = parts.uri.query().unwrap_or_default().split('&').filter_map(|pair| pair.split('=').next());
    parts.method == http::Method::GET && names.any(|name| name == "object-lock")
}

/// Answers one request.
pub(super) fn handle(governance: &Governance, role: RegionRole, parts: &Parts) -> Reply {
    match act(governance, role, parts) {
        Ok(document) => Reply { content_type: "application/xml", ..Reply::xml(StatusCode::OK, &document) },
        Err(error) => refusal(&error),
    }
}

/// An error as S3 writes it.
pub(super) fn refusal(error: &ServiceError) -> Reply {
    let members = vec![
        text("Code", error.code),
        text("Message", &error.message),
        text("RequestId", request_id()),
        text("HostId", "lab"),
    ];
    Reply { content_type: "application/xml", ..Reply::xml(error.status, &node("Error", members)) }
}

fn act(governance: &Governance, role: RegionRole, parts: &Parts) -> Result<Element, ServiceError> {
    let name = bucket(parts);
    let missing =
        |code, message: &str| ServiceError { status: StatusCode::NOT_FOUND, code, message: message.to_owned() };
    let bucket: &BucketFixture =
        governance.buckets.get(name).ok_or_else(|| missing("NoSuchBucket", "The specified bucket does not exist"))?;
    if !asks_for_object_lock(parts) {
        let message = "The lab's S3 tells of a bucket's Object Lock alone.".to_owned();
        return Err(ServiceError { status: StatusCode::NOT_IMPLEMENTED, code: "NotImplemented", message });
    }
    if bucket.region != topology::region(role) {
        let message = format!(
            "The bucket you are attempting to access must be addressed using the specified endpoint of {}.",
            bucket.region
        );
        return Err(ServiceError { status: StatusCode::MOVED_PERMANENTLY, code: "PermanentRedirect", message });
    }
    let lock = bucket.object_lock.as_ref();
    lock.map(shown).ok_or_else(|| {
        missing("ObjectLockConfigurationNotFoundError", "Object Lock configuration does not exist for this bucket")
    })
}

fn shown(lock: &ObjectLock) -> Element {
    let retention = lock.default_retention.as_ref().map(|retention| {
        let default = node("DefaultRetention", vec![text("Mode", &retention.mode), text("Days", retention.days)]);
        node("Rule", vec![default])
    });
    let members = [text("ObjectLockEnabled", "Enabled")].into_iter().chain(retention).collect();
    node("ObjectLockConfiguration", members).in_namespace(NAMESPACE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estate::governance::healthy;

    #[test]
    fn a_bucket_is_asked_in_its_own_region() {
        let mut governance = healthy();
        let name = governance.buckets.keys().next().unwrap().clone();
        let ask = |governance: &Governance, role, uri: &str| {
            let parts = http::Request::get(uri).body(()).unwrap().into_parts().0;
            handle(governance, role, &parts)
        };
        let lock = format!("/{name}?object-lock");
        let answer = ask(&governance, RegionRole::Primary, &lock);
        assert!(answer.body.contains("<Mode>COMPLIANCE</Mode><Days>2557</Days>"), "{}", answer.body);
        for (role, uri, code) in [
            (RegionRole::Replica, lock.as_str(), "PermanentRedirect"),
            (RegionRole::Primary, "/another?object-lock=", "NoSuchBucket"),
            (RegionRole::Primary, &format!("/{name}?versioning"), "NotImplemented"),
        ] {
            let answer = ask(&governance, role, uri);
            assert!(answer.body.contains(&format!("<Error><Code>{code}</Code>")), "{}", answer.body);
        }
        governance.buckets.get_mut(&name).unwrap().object_lock = None;
        assert_eq!(ask(&governance, RegionRole::Primary, &lock).status, StatusCode::NOT_FOUND);
    }
}
