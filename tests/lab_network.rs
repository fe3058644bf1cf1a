//! The lab's network on the wire: real SDK clients, real sockets, real DNS packets, at ten times real speed.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use aws_sdk_ec2::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ec2::types::{Filter, RuleAction};
use bytes::Bytes;
use gameday_core::env::{CredentialRef, Environment, HealthTarget, LabSettings, SecretRef};
use gameday_core::model::TruthReport;
use gameday_core::model::{Clock, Milestone, Seed, Span};
use gameday_lab::{Lab, LabOptions};
use gameday_protocols::net;
use gameday_protocols::timer::Timer as _;
use hickory_proto::op::{Message, Query, ResponseCode};
use hickory_proto::rr::{Name, RecordType};

const SPEED: f64 = 10.0;

async fn lab(settings: LabSettings) -> (Lab, Environment, Clock) {
    let clock = Clock::start(SPEED);
    let lab = Lab::start(LabOptions::new(settings, clock, Seed(7))).await.unwrap();
    let environment = lab.environment();
    (lab, environment, clock)
}

struct Aws {
    ec2: aws_sdk_ec2::Client,
    route53: aws_sdk_route53::Client,
    sts: aws_sdk_sts::Client,
}

fn secret(environment: &Environment) -> (String, String) {
    let Some(CredentialRef::Static { access_key_id, secret_access_key: SecretRef::Literal(secret) }) =
        &environment.credentials
    else {
        panic!("no static credentials");
    };
    (access_key_id.clone(), secret.expose().to_owned())
}

async fn aws_with(environment: &Environment, access_key: &str, secret_key: &str, region: &'static str) -> Aws {
    let endpoint = &environment.primary.as_ref().unwrap().endpoints["ec2"];
    let config = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(region))
        .credentials_provider(Credentials::new(access_key, secret_key, None, None, "test"))
        .endpoint_url(endpoint)
        .retry_config(aws_config::retry::RetryConfig::disabled())
        .load()
        .await;
    Aws {
        ec2: aws_sdk_ec2::Client::new(&config),
        route53: aws_sdk_route53::Client::new(&config),
        sts: aws_sdk_sts::Client::new(&config),
    }
}

async fn aws(environment: &Environment) -> Aws {
    let (access_key, secret_key) = secret(environment);
    aws_with(environment, &access_key, &secret_key, "us-east-1").await
}

fn code<T, E: ProvideErrorMetadata, R>(outcome: Result<T, SdkError<E, R>>) -> String {
    match outcome {
        Ok(_) => "no error".to_owned(),
        Err(error) => error.code().unwrap_or("no code").to_owned(),
    }
}

fn door(environment: &Environment, number: usize) -> SocketAddr {
    let address: IpAddr = environment.primary.as_ref().unwrap().direct[number].parse().unwrap();
    SocketAddr::new(address, environment.front_door.as_ref().unwrap().port)
}

/// Clones the default ACL's place: a new ACL with the same rules in front of both subnets, as a fault's preparation does. Gives its ID.
async fn prepare(aws: &Aws, environment: &Environment) -> String {
    // The clients' VPC has one too.
    let front_door = &environment.primary.as_ref().unwrap().subnets.ids;
    let filter = Filter::builder().name("association.subnet-id").set_values(Some(front_door.clone())).build();
    let found = aws.ec2.describe_network_acls().filters(filter).send().await.unwrap();
    let [original] = found.network_acls() else { panic!("one ACL at first") };
    let create = aws.ec2.create_network_acl().vpc_id(original.vpc_id().unwrap()).client_token("t1");
    let id = create.send().await.unwrap().network_acl().unwrap().network_acl_id().unwrap().to_owned();
    for entry in original.entries().iter().filter(|entry| entry.rule_number() < Some(32767)) {
        let create = aws.ec2.create_network_acl_entry().network_acl_id(&id).rule_number(entry.rule_number().unwrap());
        let create = create
            .protocol(entry.protocol().unwrap())
            .rule_action(entry.rule_action().unwrap().clone())
            .egress(entry.egress().unwrap());
        create
            .set_cidr_block(entry.cidr_block.clone())
            .set_ipv6_cidr_block(entry.ipv6_cidr_block.clone())
            .send()
            .await
            .unwrap();
    }
    for association in original.associations() {
        let old = association.network_acl_association_id().unwrap();
        let replaced =
            aws.ec2.replace_network_acl_association().association_id(old).network_acl_id(&id).send().await.unwrap();
        assert_ne!(replaced.new_association_id(), Some(old));
        let stale = aws.ec2.replace_network_acl_association().association_id(old).network_acl_id(&id).send().await;
        assert_eq!(code(stale), "InvalidAssociationID.NotFound");
    }
    id
}

async fn cut(aws: &Aws, acl: &str) {
    for egress in [false, true] {
        let entry = aws.ec2.create_network_acl_entry().network_acl_id(acl).rule_number(1).protocol("-1");
        entry.rule_action(RuleAction::Deny).egress(egress).cidr_block("0.0.0.0/0").send().await.unwrap();
    }
}

async fn heal(aws: &Aws, acl: &str) {
    for egress in [false, true] {
        aws.ec2.delete_network_acl_entry().network_acl_id(acl).rule_number(1).egress(egress).send().await.unwrap();
    }
}

async fn https(lab: &Lab, to: SocketAddr) -> net::Connection {
    let tls = net::client_tls(Some(lab.trust_root_pem())).unwrap();
    let tcp = net::connect(to).await.unwrap();
    net::Connection::open(&tls, net::server_name("auth.gameday.test").unwrap(), tcp).await.unwrap()
}

fn health_request() -> http::Request<Bytes> {
    http::Request::get("/health").header("host", "auth.gameday.test").body(Bytes::new()).unwrap()
}

async fn ask(server: SocketAddr, name: &str, kind: RecordType) -> Message {
    let mut message = Message::query();
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
    let socket = net::bind_udp("127.0.0.1:0".parse().unwrap()).await.unwrap();
    socket.send_to(&message.to_vec().unwrap(), server).await.unwrap();
    let mut buffer = [0; 1500];
    let received = tokio::time::timeout(Duration::from_secs(5), socket.recv_from(&mut buffer)).await.unwrap().unwrap();
    Message::from_vec(&buffer[..received.0]).unwrap()
}

/// The third byte of the addresses that the failover record leads to: 1 primary, 2 replica.
async fn block(server: SocketAddr) -> u8 {
    let answer = ask(server, "auth.gameday.test.", RecordType::A).await;
    match answer.answers[0].data.ip_addr().unwrap() {
        IpAddr::V4(address) => address.octets()[2],
        IpAddr::V6(address) => panic!("{address}"),
    }
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), waiting).await.unwrap_or_else(|_| panic!("never: {what}"));
}

fn milestone(report: &TruthReport, name: Milestone) -> f64 {
    let found = report.milestones.iter().find(|milestone| milestone.name == name);
    let at = found.unwrap_or_else(|| panic!("no {name:?} in {report:?}")).at;
    let down = report.milestones.iter().find(|milestone| milestone.name == Milestone::FaultEffective).unwrap().at;
    at.duration_since(down).as_secs_f64()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blackhole_fails_over_and_heals() {
    let (lab, environment, clock) = lab(LabSettings { ttl: Span::secs(20), ..LabSettings::default() }).await;
    let aws = aws(&environment).await;
    let dns = environment.dns.clone().unwrap();
    let (authoritative, resolver) = (dns.authoritative, dns.resolvers[0]);
    for server in authoritative.iter().copied().chain([resolver]) {
        assert_eq!(block(server).await, 1);
    }
    let mut open = https(&lab, door(&environment, 0)).await;
    assert_eq!(open.send(health_request()).await.unwrap().status(), 200);

    let acl = prepare(&aws, &environment).await;
    assert_eq!(open.send(health_request()).await.unwrap().status(), 200, "the preparation is harmless");
    cut(&aws, &acl).await;

    // New connections hang, and the open one stalls: neither FIN nor RST.
    until("packets vanish", async || {
        lab.truth_report(None).milestones.iter().any(|known| known.name == Milestone::FaultEffective)
    })
    .await;
    for number in [0, 1] {
        let hanging = tokio::time::timeout(Duration::from_millis(500), net::connect(door(&environment, number))).await;
        assert!(hanging.is_err(), "{hanging:?}");
    }
    let waits = tokio::spawn({
        let to = door(&environment, 1);
        async move { net::connect(to).await }
    });
    let mut stalled = tokio::spawn(async move { open.send(health_request()).await.map(|response| response.status()) });
    assert!(tokio::time::timeout(Duration::from_millis(300), &mut stalled).await.is_err());

    until("the authoritative servers flip", async || {
        block(authoritative[0]).await == 2 && block(authoritative[1]).await == 2
    })
    .await;
    until("the resolver follows", async || block(resolver).await == 2).await;
    let truth = lab.truth_report(None);
    let detected = milestone(&truth, Milestone::HealthCheckUnhealthy);
    assert!((20.0..45.0).contains(&detected), "{detected}");
    let flipped = milestone(&truth, Milestone::DnsFlipAuthoritative);
    assert!((detected..detected + 2.0).contains(&flipped), "{flipped}");
    assert!(milestone(&truth, Milestone::DnsFlipResolver) > detected);
    let status = aws.route53.get_health_check_status().health_check_id(&dns.health_check_id).send().await.unwrap();
    let failures = status.health_check_observations().iter().filter(|seen| {
        seen.status_report()
            .and_then(|report| report.status())
            .is_some_and(|status| status.starts_with("Failure: Connection timed out"))
    });
    assert!(failures.count() > 13);

    heal(&aws, &acl).await;
    assert_eq!(stalled.await.unwrap().unwrap(), 200, "the stalled request goes on");
    waits.await.unwrap().expect("the hanging connection opens by itself");
    let again = https(&lab, door(&environment, 0)).await.send(health_request()).await.unwrap();
    assert_eq!(again.status(), 200);
    until("the authoritative servers fail back", async || {
        block(authoritative[0]).await == 1 && block(authoritative[1]).await == 1
    })
    .await;
    let truth = lab.truth_report(None);
    assert!(milestone(&truth, Milestone::FaultReverted) > flipped);
    assert!(milestone(&truth, Milestone::DnsFailbackAuthoritative) > milestone(&truth, Milestone::HealthCheckHealthy));
    assert!(truth.milestones.iter().all(|known| known.at <= clock.now()));
    lab.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_denied_source_loses_its_packets() {
    let (lab, environment, _) = lab(LabSettings::default()).await;
    let aws = aws(&environment).await;
    let acl = prepare(&aws, &environment).await;
    let mut open = https(&lab, door(&environment, 0)).await;
    let deny = aws.ec2.create_network_acl_entry().network_acl_id(&acl).rule_number(1).protocol("6").egress(false);
    let port = i32::from(environment.front_door.as_ref().unwrap().port);
    let ports = aws_sdk_ec2::types::PortRange::builder().from(port).to(port).build();
    deny.rule_action(RuleAction::Deny).cidr_block("127.0.0.1/32").port_range(ports).send().await.unwrap();
    until("the users' path is shut", async || !lab.truth_report(None).milestones.is_empty()).await;
    let mut stalled = tokio::spawn(async move { open.send(health_request()).await.map(|response| response.status()) });
    assert!(tokio::time::timeout(Duration::from_millis(300), &mut stalled).await.is_err());
    let tls = net::client_tls_unverified(true).unwrap();
    let new = tokio::time::timeout(Duration::from_millis(300), net::connect(door(&environment, 0))).await;
    assert!(new.is_err(), "the users' SYNs vanish: {new:?}");
    // Checkers have an address of their own at every front door.
    let checked = SocketAddr::new("127.0.1.110".parse().unwrap(), door(&environment, 0).port());
    let tcp = net::connect_from("127.0.3.1".parse().unwrap(), checked).await.unwrap();
    let mut checker = net::Connection::open(&tls, net::server_name("auth.gameday.test").unwrap(), tcp).await.unwrap();
    assert_eq!(checker.send(health_request()).await.unwrap().status(), 200);
    aws.ec2.delete_network_acl_entry().network_acl_id(&acl).rule_number(1).egress(false).send().await.unwrap();
    assert_eq!(stalled.await.unwrap().unwrap(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_of_clients_that_gave_up_are_not_served_after_the_heal() {
    let (lab, environment, _) = lab(LabSettings::default()).await;
    let aws = aws(&environment).await;
    let acl = prepare(&aws, &environment).await;
    let mut gave_up = https(&lab, door(&environment, 0)).await;
    cut(&aws, &acl).await;
    until("packets vanish", async || !lab.truth_report(None).milestones.is_empty()).await;
    let sent = tokio::time::timeout(Duration::from_millis(200), gave_up.send(health_request())).await;
    assert!(sent.is_err());
    drop(gave_up);
    heal(&aws, &acl).await;
    let served = https(&lab, door(&environment, 0)).await.send(health_request()).await.unwrap();
    assert_eq!(served.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_health_check_elsewhere_never_flips() {
    let (_lab, environment, clock) =
        lab(LabSettings { health_target: HealthTarget::Elsewhere, ..LabSettings::default() }).await;
    let aws = aws(&environment).await;
    let id = environment.dns.clone().unwrap().health_check_id;
    let check = aws.route53.get_health_check().health_check_id(&id).send().await.unwrap();
    let config = check.health_check().unwrap().health_check_config().unwrap().clone();
    assert_eq!(config.fully_qualified_domain_name(), Some("status.gameday.test"));
    let acl = prepare(&aws, &environment).await;
    cut(&aws, &acl).await;
    clock.sleep(Duration::from_secs(45)).await;
    let status = aws.route53.get_health_check_status().health_check_id(&id).send().await.unwrap();
    let seen = status.health_check_observations();
    assert_eq!(seen.len(), 16);
    assert!(
        seen.iter().all(|seen| seen.status_report().unwrap().status() == Some("Success: HTTP Status Code 200, OK")),
        "{seen:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn ec2_describes_filters_pages_and_refuses_as_aws_does() {
    let (_lab, environment, _) = lab(LabSettings::default()).await;
    let Aws { ec2, sts, .. } = aws(&environment).await;
    assert_eq!(sts.get_caller_identity().send().await.unwrap().account(), Some("111122223333"));
    let vpcs = ec2.describe_vpcs().send().await.unwrap();
    let vpc = vpcs.vpcs()[0].vpc_id().unwrap();
    let by_vpc = || Filter::builder().name("vpc-id").values(vpc).build();
    assert_eq!(ec2.describe_subnets().filters(by_vpc()).send().await.unwrap().subnets().len(), 2);
    let tagged = Filter::builder().name("tag:Name").values("front-door-?").build();
    assert_eq!(ec2.describe_subnets().filters(tagged).send().await.unwrap().subnets().len(), 2);
    let subnets = &environment.primary.as_ref().unwrap().subnets.ids;
    let by_subnet = Filter::builder().name("association.subnet-id").set_values(Some(subnets.clone())).build();
    let acls = ec2.describe_network_acls().filters(by_subnet).send().await.unwrap();
    assert_eq!(acls.network_acls()[0].associations().len(), 2);
    let default = acls.network_acls()[0].network_acl_id().unwrap();
    let by_address = Filter::builder().name("addresses.private-ip-address").values("127.0.1.138").build();
    let interfaces = ec2.describe_network_interfaces().filters(by_address).send().await.unwrap();
    assert_eq!(interfaces.network_interfaces()[0].subnet_id(), Some(subnets[1].as_str()));
    let groups = ec2.describe_security_groups().filters(by_vpc()).send().await.unwrap();
    assert_eq!(groups.security_groups().len(), 2);
    assert_eq!(ec2.describe_availability_zones().send().await.unwrap().availability_zones().len(), 2);

    let wrong = Filter::builder().name("colour").values("red").build();
    assert_eq!(code(ec2.describe_vpcs().filters(wrong).send().await), "InvalidParameterValue");
    assert_eq!(code(ec2.describe_network_acls().network_acl_ids("acl-1").send().await), "InvalidNetworkAclID.NotFound");
    assert_eq!(code(ec2.delete_network_acl().network_acl_id(default).send().await), "InvalidParameterValue");
    assert_eq!(code(ec2.describe_instances().send().await), "InvalidAction");

    let create = |token: &str| ec2.create_network_acl().vpc_id(vpc).client_token(token);
    let first = create("a").send().await.unwrap();
    let id = first.network_acl().unwrap().network_acl_id().unwrap();
    assert_eq!(create("a").send().await.unwrap().network_acl().unwrap().network_acl_id(), Some(id));
    let entry = |number| {
        let entry = ec2.create_network_acl_entry().network_acl_id(id).rule_number(number).protocol("-1").egress(false);
        entry.rule_action(RuleAction::Allow).cidr_block("10.1.2.3/8")
    };
    // With the closing one, 20 of one family in one direction.
    for number in 1..=19 {
        entry(number).send().await.unwrap();
    }
    assert_eq!(code(entry(18).send().await), "NetworkAclEntryAlreadyExists");
    assert_eq!(code(entry(20).send().await), "NetworkAclEntryLimitExceeded");
    assert_eq!(code(entry(32767).send().await), "InvalidParameterValue");
    let described = ec2.describe_network_acls().network_acl_ids(id).send().await.unwrap();
    assert!(described.network_acls()[0].entries().iter().any(|entry| entry.cidr_block() == Some("10.0.0.0/8")));
    for number in 0..10 {
        create(&format!("p{number}")).send().await.unwrap();
    }
    let pages = ec2.describe_network_acls().into_paginator().page_size(5).items().send();
    let all: Vec<_> = pages.collect::<Result<Vec<_>, _>>().await.unwrap();
    assert_eq!(all.len(), 13);
    let association = acls.network_acls()[0].associations()[0].network_acl_association_id().unwrap();
    ec2.replace_network_acl_association().association_id(association).network_acl_id(id).send().await.unwrap();
    assert_eq!(code(ec2.delete_network_acl().network_acl_id(id).send().await), "DependencyViolation");
    let tag = aws_sdk_ec2::types::Tag::builder().key("k").value("v").build();
    ec2.create_tags().resources(id).tags(tag).send().await.unwrap();
    let by_key = Filter::builder().name("tag-key").values("k").build();
    assert_eq!(ec2.describe_network_acls().filters(by_key).send().await.unwrap().network_acls().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_signatures_keys_and_regions_are_refused() {
    let (_lab, environment, _) = lab(LabSettings::default()).await;
    let (access_key, secret_key) = secret(&environment);
    let forged = aws_with(&environment, &access_key, "wrong", "us-east-1").await;
    assert_eq!(code(forged.ec2.describe_vpcs().send().await), "AuthFailure");
    assert_eq!(code(forged.sts.get_caller_identity().send().await), "SignatureDoesNotMatch");
    assert_eq!(code(forged.route53.list_hosted_zones().send().await), "SignatureDoesNotMatch");
    let unknown = aws_with(&environment, "AKIDNOBODY", &secret_key, "us-east-1").await;
    assert_eq!(code(unknown.sts.get_caller_identity().send().await), "InvalidClientTokenId");
    let elsewhere = aws_with(&environment, &access_key, &secret_key, "us-west-2").await;
    assert_eq!(code(elsewhere.sts.get_caller_identity().send().await), "SignatureDoesNotMatch");
}

#[tokio::test(flavor = "multi_thread")]
async fn route_53_lists_the_zone_and_dns_answers_for_it() {
    let (_lab, environment, clock) = lab(LabSettings::default()).await;
    let Aws { route53, .. } = aws(&environment).await;
    let dns = environment.dns.clone().unwrap();
    let zones = route53.list_hosted_zones_by_name().dns_name("gameday.test").send().await.unwrap();
    assert_eq!(zones.hosted_zones()[0].id(), format!("/hostedzone/{}", dns.hosted_zone_id));
    let zone = route53.get_hosted_zone().id(&dns.hosted_zone_id).send().await.unwrap();
    assert_eq!(zone.delegation_set().unwrap().name_servers().len(), 2);
    let sets = route53.list_resource_record_sets().hosted_zone_id(zones.hosted_zones()[0].id());
    let sets = sets.start_record_name("auth.gameday.test").max_items(2).send().await.unwrap();
    assert!(sets.is_truncated());
    let [primary, secondary] = sets.resource_record_sets() else { panic!("{sets:?}") };
    assert_eq!(primary.health_check_id(), Some(dns.health_check_id.as_str()));
    assert_eq!((primary.ttl(), secondary.health_check_id()), (Some(60), None));
    assert_eq!(secondary.failover().map(aws_sdk_route53::types::ResourceRecordSetFailover::as_str), Some("SECONDARY"));
    assert_eq!(code(route53.get_health_check_status().health_check_id("nothing").send().await), "NoSuchHealthCheck");

    for server in dns.authoritative {
        let answer = ask(server, "us-west-2.auth.gameday.test.", RecordType::A).await;
        assert!(answer.metadata.authoritative && !answer.metadata.recursion_available);
        assert_eq!((answer.answers.len(), answer.answers[0].ttl), (2, 60));
    }
    let resolver = dns.resolvers[0];
    let none = ask(resolver, "auth.gameday.test.", RecordType::AAAA).await;
    assert_eq!(
        (none.metadata.response_code, none.answers.len(), none.authorities.len()),
        (ResponseCode::NoError, 0, 1)
    );
    assert_eq!(
        ask(resolver, "nobody.gameday.test.", RecordType::A).await.metadata.response_code,
        ResponseCode::NXDomain
    );
    assert_eq!(ask(resolver, "example.com.", RecordType::A).await.metadata.response_code, ResponseCode::Refused);
    let first = ask(resolver, "auth.gameday.test.", RecordType::A).await;
    assert!(first.metadata.recursion_available && !first.metadata.authoritative);
    clock.sleep(Duration::from_secs(2)).await;
    assert!(ask(resolver, "auth.gameday.test.", RecordType::A).await.answers[0].ttl <= first.answers[0].ttl - 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn several_labs_run_at_once() {
    let (_a, first, _) = lab(LabSettings::default()).await;
    let (_b, second, _) = lab(LabSettings::default()).await;
    assert_ne!(first.front_door.unwrap().port, second.front_door.unwrap().port);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_lab_listens_nowhere() {
    let (lab, environment, _) = lab(LabSettings::default()).await;
    let dns = environment.dns.clone().unwrap();
    let mut open = https(&lab, door(&environment, 0)).await;
    lab.shutdown().await;
    for at in [door(&environment, 0), door(&environment, 1), dns.authoritative[0], dns.resolvers[0]] {
        until("refused", async || net::connect(at).await.is_err()).await;
    }
    assert!(open.send(health_request()).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn flapping_under_load_always_shuts_and_always_opens() {
    let (lab, environment, _) = lab(LabSettings::default()).await;
    let aws = aws(&environment).await;
    let acl = prepare(&aws, &environment).await;
    let doors = [door(&environment, 0), door(&environment, 1)];
    let load = (0..8).map(|number| {
        tokio::spawn(async move {
            loop {
                // Connections that succeed are dropped at once, so that the accept queue is never the same twice.
                drop(tokio::time::timeout(Duration::from_millis(50), net::connect(doors[number % 2])).await);
                tokio::time::sleep(Duration::from_micros(500)).await;
            }
        })
    });
    let load: Vec<_> = load.collect();
    for _ in 0..5 {
        cut(&aws, &acl).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
        for door in doors {
            let outcome = tokio::time::timeout(Duration::from_millis(100), net::connect(door)).await;
            assert!(outcome.is_err(), "{door} lets packets through: {outcome:?}");
        }
        heal(&aws, &acl).await;
        for door in doors {
            assert_eq!(https(&lab, door).await.send(health_request()).await.unwrap().status(), 200);
        }
    }
    load.iter().for_each(tokio::task::JoinHandle::abort);
}
