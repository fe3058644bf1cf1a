//! The failover record, its health check, and whether the blackhole covers what the health check asks.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use aws_sdk_ec2::types::Filter;
use aws_sdk_route53::types::{HealthCheckConfig, ResourceRecordSet, ResourceRecordSetFailover};

use crate::cloud::{Cloud, CloudError, RegionClients};
use crate::dns::Server;
use crate::env::Site;
use crate::faults::Fault;
use crate::model::{Region, RegionRole, Severity};
use crate::scenario::FaultKind;

use super::{DNS_PATIENCE, Findings, PreflightError, resolve};

/// The TTL that the failover record should have: more delays clients, less floods the servers.
const TTL_S: i64 = 60;

/// FailureThreshold where the health check tells none (Route 53 API reference, HealthCheckConfig).
const DEFAULT_THRESHOLD: i32 = 3;

/// What observers need to know of routing.
#[derive(Debug)]
pub struct Routing {
    /// The zone's name servers.
    pub authoritative: Vec<Server>,
    /// The health check's FailureThreshold.
    pub failure_threshold: u32,
    /// The addresses whose packets each fault stops, in the order of the faults.
    pub covered: Vec<BTreeSet<IpAddr>>,
}

/// Checks routing.
pub async fn check(
    cloud: &Cloud,
    site: &Site,
    resolvers: &[Server],
    regions: &[(RegionRole, Region, Vec<IpAddr>)],
    faults: &[Fault],
    found: &mut Findings,
) -> Result<Routing, PreflightError> {
    let record = records(cloud, site, found).await;
    if let Some(primary) = &record {
        attached(site, primary, found);
    }
    let mut threshold = DEFAULT_THRESHOLD;
    if let Some(config) = health_check(cloud, site, found).await {
        health_settings(site, &config, found);
        // A health check that is inverted moves the record whatever its checkers see.
        let inverts = faults.iter().any(|fault| fault.spec.kind == FaultKind::HealthCheckInvert);
        if !inverts {
            behind_blackhole(cloud, site, resolvers, &config, faults, found).await;
        }
        threshold = config.failure_threshold().unwrap_or(DEFAULT_THRESHOLD);
    }
    let mut by_fault = Vec::new();
    for fault in faults {
        by_fault.push(match covered(cloud, std::slice::from_ref(fault)).await {
            Ok(covered) => covered,
            Err(error) => {
                found.not_checked(format!("the front doors that fault {} covers: {error}", fault.number));
                BTreeSet::new()
            }
        });
    }
    coverage(regions, faults, &by_fault, found);
    let authoritative = authoritative(cloud, site, resolvers, found).await?;
    Ok(Routing { covered: by_fault, authoritative, failure_threshold: u32::try_from(threshold).unwrap_or(1) })
}

async fn records(cloud: &Cloud, site: &Site, found: &mut Findings) -> Option<ResourceRecordSet> {
    let wanted = site.dns.record.trim_end_matches('.');
    let call =
        cloud.route53.list_resource_record_sets().hosted_zone_id(&site.dns.hosted_zone_id).start_record_name(wanted);
    let answer = call.send().await.map_err(CloudError::of("route53:ListResourceRecordSets"));
    let sets = match answer {
        Ok(answer) => answer.resource_record_sets,
        Err(error) => {
            found.add(
                "GD501",
                Severity::Blocker,
                "The hosted zone cannot be read",
                error.to_string(),
                "Correct `dns.hosted_zone_id`, or grant route53:ListResourceRecordSets",
            );
            return None;
        }
    };
    let mine: Vec<ResourceRecordSet> =
        sets.into_iter().filter(|set| set.name().trim_end_matches('.').eq_ignore_ascii_case(wanted)).collect();
    let side = |failover: ResourceRecordSetFailover| mine.iter().find(|set| set.failover() == Some(&failover));
    let (primary, secondary) = (side(ResourceRecordSetFailover::Primary), side(ResourceRecordSetFailover::Secondary));
    let (Some(primary), Some(_)) = (primary, secondary) else {
        let kinds: Vec<String> = mine
            .iter()
            .map(|set| format!("{} {}", set.r#type(), set.failover().map_or("simple", |side| side.as_str())))
            .collect();
        found.add(
            "GD501",
            Severity::Blocker,
            "The failover record pair is not there",
            format!(
                "{wanted} in zone {}: {}",
                site.dns.hosted_zone_id,
                if kinds.is_empty() { "no record".to_owned() } else { kinds.join(", ") }
            ),
            "Create a PRIMARY and a SECONDARY record with Failover routing policy for this name",
        );
        return None;
    };
    if let Some(ttl) = primary.ttl().filter(|ttl| *ttl > TTL_S) {
        found.add(
            "GD502",
            Severity::Risk,
            "The failover record's TTL is above 60 s",
            format!("{wanted}: TTL {ttl} s; clients keep a dead answer that long after detection"),
            "Set the TTL of both records to 60 s",
        );
    }
    Some(primary.clone())
}

fn attached(site: &Site, primary: &ResourceRecordSet, found: &mut Findings) {
    if primary.health_check_id() != Some(site.dns.health_check_id.as_str()) {
        found.add(
            "GD503",
            Severity::Blocker,
            "The environment's health check is not attached to the primary record",
            format!(
                "attached: {}; environment: {}",
                primary.health_check_id().unwrap_or("none"),
                site.dns.health_check_id
            ),
            "Attach it to the PRIMARY record, or correct `dns.health_check_id`",
        );
    }
}

async fn health_check(cloud: &Cloud, site: &Site, found: &mut Findings) -> Option<HealthCheckConfig> {
    let call = cloud.route53.get_health_check().health_check_id(&site.dns.health_check_id);
    match call.send().await.map_err(CloudError::of("route53:GetHealthCheck")) {
        Ok(answer) => answer.health_check.and_then(|check| check.health_check_config),
        Err(error) => {
            found.add(
                "GD504",
                Severity::Blocker,
                "The health check cannot be read",
                error.to_string(),
                "Correct `dns.health_check_id`, or grant route53:GetHealthCheck",
            );
            None
        }
    }
}

fn health_settings(site: &Site, config: &HealthCheckConfig, found: &mut Findings) {
    let id = &site.dns.health_check_id;
    for (set, what) in [(config.disabled(), "disabled"), (config.inverted(), "inverted")] {
        if set == Some(true) {
            found.add(
                "GD505",
                Severity::Blocker,
                "The health check does not follow its target",
                format!("{id} is {what}"),
                format!("aws route53 update-health-check --health-check-id {id} --no-{what}"),
            );
        }
    }
    let (interval, threshold) =
        (config.request_interval().unwrap_or(30), config.failure_threshold().unwrap_or(DEFAULT_THRESHOLD));
    if interval > 10 || threshold > 3 {
        found.add(
            "GD507",
            Severity::Risk,
            "The health check is slower than 3 failures of 10 s",
            format!(
                "{id}: interval {interval} s, threshold {threshold}: detection takes about {} s",
                interval * threshold
            ),
            "Use RequestInterval 10 (fixed at creation) and FailureThreshold 3",
        );
    }
}

/// The check that decides whether a drill can work at all: a health check whose target stays
/// reachable never flips.
async fn behind_blackhole(
    cloud: &Cloud,
    site: &Site,
    resolvers: &[Server],
    config: &HealthCheckConfig,
    faults: &[Fault],
    found: &mut Findings,
) {
    let target = config.ip_address().filter(|ip| !ip.is_empty()).or(config.fully_qualified_domain_name());
    let Some(target) = target else {
        return found.not_checked(format!(
            "whether health check {} is behind the blackhole: it has no target address",
            site.dns.health_check_id
        ));
    };
    let addresses = match resolve(resolvers, target).await {
        Ok(addresses) => addresses,
        Err(error) => {
            return found.add(
                "GD506",
                Severity::Blocker,
                "The health check's target does not resolve",
                format!("{target}: {error}"),
                "Correct the health check's domain name",
            );
        }
    };
    let covered = match covered(cloud, faults).await {
        Ok(covered) => covered,
        Err(error) => return found.not_checked(format!("whether the health check is behind the blackhole: {error}")),
    };
    let outside: Vec<String> =
        addresses.iter().filter(|address| !covered.contains(address)).map(ToString::to_string).collect();
    if outside.is_empty() {
        return;
    }
    let all = outside.len() == addresses.len();
    found.add(
        "GD506",
        if all { Severity::Blocker } else { Severity::Risk },
        if all { "The health check's target is not behind the blackhole" } else { "Only part of the health check's target is behind the blackhole" },
        format!("{target} leads to {}, which is on no network interface that the faults cover: the health check would not see the fault", outside.join(", ")),
        "Let the health check ask the primary's front door, or add the subnets of its target to `primary.subnets`",
    );
}

/// What health checkers ask, and how much of it faults cover.
#[derive(Debug)]
pub struct Sight {
    /// The health check's name or address.
    pub target: String,
    /// How many addresses it leads to.
    pub addresses: usize,
    /// How many of them are behind the faults.
    pub covered: usize,
    /// Between two checks of one checker.
    pub interval: Duration,
    /// FailureThreshold.
    pub threshold: u32,
    /// The failover record's TTL.
    pub ttl: Duration,
}

/// Looks what health checkers will see.
///
/// # Errors
/// In words.
pub async fn sight(cloud: &Cloud, site: &Site, resolvers: &[Server], faults: &[Fault]) -> Result<Sight, String> {
    let mut found = Findings::default();
    let (record, config) = (records(cloud, site, &mut found).await, health_check(cloud, site, &mut found).await);
    let (Some(record), Some(config)) = (record, config) else {
        let evidence = found.findings.into_iter().map(|finding| finding.evidence);
        return Err(evidence.collect::<Vec<_>>().join("; "));
    };
    let target = config.ip_address().filter(|ip| !ip.is_empty()).or(config.fully_qualified_domain_name());
    let target = target.ok_or("the health check has no target address")?.to_owned();
    let addresses = resolve(resolvers, &target).await?;
    let covered = covered(cloud, faults).await.map_err(|error| error.to_string())?;
    Ok(Sight {
        covered: addresses.iter().filter(|address| covered.contains(address)).count(),
        addresses: addresses.len(),
        target,
        interval: Duration::from_secs(u64::try_from(config.request_interval().unwrap_or(30)).unwrap_or(30)),
        threshold: u32::try_from(config.failure_threshold().unwrap_or(DEFAULT_THRESHOLD)).unwrap_or(1).max(1),
        ttl: Duration::from_secs(u64::try_from(record.ttl().unwrap_or(TTL_S)).unwrap_or_default()),
    })
}

/// The addresses of the network interfaces that the faults cover.
async fn covered(cloud: &Cloud, faults: &[Fault]) -> Result<BTreeSet<IpAddr>, CloudError> {
    let mut covered = BTreeSet::new();
    for fault in faults {
        let (subnets, chosen) = (&fault.cover.subnets, &fault.cover.interfaces);
        let clients = cloud.of(&fault.region)?;
        for vpc in fault.cover.vpcs() {
            for interface in interfaces(clients, vpc).await? {
                if subnets.contains(&(vpc.clone(), interface.subnet)) || chosen.contains(&(vpc.clone(), interface.id)) {
                    covered.extend(interface.addresses);
                }
            }
        }
    }
    Ok(covered)
}

struct Interface {
    id: String,
    subnet: String,
    addresses: Vec<IpAddr>,
}

async fn interfaces(clients: &RegionClients, vpc: &str) -> Result<Vec<Interface>, CloudError> {
    let filter = Filter::builder().name("vpc-id").values(vpc).build();
    let mut pages = clients.ec2.describe_network_interfaces().filters(filter).into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        for interface in page.map_err(CloudError::of("ec2:DescribeNetworkInterfaces"))?.network_interfaces() {
            let (Some(id), Some(subnet)) = (interface.network_interface_id(), interface.subnet_id()) else { continue };
            let private = interface.private_ip_addresses().iter().flat_map(|address| {
                [address.private_ip_address(), address.association().and_then(|public| public.public_ip())]
            });
            let ipv6 = interface.ipv6_addresses().iter().map(|address| address.ipv6_address());
            let own = [interface.private_ip_address(), interface.association().and_then(|public| public.public_ip())];
            let all = private.chain(ipv6).chain(own).flatten().filter_map(|address| address.parse().ok());
            found.push(Interface { id: id.to_owned(), subnet: subnet.to_owned(), addresses: all.collect() });
        }
    }
    Ok(found)
}

fn coverage(
    regions: &[(RegionRole, Region, Vec<IpAddr>)],
    faults: &[Fault],
    by_fault: &[BTreeSet<IpAddr>],
    found: &mut Findings,
) {
    let primary = faults.iter().filter(|fault| fault.spec.region == RegionRole::Primary);
    if primary.clone().all(|fault| fault.cover.is_empty()) {
        return;
    }
    let mut covered: BTreeSet<IpAddr> = by_fault.iter().flatten().copied().collect();
    for (.., list) in regions {
        let denied = |address: &&IpAddr| {
            primary.clone().flat_map(|fault| &fault.cover.from_users_to).any(|range| range.contains(**address))
        };
        covered.extend(list.iter().filter(denied));
    }
    let primary = regions.iter().filter(|(role, ..)| *role == RegionRole::Primary).flat_map(|(.., list)| list);
    let outside: Vec<String> = primary.filter(|address| !covered.contains(address)).map(ToString::to_string).collect();
    if !outside.is_empty() {
        found.add(
            "GD004",
            Severity::Risk,
            "A front door of the primary is outside the fault",
            format!("{} stays reachable: some users may not notice the fault", outside.join(", ")),
            "Add its subnet to `primary.subnets`, unless the scenario means a partial outage",
        );
    }
}

async fn authoritative(
    cloud: &Cloud,
    site: &Site,
    resolvers: &[Server],
    found: &mut Findings,
) -> Result<Vec<Server>, PreflightError> {
    let server = |address: SocketAddr| Server::at(address, false, DNS_PATIENCE);
    if !site.dns.authoritative.is_empty() {
        return Ok(site.dns.authoritative.iter().map(|address| server(*address)).collect::<Result<_, _>>()?);
    }
    let call = cloud.route53.get_hosted_zone().id(&site.dns.hosted_zone_id);
    let names = match call.send().await.map_err(CloudError::of("route53:GetHostedZone")) {
        Ok(answer) => answer.delegation_set.map(|set| set.name_servers).unwrap_or_default(),
        Err(error) => {
            found.not_checked(format!("the zone's name servers, so DNS is timed at the resolvers alone: {error}"));
            return Ok(Vec::new());
        }
    };
    let mut servers = Vec::new();
    for name in names {
        match resolve(resolvers, &name).await {
            Ok(addresses) => {
                let first = addresses.iter().find(|address| address.is_ipv4()).or(addresses.first());
                servers.extend(first.map(|address| server(SocketAddr::new(*address, 53))).transpose()?);
            }
            Err(error) => found.not_checked(format!("name server {name}: {error}")),
        }
    }
    Ok(servers)
}
