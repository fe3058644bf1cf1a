//! How far a figure of an unchanged environment moves from run to run by chance alone. The rule, with its reasons, is in docs/trend.md.

use serde::{Deserialize, Serialize};

use super::figure::{Figure, FigureBounds, difference};
use super::record::{RecordedLink, RunRecord};
use crate::measure::{Interval, order_statistic_range};
use crate::model::Milestone;

/// RequestInterval of a health check where a run does not tell it: the longest that Route 53 has, in seconds (Route 53 API reference,
/// HealthCheckConfig).
const LONGEST_INTERVAL_S: f64 = 30.0;
/// From the health check's status to the authoritative servers, in seconds; our own allowance, as in `gameday plan`: Route 53 names no bound.
const PROPAGATION_S: f64 = 5.0;
/// The health check is healthy while more than this share of checkers says so (Route 53 developer guide).
const HEALTHY_PERCENT: u32 = 18;
/// With fewer lags than that their range says too little.
const FEWEST_LAGS: usize = 20;

/// What a run's `run.json` tells of the chain that it went through.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct ChainSettings {
    /// The health check's RequestInterval.
    pub health_check_interval_s: Option<f64>,
    /// How many checkers reported.
    pub checkers: Option<u32>,
    /// The record's TTL.
    pub record_ttl_s: Option<f64>,
    /// How long clients keep an answer themselves: those that keep it least.
    #[serde(alias = "client_cache_least_s")]
    pub client_cache_min_s: f64,
    /// And those that keep it longest.
    #[serde(alias = "client_cache_most_s")]
    pub client_cache_max_s: f64,
    /// The longest time between two logins of one cohort.
    pub login_gap_s: Option<f64>,
    /// From a fault's first turn to its last one.
    pub fault_turns_s: f64,
    /// Between two canary writes.
    pub canary_period_s: f64,
    /// The replication lags before the cut.
    pub replication_lag_s: Option<LagRange>,
}

/// Between the shortest and the longest.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct LagRange {
    /// At least.
    pub lower_s: f64,
    /// At most.
    pub upper_s: f64,
    /// How many there were.
    pub samples: usize,
}

/// How much earlier, and how much later, something could have been by chance, in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Room {
    /// At most so much earlier or shorter.
    pub earlier_s: f64,
    /// At most so much later or longer.
    pub later_s: f64,
}

impl Room {
    /// With its unit: `-16.10 s to +4.40 s`.
    pub fn text(self) -> String {
        difference(-self.earlier_s, Some(self.later_s))
    }

    fn either(range: f64) -> Self {
        Self { earlier_s: range, later_s: range }
    }

    /// Of something that takes between nothing and `longest`, and took `took` here: chance has used up a part of it already.
    fn of_at_most(longest: f64, took: Option<Interval>) -> Self {
        let Some(took) = took else { return Self::either(longest) };
        Self { earlier_s: took.upper.clamp(0.0, longest), later_s: (longest - took.lower.max(0.0)).max(0.0) }
    }

    fn and(self, other: Self) -> Self {
        Self { earlier_s: self.earlier_s + other.earlier_s, later_s: self.later_s + other.later_s }
    }

    /// What explains a difference between two runs. Each could have come out differently, and either one's limits refute that nothing but
    /// chance differs. Of an unchanged environment one run's settings are the other's, too.
    fn between(before: Option<Self>, now: Option<Self>) -> Option<Self> {
        let now = now.map(|now| Self { earlier_s: now.later_s, later_s: now.earlier_s });
        match (before, now) {
            (Some(a), Some(b)) => {
                Some(Self { earlier_s: a.earlier_s.min(b.earlier_s), later_s: a.later_s.min(b.later_s) })
            }
            (one, other) => one.or(other),
        }
    }
}

/// Where in its interval the checker was that tipped the balance: the range of an order statistic.
fn checker_range(settings: &ChainSettings, nth_of: impl Fn(u32) -> u32) -> f64 {
    let interval = settings.health_check_interval_s.unwrap_or(LONGEST_INTERVAL_S);
    let checkers = settings.checkers.unwrap_or(0);
    let (low, high) = order_statistic_range(nth_of(checkers), checkers);
    interval * (high - low)
}

fn to_unhealthy(settings: &ChainSettings) -> Room {
    // The last but as many as may go on saying healthy.
    Room::either(checker_range(settings, |all| all - all * HEALTHY_PERCENT / 100))
}

fn to_healthy(settings: &ChainSettings) -> Room {
    Room::either(checker_range(settings, |all| all * HEALTHY_PERCENT / 100 + 1))
}

impl RunRecord {
    fn took(&self, from: Milestone, to: Milestone) -> Option<Interval> {
        Some(self.milestone(to.as_str())?.since(self.milestone(from.as_str())?))
    }

    /// What chance may have added to or taken from the time between two milestones that follow each other in the chain; nothing where the run
    /// does not tell.
    pub(super) fn room_between(&self, from: Milestone, to: Milestone) -> Option<Room> {
        use Milestone as M;
        let settings = self.natural_variation.as_ref()?;
        let took = self.took(from, to);
        let room = match to {
            M::HealthCheckUnhealthy => to_unhealthy(settings).and(Room::either(settings.fault_turns_s)),
            M::HealthCheckHealthy => to_healthy(settings),
            M::DnsFlipAuthoritative | M::DnsFailbackAuthoritative => Room::of_at_most(PROPAGATION_S, took),
            M::DnsFlipResolver => Room::of_at_most(settings.record_ttl_s?, took),
            // The first login may have come by a resolver that was earlier than the last one.
            M::FirstReplicaLogin => {
                let (gap, ttl) = (settings.login_gap_s?, settings.record_ttl_s?);
                let took = took?;
                Room { earlier_s: took.upper.clamp(0.0, gap) + ttl, later_s: (gap - took.lower).max(0.0) }
            }
            _ => return None,
        };
        Some(room)
    }

    /// From the record's change to users: caches, and who logs in next.
    fn caches_and_users(&self, from: Milestone, to: Milestone, client_cache_s: f64) -> Option<Room> {
        let settings = self.natural_variation.as_ref()?;
        let longest = settings.record_ttl_s? + client_cache_s + settings.login_gap_s?;
        Some(Room::of_at_most(longest, self.took(from, to)))
    }

    fn room(&self, figure: Figure) -> Option<Room> {
        use Milestone as M;
        let settings = self.natural_variation.as_ref()?;
        let (least, longest) = (settings.client_cache_min_s, settings.client_cache_max_s);
        let out = || {
            let checked = self.room_between(M::FaultEffective, M::HealthCheckUnhealthy)?;
            Some(checked.and(self.room_between(M::HealthCheckUnhealthy, M::DnsFlipAuthoritative)?))
        };
        let room = match figure {
            Figure::Detection => self.room_between(M::FaultEffective, M::HealthCheckUnhealthy)?,
            Figure::Dns => self
                .room_between(M::HealthCheckUnhealthy, M::DnsFlipAuthoritative)?
                .and(self.room_between(M::DnsFlipAuthoritative, M::DnsFlipResolver)?),
            // Users were there before the record: they need none of it.
            Figure::Rto if self.took(M::DnsFlipAuthoritative, M::FirstReplicaLogin).is_some_and(|t| t.upper < 0.0) => {
                Room::either(settings.login_gap_s?)
            }
            Figure::Rto => out()?.and(self.caches_and_users(M::DnsFlipAuthoritative, M::FirstReplicaLogin, least)?),
            Figure::SustainedRto => {
                out()?.and(self.caches_and_users(M::DnsFlipAuthoritative, M::ReplicaSustained, longest)?)
            }
            Figure::Failback => self
                .room_between(M::FaultReverted, M::HealthCheckHealthy)?
                .and(self.room_between(M::HealthCheckHealthy, M::DnsFailbackAuthoritative)?)
                .and(self.caches_and_users(M::DnsFailbackAuthoritative, M::FirstPrimaryLoginAfterFailback, least)?),
            Figure::Rpo => {
                let lag = settings.replication_lag_s.filter(|lag| lag.samples >= FEWEST_LAGS)?;
                Room::either(lag.upper_s - lag.lower_s + settings.canary_period_s)
            }
        };
        Some(room)
    }

    /// How long something was waited for that was not reached, in seconds after the cut or after the heal.
    fn waited(&self, figure: Figure) -> Option<f64> {
        let end = |name: &str| self.phases.iter().find(|phase| phase.name == name)?.ended_at;
        let since = |from, to: jiff::Timestamp| to.duration_since(from).as_secs_f64();
        match figure {
            Figure::Failback => {
                let reverted = self.milestone(Milestone::FaultReverted.as_str())?.upper;
                Some(since(self.zero_at?, end("failback")?) - reverted)
            }
            Figure::Rpo => None,
            _ => {
                let effective = self.milestone(Milestone::FaultEffective.as_str()).map_or(0.0, |at| at.upper);
                Some(since(self.zero_at?, end("outage")?) - effective)
            }
        }
    }
}

impl Figure {
    /// How much earlier and later the second run's figure may be by chance; nothing where the runs do not tell.
    pub(super) fn chance(self, before: &RunRecord, now: &RunRecord) -> Option<Room> {
        let (before, now) = (before.room(self), now.room(self));
        match (self, before, now) {
            // A range of samples is no limit as those of the chain are, so the wider one counts.
            (Self::Rpo, Some(a), Some(b)) => Some(if a.later_s > b.later_s { a } else { b }),
            _ => Room::between(before, now),
        }
    }

    /// What is known of a run's figure that was not reached: it is longer than it was waited for.
    pub(super) fn unreached(self, run: &RunRecord) -> Option<FigureBounds> {
        run.waited(self).filter(|waited| *waited > 0.0).map(|lower_s| FigureBounds { lower_s, upper_s: None })
    }

    /// As [`Figure::chance`], where the other run did not reach it.
    pub(super) fn chance_alone(self, run: &RunRecord) -> Option<Room> {
        run.room(self)
    }
}

/// As [`Figure::chance`], for a link of the chain.
pub(super) fn link_chance(before: &RunRecord, now: &RunRecord, link: &RecordedLink) -> Option<Room> {
    let milestone = |name: &str| Milestone::ALL.into_iter().find(|milestone| milestone.as_str() == name);
    let (from, to) = (milestone(&link.from)?, milestone(&link.to)?);
    Room::between(before.room_between(from, to), now.room_between(from, to))
}
