//! The shell around the machine: it performs what the machine says, and tells it what happened. It decides nothing.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use futures::FutureExt;
use futures::future::LocalBoxFuture;
use jiff::Timestamp;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::faults::{Executor, FaultError, Journal, Restored};
use crate::preflight::Preflighted;
use crate::users::{CreatedUser, CurrentPhase, LimitProbe};
use gameday_core::model::{Event as LogEvent, Phase, RunFailure};
use gameday_protocols::timer::Timer as _;

use super::Run;
use super::gate::SteadyWatch;
use super::load::Load;
use super::machine::{self, Activity, Ended, EngineAction, Event, RefusedBy};
use super::waiting::FailoverTracker;

/// What the activities of a run share.
pub(super) struct Shell {
    pub run: Run,
    pub phase: Arc<CurrentPhase>,
    pub tracker: Arc<FailoverTracker>,
    /// Cancelled when what cannot be undone now is given up.
    pub give_up: CancellationToken,
    pub ready: OnceLock<Arc<Preflighted>>,
    pub journal: OnceLock<Arc<Journal>>,
    pub executor: OnceLock<Executor>,
    pub trials: Mutex<Vec<LimitProbe>>,
    pub load: Mutex<Option<Load>>,
    /// What tells whether steady state is there.
    pub steady: Mutex<Option<SteadyWatch>>,
    /// What looks on while something is broken.
    pub guards: Mutex<Vec<AbortOnDropHandle<()>>>,
    /// When the first call that cuts was about to be sent.
    pub zero: OnceLock<Timestamp>,
    /// When the restore began.
    pub restoring: OnceLock<Timestamp>,
    /// What the restore did so far.
    pub restored: Mutex<Restored>,
    /// What undoing found changed by somebody else, by ID.
    pub changed_by_others: Arc<Mutex<BTreeSet<String>>>,
    /// Whom the pool did not have before.
    pub arrived: Mutex<Vec<CreatedUser>>,
    pub happened: UnboundedSender<Event>,
}

/// Faults that begin and end beside the activities.
struct Turns<'a> {
    stop: CancellationToken,
    work: LocalBoxFuture<'a, Result<(), String>>,
}

/// Waits for the end of all turns; for ever where there are none.
async fn turned(turns: &mut Option<Turns<'_>>) -> Result<(), String> {
    match turns {
        Some(turns) => (&mut turns.work).await,
        None => std::future::pending().await,
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes a run, whatever happens, to its end.
pub(super) async fn drive(run: Run) -> Option<RunFailure> {
    let (happened, events) = unbounded_channel();
    let tracker = Arc::new(FailoverTracker::start(&run.log, run.site.primary.region.clone()));
    let shell = Shell {
        run,
        phase: Arc::default(),
        tracker,
        give_up: CancellationToken::new(),
        ready: OnceLock::new(),
        journal: OnceLock::new(),
        executor: OnceLock::new(),
        trials: Mutex::default(),
        load: Mutex::default(),
        steady: Mutex::default(),
        guards: Mutex::default(),
        zero: OnceLock::new(),
        restoring: OnceLock::new(),
        restored: Mutex::default(),
        changed_by_others: Arc::default(),
        arrived: Mutex::default(),
        happened,
    };
    shell.work(events).await
}

impl Shell {
    async fn work(&self, mut events: UnboundedReceiver<Event>) -> Option<RunFailure> {
        let (mut state, mut actions) = machine::begin();
        let mut stop = CancellationToken::new();
        let mut under_way: LocalBoxFuture<'_, Ended> = futures::future::pending().boxed_local();
        let mut turns: Option<Turns<'_>> = None;
        let mut levels = self.run.stop.levels();
        loop {
            for action in actions {
                match action {
                    EngineAction::Start(activity) => {
                        stop = CancellationToken::new();
                        // The restore waits for the last call that they have in flight.
                        let last = if activity == Activity::Restore { turns.take() } else { None };
                        under_way = self.begin(activity, stop.clone(), last);
                    }
                    EngineAction::StartTurns => turns = Some(self.turns()),
                    EngineAction::Interrupt => stop.cancel(),
                    EngineAction::GiveUp => self.give_up.cancel(),
                    EngineAction::Abort(reason) => self.run.log.write(LogEvent::Abort { reason }),
                    EngineAction::Note(text) => self.note(text),
                    EngineAction::Finish(failure) => return failure,
                }
            }
            let event = tokio::select! {
                biased;
                level = levels.next() => Event::Stop { level, reason: self.run.stop.reason() },
                Some(event) = events.recv() => event,
                ended = turned(&mut turns) => {
                    turns = None;
                    Event::TurnsEnded(ended)
                }
                ended = &mut under_way => Event::Ended(ended),
            };
            (state, actions) = machine::next(state, event);
        }
    }

    /// Begins an activity. A panic in it is one of the ways in which it may end.
    fn begin<'a>(
        &'a self,
        activity: Activity,
        stop: CancellationToken,
        last: Option<Turns<'a>>,
    ) -> LocalBoxFuture<'a, Ended> {
        if let Some(phase) = activity.phase() {
            self.enter(phase);
        }
        let work = async move {
            if let Some(Turns { stop, work }) = last {
                stop.cancel();
                // Whatever became of it is undone now.
                let _ = work.await;
            }
            self.perform(activity, stop).await
        };
        async move { AssertUnwindSafe(work).catch_unwind().await.unwrap_or(Ended::Panicked) }.boxed_local()
    }

    /// Faults that begin or end in the course of the run.
    fn turns(&self) -> Turns<'_> {
        let stop = CancellationToken::new();
        let token = stop.clone();
        let work = async move {
            match AssertUnwindSafe(self.take_turns(&token)).catch_unwind().await {
                // Who interrupts it says why.
                Ok(Ok(()) | Err(FaultError::Interrupted)) => Ok(()),
                Ok(Err(error)) => Err(error.to_string()),
                Err(_) => Err(machine::INTERNAL.to_owned()),
            }
        };
        Turns { stop, work: work.boxed_local() }
    }

    async fn perform(&self, activity: Activity, stop: CancellationToken) -> Ended {
        match activity {
            Activity::Preflight => Box::pin(self.preflight(&stop)).await,
            Activity::Open => self.open(),
            Activity::Lock => self.take_lock(&stop).await,
            Activity::RecordUsers => self.record(&stop).await,
            Activity::Baseline => self.baseline(&stop).await,
            Activity::Gate => self.gate(&stop).await,
            Activity::Prepare => self.prepare(&stop).await,
            Activity::Cut => self.cut(&stop).await,
            Activity::Outage => self.outage(&stop).await,
            Activity::Hold => self.hold(&stop).await,
            Activity::LastTurns => {
                stop.cancelled().await;
                Ended::Interrupted
            }
            Activity::Restore => self.restore().await,
            Activity::Failback => self.failback(&stop).await,
            Activity::Settle => self.settle().await,
            Activity::EndLoad => self.end_load(&stop).await,
            Activity::CleanUsers => self.clean_users().await,
            Activity::Compare => self.compare_states().await,
            Activity::Unlock => self.unlock().await,
            Activity::Close => self.close(),
        }
    }

    fn enter(&self, phase: Phase) {
        self.phase.set(phase);
        self.run.log.write(LogEvent::PhaseStarted { phase });
    }

    pub(super) fn note(&self, text: String) {
        self.run.log.write(LogEvent::Notice { text });
    }

    /// What preflight made ready, and the executor: activities that come after both have them.
    pub(super) fn at_hand(&self) -> Result<(&Arc<Preflighted>, &Executor), Ended> {
        let both = self.ready.get().zip(self.executor.get());
        both.ok_or_else(|| Ended::Failed(format!("an activity started too early: {}", machine::INTERNAL)))
    }

    /// A wait in scenario time that may be cut short.
    pub(super) async fn wait(&self, scenario: std::time::Duration, stop: &CancellationToken) -> Ended {
        tokio::select! {
            biased;
            () = self.run.clock.sleep(scenario) => Ended::Done,
            () = stop.cancelled() => Ended::Interrupted,
        }
    }
}

/// How a step of the way to the fault ended.
pub(super) fn ended(result: Result<(), FaultError>, was_cut: bool) -> Ended {
    match result {
        Ok(()) => Ended::Done,
        Err(FaultError::Interrupted) => Ended::Interrupted,
        // Before anything hurts, whoever changed what is about to be cut keeps the run from it.
        Err(error @ FaultError::Changed(_)) if !was_cut => Ended::Refused(RefusedBy::Gate(error.to_string())),
        Err(error) => Ended::Failed(error.to_string()),
    }
}
