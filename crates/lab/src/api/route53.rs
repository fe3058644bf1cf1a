//! Route 53's REST-XML protocol (Route 53 API reference, version 2013-04-01).

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use axum::extract::Query;
use http::StatusCode;
use http::request::Parts;
use quick_xml::Reader;
use quick_xml::events::Event;
use serde::Deserialize;

use super::xml::{Element, list, node, text};
use super::{Control, Reply, ServiceError, query_error};
use crate::dns::{HOSTED_ZONE_ID, RecordSet};
use crate::estate::routing::CalculatedCheck;
use crate::estate::routing::{CALCULATED_CHECK_ID, HEALTH_CHECK_ID};
use crate::health::Observation;
use crate::topology;
use gameday_core::model::RegionRole;

pub(super) const NAMESPACE: &str = "https://route53.amazonaws.com/doc/2013-04-01/";
/// What every path begins with.
pub(super) const VERSION_PATH: &str = "/2013-04-01/";
/// ListResourceRecordSets gives at most so many at a time (Route 53 API reference).
const RECORD_SETS_AT_A_TIME: usize = 300;
/// Route 53 API reference, HealthCheckConfig: `FailureThreshold`.
const THRESHOLDS: RangeInclusive<u32> = 1..=10;

/// Answers one request.
pub(super) fn handle(control: &Control, parts: &Parts, body: &[u8]) -> Reply {
    match act(control, parts, body) {
        Ok(document) => Reply::xml(StatusCode::OK, &document.in_namespace(NAMESPACE)),
        Err(error) => query_error(&error, NAMESPACE),
    }
}

fn act(control: &Control, parts: &Parts, body: &[u8]) -> Result<Element, ServiceError> {
    let path = parts.uri.path().strip_prefix(VERSION_PATH).unwrap_or_default();
    // IDs come bare, or with the `/hostedzone/` that answers put in front of them.
    let path = path.replace("%2F", "/").replace("%2f", "/");
    let mut segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
    segments.dedup();
    let listed = || format!("/hostedzone/{HOSTED_ZONE_ID}");
    match (parts.method.as_str(), &segments[..]) {
        ("GET", ["hostedzone"]) => Ok(node("ListHostedZonesResponse", zones(control, true))),
        ("GET", ["hostedzonesbyname"]) => zones_by_name(control, parts),
        ("GET", ["hostedzone", id]) => {
            check_zone(id)?;
            let servers = topology::NAME_SERVERS.iter().map(|server| text("NameServer", server)).collect();
            let delegation = node("DelegationSet", vec![node("NameServers", servers)]);
            Ok(node("GetHostedZoneResponse", vec![node("HostedZone", zone(control, &listed())), delegation]))
        }
        ("GET", ["hostedzone", id, "rrset"]) => {
            check_zone(id)?;
            record_sets(control, parts)
        }
        ("GET", ["healthcheck"]) => {
            let calculated = control.estate.routing.calculated_check.iter().map(calculated_check);
            let own = control.estate.routing.health_check.iter().map(|_| health_check(control));
            let checks = list("HealthChecks", "HealthCheck", own.chain(calculated));
            let rest = vec![checks, text("Marker", ""), text("IsTruncated", false), text("MaxItems", 100)];
            Ok(node("ListHealthChecksResponse", rest))
        }
        ("GET", ["healthcheck", id]) => {
            let calculated = control.estate.routing.calculated_check.as_ref();
            let shown = if let Some(calculated) = calculated.filter(|_| *id == CALCULATED_CHECK_ID) {
                calculated_check(calculated)
            } else {
                check_health_check(control, id)?;
                health_check(control)
            };
            Ok(node("GetHealthCheckResponse", vec![node("HealthCheck", shown)]))
        }
        ("GET", ["healthcheck", id, "status"]) => {
            check_health_check(control, id)?;
            let observations = control.health.observations().into_iter().map(observation);
            let observations = list("HealthCheckObservations", "HealthCheckObservation", observations);
            Ok(node("GetHealthCheckStatusResponse", vec![observations]))
        }
        ("POST", ["healthcheck", id]) => update_health_check(control, id, body),
        ("GET", ["tags", "healthcheck", id]) => {
            check_health_check(control, id)?;
            let tags = control.health.settings().tags;
            let tags = tags.into_iter().map(|(key, value)| vec![text("Key", key), text("Value", value)]);
            let set = vec![text("ResourceType", "healthcheck"), text("ResourceId", id), list("Tags", "Tag", tags)];
            Ok(node("ListTagsForResourceResponse", vec![node("ResourceTagSet", set)]))
        }
        ("POST", ["tags", "healthcheck", id]) => {
            check_health_check(control, id)?;
            let (added, removed) = tag_changes(body)?;
            control.health.tag(added, &removed);
            Ok(node("ChangeTagsForResourceResponse", Vec::new()))
        }
        (method, _) => {
            let message = format!("The lab's Route 53 has no operation {method} {}.", parts.uri.path());
            Err(ServiceError::bad("InvalidAction", message))
        }
    }
}

/// The text of every element of a request that holds text alone.
fn fields(body: &[u8]) -> Result<BTreeMap<String, String>, ServiceError> {
    let text = std::str::from_utf8(body).map_err(|error| invalid(error.to_string()))?;
    let mut reader = Reader::from_str(text);
    let (mut found, mut open) = (BTreeMap::new(), String::new());
    loop {
        match reader.read_event().map_err(|error| invalid(error.to_string()))? {
            Event::Start(start) => start.local_name().as_ref().clone_into(&mut open),
            Event::Text(text) if !open.is_empty() && !text.trim().is_empty() => {
                found.insert(std::mem::take(&mut open), text.trim().to_owned());
            }
            Event::Eof => return Ok(found),
            _ => {}
        }
    }
}

/// The tags that ChangeTagsForResource adds, and the keys that it removes.
fn tag_changes(body: &[u8]) -> Result<(BTreeMap<String, String>, Vec<String>), ServiceError> {
    let text = std::str::from_utf8(body).map_err(|error| invalid(error.to_string()))?;
    let request: ChangeTags = quick_xml::de::from_str(text).map_err(|error| invalid(error.to_string()))?;
    let added = request.add_tags.unwrap_or_default().tags.into_iter().map(|tag| (tag.key, tag.value)).collect();
    Ok((added, request.remove_tag_keys.unwrap_or_default().keys))
}

/// Route 53 API reference, ChangeTagsForResource.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ChangeTags {
    add_tags: Option<AddTags>,
    remove_tag_keys: Option<RemoveTagKeys>,
}

#[derive(Debug, Default, Deserialize)]
struct AddTags {
    #[serde(rename = "Tag", default)]
    tags: Vec<AddedTag>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AddedTag {
    key: String,
    #[serde(default)]
    value: String,
}

#[derive(Debug, Default, Deserialize)]
struct RemoveTagKeys {
    #[serde(rename = "Key", default)]
    keys: Vec<String>,
}

fn invalid(message: impl Into<String>) -> ServiceError {
    ServiceError::bad("InvalidInput", message)
}

/// UpdateHealthCheck; what is not named stays.
fn update_health_check(control: &Control, id: &str, body: &[u8]) -> Result<Element, ServiceError> {
    check_health_check(control, id)?;
    let update = Update::read(&fields(body)?)?;
    let updated = control.health.update(update.version, |settings| {
        settings.inverted = update.inverted.unwrap_or(settings.inverted);
        settings.disabled = update.disabled.unwrap_or(settings.disabled);
        settings.threshold = update.threshold.unwrap_or(settings.threshold);
    });
    if !updated {
        let message = "The value of HealthCheckVersion in the request doesn't match the health check's.".to_owned();
        return Err(ServiceError { status: StatusCode::CONFLICT, code: "HealthCheckVersionMismatch", message });
    }
    Ok(node("UpdateHealthCheckResponse", vec![node("HealthCheck", health_check(control))]))
}

/// What can be changed of the lab's health check.
#[derive(Debug, Default, PartialEq, Eq)]
struct Update {
    version: Option<u64>,
    inverted: Option<bool>,
    disabled: Option<bool>,
    threshold: Option<u32>,
}

impl Update {
    fn read(fields: &BTreeMap<String, String>) -> Result<Self, ServiceError> {
        let mut update = Self::default();
        for (key, value) in fields {
            let wrong = || invalid(format!("Invalid value for {key}: {value}"));
            match key.as_str() {
                "HealthCheckVersion" => update.version = Some(value.parse().map_err(|_| wrong())?),
                "Inverted" => update.inverted = Some(value.parse().map_err(|_| wrong())?),
                "Disabled" => update.disabled = Some(value.parse().map_err(|_| wrong())?),
                "FailureThreshold" => {
                    let threshold = value.parse().ok().filter(|threshold| THRESHOLDS.contains(threshold));
                    update.threshold = Some(threshold.ok_or_else(wrong)?);
                }
                // Silently ignored, it would seem changed.
                _ => return Err(invalid(format!("The lab's health check cannot change its {key}."))),
            }
        }
        Ok(update)
    }
}

fn check_zone(id: &str) -> Result<(), ServiceError> {
    if id == HOSTED_ZONE_ID {
        return Ok(());
    }
    let message = format!("No hosted zone found with ID: {id}");
    Err(ServiceError { status: StatusCode::NOT_FOUND, code: "NoSuchHostedZone", message })
}

fn check_health_check(control: &Control, id: &str) -> Result<(), ServiceError> {
    if id == HEALTH_CHECK_ID && control.estate.routing.health_check.is_some() {
        return Ok(());
    }
    let message = format!("A health check with ID {id} does not exist.");
    Err(ServiceError { status: StatusCode::NOT_FOUND, code: "NoSuchHealthCheck", message })
}

fn zone(control: &Control, id: &str) -> Vec<Element> {
    vec![
        text("Id", id),
        text("Name", format!("{}.", topology::ZONE)),
        text("CallerReference", "gameday-lab"),
        node("Config", vec![text("Comment", "The lab's zone"), text("PrivateZone", false)]),
        text("ResourceRecordSetCount", control.zone.sets().len()),
    ]
}

/// The list of zones and its paging; all there is fits one page.
fn zones(control: &Control, shown: bool) -> Vec<Element> {
    let id = format!("/hostedzone/{HOSTED_ZONE_ID}");
    let zones = shown.then(|| zone(control, &id));
    vec![list("HostedZones", "HostedZone", zones), text("IsTruncated", false), text("MaxItems", 100)]
}

#[derive(Deserialize)]
struct ByName {
    dnsname: Option<String>,
}

fn zones_by_name(control: &Control, parts: &Parts) -> Result<Element, ServiceError> {
    let ByName { dnsname } = query(parts)?;
    let shown = dnsname.as_deref().is_none_or(|from| compare_names(topology::ZONE, from) != Ordering::Less);
    let mut answer = zones(control, shown);
    answer.extend(dnsname.map(|name| text("DNSName", name)));
    Ok(node("ListHostedZonesByNameResponse", answer))
}

#[derive(Deserialize)]
struct From {
    name: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    identifier: Option<String>,
    maxitems: Option<usize>,
}

fn query<T: serde::de::DeserializeOwned>(parts: &Parts) -> Result<T, ServiceError> {
    let Query(query) =
        Query::try_from_uri(&parts.uri).map_err(|error| ServiceError::bad("InvalidInput", error.to_string()))?;
    Ok(query)
}

/// Route 53 sorts names by their labels from the right (Route 53 API reference, ListResourceRecordSets).
fn compare_names(a: &str, b: &str) -> Ordering {
    let labels = |name: &str| name.trim_end_matches('.').rsplit('.').map(str::to_ascii_lowercase).collect::<Vec<_>>();
    labels(a).cmp(&labels(b))
}

fn set_identifier(set: &RecordSet) -> &str {
    set.failover.map_or("", |failover| failover.set_identifier)
}

fn record_sets(control: &Control, parts: &Parts) -> Result<Element, ServiceError> {
    let from: From = query(parts)?;
    let mut sets: Vec<&RecordSet> = control.zone.sets().iter().collect();
    let order = |a: &RecordSet, name: &str, kind: &str, identifier: &str| {
        compare_names(a.name, name)
            .then_with(|| a.kind.as_str().cmp(kind))
            .then_with(|| set_identifier(a).cmp(identifier))
    };
    sets.sort_by(|a, b| order(a, b.name, b.kind.as_str(), set_identifier(b)));
    if let Some(name) = &from.name {
        let (kind, identifier) = (from.kind.unwrap_or_default(), from.identifier.unwrap_or_default());
        sets.retain(|set| order(set, name, &kind, &identifier) != Ordering::Less);
    }
    let most = from.maxitems.unwrap_or(RECORD_SETS_AT_A_TIME).clamp(1, RECORD_SETS_AT_A_TIME);
    let next = sets.get(most).copied();
    let mut answer = vec![
        list("ResourceRecordSets", "ResourceRecordSet", sets.into_iter().take(most).map(record_set)),
        text("IsTruncated", next.is_some()),
        text("MaxItems", most),
    ];
    if let Some(next) = next {
        answer.extend([text("NextRecordName", format!("{}.", next.name)), text("NextRecordType", next.kind.as_str())]);
        answer.extend(next.failover.map(|failover| text("NextRecordIdentifier", failover.set_identifier)));
    }
    Ok(node("ListResourceRecordSetsResponse", answer))
}

fn record_set(set: &RecordSet) -> Vec<Element> {
    let mut shown = vec![text("Name", format!("{}.", set.name)), text("Type", set.kind.as_str())];
    if let Some(failover) = set.failover {
        let part = match failover.role {
            RegionRole::Primary => "PRIMARY",
            RegionRole::Replica => "SECONDARY",
        };
        shown.extend([text("SetIdentifier", failover.set_identifier), text("Failover", part)]);
    }
    if let Some((target, evaluates)) = set.alias {
        let target = vec![
            text("HostedZoneId", HOSTED_ZONE_ID),
            text("DNSName", format!("{target}.")),
            text("EvaluateTargetHealth", evaluates),
        ];
        shown.push(node("AliasTarget", target));
    } else {
        let values = set.values.iter().map(|value| vec![text("Value", value)]);
        shown.extend([text("TTL", set.ttl_s), list("ResourceRecords", "ResourceRecord", values)]);
    }
    shown.extend(set.health_check_id.iter().map(|id| text("HealthCheckId", id)));
    shown
}

fn health_check(control: &Control) -> Vec<Element> {
    let check = &control.health;
    let (options, settings) = (check.options(), check.settings());
    let (shape, port) = (&options.shape, options.addresses.first().map_or(443, std::net::SocketAddr::port));
    let asks = shape.kind != "TCP";
    let mut config = vec![text("Port", shape.port.unwrap_or(port)), text("Type", &shape.kind)];
    config.extend(shape.path.iter().filter(|_| asks).map(|path| text("ResourcePath", path)));
    config.extend([
        text("FullyQualifiedDomainName", &options.name),
        text("RequestInterval", options.interval.as_secs()),
        text("FailureThreshold", settings.threshold),
        text("MeasureLatency", false),
        text("Inverted", settings.inverted),
        text("Disabled", settings.disabled),
    ]);
    if asks {
        config.push(text("EnableSNI", shape.enable_sni));
    }
    if !shape.regions.is_empty() {
        let regions = shape.regions.iter().map(|region| text("Region", region));
        config.push(node("Regions", regions.collect()));
    }
    checked(HEALTH_CHECK_ID, config, settings.version)
}

fn calculated_check(check: &CalculatedCheck) -> Vec<Element> {
    let children = check.children.iter().map(|child| text("ChildHealthCheck", child)).collect();
    let config = vec![
        text("Type", "CALCULATED"),
        text("Inverted", false),
        text("Disabled", false),
        text("HealthThreshold", check.health_threshold),
        node("ChildHealthChecks", children),
    ];
    checked(CALCULATED_CHECK_ID, config, 1)
}

fn checked(id: &str, config: Vec<Element>, version: u64) -> Vec<Element> {
    vec![
        text("Id", id),
        text("CallerReference", "gameday-lab"),
        node("HealthCheckConfig", config),
        text("HealthCheckVersion", version),
    ]
}

fn observation(seen: Observation) -> Vec<Element> {
    vec![
        text("Region", seen.region),
        text("IPAddress", seen.address),
        node("StatusReport", vec![text("Status", seen.status), text("CheckedTime", seen.at)]),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn update(body: &str) -> Result<Update, ServiceError> {
        Update::read(&fields(body.as_bytes())?)
    }

    #[test]
    fn an_update_is_read_or_refused_whole() {
        let body = "<?xml version=\"1.0\"?>\n<UpdateHealthCheckRequest xmlns=\"urn:x\">\n  <HealthCheckVersion>2</HealthCheckVersion>\n  \
                    <FailureThreshold> 5 </FailureThreshold>\n  <Inverted>true</Inverted>\n</UpdateHealthCheckRequest>\n";
        let expected = Update { version: Some(2), inverted: Some(true), disabled: None, threshold: Some(5) };
        assert_eq!(update(body).unwrap(), expected);
        for wrong in
            ["<FailureThreshold>11</FailureThreshold>", "<Inverted>yes</Inverted>", "<Port>443</Port>", "<a></b>"]
        {
            assert_eq!(update(&format!("<r>{wrong}</r>")).unwrap_err().code, "InvalidInput", "{wrong}");
        }
    }
}
