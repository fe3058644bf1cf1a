//! The lab's Scheduler, Lambda, CloudWatch and health check: real SDK clients, at twenty times real speed.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use aws_sdk_cloudwatch::types::{ComparisonOperator, Dimension, MetricDatum, StateValue, Statistic};
use aws_sdk_cognitoidentityprovider::types::AuthFlowType;
use aws_sdk_ec2::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ec2::types::RuleAction;
use aws_sdk_scheduler::types::{
    ActionAfterCompletion, FlexibleTimeWindow, FlexibleTimeWindowMode, RetryPolicy, ScheduleState, Target,
};
use gameday_core::env::{CredentialRef, Environment, LabSettings, RegionEnv, SecretRef};
use gameday_core::model::{Clock, Milestone, Seed};
use gameday_lab::{Lab, LabOptions};
use gameday_protocols::net;
use gameday_protocols::timer::Timer as _;
use hickory_proto::op::{Message, Query};
use hickory_proto::rr::{Name, RecordType};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const SPEED: f64 = 20.0;
const ROLE: &str = "arn:aws:iam::111122223333:role/gameday-dead-man";
const TARGET: &str = "arn:aws:scheduler:::aws-sdk:";

/// The services of one Region.
struct Here {
    endpoint: String,
    ec2: aws_sdk_ec2::Client,
    elb: aws_sdk_elasticloadbalancingv2::Client,
    scheduler: aws_sdk_scheduler::Client,
    lambda: aws_sdk_lambda::Client,
    cloudwatch: aws_sdk_cloudwatch::Client,
    cognito: aws_sdk_cognitoidentityprovider::Client,
}

struct World {
    lab: Lab,
    environment: Environment,
    clock: Clock,
    primary: Here,
    replica: Here,
    route53: aws_sdk_route53::Client,
}

async fn world(settings: LabSettings) -> World {
    let clock = Clock::start(SPEED);
    let lab = Lab::start(LabOptions::new(settings, clock, Seed(7))).await.unwrap();
    let environment = lab.environment();
    let (primary, route53) = here(&environment, environment.primary.as_ref().unwrap()).await;
    let (replica, _) = here(&environment, environment.replica.as_ref().unwrap()).await;
    World { lab, environment, clock, primary, replica, route53 }
}

async fn here(environment: &Environment, region: &RegionEnv) -> (Here, aws_sdk_route53::Client) {
    let Some(CredentialRef::Static { access_key_id, secret_access_key: SecretRef::Literal(secret) }) =
        &environment.credentials
    else {
        panic!("no static credentials");
    };
    let endpoint = region.endpoints["scheduler"].clone();
    assert!(["lambda", "monitoring"].iter().all(|service| region.endpoints[*service] == endpoint));
    let config = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new(region.region.to_string()))
        .credentials_provider(Credentials::new(access_key_id, secret.expose(), None, None, "test"))
        .endpoint_url(&endpoint)
        .retry_config(aws_config::retry::RetryConfig::disabled())
        .load()
        .await;
    let route53 = aws_sdk_route53::Client::new(&config);
    let here = Here {
        ec2: aws_sdk_ec2::Client::new(&config),
        elb: aws_sdk_elasticloadbalancingv2::Client::new(&config),
        scheduler: aws_sdk_scheduler::Client::new(&config),
        lambda: aws_sdk_lambda::Client::new(&config),
        cloudwatch: aws_sdk_cloudwatch::Client::new(&config),
        cognito: aws_sdk_cognitoidentityprovider::Client::new(&config),
        endpoint,
    };
    (here, route53)
}

fn code<T, E: ProvideErrorMetadata, R>(outcome: Result<T, SdkError<E, R>>) -> String {
    match outcome {
        Ok(_) => "no error".to_owned(),
        Err(error) => error.code().unwrap_or("no code").to_owned(),
    }
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let waiting = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waiting).await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// The whole second that has not yet begun.
fn next_second(clock: Clock) -> Timestamp {
    Timestamp::from_second(clock.now().as_second() + 1).unwrap()
}

fn expression(at: Timestamp) -> String {
    format!("at({})", at.strftime("%Y-%m-%dT%H:%M:%S"))
}

fn target(call: &str, input: &Value) -> Target {
    let retry = RetryPolicy::builder().maximum_retry_attempts(1).build();
    let target = Target::builder().arn(format!("{TARGET}{call}")).role_arn(ROLE).input(input.to_string());
    target.retry_policy(retry).build().unwrap()
}

type Create = aws_sdk_scheduler::operation::create_schedule::builders::CreateScheduleFluentBuilder;

fn create(here: &Here, name: &str, at: Timestamp, target: Target) -> Create {
    let exact = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off).build().unwrap();
    let create = here.scheduler.create_schedule().name(name).schedule_expression(expression(at)).target(target);
    create.flexible_time_window(exact).action_after_completion(ActionAfterCompletion::Delete)
}

/// What the schedules of a Region called.
async fn firings(here: &Here) -> Vec<Value> {
    let address: SocketAddr = here.endpoint.trim_start_matches("http://").parse().unwrap();
    let mut stream = net::connect(address).await.unwrap();
    let request = format!("GET /firings HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str(body).unwrap()
}

fn of<'a>(firings: &'a [Value], name: &str) -> Vec<&'a Value> {
    firings.iter().filter(|firing| firing["name"] == name).collect()
}

/// A schedule's call is made within the minute after its time, and changes what an API call would change; in its own
/// Region alone.
#[tokio::test(flavor = "multi_thread")]
async fn schedules_fire_and_change_what_they_are_for() {
    let World { lab, environment, clock, primary, replica, route53 } = world(LabSettings::default()).await;
    let acls = primary.ec2.describe_network_acls().send().await.unwrap();
    let acl = acls.network_acls()[0].network_acl_id().unwrap().to_owned();
    let deny = primary.ec2.create_network_acl_entry().network_acl_id(&acl).rule_number(1).protocol("-1");
    // Of a source that nobody has.
    deny.rule_action(RuleAction::Deny).egress(false).cidr_block("192.0.2.0/24").send().await.unwrap();
    let interface = primary.ec2.describe_network_interfaces().send().await.unwrap();
    let interface = interface.network_interfaces()[0].network_interface_id().unwrap().to_owned();
    let group = primary.ec2.create_security_group().group_name("other").description("other");
    let vpc = acls.network_acls()[0].vpc_id().unwrap();
    let group = group.vpc_id(vpc).send().await.unwrap().group_id().unwrap().to_owned();
    primary
        .lambda
        .put_function_concurrency()
        .function_name("gameday-pre-token")
        .reserved_concurrent_executions(0)
        .send()
        .await
        .unwrap();
    replica
        .lambda
        .put_function_concurrency()
        .function_name("gameday-pre-token")
        .reserved_concurrent_executions(0)
        .send()
        .await
        .unwrap();
    primary.cloudwatch.put_metric_alarm().alarm_name("logins").evaluation_periods(1).send().await.unwrap();
    let health_check = environment.dns.as_ref().unwrap().health_check_id.clone();

    let at = next_second(clock);
    let entry = json!({ "NetworkAclId": acl, "RuleNumber": 1, "Egress": false });
    let rule =
        json!([{ "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{ "CidrIp": "192.0.2.1/32" }] }]);
    let alarm = json!({ "AlarmName": "logins", "StateValue": "ALARM", "StateReason": "drill" });
    let calls = [
        ("entry", "ec2:deleteNetworkAclEntry", entry),
        (
            "groups",
            "ec2:modifyNetworkInterfaceAttribute",
            json!({ "NetworkInterfaceId": interface, "Groups": [group] }),
        ),
        ("rule", "ec2:authorizeSecurityGroupIngress", json!({ "GroupId": group, "IpPermissions": rule })),
        ("check", "route53:updateHealthCheck", json!({ "HealthCheckId": health_check, "FailureThreshold": 5 })),
        ("trigger", "lambda:deleteFunctionConcurrency", json!({ "FunctionName": "gameday-pre-token" })),
        ("alarm", "cloudwatch:setAlarmState", alarm),
        ("nothing", "ec2:deleteNetworkAcl", json!({ "NetworkAclId": "acl-0" })),
    ];
    for (name, call, input) in &calls {
        create(&primary, name, at, target(call, input)).send().await.unwrap();
    }
    let kept = create(&primary, "kept", at, target("cloudwatch:setAlarmState", &calls[5].2));
    kept.action_after_completion(ActionAfterCompletion::None).send().await.unwrap();
    let off = create(&primary, "off", at, target(calls[0].1, &calls[0].2));
    off.state(ScheduleState::Disabled).send().await.unwrap();
    assert!(Timestamp::from_second(at.as_second() + 50).unwrap() > clock.now(), "too slow to see anything");

    until("every schedule has fired", async || {
        let left = primary.scheduler.list_schedules().send().await.unwrap();
        let mut left: Vec<_> = left.schedules().iter().map(|one| one.name().unwrap()).collect();
        left.sort_unstable();
        left == ["kept", "off"] && !of(&firings(&primary).await, "kept").is_empty()
    })
    .await;
    let fired = firings(&primary).await;
    for (name, call, _) in &calls[..6] {
        let [once] = of(&fired, name)[..] else { panic!("{name}: {fired:?}") };
        assert_eq!((&once["call"], &once["next"], &once["error"]), (&json!(call), &json!("completed"), &Value::Null));
        let late = once["at"].as_str().unwrap().parse::<Timestamp>().unwrap().duration_since(at).as_secs_f64();
        // The second allows for a busy machine: 50 ms of real time.
        assert!((0.0..61.0).contains(&late), "{name} was {late} s late");
    }
    // A call that fails is retried once, as its policy says, and given up.
    let [first, second] = of(&fired, "nothing")[..] else { panic!("{fired:?}") };
    assert_eq!((&first["next"], &second["next"]), (&json!("retried"), &json!("given_up")));
    assert!(first["error"].as_str().unwrap().contains("InvalidNetworkAclID.NotFound"), "{first}");

    let acls = primary.ec2.describe_network_acls().network_acl_ids(&acl).send().await.unwrap();
    assert!(acls.network_acls()[0].entries().iter().all(|entry| entry.rule_number() != Some(1)));
    let seen = primary.ec2.describe_network_interfaces().network_interface_ids(&interface).send().await.unwrap();
    assert_eq!(seen.network_interfaces()[0].groups()[0].group_id(), Some(group.as_str()));
    let seen = primary.ec2.describe_security_groups().group_ids(&group).send().await.unwrap();
    assert_eq!(seen.security_groups()[0].ip_permissions()[0].from_port(), Some(22));
    let seen = route53.get_health_check().health_check_id(&health_check).send().await.unwrap();
    assert_eq!(seen.health_check().unwrap().health_check_config().unwrap().failure_threshold(), Some(5));
    for (here, reserved) in [(&primary, None), (&replica, Some(0))] {
        let seen = here.lambda.get_function_concurrency().function_name("gameday-pre-token").send().await.unwrap();
        assert_eq!(seen.reserved_concurrent_executions(), reserved);
    }
    let seen = primary.cloudwatch.describe_alarms().send().await.unwrap();
    assert!(seen.metric_alarms().iter().any(|alarm| alarm.state_reason() == Some("drill")));
    // What has completed never fires again; what is disabled never at all.
    clock.sleep(Duration::from_secs(20)).await;
    let fired = firings(&primary).await;
    assert_eq!((of(&fired, "kept").len(), of(&fired, "off").len()), (1, 0));
    assert_eq!(code(primary.scheduler.get_schedule().name("entry").send().await), "ResourceNotFoundException");
    lab.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_gives_a_load_balancer_its_groups_back() {
    let world = world(LabSettings { load_balancers: true, ..LabSettings::default() }).await;
    let here = &world.primary;
    let balancers = here.elb.describe_load_balancers().send().await.unwrap();
    let balancer = &balancers.load_balancers()[0];
    let (arn, before) = (balancer.load_balancer_arn().unwrap().to_owned(), balancer.security_groups().to_owned());
    let other = here.ec2.create_security_group().group_name("other").description("other");
    let other = other.vpc_id(balancer.vpc_id().unwrap()).send().await.unwrap().group_id().unwrap().to_owned();
    here.elb.set_security_groups().load_balancer_arn(&arn).security_groups(&other).send().await.unwrap();
    let call = target(
        "elasticloadbalancingv2:setSecurityGroups",
        &json!({ "LoadBalancerArn": arn, "SecurityGroups": before }),
    );
    create(here, "heal", next_second(world.clock), call).send().await.unwrap();
    until("the groups are back", async || {
        let seen = here.elb.describe_load_balancers().load_balancer_arns(&arn).send().await.unwrap();
        seen.load_balancers()[0].security_groups() == before
    })
    .await;
    assert_eq!(firings(here).await[0]["error"], Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_scheduler_refuses_groups_and_pages_as_aws_does() {
    let World { lab: _lab, clock, primary, replica, .. } = world(LabSettings::default()).await;
    let later = Timestamp::from_second(clock.now().as_second() + 3600).unwrap();
    let call = || target("lambda:deleteFunctionConcurrency", &json!({ "FunctionName": "gameday-pre-token" }));
    let schedule = |name: &str| create(&primary, name, later, call());
    let another =
        Target::builder().role_arn("arn:aws:iam::111122223333:role/another").arn(call().arn()).build().unwrap();
    assert_eq!(code(create(&primary, "a", later, another).send().await), "ValidationException");
    assert_eq!(
        code(create(&primary, "a", later, target("ec2:describeVpcs", &json!({}))).send().await),
        "ValidationException"
    );
    assert_eq!(code(schedule("a").schedule_expression("rate(1 minute)").send().await), "ValidationException");
    assert_eq!(code(schedule("a").group_name("nobody").send().await), "ResourceNotFoundException");

    let first = schedule("a").client_token("t").send().await.unwrap();
    let again = schedule("a").client_token("t").send().await.unwrap();
    assert_eq!(first.schedule_arn(), again.schedule_arn());
    assert_eq!(first.schedule_arn(), "arn:aws:scheduler:us-east-1:111122223333:schedule/default/a");
    assert_eq!(code(schedule("a").client_token("u").send().await), "ConflictException");
    assert_eq!(code(schedule("a").client_token("t").description("d").send().await), "ConflictException");

    let groups = primary.scheduler.create_schedule_group().name("drill").send().await.unwrap();
    assert_eq!(groups.schedule_group_arn(), "arn:aws:scheduler:us-east-1:111122223333:schedule-group/drill");
    assert_eq!(code(primary.scheduler.create_schedule_group().name("drill").send().await), "ConflictException");
    for name in ["a", "b", "x"] {
        schedule(name).group_name("drill").send().await.unwrap();
    }
    let names = async |here: &Here, group: Option<&str>, prefix: Option<&str>| {
        let list = here.scheduler.list_schedules().max_results(1);
        let list = list.set_group_name(group.map(str::to_owned)).set_name_prefix(prefix.map(str::to_owned));
        let found: Result<Vec<_>, _> = list.into_paginator().items().send().collect().await;
        found
            .unwrap()
            .iter()
            .map(|one| format!("{}/{}", one.group_name().unwrap(), one.name().unwrap()))
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&primary, None, None).await, ["default/a", "drill/a", "drill/b", "drill/x"]);
    assert_eq!(names(&primary, Some("drill"), None).await, ["drill/a", "drill/b", "drill/x"]);
    assert_eq!(names(&primary, None, Some("a")).await, ["default/a", "drill/a"]);
    assert_eq!(names(&replica, None, None).await, [""; 0]);

    let exact = FlexibleTimeWindow::builder().mode(FlexibleTimeWindowMode::Off).build().unwrap();
    let update = primary.scheduler.update_schedule().name("b").group_name("drill").flexible_time_window(exact);
    let update = update.target(call()).schedule_expression("at(2099-01-01T01:00:00)");
    update.schedule_expression_timezone("Europe/Zurich").send().await.unwrap();
    let seen = primary.scheduler.get_schedule().name("b").group_name("drill").send().await.unwrap();
    assert_eq!(seen.schedule_expression_timezone(), Some("Europe/Zurich"));
    assert_eq!(seen.action_after_completion(), Some(&ActionAfterCompletion::None), "what is left out has its default");
    assert_eq!(seen.target().unwrap().retry_policy().unwrap().maximum_retry_attempts(), Some(1));
    assert!(seen.last_modification_date() >= seen.creation_date() && seen.creation_date().is_some());

    primary.scheduler.delete_schedule().name("a").group_name("drill").send().await.unwrap();
    let gone = primary.scheduler.delete_schedule().name("a").group_name("drill").send().await;
    assert_eq!(code(gone), "ResourceNotFoundException");
    let groups = primary.scheduler.list_schedule_groups().send().await.unwrap();
    assert_eq!(
        groups.schedule_groups().iter().map(|group| group.name().unwrap()).collect::<Vec<_>>(),
        ["default", "drill"]
    );
    primary.scheduler.get_schedule_group().name("default").send().await.unwrap();
    assert_eq!(code(primary.scheduler.delete_schedule_group().name("default").send().await), "ValidationException");
    primary.scheduler.delete_schedule_group().name("drill").send().await.unwrap();
    assert_eq!(code(primary.scheduler.get_schedule_group().name("drill").send().await), "ResourceNotFoundException");
    assert_eq!(names(&primary, None, None).await, ["default/a"]);
}

async fn sign_in(here: &Here, environment: &Environment) -> String {
    let (pool, users) = (environment.pool.as_ref().unwrap(), environment.users.as_ref().unwrap());
    let Some(SecretRef::Literal(password)) = &users.password else { panic!("no password") };
    let call = here.cognito.initiate_auth().client_id(&pool.client_id).auth_flow(AuthFlowType::UserPasswordAuth);
    let call = call.auth_parameters("USERNAME", &users.names[0]).auth_parameters("PASSWORD", password.expose());
    code(call.send().await)
}

#[tokio::test(flavor = "multi_thread")]
async fn without_concurrency_the_trigger_keeps_users_out_of_its_region_alone() {
    let World { lab: _lab, environment, primary, replica, .. } = world(LabSettings::default()).await;
    let pool = &environment.pool.as_ref().unwrap().id;
    let mut functions = Vec::new();
    for (here, region) in [(&primary, "us-east-1"), (&replica, "us-west-2")] {
        let described = here.cognito.describe_user_pool().user_pool_id(pool).send().await.unwrap();
        let config = described.user_pool().unwrap().lambda_config().unwrap().clone();
        let arn = format!("arn:aws:lambda:{region}:111122223333:function:gameday-pre-token");
        assert_eq!(config.pre_token_generation(), Some(arn.as_str()));
        assert_eq!(config.pre_token_generation_config().unwrap().lambda_arn(), arn);
        let function = here.lambda.get_function().function_name(&arn).send().await.unwrap();
        assert_eq!(function.configuration().unwrap().function_arn(), Some(arn.as_str()));
        let listed = here.lambda.list_functions().send().await.unwrap();
        assert!(listed.functions().iter().any(|function| function.function_name() == Some("gameday-pre-token")));
        let policy = here.lambda.get_policy().function_name(&arn).send().await.unwrap();
        let policy: Value = serde_json::from_str(policy.policy().unwrap()).unwrap();
        let statement = &policy["Statement"][0];
        assert_eq!(statement["Principal"]["Service"], "cognito-idp.amazonaws.com");
        let source = format!("arn:aws:cognito-idp:{region}:111122223333:userpool/{pool}");
        assert_eq!(statement["Condition"]["ArnLike"]["AWS:SourceArn"], source.as_str());
        assert_eq!(sign_in(here, &environment).await, "no error");
        functions.push(arn);
    }
    let foreign = replica.lambda.get_function_configuration().function_name(&functions[0]).send().await;
    assert_eq!(code(foreign), "ResourceNotFoundException");
    let put = |number| {
        primary.lambda.put_function_concurrency().function_name(&functions[0]).reserved_concurrent_executions(number)
    };
    assert_eq!(code(put(901).send().await), "InvalidParameterValueException");
    put(0).send().await.unwrap();
    assert_eq!(sign_in(&primary, &environment).await, "UnexpectedLambdaException");
    assert_eq!(sign_in(&replica, &environment).await, "no error");
    primary.lambda.delete_function_concurrency().function_name(&functions[0]).send().await.unwrap();
    assert_eq!(sign_in(&primary, &environment).await, "no error");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_goes_into_alarm_and_back() {
    let World { lab: _lab, primary, replica, .. } = world(LabSettings::default()).await;
    let cloudwatch = &primary.cloudwatch;
    let region = Dimension::builder().name("Region").value("us-east-1").build();
    let put = cloudwatch.put_metric_alarm().alarm_name("logins").evaluation_periods(3).period(60).threshold(0.95);
    let put = put.comparison_operator(ComparisonOperator::LessThanThreshold).statistic(Statistic::Average);
    let put = put.namespace("GameDay").metric_name("LoginSuccess").dimensions(region.clone());
    put.alarm_actions("arn:aws:sns:us-east-1:111122223333:pager").send().await.unwrap();
    cloudwatch.put_metric_alarm().alarm_name("lag").evaluation_periods(1).send().await.unwrap();
    let described = async |here: &Here, state: Option<StateValue>| {
        let found = here.cloudwatch.describe_alarms().set_state_value(state).max_records(1);
        let found: Result<Vec<_>, _> = found.into_paginator().send().collect().await;
        found.unwrap().into_iter().flat_map(|page| page.metric_alarms.unwrap_or_default()).collect::<Vec<_>>()
    };
    let all = described(&primary, None).await;
    let names = all.iter().map(|alarm| alarm.alarm_name().unwrap());
    assert_eq!(names.collect::<Vec<_>>(), ["identity-sign-in-throttles", "lag", "logins"]);
    let alarm = &all[2];
    assert_eq!((alarm.threshold(), alarm.period(), alarm.evaluation_periods()), (Some(0.95), Some(60), Some(3)));
    assert_eq!((alarm.dimensions(), alarm.alarm_actions().len()), (&[region.clone()][..], 1));
    assert_eq!(alarm.state_value(), Some(&StateValue::InsufficientData));

    let set =
        |name: &str, state| cloudwatch.set_alarm_state().alarm_name(name).state_value(state).state_reason("a drill");
    set("logins", StateValue::Alarm).send().await.unwrap();
    let [alarm] = &described(&primary, Some(StateValue::Alarm)).await[..] else { panic!("not one alarm") };
    assert_eq!((alarm.alarm_name(), alarm.state_reason()), (Some("logins"), Some("a drill")));
    assert!(alarm.state_updated_timestamp().unwrap().as_secs_f64() > 1.0e9);
    set("logins", StateValue::Ok).send().await.unwrap();
    assert!(described(&primary, Some(StateValue::Alarm)).await.is_empty());
    assert_eq!(code(set("nobody", StateValue::Ok).send().await), "ResourceNotFound");
    let there = described(&replica, None).await;
    let own = ["identity-rpo-120s", "identity-rpo-60s", "identity-sign-in-throttles"];
    assert_eq!(there.iter().map(|alarm| alarm.alarm_name().unwrap()).collect::<Vec<_>>(), own);

    let datum = MetricDatum::builder().metric_name("LoginSuccess").value(0.5).dimensions(region).build();
    cloudwatch.put_metric_data().namespace("GameDay").metric_data(datum).send().await.unwrap();
    let metrics = cloudwatch.list_metrics().namespace("GameDay").send().await.unwrap();
    assert_eq!(metrics.metrics()[0].metric_name(), Some("LoginSuccess"));
    assert_eq!(code(cloudwatch.put_metric_data().namespace("AWS/Cognito").send().await), "InvalidParameterValue");

    assert_eq!(
        code(cloudwatch.delete_alarms().alarm_names("lag").alarm_names("nobody").send().await),
        "ResourceNotFound"
    );
    cloudwatch.delete_alarms().alarm_names("lag").alarm_names("logins").send().await.unwrap();
    let [own] = &described(&primary, None).await[..] else { panic!("not the lab's own alarm alone") };
    assert_eq!(own.alarm_name(), Some("identity-sign-in-throttles"));
}

/// The third byte of the addresses that the failover record leads to: 1 primary, 2 replica.
async fn block(server: SocketAddr) -> u8 {
    let mut message = Message::query();
    message.add_query(Query::query(Name::from_ascii("auth.gameday.test.").unwrap(), RecordType::A));
    let socket = net::bind_udp("127.0.0.1:0".parse().unwrap()).await.unwrap();
    socket.send_to(&message.to_vec().unwrap(), server).await.unwrap();
    let mut buffer = [0; 1500];
    let received = tokio::time::timeout(Duration::from_secs(5), socket.recv_from(&mut buffer)).await.unwrap().unwrap();
    match Message::from_vec(&buffer[..received.0]).unwrap().answers[0].data.ip_addr().unwrap() {
        IpAddr::V4(address) => address.octets()[2],
        IpAddr::V6(address) => panic!("{address}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_inverted_health_check_moves_the_record_and_back() {
    let World { lab, environment, clock, route53, .. } = world(LabSettings::default()).await;
    let dns = environment.dns.clone().unwrap();
    let (id, servers) = (dns.health_check_id.as_str(), dns.authoritative.clone());
    let leads_to = async |what: &str, wanted: u8| {
        until(what, async || block(servers[0]).await == wanted && block(servers[1]).await == wanted).await;
    };
    let described = async || {
        let seen = route53.get_health_check().health_check_id(id).send().await.unwrap().health_check.unwrap();
        let config = seen.health_check_config.clone().unwrap();
        (seen.health_check_version(), config.inverted(), config.disabled())
    };
    assert_eq!(described().await, (1, Some(false), Some(false)));
    leads_to("the primary at first", 1).await;

    let before = clock.now();
    let inverted =
        route53.update_health_check().health_check_id(id).health_check_version(1).inverted(true).send().await;
    assert_eq!(inverted.unwrap().health_check().unwrap().health_check_version(), 2);
    let after = clock.now();
    leads_to("inverted, the replica", 2).await;
    let truth = lab.truth_report(None);
    let at = |name| truth.milestones.iter().find(|known| known.name == name).map(|known| known.at);
    assert!((before..=after).contains(&at(Milestone::HealthCheckUnhealthy).unwrap()), "{truth:?}");
    assert!(at(Milestone::DnsFlipAuthoritative) > at(Milestone::HealthCheckUnhealthy));
    assert_eq!(described().await, (2, Some(true), Some(false)));
    // The checkers see what they saw before.
    let status = route53.get_health_check_status().health_check_id(id).send().await.unwrap();
    let good = |seen: &aws_sdk_route53::types::HealthCheckObservation| {
        seen.status_report().unwrap().status().unwrap().starts_with("Success")
    };
    assert!(status.health_check_observations().iter().all(good));
    let stale = route53.update_health_check().health_check_id(id).health_check_version(1).inverted(false).send().await;
    assert_eq!(code(stale), "HealthCheckVersionMismatch");
    assert_eq!(described().await.0, 2);

    route53.update_health_check().health_check_id(id).inverted(false).send().await.unwrap();
    leads_to("the primary again", 1).await;
    route53.update_health_check().health_check_id(id).inverted(true).disabled(true).send().await.unwrap();
    leads_to("disabled and inverted, the replica", 2).await;
    let last = async || {
        let status = route53.get_health_check_status().health_check_id(id).send().await.unwrap();
        let seen =
            status.health_check_observations().iter().map(|seen| seen.status_report().unwrap().checked_time().copied());
        seen.collect::<Vec<_>>()
    };
    // What was under way when it was disabled is through by then.
    clock.sleep(Duration::from_secs(10)).await;
    let seen = last().await;
    clock.sleep(Duration::from_secs(15)).await;
    assert_eq!(last().await, seen, "a disabled health check asks nobody");
    route53.update_health_check().health_check_id(id).inverted(false).disabled(false).send().await.unwrap();
    leads_to("the primary at last", 1).await;
    until("it asks again", async || last().await.iter().zip(&seen).all(|(now, then)| now != then)).await;
    assert_eq!(code(route53.update_health_check().health_check_id(id).port(1).send().await), "InvalidInput");
    assert_eq!(
        code(route53.update_health_check().health_check_id(id).failure_threshold(11).send().await),
        "InvalidInput"
    );
    assert_eq!(code(route53.update_health_check().health_check_id("nothing").send().await), "NoSuchHealthCheck");
}
