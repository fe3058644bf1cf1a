//! Makes changes and undoes them: journal, call, journal.
//!
//! One executor serves a run's injection, the heals in its course, its restore, and `gameday rollback`, which has
//! nothing but the journal. How undoing comes to an end that can be believed is in `restore`; the invariants behind it
//! are in docs/architecture.md.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::{StreamExt, stream};
use std::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::cloud::{Backoff, CloudError, ErrorClass, RegionClients};
use gameday_core::model::{Clock, Region, RunId, Secret};

use super::action::Action;
use super::change::{Applied, ChangeContext, CreatedResources, LastCall, MutationSink, Stage};
use super::describe_cache::{DescribeCache, Freshness};
use super::fault::{Fault, FaultError};
use super::journal::Journal;
use super::plan::Plan;
use super::rate_limiter::{AdaptiveRateLimiter, CALLS_IN_FLIGHT};

mod restore;

pub use restore::{ChangedByOthers, Restored};

/// How far descriptions may lag behind changes where the environment does not say: EC2 names no bound for its eventual consistency (EC2 API
/// reference, "Eventual consistency"); assumed.
pub const DESCRIPTION_LAG: Duration = Duration::from_secs(10);
/// How long a call that a killed process had sent may still be under way, as a multiple of the lag: 60 s with the default, the usual idle
/// timeout of what forwards it; assumed.
const IN_FLIGHT_LAGS: u32 = 6;
/// Looking again begins after this, and comes to this.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// Beyond the lag, a call that is throttled, or whose answer was lost, is tried so much longer while injecting; undoing has no such limit.
const INJECT_PATIENCE: Duration = Duration::from_secs(5);

/// Makes and undoes changes.
#[derive(Clone)]
pub struct Executor {
    run: RunId,
    journal: Arc<Journal>,
    regions: Arc<BTreeMap<Region, RegionState>>,
    clock: Clock,
    sink: MutationSink,
    passwords: Arc<BTreeMap<String, Secret>>,
    /// How far descriptions may lag.
    lag: Duration,
    /// When this process could have begun to make calls, and whether another one did before.
    began: Instant,
    resumed: bool,
    last_call: Arc<LastCall>,
    /// What was said already of what others changed.
    told: Arc<Mutex<BTreeSet<(Region, String)>>>,
    /// What cuts, and of which fault.
    faults: Arc<Vec<(u32, Region, Action)>>,
}

struct RegionState {
    clients: RegionClients,
    live: DescribeCache,
    made: CreatedResources,
    limiter: AdaptiveRateLimiter,
}

impl Executor {
    /// An executor of what `journal` records; `clients` holds those of each Region that it names.
    pub fn new(
        journal: Arc<Journal>,
        clients: impl IntoIterator<Item = RegionClients>,
        clock: Clock,
        sink: MutationSink,
    ) -> Self {
        let contents = journal.contents();
        let place = |clients: RegionClients| {
            let live = DescribeCache::new(clients.clone(), clock);
            (
                clients.region.clone(),
                RegionState {
                    clients,
                    live,
                    made: CreatedResources::default(),
                    limiter: AdaptiveRateLimiter::default(),
                },
            )
        };
        let regions: BTreeMap<Region, RegionState> = clients.into_iter().map(place).collect();
        for recorded in &contents.actions {
            let place = regions.get(&recorded.region);
            let id = recorded.applied.as_ref().and_then(|applied| applied.id.as_ref());
            if let (Some(place), Some(key), Some(id)) = (place, recorded.action.change().makes(), id) {
                place.made.put(key, id);
            }
        }
        // An embedded lab answers from one memory.
        let lag = if contents.access.embedded { Some(Duration::ZERO) } else { None };
        let lag = lag.or_else(|| contents.access.description_lag.map(|lag| lag.0)).unwrap_or(DESCRIPTION_LAG);
        Self {
            run: contents.run_id,
            resumed: journal.is_resumed(),
            journal,
            regions: Arc::new(regions),
            clock,
            sink,
            passwords: Arc::default(),
            lag,
            began: Clock::real_now(),
            last_call: Arc::default(),
            told: Arc::default(),
            faults: Arc::default(),
        }
    }

    /// With passwords of users at hand.
    #[must_use]
    pub fn knowing(self, passwords: BTreeMap<String, Secret>) -> Self {
        Self { passwords: Arc::new(passwords), ..self }
    }

    /// With the faults of a plan, whose calls are told with their numbers.
    #[must_use]
    pub fn of_plan(self, plan: &Plan) -> Self {
        let cuts = |fault: &Fault| {
            let number = u32::try_from(fault.number).unwrap_or(u32::MAX);
            fault.cut().into_iter().map(move |(region, action)| (number, region, action))
        };
        Self { faults: Arc::new(plan.faults.iter().flat_map(cuts).collect()), ..self }
    }

    /// To undo what another process did, which may have calls under way.
    #[must_use]
    pub fn resuming(self) -> Self {
        Self { resumed: true, ..self }
    }

    fn place(&self, region: &Region) -> Result<&RegionState, CloudError> {
        self.regions.get(region).ok_or_else(|| CloudError::incomplete("gameday", &format!("client for {region}")))
    }

    fn context<'a>(&'a self, place: &'a RegionState, fresh: Freshness) -> ChangeContext<'a> {
        ChangeContext {
            clients: &place.clients,
            run: &self.run,
            live: &place.live,
            made: &place.made,
            clock: &self.clock,
            sink: &self.sink,
            limiter: &place.limiter,
            passwords: &self.passwords,
            fresh,
            blind: false,
            last_call: &self.last_call,
            fault: None,
        }
    }

    /// The same for a change of one of the faults.
    fn scene_of<'a>(
        &'a self,
        (region, action): (&Region, &Action),
        place: &'a RegionState,
        fresh: Freshness,
    ) -> ChangeContext<'a> {
        let own = |(_, at, cut): &&(u32, Region, Action)| at == region && cut == action;
        ChangeContext { fault: self.faults.iter().find(own).map(|(fault, ..)| *fault), ..self.context(place, fresh) }
    }

    fn now(&self) -> Freshness {
        Freshness::Since(self.clock.now())
    }

    /// Tries again what is throttled, unclear or out of date, as long as injecting has patience.
    fn patience(&self) -> Backoff {
        Backoff::new(FIRST_PAUSE, LONGEST_PAUSE).within(self.lag + INJECT_PATIENCE)
    }

    /// Makes changes, one stage after the other, and side by side within a stage and across Regions. `stop` is
    /// noticed between calls.
    ///
    /// # Errors
    /// [`FaultError`]: the first one; every call that had begun has ended by then. [`FaultError::Changed`]: of that stage nothing was made.
    pub async fn make(&self, actions: &[(Region, Action)], stop: &CancellationToken) -> Result<(), FaultError> {
        for stage in Stage::MADE {
            let batch: Vec<&(Region, Action)> = actions.iter().filter(|(_, action)| action.stage() == stage).collect();
            if batch.is_empty() {
                continue;
            }
            if stop.is_cancelled() {
                return Err(FaultError::Interrupted);
            }
            let fresh = self.now();
            self.refuse_drift(&batch, fresh).await?;
            let ids = self.journal.record_intents(&batch).await?;
            let calls = ids.into_iter().zip(batch).map(|(id, (region, action))| {
                let own = self.clone();
                async move { own.make_one(id, region, action, fresh, stop).await }
            });
            let results: Vec<Result<(), FaultError>> =
                stream::iter(calls).buffer_unordered(CALLS_IN_FLIGHT).collect().await;
            results.into_iter().collect::<Result<(), FaultError>>()?;
        }
        Ok(())
    }

    /// Refuses a batch where what is there is not what the plan recorded. What this run has changed before, and given back, is not looked at
    /// again.
    async fn refuse_drift(&self, batch: &[&(Region, Action)], fresh: Freshness) -> Result<(), FaultError> {
        let known = self.journal.contents().actions;
        let new = |(region, action): &&&(Region, Action)| {
            !known.iter().any(|known| known.region == *region && known.action == *action)
        };
        let looks = batch.iter().filter(new).map(|(region, action)| async move {
            let mut patience = self.patience();
            loop {
                let look = async { action.change().drift(&self.context(self.place(region)?, fresh)).await };
                match look.await {
                    Err(error) if error.is_transient() && patience.pause().await => {}
                    looked => return looked,
                }
            }
        });
        let looks: Vec<Result<Option<String>, CloudError>> =
            stream::iter(looks).buffered(CALLS_IN_FLIGHT).collect().await;
        let changed = looks.into_iter().filter_map(Result::transpose).collect::<Result<Vec<String>, _>>()?;
        if changed.is_empty() { Ok(()) } else { Err(FaultError::Changed(changed.join("; "))) }
    }

    /// Records, before anybody makes them, what users may change by calls of their own; gives what was recorded. What is so already is
    /// not theirs, and is left out.
    ///
    /// # Errors
    /// [`FaultError`]: nothing is recorded then.
    pub async fn record_expected(&self, actions: Vec<(Region, Action)>) -> Result<Vec<(Region, Action)>, FaultError> {
        let looks = actions.into_iter().map(|(region, action)| async move {
            let (place, mut patience) = (self.place(&region)?, self.patience());
            loop {
                match action.change().settled(&self.context(place, self.now())).await {
                    Err(error) if error.is_transient() && patience.pause().await => {}
                    Err(error) => return Err(error),
                    Ok(Some(_)) => return Ok(None),
                    Ok(None) => return Ok(Some((region, action))),
                }
            }
        });
        let looks: Vec<Result<_, CloudError>> = stream::iter(looks).buffered(CALLS_IN_FLIGHT).collect().await;
        let open = looks.into_iter().filter_map(Result::transpose).collect::<Result<Vec<_>, _>>()?;
        if !open.is_empty() {
            self.journal.record_intents(&open.iter().collect::<Vec<_>>()).await?;
        }
        Ok(open)
    }

    /// Records what somebody has made who was not foreseen, and waits until `region` shows it.
    ///
    /// # Errors
    /// [`FaultError`]; [`FaultError::NotEffective`] when it is not there.
    pub async fn record_observed(&self, actions: &[(Region, Action)], region: &Region) -> Result<(), FaultError> {
        let known = self.journal.contents().actions;
        let recorded = |(region, action): &&(Region, Action)| {
            known.iter().any(|known| known.region == *region && known.action == *action)
        };
        let new: Vec<_> = actions.iter().filter(|one| !recorded(one)).collect();
        if !new.is_empty() {
            self.journal.record_intents(&new).await?;
        }
        let there: Vec<_> = actions.iter().filter(|(own, _)| own == region).cloned().collect();
        self.confirm(&there).await
    }

    async fn make_one(
        &self,
        id: u64,
        region: &Region,
        action: &Action,
        fresh: Freshness,
        stop: &CancellationToken,
    ) -> Result<(), FaultError> {
        // What was not made is recorded so, and needs no undoing.
        let result = if stop.is_cancelled() {
            Err(FaultError::Interrupted)
        } else {
            self.insist_making(region, action, fresh, stop).await.map_err(FaultError::Cloud)
        };
        match result {
            Ok(applied) => {
                if let (Some(key), Some(made)) = (action.change().makes(), &applied.id) {
                    self.place(region)?.made.put(key, made);
                }
                Ok(self.journal.record_outcome(id, Ok(applied)).await?)
            }
            // Left without an outcome: undoing does not ask what became of it.
            Err(FaultError::Cloud(error)) if error.is_transient() => Err(error.into()),
            Err(error) => {
                self.journal.record_outcome(id, Err(error.to_string())).await?;
                Err(error)
            }
        }
    }

    async fn insist_making(
        &self,
        region: &Region,
        action: &Action,
        fresh: Freshness,
        stop: &CancellationToken,
    ) -> Result<Applied, CloudError> {
        let (place, change) = (self.place(region)?, action.change());
        let (mut patience, mut fresh) = (self.patience(), fresh);
        loop {
            let error = match change.apply(&self.scene_of((region, action), place, fresh)).await {
                Ok(applied) => return Ok(applied),
                Err(error) => error,
            };
            // Somebody else was there in the meantime, or an earlier try of the same call.
            let outdated = matches!(error.class, ErrorClass::NotFound | ErrorClass::Exists | ErrorClass::Stale);
            if stop.is_cancelled() || !(error.is_transient() || outdated) || !patience.pause().await {
                return Err(error);
            }
            // The call may have taken effect although its answer was lost.
            fresh = self.now();
            match change.settled(&self.context(place, fresh)).await {
                Ok(Some(applied)) => return Ok(applied),
                Ok(None) => {}
                Err(error) if error.is_transient() => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Describes what is really there after changes were made.
    ///
    /// # Errors
    /// [`FaultError::NotEffective`] when it is not all that was meant, [`FaultError::Cloud`].
    pub async fn confirm(&self, actions: &[(Region, Action)]) -> Result<(), FaultError> {
        let mut patience = self.patience();
        loop {
            let fresh = self.now();
            let looks = actions.iter().map(|(region, action)| async move {
                let settled = action.change().settled(&self.context(self.place(region)?, fresh)).await?;
                Ok::<_, CloudError>(settled.is_none().then(|| action.change().resource()))
            });
            let looks: Vec<Result<Option<String>, CloudError>> =
                stream::iter(looks).buffered(CALLS_IN_FLIGHT).collect().await;
            let missing = looks.into_iter().filter_map(Result::transpose).collect::<Result<Vec<String>, _>>();
            match missing {
                Ok(missing) if missing.is_empty() => return Ok(()),
                Err(error) if !error.is_transient() => return Err(error.into()),
                looked if patience.pause().await => drop(looked),
                Ok(missing) => return Err(FaultError::NotEffective(missing.len(), actions.len(), missing.join("; "))),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests;
