//! The phases of a run. One dispatcher; whatever happens, what was changed is put back before it ends.

mod people;
mod schedule;
mod signals;
mod stop;
mod waiting;

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::env::{Observe, Site};
use crate::faults::{
    Arming, ChangedByOthers, Comparison, Executor, FaultError, Holder, Journal, MutationSink, Restored, Stage, State,
};
use crate::model::{Clock, ClockSync, Event, EventLog, Phase, RunFailure, RunId, RunStarted, SCHEMA_VERSION, Seed};
use crate::observe::{Checkers, Observers};
use crate::preflight::checks::Sight;
use crate::preflight::{self, Allowed, Preflighted, Question};
use crate::scenario::Scenario;
use crate::users::{Arrived, Crowd, CurrentPhase, Trial};

pub use signals::{Stop, StopLevel};
use waiting::Watch;

/// After the way back is complete, the users go on this long, so that the last figures are whole.
const AFTERGLOW: Duration = Duration::from_secs(5);

/// A lock expires this long after the run should have ended; our own choice.
const LOCK_MARGIN: Duration = Duration::from_mins(30);

/// The state after is described again for this long, in real time, until it equals the state before:
/// EC2's API is eventually consistent.
const COMPARE_PATIENCE: Duration = Duration::from_secs(30);

/// A run to make.
#[derive(Debug)]
pub struct Run {
    /// Its ID.
    pub id: RunId,
    /// What breaks, who logs in, what must hold.
    pub scenario: Scenario,
    /// The scenario file's name and hash.
    pub scenario_file: FileIdentity,
    /// Where.
    pub site: Site,
    /// The environment file's hash.
    pub environment_sha256: String,
    /// Scenario time.
    pub clock: Clock,
    /// Every random draw follows from it.
    pub seed: Seed,
    /// The folder of its files; it exists.
    pub folder: PathBuf,
    /// The event log in it.
    pub log: Arc<EventLog>,
    /// Signals, as they come.
    pub stop: Stop,
    /// What its user allows.
    pub allowed: Allowed,
    /// User and host, for the lock.
    pub owner: String,
}

/// A file by name and content.
#[derive(Debug, Clone)]
pub struct FileIdentity {
    /// Without folder and ending.
    pub name: String,
    /// SHA-256 of its bytes, in hex.
    pub sha256: String,
}

/// Makes a run. Everything that happens is in its event log; what comes back is why it did not go
/// its way to the end, if so.
pub async fn run(run: Run) -> Option<RunFailure> {
    let log = Arc::clone(&run.log);
    log.write(Event::RunStarted(Box::new(started(&run))));
    let failure = Box::pin(Engine { phase: Arc::default(), changed_by_others: Arc::default(), run }.phases()).await;
    log.write(Event::RunEnded { failure: failure.clone() });
    failure
}

fn started(run: &Run) -> RunStarted {
    let Observe { health, authoritative, resolver, path, canary } = &run.site.observe;
    let polls = [
        ("health", health),
        ("authoritative", authoritative),
        ("resolver", resolver),
        ("path", path),
        ("canary", canary),
    ];
    RunStarted {
        schema_version: SCHEMA_VERSION,
        run_id: run.id.clone(),
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        scenario_name: run.scenario_file.name.clone(),
        scenario_sha256: run.scenario_file.sha256.clone(),
        // A scenario was read from a file, so it can be written to one.
        scenario: serde_json::to_value(&run.scenario).unwrap_or_default(),
        environment_name: run.site.name.clone(),
        environment_kind: run.site.kind.as_str().to_owned(),
        environment_sha256: run.environment_sha256.clone(),
        primary: run.site.primary.region.clone(),
        replica: run.site.replica.region.clone(),
        record: run.site.dns.record.clone(),
        speed: run.clock.speed(),
        seed: run.seed.0,
        poll_s: polls.map(|(name, span)| (name.to_owned(), span.0.as_secs_f64())).into(),
        host: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        clock_sync: ClockSync::read(),
    }
}

struct Engine {
    run: Run,
    phase: Arc<CurrentPhase>,
    /// What undoing found changed by somebody else, by ID.
    changed_by_others: Arc<Mutex<BTreeSet<String>>>,
}

/// The run was told to stop, or cannot go on.
enum Interrupted {
    Stopped(String),
    Failed(String),
}

/// Users and observers at work.
struct Load {
    crowd: JoinHandle<()>,
    observers: oneshot::Receiver<()>,
    stop: CancellationToken,
    stop_writing: CancellationToken,
    limits: Limits,
}

/// What a replica may not do is tried in the hold phase, beside everything else.
#[derive(Default)]
struct Limits {
    trials: Mutex<Vec<Trial>>,
    task: Mutex<Option<JoinHandle<Vec<Arrived>>>>,
    stop: CancellationToken,
}

impl Limits {
    fn begin(&self, crowd: &Arc<Crowd>) {
        let trials = std::mem::take(&mut *self.trials.lock().unwrap_or_else(PoisonError::into_inner));
        let task = tokio::spawn(Arc::clone(crowd).try_limits(trials, self.stop.clone()));
        *self.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
    }

    /// Gives who is new by then.
    async fn end(self) -> Vec<Arrived> {
        self.stop.cancel();
        match self.task.into_inner().unwrap_or_else(PoisonError::into_inner) {
            // As for the users below.
            Some(task) => task.await.unwrap_or_default(),
            None => Vec::new(),
        }
    }
}

impl Load {
    /// Gives whom the pool did not have before.
    async fn end(self) -> Vec<Arrived> {
        self.stop_writing.cancel();
        let arrived = self.limits.end().await;
        self.stop.cancel();
        // A panic in one of them has no figures to give, and must not keep the rest from the report.
        let _ = self.crowd.await;
        let _ = self.observers.await;
        arrived
    }
}

impl Engine {
    async fn phases(&self) -> Option<RunFailure> {
        self.begin(Phase::Preflight);
        let ready = match Box::pin(self.preflight()).await {
            Ok(ready) => ready,
            Err(failure) => return Some(failure),
        };
        let run = &self.run;
        let path = run.folder.join("journal.ndjson");
        let access = ready.cloud.access(&run.site, &ready.caller);
        let journal = match Journal::create(&path, run.id.clone(), access, run.clock.now()) {
            Ok(journal) => Arc::new(journal),
            Err(error) => return Some(self.aborted(format!("nothing was touched: {error}"))),
        };
        let clients = [ready.cloud.primary.clone(), ready.cloud.replica.clone()];
        let executor = Executor::new(Arc::clone(&journal), clients, run.clock, self.sink());
        let executor = executor.knowing(people::passwords(&ready));
        if let Err(error) = self.lock(&ready, &executor).await {
            return Some(self.unlock(&executor, &journal, error).await);
        }
        let watch = Watch::start(&run.log);
        let trials = match self.record_users(&ready, &executor).await {
            Ok(trials) => trials,
            Err(error) => {
                let failure = self.aborted(format!("nothing was touched: {error}"));
                return Some(self.give_back(&executor, &journal, failure).await);
            }
        };
        let load = match self.load(&ready, trials) {
            Ok(load) => load,
            Err(failure) => return Some(self.give_back(&executor, &journal, failure).await),
        };
        let broken = AssertUnwindSafe(self.break_things(&ready, &executor, &load, &watch)).catch_unwind().await;
        // The restore waits for nobody: what has no answer by now is written without one.
        load.limits.stop.cancel();
        let interrupted = match broken {
            Ok(Ok(())) => None,
            Ok(Err(Interrupted::Stopped(reason) | Interrupted::Failed(reason))) => Some(reason),
            Err(_) => Some("an internal error (a bug: please report it)".to_owned()),
        };
        let mut aborted = interrupted.map(|reason| self.aborted(reason));
        let restored = self.restore(&executor).await;
        let settle = async {
            let give_up = run.stop.token(StopLevel::GiveUp);
            let settled = executor.settle(&give_up).await;
            for text in &settled.notes {
                run.log.write(Event::Notice { text: text.clone() });
            }
            settled
        };
        let observe = async {
            if watch.was_cut() && restored.left.is_empty() {
                self.failback(&watch).await;
            }
        };
        let (restored, ()) = tokio::join!(settle, observe);
        self.begin(Phase::Verify);
        let arrived = load.end().await;
        let restored = self.restore_users(&executor, arrived, restored).await;
        if aborted.is_none() && run.stop.token(StopLevel::Restore).is_cancelled() {
            // A signal that came while everything was being put back cut the way back short.
            aborted = Some(self.aborted(run.stop.reason()));
        }
        let identical = self.compare(&ready, &restored).await;
        let mut restored = restored;
        if identical.is_ok() {
            executor.release(&mut restored, &run.stop.token(StopLevel::GiveUp)).await;
        }
        if !restored.left.is_empty() {
            return Some(RunFailure::NotRestored(restored.left.join("; ")));
        }
        if let Err(why) = identical {
            return Some(RunFailure::NotRestored(why));
        }
        // Only now is it proved that nothing is left; until then `gameday rollback` has something to look at.
        if let Err(error) = journal.close() {
            run.log.write(Event::Notice {
                text: format!("all is restored, but the journal could not be closed: {error}"),
            });
        }
        aborted
    }

    fn begin(&self, phase: Phase) {
        self.phase.set(phase);
        self.run.log.write(Event::PhaseStarted { phase });
    }

    fn aborted(&self, reason: String) -> RunFailure {
        self.run.log.write(Event::Abort { reason: reason.clone() });
        RunFailure::Aborted(reason)
    }

    async fn preflight(&self) -> Result<Preflighted, RunFailure> {
        let run = &self.run;
        let question = Question {
            scenario: &run.scenario,
            site: &run.site,
            run: &run.id,
            clock: run.clock,
            seed: run.seed,
            log: &run.log,
            phase: &self.phase,
            allowed: run.allowed.clone(),
        };
        let checked = tokio::select! {
            checked = preflight::check(&question) => checked,
            reason = run.stop.reached(StopLevel::Restore) => return Err(self.aborted(reason)),
        };
        let (found, ready) = checked.map_err(|error| self.aborted(format!("nothing was touched: {error}")))?;
        found.write(&run.log);
        let ready = ready.ok_or(RunFailure::PreflightRefused)?;
        for note in &ready.plan.notes {
            run.log.write(Event::Notice { text: note.clone() });
        }
        for (fault, addresses) in ready.plan.faults.iter().zip(&ready.covered) {
            run.log.write(Event::FaultPlanned {
                addresses: addresses.clone(),
                unseen: addresses.is_empty() && !fault.cover.subnets.is_empty(),
                stateful: fault.cover.stateful,
                fault: fault.spec.to_string(),
                region: fault.region.clone(),
                targets: fault.targets.iter().map(|target| target.label.clone()).collect(),
            });
        }
        Ok(ready)
    }

    /// Keeps other runs away from the environment.
    async fn lock(&self, ready: &Preflighted, executor: &Executor) -> Result<(), FaultError> {
        let run = &self.run;
        let longest = run.scenario.phases.longest() + LOCK_MARGIN;
        let longest = SignedDuration::try_from(longest).unwrap_or(SignedDuration::MAX);
        let until = run.clock.now().saturating_add(longest).unwrap_or(Timestamp::MAX);
        let holder = Holder { run: run.id.clone(), owner: run.owner.clone(), until };
        executor.make(&ready.plan.lock(&holder), &run.stop.token(StopLevel::Restore)).await
    }

    /// Gives back what of the lock was taken, and says why not all of it was.
    async fn unlock(&self, executor: &Executor, journal: &Journal, error: FaultError) -> RunFailure {
        let restored = self.undo(executor).await;
        if !restored.left.is_empty() {
            return RunFailure::NotRestored(restored.left.join("; "));
        }
        // As above.
        let _ = journal.close();
        if matches!(error, FaultError::Interrupted) {
            return self.aborted(self.run.stop.reason());
        }
        let page = preflight::checks::guard::lock::CHECK.page();
        self.run.log.write(Event::Finding(page.finding(Sight::of(format!("it could not be locked: {error}")))));
        RunFailure::PreflightRefused
    }

    /// Gives back the lock of a run that ends before anybody has logged in.
    async fn give_back(&self, executor: &Executor, journal: &Journal, failure: RunFailure) -> RunFailure {
        let restored = self.undo(executor).await;
        if !restored.left.is_empty() {
            return RunFailure::NotRestored(restored.left.join("; "));
        }
        // Nothing is changed, so a journal that stays open only asks for a rollback that finds nothing.
        let _ = journal.close();
        failure
    }

    async fn undo(&self, executor: &Executor) -> Restored {
        executor.restore(&self.run.stop.token(StopLevel::GiveUp)).await
    }

    fn load(&self, ready: &Preflighted, trials: Vec<Trial>) -> Result<Load, RunFailure> {
        let run = &self.run;
        let (stop, stop_writing) = (CancellationToken::new(), CancellationToken::new());
        let observers = Observers {
            targets: Arc::new(ready.targets.clone()),
            periods: run.site.observe.clone(),
            cloud: ready.cloud.clone(),
            clock: run.clock,
            log: Arc::clone(&run.log),
            checkers: Arc::new(Checkers::new(ready.targets.failure_threshold, ready.targets.request_interval)),
        };
        let looking = observers.start(stop.clone(), stop_writing.clone());
        let looking = looking.map_err(|error| self.aborted(format!("nothing was touched: no observers: {error}")))?;
        self.begin(Phase::Baseline);
        Ok(Load {
            crowd: tokio::spawn(Arc::clone(&ready.crowd).run(stop.clone())),
            observers: looking,
            stop,
            stop_writing,
            limits: Limits { trials: Mutex::new(trials), ..Limits::default() },
        })
    }

    /// Baseline, inject, outage, hold. Ends early when told to, or when it cannot go on. Nothing is in flight when
    /// it ends: a call that was abandoned might take effect after the restore has looked.
    async fn break_things(
        &self,
        ready: &Preflighted,
        executor: &Executor,
        load: &Load,
        watch: &Watch,
    ) -> Result<(), Interrupted> {
        let (run, phases) = (&self.run, &self.run.scenario.phases);
        self.wait(phases.baseline.0).await?;
        self.begin(Phase::Inject);
        let stop = run.stop.token(StopLevel::Restore).child_token();
        let injected = self.inject(ready, executor, load, &stop).await;
        let zero = injected.map_err(|error| self.interrupted(error))?;
        self.begin(Phase::Outage);
        let conditions = stop::Conditions {
            scenario: run.scenario.stop.clone().unwrap_or_default(),
            alarms: run.site.guard.alarms.clone(),
        };
        let _conditions = stop::watch(conditions, zero, &run.log, &ready.cloud, run.clock, &run.stop);
        let mut running = Box::pin(schedule::run(&ready.plan, run.clock, zero, executor, &stop));
        let mut watching = Box::pin(async {
            tokio::select! {
                () = watch.failed_over(&ready.targets) => {}
                waited = self.wait(phases.outage.0) => waited?,
            }
            self.begin(Phase::Hold);
            load.limits.begin(&ready.crowd);
            self.wait(phases.hold.0).await
        });
        tokio::select! {
            ran = &mut running => {
                ran.map_err(|error| self.interrupted(error))?;
                watching.await
            }
            // The hold lasts until every fault has had its turns.
            watched = &mut watching => {
                let ran = running.await;
                watched?;
                ran.map_err(|error| self.interrupted(error))
            }
        }
    }

    fn interrupted(&self, error: FaultError) -> Interrupted {
        match error {
            FaultError::Interrupted => Interrupted::Stopped(self.run.stop.reason()),
            error => Interrupted::Failed(error.to_string()),
        }
    }

    /// Prepares every fault, and cuts those that begin at once. Gives the moment of the cut.
    async fn inject(
        &self,
        ready: &Preflighted,
        executor: &Executor,
        load: &Load,
        stop: &CancellationToken,
    ) -> Result<Timestamp, FaultError> {
        let run = &self.run;
        let prepare = ready.plan.prepare();
        executor.make(&prepare, stop).await?;
        executor.confirm(&prepare).await?;
        if let Some(settings) = run.site.dead_man.as_ref().filter(|_| !run.allowed.no_dead_man) {
            let longest = run.scenario.phases.outage.0 + run.scenario.phases.hold.0;
            let arming = Arming { settings, run: &run.id, now: run.clock.now(), longest };
            let arm = ready.plan.arm(&arming);
            executor.make(&arm, stop).await?;
            executor.confirm(&arm).await?;
        }
        // Sequence numbers are written up to the fault.
        load.stop_writing.cancel();
        let zero = run.clock.now();
        let cut = ready.plan.cut_at(Duration::ZERO);
        executor.make(&cut, stop).await?;
        executor.confirm(&cut).await?;
        Ok(zero)
    }

    fn sink(&self) -> MutationSink {
        let (log, by_others) = (Arc::clone(&self.run.log), Arc::clone(&self.changed_by_others));
        Arc::new(move |event| {
            if let Event::ChangedByOthers { resource, .. } = &event {
                by_others.lock().unwrap_or_else(PoisonError::into_inner).insert(resource.clone());
            }
            log.write(event);
        })
    }

    async fn wait(&self, scenario: Duration) -> Result<(), Interrupted> {
        tokio::select! {
            () = self.run.clock.sleep(scenario) => Ok(()),
            reason = self.run.stop.reached(StopLevel::Restore) => Err(Interrupted::Stopped(reason)),
        }
    }

    async fn restore(&self, executor: &Executor) -> Restored {
        let run = &self.run;
        self.begin(Phase::Restore);
        let restored = self.undo_of(executor, Stage::is_of_fault).await;
        let (mutations, reverted, left) = (restored.mutations, restored.reverted, restored.left.clone());
        run.log.write(Event::Restored { mutations, reverted, left });
        restored
    }

    async fn failback(&self, watch: &Watch) {
        self.begin(Phase::Failback);
        let run = &self.run;
        let waiting = async {
            tokio::select! {
                () = watch.failed_back() => run.clock.sleep(AFTERGLOW).await,
                () = run.clock.sleep(run.scenario.phases.failback.0) => {}
            }
        };
        tokio::select! {
            () = waiting => {}
            reason = run.stop.reached(StopLevel::SkipObservers) => {
                run.log.write(Event::Notice { text: format!("the way back was not observed to its end: {reason}") });
            }
        }
    }

    /// Describes the network again and compares it with the state before: what is the run's own must be as it was.
    async fn compare(&self, ready: &Preflighted, restored: &Restored) -> Result<(), String> {
        let give_up = self.run.stop.token(StopLevel::GiveUp);
        let until = Clock::real_now() + COMPARE_PATIENCE;
        loop {
            let compared = self.compare_once(ready).await;
            let settled = compared.as_ref().is_ok_and(|compared| compared.left.is_empty());
            let late = Clock::real_now() >= until || give_up.is_cancelled() || !restored.left.is_empty();
            if settled || late {
                return self.conclude(compared);
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }

    async fn compare_once(&self, ready: &Preflighted) -> Result<Comparison, String> {
        let after = State::describe(&ready.cloud, &ready.plan.scope).await.map_err(|error| error.to_string())?;
        let by_others = self.changed_by_others.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Ok(ready.before.compare(&after, &by_others))
    }

    fn conclude(&self, compared: Result<Comparison, String>) -> Result<(), String> {
        let compared = compared.map_err(|error| format!("the state after could not be described: {error}"))?;
        let Comparison { left, others, renewed, before_sha256, after_sha256 } = compared;
        let identical = left.is_empty();
        for ChangedByOthers { region, resource, found } in others {
            self.run.log.write(Event::ChangedByOthers { region: Some(region), resource, found });
        }
        for text in renewed {
            self.run.log.write(Event::Notice { text });
        }
        let differences = left.clone();
        self.run.log.write(Event::StateCompared { identical, differences, before_sha256, after_sha256 });
        if identical { Ok(()) } else { Err(left.join("; ")) }
    }
}
