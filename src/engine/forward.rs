//! The activities up to the restore: what each does, and how it may end.

use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::faults::{self, Arming, Executor, FaultError, Holder, Journal, MutationSink, State};
use crate::preflight::checks::Occurrence;
use crate::preflight::{self, PreflightInput, Preflighted};
use gameday_core::model::Event;

use super::gate::{Demands, STEADY_STATE, SteadyWatch};
use super::load::Load;
use super::machine::{Ended, INTERNAL, RefusedBy};
use super::shell::{Shell, ended, lock};
use super::{originals, schedule, stop, user_cleanup};

/// A lock expires this long after the run should have ended; our own choice.
const LOCK_MARGIN: Duration = Duration::from_mins(30);
/// What is to be changed is described again so often while AWS throttles or does not answer; our own choice.
const LOOKS: u64 = 4;

impl Shell {
    pub(super) async fn preflight(&self, stop: &CancellationToken) -> Ended {
        let run = &self.run;
        let question = PreflightInput {
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
            biased;
            checked = preflight::check(&question) => checked,
            () = stop.cancelled() => return Ended::Interrupted,
        };
        let (found, ready) = match checked {
            Ok(checked) => checked,
            Err(error) => return Ended::Failed(format!("nothing was changed: {error}")),
        };
        found.write(&run.log);
        let Some(ready) = ready else { return Ended::Refused(RefusedBy::Preflight) };
        for note in &ready.plan.notes {
            self.note(note.clone());
        }
        for (fault, addresses) in ready.plan.faults.iter().zip(&ready.covered) {
            run.log.write(Event::FaultPlanned {
                addresses: addresses.clone(),
                unseen: addresses.is_empty() && !fault.blast_radius.subnets.is_empty(),
                stateful: fault.blast_radius.stateful,
                fault: fault.spec.to_string(),
                region: fault.region.clone(),
                targets: fault.targets.iter().map(|target| target.label.clone()).collect(),
            });
        }
        let _ = self.ready.set(Arc::new(ready));
        Ended::Done
    }

    /// The journal, and the executor that writes it.
    pub(super) fn open(&self) -> Ended {
        let (run, Some(ready)) = (&self.run, self.ready.get()) else {
            return Ended::Failed(format!("nothing was changed: {INTERNAL}"));
        };
        let path = run.folder.join("journal.ndjson");
        let access = ready.cloud.access(&run.site, &ready.caller);
        match Journal::create(&path, run.id.clone(), access, run.clock.now()) {
            Ok(journal) => {
                let (journal, clients) =
                    (Arc::new(journal), [ready.cloud.primary.clone(), ready.cloud.replica.clone()]);
                let executor = Executor::new(Arc::clone(&journal), clients, run.clock, self.sink());
                let executor = executor.knowing(user_cleanup::passwords(ready)).of_plan(&ready.plan);
                let _ = self.executor.set(executor);
                let _ = self.journal.set(journal);
                Ended::Done
            }
            Err(error) => Ended::Failed(format!("nothing was changed: {error}")),
        }
    }

    /// Where calls are told: in the event log, and before that where it counts that something was cut.
    fn sink(&self) -> MutationSink {
        let (log, tracker) = (Arc::clone(&self.run.log), Arc::clone(&self.tracker));
        let by_others = Arc::clone(&self.changed_by_others);
        Arc::new(move |event| {
            tracker.on_call(&event);
            if let Event::ChangedByOthers { resource, .. } = &event {
                lock(&by_others).insert(resource.clone());
            }
            log.write(event);
        })
    }

    /// Keeps other runs away from the environment.
    pub(super) async fn take_lock(&self, stop: &CancellationToken) -> Ended {
        let (ready, executor) = match self.at_hand() {
            Ok(both) => both,
            Err(ended) => return ended,
        };
        let run = &self.run;
        let longest = run.scenario.phases.longest() + LOCK_MARGIN;
        let longest = SignedDuration::try_from(longest).unwrap_or(SignedDuration::MAX);
        let until = run.clock.now().saturating_add(longest).unwrap_or(Timestamp::MAX);
        let holder = Holder { run: run.id.clone(), owner: run.owner.clone(), until };
        match executor.make(&ready.plan.lock(&holder), stop).await {
            Ok(()) => Ended::Done,
            Err(FaultError::Interrupted) => Ended::Interrupted,
            Err(error) => {
                let page = preflight::checks::guard::lock::CHECK.page();
                run.log.write(Event::Finding(
                    page.finding(Occurrence::of(format!("the targets could not be locked: {error}"))),
                ));
                Ended::Refused(RefusedBy::Preflight)
            }
        }
    }

    pub(super) async fn record(&self, stop: &CancellationToken) -> Ended {
        let (ready, executor) = match self.at_hand() {
            Ok(both) => both,
            Err(ended) => return ended,
        };
        // It only looks and writes the journal, so nothing is in flight when it is dropped.
        let recorded = tokio::select! {
            biased;
            recorded = self.record_users(ready, executor) => recorded,
            () = stop.cancelled() => return Ended::Interrupted,
        };
        match recorded {
            Ok(trials) => {
                *lock(&self.trials) = trials;
                Ended::Done
            }
            Err(error) => Ended::Failed(format!("nothing was changed: {error}")),
        }
    }

    /// Users and observers begin, and are left alone for a while.
    pub(super) async fn baseline(&self, stop: &CancellationToken) -> Ended {
        let (ready, _) = match self.at_hand() {
            Ok(both) => both,
            Err(ended) => return ended,
        };
        let trials = std::mem::take(&mut *lock(&self.trials));
        *lock(&self.steady) = Some(SteadyWatch::start(&self.run.log, self.run.clock.speed()));
        match Load::start(&self.run, ready, trials, &self.happened) {
            Ok(load) => *lock(&self.load) = Some(load),
            Err(error) => return Ended::Failed(format!("nothing was changed: the observers could not start: {error}")),
        }
        self.wait(self.run.scenario.phases.baseline.0, stop).await
    }

    /// Describes again what the plan rests on, and asks whether steady state is there. Nothing is even prepared without both.
    pub(super) async fn gate(&self, stop: &CancellationToken) -> Ended {
        let (ready, _) = match self.at_hand() {
            Ok(both) => both,
            Err(ended) => return ended,
        };
        // It only reads, so nothing is in flight when it is dropped.
        let same = tokio::select! {
            biased;
            same = self.is_still_so(ready) => same,
            () = stop.cancelled() => return Ended::Interrupted,
        };
        let mut reasons = Vec::new();
        match same {
            Ok(()) => {}
            Err(FaultError::Changed(what)) => reasons.push(FaultError::Changed(what).to_string()),
            Err(error) => {
                return Ended::Failed(format!(
                    "the targets could not be described again before fault injection: {error}"
                ));
            }
        }
        if let Some(watch) = &*lock(&self.steady) {
            let mut steady = watch.before_fault(Demands::of(&self.run.scenario), &ready.targets);
            steady.ignored = !steady.steady && self.run.allowed.ignore.iter().any(|code| code == STEADY_STATE);
            if !steady.steady && !steady.ignored {
                reasons.push(format!("there was no steady state ({})", steady.why_not()));
            }
            self.run.log.write(Event::SteadyState(steady));
        }
        if reasons.is_empty() { Ended::Done } else { Ended::Refused(RefusedBy::Gate(reasons.join("; "))) }
    }

    /// Plans again, and compares with what preflight planned and described: targets, and how everything is that will be changed.
    async fn is_still_so(&self, ready: &Preflighted) -> Result<(), FaultError> {
        let run = &self.run;
        for attempt in 1.. {
            let again = async {
                let plan = faults::plan(&run.scenario.faults, &run.site, &ready.cloud, &run.id).await?;
                let state = State::describe(&ready.cloud, &ready.plan.scope).await?;
                Ok::<_, FaultError>((plan, state))
            };
            let changes = match again.await {
                Ok((plan, state)) => {
                    let mut changes = ready.plan.changes(&plan);
                    changes.extend(ready.before.own_differences(&state));
                    changes
                }
                Err(FaultError::Cloud(error)) if error.is_transient() && attempt < LOOKS => {
                    tokio::time::sleep(Duration::from_secs(attempt)).await;
                    continue;
                }
                Err(error @ (FaultError::Cloud(_) | FaultError::Secret(_))) => return Err(error),
                // It cannot be planned any more as it was.
                Err(error) => vec![error.to_string()],
            };
            return if changes.is_empty() { Ok(()) } else { Err(FaultError::Changed(changes.join("; "))) };
        }
        unreachable!("the loop above returns")
    }

    /// Everything that hurts nobody, the dead-man switch last.
    pub(super) async fn prepare(&self, stop: &CancellationToken) -> Ended {
        ended(self.make_ready(stop).await, self.tracker.was_cut())
    }

    async fn make_ready(&self, stop: &CancellationToken) -> Result<(), FaultError> {
        let Ok((ready, executor)) = self.at_hand() else { return Err(FaultError::Interrupted) };
        let run = &self.run;
        let prepare = ready.plan.prepare();
        executor.make(&prepare, stop).await?;
        executor.confirm(&prepare).await?;
        if let Some(settings) = run.site.dead_man.as_ref().filter(|_| !run.allowed.no_dead_man) {
            let longest = run.scenario.phases.outage_and_hold();
            let arming = Arming { settings, run: &run.id, now: run.clock.now(), longest };
            let arm = ready.plan.arm(&arming);
            executor.make(&arm, stop).await?;
            executor.confirm(&arm).await?;
        }
        Ok(())
    }

    /// Cuts what begins at once.
    pub(super) async fn cut(&self, stop: &CancellationToken) -> Ended {
        let (ready, executor) = match self.at_hand() {
            Ok(both) => both,
            Err(ended) => return ended,
        };
        if let Some(load) = &*lock(&self.load) {
            load.stop_writing();
        }
        let _ = self.zero.set(self.run.clock.now());
        let cut = ready.plan.cut_at(Duration::ZERO);
        let made = match executor.make(&cut, stop).await {
            Ok(()) => executor.confirm(&cut).await,
            failed => failed,
        };
        ended(made, self.tracker.was_cut())
    }

    /// Until the replica serves. Stop conditions are looked at from here on.
    pub(super) async fn outage(&self, stop: &CancellationToken) -> Ended {
        let (ready, _) = match self.at_hand() {
            Ok(both) => both,
            Err(ended) => return ended,
        };
        let run = &self.run;
        let zero = *self.zero.get_or_init(|| run.clock.now());
        let conditions = stop::Conditions {
            scenario: run.scenario.stop.clone().unwrap_or_default(),
            alarms: run.site.guard.alarms.clone(),
        };
        let originals = originals::watch(ready.plan.originals(), &ready.cloud, run.clock, &run.log);
        lock(&self.guards).push(originals);
        lock(&self.guards).push(stop::watch(conditions, zero, &run.log, &ready.cloud, run.clock, &run.stop));
        tokio::select! {
            biased;
            () = self.tracker.failed_over(&ready.targets) => Ended::Done,
            waited = self.wait(run.scenario.phases.outage.0, stop) => waited,
        }
    }

    /// Begins and ends the faults that do so in the course of the run.
    pub(super) async fn take_turns(&self, stop: &CancellationToken) -> Result<(), FaultError> {
        let Ok((ready, executor)) = self.at_hand() else { return Ok(()) };
        let zero = *self.zero.get_or_init(|| self.run.clock.now());
        schedule::run(&ready.plan, self.run.clock, zero, executor, stop).await
    }

    pub(super) async fn hold(&self, stop: &CancellationToken) -> Ended {
        if let (Some(load), Some(ready)) = (&*lock(&self.load), self.ready.get()) {
            load.try_limits(&ready.crowd);
        }
        self.wait(self.run.scenario.phases.hold.0, stop).await
    }
}
