//! Undoing, and when it may be believed.
//!
//! First everything is undone at once: what hurts, then what was prepared. No description proves anything then: it may lag behind the run's
//! own calls, and a call of a killed process may still be under way. So all of it is looked at again when both are over, and undone again
//! where that look finds something, until a look finds nothing. Only then go the schedules and tags that would have healed, and at the very
//! end the lock.

use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::{StreamExt, stream};
use std::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::cloud::{Backoff, CloudError, ErrorClass};
use crate::faults::action::Action;
use crate::faults::change::{ChangeContext, RevertOutcome, Stage};
use crate::faults::describe_cache::Freshness;
use crate::faults::journal::Recorded;
use crate::faults::rate_limiter::CALLS_IN_FLIGHT;
use gameday_core::model::{Clock, Event, Region};

use super::{Executor, FIRST_PAUSE, IN_FLIGHT_LAGS, LONGEST_PAUSE, RegionState};

/// So often undoing says that it goes on, and trying again says why, in real time.
const SAYS_EVERY: Duration = Duration::from_secs(5);
/// What something still uses is tried again for this multiple of the lag: 5 min with the default, since managed services let go of
/// interfaces within minutes; assumed.
const IN_USE_LAGS: u32 = 30;
/// A look that stays out of date is given up after this multiple of the lag, and not before [`STALE_PATIENCE`].
const STALE_LAGS: u32 = 2;
const STALE_PATIENCE: Duration = Duration::from_secs(2);

/// What undoing did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Restored {
    /// Changes that needed it.
    pub mutations: u32,
    /// Those that are undone, whoever did it.
    pub reverted: u32,
    /// What is left: resource and reason.
    pub left: Vec<String>,
    /// What else there is to say.
    pub notes: Vec<String>,
    /// What somebody else changed meanwhile, and what was left so.
    pub changed_by_others: Vec<ChangedByOthers>,
}

/// A resource that somebody else changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChangedByOthers {
    /// Where.
    pub region: Region,
    /// Its ID.
    pub resource: String,
    /// What was found.
    pub found: String,
}

impl Restored {
    /// Adds what undoing other stages did.
    pub fn add(&mut self, other: Self) {
        self.mutations += other.mutations;
        self.reverted += other.reverted;
        self.left.extend(other.left);
        self.notes.extend(other.notes);
        self.changed_by_others.extend(other.changed_by_others);
    }
}

/// What one round of undoing found.
#[derive(Default)]
struct Round {
    restored: Restored,
    /// Whether anything was undone.
    worked: bool,
    /// Whether something still uses what is to be deleted.
    in_use: bool,
    /// Whether something was refused for another reason.
    refused: bool,
}

impl Executor {
    /// Undoes everything that the journal records, in all Regions, and sees that it is undone.
    ///
    /// Throttled, timed-out and failed calls are repeated without limit until `give_up` is cancelled; one resource
    /// that fails does not stop the others. Every change is looked at again each time, also one that seemed refused:
    /// an earlier try of it may have taken effect.
    ///
    /// The journal stays open, so that this can be repeated: close it when it is proved that nothing is left. One that cannot be written
    /// does not stop the work; it is named in [`Restored::notes`].
    pub async fn restore(&self, give_up: &CancellationToken) -> Restored {
        let at_once = self.restore_of(Stage::is_of_fault, give_up).await;
        // What is left counts by the look after the lag.
        let mut restored = self.settle(give_up).await;
        restored.notes.extend(at_once.notes);
        restored.add(self.restore_of(|stage| stage == Stage::Users, give_up).await);
        self.release(&mut restored, give_up).await;
        restored
    }

    /// Undoes some stages at once. That it is done is to be proved by [`Self::settle`].
    pub async fn restore_of(&self, stages: impl Fn(Stage) -> bool, give_up: &CancellationToken) -> Restored {
        let mut contents = self.journal.contents();
        contents.actions.retain(|recorded| stages(recorded.action.stage()));
        let mutations = count_made(&contents.actions);
        if contents.closed {
            return Restored { mutations, reverted: mutations, ..Restored::default() };
        }
        let order = [&Stage::UNDONE[..], &Stage::HEALERS, &[Stage::Users, Stage::Lock]].concat();
        let to_be_seen = contents.actions.iter().any(|recorded| recorded.action.stage().is_of_fault());
        let round = self.saying(self.round(contents.actions, &order, true, give_up), "still restoring").await;
        if !to_be_seen {
            self.tell_others(&round.restored);
        }
        Restored { mutations, ..round.restored }
    }

    /// Undoes what hurts of one fault, in the course of a run.
    pub async fn heal(&self, cut: &[(Region, Action)], give_up: &CancellationToken) -> Restored {
        let mut recorded = self.journal.contents().actions;
        recorded
            .retain(|recorded| cut.iter().any(|(region, own)| *region == recorded.region && *own == recorded.action));
        self.saying(self.round(recorded, &[Stage::Inject], true, give_up), "still removing the faults").await.restored
    }

    /// Waits until no call can be under way and no description lag behind one any more, looks at everything again that faults changed, and
    /// undoes what is there all the same, until a look finds nothing. Then, and only where nothing is left, what would have healed is
    /// taken away: schedules and prior-state tags.
    pub async fn settle(&self, give_up: &CancellationToken) -> Restored {
        let contents = self.journal.contents();
        if contents.closed {
            let mutations = count_made(&contents.actions);
            return Restored { mutations, reverted: mutations, ..Restored::default() };
        }
        // What a journal lost may be what they heal, and what they alone tell of.
        let whole = contents.incomplete.is_none();
        let (healers, mut changes): (Vec<Recorded>, Vec<Recorded>) =
            contents.actions.into_iter().partition(|recorded| Stage::HEALERS.contains(&recorded.action.stage()));
        changes.retain(|recorded| recorded.action.stage().is_of_fault());
        let mut restored = self.see_undone(changes, give_up).await;
        let mutations = count_made(&healers);
        if restored.left.is_empty() && whole {
            let round = self.saying(self.round(healers, &Stage::HEALERS, true, give_up), "still restoring").await;
            restored.add(round.restored);
            restored.mutations += mutations;
        } else if !healers.is_empty() {
            restored.notes.push("schedules and prior-state tags stay until everything else is restored".to_owned());
        }
        self.tell_others(&restored);
        restored
    }

    /// Says once what others changed.
    fn tell_others(&self, restored: &Restored) {
        for ChangedByOthers { region, resource, found } in &restored.changed_by_others {
            let new = {
                let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
                told.insert((region.clone(), resource.clone()))
            };
            if new {
                let (region, resource, found) = (Some(region.clone()), resource.clone(), found.clone());
                (self.sink)(Event::ChangedByOthers { region, resource, found });
            }
        }
    }

    /// Gives the lock back, where nothing is left.
    pub async fn release(&self, restored: &mut Restored, give_up: &CancellationToken) {
        if restored.left.is_empty() && self.journal.contents().incomplete.is_none() {
            let locks = self.journal.contents().actions.into_iter().filter(|one| one.action.stage() == Stage::Lock);
            // A lock that is still being taken must be seen before it can be given back.
            if locks.into_iter().any(|lock| lock.unanswered()) {
                self.wait_for_quiet(true, give_up).await;
            }
            restored.add(self.restore_of(|stage| stage == Stage::Lock, give_up).await);
        } else {
            restored.notes.push("the lock stays until everything else is restored".to_owned());
        }
    }

    /// Looks until a look finds nothing to undo, each time late enough to be believed.
    async fn see_undone(&self, changes: Vec<Recorded>, give_up: &CancellationToken) -> Restored {
        let mutations = count_made(&changes);
        if changes.is_empty() {
            return Restored::default();
        }
        let unanswered = changes.iter().any(Recorded::unanswered);
        let mut patience = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE).within(self.lag * IN_USE_LAGS);
        let mut refused = false;
        loop {
            if !self.wait_for_quiet(unanswered, give_up).await {
                let left = vec!["the verification of the restore was interrupted".to_owned()];
                return Restored { mutations, left, ..Restored::default() };
            }
            let look = self.round(changes.clone(), &Stage::UNDONE, false, give_up);
            let round = self.saying(look, "still restoring").await;
            let clean = round.restored.left.is_empty() && !round.worked;
            // What is refused stays refused, unless it waited for something that was undone just now.
            let hopeless = round.refused && refused && !round.worked;
            refused = round.refused;
            if clean || hopeless || give_up.is_cancelled() || (round.in_use && !patience.pause().await) {
                return Restored { mutations, ..round.restored };
            }
        }
    }

    /// Waits until what is described then shows every call of the run, and no call of a killed process is under way; false where it was cut
    /// short.
    async fn wait_for_quiet(&self, unanswered: bool, give_up: &CancellationToken) -> bool {
        let until = self.quiet_at(unanswered);
        let mut said = false;
        loop {
            let now = Clock::real_now();
            if now >= until {
                return true;
            }
            let remaining = until.duration_since(now);
            if !said && remaining > Duration::from_secs(1) {
                said = true;
                let text = format!(
                    "verifying for {:.0} s that everything is restored and stays restored",
                    remaining.as_secs_f64().ceil()
                );
                (self.sink)(Event::Notice { text });
            }
            tokio::select! {
                biased;
                () = tokio::time::sleep(remaining) => {}
                () = give_up.cancelled() => return false,
            }
        }
    }

    fn quiet_at(&self, unanswered: bool) -> Instant {
        let last = self.last_call.get();
        let own = last.map(|last| last + self.lag);
        let before = self.resumed.then_some(self.began + self.lag);
        // Nobody knows when such a call takes effect, only that it was sent before its process died, or before the last call of this one.
        let sent = if self.resumed { Some(self.began) } else { last };
        let under_way = sent.filter(|_| unanswered).map(|sent| sent + self.lag * (IN_FLIGHT_LAGS + 1));
        [own, before, under_way].into_iter().flatten().max().unwrap_or(self.began)
    }

    /// Says that work goes on: a silent program is taken for a dead one and killed.
    async fn saying<T>(&self, work: impl Future<Output = T>, what: &str) -> T {
        let began = Clock::real_now();
        let mut tick = tokio::time::interval_at((began + SAYS_EVERY).into(), SAYS_EVERY);
        let mut work = Box::pin(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                _ = tick.tick() => {
                    let text = format!("{what}, {:.0} s so far", Clock::real_now().duration_since(began).as_secs_f64());
                    (self.sink)(Event::Notice { text });
                }
            }
        }
    }

    /// Undoes what is recorded of some stages, in their order.
    async fn round(
        &self,
        recorded: Vec<Recorded>,
        stages: &[Stage],
        blind: bool,
        give_up: &CancellationToken,
    ) -> Round {
        let mut round = Round::default();
        let work = Undoing { own: self, give_up };
        let mut open = Vec::new();
        for same in same(recorded) {
            if self.regions.contains_key(&same.region) {
                open.push(same);
            } else {
                let left = format!("{} in {}: no client for that Region", same.words(), same.region);
                round.restored.left.push(left);
                round.refused = true;
            }
        }
        work.find_made(&open, &mut round).await;
        for stage in stages {
            // Backwards: what was made last goes first.
            let batch: Vec<&Same> = open.iter().rev().filter(|same| same.action.stage() == *stage).collect();
            let fresh = self.now();
            let calls = batch.into_iter().map(|same| work.undo_one(same, fresh, blind));
            let results: Vec<UndoneChange> = stream::iter(calls).buffered(CALLS_IN_FLIGHT).collect().await;
            self.book(results, &mut round).await;
        }
        round
    }

    async fn book(&self, results: Vec<UndoneChange>, round: &mut Round) {
        let mut reverted = Vec::new();
        for done in results {
            match done.result {
                Ok(undone) => {
                    round.restored.reverted += done.counts;
                    let how = match undone {
                        RevertOutcome::Reverted => {
                            round.worked = true;
                            "reverted".to_owned()
                        }
                        RevertOutcome::NoOp => "nothing to revert".to_owned(),
                        RevertOutcome::ChangedByOthers(found) => {
                            let (region, resource) = (done.region, done.touches);
                            let others = ChangedByOthers { region, resource, found: found.clone() };
                            round.restored.changed_by_others.push(others);
                            found
                        }
                    };
                    reverted.extend(done.ids.into_iter().map(|id| (id, how.clone())));
                }
                Err(error) => {
                    round.in_use |= error.class == ErrorClass::InUse;
                    round.refused |= error.class != ErrorClass::InUse;
                    round.restored.left.push(format!("{} in {}: {error}", done.words, done.region));
                }
            }
        }
        if let Err(error) = self.journal.record_reverts(&reverted).await {
            // Undoing again is harmless, so a journal that cannot be written is no reason to stop.
            round.restored.notes.push(format!("a restored change could not be recorded: {error}"));
        }
    }
}

/// Changes that need a revert. Of what users may change nobody knows whether they did.
fn count_made(recorded: &[Recorded]) -> u32 {
    recorded.iter().filter(|one| !one.refused && one.action.stage() != Stage::Users).count() as u32
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
    /// Whether all that is known says that it needs no undoing.
    over: bool,
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
        let (known, over) = (one.applied.is_some(), one.refused || one.reverted);
        match found.iter_mut().find(|same| same.region == one.region && same.action == one.action) {
            Some(same) => {
                same.ids.push(one.id);
                same.counts += counts;
                same.known |= known;
                same.over &= over;
            }
            None => found.push(Same { ids: vec![one.id], region: one.region, action: one.action, counts, known, over }),
        }
    }
    found
}

struct UndoneChange {
    ids: Vec<u64>,
    counts: u32,
    region: Region,
    touches: String,
    words: String,
    result: Result<RevertOutcome, CloudError>,
}

struct Undoing<'a> {
    own: &'a Executor,
    give_up: &'a CancellationToken,
}

impl Undoing<'_> {
    /// After a crash between call and outcome the journal lacks the ID of what was made; its tags or its name tell, as soon as they are
    /// described.
    async fn find_made(&self, open: &[Same], round: &mut Round) {
        let unknown = |same: &&Same| same.action.change().makes().is_some() && !same.known;
        for same in open.iter().filter(unknown) {
            let look = || async {
                let place = self.own.place(&same.region)?;
                same.action.change().settled(&self.own.context(place, self.own.now())).await
            };
            let found = match self.retry_until(&same.region, look).await {
                Ok(found) => found,
                Err(error) => {
                    let left = format!("{} in {} cannot be described: {error}", same.words(), same.region);
                    round.restored.left.push(left);
                    round.refused = true;
                    continue;
                }
            };
            let place = self.own.regions.get(&same.region);
            if let (Some(RegionState { made, .. }), Some(key), Some(id)) =
                (place, same.action.change().makes(), found.and_then(|applied| applied.id))
            {
                made.put(key, &id);
            }
        }
    }

    async fn undo_one(&self, same: &Same, first: Freshness, blind: bool) -> UndoneChange {
        // What this process itself has undone, and was answered, need not be done again before it is looked at.
        let blind = blind && (self.own.resumed || !same.over);
        let patience = (self.own.lag * STALE_LAGS).max(STALE_PATIENCE);
        let mut outdated = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE).within(patience);
        // The first look may be shared; one after a lost answer or somebody else's change must be fresh.
        let again = AtomicBool::new(false);
        let once = || async {
            let fresh = if again.swap(true, Ordering::Relaxed) { self.own.now() } else { first };
            let whose = (&same.region, &same.action);
            let context = ChangeContext { blind, ..self.own.scene_of(whose, self.own.place(&same.region)?, fresh) };
            same.action.change().undo(&context).await
        };
        let result = loop {
            match self.retry_until(&same.region, once).await {
                Err(error) if is_outdated(&error) && !self.give_up.is_cancelled() && outdated.pause().await => {}
                other => break other,
            }
        };
        let change = same.action.change();
        UndoneChange {
            ids: same.ids.clone(),
            counts: same.counts,
            region: same.region.clone(),
            touches: change.touches(),
            words: same.words(),
            result,
        }
    }

    /// Repeats what is throttled, unclear or out of reach.
    async fn retry_until<T, F, Fut>(&self, region: &Region, make: F) -> Result<T, CloudError>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = Result<T, CloudError>>,
    {
        let (began, mut backoff) = (Clock::real_now(), Backoff::new(FIRST_PAUSE, LONGEST_PAUSE * 2));
        loop {
            let error = match make().await {
                Err(error) if error.is_transient() && !self.give_up.is_cancelled() => error,
                other => return other,
            };
            let Some(wait) = backoff.next_pause() else { return Err(error) };
            // A try without an answer takes as long as the client waits, so that the pauses alone tell too late.
            if wait >= Duration::from_secs(2) || Clock::real_now().duration_since(began) >= SAYS_EVERY {
                let text = format!("still restoring in {region}: {error}; next try in {:.1} s", wait.as_secs_f64());
                (self.own.sink)(Event::Notice { text });
            }
            tokio::select! {
                biased;
                () = tokio::time::sleep(wait) => {}
                () = self.give_up.cancelled() => {}
            }
        }
    }
}

/// The look was out of date, or something was seen to use what it no longer uses.
fn is_outdated(error: &CloudError) -> bool {
    matches!(error.class, ErrorClass::NotFound | ErrorClass::Stale | ErrorClass::InUse)
}
