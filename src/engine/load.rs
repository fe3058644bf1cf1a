//! Users and observers at work beside the phases.

use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::observe::{Checkers, Observers};
use crate::preflight::Preflighted;
use crate::users::{CreatedUser, LimitProbe, LoadGenerator};
use gameday_core::model::Event as LogEvent;

use super::Run;
use super::machine::Event;

/// Users and observers at work.
pub(super) struct Load {
    crowd: JoinHandle<()>,
    observers: JoinHandle<()>,
    stop: CancellationToken,
    stop_writing: CancellationToken,
    limits: Limits,
}

/// What a replica may not do is tried in the hold phase, beside everything else.
#[derive(Default)]
struct Limits {
    trials: Mutex<Vec<LimitProbe>>,
    task: Mutex<Option<JoinHandle<Vec<CreatedUser>>>>,
    stop: CancellationToken,
}

impl Load {
    /// Starts both; `ended` hears of it when one of them ends although it was not asked to.
    pub(super) fn start(
        run: &Run,
        ready: &Preflighted,
        trials: Vec<LimitProbe>,
        ended: &UnboundedSender<Event>,
    ) -> std::io::Result<Self> {
        let (stop, stop_writing) = (CancellationToken::new(), CancellationToken::new());
        run.log.write(LogEvent::HealthCheckRead {
            interval_s: ready.targets.request_interval.as_secs_f64(),
            threshold: ready.targets.failure_threshold,
        });
        let observers = Observers {
            targets: Arc::new(ready.targets.clone()),
            periods: run.site.observe.clone(),
            cloud: ready.cloud.clone(),
            clock: run.clock,
            log: Arc::clone(&run.log),
            checkers: Arc::new(Checkers::new(ready.targets.failure_threshold, ready.targets.request_interval)),
        };
        let looking = observers.start(stop.clone(), stop_writing.clone())?;
        let crowd = Arc::clone(&ready.crowd).run(stop.clone());
        Ok(Self {
            crowd: watched(crowd, &stop, ended),
            observers: watched(looking.map(drop), &stop, ended),
            stop,
            stop_writing,
            limits: Limits { trials: Mutex::new(trials), ..Limits::default() },
        })
    }

    /// Sequence numbers of canaries are written up to the fault.
    pub(super) fn stop_writing(&self) {
        self.stop_writing.cancel();
    }

    /// Tries what a replica may not do.
    pub(super) fn try_limits(&self, crowd: &Arc<LoadGenerator>) {
        let trials = std::mem::take(&mut *self.limits.trials.lock().unwrap_or_else(PoisonError::into_inner));
        let task = tokio::spawn(Arc::clone(crowd).try_limits(trials, self.limits.stop.clone()));
        *self.limits.task.lock().unwrap_or_else(PoisonError::into_inner) = Some(task);
    }

    /// What has no answer by now is written without one.
    pub(super) fn stop_limits(&self) {
        self.limits.stop.cancel();
    }

    /// Gives whom the pool did not have before, by the limits that were tried.
    pub(super) async fn end(self) -> Vec<CreatedUser> {
        self.stop_writing.cancel();
        self.limits.stop.cancel();
        let task = self.limits.task.into_inner().unwrap_or_else(PoisonError::into_inner);
        // A panic in one of them has no figures to give, and must not keep the rest from the report.
        let arrived = match task {
            Some(task) => task.await.unwrap_or_default(),
            None => Vec::new(),
        };
        self.stop.cancel();
        let _ = self.crowd.await;
        let _ = self.observers.await;
        arrived
    }
}

/// Work that lasts until `stop`.
fn watched(
    work: impl Future<Output = ()> + Send + 'static,
    stop: &CancellationToken,
    ended: &UnboundedSender<Event>,
) -> JoinHandle<()> {
    let (stop, ended) = (stop.clone(), ended.clone());
    tokio::spawn(async move {
        // Its panic counts as its end.
        let _ = std::panic::AssertUnwindSafe(work).catch_unwind().await;
        if !stop.is_cancelled() {
            // Nobody hears it once the run is over.
            let _ = ended.send(Event::LoadEnded);
        }
    })
}
