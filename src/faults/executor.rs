//! Makes changes and undoes them: journal, call, journal.
//!
//! One executor serves a run's injection, the heals in its course, its restore, and `gameday rollback`, which has
//! nothing but the journal.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures::{StreamExt, stream};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use crate::cloud::{CloudError, ErrorClass, RegionClients};
use crate::model::{Clock, Event, Region, RunId, Secret};

use super::action::Action;
use super::change::{Applied, Made, Scene, Stage, Undone};
use super::journal::{Journal, JournalError, Recorded};
use super::live::Live;
use super::pace::{CALLS_IN_FLIGHT, Pace};
use super::plan::{FaultError, MutationSink};

/// A call that is throttled or unclear is tried again so often while injecting; undoing has no such limit.
const INJECT_TRIES: u32 = 6;
/// So often a look may be stale, because somebody else changes the same resource at the same time.
const STALE_LOOKS: u32 = 5;
/// So often undoing says that it goes on, and trying again says why, in real time.
const CLOCK_EVERY: Duration = Duration::from_secs(5);
/// What is described is compared with what was made for this long, in real time: EC2's API is eventually consistent.
const CONFIRM_PATIENCE: Duration = Duration::from_secs(10);

/// Makes and undoes changes.
#[derive(Clone)]
pub struct Executor {
    run: RunId,
    journal: Arc<Journal>,
    regions: Arc<BTreeMap<Region, Place>>,
    clock: Clock,
    sink: MutationSink,
    passwords: Arc<BTreeMap<String, Secret>>,
}

struct Place {
    clients: RegionClients,
    live: Live,
    made: Made,
    pace: Pace,
}

/// What undoing did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Restored {
    /// Changes that needed it.
    pub mutations: u32,
    /// Those that are undone, whoever did it.
    pub reverted: u32,
    /// What is left: resource and reason.
    pub left: Vec<String>,
    /// What was found changed by somebody else, and left so.
    pub notes: Vec<String>,
}

impl Executor {
    /// An executor of what `journal` records; `clients` holds those of each Region that it names.
    ///
    /// # Errors
    /// [`JournalError`] when the journal cannot be read.
    pub fn new(
        journal: Arc<Journal>,
        clients: impl IntoIterator<Item = RegionClients>,
        clock: Clock,
        sink: MutationSink,
    ) -> Result<Self, JournalError> {
        let contents = journal.contents()?;
        let place = |clients: RegionClients| {
            let live = Live::new(clients.clone(), clock);
            (clients.region.clone(), Place { clients, live, made: Made::default(), pace: Pace::default() })
        };
        let regions: BTreeMap<Region, Place> = clients.into_iter().map(place).collect();
        for recorded in &contents.actions {
            let place = regions.get(&recorded.region);
            let id = recorded.applied.as_ref().and_then(|applied| applied.id.as_ref());
            if let (Some(place), Some(key), Some(id)) = (place, recorded.action.change().makes(), id) {
                place.made.put(key, id);
            }
        }
        Ok(Self { run: contents.run_id, journal, regions: Arc::new(regions), clock, sink, passwords: Arc::default() })
    }

    /// With passwords of users at hand.
    #[must_use]
    pub fn knowing(self, passwords: BTreeMap<String, Secret>) -> Self {
        Self { passwords: Arc::new(passwords), ..self }
    }

    fn place(&self, region: &Region) -> Result<&Place, CloudError> {
        self.regions.get(region).ok_or_else(|| CloudError::incomplete("gameday", &format!("client for {region}")))
    }

    fn scene<'a>(&'a self, place: &'a Place, since: Timestamp) -> Scene<'a> {
        Scene {
            clients: &place.clients,
            run: &self.run,
            live: &place.live,
            made: &place.made,
            clock: &self.clock,
            sink: &self.sink,
            pace: &place.pace,
            passwords: &self.passwords,
            since,
        }
    }

    /// Makes changes, one stage after the other, and side by side within a stage and across Regions. `stop` is
    /// noticed between calls.
    ///
    /// # Errors
    /// [`FaultError`]: the first one; every call that had begun has ended by then.
    pub async fn make(&self, actions: &[(Region, Action)], stop: &CancellationToken) -> Result<(), FaultError> {
        for stage in Stage::MADE {
            let batch: Vec<&(Region, Action)> = actions.iter().filter(|(_, action)| action.stage() == stage).collect();
            if batch.is_empty() {
                continue;
            }
            if stop.is_cancelled() {
                return Err(FaultError::Interrupted);
            }
            let since = self.clock.now();
            let ids = self.journal.intend(&batch)?;
            let calls = ids.into_iter().zip(batch).map(|(id, (region, action))| {
                let own = self.clone();
                async move { own.make_one(id, region, action, since, stop).await }
            });
            let results: Vec<Result<(), FaultError>> =
                stream::iter(calls).buffer_unordered(CALLS_IN_FLIGHT).collect().await;
            results.into_iter().collect::<Result<(), FaultError>>()?;
        }
        Ok(())
    }

    /// Records, before anybody makes them, what users may change by calls of their own; gives what was recorded. What is so already is
    /// not theirs, and is left out.
    ///
    /// # Errors
    /// [`FaultError`]: nothing is recorded then.
    pub async fn foresee(&self, actions: Vec<(Region, Action)>) -> Result<Vec<(Region, Action)>, FaultError> {
        let looks = actions.into_iter().map(|(region, action)| async move {
            let place = self.place(&region)?;
            for attempt in 1.. {
                match action.change().settled(&self.scene(place, self.clock.now())).await {
                    Err(error) if error.is_transient() && attempt < INJECT_TRIES => {}
                    Err(error) => return Err(error),
                    Ok(Some(_)) => return Ok(None),
                    Ok(None) => break,
                }
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
            Ok::<_, CloudError>(Some((region, action)))
        });
        let looks: Vec<Result<_, CloudError>> = stream::iter(looks).buffered(CALLS_IN_FLIGHT).collect().await;
        let open = looks.into_iter().filter_map(Result::transpose).collect::<Result<Vec<_>, _>>()?;
        if !open.is_empty() {
            self.journal.intend(&open.iter().collect::<Vec<_>>())?;
        }
        Ok(open)
    }

    /// Records what somebody has made who was not foreseen, and waits until `region` shows it.
    ///
    /// # Errors
    /// [`FaultError`]; [`FaultError::NotEffective`] when it is not there.
    pub async fn witness(&self, actions: &[(Region, Action)], region: &Region) -> Result<(), FaultError> {
        let known = self.journal.contents()?.actions;
        let recorded = |(region, action): &&(Region, Action)| {
            known.iter().any(|known| known.region == *region && known.action == *action)
        };
        let new: Vec<_> = actions.iter().filter(|one| !recorded(one)).collect();
        if !new.is_empty() {
            self.journal.intend(&new)?;
        }
        let there: Vec<_> = actions.iter().filter(|(own, _)| own == region).cloned().collect();
        self.confirm(&there).await
    }

    async fn make_one(
        &self,
        id: u64,
        region: &Region,
        action: &Action,
        since: Timestamp,
        stop: &CancellationToken,
    ) -> Result<(), FaultError> {
        // What was not made is recorded so, and needs no undoing.
        let result = if stop.is_cancelled() {
            Err(FaultError::Interrupted)
        } else {
            self.insist_making(region, action, since, stop).await.map_err(FaultError::Cloud)
        };
        match result {
            Ok(applied) => {
                if let (Some(key), Some(made)) = (action.change().makes(), &applied.id) {
                    self.place(region)?.made.put(key, made);
                }
                Ok(self.journal.outcome(id, Ok(applied))?)
            }
            // Left without an outcome: undoing looks what became of it.
            Err(FaultError::Cloud(error)) if error.is_transient() => Err(error.into()),
            Err(error) => {
                self.journal.outcome(id, Err(error.to_string()))?;
                Err(error)
            }
        }
    }

    async fn insist_making(
        &self,
        region: &Region,
        action: &Action,
        since: Timestamp,
        stop: &CancellationToken,
    ) -> Result<Applied, CloudError> {
        let place = self.place(region)?;
        let change = action.change();
        let (mut wait, mut since) = (Duration::from_millis(100), since);
        for attempt in 1.. {
            let error = match change.apply(&self.scene(place, since)).await {
                Ok(applied) => return Ok(applied),
                Err(error) => error,
            };
            // Somebody else was there in the meantime, or an earlier try of the same call.
            let stale = matches!(error.class, ErrorClass::NotFound | ErrorClass::Exists | ErrorClass::Stale);
            if attempt >= INJECT_TRIES || stop.is_cancelled() || !(error.is_transient() || stale) {
                return Err(error);
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(Duration::from_secs(5));
            // The call may have taken effect although its answer was lost.
            since = self.clock.now();
            if let Some(applied) = change.settled(&self.scene(place, since)).await? {
                return Ok(applied);
            }
        }
        unreachable!("the loop above returns")
    }

    /// Describes what is really there after changes were made.
    ///
    /// # Errors
    /// [`FaultError::NotEffective`] when it is not all that was meant, [`FaultError::Cloud`].
    pub async fn confirm(&self, actions: &[(Region, Action)]) -> Result<(), FaultError> {
        let until = Clock::real_now() + CONFIRM_PATIENCE;
        loop {
            let since = self.clock.now();
            let looks = actions.iter().map(|(region, action)| async move {
                let place = self.place(region)?;
                let settled = action.change().settled(&self.scene(place, since)).await?;
                Ok::<_, CloudError>(settled.is_none().then(|| action.change().resource()))
            });
            let looks: Vec<Result<Option<String>, CloudError>> =
                stream::iter(looks).buffered(CALLS_IN_FLIGHT).collect().await;
            let missing = looks.into_iter().filter_map(Result::transpose).collect::<Result<Vec<String>, _>>()?;
            if missing.is_empty() {
                return Ok(());
            }
            if Clock::real_now() >= until {
                return Err(FaultError::NotEffective(missing.len(), actions.len(), missing.join("; ")));
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Undoes everything that the journal records, in all Regions.
    ///
    /// Throttled, timed-out and failed calls are repeated without limit until `give_up` is cancelled; one resource
    /// that fails does not stop the others. Every change is looked at again each time, also one that seemed refused:
    /// an earlier try of it may have taken effect.
    ///
    /// The journal stays open, so that this can be repeated: close it when it is proved that nothing is left.
    ///
    /// # Errors
    /// [`JournalError`] when the journal cannot be read. One that cannot be written does not stop the work; it is
    /// named in [`Restored::notes`].
    pub async fn restore(&self, give_up: &CancellationToken) -> Result<Restored, JournalError> {
        self.restore_of(|_| true, give_up).await
    }

    /// The same for some stages only: what users change can be undone only once they have stopped, which is after all the rest.
    ///
    /// # Errors
    /// As [`Self::restore`].
    pub async fn restore_of(
        &self,
        stages: impl Fn(Stage) -> bool,
        give_up: &CancellationToken,
    ) -> Result<Restored, JournalError> {
        let mut contents = self.journal.contents()?;
        contents.actions.retain(|recorded| stages(recorded.action.stage()));
        // Of what users may change nobody knows whether they did.
        let made = |recorded: &&Recorded| !recorded.refused && recorded.action.stage() != Stage::Users;
        let mutations = contents.actions.iter().filter(made).count() as u32;
        if contents.closed {
            return Ok(Restored { mutations, reverted: mutations, ..Restored::default() });
        }
        let mut restored = self.undo(contents.actions, give_up).await;
        restored.mutations = mutations;
        Ok(restored)
    }

    /// Undoes what hurts of one fault, in the course of a run.
    ///
    /// # Errors
    /// [`JournalError`] when the journal cannot be read.
    pub async fn heal(&self, cut: &[(Region, Action)], give_up: &CancellationToken) -> Result<Restored, JournalError> {
        let mut recorded = self.journal.contents()?.actions;
        recorded
            .retain(|recorded| cut.iter().any(|(region, own)| *region == recorded.region && *own == recorded.action));
        Ok(self.undo(recorded, give_up).await)
    }

    /// Undoes what is recorded, and tells how long it takes: a silent program is taken for a dead one and killed.
    async fn undo(&self, recorded: Vec<Recorded>, give_up: &CancellationToken) -> Restored {
        let began = Clock::real_now();
        let mut tick = tokio::time::interval_at(began + CLOCK_EVERY, CLOCK_EVERY);
        let mut work = Box::pin(self.undo_all(recorded, give_up));
        loop {
            tokio::select! {
                restored = &mut work => return restored,
                _ = tick.tick() => {
                    let text = format!("still restoring, {:.0} s so far", Clock::real_now().duration_since(began).as_secs_f64());
                    (self.sink)(Event::Notice { text });
                }
            }
        }
    }

    async fn undo_all(&self, recorded: Vec<Recorded>, give_up: &CancellationToken) -> Restored {
        let mut restored = Restored::default();
        let work = Undoing { own: self, give_up };
        let mut open = Vec::new();
        for same in same(recorded) {
            if self.regions.contains_key(&same.region) {
                open.push(same);
            } else {
                restored.left.push(format!("{} in {}: no client for that Region", same.words(), same.region));
            }
        }
        work.find_made(&open, &mut restored).await;
        for stage in Stage::UNDONE {
            // Backwards: what was made last goes first.
            let batch: Vec<&Same> = open.iter().rev().filter(|same| same.action.stage() == stage).collect();
            if stage.stays_until_all_is_undone() && !restored.left.is_empty() {
                let kept = batch.iter().map(|same| format!("{} stays until the rest is undone", same.words()));
                restored.notes.extend(kept);
                continue;
            }
            let since = self.clock.now();
            let calls = batch.into_iter().map(|same| work.undo_one(same, since));
            let results: Vec<Done> = stream::iter(calls).buffered(CALLS_IN_FLIGHT).collect().await;
            self.settle(results, &mut restored);
        }
        restored
    }

    fn settle(&self, results: Vec<Done>, restored: &mut Restored) {
        let mut reverted = Vec::new();
        for done in results {
            match done.result {
                Ok(undone) => {
                    restored.reverted += done.counts;
                    let how = match undone {
                        Undone::Reverted => "reverted".to_owned(),
                        Undone::Already => "nothing to revert".to_owned(),
                        Undone::LeftAlone(found) => {
                            restored.notes.push(found.clone());
                            found
                        }
                    };
                    reverted.extend(done.ids.into_iter().map(|id| (id, how.clone())));
                }
                Err(why) => restored.left.push(why),
            }
        }
        if reverted.is_empty() {
            return;
        }
        if let Err(error) = self.journal.reverted(&reverted) {
            // Undoing again is harmless, so a journal that cannot be written is no reason to stop.
            restored.notes.push(format!("a revert could not be recorded: {error}"));
        }
    }
}

/// One change, however often it was made: a flapping fault makes the same one again and again.
struct Same {
    ids: Vec<u64>,
    region: Region,
    action: Action,
    /// How often it was made, as far as the journal tells.
    counts: u32,
    /// Whether its answer, with the ID of what it made, is in the journal.
    known: bool,
}

impl Same {
    fn words(&self) -> String {
        self.action.change().resource()
    }
}

fn same(recorded: Vec<Recorded>) -> Vec<Same> {
    let mut found: Vec<Same> = Vec::new();
    for one in recorded {
        let counts = u32::from(!one.refused && one.action.stage() != Stage::Users);
        let known = one.applied.is_some();
        match found.iter_mut().find(|same| same.region == one.region && same.action == one.action) {
            Some(same) => {
                same.ids.push(one.id);
                same.counts += counts;
                same.known |= known;
            }
            None => found.push(Same { ids: vec![one.id], region: one.region, action: one.action, counts, known }),
        }
    }
    found
}

struct Done {
    ids: Vec<u64>,
    counts: u32,
    result: Result<Undone, String>,
}

struct Undoing<'a> {
    own: &'a Executor,
    give_up: &'a CancellationToken,
}

impl Undoing<'_> {
    /// After a crash between call and outcome the journal lacks the ID of what was made; its tags tell.
    async fn find_made(&self, open: &[Same], restored: &mut Restored) {
        for same in open.iter().filter(|same| same.action.change().makes().is_some() && !same.known) {
            let look = || async {
                let place = self.own.place(&same.region)?;
                same.action.change().settled(&self.own.scene(place, self.own.clock.now())).await
            };
            let found = match self.insist(&same.region, look).await {
                Ok(found) => found,
                Err(error) => {
                    restored.left.push(format!("{} in {} cannot be looked for: {error}", same.words(), same.region));
                    continue;
                }
            };
            let place = self.own.regions.get(&same.region);
            if let (Some(place), Some(key), Some(id)) =
                (place, same.action.change().makes(), found.and_then(|applied| applied.id))
            {
                place.made.put(key, &id);
            }
        }
    }

    async fn undo_one(&self, same: &Same, first: Timestamp) -> Done {
        let tries = AtomicU32::new(0);
        let once = || async {
            let place = self.own.place(&same.region)?;
            for stale in 0.. {
                // The first look may be shared; one after a lost answer or somebody else's change must be fresh.
                let again = tries.fetch_add(1, Ordering::Relaxed) > 0;
                let since = if again { self.own.clock.now() } else { first };
                match same.action.change().undo(&self.own.scene(place, since)).await {
                    Err(error)
                        if matches!(error.class, ErrorClass::NotFound | ErrorClass::Stale) && stale < STALE_LOOKS => {}
                    other => return other,
                }
            }
            unreachable!("the loop above returns")
        };
        let result = self.insist(&same.region, once).await;
        let result = result.map_err(|error| format!("{} in {}: {error}", same.words(), same.region));
        Done { ids: same.ids.clone(), counts: same.counts, result }
    }

    /// Repeats what is throttled, unclear or out of reach.
    async fn insist<T, F, Fut>(&self, region: &Region, make: F) -> Result<T, CloudError>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T, CloudError>>,
    {
        let (began, mut wait) = (Clock::real_now(), Duration::from_millis(100));
        loop {
            let error = match make().await {
                Err(error) if error.is_transient() && !self.give_up.is_cancelled() => error,
                other => return other,
            };
            // A try without an answer takes as long as the client waits, so that the pauses alone tell too late.
            if wait >= Duration::from_secs(2) || Clock::real_now().duration_since(began) >= CLOCK_EVERY {
                let text = format!("still restoring in {region}: {error}; next try in {:.1} s", wait.as_secs_f64());
                (self.own.sink)(Event::Notice { text });
            }
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = self.give_up.cancelled() => {}
            }
            wait = (wait * 2).min(Duration::from_secs(10));
        }
    }
}
