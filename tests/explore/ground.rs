//! What stands in the account, asked for without anything of the runner's between: by AWS's SDK, directly at the lab.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{IpPermission, IpRange, ResourceType, RuleAction, Tag, TagSpecification};
use gameday::cloud::{Cloud, RegionClients};
use rand::{Rng, RngExt};

use super::story::Deed;

/// The number of the rule that others add to a network ACL.
const THEIR_RULE: i32 = 77;

/// What there is, by what it is and its ID, and all that is known of it.
pub type Ground = BTreeMap<String, BTreeSet<String>>;

fn tags(tags: &[Tag]) -> impl Iterator<Item = String> {
    tags.iter().map(|tag| format!("tag {}={}", tag.key().unwrap_or_default(), tag.value().unwrap_or_default()))
}

/// Everything that a run may change, in both Regions.
pub async fn describe(cloud: &Cloud, health_check: &str, pool: &str) -> Ground {
    let mut ground = Ground::new();
    for clients in [&cloud.primary, &cloud.replica] {
        of_region(clients, pool, &mut ground).await;
    }
    let route53 = &cloud.route53;
    let checked = route53.get_health_check().health_check_id(health_check).send().await.unwrap();
    let config = checked.health_check().unwrap().health_check_config().unwrap();
    let tagged = route53.list_tags_for_resource().resource_id(health_check);
    let tagged = tagged.resource_type(aws_sdk_route53::types::TagResourceType::Healthcheck).send().await.unwrap();
    let tags = tagged.resource_tag_set().unwrap().tags();
    let mut facts: BTreeSet<String> = tags.iter().map(|tag| format!("tag {:?}={:?}", tag.key(), tag.value())).collect();
    facts.insert(format!("threshold {:?}", config.failure_threshold()));
    facts.insert(format!("inverted {:?}, disabled {:?}", config.inverted(), config.disabled()));
    ground.insert(format!("health check {health_check}"), facts);
    ground
}

async fn of_region(clients: &RegionClients, pool: &str, ground: &mut Ground) {
    let region = &clients.region;
    let ec2 = &clients.ec2;
    for acl in ec2.describe_network_acls().send().await.unwrap().network_acls() {
        let mut facts: BTreeSet<String> = tags(acl.tags()).collect();
        facts.extend(acl.entries().iter().map(|entry| {
            let ports = entry.port_range().map(|range| (range.from(), range.to()));
            entry_text(
                entry.rule_number().unwrap(),
                entry.egress().unwrap(),
                entry.rule_action().unwrap(),
                &format!("{:?} {:?} {ports:?}", entry.protocol(), entry.cidr_block()),
            )
        }));
        let id = acl.network_acl_id().unwrap();
        for association in acl.associations() {
            let subnet = association.subnet_id().unwrap();
            ground.insert(format!("{region} subnet {subnet}"), [id.to_owned()].into());
        }
        ground.insert(format!("{region} acl {id}"), facts);
    }
    for group in ec2.describe_security_groups().send().await.unwrap().security_groups() {
        let mut facts: BTreeSet<String> = tags(group.tags()).collect();
        for (way, permissions) in [("in", group.ip_permissions()), ("out", group.ip_permissions_egress())] {
            facts.extend(permissions.iter().flat_map(|permission| {
                let ranges = permission.ip_ranges().iter().map(|range| format!("{:?}", range.cidr_ip()));
                let pairs = permission.user_id_group_pairs().iter().map(|pair| format!("{:?}", pair.group_id()));
                let port = (permission.from_port(), permission.to_port());
                let of = format!("{way} {:?} {port:?}", permission.ip_protocol());
                ranges.chain(pairs).map(move |from| format!("{of} {from}")).collect::<Vec<_>>()
            }));
        }
        ground.insert(format!("{region} group {}", group.group_id().unwrap()), facts);
    }
    for interface in ec2.describe_network_interfaces().send().await.unwrap().network_interfaces() {
        let mut facts: BTreeSet<String> = tags(interface.tag_set()).collect();
        facts.extend(interface.groups().iter().map(|group| group.group_id().unwrap().to_owned()));
        ground.insert(format!("{region} interface {}", interface.network_interface_id().unwrap()), facts);
    }
    for balancer in clients.reading.elb.describe_load_balancers().send().await.unwrap().load_balancers() {
        let facts = balancer.security_groups().iter().cloned().collect();
        ground.insert(format!("{region} balancer {}", balancer.load_balancer_arn().unwrap()), facts);
    }
    for function in functions(clients, pool).await {
        let reserved = clients.reading.lambda.get_function_concurrency().function_name(&function).send().await.unwrap();
        let of = reserved.reserved_concurrent_executions();
        ground.insert(format!("{region} function {function}"), [format!("reserved {of:?}")].into());
    }
    for schedule in clients.reading.scheduler.list_schedules().send().await.unwrap().schedules() {
        ground.insert(format!("{region} schedule {:?}", schedule.name()), BTreeSet::new());
    }
}

/// The triggers of the pool.
async fn functions(clients: &RegionClients, pool: &str) -> Vec<String> {
    let described = clients.cognito.describe_user_pool().user_pool_id(pool).send().await;
    let Ok(described) = described else { return Vec::new() };
    let config = described.user_pool().and_then(|pool| pool.lambda_config());
    config.and_then(|config| config.pre_token_generation().map(str::to_owned)).into_iter().collect()
}

fn entry_text(number: i32, egress: bool, action: &RuleAction, what: &str) -> String {
    format!("entry {number} egress {egress} {action} {what}")
}

/// Does it, to something that was there before the run, and notes what becomes of that. What cannot be done is left.
pub async fn act(deed: Deed, cloud: &Cloud, expected: &mut Ground, health_check: &str, draws: &mut impl Rng) -> bool {
    let primary = &cloud.primary;
    let region = primary.region.clone();
    let mut of = |kind: &str| {
        let prefix = format!("{region} {kind} ");
        let all: Vec<String> = expected.keys().filter_map(|key| key.strip_prefix(&prefix)).map(str::to_owned).collect();
        (!all.is_empty()).then(|| all[draws.random_range(0..all.len())].clone())
    };
    let key = |kind: &str, id: &str| format!("{region} {kind} {id}");
    let vpc = primary.ec2.describe_vpcs().send().await.unwrap().vpcs()[0].vpc_id().unwrap().to_owned();
    match deed {
        Deed::NewAcl => {
            let acl = new_acl(primary, &vpc).await;
            let (ours, theirs) = (key("acl", &acl), facts_of(primary, &acl).await);
            expected.insert(ours, theirs);
            true
        }
        Deed::NewGroup => {
            let group = new_group(primary, &vpc).await;
            expected
                .insert(key("group", &group), ["out Some(\"-1\") (None, None) Some(\"0.0.0.0/0\")".to_owned()].into());
            true
        }
        Deed::RuleInAcl => {
            let Some(acl) = of("acl") else { return false };
            let call = primary.ec2_mutating.create_network_acl_entry().network_acl_id(&acl).rule_number(THEIR_RULE);
            let call = call.protocol("-1").rule_action(RuleAction::Deny).egress(false).cidr_block("192.0.2.0/24");
            let done = call.send().await.is_ok();
            if done {
                let what = "Some(\"-1\") Some(\"192.0.2.0/24\") None";
                let entry = entry_text(THEIR_RULE, false, &RuleAction::Deny, what);
                expected.get_mut(&key("acl", &acl)).unwrap().insert(entry);
            }
            done
        }
        Deed::RuleInGroup => {
            let Some(group) = of("group") else { return false };
            let range = IpRange::builder().cidr_ip("192.0.2.0/24").build();
            let rule = IpPermission::builder().ip_protocol("tcp").from_port(22).to_port(22).ip_ranges(range).build();
            let call = primary.ec2_mutating.authorize_security_group_ingress().group_id(&group).ip_permissions(rule);
            let done = call.send().await.is_ok();
            if done {
                let rule = "in Some(\"tcp\") (Some(22), Some(22)) Some(\"192.0.2.0/24\")".to_owned();
                expected.get_mut(&key("group", &group)).unwrap().insert(rule);
            }
            done
        }
        Deed::MoveSubnet => {
            let Some(subnet) = of("subnet") else { return false };
            let acl = new_acl(primary, &vpc).await;
            expected.insert(key("acl", &acl), facts_of(primary, &acl).await);
            let acls = primary.ec2.describe_network_acls().send().await.unwrap();
            let associations = acls.network_acls().iter().flat_map(aws_sdk_ec2::types::NetworkAcl::associations);
            let its = associations.into_iter().find(|one| one.subnet_id() == Some(&subnet)).unwrap();
            let call = primary.ec2_mutating.replace_network_acl_association().network_acl_id(&acl);
            let done = call.association_id(its.network_acl_association_id().unwrap()).send().await.is_ok();
            if done {
                expected.insert(key("subnet", &subnet), [acl].into());
            }
            done
        }
        Deed::OtherGroupOnInterface => {
            let Some(interface) = of("interface") else { return false };
            let group = new_group(primary, &vpc).await;
            expected
                .insert(key("group", &group), ["out Some(\"-1\") (None, None) Some(\"0.0.0.0/0\")".to_owned()].into());
            let call = primary.ec2_mutating.modify_network_interface_attribute().network_interface_id(&interface);
            let done = call.groups(&group).send().await.is_ok();
            if done {
                let facts = expected.get_mut(&key("interface", &interface)).unwrap();
                facts.retain(|fact| !fact.starts_with("sg-"));
                facts.insert(group);
            }
            done
        }
        Deed::HealthCheckThreshold => {
            let call = cloud.route53.update_health_check().health_check_id(health_check).failure_threshold(5);
            let done = call.send().await.is_ok();
            if done {
                let facts = expected.get_mut(&format!("health check {health_check}")).unwrap();
                facts.retain(|fact| !fact.starts_with("threshold"));
                facts.insert("threshold Some(5)".to_owned());
            }
            done
        }
        Deed::ReservedConcurrency => {
            let Some(function) = of("function") else { return false };
            let call = primary.mutating.lambda.put_function_concurrency().function_name(&function);
            let done = call.reserved_concurrent_executions(5).send().await.is_ok();
            if done {
                expected.insert(key("function", &function), ["reserved Some(5)".to_owned()].into());
            }
            done
        }
    }
}

async fn new_acl(clients: &RegionClients, vpc: &str) -> String {
    let theirs = Tag::builder().key("Name").value("theirs").build();
    let tags = TagSpecification::builder().resource_type(ResourceType::NetworkAcl).tags(theirs).build();
    let call = clients.ec2_mutating.create_network_acl().vpc_id(vpc).tag_specifications(tags);
    call.send().await.unwrap().network_acl().unwrap().network_acl_id().unwrap().to_owned()
}

async fn facts_of(clients: &RegionClients, acl: &str) -> BTreeSet<String> {
    let mut ground = Ground::new();
    of_region(clients, "", &mut ground).await;
    ground.remove(&format!("{} acl {acl}", clients.region)).unwrap()
}

async fn new_group(clients: &RegionClients, vpc: &str) -> String {
    let groups = clients.ec2.describe_security_groups().send().await.unwrap();
    let name = format!("theirs-{}", groups.security_groups().len());
    let call = clients.ec2_mutating.create_security_group().vpc_id(vpc).group_name(name);
    call.description("theirs").send().await.unwrap().group_id.unwrap()
}

/// What users notice of it: which rules apply where, without what only stands there and without tags.
pub fn effect(ground: &Ground) -> Ground {
    let kinds = [" subnet ", " interface ", " balancer ", " group ", " function ", "health check "];
    let matters = |key: &str| kinds.iter().any(|kind| key.contains(kind));
    // What somebody adds to an original, a clone in its place does not have until the subnets are back.
    let added = format!("entry {THEIR_RULE} ");
    let plain = |facts: &BTreeSet<String>| {
        facts.iter().filter(|fact| !fact.starts_with("tag ") && !fact.starts_with(&added)).cloned().collect()
    };
    let applies = |(key, facts): (&String, &BTreeSet<String>)| {
        let Some((region, _)) = key.split_once(" subnet ") else { return (key.clone(), plain(facts)) };
        let acl = facts.first().and_then(|acl| ground.get(&format!("{region} acl {acl}")));
        (key.clone(), acl.map(plain).unwrap_or_default())
    };
    // Groups that nobody has do nothing.
    let has = |group: &str| ground.iter().any(|(key, facts)| !key.contains(" group ") && facts.contains(group));
    let idle = |key: &str| key.split_once(" group ").is_some_and(|(_, group)| !has(group));
    ground.iter().filter(|(key, _)| matters(key) && !idle(key)).map(applies).collect()
}

/// What is otherwise than expected.
pub fn differences(expected: &Ground, found: &Ground) -> Vec<String> {
    let keys: BTreeSet<&String> = expected.keys().chain(found.keys()).collect();
    let differs = keys.into_iter().filter(|key| expected.get(*key) != found.get(*key));
    differs.map(|key| format!("{key}: expected {:?}, found {:?}", expected.get(key), found.get(key))).collect()
}
