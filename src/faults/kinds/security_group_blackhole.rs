//! `security-group-blackhole`: nothing that is new gets in at the selected network interfaces. What was open already
//! may live on, since security groups are stateful.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{Filter, IpPermission, NetworkInterface, SecurityGroup, Tag, VpcEndpoint};
use aws_sdk_elasticloadbalancingv2::types::TagDescription;

use super::Kind;
use crate::cloud::{CloudError, RegionClients};
use crate::faults::action::Action;
use crate::faults::changes::group_rule::{self, DescribedRule, GroupRule, Source};
use crate::faults::changes::mark::Marked;
use crate::faults::changes::security_group::{CreateEmpty, Empty, Grouped, Revoke, SwapGroups};
use crate::faults::fault::{BlastRadius, FaultError, PlanContext, PlannedFault, Target};
use crate::faults::permits::DESCRIBE_NETWORK;
use crate::faults::state::{Part, Scope};
use crate::faults::tags::{TAGS_OF_A_RESOURCE, VALUE_CHARACTERS, WAS_TAG};
use crate::faults::target::Subnet;
use gameday_core::model::{Cidr, PortRange};
use gameday_core::scenario::GroupMethod;

/// The empty group's own tags: the run and the group's key.
const OWN_TAGS: usize = 2;

/// Who manages a network interface, and so which API changes its groups.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Manager {
    /// Nobody: EC2's API, by the interface's ID.
    Nobody(String),
    /// A load balancer, as `app/NAME/ID`.
    Balancer(String),
    /// A VPC endpoint, by its ID.
    Endpoint(String),
    /// A service whose API GameDay does not speak: the interface's ID and description.
    Other(String, String),
}

/// Something with security groups, and the interfaces that it has in the selected subnets.
#[derive(Debug, Clone)]
struct Candidate {
    manager: Manager,
    vpc: String,
    tags: BTreeMap<String, String>,
    groups: Vec<String>,
    interfaces: BTreeSet<String>,
    subnets: BTreeSet<String>,
}

/// A candidate that the fault selects, with the API that changes it.
#[derive(Debug, Clone)]
struct Chosen {
    grouped: Grouped,
    vpc: String,
    label: String,
    tags: BTreeMap<String, String>,
    groups: Vec<String>,
    interfaces: BTreeSet<String>,
    subnets: BTreeSet<String>,
}

pub(super) const KIND: Kind = Kind {
    plan: |context| Box::pin(plan(context)),
    permit: |permits| {
        permits.statement(DESCRIBE_NETWORK).allow(["ec2:DescribeVpcEndpoints"], ["*".to_owned()]);
    },
};

async fn plan(context: &PlanContext<'_>) -> Result<PlannedFault, FaultError> {
    let subnets = context.all_subnets().await?;
    let vpcs: BTreeSet<String> = subnets.iter().map(|subnet| subnet.vpc.clone()).collect();
    let selected: BTreeSet<&str> = subnets.iter().map(|subnet| subnet.id.as_str()).collect();
    let (mut interfaces, mut endpoints) = (Vec::new(), Vec::new());
    for vpc in &vpcs {
        interfaces.extend(describe(context.clients, vpc).await?);
        endpoints.extend(describe_endpoints(context.clients, vpc).await?);
    }
    let mut candidates = candidates(&interfaces, &endpoints, &selected);
    if let Some(targets) = &context.spec.targets
        && !(targets.network_interface_ids.is_empty() && targets.load_balancers.is_empty())
    {
        candidates.retain(|candidate| {
            let interface = targets.network_interface_ids.iter().any(|id| candidate.interfaces.contains(id));
            interface || targets.load_balancers.iter().any(|name| candidate.manager.is_balancer(name))
        });
    }
    let mut chosen = Vec::new();
    for candidate in context.chosen(candidates)? {
        chosen.push(candidate.resolve(context.clients).await?);
    }
    let touched = |subnet: &&Subnet| chosen.iter().any(|one: &Chosen| one.subnets.contains(&subnet.id));
    context.refuse_shared(&subnets.iter().filter(touched).cloned().collect::<Vec<_>>()).await?;
    let method = context.spec.method.unwrap_or(GroupMethod::SwapGroups);
    let actions = match method {
        GroupMethod::SwapGroups => swaps(context, &chosen)?,
        GroupMethod::RevokeRules => revokes(context, &chosen, &interfaces).await?,
    };
    let mut scope = Scope::default();
    for one in &chosen {
        scope.insert(Part::SecurityGroups, &context.clients.region, &one.vpc);
    }
    Ok(PlannedFault {
        targets: chosen
            .iter()
            .map(|one| Target { id: one.grouped.id().to_owned(), label: one.label.clone(), tags: one.tags.clone() })
            .collect(),
        blast_radius: BlastRadius {
            interfaces: chosen
                .iter()
                .flat_map(|one| one.interfaces.iter().map(|id| (one.vpc.clone(), id.clone())))
                .collect(),
            touches: chosen.iter().flat_map(|one| one.subnets.iter().cloned()).collect(),
            stateful: true,
            ..BlastRadius::default()
        },
        actions,
        scope,
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

impl Manager {
    /// A service that manages an interface refuses EC2's calls. Elastic Load Balancing describes its interfaces as `ELB app/NAME/ID` (its user
    /// guide, "Network interfaces").
    fn of(interface: &NetworkInterface, id: &str) -> Self {
        if !interface.requester_managed().unwrap_or_default() {
            return Self::Nobody(id.to_owned());
        }
        let about = interface.description().unwrap_or_default();
        let balancer = about.strip_prefix("ELB ").filter(|path| path.split('/').nth(1).is_some());
        balancer.map_or_else(
            || Self::Other(id.to_owned(), about.to_owned()),
            |balancer| Self::Balancer(balancer.to_owned()),
        )
    }

    /// Whether it is a load balancer, by its name or ARN.
    fn is_balancer(&self, name: &str) -> bool {
        let Self::Balancer(path) = self else { return false };
        path.split('/').nth(1) == Some(name) || name.strip_suffix(path).is_some_and(|rest| rest.ends_with('/'))
    }
}

/// What has security groups in the selected subnets, whoever manages it.
fn candidates(interfaces: &[NetworkInterface], endpoints: &[VpcEndpoint], selected: &BTreeSet<&str>) -> Vec<Candidate> {
    let mut found: BTreeMap<Manager, Candidate> = BTreeMap::new();
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
        let manager = match endpoint.and_then(VpcEndpoint::vpc_endpoint_id) {
            Some(endpoint) => Manager::Endpoint(endpoint.to_owned()),
            None => Manager::of(interface, id),
        };
        let candidate = found.entry(manager.clone()).or_insert_with(|| Candidate {
            manager,
            vpc: vpc.to_owned(),
            tags: tags_of(endpoint.map_or_else(|| interface.tag_set(), VpcEndpoint::tags)),
            groups,
            interfaces: BTreeSet::new(),
            subnets: BTreeSet::new(),
        });
        candidate.interfaces.insert(id.to_owned());
        candidate.subnets.insert(subnet.to_owned());
    }
    found.into_values().collect()
}

impl Candidate {
    /// With the API that changes it. Only what the fault selects is asked for, and can be out of reach.
    async fn resolve(self, clients: &RegionClients) -> Result<Chosen, FaultError> {
        let Self { manager, vpc, mut tags, groups, interfaces, subnets } = self;
        let (grouped, label) = match manager {
            Manager::Nobody(id) => {
                let subnet = subnets.first().cloned().unwrap_or_default();
                let label = match tags.get("Name") {
                    Some(name) => format!("{id} ({name}, {subnet})"),
                    None => format!("{id} ({subnet})"),
                };
                (Grouped::Interface(id), label)
            }
            Manager::Endpoint(id) => {
                let label = format!("VPC endpoint {id}");
                (Grouped::Endpoint(id), label)
            }
            Manager::Balancer(path) => {
                let name = path.split('/').nth(1).unwrap_or_default();
                let call = clients.reading.elb.describe_load_balancers().names(name).send();
                let answer = call.await.map_err(CloudError::of("elasticloadbalancing:DescribeLoadBalancers"))?;
                let arn = answer.load_balancers().first().and_then(|balancer| balancer.load_balancer_arn());
                let unknown = || {
                    let interface = interfaces.first().cloned().unwrap_or_default();
                    FaultError::Unreachable(interface, format!("ELB {path}"))
                };
                let arn = arn.ok_or_else(unknown)?.to_owned();
                tags = balancer_tags(clients, &arn).await?;
                let label = format!("load balancer {}", arn.rsplit(':').next().unwrap_or(&arn));
                (Grouped::Balancer(arn), label)
            }
            Manager::Other(id, about) => return Err(FaultError::Unreachable(id, about)),
        };
        Ok(Chosen { grouped, vpc, label, tags, groups, interfaces, subnets })
    }
}

async fn balancer_tags(clients: &RegionClients, arn: &str) -> Result<BTreeMap<String, String>, CloudError> {
    let call = clients.reading.elb.describe_tags().resource_arns(arn).send();
    let answer = call.await.map_err(CloudError::of("elasticloadbalancing:DescribeTags"))?;
    let tags = answer.tag_descriptions().iter().flat_map(TagDescription::tags);
    Ok(tags.filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned()))).collect())
}

fn swaps(context: &PlanContext<'_>, chosen: &[Chosen]) -> Result<Vec<Action>, FaultError> {
    let mut by_vpc: BTreeMap<&str, Vec<&Chosen>> = BTreeMap::new();
    for one in chosen {
        by_vpc.entry(&one.vpc).or_default().push(one);
    }
    let mut actions = Vec::new();
    for (vpc, members) in by_vpc {
        let group = format!("{}/{vpc}", context.number);
        let was = members.iter().map(|one| (one.grouped.tag_key(), one.groups.clone())).collect();
        fits_into_tags(&was, OWN_TAGS + context.site.tags.len())?;
        actions.push(Action::CreateEmpty(CreateEmpty {
            vpc: vpc.to_owned(),
            group: group.clone(),
            name: format!("{}-{}", context.run, context.number),
            was,
            tags: context.site.tags.clone(),
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

/// Whether the empty group's tags can tell which groups each target had.
fn fits_into_tags(was: &BTreeMap<String, Vec<String>>, other_tags: usize) -> Result<(), FaultError> {
    let room = TAGS_OF_A_RESOURCE.saturating_sub(other_tags);
    if was.len() > room {
        let text = format!(
            "{} targets are more than the {room} that fit into the tags of the empty group: split the fault",
            was.len()
        );
        return Err(FaultError::Quota(text));
    }
    match was.iter().find(|(_, groups)| groups.join(" ").len() > VALUE_CHARACTERS) {
        None => Ok(()),
        Some((target, groups)) => {
            let (target, count) = (target.trim_start_matches(WAS_TAG), groups.len());
            let text = format!(
                "{target} has {count} security groups, whose IDs do not fit into a tag: exclude it with `targets`"
            );
            Err(FaultError::Quota(text))
        }
    }
}

async fn revokes(
    context: &PlanContext<'_>,
    chosen: &[Chosen],
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
        let call = context.clients.ec2.describe_security_groups().group_ids(group).send();
        let answer = call.await.map_err(CloudError::of("ec2:DescribeSecurityGroups"))?;
        let permissions = || answer.security_groups().iter().flat_map(SecurityGroup::ip_permissions);
        let described = group_rule::described(context.clients, group).await?;
        let matching: Vec<Revoke> = permissions()
            .flat_map(GroupRule::of)
            .filter(|rule| matches(rule, context))
            .map(|rule| revoke(group, rule, &described))
            .collect();
        if let Some(stale) = matching.iter().find(|change| is_stale(&change.rule, permissions())) {
            return Err(FaultError::Stale(group.clone(), stale.rule.to_string()));
        }
        if !matching.is_empty() {
            let tags = tags_of(answer.security_groups().first().map_or(&[], SecurityGroup::tags));
            let was: Vec<_> =
                (0..).zip(&matching).flat_map(|(number, change)| change.rule.marks(number, &change.tags)).collect();
            // One more tells the run.
            if tags.len() + was.len() + 1 > TAGS_OF_A_RESOURCE {
                let text = format!(
                    "{group} has {} rules to revoke, more than fit into its tags together with their own tags: use `method = \"swap-groups\"`",
                    matching.len()
                );
                return Err(FaultError::Quota(text));
            }
            actions.push(context.mark(Marked::Group(group.clone()), &tags, was)?);
        }
        actions.extend(matching.into_iter().map(Action::Revoke));
    }
    if actions.is_empty() {
        return Err(FaultError::Refused("no rule in the security groups of the targets matches `cidrs` and `ports`"));
    }
    actions.sort_by_key(Action::stage);
    Ok(actions)
}

fn revoke(group: &str, rule: GroupRule, described: &[DescribedRule]) -> Revoke {
    let own = described.iter().find(|known| !known.egress && known.rule.is(&rule));
    let (id, tags) = own.map(|own| (own.id.clone(), own.tags.clone())).unzip();
    Revoke { group: group.to_owned(), rule, id, tags: tags.unwrap_or_default() }
}

/// A rule that names a group over a peering connection that is gone works no more, and EC2 refuses to authorize it again (VPC peering guide,
/// "Work with stale security group rules").
fn is_stale<'a>(rule: &GroupRule, mut permissions: impl Iterator<Item = &'a IpPermission>) -> bool {
    let Source::Group(group) = &rule.source else { return false };
    permissions.any(|permission| {
        let mut pairs = permission.user_id_group_pairs().iter().filter(|pair| pair.group_id() == Some(group));
        pairs.any(|pair| pair.peering_status().is_some_and(|status| status != "active"))
    })
}

fn matches(rule: &GroupRule, context: &PlanContext<'_>) -> bool {
    let door = PortRange { from: context.site.front_door.port, to: context.site.front_door.port };
    let ports: &[PortRange] = if context.spec.ports.is_empty() { &[door] } else { &context.spec.ports };
    let port = match rule.ports {
        // EC2 gives no ports for all protocols, and -1 for all ICMP types.
        None => true,
        Some((from, to)) => ports.iter().any(|own| from <= i32::from(own.to) && i32::from(own.from) <= to),
    };
    let source = context.spec.cidrs.is_empty()
        || match &rule.source {
            Source::Ipv4(range) | Source::Ipv6(range) => {
                Cidr::parse(range).is_ok_and(|range| context.spec.cidrs.contains(&range))
            }
            Source::PrefixList(_) | Source::Group(_) => false,
        };
    port && source && matches!(rule.protocol.as_str(), "tcp" | "6" | "-1")
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_sdk_ec2::types::{GroupIdentifier, UserIdGroupPair};

    fn interface(id: &str, about: &str, managed: bool) -> NetworkInterface {
        NetworkInterface::builder()
            .network_interface_id(id)
            .vpc_id("vpc-1")
            .subnet_id("subnet-1")
            .requester_managed(managed)
            .description(about)
            .groups(GroupIdentifier::builder().group_id("sg-1").build())
            .build()
    }

    #[test]
    fn c29_an_interface_of_another_service_is_no_blocker_where_it_is_not_selected() {
        let interfaces = [
            interface("eni-1", "EFS mount target for fs-1 (fsmt-1)", true),
            interface("eni-2", "RDSNetworkInterface", true),
            interface("eni-3", "AWS Lambda VPC ENI-door", true),
            interface("eni-4", "ELB app/door/50dc6c495c0c9188", true),
            interface("eni-5", "ELB app/door/50dc6c495c0c9188", true),
            interface("eni-6", "", false),
        ];
        let found = candidates(&interfaces, &[], &BTreeSet::from(["subnet-1"]));
        let named = |name: &str| -> Vec<&BTreeSet<String>> {
            found.iter().filter(|one| one.manager.is_balancer(name)).map(|one| &one.interfaces).collect()
        };
        let both = BTreeSet::from(["eni-4".to_owned(), "eni-5".to_owned()]);
        let arn = "arn:aws:elasticloadbalancing:us-east-1:111122223333:loadbalancer/app/door/50dc6c495c0c9188";
        assert_eq!(named("door"), [&both]);
        assert_eq!(named(arn), [&both]);
        assert!(named("oor").is_empty() && named("other").is_empty());
        let others = found.iter().filter(|one| matches!(one.manager, Manager::Other(..))).count();
        assert_eq!((found.len(), others), (5, 3));
        // Those come last, so that `count` prefers what can be changed.
        assert!(matches!(found[0].manager, Manager::Nobody(_)));
    }

    #[test]
    fn b13_groups_that_a_tag_cannot_hold_are_found_when_planned() {
        let groups = |count: usize| -> BTreeMap<String, Vec<String>> {
            let ids = (0..count).map(|n| format!("sg-{n:017x}")).collect();
            [(Grouped::Interface("eni-1".to_owned()).tag_key(), ids)].into()
        };
        assert!(fits_into_tags(&groups(12), OWN_TAGS).is_ok());
        let refused = fits_into_tags(&groups(13), OWN_TAGS).unwrap_err().to_string();
        assert!(refused.starts_with("eni-1 has 13 security groups"), "{refused}");
        let many: BTreeMap<_, _> = (0..49).map(|n| (format!("eni-{n}"), vec!["sg-1".to_owned()])).collect();
        assert!(matches!(fits_into_tags(&many, OWN_TAGS), Err(FaultError::Quota(_))));
    }

    #[test]
    fn c34_a_rule_over_a_peering_connection_that_is_gone_is_refused_when_planned() {
        for (status, stale) in [("active", false), ("deleted", true)] {
            let pair = UserIdGroupPair::builder().group_id("sg-9").user_id("444455556666").peering_status(status);
            let permission = IpPermission::builder().ip_protocol("-1").user_id_group_pairs(pair.build()).build();
            let rule = GroupRule::of(&permission).remove(0);
            assert_eq!(is_stale(&rule, [&permission].into_iter()), stale);
        }
    }
}
