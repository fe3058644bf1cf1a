//! A story as it goes: lab, runner, others, death and what puts back afterwards, all in virtual time.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use gameday::cloud::{Access, Cloud, RegionClients, reconnect};
use gameday::engine::{self, FileIdentity, Run, Stop};
use gameday::faults::{Executor, Journal, JournalError, MutationSink, discover};
use gameday::preflight::Allowed;
use gameday_core::env::{CredentialRef, LabSettings, SecretRef, Site};
use gameday_core::measure::{self, History, Outcome};
use gameday_core::model::{Clock, EventLog, Milestone, RunFailure, RunId, Seed, Span, read_log};
use gameday_core::scenario;
use gameday_lab::{Lab, LabOptions};
use rand::RngExt;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::ground::{self, Ground};
use super::story::{After, Death, Deed, Story, Trouble, What};
use crate::proxy::{Call, Way, Wire};

/// A run that takes this much longer than its phases, in seconds, hangs: preflight, the lock, restores that are repeated and two looks so far apart as
/// descriptions may lag are in it.
const PATIENCE_S: f64 = 1800.0;
const RUN: &str = "gd-exploration";

/// What was wrong. Nothing, where everything is as it must be.
pub async fn play(story: Story, folder: PathBuf) -> Result<String, Vec<String>> {
    let clock = Clock::start(1.0);
    let settings = LabSettings { users: 3, ttl: Span::secs(story.ttl), ..LabSettings::default() };
    let lab = Lab::start(LabOptions::new(settings, clock, Seed(story.seed))).await.unwrap();
    let stage = Stage::build(&story, &lab, &folder).await;
    Box::pin(stage.play(&lab)).await
}

/// The lab and what stands before it.
struct Stage<'a> {
    story: &'a Story,
    folder: &'a Path,
    clock: Clock,
    began: Instant,
    /// As the runner sees it, through wires.
    site: Site,
    _wires: [Wire; 2],
    /// As others see it.
    direct: Cloud,
    at_lab: Site,
    wrong: Mutex<Vec<String>>,
    fate: Arc<Fate>,
}

/// What decides about each call.
struct Fate {
    began: Instant,
    troubles: Vec<(std::ops::Range<f64>, f64, What)>,
    death: Option<Death>,
    calls: Mutex<Calls>,
    died: Notify,
}

struct Calls {
    draws: Box<dyn rand::Rng + Send>,
    seen: usize,
    changes: usize,
    dead: bool,
}

impl Fate {
    fn way(&self, call: &Call) -> Way {
        let mut calls = self.calls.lock().unwrap();
        if calls.dead {
            return Way::Lost;
        }
        calls.seen += 1;
        // The canary's writes change no resource.
        let changes = call.number.is_some() && !call.action.starts_with("Admin");
        calls.changes += usize::from(changes);
        if let Some(Death::AtChange { number, arrives }) = self.death
            && changes
            && calls.changes == number
        {
            calls.dead = true;
            self.died.notify_one();
            return if arrives { Way::Silent } else { Way::Lost };
        }
        let now = self.began.elapsed().as_secs_f64();
        for (during, odds, what) in &self.troubles {
            if !during.contains(&now) || !calls.draws.random_bool(*odds) {
                continue;
            }
            return match what {
                What::Throttled => Way::Refused(503, "RequestLimitExceeded"),
                What::ServerError => Way::Refused(500, "InternalError"),
                What::ExpiredCredentials => Way::Refused(400, "ExpiredTokenException"),
                What::LostAnswer => Way::Silent,
                What::Reset => Way::Reset,
                What::LostCall => Way::Lost,
                What::Late => Way::Late(Duration::from_secs_f64(calls.draws.random_range(0.05..9.0))),
            };
        }
        Way::Open
    }

    fn die(&self) {
        self.calls.lock().unwrap().dead = true;
    }
}

/// A runner that may die at an await point.
struct Mortal<F> {
    inner: Pin<Box<F>>,
    awaits: u64,
    last: Option<u64>,
}

impl<F: Future> Future for Mortal<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.awaits += 1;
        if self.last.is_some_and(|last| self.awaits > last) {
            return Poll::Ready(None);
        }
        self.inner.as_mut().poll(context).map(Some)
    }
}

/// How the runner ended.
enum Ended {
    /// By itself.
    Run(Option<RunFailure>),
    Died,
    Hangs,
}

impl<'a> Stage<'a> {
    async fn build(story: &'a Story, lab: &Lab, folder: &'a Path) -> Self {
        let mut environment = lab.environment();
        // In a file, since a journal holds references only.
        let Some(CredentialRef::Static { secret_access_key: SecretRef::Literal(secret), access_key_id }) =
            environment.credentials.take()
        else {
            panic!("a lab has a key of its own")
        };
        crate::support::write_secrets(&folder.join("secrets.toml"), &format!("key = {:?}\n", secret.expose()));
        let secret_access_key = SecretRef::File { file: folder.join("secrets.toml"), key: "key".to_owned() };
        environment.credentials = Some(CredentialRef::Static { access_key_id, secret_access_key });
        let pem = Some(lab.trust_root_pem().to_owned());
        let at_lab = environment.clone().complete(folder.to_owned(), pem.clone()).unwrap();
        let wires = [environment.primary.as_mut(), environment.replica.as_mut()]
            .map(|region| lay(&mut region.unwrap().endpoints));
        let site = environment.complete(folder.to_owned(), pem).unwrap();
        let began = Instant::now();
        let fate = Arc::new(Fate {
            began,
            troubles: story
                .troubles
                .iter()
                .map(|Trouble { during, odds, what }| (during.clone(), *odds, *what))
                .collect(),
            death: story.death,
            calls: Mutex::new(Calls {
                draws: Box::new(Seed(story.seed).stream("calls")),
                seen: 0,
                changes: 0,
                dead: false,
            }),
            died: Notify::new(),
        });
        for wire in &wires {
            let fate = Arc::clone(&fate);
            wire.rule(move |call| fate.way(call));
            wire.lag(Duration::from_secs_f64(story.lag));
        }
        let direct = Cloud::connect(&at_lab).await.unwrap();
        let (clock, wrong) = (Clock::start(1.0), Mutex::default());
        Self { story, folder, clock, began, site, _wires: wires, direct, at_lab, wrong, fate }
    }

    fn wrong(&self, what: impl Into<String>) {
        self.wrong.lock().unwrap().push(what.into());
    }

    async fn ground(&self) -> Ground {
        ground::describe(&self.direct, &self.site.dns.health_check_id, &self.site.pool.id).await
    }

    async fn play(self, lab: &Lab) -> Result<String, Vec<String>> {
        let expected = Arc::new(tokio::sync::Mutex::new(self.ground().await));
        let others = self.others(&expected);
        let out = self.folder.join("run");
        std::fs::create_dir(&out).unwrap();
        let (ended, awaits) = self.drill(&out).await;
        let calls = self.fate.calls.lock().unwrap().seen;
        // Whatever others still want to do is done after the restore, or not at all.
        let how = match ended {
            Ended::Run(failure) => {
                tokio::time::sleep(Duration::from_secs_f64(self.story.lag)).await;
                self.judge(&out, failure.as_ref(), &*expected.lock().await, lab).await;
                format!("{failure:?}")
            }
            Ended::Died => {
                let copy = self.snapshot(&out);
                // What happens later is no longer in its log.
                self.judge_figures(&copy, lab);
                self.bring_back(&copy, &expected).await;
                format!("died, {:?}", self.story.after)
            }
            Ended::Hangs => {
                self.wrong("the run does not end");
                String::new()
            }
        };
        drop(others);
        self.secrets();
        let wrong = std::mem::take(&mut *self.wrong.lock().unwrap());
        if wrong.is_empty() { Ok(format!("{awaits} awaits, {calls} calls, {how}")) } else { Err(wrong) }
    }

    /// What others do beside the run.
    fn others(&self, expected: &Arc<tokio::sync::Mutex<Ground>>) -> AbortOnDropHandle<()> {
        let (deeds, expected, began) = (self.story.others.clone(), Arc::clone(expected), self.began);
        let (cloud, check) = (self.direct.clone(), self.site.dns.health_check_id.clone());
        let mut draws = Seed(self.story.seed).stream("others");
        AbortOnDropHandle::new(tokio::spawn(async move {
            for (at, deed) in deeds {
                tokio::time::sleep_until(began + Duration::from_secs_f64(at)).await;
                let done = ground::act(deed, &cloud, &mut *expected.lock().await, &check, &mut draws).await;
                println!(
                    "{:.3} s: {deed:?} {}",
                    began.elapsed().as_secs_f64(),
                    if done { "done" } else { "not possible" }
                );
            }
        }))
    }

    /// The run until it ends in whatever way.
    async fn drill(&self, out: &Path) -> (Ended, u64) {
        let log = Arc::new(EventLog::create(&out.join("events.ndjson"), self.clock).unwrap());
        let read =
            scenario::read_str("exploration.toml", &self.story.scenario, Some(Duration::from_secs(self.story.ttl)));
        let scenario = read.unwrap_or_else(|problems| panic!("{problems:?}\n{}", self.story.scenario));
        let stop = Stop::default();
        let run = Run {
            id: RunId(RUN.to_owned()),
            scenario: scenario.value,
            scenario_file: FileIdentity { name: "exploration".to_owned(), sha256: scenario.sha256 },
            site: self.site.clone(),
            environment_sha256: String::new(),
            clock: self.clock,
            seed: Seed(self.story.seed),
            folder: out.to_owned(),
            log: Arc::clone(&log),
            stop: stop.clone(),
            allowed: Allowed { no_dead_man: !self.story.dead_man, ..Allowed::default() },
            owner: "explorer@test".to_owned(),
        };
        let (signals, began) = (self.story.signals.clone(), self.began);
        let _signals = AbortOnDropHandle::new(tokio::spawn(async move {
            for at in signals {
                tokio::time::sleep_until(began + Duration::from_secs_f64(at)).await;
                let level = stop.raise("SIGINT");
                println!("{:.3} s: SIGINT, {level:?}", began.elapsed().as_secs_f64());
            }
        }));
        let last = match self.story.death {
            Some(Death::AtAwait(last)) => Some(last),
            _ => None,
        };
        let mut mortal = Mortal { inner: Box::pin(engine::run(run)), awaits: 0, last };
        let patience = Duration::from_secs_f64(self.story.lasts + PATIENCE_S);
        let ended = tokio::select! {
            biased;
            () = self.fate.died.notified() => Ended::Died,
            ended = &mut mortal => ended.map_or(Ended::Died, Ended::Run),
            () = tokio::time::sleep(patience) => Ended::Hangs,
        };
        let at = self.began.elapsed().as_secs_f64();
        println!(
            "{at:.3} s: the runner {}",
            match &ended {
                Ended::Run(_) => "has ended",
                Ended::Died => "dies",
                Ended::Hangs => "hangs",
            }
        );
        if let Ended::Died = ended {
            // Before anything of it is dropped, which a process that is killed has no time for.
            self.fate.die();
            let _ = self.snapshot(out);
        } else {
            log.close().unwrap();
        }
        (ended, mortal.awaits)
    }

    /// The files of the run as they are when it dies; later ones are ignored.
    fn snapshot(&self, out: &Path) -> PathBuf {
        let copy = self.folder.join("dead");
        if !copy.exists() {
            std::fs::create_dir(&copy).unwrap();
            for entry in std::fs::read_dir(out).unwrap() {
                let entry = entry.unwrap();
                std::fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
            }
        }
        copy
    }

    /// A dead run is put back, by its journal, by the dead-man switch, or by a search.
    async fn bring_back(&self, copy: &Path, expected: &Arc<tokio::sync::Mutex<Ground>>) {
        let mut draws = Seed(self.story.seed).stream("afterwards");
        match self.story.after {
            After::DeadMan => {
                // A margin of a minute, and Scheduler takes up to another.
                tokio::time::sleep(Duration::from_secs_f64(self.story.lasts + 240.0)).await;
                let healed = ground::differences(
                    &ground::effect(&*expected.lock().await),
                    &ground::effect(&self.ground().await),
                );
                for difference in healed {
                    self.wrong(format!("after the dead-man switch: {difference}"));
                }
            }
            After::Rollback | After::Search => {
                tokio::time::sleep(Duration::from_secs_f64(draws.random_range(0.0..60.0))).await;
            }
        }
        let rolled_back =
            if self.story.after == After::Search { self.search().await } else { self.roll_back(copy).await };
        match rolled_back {
            Ok(left) if left.is_empty() => {}
            Ok(left) => self.wrong(format!("the rollback leaves {left:?}")),
            Err(why) => self.wrong(format!("the rollback fails: {why}")),
        }
        let found = self.ground().await;
        for difference in ground::differences(&*expected.lock().await, &found) {
            self.wrong(format!("after the rollback: {difference}"));
        }
    }

    /// As `gameday rollback FOLDER` does, on a way of its own to AWS.
    async fn roll_back(&self, copy: &Path) -> Result<Vec<String>, String> {
        let path = copy.join("journal.ndjson");
        if !path.exists() {
            return Ok(Vec::new());
        }
        let (journal, mut contents) = match Journal::reopen(&path) {
            Ok(opened) => opened,
            Err(JournalError::NeverBegun { .. }) => return Ok(Vec::new()),
            Err(error) => return Err(error.to_string()),
        };
        // The way of the one that died stays closed.
        contents.access.endpoints = Access::of(&self.at_lab).endpoints;
        let mut clients: Vec<RegionClients> = Vec::new();
        let regions: std::collections::BTreeSet<_> = contents.actions.iter().map(|recorded| &recorded.region).collect();
        for region in regions {
            clients.push(reconnect(&contents.access, region).await.map_err(|error| error.to_string())?);
        }
        Ok(self.undo(journal, clients).await)
    }

    /// As `gameday rollback --discover` does.
    async fn search(&self) -> Result<Vec<String>, String> {
        let mut found = BTreeMap::new();
        for clients in [&self.direct.primary, &self.direct.replica] {
            discover(clients, &self.at_lab, &mut found).await.map_err(|error| error.to_string())?;
        }
        let mut left = Vec::new();
        for (run, of_run) in found {
            let journal = Journal::in_memory(run, Access::of(&self.at_lab), self.clock.now());
            let journal = journal.map_err(|error| error.to_string())?;
            journal.intend(&of_run.actions.iter().collect::<Vec<_>>()).map_err(|error| error.to_string())?;
            left.extend(self.undo(journal, vec![self.direct.primary.clone(), self.direct.replica.clone()]).await);
        }
        Ok(left)
    }

    async fn undo(&self, journal: Journal, clients: Vec<RegionClients>) -> Vec<String> {
        let sink: MutationSink = Arc::new(|event| println!("rollback: {event:?}"));
        let executor = Executor::new(Arc::new(journal), clients, Clock::start(1.0), sink).resuming();
        let restoring = tokio::time::timeout(Duration::from_secs_f64(PATIENCE_S), async {
            executor.restore(&CancellationToken::new()).await.left
        });
        restoring.await.unwrap_or_else(|_| vec!["the rollback does not end".to_owned()])
    }

    /// A run that ended by itself.
    async fn judge(&self, out: &Path, failure: Option<&RunFailure>, expected: &Ground, lab: &Lab) {
        let outcome = self.judge_figures(out, lab);
        let differences = ground::differences(expected, &self.ground().await);
        let code = outcome.as_ref().and_then(|outcome| outcome.exit_code);
        let fits = match failure {
            None => matches!(code, Some(0 | 1)),
            Some(RunFailure::PreflightRefused | RunFailure::Refused(_)) => code == Some(3),
            Some(RunFailure::Aborted(_)) => code == Some(4),
            Some(RunFailure::NotRestored(_)) => code == Some(5),
        };
        if !fits {
            self.wrong(format!("exit code {code:?} after {failure:?}"));
        }
        if !matches!(failure, Some(RunFailure::NotRestored(_))) {
            for difference in differences {
                self.wrong(format!("after {failure:?}: {difference}"));
            }
            return;
        }
        // It says so itself; then the rollback brings it back once AWS answers.
        self.fate.die();
        let copy = self.snapshot(out);
        match self.roll_back(&copy).await {
            Ok(left) if left.is_empty() => {}
            Ok(left) => self.wrong(format!("the rollback leaves {left:?}")),
            Err(why) => self.wrong(format!("the rollback fails: {why}")),
        }
        for difference in ground::differences(expected, &self.ground().await) {
            self.wrong(format!("after the rollback of a run that could not restore: {difference}"));
        }
    }

    /// No figure is beside the truth.
    fn judge_figures(&self, out: &Path, lab: &Lab) -> Option<Outcome> {
        let mut history = History::default();
        let read = read_log(&out.join("events.ndjson"), |record| history.take(record));
        if read.is_err() {
            return None;
        }
        let outcome = match measure::outcome(&history) {
            Ok(outcome) => outcome,
            Err(error) => {
                self.wrong(format!("the log cannot be measured: {error}"));
                return None;
            }
        };
        let truth = lab.truth_report(outcome.zero_at);
        // Whether a health check is inverted is a description, which lags: the status that follows from it is known no sooner, nor which flip is of which turn.
        // How many answers in a row move a checker is read once, before the run.
        let late = (self.story.lag > 0.0 && self.story.scenario.contains("health-check-invert"))
            || self.story.others.iter().any(|(_, deed)| *deed == Deed::HealthCheckThreshold);
        let of_the_check = [
            Milestone::HealthCheckUnhealthy,
            Milestone::HealthCheckHealthy,
            Milestone::DnsFlipAuthoritative,
            Milestone::DnsFlipResolver,
        ];
        for moment in truth.milestones.iter().filter(|moment| !(late && of_the_check.contains(&moment.name))) {
            let Some(mut at) = moment.at_s else { continue };
            let reached = |name| outcome.milestones.iter().find(move |reached| reached.milestone == name);
            // A health check that is inverted no more may be healthy a moment before paths are up: it is back when both are.
            if let Some(reverted) = reached(Milestone::FaultReverted).and_then(|reached| reached.at)
                && moment.name == Milestone::HealthCheckHealthy
            {
                at = at.max(reverted.lower);
            }
            let reported = reached(moment.name);
            let Some(bounds) = reported.and_then(|reached| reached.at) else { continue };
            if at < bounds.lower - 1e-6 || at > bounds.upper + 1e-6 {
                self.wrong(format!("{}: {at} s is not in {bounds:?}", moment.name.as_str()));
            }
        }
        Some(outcome)
    }

    /// Nothing of the run tells a secret.
    fn secrets(&self) {
        let key = std::fs::read_to_string(self.folder.join("secrets.toml")).unwrap();
        let key = key.split('"').nth(1).unwrap().to_owned();
        let password = match &self.site.users.password {
            Some(SecretRef::Literal(password)) => password.expose().to_owned(),
            _ => panic!("the lab's password is at hand"),
        };
        for folder in ["run", "dead"] {
            let Ok(entries) = std::fs::read_dir(self.folder.join(folder)) else { continue };
            for entry in entries {
                let path = entry.unwrap().path();
                let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
                let token = crate::support::json_web_token(&text).is_some();
                if text.contains(&key) || text.contains(&password) || token {
                    self.wrong(format!("{} tells a secret", path.display()));
                }
            }
        }
    }
}

/// A wire before a Region's services.
fn lay(endpoints: &mut BTreeMap<String, String>) -> Wire {
    let wire = Wire::start(endpoints["ec2"].trim_start_matches("http://").trim_end_matches('/').parse().unwrap());
    for endpoint in endpoints.values_mut() {
        *endpoint = wire.url();
    }
    wire
}
