//! `security-group-blackhole`: nothing that is new gets in at the selected network interfaces. What was open already
//! may live on, since security groups are stateful.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{Filter, NetworkInterface, SecurityGroup, Tag, VpcEndpoint};
use aws_sdk_elasticloadbalancingv2::types::TagDescription;

use crate::cloud::{CloudError, RegionClients};
use crate::faults::action::Action;
use crate::faults::changes::mark::Marked;
use crate::faults::changes::security_group::{CreateEmpty, Empty, GroupRule, Grouped, Revoke, Source, SwapGroups};
use crate::faults::plan::{Ask, Cover, FaultError, Planned, Target};
use crate::faults::state::Scope;
use crate::model::{Cidr, PortRange};
use crate::scenario::GroupMethod;

/// EC2 allows 50 tags on a resource (EC2 user guide, "Tag restrictions"); the run's own and some room leave this many
/// for targets.
const TARGETS_AT_MOST: usize = 45;

/// Each takes up to two tags of its group, which may have some already.
const RULES_AT_MOST: usize = 20;

/// Something with security groups, and the interfaces that it has in the selected subnets.
#[derive(Debug, Clone)]
struct Candidate {
    grouped: Grouped,
    vpc: String,
    label: String,
    tags: BTreeMap<String, String>,
    groups: Vec<String>,
    interfaces: BTreeSet<String>,
    subnets: BTreeSet<String>,
}

/// Plans it.
///
/// # Errors
/// [`FaultError`].
pub async fn plan(ask: &Ask<'_>) -> Result<Planned, FaultError> {
    let subnets = ask.all_subnets().await?;
    let vpcs: BTreeSet<String> = subnets.iter().map(|subnet| subnet.vpc.clone()).collect();
    let selected: BTreeSet<&str> = subnets.iter().map(|subnet| subnet.id.as_str()).collect();
    let (mut interfaces, mut endpoints) = (Vec::new(), Vec::new());
    for vpc in &vpcs {
        interfaces.extend(describe(ask.clients, vpc).await?);
        endpoints.extend(describe_endpoints(ask.clients, vpc).await?);
    }
    let mut candidates = candidates(ask, &interfaces, &endpoints, &selected).await?;
    if let Some(targets) = &ask.spec.targets {
        let named = |candidate: &Candidate| {
            let interface = targets.network_interface_ids.iter().any(|id| candidate.interfaces.contains(id));
            let balancer = targets.load_balancers.iter().any(|name| match &candidate.grouped {
                Grouped::Balancer(arn) => arn == name || arn.rsplit('/').nth(1) == Some(name),
                _ => false,
            });
            interface || balancer
        };
        if !(targets.network_interface_ids.is_empty() && targets.load_balancers.is_empty()) {
            candidates.retain(named);
        }
    }
    let chosen = ask.chosen(candidates)?;
    let method = ask.spec.method.unwrap_or(GroupMethod::SwapGroups);
    let actions = match method {
        GroupMethod::SwapGroups => swaps(ask, &chosen)?,
        GroupMethod::RevokeRules => revokes(ask, &chosen, &interfaces).await?,
    };
    let region = &ask.clients.region;
    Ok(Planned {
        targets: chosen
            .iter()
            .map(|one| Target { id: one.grouped.id().to_owned(), label: one.label.clone(), tags: one.tags.clone() })
            .collect(),
        cover: Cover {
            interfaces: chosen
                .iter()
                .flat_map(|one| one.interfaces.iter().map(|id| (one.vpc.clone(), id.clone())))
                .collect(),
            touches: chosen.iter().flat_map(|one| one.subnets.iter().cloned()).collect(),
            stateful: true,
            ..Cover::default()
        },
        actions,
        scope: Scope {
            groups: chosen.iter().map(|one| (region.clone(), one.vpc.clone())).collect(),
            ..Scope::default()
        },
    })
}

async fn describe(clients: &RegionClients, vpc: &str) -> Result<Vec<NetworkInterface>, CloudError> {
    let filter = Filter::builder().name("vpc-id").values(vpc).build();
    let mut pages = clients.ec2.describe_network_interfaces().filters(filter).into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(CloudError::of("ec2:DescribeNetworkInterfaces"))?;
        found.extend(page.network_interfaces.unwrap_or_default());
    }
    Ok(found)
}

async fn describe_endpoints(clients: &RegionClients, vpc: &str) -> Result<Vec<VpcEndpoint>, CloudError> {
    let filter = Filter::builder().name("vpc-id").values(vpc).build();
    let mut pages = clients.ec2.describe_vpc_endpoints().filters(filter).into_paginator().send();
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(CloudError::of("ec2:DescribeVpcEndpoints"))?;
        found.extend(page.vpc_endpoints.unwrap_or_default());
    }
    Ok(found)
}

/// Whose interface it is. Its groups are the endpoint's, and so are the tags that count.
fn endpoint_of<'a>(endpoints: &'a [VpcEndpoint], interface: &str) -> Option<&'a VpcEndpoint> {
    endpoints.iter().find(|endpoint| endpoint.network_interface_ids().iter().any(|id| id == interface))
}

fn tags_of(tags: &[Tag]) -> BTreeMap<String, String> {
    tags.iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned()))).collect()
}

async fn candidates(
    ask: &Ask<'_>,
    interfaces: &[NetworkInterface],
    endpoints: &[VpcEndpoint],
    selected: &BTreeSet<&str>,
) -> Result<Vec<Candidate>, FaultError> {
    let mut found: BTreeMap<Grouped, Candidate> = BTreeMap::new();
    for interface in interfaces {
        let (Some(id), Some(vpc), Some(subnet)) =
            (interface.network_interface_id(), interface.vpc_id(), interface.subnet_id())
        else {
            continue;
        };
        let endpoint = endpoint_of(endpoints, id);
        let mut groups: Vec<String> = match endpoint {
            Some(endpoint) => {
                endpoint.groups().iter().filter_map(|group| group.group_id().map(str::to_owned)).collect()
            }
            None => interface.groups().iter().filter_map(|group| group.group_id().map(str::to_owned)).collect(),
        };
        groups.sort();
        // One without groups, as a NAT gateway's, lets in what its network ACL does.
        if !selected.contains(subnet) || groups.is_empty() {
            continue;
        }
        let grouped = match endpoint.and_then(VpcEndpoint::vpc_endpoint_id) {
            Some(endpoint) => Grouped::Endpoint(endpoint.to_owned()),
            None => grouped(ask, interface, id).await?,
        };
        let tags = tags_of(endpoint.map_or_else(|| interface.tag_set(), VpcEndpoint::tags));
        let label = match &grouped {
            Grouped::Interface(id) => match tags.get("Name") {
                Some(name) => format!("{id} ({name}, {subnet})"),
                None => format!("{id} ({subnet})"),
            },
            Grouped::Balancer(arn) => format!("load balancer {}", arn.rsplit(':').next().unwrap_or(arn)),
            Grouped::Endpoint(id) => format!("VPC endpoint {id}"),
        };
        let candidate = found.entry(grouped.clone()).or_insert_with(|| Candidate {
            grouped,
            vpc: vpc.to_owned(),
            label,
            tags,
            groups,
            interfaces: BTreeSet::new(),
            subnets: BTreeSet::new(),
        });
        candidate.interfaces.insert(id.to_owned());
        candidate.subnets.insert(subnet.to_owned());
    }
    let mut found: Vec<Candidate> = found.into_values().collect();
    for candidate in &mut found {
        if let Grouped::Balancer(arn) = &candidate.grouped {
            candidate.tags = balancer_tags(ask.clients, arn).await?;
        }
    }
    Ok(found)
}

/// Which API changes an interface's groups: a service that manages it refuses EC2's.
async fn grouped(ask: &Ask<'_>, interface: &NetworkInterface, id: &str) -> Result<Grouped, FaultError> {
    if !interface.requester_managed().unwrap_or_default() {
        return Ok(Grouped::Interface(id.to_owned()));
    }
    let about = interface.description().unwrap_or_default();
    // Elastic Load Balancing describes its interfaces as `ELB app/NAME/ID` (its user guide, "Network interfaces").
    let name = about.strip_prefix("ELB ").and_then(|path| path.split('/').nth(1));
    let Some(name) = name else {
        return Err(FaultError::Unreachable(id.to_owned(), about.to_owned()));
    };
    let call = ask.clients.reading.elb.describe_load_balancers().names(name).send();
    let answer = call.await.map_err(CloudError::of("elasticloadbalancing:DescribeLoadBalancers"))?;
    let arn = answer.load_balancers().first().and_then(|balancer| balancer.load_balancer_arn());
    arn.map(|arn| Grouped::Balancer(arn.to_owned()))
        .ok_or_else(|| FaultError::Unreachable(id.to_owned(), about.to_owned()))
}

async fn balancer_tags(clients: &RegionClients, arn: &str) -> Result<BTreeMap<String, String>, CloudError> {
    let call = clients.reading.elb.describe_tags().resource_arns(arn).send();
    let answer = call.await.map_err(CloudError::of("elasticloadbalancing:DescribeTags"))?;
    let tags = answer.tag_descriptions().iter().flat_map(TagDescription::tags);
    Ok(tags.filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned()))).collect())
}

fn swaps(ask: &Ask<'_>, chosen: &[Candidate]) -> Result<Vec<Action>, FaultError> {
    if chosen.len() > TARGETS_AT_MOST {
        let text = format!("{} targets are more than the {TARGETS_AT_MOST} of one fault: split it", chosen.len());
        return Err(FaultError::Quota(text));
    }
    let mut by_vpc: BTreeMap<&str, Vec<&Candidate>> = BTreeMap::new();
    for one in chosen {
        by_vpc.entry(&one.vpc).or_default().push(one);
    }
    let mut actions = Vec::new();
    for (vpc, members) in by_vpc {
        let group = format!("{}/{vpc}", ask.number);
        actions.push(Action::CreateEmpty(CreateEmpty {
            vpc: vpc.to_owned(),
            group: group.clone(),
            name: format!("{}-{}", ask.run, ask.number),
            was: members.iter().map(|one| (one.grouped.tag_key(), one.groups.clone())).collect(),
        }));
        actions.push(Action::Empty(Empty { vpc: vpc.to_owned(), group: group.clone() }));
        actions.extend(members.iter().map(|one| {
            let (target, was, group) = (one.grouped.clone(), one.groups.clone(), group.clone());
            Action::SwapGroups(SwapGroups { target, was, group })
        }));
    }
    actions.sort_by_key(Action::stage);
    Ok(actions)
}

async fn revokes(
    ask: &Ask<'_>,
    chosen: &[Candidate],
    interfaces: &[NetworkInterface],
) -> Result<Vec<Action>, FaultError> {
    let covered: BTreeSet<&String> = chosen.iter().flat_map(|one| &one.interfaces).collect();
    let groups: BTreeSet<&String> = chosen.iter().flat_map(|one| &one.groups).collect();
    let mut actions = Vec::new();
    for group in groups {
        let outside = interfaces.iter().find(|interface| {
            interface.groups().iter().any(|own| own.group_id() == Some(group))
                && interface.network_interface_id().is_some_and(|id| !covered.iter().any(|known| *known == id))
        });
        if let Some(outside) = outside.and_then(|interface| interface.network_interface_id()) {
            return Err(FaultError::Shared(group.clone(), outside.to_owned()));
        }
        let call = ask.clients.ec2.describe_security_groups().group_ids(group).send();
        let answer = call.await.map_err(CloudError::of("ec2:DescribeSecurityGroups"))?;
        let rules = answer.security_groups().iter().flat_map(SecurityGroup::ip_permissions).flat_map(GroupRule::of);
        let matching: Vec<GroupRule> = rules.filter(|rule| matches(rule, ask)).collect();
        if matching.len() > RULES_AT_MOST {
            let text = format!(
                "{group} has {} rules to revoke, more than the {RULES_AT_MOST} that tags can remember: use `method = \"swap-groups\"`",
                matching.len()
            );
            return Err(FaultError::Quota(text));
        }
        if !matching.is_empty() {
            let tags = tags_of(answer.security_groups().first().map_or(&[], SecurityGroup::tags));
            let was = (0..).zip(&matching).flat_map(|(number, rule)| rule.marks(number));
            actions.push(ask.mark(Marked::Group(group.clone()), &tags, was)?);
        }
        actions.extend(matching.into_iter().map(|rule| Action::Revoke(Revoke { group: group.clone(), rule })));
    }
    if actions.is_empty() {
        return Err(FaultError::Refused("no rule of the targets' security groups matches `cidrs` and `ports`"));
    }
    actions.sort_by_key(Action::stage);
    Ok(actions)
}

fn matches(rule: &GroupRule, ask: &Ask<'_>) -> bool {
    let door = PortRange { from: ask.site.front_door.port, to: ask.site.front_door.port };
    let ports: &[PortRange] = if ask.spec.ports.is_empty() { &[door] } else { &ask.spec.ports };
    let port = match rule.ports {
        // EC2 gives no ports for all protocols, and -1 for all ICMP types.
        None => true,
        Some((from, to)) => ports.iter().any(|own| from <= i32::from(own.to) && i32::from(own.from) <= to),
    };
    let source = ask.spec.cidrs.is_empty()
        || match &rule.source {
            Source::Ipv4(range) | Source::Ipv6(range) => {
                Cidr::parse(range).is_ok_and(|range| ask.spec.cidrs.contains(&range))
            }
            Source::PrefixList(_) | Source::Group(_) => false,
        };
    port && source && matches!(rule.protocol.as_str(), "tcp" | "6" | "-1")
}
