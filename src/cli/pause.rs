//! Ctrl-Z: a suspended run restores nothing, so it prints what is in force before it stops, on the restored terminal.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rustix::process::{Signal, getpid, kill_process};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::broadcast::error::RecvError;

use crate::engine;
use gameday_core::env::SCHEDULER_PRECISION;
use gameday_core::model::{Clock, Event, EventLog, Phase, Step, format_duration};
use gameday_core::scenario::Phases;

use super::output::{flush, say};
use super::{Failure, progress};

/// A stop that this process sends to itself has taken effect by then.
const STOPPING: Duration = Duration::from_millis(100);

/// From now on a stop from the terminal (SIGTSTP) is announced. `words` gives the message; `resumed` is called with how long the stop lasted.
pub(super) fn announce(
    words: impl Fn() -> String + Send + 'static,
    resumed: impl Fn(Duration) + Send + 'static,
) -> Result<(), Failure> {
    let stops = signal(SignalKind::from_raw(Signal::TSTP.as_raw()));
    let mut stops = stops.map_err(|error| Failure::plain(format!("signal handlers cannot be installed: {error}")))?;
    tokio::spawn(async move {
        while stops.recv().await.is_some() {
            let text = words();
            let told = tokio::task::spawn_blocking(move || {
                progress::suspend();
                say(&text);
                flush();
            });
            // A panic in it must not keep the process from stopping.
            let _ = told.await;
            let began = Clock::real_now();
            // A process that cannot stop itself continues, which does no harm.
            let _ = kill_process(getpid(), Signal::STOP);
            tokio::time::sleep(STOPPING).await;
            resumed(Clock::real_now().duration_since(began));
            progress::resume();
        }
    });
    Ok(())
}

/// What of a run is in force.
#[derive(Debug, Default)]
struct InForce {
    /// When it was cut; nothing before that, and again once it is restored.
    since: Option<Timestamp>,
    armed: bool,
}

/// A run's own words.
#[derive(Clone)]
pub(super) struct RunPause {
    clock: Clock,
    log: Arc<EventLog>,
    in_force: Arc<Mutex<InForce>>,
    /// The longest time from the cut to the planned heal, with the dead-man switch's margin.
    heals_after: Duration,
    embedded: bool,
}

impl RunPause {
    /// Follows a run's events from now on.
    pub(super) fn follow(
        log: &Arc<EventLog>,
        clock: Clock,
        phases: &Phases,
        margin: Option<Duration>,
        embedded: bool,
    ) -> Self {
        let heals_after = phases.outage_and_hold() + margin.unwrap_or_default() + SCHEDULER_PRECISION.0;
        let own = Self { clock, log: Arc::clone(log), in_force: Arc::default(), heals_after, embedded };
        let (in_force, mut events) = (Arc::clone(&own.in_force), engine::subscribe(log));
        tokio::spawn(async move {
            loop {
                match events.recv().await {
                    Ok(record) => take(&in_force, &record.event, record.at),
                    // A later event of the same kind comes for sure: the phases.
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => break,
                }
            }
        });
        own
    }

    /// Announces stops of this run.
    pub(super) fn announce(self) -> Result<(), Failure> {
        let (own, log) = (self.clone(), Arc::clone(&self.log));
        announce(
            move || own.words(),
            move |lasted| {
                let text =
                    format!("the runner was suspended from its terminal (SIGTSTP) for {:.1} s", lasted.as_secs_f64());
                log.write(Event::Notice { text });
            },
        )
    }

    fn words(&self) -> String {
        let process = std::process::id();
        let in_force = self.in_force.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(since) = in_force.since else {
            return "SIGTSTP: suspended. No fault is in force. Continue with: fg".to_owned();
        };
        if self.embedded {
            return "SIGTSTP: suspended, and the built-in lab with it. Continue with: fg".to_owned();
        }
        let dead_man = if in_force.armed {
            let at = SignedDuration::try_from(self.heals_after).ok().and_then(|after| since.checked_add(after).ok());
            let left = at.map_or(0.0, |at| at.duration_since(self.clock.now()).as_secs_f64() / self.clock.speed());
            let left = Duration::try_from_secs_f64(left.max(0.0).round()).unwrap_or_default();
            format!("The dead-man switch restores the network in about {}.", format_duration(left))
        } else {
            "There is no dead-man switch: NOTHING RESTORES THE NETWORK while this program is suspended.".to_owned()
        };
        format!(
            "SIGTSTP: suspended. THE FAULT IS STILL IN FORCE.\n  {dead_man}\n  Continue with:      fg\n  Restore now with:   fg, then Ctrl-C; \
             from another terminal: kill -INT {process}; kill -CONT {process}"
        )
    }
}

fn take(in_force: &Mutex<InForce>, event: &Event, at: Timestamp) {
    let mut in_force = in_force.lock().unwrap_or_else(PoisonError::into_inner);
    match event {
        // A call that injects is logged after its response; it may have taken effect before.
        Event::PhaseStarted { phase: Phase::Inject } => in_force.since = Some(at),
        Event::Mutation(mutation) if mutation.step == Step::Cut => {
            in_force.since.get_or_insert(at);
        }
        Event::Mutation(mutation) if mutation.call == "scheduler:CreateSchedule" && mutation.error.is_none() => {
            in_force.armed = true;
        }
        Event::PhaseStarted { phase: Phase::Failback | Phase::Verify } => in_force.since = None,
        _ => {}
    }
}
