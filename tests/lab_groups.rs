//! The lab's security groups, tags, pages, load balancers and clients' subnet: real SDK clients and real sockets.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use aws_sdk_ec2::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ec2::types::{
    Filter, IpPermission, IpRange, NetworkInterface, ResourceType, RuleAction, Tag, TagSpecification, UserIdGroupPair,
};
use bytes::Bytes;
use gameday_core::env::{CredentialRef, Environment, LabSettings, SecretRef};
use gameday_core::model::{Clock, Milestone, Seed};
use gameday_lab::{Lab, LabOptions};
use gameday_protocols::net;

struct World {
    lab: Lab,
    environment: Environment,
    ec2: aws_sdk_ec2::Client,
    elb: aws_sdk_elasticloadbalancingv2::Client,
}

async fn world(settings: LabSettings) -> World {
    let lab = Lab::start(LabOptions::new(settings, Clock::start(10.0), Seed(7))).await.unwrap();
    let environment = lab.environment();
    let Some(CredentialRef::Static { access_key_id, secret_access_key: SecretRef::Literal(secret) }) =
        &environment.credentials
    else {
        panic!("no static credentials");
    };
    let endpoints = &environment.primary.as_ref().unwrap().endpoints;
    assert_eq!(endpoints["ec2"], endpoints["elasticloadbalancing"]);
    let config = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new(access_key_id, secret.expose(), None, None, "test"))
        .endpoint_url(&endpoints["ec2"])
        .retry_config(aws_config::retry::RetryConfig::disabled())
        .load()
        .await;
    let (ec2, elb) = (aws_sdk_ec2::Client::new(&config), aws_sdk_elasticloadbalancingv2::Client::new(&config));
    World { lab, environment, ec2, elb }
}

fn code<T, E: ProvideErrorMetadata, R>(outcome: Result<T, SdkError<E, R>>) -> String {
    match outcome {
        Ok(_) => "no error".to_owned(),
        Err(error) => error.code().unwrap_or("no code").to_owned(),
    }
}

fn filter(name: &str, value: &str) -> Filter {
    Filter::builder().name(name).values(value).build()
}

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build()
}

/// Whoever comes from anywhere, to these ports.
fn https(from: i32, to: i32) -> IpPermission {
    let anywhere = IpRange::builder().cidr_ip("0.0.0.0/0").build();
    IpPermission::builder().ip_protocol("tcp").from_port(from).to_port(to).ip_ranges(anywhere).build()
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// Whether a new connection opens; over loopback it does so at once or never.
async fn opens(to: SocketAddr) -> bool {
    tokio::time::timeout(Duration::from_millis(300), net::connect(to)).await.is_ok_and(|stream| stream.is_ok())
}

impl World {
    fn port(&self) -> u16 {
        self.environment.front_door.as_ref().unwrap().port
    }

    fn doors(&self) -> Vec<SocketAddr> {
        let direct = &self.environment.primary.as_ref().unwrap().direct;
        direct.iter().map(|address| SocketAddr::new(address.parse().unwrap(), self.port())).collect()
    }

    /// The front doors' interfaces, in the order of the environment's subnets.
    async fn interfaces(&self) -> Vec<NetworkInterface> {
        let subnets = self.environment.primary.as_ref().unwrap().subnets.ids.clone();
        let filter = Filter::builder().name("subnet-id").set_values(Some(subnets)).build();
        let found = self.ec2.describe_network_interfaces().filters(filter).send().await.unwrap();
        found.network_interfaces.unwrap()
    }

    async fn vpc(&self) -> String {
        self.interfaces().await[0].vpc_id().unwrap().to_owned()
    }

    async fn group(&self, vpc: &str, name: &str) -> String {
        let create = self.ec2.create_security_group().vpc_id(vpc).group_name(name).description("for a test");
        create.send().await.unwrap().group_id.unwrap()
    }

    async fn swap(&self, groups: &[&str]) {
        for interface in self.interfaces().await {
            let id = interface.network_interface_id().unwrap();
            let groups = Some(groups.iter().map(|&group| group.to_owned()).collect());
            let call = self.ec2.modify_network_interface_attribute().network_interface_id(id).set_groups(groups);
            call.send().await.unwrap();
        }
    }

    async fn open(&self, from: Option<IpAddr>, to: SocketAddr) -> net::Connection {
        let tls = net::client_tls(Some(self.lab.trust_root_pem())).unwrap();
        let tcp = match from {
            Some(from) => net::connect_from(from, to).await.unwrap(),
            None => net::connect(to).await.unwrap(),
        };
        net::Connection::open(&tls, net::server_name("auth.gameday.test").unwrap(), tcp).await.unwrap()
    }

    fn has(&self, milestone: Milestone) -> bool {
        self.lab.truth_report(None).milestones.iter().any(|known| known.name == milestone)
    }
}

async fn ask(connection: &mut net::Connection) -> u16 {
    let request = http::Request::get("/health").header("host", "auth.gameday.test").body(Bytes::new()).unwrap();
    connection.send(request).await.unwrap().status().as_u16()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_group_stops_new_connections_and_tracked_ones_live_on() {
    let world = world(LabSettings::default()).await;
    let vpc = world.vpc().await;
    let original = world.interfaces().await[0].groups()[0].group_id().unwrap().to_owned();
    let empty = world.group(&vpc, "nothing-in").await;
    let door = world.doors()[0];
    let mut tracked = world.open(None, door).await;
    assert_eq!(ask(&mut tracked).await, 200);

    world.swap(&[&empty]).await;
    until("the users' path is shut", async || world.has(Milestone::FaultEffective)).await;
    for door in world.doors() {
        assert!(!opens(door).await, "{door}");
    }
    assert_eq!(ask(&mut tracked).await, 200, "a tracked connection asks no group again");
    for interface in world.interfaces().await {
        assert_eq!(interface.groups()[0].group_id(), Some(empty.as_str()));
        assert_eq!(interface.groups()[0].group_name(), Some("nothing-in"));
    }
    let waits = tokio::spawn(async move { net::connect(door).await });
    world.swap(&[&empty, &original]).await;
    waits.await.unwrap().expect("the hanging connection opens by itself");
    until("the users' path is open", async || world.has(Milestone::FaultReverted)).await;
    assert_eq!(ask(&mut world.open(None, door).await).await, 200);

    let id = world.interfaces().await[0].network_interface_id().unwrap().to_owned();
    let modify = || world.ec2.modify_network_interface_attribute();
    let one = || modify().network_interface_id(&id);
    assert_eq!(
        code(modify().network_interface_id("eni-1").groups(&empty).send().await),
        "InvalidNetworkInterfaceID.NotFound"
    );
    assert_eq!(code(one().groups("sg-1").send().await), "InvalidGroup.NotFound");
    assert_eq!(code(one().send().await), "InvalidParameterCombination");
    let description = aws_sdk_ec2::types::AttributeValue::builder().value("x").build();
    assert_eq!(code(one().groups(&empty).description(description).send().await), "InvalidParameterCombination");
    let many = world.ec2.describe_security_groups().send().await.unwrap();
    let elsewhere = many.security_groups().iter().find(|group| group.group_name() == Some("clients")).unwrap();
    assert_eq!(code(one().groups(elsewhere.group_id().unwrap()).send().await), "InvalidGroup.NotFound");
    let mut six = Vec::new();
    for number in 0..6 {
        six.push(world.group(&vpc, &format!("g{number}")).await);
    }
    assert_eq!(code(one().set_groups(Some(six.clone())).send().await), "SecurityGroupsPerInterfaceLimitExceeded");
    one().set_groups(Some(six[..5].to_vec())).send().await.unwrap();
    assert_eq!(world.interfaces().await[0].groups().len(), 5);
    assert_eq!(code(world.ec2.delete_security_group().group_id(&six[0]).send().await), "DependencyViolation");
    world.ec2.delete_security_group().group_id(&six[5]).send().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_revoked_and_authorized_by_permission_and_by_id() {
    let world = world(LabSettings::default()).await;
    let ec2 = &world.ec2;
    let group = world.interfaces().await[0].groups()[0].group_id().unwrap().to_owned();
    let port = i32::from(world.port());
    let revoke = || ec2.revoke_security_group_ingress().group_id(&group);
    let authorize = || ec2.authorize_security_group_ingress().group_id(&group);
    assert_eq!(code(authorize().ip_permissions(https(port, port)).send().await), "InvalidPermission.Duplicate");
    assert_eq!(code(revoke().ip_permissions(https(22, 22)).send().await), "InvalidPermission.NotFound");
    assert_eq!(code(revoke().security_group_rule_ids("sgr-1").send().await), "InvalidSecurityGroupRuleId.NotFound");
    assert_eq!(code(revoke().send().await), "MissingParameter");
    assert_eq!(code(authorize().ip_permissions(https(443, 80)).send().await), "InvalidParameterValue");

    let revoked = revoke().ip_permissions(https(port, port)).send().await.unwrap();
    assert_eq!(revoked.revoked_security_group_rules()[0].cidr_ipv4(), Some("0.0.0.0/0"));
    until("new connections hang", async || !opens(world.doors()[0]).await).await;
    let tags = TagSpecification::builder().resource_type(ResourceType::SecurityGroupRule).tags(tag("k", "v")).build();
    let authorized = authorize().ip_permissions(https(port, port)).tag_specifications(tags).send().await.unwrap();
    let rule = authorized.security_group_rules()[0].clone();
    assert_eq!((rule.from_port(), rule.to_port(), rule.is_egress()), (Some(port), Some(port), Some(false)));
    assert_eq!(rule.tags()[0].value(), Some("v"));
    until("new connections open", async || opens(world.doors()[0]).await).await;
    let id = rule.security_group_rule_id().unwrap();
    let rules = ec2.describe_security_group_rules().filters(filter("group-id", &group)).send().await.unwrap();
    assert_eq!(rules.security_group_rules().len(), 2);
    assert!(rules.security_group_rules().iter().any(|rule| rule.security_group_rule_id() == Some(id)));
    revoke().security_group_rule_ids(id).send().await.unwrap();
    until("new connections hang again", async || !opens(world.doors()[0]).await).await;

    // Egress, a rule that names a group, and what depends on what.
    let vpc = world.vpc().await;
    let tags = TagSpecification::builder().resource_type(ResourceType::SecurityGroup).tags(tag("Name", "n")).build();
    let create = || ec2.create_security_group().vpc_id(&vpc).group_name("new").description("for a test");
    let created = create().tag_specifications(tags).send().await.unwrap();
    let new = created.group_id().unwrap();
    assert_eq!(code(create().send().await), "InvalidGroup.Duplicate");
    let found = ec2.describe_security_groups().filters(filter("tag:Name", "n")).send().await.unwrap();
    let [found] = found.security_groups() else { panic!("{found:?}") };
    assert_eq!((found.group_id(), found.ip_permissions().len()), (Some(new), 0));
    let out = found.ip_permissions_egress();
    assert_eq!((out.len(), out[0].ip_protocol(), out[0].from_port()), (1, Some("-1"), None));
    ec2.revoke_security_group_egress().group_id(new).ip_permissions(out[0].clone()).send().await.unwrap();
    let gone = ec2.revoke_security_group_egress().group_id(new).ip_permissions(out[0].clone()).send().await;
    assert_eq!(code(gone), "InvalidPermission.NotFound");
    ec2.authorize_security_group_egress().group_id(new).ip_permissions(out[0].clone()).send().await.unwrap();
    let pair = UserIdGroupPair::builder().group_id(new).description("by group").build();
    let from_new = IpPermission::builder().ip_protocol("-1").user_id_group_pairs(pair).build();
    authorize().ip_permissions(from_new.clone()).send().await.unwrap();
    let shown = ec2.describe_security_groups().group_ids(&group).send().await.unwrap();
    let pairs = shown.security_groups()[0].ip_permissions()[0].user_id_group_pairs();
    assert_eq!((pairs[0].group_id(), pairs[0].description()), (Some(new), Some("by group")));
    let named = ec2.describe_security_groups().filters(filter("ip-permission.group-id", new)).send().await.unwrap();
    assert_eq!(named.security_groups().len(), 1);
    assert_eq!(code(ec2.delete_security_group().group_id(new).send().await), "DependencyViolation");
    revoke().ip_permissions(from_new).send().await.unwrap();
    ec2.delete_security_group().group_id(new).send().await.unwrap();
    assert_eq!(code(ec2.delete_security_group().group_id(new).send().await), "InvalidGroup.NotFound");
    assert_eq!(code(ec2.describe_security_groups().group_ids(new).send().await), "InvalidGroup.NotFound");
    let default = [filter("group-name", "default"), filter("vpc-id", &vpc)];
    let default = ec2.describe_security_groups().set_filters(Some(default.to_vec())).send().await.unwrap();
    let default = default.security_groups()[0].group_id().unwrap();
    assert_eq!(code(ec2.delete_security_group().group_id(default).send().await), "CannotDelete");
}

#[tokio::test(flavor = "multi_thread")]
async fn descriptions_come_in_pages_and_filters_have_a_limit() {
    let world = world(LabSettings::default()).await;
    let (ec2, vpc) = (&world.ec2, world.vpc().await);
    for number in 0..12 {
        world.group(&vpc, &format!("g{number:02}")).await;
    }
    let all = || ec2.describe_security_groups();
    let count = all().send().await.unwrap().security_groups().len();
    assert_eq!(count, 12 + 4, "two VPCs have two each from the start");
    let first = all().max_results(5).send().await.unwrap();
    assert_eq!(first.security_groups().len(), 5);
    let token = first.next_token().unwrap();
    let pages = all().into_paginator().page_size(5).items().send();
    let items: Vec<_> = pages.collect::<Result<Vec<_>, _>>().await.unwrap();
    let mut ids: Vec<_> = items.iter().map(|group| group.group_id().unwrap()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), count);
    assert_eq!(code(all().max_results(5).next_token("nonsense").send().await), "InvalidPaginationToken");
    let elsewhere = ec2.describe_network_acls().max_results(5).next_token(token).send().await;
    assert_eq!(code(elsewhere), "InvalidPaginationToken");

    for size in [4, 1001] {
        assert_eq!(code(all().max_results(size).send().await), "InvalidParameterValue");
        assert_eq!(code(ec2.describe_network_acls().max_results(size).send().await), "InvalidParameterValue");
        assert_eq!(code(ec2.describe_subnets().max_results(size).send().await), "InvalidParameterValue");
        assert_eq!(code(ec2.describe_network_interfaces().max_results(size).send().await), "InvalidParameterValue");
        assert_eq!(code(ec2.describe_vpcs().max_results(size).send().await), "InvalidParameterValue");
        assert_eq!(code(ec2.describe_tags().max_results(size).send().await), "InvalidParameterValue");
    }
    let values = |count: usize| {
        let values = (0..count).map(|number| format!("sg-{number}")).collect();
        Filter::builder().name("group-id").set_values(Some(values)).build()
    };
    assert_eq!(all().filters(values(200)).send().await.unwrap().security_groups().len(), 0);
    assert_eq!(code(all().filters(values(201)).send().await), "FilterLimitExceeded");
    assert_eq!(code(ec2.describe_tags().filters(values(201)).send().await), "FilterLimitExceeded");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_resource_takes_tags_and_gives_them_back() {
    let world = world(LabSettings::default()).await;
    let ec2 = &world.ec2;
    let interface = world.interfaces().await[0].clone();
    let acls = ec2.describe_network_acls().send().await.unwrap();
    let resources = [
        (interface.vpc_id().unwrap(), ResourceType::Vpc),
        (interface.subnet_id().unwrap(), ResourceType::Subnet),
        (acls.network_acls()[0].network_acl_id().unwrap(), ResourceType::NetworkAcl),
        (interface.network_interface_id().unwrap(), ResourceType::NetworkInterface),
        (interface.groups()[0].group_id().unwrap(), ResourceType::SecurityGroup),
    ];
    let ids: Vec<String> = resources.iter().map(|(id, _)| (*id).to_owned()).collect();
    ec2.create_tags().set_resources(Some(ids.clone())).tags(tag("run", "7")).tags(tag("why", "")).send().await.unwrap();
    let tagged = ec2.describe_tags().filters(filter("tag:run", "7")).send().await.unwrap();
    assert_eq!(tagged.tags().len(), 5);
    for (id, kind) in resources {
        let found = tagged.tags().iter().find(|tag| tag.resource_id() == Some(id)).unwrap();
        assert_eq!((found.resource_type(), found.key(), found.value()), (Some(&kind), Some("run"), Some("7")));
    }
    let by_type = [filter("resource-type", "vpc"), filter("key", "run")];
    assert_eq!(ec2.describe_tags().set_filters(Some(by_type.to_vec())).send().await.unwrap().tags().len(), 1);
    let vpc = ec2.describe_vpcs().filters(filter("tag-key", "why")).send().await.unwrap();
    let shown: Vec<_> = vpc.vpcs()[0].tags().iter().map(|tag| (tag.key().unwrap(), tag.value().unwrap())).collect();
    assert_eq!(shown, [("Name", "gameday-lab"), ("run", "7"), ("why", "")]);

    let delete = || ec2.delete_tags().set_resources(Some(ids.clone()));
    delete().tags(tag("run", "8")).send().await.unwrap();
    let left = async |key: &str| ec2.describe_tags().filters(filter("key", key)).send().await.unwrap().tags().len();
    assert_eq!(left("run").await, 5, "the value is another");
    delete().tags(tag("run", "7")).send().await.unwrap();
    delete().tags(Tag::builder().key("why").build()).send().await.unwrap();
    assert_eq!((left("run").await, left("why").await), (0, 0));
    assert_eq!(code(ec2.create_tags().resources("vpc-1").tags(tag("k", "v")).send().await), "InvalidVpcID.NotFound");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_balancer_owns_its_interfaces_and_sets_their_groups() {
    let world = world(LabSettings { load_balancers: true, ..LabSettings::default() }).await;
    let (ec2, elb) = (&world.ec2, &world.elb);
    let described = elb.describe_load_balancers().send().await.unwrap();
    let [balancer] = described.load_balancers() else { panic!("{described:?}") };
    let arn = balancer.load_balancer_arn().unwrap();
    assert_eq!(balancer.availability_zones().len(), 2);
    assert!(balancer.created_time().is_some());
    let again = elb.describe_load_balancers().names(balancer.load_balancer_name().unwrap()).page_size(1).send().await;
    assert_eq!(again.unwrap().load_balancers()[0].load_balancer_arn(), Some(arn));
    assert_eq!(elb.describe_load_balancers().load_balancer_arns(arn).send().await.unwrap().load_balancers().len(), 1);
    assert_eq!(code(elb.describe_load_balancers().names("other").send().await), "LoadBalancerNotFound");
    assert_eq!(code(elb.describe_load_balancers().marker("x").send().await), "ValidationError");
    let tags = elb.describe_tags().resource_arns(arn).send().await.unwrap();
    assert_eq!(tags.tag_descriptions()[0].tags()[0].key(), Some("tier"));

    let original = balancer.security_groups()[0].clone();
    let description = format!("ELB {}", arn.split("loadbalancer/").nth(1).unwrap());
    let interfaces =
        ec2.describe_network_interfaces().filters(filter("description", &description)).send().await.unwrap();
    assert_eq!(interfaces.network_interfaces().len(), 2);
    for interface in interfaces.network_interfaces() {
        assert_eq!((interface.requester_managed(), interface.requester_id()), (Some(true), Some("amazon-elb")));
        assert_eq!(interface.attachment().unwrap().instance_owner_id(), Some("amazon-elb"));
        let id = interface.network_interface_id().unwrap();
        let modify = ec2.modify_network_interface_attribute().network_interface_id(id).groups(&original);
        assert_eq!(code(modify.send().await), "OperationNotPermitted");
    }

    let empty = world.group(balancer.vpc_id().unwrap(), "nothing-in").await;
    let set = |group: &str| elb.set_security_groups().load_balancer_arn(arn).security_groups(group);
    let mut tracked = world.open(None, world.doors()[1]).await;
    assert_eq!(set(&empty).send().await.unwrap().security_group_ids(), std::slice::from_ref(&empty));
    until("the users' path is shut", async || world.has(Milestone::FaultEffective)).await;
    for door in world.doors() {
        assert!(!opens(door).await, "{door}");
    }
    assert_eq!(ask(&mut tracked).await, 200);
    set(&original).send().await.unwrap();
    for door in world.doors() {
        until("new connections open", async || opens(door).await).await;
    }
    assert_eq!(code(set("sg-1").send().await), "InvalidSecurityGroup");
    let clients = ec2.describe_security_groups().filters(filter("group-name", "clients")).send().await.unwrap();
    let elsewhere = clients.security_groups()[0].group_id().unwrap();
    assert_eq!(code(set(elsewhere).send().await), "InvalidConfigurationRequest");
    let nowhere = arn.replace("front-door", "other");
    let unknown = elb.set_security_groups().load_balancer_arn(nowhere).security_groups(&original).send().await;
    assert_eq!(code(unknown), "LoadBalancerNotFound");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deny_in_the_clients_subnet_stops_users_and_not_checkers() {
    let world = world(LabSettings::default()).await;
    let ec2 = &world.ec2;
    let clients = world.environment.primary.as_ref().unwrap().clients.ids.clone();
    let [subnet] = clients.as_slice() else { panic!("{clients:?}") };
    assert!(world.environment.replica.as_ref().unwrap().clients.is_empty());
    let described = ec2.describe_subnets().subnet_ids(subnet).send().await.unwrap();
    assert_eq!(described.subnets()[0].cidr_block(), Some("127.0.0.0/24"));
    let acls = ec2.describe_network_acls().filters(filter("association.subnet-id", subnet)).send().await.unwrap();
    let acl = acls.network_acls()[0].network_acl_id().unwrap();
    let mut open = world.open(None, world.doors()[0]).await;
    assert_eq!(ask(&mut open).await, 200);

    let deny = ec2.create_network_acl_entry().network_acl_id(acl).rule_number(1).protocol("-1").egress(true);
    deny.rule_action(RuleAction::Deny).cidr_block("127.0.1.0/24").send().await.unwrap();
    until("the users' path is shut", async || world.has(Milestone::FaultEffective)).await;
    for door in world.doors() {
        assert!(!opens(door).await, "{door}");
    }
    let mut stalled = tokio::spawn(async move { ask(&mut open).await });
    assert!(tokio::time::timeout(Duration::from_millis(300), &mut stalled).await.is_err(), "open connections stall");
    let replica: IpAddr = world.environment.replica.as_ref().unwrap().direct[0].parse().unwrap();
    assert!(opens(SocketAddr::new(replica, world.port())).await, "the replica's addresses are not denied");
    let interface = world.interfaces().await[0].clone();
    let second = interface.private_ip_addresses().iter().find(|address| address.primary() == Some(false)).unwrap();
    let checked = SocketAddr::new(second.private_ip_address().unwrap().parse().unwrap(), world.port());
    let checker = Some("127.0.3.1".parse().unwrap());
    assert_eq!(ask(&mut world.open(checker, checked).await).await, 200);
    // Four intervals of the health checkers.
    tokio::time::sleep(Duration::from_secs(4)).await;
    assert!(!world.has(Milestone::HealthCheckUnhealthy));

    ec2.delete_network_acl_entry().network_acl_id(acl).rule_number(1).egress(true).send().await.unwrap();
    assert_eq!(stalled.await.unwrap(), 200);
    until("the users' path is open", async || world.has(Milestone::FaultReverted)).await;
    assert_eq!(ask(&mut world.open(None, world.doors()[1]).await).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn checkers_shut_out_alone_fail_the_health_check_and_users_notice_nothing() {
    let world = world(LabSettings::default()).await;
    let ec2 = &world.ec2;
    let front_door = &world.environment.primary.as_ref().unwrap().subnets.ids[0];
    let acls = ec2.describe_network_acls().filters(filter("association.subnet-id", front_door)).send().await.unwrap();
    let acl = acls.network_acls()[0].network_acl_id().unwrap();
    let deny = ec2.create_network_acl_entry().network_acl_id(acl).rule_number(1).protocol("-1").egress(false);
    deny.rule_action(RuleAction::Deny).cidr_block("127.0.3.0/24").send().await.unwrap();
    let checked = SocketAddr::new("127.0.1.110".parse().unwrap(), world.port());
    until("the checkers' SYNs vanish", async || {
        let connect = net::connect_from("127.0.3.1".parse().unwrap(), checked);
        tokio::time::timeout(Duration::from_millis(300), connect).await.is_err()
    })
    .await;
    assert_eq!(ask(&mut world.open(None, world.doors()[0]).await).await, 200);
    assert!(!world.has(Milestone::FaultEffective));
}
