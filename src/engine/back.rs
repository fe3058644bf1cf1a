//! The activities from the restore on: what each undoes or proves, and what it leaves.

use std::time::Duration;

use jiff::SignedDuration;
use tokio_util::sync::CancellationToken;

use crate::faults::{Executor, Restored, Stage};
use gameday_core::model::Event;
use gameday_protocols::timer::Timer as _;

use super::gate::Demands;
use super::machine::Ended;
use super::shell::{Shell, lock};

/// After the way back is complete, the users go on this long, so that the last figures are whole; our own choice.
const COOL_DOWN: Duration = Duration::from_secs(5);

impl Shell {
    /// Undoes what hurts and what was prepared. Nothing else is in flight by then: a call that was abandoned might take effect after the restore has
    /// looked.
    pub(super) async fn restore(&self) -> Ended {
        self.restoring.get_or_init(|| self.run.clock.now());
        lock(&self.guards).clear();
        // The restore waits for nobody: what has no answer by now is written without one.
        if let Some(load) = &*lock(&self.load) {
            load.stop_limits();
        }
        let Some(executor) = self.executor.get() else {
            return Ended::Restored { left: Vec::new(), cut: false };
        };
        let restored = self.undo_of(executor, Stage::is_of_fault).await;
        self.run.log.write(restored_event(&restored));
        let left = restored.left.clone();
        *lock(&self.restored) = restored;
        Ended::Restored { left, cut: self.tracker.was_cut() }
    }

    /// Watches the way back while it settles what was undone.
    pub(super) async fn failback(&self, stop: &CancellationToken) -> Ended {
        let (settled, ()) = tokio::join!(self.settle(), self.watch_failback(stop));
        settled
    }

    /// Sees that everything is undone, late enough to be believed, and undoes what is not.
    pub(super) async fn settle(&self) -> Ended {
        let Some(executor) = self.executor.get() else { return Ended::Done };
        let settled = executor.settle(&self.give_up).await;
        for text in &settled.notes {
            self.note(text.clone());
        }
        let left = settled.left.clone();
        if !left.is_empty() {
            self.run.log.write(restored_event(&settled));
        }
        *lock(&self.restored) = settled;
        Ended::Left(left)
    }

    async fn watch_failback(&self, stop: &CancellationToken) {
        let run = &self.run;
        let since = *self.restoring.get_or_init(|| run.clock.now());
        let waiting = async {
            let back = tokio::select! {
                biased;
                () = self.tracker.failed_back(since) => run.clock.now(),
                () = run.clock.sleep(run.scenario.phases.failback.0) => return None,
            };
            run.clock.sleep(COOL_DOWN).await;
            Some(back)
        };
        let back = tokio::select! {
            biased;
            back = waiting => back,
            () = stop.cancelled() => return,
        };
        // The second half of the hypothesis. It decides no exit code: the objectives `failback` and `success_rate` of that phase do.
        if let (Some(watch), Some(ready)) = (&*lock(&self.steady), self.ready.get()) {
            let last = run.clock.now().saturating_sub(SignedDuration::try_from(COOL_DOWN).unwrap_or_default());
            let since = back.or(last.ok()).unwrap_or(since);
            let steady = watch.after_failback(Demands::of(&run.scenario), &ready.targets, since);
            run.log.write(Event::SteadyState(steady));
        }
    }

    pub(super) async fn end_load(&self, stop: &CancellationToken) -> Ended {
        let Some(load) = lock(&self.load).take() else { return Ended::Done };
        tokio::select! {
            biased;
            arrived = load.end() => {
                *lock(&self.arrived) = arrived;
                Ended::Done
            }
            () = stop.cancelled() => Ended::Interrupted,
        }
    }

    /// Undoes what users changed, once nobody signs in any more.
    pub(super) async fn clean_users(&self) -> Ended {
        let Some(executor) = self.executor.get() else { return Ended::Done };
        let arrived = std::mem::take(&mut *lock(&self.arrived));
        let undone = self.restore_users(executor, arrived).await;
        let left = undone.left.clone();
        let mut restored = lock(&self.restored);
        restored.add(undone);
        if !left.is_empty() {
            self.run.log.write(restored_event(&restored));
        }
        Ended::Left(left)
    }

    pub(super) async fn compare_states(&self) -> Ended {
        let Some(ready) = self.ready.get() else { return Ended::Done };
        // Where something is left they differ, however often one looks.
        let patient = lock(&self.restored).left.is_empty();
        match self.compare(ready, patient).await {
            Ok(()) => Ended::Done,
            // What is left was named already; its difference says the same once more.
            Err(_) if !patient => Ended::Done,
            Err(why) => Ended::Left(vec![why]),
        }
    }

    /// Lets other runs in: everything is proved to be back.
    pub(super) async fn unlock(&self) -> Ended {
        let Some(executor) = self.executor.get() else { return Ended::Done };
        let mut restored = lock(&self.restored).clone();
        executor.release(&mut restored, &self.give_up).await;
        self.run.log.write(restored_event(&restored));
        Ended::Left(restored.left)
    }

    /// Only now is it proved that nothing is left; until then `gameday rollback` has something to look at.
    pub(super) fn close(&self) -> Ended {
        match self.journal.get().map(|journal| journal.close()) {
            Some(Err(error)) => Ended::Failed(error.to_string()),
            Some(Ok(())) | None => Ended::Done,
        }
    }

    /// Undoes some stages, and notes what it found.
    pub(super) async fn undo_of(&self, executor: &Executor, stages: impl Fn(Stage) -> bool) -> Restored {
        let restored = executor.restore_of(stages, &self.give_up).await;
        for text in &restored.notes {
            self.note(text.clone());
        }
        restored
    }
}

fn restored_event(restored: &Restored) -> Event {
    let (mutations, reverted, not_reverted) = (restored.mutations, restored.reverted, restored.left.clone());
    Event::Restored { mutations, reverted, not_reverted }
}
