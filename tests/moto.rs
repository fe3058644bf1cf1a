//! The fault's EC2 calls against moto, a simulator of AWS that others wrote: what works on the lab
//! must work there unchanged.

use std::collections::BTreeSet;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::tools;
use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{IcmpTypeCode, PortRange, RuleAction};
use gameday::cloud::{Access, Cloud, RegionClients};
use gameday::faults::{Executor, Journal, MutationSink, Plan, RUN_TAG, Restored, State, Vpc, plan, read_journal};
use gameday_core::env::{self, Site};
use gameday_core::model::{Clock, Event, Mutation, RegionRole, RunId, Step};
use gameday_core::scenario::FaultSpec;
use tokio_util::sync::CancellationToken;

struct Moto {
    _process: tools::Running,
    port: u16,
}

impl Moto {
    fn start(folder: &Path) -> Self {
        let program = tools::python_tool("moto_server");
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let output = std::fs::File::create(folder.join("moto.out")).unwrap();
        let process = Command::new(program)
            .args(["-H", "127.0.0.1", "-p", &port.to_string()])
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        tools::within(Duration::from_mins(1), "moto to start", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        Self { _process: tools::Running(process), port }
    }

    /// An environment whose EC2 is moto.
    fn site(&self, folder: &Path, subnets: &[String]) -> Site {
        crate::support::write_secrets(&folder.join("secrets.toml"), "key = \"testing\"\n");
        std::fs::write(folder.join("ca.pem"), "").unwrap();
        let ids = subnets.iter().map(|id| format!("{id:?}")).collect::<Vec<_>>().join(", ");
        let region = |part: &str, name: &str, subnets: &str| {
            format!(
                "[{part}]\nregion = \"{name}\"\ndirect = [\"127.0.0.1\"]\nsubnets = {{ ids = [{subnets}] }}\n\
                 endpoints = {{ ec2 = \"http://127.0.0.1:{0}\", sts = \"http://127.0.0.1:{0}\" }}\n",
                self.port
            )
        };
        let text = format!(
            "schema_version = 1\nname = \"moto\"\nkind = \"lab\"\n\
             [credentials]\naccess_key_id = \"testing\"\nsecret_access_key = {{ file = \"secrets.toml\", key = \"key\" }}\n\
             {}{}\
             [pool]\nid = \"us-east-1_EXAMPLE\"\nclient_id = \"client\"\n\
             [front_door]\nname = \"auth.gameday.test\"\napi_path = \"/\"\n\
             [dns]\nhosted_zone_id = \"Z1\"\nrecord = \"auth.gameday.test\"\nhealth_check_id = \"none\"\n\
             [users]\nnames = [\"nobody\"]\npassword = {{ file = \"secrets.toml\", key = \"key\" }}\n",
            region("primary", "us-east-1", &ids),
            region("replica", "us-west-2", ""),
        );
        let environment: env::Environment = toml::from_str(&text).unwrap();
        environment.complete(folder.to_owned(), None).unwrap()
    }
}

/// A VPC of which the caller moves subnets to ACLs of its own.
struct Network<'a> {
    ec2: &'a Client,
    vpc: String,
    subnets: Vec<String>,
}

impl<'a> Network<'a> {
    async fn make(ec2: &'a Client, count: usize) -> Network<'a> {
        let vpc = ec2.create_vpc().cidr_block("10.20.0.0/16").send().await.unwrap();
        let vpc = vpc.vpc().unwrap().vpc_id().unwrap().to_owned();
        let mut subnets = Vec::new();
        for n in 0..count {
            let zone = ["us-east-1a", "us-east-1b"][n % 2];
            let call = ec2.create_subnet().vpc_id(&vpc).cidr_block(format!("10.20.{n}.0/24")).availability_zone(zone);
            subnets.push(call.send().await.unwrap().subnet().unwrap().subnet_id().unwrap().to_owned());
        }
        Self { ec2, vpc, subnets }
    }

    /// A custom ACL whose low rule numbers are in the way of the deny rules, with its subnets moved to it.
    async fn custom_acl(&self, low: &[i32], subnets: &[String]) {
        let acl = self.ec2.create_network_acl().vpc_id(&self.vpc).send().await.unwrap();
        let acl = acl.network_acl().unwrap().network_acl_id().unwrap().to_owned();
        for (n, number) in low.iter().enumerate() {
            for egress in [false, true] {
                let call = self.ec2.create_network_acl_entry().network_acl_id(&acl).rule_number(*number).egress(egress);
                let action = if n % 2 == 0 { RuleAction::Allow } else { RuleAction::Deny };
                let call = call.rule_action(action).cidr_block(format!("10.{n}.0.0/16"));
                let call = match n % 3 {
                    0 => call.protocol("6").port_range(PortRange::builder().from(443).to(8443).build()),
                    1 => call.protocol("1").icmp_type_code(IcmpTypeCode::builder().r#type(8).code(0).build()),
                    _ => call.protocol("-1"),
                };
                call.send().await.unwrap();
            }
        }
        let live = self.ec2.describe_network_acls().send().await.unwrap();
        for subnet in subnets {
            let used = live.network_acls().iter().flat_map(aws_sdk_ec2::types::NetworkAcl::associations);
            let used = used.into_iter().find(|used| used.subnet_id() == Some(subnet)).unwrap();
            let association = used.network_acl_association_id().unwrap();
            let call = self.ec2.replace_network_acl_association().association_id(association).network_acl_id(&acl);
            call.send().await.unwrap();
        }
    }
}

struct Rehearsal {
    plan: Plan,
    journal: Arc<Journal>,
    executor: Executor,
    made: Arc<Mutex<Vec<Mutation>>>,
}

impl Rehearsal {
    async fn plan(site: &Site, cloud: &Cloud, folder: &Path) -> Self {
        let (run, clock) = (RunId::from("gd-moto"), Clock::start(1.0));
        let plan = plan(&[FaultSpec::default()], site, cloud, &run).await.unwrap();
        let journal = Journal::create(&folder.join("journal.ndjson"), run.clone(), Access::of(site), clock.now());
        let journal = Arc::new(journal.unwrap());
        let made: Arc<Mutex<Vec<Mutation>>> = Arc::default();
        let kept = Arc::clone(&made);
        let sink: MutationSink = Arc::new(move |event| {
            if let Event::Mutation(mutation) = event {
                kept.lock().unwrap().push(mutation);
            }
        });
        let executor = Executor::new(Arc::clone(&journal), [cloud.primary.clone()], clock, sink);
        Self { plan, journal, executor, made }
    }

    async fn make(&self, step: Step) {
        let prepare = step == Step::Prepare;
        let actions = if prepare { self.plan.prepare() } else { self.plan.cut_at(Duration::ZERO) };
        self.executor.make(&actions, &CancellationToken::new()).await.unwrap();
        self.executor.confirm(&actions).await.unwrap();
    }

    async fn restore(&self) -> Restored {
        self.executor.restore(&CancellationToken::new()).await
    }

    fn calls(&self, step: Step) -> usize {
        let made = self.made.lock().unwrap();
        assert!(made.iter().all(|mutation| mutation.error.is_none()), "{made:?}");
        made.iter().filter(|mutation| mutation.step == step).count()
    }
}

async fn acls_of_runs(clients: &RegionClients) -> usize {
    let live = clients.ec2.describe_network_acls().send().await.unwrap();
    live.network_acls().iter().filter(|acl| acl.tags().iter().any(|tag| tag.key() == Some(RUN_TAG))).count()
}

/// Injects and restores on a network, and compares.
async fn rehearse(count: usize, customs: &[(&[i32], usize)]) {
    let folder = tempfile::tempdir().unwrap();
    let moto = Moto::start(folder.path());
    let cloud = Cloud::connect(&moto.site(folder.path(), &[])).await.unwrap();
    let clients = cloud.region(RegionRole::Primary);
    let network = Network::make(&clients.ec2_mutating, count).await;
    let mut rest = network.subnets.as_slice();
    for (low, members) in customs {
        let (these, others) = rest.split_at(*members);
        network.custom_acl(low, these).await;
        rest = others;
    }
    let before = Vpc::describe(clients, &network.vpc).await.unwrap();
    let acl_of = |vpc: &Vpc, subnet: &String| vpc.association(subnet).unwrap().acl.clone();
    let originals: BTreeSet<String> = network.subnets.iter().map(|subnet| acl_of(&before, subnet)).collect();

    let site = moto.site(folder.path(), &network.subnets);
    let rehearsal = Rehearsal::plan(&site, &cloud, folder.path()).await;
    let state_before = State::describe(&cloud, &rehearsal.plan.scope).await.unwrap();
    rehearsal.make(Step::Prepare).await;
    let prepared = Vpc::describe(clients, &network.vpc).await.unwrap();
    for subnet in &network.subnets {
        let (was, is) = (acl_of(&before, subnet), acl_of(&prepared, subnet));
        assert_ne!(was, is, "{subnet} is still on its original ACL");
        let rules = |vpc: &Vpc, acl: &str| -> Vec<_> {
            let rules = vpc.acl(acl).unwrap().rules.iter().cloned();
            rules.map(|rule| gameday::faults::AclRule { number: 0, ..rule }).collect()
        };
        assert_eq!(rules(&before, &was), rules(&prepared, &is), "the clone has other rules");
        assert_eq!(before.acl(&was), prepared.acl(&was), "the original was touched");
    }

    rehearsal.make(Step::Cut).await;
    assert!(rehearsal.calls(Step::Cut) <= 4 * originals.len(), "{} calls cut", rehearsal.calls(Step::Cut));
    assert_eq!(acls_of_runs(clients).await, originals.len());

    let restored = rehearsal.restore().await;
    assert_eq!(restored.left, Vec::<String>::new());
    assert_eq!(restored.mutations, restored.reverted);
    assert_eq!(rehearsal.calls(Step::Heal), rehearsal.calls(Step::Cut));
    let after = State::describe(&cloud, &rehearsal.plan.scope).await.unwrap();
    assert_eq!(state_before.differences(&after), Vec::<String>::new());
    let compared = state_before.compare(&after, &BTreeSet::new());
    assert_eq!((compared.left, compared.others, compared.before_sha256), (vec![], vec![], compared.after_sha256));
    assert_eq!(acls_of_runs(clients).await, 0, "a clone is left");

    rehearsal.journal.close().unwrap();
    assert!(read_journal(&folder.path().join("journal.ndjson")).unwrap().closed);
    let made = rehearsal.made.lock().unwrap().len();
    assert_eq!(rehearsal.restore().await.left, Vec::<String>::new());
    assert_eq!(rehearsal.made.lock().unwrap().len(), made, "a second restore changed something");
}

#[tokio::test]
async fn one_subnet_on_the_default_acl() {
    rehearse(1, &[]).await;
}

#[tokio::test]
async fn one_subnet_on_an_acl_with_low_rule_numbers() {
    rehearse(1, &[(&[1, 2, 3, 100], 1)]).await;
}

#[tokio::test]
async fn twenty_subnets_on_three_acls() {
    rehearse(20, &[(&[1, 2, 7, 32000], 7), (&[100, 110, 120], 6)]).await;
}
