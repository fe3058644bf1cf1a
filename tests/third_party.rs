//! A third party acts during a run: at every phase, on whatever a fault changes or stands beside. What is the run's own is put back; what others
//! did stays, and is named.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_ec2::types::{Filter, IpPermission, IpRange, ResourceType, RuleAction, Tag, TagSpecification};
use aws_sdk_route53::types::TagResourceType;
use futures::future::BoxFuture;
use gameday::cloud::RegionClients;
use gameday::faults::{Restored, Vpc};
use gameday_core::model::{Event, Phase, Rate};
use gameday_core::scenario::{FaultKind, FaultSpec, GroupMethod, Targets};
use tokio_util::sync::CancellationToken;

use crate::support::{self, Lab, SHORT_TTL, gameday, json, short_scenario};
use crate::tools;
use crate::wire::place::{Place, Rehearsal};

/// When a third party acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Everything is prepared, nothing hurts yet.
    Prepared,
    Outage,
    /// Everything was put back.
    Failback,
}

/// Does something to the network that a rehearsal is at work in; gives the ID of what it did it to.
type Act = for<'a> fn(&'a Rehearsal<'a>) -> BoxFuture<'a, String>;

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build()
}

fn clients<'a>(rehearsal: &'a Rehearsal<'a>) -> &'a RegionClients {
    rehearsal.place.primary()
}

/// VPC and subnet of the first target.
fn target(rehearsal: &Rehearsal<'_>) -> (String, String) {
    rehearsal.plan.faults[0].blast_radius.subnets.first().unwrap().clone()
}

fn vpc(rehearsal: &Rehearsal<'_>) -> String {
    rehearsal.plan.vpcs.first().unwrap().1.clone()
}

/// The network ACL that the first target had when it was planned.
fn original(rehearsal: &Rehearsal<'_>) -> String {
    let of = |action: &gameday::faults::Action| match serde_json::to_value(action).unwrap() {
        action if action["action"] == "swap" => Some(action["original"].as_str().unwrap().to_owned()),
        _ => None,
    };
    rehearsal.plan.faults[0].actions.iter().find_map(of).unwrap()
}

fn interface(rehearsal: &Rehearsal<'_>) -> String {
    rehearsal.plan.faults[0].targets[0].id.clone()
}

async fn new_acl(rehearsal: &Rehearsal<'_>) -> String {
    let tags = TagSpecification::builder().resource_type(ResourceType::NetworkAcl).tags(tag("Name", "theirs")).build();
    let call = clients(rehearsal).ec2_mutating.create_network_acl().vpc_id(vpc(rehearsal)).tag_specifications(tags);
    call.send().await.unwrap().network_acl().unwrap().network_acl_id().unwrap().to_owned()
}

async fn new_group(rehearsal: &Rehearsal<'_>) -> String {
    let name = format!("theirs-{}", rehearsal.run);
    let call = clients(rehearsal).ec2_mutating.create_security_group().vpc_id(vpc(rehearsal)).group_name(name);
    call.description("theirs").send().await.unwrap().group_id.unwrap()
}

async fn move_subnet(clients: &RegionClients, vpc: &str, subnet: &str, acl: &str) {
    let association = Vpc::describe(clients, vpc).await.unwrap().association(subnet).unwrap().id.clone();
    let call = clients.ec2_mutating.replace_network_acl_association().association_id(association);
    call.network_acl_id(acl).send().await.unwrap();
}

fn somebody(permission: i32) -> IpPermission {
    let range = IpRange::builder().cidr_ip("192.0.2.0/24").build();
    IpPermission::builder().ip_protocol("tcp").from_port(permission).to_port(permission).ip_ranges(range).build()
}

async fn add_rule(rehearsal: &Rehearsal<'_>, group: &str) {
    let call = clients(rehearsal).ec2_mutating.authorize_security_group_ingress().group_id(group);
    call.ip_permissions(somebody(22)).send().await.unwrap();
}

/// The first group that the first target has, by the plan.
fn group(rehearsal: &Rehearsal<'_>) -> String {
    let of = |action: &gameday::faults::Action| {
        let action = serde_json::to_value(action).unwrap();
        action["group"].as_str().filter(|id| id.starts_with("sg-")).map(str::to_owned)
    };
    rehearsal.plan.faults[0].actions.iter().find_map(of).unwrap()
}

const ADDS_AN_ACL: Act = |rehearsal| Box::pin(async move { new_acl(rehearsal).await });
const ADDS_A_GROUP: Act = |rehearsal| Box::pin(async move { new_group(rehearsal).await });
const EDITS_THE_ORIGINAL: Act = |rehearsal| {
    Box::pin(async move {
        let acl = original(rehearsal);
        let call = clients(rehearsal).ec2_mutating.create_network_acl_entry().network_acl_id(&acl).rule_number(77);
        let call = call.protocol("-1").rule_action(RuleAction::Deny).egress(false).cidr_block("192.0.2.0/24");
        call.send().await.unwrap();
        acl
    })
};
const MOVES_A_TARGET: Act = |rehearsal| {
    Box::pin(async move {
        let (vpc, subnet) = target(rehearsal);
        let acl = new_acl(rehearsal).await;
        move_subnet(clients(rehearsal), &vpc, &subnet, &acl).await;
        subnet
    })
};
const MOVES_ANOTHER_SUBNET: Act = |rehearsal| {
    Box::pin(async move {
        let (vpc, _) = target(rehearsal);
        let targets = &rehearsal.plan.faults[0].blast_radius.subnets;
        let described = Vpc::describe(clients(rehearsal), &vpc).await.unwrap();
        let other = described.associations().find(|(id, _)| !targets.contains(&(vpc.clone(), (*id).clone())));
        let other = other.unwrap().0.clone();
        let acl = new_acl(rehearsal).await;
        move_subnet(clients(rehearsal), &vpc, &other, &acl).await;
        other
    })
};
const GIVES_A_TARGET_ANOTHER_GROUP: Act = |rehearsal| {
    Box::pin(async move {
        let (id, own) = (interface(rehearsal), new_group(rehearsal).await);
        let call = clients(rehearsal).ec2_mutating.modify_network_interface_attribute().network_interface_id(&id);
        call.groups(own).send().await.unwrap();
        id
    })
};
const ADDS_A_RULE: Act = |rehearsal| {
    Box::pin(async move {
        let group = group(rehearsal);
        add_rule(rehearsal, &group).await;
        group
    })
};
const DELETES_THE_ADDED_RULES_TAG: Act = |rehearsal| {
    Box::pin(async move {
        let filter = Filter::builder().name("group-id").values(group(rehearsal)).build();
        let rules = clients(rehearsal).ec2.describe_security_group_rules().filters(filter).send().await.unwrap();
        let rule = rules.security_group_rules().iter().find(|rule| rule.is_egress() == Some(true)).unwrap();
        let id = rule.security_group_rule_id().unwrap();
        clients(rehearsal).ec2_mutating.create_tags().resources(id).tags(tag("Name", "theirs")).send().await.unwrap();
        group(rehearsal)
    })
};
const RESERVES_CONCURRENCY: Act = |rehearsal| {
    Box::pin(async move {
        let function = interface(rehearsal);
        let call = clients(rehearsal).mutating.lambda.put_function_concurrency().function_name(&function);
        call.reserved_concurrent_executions(5).send().await.unwrap();
        function
    })
};
const EDITS_THE_HEALTH_CHECK: Act = |rehearsal| {
    Box::pin(async move {
        let id = interface(rehearsal);
        let call = clients(rehearsal).mutating.route53.update_health_check().health_check_id(&id);
        call.failure_threshold(5).send().await.unwrap();
        let tags = clients(rehearsal).mutating.route53.change_tags_for_resource().resource_id(&id);
        let theirs = aws_sdk_route53::types::Tag::builder().key("owner").value("theirs").build();
        tags.resource_type(TagResourceType::Healthcheck).add_tags(theirs).send().await.unwrap();
        id
    })
};

fn of(kind: FaultKind) -> FaultSpec {
    FaultSpec { kind, ..FaultSpec::default() }
}

fn revokes() -> FaultSpec {
    FaultSpec { method: Some(GroupMethod::RevokeRules), ..of(FaultKind::SecurityGroupBlackhole) }
}

fn blackhole() -> FaultSpec {
    of(FaultKind::NaclBlackhole)
}

fn one_zone() -> FaultSpec {
    let targets = Targets { zones: vec!["us-east-1a".to_owned()], ..Targets::default() };
    FaultSpec { targets: Some(targets), ..blackhole() }
}

/// One rehearsal with an act in it. Nothing of the run is left, and the act is named.
async fn acts(place: &Place, fault: &FaultSpec, at: At, name: &str, act: Act) {
    let what = format!("{fault}: {name} at {at:?}");
    let rehearsal = place.rehearsal_of(fault).await;
    let (stop, mut whose) = (CancellationToken::new(), String::new());
    rehearsal.executor.make(&rehearsal.plan.prepare(), &stop).await.unwrap();
    if at == At::Prepared {
        whose = act(&rehearsal).await;
    }
    // A change of a target before the cut may refuse it.
    let cut = rehearsal.executor.make(&rehearsal.plan.cut_at(Duration::ZERO), &stop).await;
    assert!(cut.is_ok() || at == At::Prepared, "{what}: {cut:?}");
    if at == At::Outage {
        whose = act(&rehearsal).await;
    }
    let Restored { left, .. } = rehearsal.restore().await;
    assert_eq!(left, Vec::<String>::new(), "{what}");
    if at == At::Failback {
        whose = act(&rehearsal).await;
    }
    let compared = rehearsal.compared().await;
    assert_eq!(compared.left, Vec::<String>::new(), "{what}");
    assert_eq!(compared.before_sha256, compared.after_sha256, "{what}");
    let named = compared.others.iter().any(|other| other.found.contains(&whose) && other.resource == whose);
    assert!(named || rehearsal.was_changed_by_others(&whose), "{what}: {whose} is not in {compared:#?}");
}

async fn every_phase(fault: &FaultSpec, them: &[(&str, Act)]) {
    for (name, act) in them {
        for at in [At::Prepared, At::Outage, At::Failback] {
            // What was done is there for good, so that each is done in a network of its own.
            acts(&Place::in_lab().await, fault, at, name, *act).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_network_acls_and_associations() {
    let them: [(&str, Act); 3] = [
        ("a new network ACL", ADDS_AN_ACL),
        ("a rule on the original", EDITS_THE_ORIGINAL),
        ("a target moved", MOVES_A_TARGET),
    ];
    every_phase(&blackhole(), &them).await;
    every_phase(&one_zone(), &[("another subnet moved", MOVES_ANOTHER_SUBNET)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn b1_on_security_groups_and_interfaces() {
    let them: [(&str, Act); 2] =
        [("a new group", ADDS_A_GROUP), ("another group on a target", GIVES_A_TARGET_ANOTHER_GROUP)];
    every_phase(&of(FaultKind::SecurityGroupBlackhole), &them).await;
    let them: [(&str, Act); 3] = [
        ("a new group", ADDS_A_GROUP),
        ("a new rule of the group", ADDS_A_RULE),
        ("a tag of another rule", DELETES_THE_ADDED_RULES_TAG),
    ];
    every_phase(&revokes(), &them).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_function_and_a_health_check() {
    every_phase(&of(FaultKind::LambdaTriggerBreak), &[("a reserved concurrency", RESERVES_CONCURRENCY)]).await;
    every_phase(&of(FaultKind::HealthCheckInvert), &[("another threshold", EDITS_THE_HEALTH_CHECK)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_the_limit_of_sign_ins() {
    let place = Place::in_lab().await;
    let fault = FaultSpec { rate: Some(Rate(300.0)), ..of(FaultKind::ProvisionedLimit) };
    let rehearsal = place.rehearsal_of(&fault).await;
    rehearsal.inject().await.unwrap();
    let cognito = &place.primary().mutating.cognito;
    let limit = aws_sdk_cognitoidentityprovider::types::LimitDefinitionType::builder()
        .limit_class(aws_sdk_cognitoidentityprovider::types::LimitClass::ApiCategory)
        .attributes("Category", "UserAuthentication");
    let call = cognito.update_provisioned_limit().limit_definition(limit.build().unwrap()).requested_limit_value(400);
    call.send().await.unwrap();
    assert_eq!(rehearsal.restore().await.left, Vec::<String>::new());
    let compared = rehearsal.compared().await;
    assert_eq!(compared.left, Vec::<String>::new());
    let named = compared.others.iter().any(|other| other.found.contains("400/s"));
    assert!(named || rehearsal.was_changed_by_others("UserAuthentication"), "{compared:#?}");
}

/// The subnets are on an ACL that is not the default, which could not be deleted.
async fn with_a_custom_acl(place: &Place) -> Rehearsal<'_> {
    let (targets, vpc, acl) = {
        let planned = place.rehearsal().await;
        let subnets = planned.plan.faults[0].blast_radius.subnets.clone();
        (subnets, vpc(&planned), new_acl(&planned).await)
    };
    let ec2 = &place.primary().ec2_mutating;
    for egress in [false, true] {
        let call = ec2.create_network_acl_entry().network_acl_id(&acl).rule_number(1).egress(egress);
        let call = call.protocol("-1").rule_action(RuleAction::Allow).cidr_block("0.0.0.0/0");
        call.send().await.unwrap();
    }
    for (_, subnet) in &targets {
        move_subnet(place.primary(), &vpc, subnet, &acl).await;
    }
    place.rehearsal().await
}

/// The subnets cannot be given back; the copy goes on in the original's place, and how to go on from there is said.
#[tokio::test(flavor = "multi_thread")]
async fn s18_an_original_that_somebody_deleted_is_named_with_a_way_out() {
    let place = Place::in_lab().await;
    for at in [At::Prepared, At::Outage] {
        let rehearsal = with_a_custom_acl(&place).await;
        let original = original(&rehearsal);
        let delete = || place.primary().ec2_mutating.delete_network_acl().network_acl_id(&original).send();
        let stop = CancellationToken::new();
        rehearsal.executor.make(&rehearsal.plan.prepare(), &stop).await.unwrap();
        if at == At::Prepared {
            delete().await.unwrap();
        }
        let _ = rehearsal.executor.make(&rehearsal.plan.cut_at(Duration::ZERO), &stop).await;
        if at == At::Outage {
            delete().await.unwrap();
        }
        // While it denies, it is left, whatever became of the original.
        assert!(!rehearsal.compared().await.left.is_empty(), "{at:?}");
        let Restored { left, changed_by_others, .. } = rehearsal.restore().await;
        assert_eq!(left, Vec::<String>::new(), "{at:?}");
        let said: Vec<&str> = changed_by_others.iter().map(|others| others.found.as_str()).collect();
        let said = said.join("\n");
        for part in [
            &format!("{original} was deleted by someone else"),
            "replace-network-acl-association",
            "delete-network-acl",
        ] {
            assert!(said.contains(part), "{at:?}: {part} is not in {said}");
        }
        let compared = rehearsal.compared().await;
        assert_eq!(compared.left, Vec::<String>::new(), "{at:?}: {compared:#?}");
        assert_eq!(compared.before_sha256, compared.after_sha256, "{at:?}");
        // The copy is theirs now: it has the original's rules, and nothing that tells of the run.
        let (vpc, subnet) = target(&rehearsal);
        let described = Vpc::describe(place.primary(), &vpc).await.unwrap();
        let kept = described.acl(&described.association(&subnet).unwrap().acl).unwrap();
        assert!(kept.rules.iter().all(|rule| rule.allow) && kept.tags.is_empty(), "{kept:?}");
    }
}

/// What is the run's own is left until it is undone, whatever others say of it.
#[tokio::test(flavor = "multi_thread")]
async fn what_the_run_made_or_marked_is_left_until_it_is_undone() {
    let place = Place::in_lab().await;
    let faults = [
        blackhole(),
        of(FaultKind::SecurityGroupBlackhole),
        revokes(),
        of(FaultKind::LambdaTriggerBreak),
        of(FaultKind::HealthCheckInvert),
    ];
    for fault in faults {
        let rehearsal = place.rehearsal_of(&fault).await;
        let prepare = rehearsal.plan.prepare();
        rehearsal.executor.make(&prepare, &CancellationToken::new()).await.unwrap();
        let compared = rehearsal.compared().await;
        assert!(!compared.left.is_empty() && compared.others.is_empty(), "{fault}: {compared:#?}");
        assert_ne!(compared.before_sha256, compared.after_sha256, "{fault}");
        let cut = rehearsal.plan.cut_at(Duration::ZERO);
        rehearsal.executor.make(&cut, &CancellationToken::new()).await.unwrap();
        let cut = rehearsal.compared().await;
        assert!(cut.left.len() >= compared.left.len() && cut.others.is_empty(), "{fault}: {cut:#?}");
        assert_eq!(rehearsal.restore().await.left, Vec::<String>::new(), "{fault}");
        let compared = rehearsal.compared().await;
        assert!(compared.left.is_empty() && compared.others.is_empty(), "{fault}: {compared:#?}");
        assert_eq!(compared.renewed.is_empty(), fault.method != Some(GroupMethod::RevokeRules), "{fault}");
    }
}

/// Rules come back with their tags, whoever brings them back: the run, or the schedule that heals; and by marks alone.
#[tokio::test(flavor = "multi_thread")]
async fn s6_revoked_rules_come_back_with_their_tags_and_the_new_ids_are_told() {
    let place = Place::in_lab().await;
    let ec2 = &place.primary().ec2_mutating;
    let first = place.rehearsal_of(&revokes()).await;
    let filter = || Filter::builder().name("group-id").values(group(&first)).build();
    let rules = || async {
        let call = place.primary().ec2.describe_security_group_rules().filters(filter());
        let rules = call.send().await.unwrap().security_group_rules.unwrap_or_default();
        rules.into_iter().filter(|rule| rule.is_egress() == Some(false)).collect::<Vec<_>>()
    };
    let long = "x".repeat(256);
    let wanted: BTreeMap<&str, &str> = [("Name", "front door"), ("long", &long), ("quoted", "\"ä\\")].into();
    let ids: Vec<String> = rules().await.iter().map(|rule| rule.security_group_rule_id().unwrap().to_owned()).collect();
    let tags = wanted.iter().map(|(key, value)| tag(key, value)).collect();
    ec2.create_tags().set_resources(Some(ids.clone())).set_tags(Some(tags)).send().await.unwrap();
    let tagged = |rules: &[aws_sdk_ec2::types::SecurityGroupRule]| {
        let of = |rule: &aws_sdk_ec2::types::SecurityGroupRule| {
            let tags = rule.tags().iter().map(|tag| (tag.key().unwrap().to_owned(), tag.value().unwrap().to_owned()));
            tags.collect::<BTreeMap<String, String>>()
        };
        !rules.is_empty()
            && rules.iter().all(|rule| {
                of(rule).iter().map(|(k, v)| (k.as_str(), v.as_str())).collect::<BTreeMap<_, _>>() == wanted
            })
    };
    for by_hand in [false, true] {
        let rehearsal = place.rehearsal_of(&revokes()).await;
        assert!(
            rehearsal.plan.notes.iter().any(|note| note.contains("a new ID instead of sgr-")),
            "{:?}",
            rehearsal.plan.notes
        );
        rehearsal.inject().await.unwrap();
        if by_hand {
            // Somebody, or an older version's schedule, brought the rule back without its tags.
            let port = rehearsal.plan.faults[0].actions.iter().find_map(|action| {
                let action = serde_json::to_value(action).unwrap();
                action["rule"]["ports"][0].as_i64()
            });
            let port = i32::try_from(port.unwrap()).unwrap();
            let anywhere = IpRange::builder().cidr_ip("0.0.0.0/0").build();
            let rule = IpPermission::builder().ip_protocol("tcp").from_port(port).to_port(port).ip_ranges(anywhere);
            let call = ec2.authorize_security_group_ingress().group_id(group(&rehearsal));
            call.ip_permissions(rule.build()).send().await.unwrap();
        }
        assert_eq!(rehearsal.restore().await.left, Vec::<String>::new());
        let now = rules().await;
        assert!(tagged(&now), "{now:#?}");
        let compared = rehearsal.compared().await;
        assert!(compared.left.is_empty() && compared.others.is_empty(), "{compared:#?}");
        assert_eq!(compared.renewed.len(), now.len(), "{:?}", compared.renewed);
        for rule in &now {
            let id = rule.security_group_rule_id().unwrap();
            assert!(compared.renewed.iter().any(|told| told.contains(id)), "{id}: {:?}", compared.renewed);
        }
    }
}

/// A whole run: everything is put back, and somebody's new security group is news.
#[test]
fn b1_a_security_group_that_somebody_makes_in_the_outage_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let rules = support::lab_with(folder.path(), SHORT_TTL);
    let lab = Lab::start(folder.path(), &["--speed", "20", "--seed", "5", "--env", rules.to_str().unwrap()]);
    let scenario = short_scenario(folder.path());
    let text = std::fs::read_to_string(&scenario).unwrap();
    std::fs::write(&scenario, text.replace("nacl-blackhole", "security-group-blackhole")).unwrap();
    let out = folder.path().join("run");
    let mut run = gameday();
    run.arg("run").arg(&scenario).arg("--env").arg(&lab.environment).arg("--out").arg(&out);
    let mut running = tools::Running(run.spawn().unwrap());
    tools::within(Duration::from_mins(1), "the outage", || support::current_phase(&out) == Some(Phase::Outage));
    let site = lab.site();
    let made = tokio::runtime::Runtime::new().unwrap().block_on(async {
        let cloud = gameday::cloud::Cloud::connect(&site).await.unwrap();
        let ec2 = &cloud.primary.ec2_mutating;
        let vpc = cloud.primary.ec2.describe_vpcs().send().await.unwrap().vpcs()[0].vpc_id().unwrap().to_owned();
        let call = ec2.create_security_group().vpc_id(vpc).group_name("theirs").description("theirs");
        call.send().await.unwrap().group_id.unwrap()
    });
    let code = running.0.wait().unwrap().code();
    assert!(matches!(code, Some(0 | 1)), "{code:?}");
    let told = support::events(&out).into_iter().find_map(|record| match record.event {
        Event::ChangedByOthers { resource, found, .. } if resource == made => Some(found),
        _ => None,
    });
    assert!(told.as_ref().is_some_and(|told| told.contains("(theirs) is new")), "{told:?}");
    let report = std::fs::read_to_string(out.join("report.md")).unwrap();
    assert!(report.contains("WARNING: others changed 1 resource during the run") && report.contains(&made), "{report}");
    assert_eq!(json(&out.join("run.json"))["rollback"]["state_identical"], true);
}
