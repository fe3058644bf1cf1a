//! The failover record, its hosted zone and its health check.

use aws_sdk_route53::types::{HostedZone, ResourceRecordSet, ResourceRecordSetFailover};

use super::Discovery;
use crate::cloud::{Cloud, CloudError};

/// A failover record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The hosted zone's ID, without `/hostedzone/`.
    pub zone_id: String,
    /// Its name, without the final dot.
    pub name: String,
    /// The health check of its primary set.
    pub health_check_id: Option<String>,
}

/// What a health check asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckTarget {
    /// A name or an address.
    pub host: String,
    /// The TCP port.
    pub port: Option<u16>,
}

/// One half of a failover pair.
struct Half {
    record: Record,
    secondary: bool,
    leads_to: Vec<String>,
}

/// Looks for the record, and what its health check asks.
pub(super) async fn look(cloud: &Cloud, wanted: Option<&str>, found: &mut Discovery) {
    let wanted = wanted.map(|name| name.trim_end_matches('.').to_ascii_lowercase());
    let zones = cloud.route53.list_hosted_zones().into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
    let zones = found.note(zones.map_err(CloudError::of("route53:ListHostedZones"))).unwrap_or_default();
    let mut halves = Vec::new();
    // One after the other: Route 53 answers five requests a second for the whole account.
    for zone in zones.iter().filter(|zone| wanted.as_ref().is_none_or(|name| holds(zone, name))) {
        let all = halves_of(cloud, zone).await;
        halves.extend(found.note(all).unwrap_or_default());
    }
    let mut primaries = Vec::new();
    for half in halves.iter().filter(|half| !half.secondary) {
        if !primaries.contains(&&half.record) {
            primaries.push(&half.record);
        }
    }
    let name = wanted.or_else(|| found.domain.clone());
    let named = primaries.iter().find(|record| name.as_ref() == Some(&record.name));
    let chosen = named.or(primaries.first().filter(|_| primaries.len() == 1)).copied().cloned();
    found.other_records =
        primaries.iter().filter(|record| chosen.as_ref() != Some(**record)).map(|record| record.name.clone()).collect();
    let Some(record) = chosen else { return };
    for (number, secondary) in [false, true].into_iter().enumerate() {
        let own = halves.iter().filter(|half| half.secondary == secondary && half.record.name == record.name);
        found.direct[number] = own.flat_map(|half| half.leads_to.clone()).collect();
        found.direct[number].sort();
        found.direct[number].dedup();
    }
    if let Some(id) = &record.health_check_id {
        let answer = cloud.route53.get_health_check().health_check_id(id).send().await;
        let answer = found.note(answer.map_err(CloudError::of("route53:GetHealthCheck")));
        let config = answer.as_ref().and_then(|answer| answer.health_check()?.health_check_config());
        found.target = config.and_then(|config| {
            let host = config.ip_address().filter(|ip| !ip.is_empty()).or(config.fully_qualified_domain_name())?;
            Some(CheckTarget { host: host.to_owned(), port: config.port().and_then(|port| u16::try_from(port).ok()) })
        });
    }
    found.record = Some(record);
}

fn plain(name: &str) -> String {
    // `*` comes as its octal escape (Route 53 developer guide, "DNS domain name format").
    name.trim_end_matches('.').replace("\\052", "*").to_ascii_lowercase()
}

fn holds(zone: &HostedZone, name: &str) -> bool {
    let zone = plain(zone.name());
    name == zone || name.strip_suffix(zone.as_str()).is_some_and(|rest| rest.ends_with('.'))
}

async fn halves_of(cloud: &Cloud, zone: &HostedZone) -> Result<Vec<Half>, CloudError> {
    let zone_id = zone.id().trim_start_matches("/hostedzone/");
    let (mut halves, mut start) = (Vec::new(), None::<(String, _, Option<String>)>);
    loop {
        let mut call = cloud.route53.list_resource_record_sets().hosted_zone_id(zone_id);
        if let Some((name, kind, identifier)) = start.take() {
            call = call.start_record_name(name).set_start_record_type(kind).set_start_record_identifier(identifier);
        }
        let page = call.send().await.map_err(CloudError::of("route53:ListResourceRecordSets"))?;
        halves.extend(page.resource_record_sets().iter().filter_map(|set| half(set, zone_id)));
        match page.next_record_name() {
            Some(name) if page.is_truncated() => {
                let identifier = page.next_record_identifier().map(str::to_owned);
                start = Some((name.to_owned(), page.next_record_type().cloned(), identifier));
            }
            _ => return Ok(halves),
        }
    }
}

fn half(set: &ResourceRecordSet, zone_id: &str) -> Option<Half> {
    let secondary = *set.failover()? == ResourceRecordSetFailover::Secondary;
    let alias = set.alias_target().map(|alias| plain(alias.dns_name()));
    let values = set.resource_records().iter().map(|record| plain(record.value()));
    let record = Record {
        zone_id: zone_id.to_owned(),
        name: plain(set.name()),
        health_check_id: set.health_check_id().map(str::to_owned),
    };
    Some(Half { record, secondary, leads_to: values.chain(alias).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_holds_its_own_names_alone() {
        let zone =
            HostedZone::builder().id("/hostedzone/Z1").name("Example.com.").caller_reference("r").build().unwrap();
        for (name, held) in [("example.com", true), ("login.example.com", true), ("badexample.com", false)] {
            assert_eq!(holds(&zone, name), held, "{name}");
        }
    }
}
