//! A network behind a wire, and rehearsals on it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Output;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gameday::cloud::{Access, Cloud, RegionClients};
use gameday::faults::{Comparison, Executor, FaultError, Journal, MutationSink, Plan, RUN_TAG, Restored, State, plan};
use gameday_core::env::{CredentialRef, EstateChange, LabSettings, SecretRef, Site};
use gameday_core::model::{Clock, Event, RunId, Seed, Span};
use gameday_core::scenario::FaultSpec;
use gameday_lab::{Lab, LabOptions};
use tokio_util::sync::CancellationToken;

use crate::moto_server::{self as moto, Moto};
use crate::proxy::{Call, Way, Wire};
use crate::support::{gameday, tools};

/// What stands for AWS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arm {
    Lab,
    Moto,
}

/// Places of one arm.
pub struct World {
    arm: Arm,
    moto: Option<(Arc<Moto>, tempfile::TempDir)>,
}

impl World {
    pub fn of(arm: Arm) -> Self {
        let moto = (arm == Arm::Moto).then(|| {
            let folder = tempfile::tempdir().unwrap();
            (Arc::new(Moto::start(&tools::python_tool("moto_server"), folder.path())), folder)
        });
        Self { arm, moto }
    }

    /// A network that nobody else uses: a VPC of its own in moto, or a lab of its own.
    pub async fn place(&self) -> Place {
        match &self.moto {
            Some((moto, _)) => Place::in_moto(moto).await,
            None => Place::in_lab().await,
        }
    }

    pub fn arm(&self) -> Arm {
        self.arm
    }
}

/// A network behind a wire.
pub struct Place {
    pub wire: Wire,
    pub cloud: Cloud,
    pub site: Site,
    folder: tempfile::TempDir,
    runs: AtomicUsize,
    _lab: Option<Lab>,
}

impl Place {
    /// In a lab where limits may be asked for often: at Cognito's own once a second, how many calls are throttled and made again would depend on
    /// how fast this machine is.
    pub async fn in_lab() -> Self {
        let limits = EstateChange {
            path: "/quotas/us-east-1/provisioned".to_owned(),
            value: Some(serde_json::json!({ "LimitManagement": 1000 })),
        };
        let settings = LabSettings { users: 1, estate: vec![limits], ..LabSettings::default() };
        let lab = Lab::start(LabOptions::new(settings, Clock::start(1.0), Seed(3))).await.unwrap();
        let mut environment = lab.environment();
        let endpoints = &mut environment.primary.as_mut().unwrap().endpoints;
        let wire = Wire::start(endpoints["ec2"].trim_start_matches("http://").trim_end_matches('/').parse().unwrap());
        for endpoint in endpoints.values_mut() {
            *endpoint = wire.url();
        }
        // In a file, so that a rollback in another process can read it.
        let folder = tempfile::tempdir().unwrap();
        let Some(CredentialRef::Static { secret_access_key: SecretRef::Literal(secret), access_key_id }) =
            environment.credentials.take()
        else {
            panic!("a lab has a key of its own")
        };
        let secrets = format!("key = {:?}\n", secret.expose());
        crate::support::write_secrets(&folder.path().join("secrets.toml"), &secrets);
        let secret_access_key = SecretRef::File { file: "secrets.toml".into(), key: "key".to_owned() };
        environment.credentials = Some(CredentialRef::Static { access_key_id, secret_access_key });
        environment.guard.description_lag = Some(Span::millis(20));
        let site = environment.complete(folder.path().to_owned(), Some(lab.trust_root_pem().to_owned())).unwrap();
        let cloud = Cloud::connect(&site).await.unwrap();
        Self { wire, cloud, site, folder, runs: AtomicUsize::new(0), _lab: Some(lab) }
    }

    async fn in_moto(moto: &Moto) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let wire = Wire::start(moto.address());
        let site = moto::Estate::build(moto, folder.path(), &wire.url()).await.site();
        let cloud = Cloud::connect(&site).await.unwrap();
        Self { wire, cloud, site, folder, runs: AtomicUsize::new(0), _lab: None }
    }

    pub fn primary(&self) -> &RegionClients {
        &self.cloud.primary
    }

    /// A run of its own, with nothing made yet. The wire is open.
    pub async fn rehearsal(&self) -> Rehearsal<'_> {
        self.rehearsal_of(&FaultSpec::default()).await
    }

    /// The same of a fault of choice.
    pub async fn rehearsal_of(&self, fault: &FaultSpec) -> Rehearsal<'_> {
        self.wire.open();
        // Client tokens follow from a run's ID, so that no two may have the same.
        let number = self.runs.fetch_add(1, Ordering::Relaxed);
        let folder = self.folder.path().join(format!("run-{number}"));
        std::fs::create_dir(&folder).unwrap();
        let clock = Clock::start(1.0);
        let run = RunId(format!("gd-{number}-{}", self.wire.url().rsplit(':').next().unwrap()));
        let plan = plan(std::slice::from_ref(fault), &self.site, &self.cloud, &run).await.unwrap();
        let before = State::describe(&self.cloud, &plan.scope).await.unwrap();
        let journal = Journal::create(&folder.join("journal.ndjson"), run.clone(), Access::of(&self.site), clock.now());
        let journal = Arc::new(journal.unwrap());
        let notices: Arc<Mutex<Vec<String>>> = Arc::default();
        let told = Arc::clone(&notices);
        let changed_by_others: Arc<Mutex<BTreeSet<String>>> = Arc::default();
        let by_others = Arc::clone(&changed_by_others);
        let sink: MutationSink = Arc::new(move |event| match event {
            Event::Notice { text } => told.lock().unwrap().push(text),
            Event::ChangedByOthers { resource, .. } => drop(by_others.lock().unwrap().insert(resource)),
            _ => {}
        });
        let executor = Executor::new(Arc::clone(&journal), [self.cloud.primary.clone()], clock, sink);
        Rehearsal { place: self, run, plan, before, folder, journal, executor, notices, changed_by_others }
    }
}

/// A run, without what only measures.
pub struct Rehearsal<'a> {
    pub place: &'a Place,
    pub run: RunId,
    pub plan: Plan,
    pub before: State,
    pub folder: PathBuf,
    pub journal: Arc<Journal>,
    pub executor: Executor,
    notices: Arc<Mutex<Vec<String>>>,
    changed_by_others: Arc<Mutex<BTreeSet<String>>>,
}

impl Rehearsal<'_> {
    /// What the engine does until the cut is complete.
    pub async fn inject(&self) -> Result<(), FaultError> {
        let stop = CancellationToken::new();
        for actions in [self.plan.prepare(), self.plan.cut_at(Duration::ZERO)] {
            self.executor.make(&actions, &stop).await?;
            self.executor.confirm(&actions).await?;
        }
        Ok(())
    }

    pub async fn restore(&self) -> Restored {
        self.executor.restore(&CancellationToken::new()).await
    }

    /// What of that is the run's own, and what others did. The wire is open from then on.
    pub async fn compared(&self) -> Comparison {
        self.place.wire.open();
        let after = State::describe(&self.place.cloud, &self.plan.scope).await.unwrap();
        self.before.compare(&after, &self.changed_by_others.lock().unwrap())
    }

    /// Whether undoing found that changed by somebody else.
    pub fn was_changed_by_others(&self, resource: &str) -> bool {
        self.changed_by_others.lock().unwrap().iter().any(|own| own.contains(resource))
    }

    /// What is different from before, fact by fact. The wire is open from then on.
    pub async fn differences(&self) -> Vec<String> {
        self.place.wire.open();
        self.before.differences(&State::describe(&self.place.cloud, &self.plan.scope).await.unwrap())
    }

    /// Everything is as it was, and nothing of the run is left anywhere in its Region.
    pub async fn is_back(&self, what: &str) {
        assert_eq!(self.differences().await, Vec::<String>::new(), "{what}");
        let live = self.place.primary().ec2.describe_network_acls().send().await.unwrap();
        let of_run =
            |tag: &aws_sdk_ec2::types::Tag| tag.key() == Some(RUN_TAG) && tag.value() == Some(self.run.as_str());
        let left = live.network_acls().iter().filter(|acl| acl.tags().iter().any(of_run)).count();
        assert_eq!(left, 0, "{what}: network ACLs are left");
    }

    /// As if this process, which claims the journal, were gone: another file under the same name.
    pub fn let_go(&self) {
        let (path, copy) = (self.folder.join("journal.ndjson"), self.folder.join("copy"));
        std::fs::copy(&path, &copy).unwrap();
        std::fs::rename(&copy, &path).unwrap();
    }

    /// What was told on the way.
    pub fn notices(&self) -> Vec<String> {
        self.notices.lock().unwrap().clone()
    }

    /// `gameday rollback` of its folder.
    pub async fn rollback(&self) -> Said {
        self.rollback_with(&[]).await
    }

    /// The same with environment variables.
    pub async fn rollback_with(&self, variables: &[(&str, &str)]) -> Said {
        self.let_go();
        let mut command = gameday();
        command.arg("rollback").arg(&self.folder).envs(variables.iter().copied());
        Said::of(tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap())
    }
}

/// What a process said, and how it ended.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Said {
    pub fn of(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

/// One call goes another way.
pub fn only(number: usize, way: Way) -> impl FnMut(&Call) -> Way + Send + 'static {
    move |call| if call.number == Some(number) { way } else { Way::Open }
}

/// One call and every later one that changes something goes another way.
pub fn from_on(number: usize, way: Way) -> impl FnMut(&Call) -> Way + Send + 'static {
    move |call| if call.number.is_some_and(|this| this >= number) { way } else { Way::Open }
}
