//! A process that is killed before or after any journal write or call, while it injects or while it restores:
//! `gameday rollback` puts everything back from the journal alone.
//!
//! The victim is this test binary, started again: it prepares, cuts and restores by the library, against a lab that
//! lives on, and kills itself with SIGKILL at the point whose number it is given.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use crate::moto_server as moto;
use crate::proxy as wire;
use crate::support;
use crate::support::{Lab, World, gameday, tools};
use gameday::cloud::{Access, Cloud};
use gameday::faults::{Arming, Executor, Holder, Journal, Part, Scope, State, plan};
use gameday_core::env::{Environment, Site};
use gameday_core::model::{Clock, RunId};
use gameday_core::scenario::{self, FaultSpec};
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use tokio_util::sync::CancellationToken;

const FOLDER: &str = "GAMEDAY_TEST_FOLDER";
const ENVIRONMENT: &str = "GAMEDAY_TEST_ENVIRONMENT";
const LOCKING: &str = "GAMEDAY_TEST_LOCKING";
const FAULT: &str = "GAMEDAY_TEST_FAULT";

/// A fault of the full failover, of another kind.
pub(crate) fn fault(text: &str) -> FaultSpec {
    let scenario = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(support::FULL_FAILOVER)).unwrap();
    let scenario = scenario.replace("kind = \"nacl-blackhole\"", text);
    scenario::read_str("crash.toml", &scenario, None).unwrap().value.faults.remove(0)
}

/// Not a test by itself: the process that is killed.
#[tokio::test]
#[ignore = "the other tests of this file start it"]
async fn victim() {
    let variable = |name| std::env::var(name).unwrap();
    let site = any_site(&PathBuf::from(variable(ENVIRONMENT)));
    // Every run has an ID of its own; client tokens follow from it.
    let folder = PathBuf::from(variable(FOLDER));
    let run = RunId(format!("gd-{}", folder.file_name().unwrap().display()));
    let (cloud, clock) = (Cloud::connect(&site).await.unwrap(), clock(&PathBuf::from(variable(ENVIRONMENT))));
    let plan = plan(&[fault(&variable(FAULT))], &site, &cloud, &run).await.unwrap();
    let path = folder.join("journal.ndjson");
    let journal = Arc::new(Journal::create(&path, run.clone(), Access::of(&site), clock.now()).unwrap());
    let clients = [cloud.primary.clone(), cloud.replica.clone()];
    let executor = Executor::new(Arc::clone(&journal), clients, clock, Arc::new(|_| {}));
    let stop = CancellationToken::new();
    let lasting = Duration::from_mins(5);
    // The lock takes a second to settle, so only who asks for it is killed around it, too.
    let until = clock.now().checked_add(lasting).unwrap();
    let holder = Holder { run: run.clone(), owner: "victim@test".to_owned(), until };
    let lock = if std::env::var_os(LOCKING).is_some() { plan.lock(&holder) } else { Vec::new() };
    executor.make(&lock, &stop).await.unwrap();
    let prepare = plan.prepare();
    executor.make(&prepare, &stop).await.unwrap();
    executor.confirm(&prepare).await.unwrap();
    let settings = site.dead_man.as_ref().unwrap();
    let arm = plan.arm(&Arming { settings, run: &run, now: clock.now(), longest: lasting });
    assert!(!arm.is_empty());
    for actions in [arm, plan.cut_at(Duration::ZERO)] {
        executor.make(&actions, &stop).await.unwrap();
        executor.confirm(&actions).await.unwrap();
    }
    assert_eq!(executor.restore(&stop).await.left, Vec::<String>::new());
    journal.close().unwrap();
}

/// The clock of a running lab; real time elsewhere.
fn clock(environment: &Path) -> Clock {
    let parsed: Environment = toml::from_str(&std::fs::read_to_string(environment).unwrap()).unwrap();
    let lab = parsed.lab.and_then(|lab| lab.clock);
    lab.map_or_else(|| Clock::start(1.0), |lab| Clock::aligned(lab.anchor, lab.speed))
}

/// An environment file as it is, whether a run would take it or not: moto has no front door.
fn any_site(environment: &Path) -> Site {
    let text = std::fs::read_to_string(environment).unwrap();
    let parsed: Environment = toml::from_str(&text).unwrap();
    let pem = std::fs::read_to_string(environment.with_extension("ca.pem")).ok();
    parsed.complete(environment.parent().unwrap().to_owned(), pem).unwrap()
}

/// What faults are made on.
enum Ground {
    Lab(Lab),
    Moto(OnMoto),
}

impl Ground {
    fn environment(&self) -> &Path {
        match self {
            Self::Lab(lab) => &lab.environment,
            Self::Moto(moto) => &moto.estate.environment,
        }
    }

    async fn world(&self) -> World {
        match self {
            Self::Lab(lab) => lab.world().await,
            Self::Moto(moto) => moto.world().await,
        }
    }

    fn site(&self) -> Site {
        match self {
            Self::Lab(lab) => lab.site(),
            Self::Moto(moto) => moto.estate.site(),
        }
    }

    /// Beside another environment file of it, what belongs to both.
    fn copy_beside(&self, other: &Path) {
        let pem = self.environment().with_extension("ca.pem");
        if pem.exists() {
            std::fs::copy(pem, other.with_extension("ca.pem")).unwrap();
        }
    }

    /// Makes a security group that has nothing to do with any run.
    async fn somebody_else(&self, number: usize) -> String {
        let ec2 = Cloud::connect(&self.site()).await.unwrap().primary.ec2;
        let vpcs = ec2.describe_network_acls().send().await.unwrap();
        let vpc = vpcs.network_acls()[0].vpc_id().unwrap().to_owned();
        let made = ec2.create_security_group().vpc_id(vpc).group_name(format!("other-{number}")).description("other");
        made.send().await.unwrap().group_id.unwrap()
    }

    async fn take_away(&self, group: &str) {
        let ec2 = Cloud::connect(&self.site()).await.unwrap().primary.ec2;
        ec2.delete_security_group().group_id(group).send().await.unwrap();
    }
}

/// An estate on a moto of its own.
struct OnMoto {
    _server: moto::Moto,
    estate: moto::Estate,
}

impl OnMoto {
    async fn start(folder: &Path) -> Self {
        let server = moto::Moto::start(&tools::python_tool("moto_server"), folder);
        let estate = moto::Estate::build(&server, folder, &server.url()).await;
        Self { _server: server, estate }
    }

    async fn world(&self) -> World {
        let cloud = Cloud::connect(&self.estate.site()).await.unwrap();
        let clients = &cloud.primary;
        let mut scope = Scope::default();
        for part in [Part::NetworkAcls, Part::SecurityGroups] {
            scope.insert(part, &clients.region, &self.estate.vpc);
        }
        scope.insert(Part::HealthCheck, &clients.region, &self.estate.health_check);
        scope.insert(Part::Function, &clients.region, &self.estate.function);
        scope.insert(Part::WebAcl, &clients.region, &self.estate.pool);
        let tags = clients.ec2.describe_tags().send().await.unwrap();
        // moto goes on telling the tags of what is deleted; that it is, the state says.
        let lasting = |id: &str| ["vpc-", "subnet-", "eni-"].iter().any(|kind| id.starts_with(kind));
        let tags = tags.tags().iter().filter(|tag| tag.resource_id().is_some_and(lasting));
        let tags = tags.map(|tag| format!("{:?} {:?} {:?}", tag.resource_id(), tag.key(), tag.value()));
        let schedules = clients.reading.scheduler.list_schedules().send().await.unwrap();
        let schedules = schedules.schedules().iter().map(|one| one.name().unwrap().to_owned()).collect();
        World { state: State::describe(&cloud, &scope).await.unwrap(), tags: tags.collect(), schedules }
    }
}

fn start(ground: &Ground, fault: &str, folder: &Path, variable: (&str, &str)) -> ExitStatus {
    let mut victim = victim_of(fault, folder, ground.environment());
    let done = victim.env(variable.0, variable.1).output().unwrap();
    if done.status.code().is_some_and(|code| code != 0) {
        print!("{}", String::from_utf8_lossy(&done.stderr));
    }
    done.status
}

/// How far descriptions lag behind changes, and a killed process's last call behind its end: 1 in 150 of the 5 s that they are taken to at
/// AWS, as the lag that a restore allows for is 1 in 150 of the 10 s there.
const BEHIND: Duration = Duration::from_millis(33);
const ALLOWED_FOR: &str = "67ms";

/// A ground whose descriptions lag, and the wire before it.
struct Lagging {
    folder: tempfile::TempDir,
    ground: Ground,
    wire: Arc<wire::Wire>,
    environment: PathBuf,
    before: World,
}

impl Lagging {
    async fn start(fault: &str, on_moto: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let ground = if on_moto {
            let moto = OnMoto::start(folder.path()).await;
            support::set_lag(&moto.estate.environment, ALLOWED_FOR);
            Ground::Moto(moto)
        } else {
            // Limits may be asked for once a second, of scenario time.
            let speed = if fault.contains("provisioned-limit") { "10" } else { "1" };
            let lab = Lab::start(folder.path(), &["--seed", "5", "--speed", speed]);
            lab.set_lag(ALLOWED_FOR);
            Ground::Lab(lab)
        };
        let environment = folder.path().join("lagging.toml");
        let wire = Arc::new(wire::before(ground.environment(), &environment, "primary", None));
        ground.copy_beside(&environment);
        let before = ground.world().await;
        Self { folder, ground, wire, environment, before }
    }

    /// A victim with a folder of that name.
    fn victim(&self, fault: &str, name: &str) -> Command {
        let run = self.folder.path().join(name);
        std::fs::create_dir(&run).unwrap();
        let mut victim = victim_of(fault, &run, &self.environment);
        victim.stdout(Stdio::null()).stderr(Stdio::null());
        victim
    }

    /// Starts the victim, lets it come to its end, and rolls its run back. Somebody else is at work, too: before the end, or after it.
    async fn put_back(
        &self,
        mut victim: Command,
        number: usize,
        what: &str,
        started: impl FnOnce(&std::process::Child),
    ) -> (ExitStatus, bool) {
        let before = (number / 2).is_multiple_of(2);
        let other = if before { Some(self.ground.somebody_else(number).await) } else { None };
        let mut child = victim.spawn().unwrap();
        started(&child);
        let status = tokio::task::block_in_place(|| child.wait().unwrap());
        let other = match other {
            Some(other) => other,
            None => self.ground.somebody_else(number).await,
        };
        let left = self.ground.world().await;
        let mut rollback = gameday();
        rollback.arg("rollback").arg(self.folder.path().join(format!("run-{number}")));
        let done = tokio::task::block_in_place(|| rollback.output().unwrap());
        let said = format!("{}{}", String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        assert_eq!(done.status.code(), Some(0), "{what}: {said}");
        self.ground.take_away(&other).await;
        assert_eq!(self.ground.world().await, self.before, "{what}: {said}");
        (status, left != self.before)
    }
}

fn victim_of(fault: &str, folder: &Path, environment: &Path) -> Command {
    let mut victim = Command::new(std::env::current_exe().unwrap());
    victim.args(["--exact", "crash::victim", "--ignored", "--nocapture"]);
    victim.env(FOLDER, folder).env(ENVIRONMENT, environment).env(FAULT, fault);
    victim
}

/// Kills at every second point, where every description lags; gives how many points there are.
async fn killed_at_every_point(fault: &str, on_moto: bool, half: usize) -> usize {
    let place = Lagging::start(fault, on_moto).await;
    // The lock takes its time to settle, so one fault alone has it.
    let locking = fault.contains("health-check-invert") && !on_moto;
    let victim = |name: &str| {
        let mut victim = place.victim(fault, name);
        if locking {
            victim.env(LOCKING, "1");
        }
        victim
    };
    let list = place.folder.path().join("points");
    let mut whole = victim("whole");
    whole.env("GAMEDAY_CRASH_POINTS", &list);
    let status = tokio::task::block_in_place(|| whole.status().unwrap());
    assert!(status.success(), "nobody was killed: {status}");
    let points: Vec<String> = std::fs::read_to_string(&list).unwrap().lines().map(str::to_owned).collect();
    let (mut changed, mut killed, mut tried) = (0, 0, 0);
    for (number, point) in (1..).zip(&points).filter(|(number, _)| number % 2 == half) {
        tried += 1;
        place.wire.lag(BEHIND);
        let mut victim = victim(&format!("run-{number}"));
        victim.env("GAMEDAY_CRASH_AT", number.to_string());
        let (status, left) = place.put_back(victim, number, point, |_| {}).await;
        // Once what is described lags, looking again may take more points or fewer, so that the last ones may not be met.
        assert!(status.signal() == Some(9) || (status.success() && number > points.len() / 2), "{point}: {status}");
        killed += usize::from(!status.success());
        changed += usize::from(left);
    }
    assert!(killed >= tried - tried / 10, "only {killed} of {tried} points were met");
    assert!(changed > tried / 3, "only {changed} of {tried} points left something to put back");
    points.len()
}

/// Kills a rollback at a point, if it passes that many; tells whether it was killed.
fn rollback_killed(run: &Path, at: u32) -> bool {
    let mut rollback = gameday();
    let done = rollback.arg("rollback").arg(run).env("GAMEDAY_CRASH_AT", at.to_string()).output().unwrap();
    match (done.status.signal(), done.status.code()) {
        (Some(9), _) => true,
        (None, Some(0)) => false,
        other => panic!("{other:?}: {}", String::from_utf8_lossy(&done.stderr)),
    }
}

async fn rolled_back(fault: &str, on_moto: bool, least: usize, half: usize) {
    let points = killed_at_every_point(fault, on_moto, half).await;
    println!("{points} fault points, every second one of which was tried here");
    assert!(points >= least, "only {points} fault points");
}

/// Each fault's points in two tests, which may go side by side.
macro_rules! rolled_back {
    ($($name:ident: $fault:expr, $on_moto:expr, $least:expr;)*) => {$(
        mod $name {
            #[tokio::test(flavor = "multi_thread")]
            async fn odd_points() {
                super::rolled_back($fault, $on_moto, $least, 1).await;
            }

            #[tokio::test(flavor = "multi_thread")]
            async fn even_points() {
                super::rolled_back($fault, $on_moto, $least, 0).await;
            }
        }
    )*};
}

// A limit on the lab alone: moto has no GetProvisionedLimit.
rolled_back! {
    nacl_blackhole: "kind = \"nacl-blackhole\"", false, 60;
    nacl_deny_entries: "kind = \"nacl-deny-entries\"\nports = [\"443\", \"8000-8999\"]", false, 60;
    security_group_blackhole_by_swapping_groups: "kind = \"security-group-blackhole\"", false, 40;
    security_group_blackhole_by_revoking_rules: "kind = \"security-group-blackhole\"\nmethod = \"revoke-rules\"", false, 16;
    health_check_invert_with_the_lock: "kind = \"health-check-invert\"", false, 24;
    lambda_trigger_break: "kind = \"lambda-trigger-break\"", false, 16;
    provisioned_limit: "kind = \"provisioned-limit\"\nrate = \"300/s\"", false, 16;
    client_egress_blackhole: "kind = \"client-egress-blackhole\"", false, 60;
    waf_block: "kind = \"waf-block\"", false, 24;
    nacl_blackhole_on_moto: "kind = \"nacl-blackhole\"", true, 60;
    security_group_blackhole_on_moto: "kind = \"security-group-blackhole\"", true, 40;
    nacl_deny_entries_on_moto: "kind = \"nacl-deny-entries\"\nports = [\"443\"]", true, 60;
    security_group_blackhole_by_revoking_rules_on_moto: "kind = \"security-group-blackhole\"\nmethod = \"revoke-rules\"", true, 16;
    client_egress_blackhole_on_moto: "kind = \"client-egress-blackhole\"", true, 50;
    lambda_trigger_break_on_moto: "kind = \"lambda-trigger-break\"", true, 16;
    health_check_invert_on_moto: "kind = \"health-check-invert\"", true, 16;
    waf_block_on_moto: "kind = \"waf-block\"", true, 24;
}

/// Kills at every call that changes something, while it is on its way: it takes effect when the process is gone. Every description lags.
/// Gives how many calls there are.
async fn killed_with_its_last_call_under_way(fault: &str, on_moto: bool) -> usize {
    let place = Lagging::start(fault, on_moto).await;
    let victim = |name: &str| {
        let mut victim = place.victim(fault, name);
        victim.env(LOCKING, "1");
        victim
    };
    place.wire.open();
    let whole = tokio::task::block_in_place(|| victim("whole").status().unwrap());
    assert!(whole.success(), "nobody was killed: {whole}");
    let calls = place.wire.changing();
    for number in 1..=calls {
        place.wire.lag(BEHIND);
        let process = Arc::new(AtomicI32::new(0));
        let pid = Arc::clone(&process);
        place.wire.rule(move |call| {
            if call.number != Some(number) {
                return wire::Way::Open;
            }
            let pid = rustix::process::Pid::from_raw(pid.load(Ordering::SeqCst)).unwrap();
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            wire::Way::Late(BEHIND)
        });
        let victim = victim(&format!("run-{number}"));
        let started = |child: &std::process::Child| process.store(child.id().try_into().unwrap(), Ordering::SeqCst);
        let what = format!("call {number}");
        let (status, _) = place.put_back(victim, number, &what, started).await;
        assert!(status.signal() == Some(9) || status.success(), "{what}: {status}");
    }
    calls
}

async fn survives_lag(fault: &str, on_moto: bool, least: usize) {
    let calls = killed_with_its_last_call_under_way(fault, on_moto).await;
    println!("{calls} calls, each under way when its process was killed");
    assert!(calls >= least, "only {calls} calls");
}

macro_rules! survives_lag {
    ($($name:ident: $fault:expr, $on_moto:expr, $least:expr;)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            survives_lag($fault, $on_moto, $least).await;
        }
    )*};
}

survives_lag! {
    lagging_nacl_blackhole: "kind = \"nacl-blackhole\"", false, 20;
    lagging_nacl_deny_entries: "kind = \"nacl-deny-entries\"\nports = [\"443\"]", false, 20;
    lagging_swapped_groups: "kind = \"security-group-blackhole\"", false, 14;
    lagging_revoked_rules: "kind = \"security-group-blackhole\"\nmethod = \"revoke-rules\"", false, 9;
    lagging_health_check_invert: "kind = \"health-check-invert\"", false, 9;
    lagging_lambda_trigger_break: "kind = \"lambda-trigger-break\"", false, 9;
    lagging_provisioned_limit: "kind = \"provisioned-limit\"\nrate = \"300/s\"", false, 9;
    lagging_client_egress_blackhole: "kind = \"client-egress-blackhole\"", false, 20;
    lagging_waf_block: "kind = \"waf-block\"", false, 9;
    lagging_nacl_blackhole_on_moto: "kind = \"nacl-blackhole\"", true, 14;
    lagging_swapped_groups_on_moto: "kind = \"security-group-blackhole\"", true, 10;
    lagging_revoked_rules_on_moto: "kind = \"security-group-blackhole\"\nmethod = \"revoke-rules\"", true, 7;
    lagging_nacl_deny_entries_on_moto: "kind = \"nacl-deny-entries\"\nports = [\"443\"]", true, 14;
    lagging_client_egress_blackhole_on_moto: "kind = \"client-egress-blackhole\"", true, 14;
    lagging_health_check_invert_on_moto: "kind = \"health-check-invert\"", true, 7;
    lagging_lambda_trigger_break_on_moto: "kind = \"lambda-trigger-break\"", true, 7;
    lagging_waf_block_on_moto: "kind = \"waf-block\"", true, 9;
}

/// Each fault's text, as the other tests have it.
const FAULTS: [&str; 8] = [
    "kind = \"nacl-blackhole\"",
    "kind = \"nacl-deny-entries\"\nports = [\"443\"]",
    "kind = \"security-group-blackhole\"",
    "kind = \"security-group-blackhole\"\nmethod = \"revoke-rules\"",
    "kind = \"health-check-invert\"",
    "kind = \"lambda-trigger-break\"",
    "kind = \"client-egress-blackhole\"",
    "kind = \"waf-block\"",
];

/// Any sequence of faults that are killed somewhere, of rollbacks that are killed somewhere, and of a last rollback that is
/// not, ends in the original state. A new fault never begins on what another left: a run is refused then.
#[test]
fn any_sequence_of_faults_crashes_and_rollbacks_ends_in_the_original_state() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Ground::Lab(Lab::start(folder.path(), &["--seed", "5"]));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let before = runtime.block_on(lab.world());
    let counter = std::cell::Cell::new(0);
    let (killed_runs, killed_rollbacks) = (std::cell::Cell::new(0), std::cell::Cell::new(0));
    let turn = (0..FAULTS.len(), 1..60_u32, proptest::collection::vec(1..30_u32, 0..3));
    let config = ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let outcome = runner.run(&proptest::collection::vec(turn, 1..4), |turns| {
        for (fault, at, rollbacks) in turns {
            counter.set(counter.get() + 1);
            let run = folder.path().join(format!("sequence-{}", counter.get()));
            std::fs::create_dir(&run).unwrap();
            let status = start(&lab, FAULTS[fault], &run, ("GAMEDAY_CRASH_AT", &at.to_string()));
            // A point that the run does not have: it went to its end.
            prop_assert!(status.signal() == Some(9) || status.success(), "{status}");
            killed_runs.set(killed_runs.get() + u32::from(!status.success()));
            for at in rollbacks {
                killed_rollbacks.set(killed_rollbacks.get() + u32::from(rollback_killed(&run, at)));
            }
            prop_assert!(!rollback_killed(&run, u32::MAX));
            prop_assert_eq!(&runtime.block_on(lab.world()), &before);
        }
        Ok(())
    });
    println!("{} runs, {} killed, and {} rollbacks killed", counter.get(), killed_runs.get(), killed_rollbacks.get());
    outcome.unwrap();
    assert!(killed_runs.get() > 5 && killed_rollbacks.get() > 3);
}
