//! Ground truth: what really happened in the lab, and when. The difference between a report and
//! this is the instrument's error.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use gameday_core::model::{Draw, Milestone, RegionRole, TRUTH_VERSION, TrueMilestone, TrueRpo, TruthReport};

/// Something that happened in the lab.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fact {
    /// Packets vanish at every front door of the primary, from here on.
    PathsDown,
    /// Packets pass at every front door of the primary, from here on.
    PathsUp,
    /// The health check's status changed.
    Health {
        /// More than 18 % of the checkers say healthy.
        healthy: bool,
    },
    /// Every authoritative server gives that Region, from here on.
    Authoritative(RegionRole),
    /// The resolver gives that Region, from here on.
    Resolver(RegionRole),
    /// A protected API accepted a token that this Region had issued for a sign-in.
    Accepted(RegionRole),
}

/// Draws of one kind that are kept: a lab may run for days.
const DRAWS_KEPT: usize = 1000;

/// How long a write that has reached the replica is remembered: a cut is noted at its moment, but a little later.
const REMEMBERED: SignedDuration = SignedDuration::from_mins(1);

/// Collects facts in the order in which they happen, and draws.
#[derive(Debug, Default)]
pub(crate) struct Truth {
    facts: Mutex<Vec<(Fact, Timestamp)>>,
    draws: Mutex<BTreeMap<Draw, Vec<f64>>>,
    writes: Mutex<Writes>,
}

/// Writes at the primary.
#[derive(Debug, Default)]
struct Writes {
    /// When they were made, and when they reach the replica; those that have reached it long ago are forgotten.
    on_their_way: Vec<(Timestamp, Timestamp)>,
    /// What each cut would have lost.
    at_cuts: Vec<(Timestamp, TrueRpo)>,
}

impl Truth {
    /// Notes a fact. Acceptances after the first at the same Region, with nothing else in between, say nothing new.
    pub(crate) fn note(&self, fact: Fact, at: Timestamp) {
        let mut facts = lock(&self.facts);
        if matches!(fact, Fact::Accepted(_)) {
            let epoch = facts.iter().rev().take_while(|(seen, _)| matches!(seen, Fact::Accepted(_)));
            if epoch.into_iter().any(|(seen, _)| *seen == fact) {
                return;
            }
        }
        if fact == Fact::PathsDown {
            lock(&self.writes).cut(at);
        }
        facts.push((fact, at));
    }

    /// Notes that the resolver was found to lead to a Region. It has since its authoritative servers do, and since what it kept ran out; where they were
    /// not all of one mind yet, since it asked.
    pub(crate) fn leads_to(&self, role: RegionRole, expired: Option<Timestamp>, now: Timestamp) {
        let mut facts = lock(&self.facts);
        let given = facts.iter().rev().find(|(fact, _)| matches!(fact, Fact::Authoritative(_)));
        let since = given.filter(|(fact, _)| *fact == Fact::Authoritative(role)).map(|(_, at)| *at);
        let at = since.map_or(now, |since| since.max(expired.unwrap_or(since)).min(now));
        facts.push((Fact::Resolver(role), at));
    }

    /// Notes a write at the primary, and when it reaches the replica.
    pub(crate) fn wrote(&self, at: Timestamp, due: Timestamp) {
        let mut writes = lock(&self.writes);
        writes.on_their_way.retain(|(_, due)| at.duration_since(*due) < REMEMBERED);
        writes.on_their_way.push((at, due));
    }

    /// Notes what was drawn.
    pub(crate) fn drew(&self, draw: Draw, value: f64) {
        let mut draws = lock(&self.draws);
        let kept = draws.entry(draw).or_default();
        if kept.len() < DRAWS_KEPT {
            kept.push(value);
        }
    }

    /// The draws, and the milestones of the faults after `zero_at`, or of all of them.
    pub(crate) fn report(&self, zero_at: Option<Timestamp>) -> TruthReport {
        let facts = lock(&self.facts);
        let first = |after: Option<Timestamp>, wanted: Fact| {
            let after = after?;
            facts.iter().find(|(fact, at)| *fact == wanted && *at >= after).map(|(_, at)| *at)
        };
        let start = zero_at.or_else(|| facts.first().map(|(_, at)| *at));
        let down = first(start, Fact::PathsDown);
        // A flapping fault is over with its last turn.
        let last_down = facts.iter().rev().find(|(fact, at)| *fact == Fact::PathsDown && Some(*at) >= down);
        let up = first(down.and(last_down.map(|(_, at)| *at)), Fact::PathsUp);
        // A health check that is inverted takes no path down: what follows counts from its flip, also where paths go down later.
        let began = [down, first(start, Fact::Health { healthy: false })].into_iter().flatten().min();
        let last_ill =
            facts.iter().rev().find(|(fact, at)| *fact == Fact::Health { healthy: false } && Some(*at) >= began);
        let ended =
            if down.is_some() { up } else { first(last_ill.map(|(_, at)| *at), Fact::Health { healthy: true }) };
        let resolver = first(began, Fact::Resolver(RegionRole::Replica));
        // A fault in turns may move users more than once; they stay from the last time on.
        let stayed = began.and_then(|began| {
            let moved = |(fact, at): &&(Fact, Timestamp)| {
                *fact == Fact::Resolver(RegionRole::Replica) && *at >= began && ended.is_none_or(|ended| *at < ended)
            };
            facts.iter().rev().find(moved).map(|(_, at)| *at)
        });
        // From when on a sign-in there would have succeeded: since the resolver leads there, whoever asks, if it serves at all. Clients that need not be led
        // show that it does at the latest when one of them gets in.
        let possible = |after, role| {
            let accepted = first(after, Fact::Accepted(role))?;
            Some(first(after, Fact::Resolver(role)).map_or(accepted, |led| led.min(accepted)))
        };
        // Where the record goes back and is moved again, it was not back yet.
        let back = ended.and_then(|ended| {
            let mut flips = facts.iter().filter(|(fact, at)| matches!(fact, Fact::Authoritative(_)) && *at >= ended);
            flips.next_back().filter(|(fact, _)| *fact == Fact::Authoritative(RegionRole::Primary)).map(|(_, at)| *at)
        });
        let found = [
            (Milestone::FaultEffective, down),
            (Milestone::HealthCheckUnhealthy, first(began, Fact::Health { healthy: false })),
            (Milestone::DnsFlipAuthoritative, first(began, Fact::Authoritative(RegionRole::Replica))),
            (Milestone::DnsFlipResolver, resolver),
            (Milestone::FirstReplicaLogin, possible(began, RegionRole::Replica)),
            // The resolver's cache is the last place in the lab that leads to the primary.
            (Milestone::ReplicaSustained, stayed.or(resolver)),
            (Milestone::FaultReverted, up),
            (Milestone::HealthCheckHealthy, first(ended, Fact::Health { healthy: true })),
            (Milestone::DnsFailbackAuthoritative, back),
            (Milestone::FirstPrimaryLoginAfterFailback, possible(ended, RegionRole::Primary)),
        ];
        let milestones = found
            .into_iter()
            .filter_map(|(name, at)| {
                let at = at?;
                let at_s = zero_at.map(|zero| at.duration_since(zero).as_secs_f64());
                Some(TrueMilestone { name, at, at_s })
            })
            .collect();
        let writes = lock(&self.writes);
        let rpo = writes.at_cuts.iter().find(|(at, _)| Some(*at) == down).map(|(_, rpo)| *rpo);
        TruthReport { schema_version: TRUTH_VERSION, milestones, draws: lock(&self.draws).clone(), rpo }
    }
}

impl Writes {
    /// Notes what a cut at that moment would lose.
    fn cut(&mut self, cut: Timestamp) {
        // Before the first write there is nothing to tell.
        if self.on_their_way.is_empty() {
            return;
        }
        let lost: Vec<Timestamp> =
            self.on_their_way.iter().filter(|(at, due)| *at <= cut && *due > cut).map(|(at, _)| *at).collect();
        let age_s = lost.iter().min().map_or(0.0, |oldest| cut.duration_since(*oldest).as_secs_f64());
        self.at_cuts.push((cut, TrueRpo { age_s, writes_lost: lost.len() as u64 }));
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a report says of these facts, each so many seconds after the beginning.
    fn report(facts: &[(Fact, i64)]) -> impl Fn(Milestone) -> Option<f64> {
        let (truth, at) = (Truth::default(), |second: i64| Timestamp::from_second(1_800_000_000 + second).unwrap());
        for (fact, second) in facts {
            truth.note(*fact, at(*second));
        }
        let report = truth.report(Some(at(0)));
        move |name| report.milestones.iter().find(|one| one.name == name).and_then(|one| one.at_s)
    }

    #[test]
    fn a_flip_counts_from_an_inverted_health_check_though_paths_go_down_later() {
        let of = report(&[
            (Fact::Health { healthy: false }, 1),
            (Fact::Authoritative(RegionRole::Replica), 2),
            (Fact::Resolver(RegionRole::Replica), 4),
            (Fact::Accepted(RegionRole::Replica), 5),
            (Fact::PathsDown, 30),
            (Fact::Accepted(RegionRole::Replica), 32),
            (Fact::PathsUp, 60),
        ]);
        assert_eq!(of(Milestone::FirstReplicaLogin), Some(4.0));
        assert_eq!(of(Milestone::HealthCheckUnhealthy), Some(1.0));
        assert_eq!(of(Milestone::FaultEffective), Some(30.0));
    }

    #[test]
    fn users_who_are_moved_twice_stay_from_the_second_time_on() {
        let turn = |from| {
            [
                (Fact::Health { healthy: false }, from),
                (Fact::Resolver(RegionRole::Replica), from + 1),
                (Fact::Health { healthy: true }, from + 8),
                (Fact::Resolver(RegionRole::Primary), from + 9),
            ]
        };
        let facts = [turn(1), turn(20)].concat();
        let of = report(&facts);
        assert_eq!(of(Milestone::ReplicaSustained), Some(21.0));
        assert_eq!(of(Milestone::DnsFlipResolver), Some(2.0));
        assert_eq!(of(Milestone::HealthCheckHealthy), Some(28.0));
    }

    #[test]
    fn a_record_that_is_moved_again_was_not_back() {
        let of = report(&[
            (Fact::PathsDown, 0),
            (Fact::Health { healthy: false }, 5),
            (Fact::Authoritative(RegionRole::Replica), 6),
            (Fact::PathsUp, 30),
            (Fact::Authoritative(RegionRole::Primary), 31),
            (Fact::Authoritative(RegionRole::Replica), 33),
            (Fact::Health { healthy: true }, 50),
            (Fact::Authoritative(RegionRole::Primary), 51),
        ]);
        assert_eq!(of(Milestone::DnsFailbackAuthoritative), Some(51.0));
        assert_eq!(of(Milestone::HealthCheckHealthy), Some(50.0));
    }
}
