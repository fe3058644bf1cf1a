//! Secrets Manager: AWS JSON 1.1 over `POST /`, the operation in `X-Amz-Target` (Secrets Manager API reference). It only reads.

use std::collections::BTreeMap;

use http::request::Parts;
use serde_json::{Value, json};

use super::{Reply, ServiceError, json_input, json_operation, json_reply};
use crate::estate::AccountFixture;
use crate::estate::secrets::{LabSecret, arn_of};
use crate::topology;
use gameday_core::model::RegionRole;

/// What the operation's name begins with on the wire.
pub(super) const TARGET: &str = "secretsmanager.";
/// Every secret has this one version.
const VERSION: &str = "00000000-0000-4000-8000-000000005ec7";
/// Secrets are older than the lab: 2025 in seconds after 1970.
const CREATED: f64 = 1_735_689_600.0;

/// What a request asks for; nothing where its headers do not say.
pub(super) fn operation(parts: &Parts) -> Option<&str> {
    json_operation(parts, TARGET)
}

/// Answers one request.
pub(super) fn handle(estate: &AccountFixture, role: RegionRole, parts: &Parts, body: &[u8]) -> Reply {
    json_reply(act(estate, role, operation(parts).unwrap_or_default(), body))
}

fn act(estate: &AccountFixture, role: RegionRole, operation: &str, body: &[u8]) -> Result<Value, ServiceError> {
    let input = json_input(body)?;
    match operation {
        "DescribeSecret" => describe(estate, role, &input),
        "GetSecretValue" => value(estate, role, &input),
        _ => Err(ServiceError::bad(
            "UnknownOperationException",
            format!("The lab's Secrets Manager has no operation {operation}."),
        )),
    }
}

/// The secret that a request names, by name or by ARN.
fn find<'a>(
    estate: &'a AccountFixture,
    role: RegionRole,
    input: &Value,
) -> Result<(&'a str, &'a LabSecret), ServiceError> {
    let region = topology::region(role);
    let given = input["SecretId"].as_str().unwrap_or_default();
    let secrets = estate.secrets.get(region).into_iter().flat_map(BTreeMap::iter);
    let mut named = secrets.filter(|(name, _)| given == *name || given == arn_of(region, name));
    named.next().map(|(name, secret)| (name.as_str(), secret)).ok_or_else(|| {
        ServiceError::bad("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
    })
}

fn describe(estate: &AccountFixture, role: RegionRole, input: &Value) -> Result<Value, ServiceError> {
    let (name, secret) = find(estate, role, input)?;
    let region = topology::region(role);
    let original = secret.replica_of.as_deref().unwrap_or(region);
    let replicas = estate.secrets.iter().filter_map(|(other, secrets)| {
        let replica = secrets.get(name).filter(|replica| replica.replica_of.as_deref() == Some(original))?;
        Some(json!({ "Region": other, "KmsKeyId": "alias/aws/secretsmanager", "Status": replica.status }))
    });
    let replicas: Vec<_> = replicas.collect();
    let mut answer = json!({
        "ARN": arn_of(region, name),
        "Name": name,
        "RotationEnabled": false,
        "CreatedDate": CREATED,
        "LastChangedDate": CREATED,
        "VersionIdsToStages": { VERSION: ["AWSCURRENT"] },
    });
    if !replicas.is_empty() {
        answer["PrimaryRegion"] = original.into();
        answer["ReplicationStatus"] = replicas.into();
    }
    Ok(answer)
}

fn value(estate: &AccountFixture, role: RegionRole, input: &Value) -> Result<Value, ServiceError> {
    let (name, secret) = find(estate, role, input)?;
    Ok(json!({
        "ARN": arn_of(topology::region(role), name),
        "Name": name,
        "VersionId": VERSION,
        "VersionStages": ["AWSCURRENT"],
        "SecretString": secret.value(name),
        "CreatedDate": CREATED,
    }))
}
