//! DynamoDB: AWS JSON 1.0 over `POST /`, the operation in `X-Amz-Target` (DynamoDB API reference). It reads tables; nothing writes.

use std::collections::BTreeMap;

use http::StatusCode;
use http::request::Parts;
use serde_json::{Map, Value, json};

use super::{Reply, ServiceError, json_input, json_operation};
use crate::estate::dynamodb::Table;
use crate::estate::{AccountFixture, arn};
use crate::topology;
use gameday_core::model::RegionRole;

/// What the operation's name begins with on the wire.
pub(super) const TARGET: &str = "DynamoDB_20120810.";
const CONTENT_TYPE: &str = "application/x-amz-json-1.0";

/// What a request asks for; nothing where its headers do not say.
pub(super) fn operation(parts: &Parts) -> Option<&str> {
    json_operation(parts, TARGET)
}

/// Answers one request.
pub(super) fn handle(estate: &AccountFixture, role: RegionRole, parts: &Parts, body: &[u8]) -> Reply {
    match act(estate, role, operation(parts).unwrap_or_default(), body) {
        Ok(answer) => Reply { content_type: CONTENT_TYPE, ..Reply::json(StatusCode::OK, &answer) },
        Err(error) => error_reply(&error),
    }
}

/// An error as DynamoDB writes it.
pub(super) fn error_reply(error: &ServiceError) -> Reply {
    // DynamoDB developer guide, "Error handling with DynamoDB".
    let kind = format!("com.amazonaws.dynamodb.v20120810#{}", error.code);
    let body = json!({ "__type": kind, "message": error.message });
    Reply { content_type: CONTENT_TYPE, ..Reply::json(error.status, &body) }
}

fn act(estate: &AccountFixture, role: RegionRole, operation: &str, body: &[u8]) -> Result<Value, ServiceError> {
    let input = json_input(body)?;
    match operation {
        "DescribeTable" => describe(estate, role, &input),
        "GetItem" => get_item(estate, role, &input),
        _ => Err(ServiceError::bad("UnknownOperationException", format!("The lab's DynamoDB has no {operation}."))),
    }
}

/// The table that a request names, by name or by ARN.
fn table<'a>(
    estate: &'a AccountFixture,
    role: RegionRole,
    input: &Value,
) -> Result<(&'a str, &'a Table), ServiceError> {
    let region = topology::region(role);
    let given = input["TableName"].as_str().unwrap_or_default();
    let tables = estate.dynamodb.get(region).into_iter().flat_map(BTreeMap::iter);
    let mut named = tables.filter(|(name, _)| given == *name || given == arn_of(region, name));
    named.next().map(|(name, table)| (name.as_str(), table)).ok_or_else(|| {
        ServiceError::bad(
            "ResourceNotFoundException",
            format!("Requested resource not found: Table: {given} not found"),
        )
    })
}

fn arn_of(region: &str, table: &str) -> String {
    arn("dynamodb", region, &format!("table/{table}"))
}

fn describe(estate: &AccountFixture, role: RegionRole, input: &Value) -> Result<Value, ServiceError> {
    let (name, table) = table(estate, role, input)?;
    let region = topology::region(role);
    // The table itself is not among its replicas (DynamoDB developer guide, "Tutorials: Creating global tables").
    let replicas = estate.dynamodb.iter().filter(|(other, _)| *other != region).filter_map(|(other, tables)| {
        let status = &tables.get(name)?.status;
        Some(json!({ "RegionName": other, "ReplicaStatus": status, "ReplicaArn": arn_of(other, name) }))
    });
    let replicas: Vec<_> = replicas.collect();
    let mut description = json!({
        "TableName": name,
        "TableArn": arn_of(region, name),
        "TableId": "00000000-0000-4000-8000-00000000dd0b",
        "TableStatus": table.status,
        "AttributeDefinitions": [{ "AttributeName": table.key, "AttributeType": "S" }],
        "KeySchema": [{ "AttributeName": table.key, "KeyType": "HASH" }],
        "BillingModeSummary": { "BillingMode": "PAY_PER_REQUEST" },
        "ItemCount": table.items.len(),
        "TableSizeBytes": 0,
        "DeletionProtectionEnabled": true,
    });
    if !replicas.is_empty() {
        description["Replicas"] = replicas.into();
        description["GlobalTableVersion"] = "2019.11.21".into();
    }
    Ok(json!({ "Table": description }))
}

fn get_item(estate: &AccountFixture, role: RegionRole, input: &Value) -> Result<Value, ServiceError> {
    let (_, table) = table(estate, role, input)?;
    let key = input["Key"].as_object().filter(|key| key.len() == 1).and_then(|key| key.get(&table.key)?["S"].as_str());
    let key = key.ok_or_else(|| {
        ServiceError::bad("ValidationException", "The provided key element does not match the schema")
    })?;
    let text = |value: &str| json!({ "S": value });
    Ok(table.items.get(key).map_or_else(
        || json!({}),
        |item| {
            let own = [(table.key.clone(), text(key))];
            let item = item.iter().map(|(name, value)| (name.clone(), text(value)));
            json!({ "Item": own.into_iter().chain(item).collect::<Map<_, _>>() })
        },
    ))
}
