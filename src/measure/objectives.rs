use std::time::Duration;

use super::confidence::clopper_pearson_95;
use super::interval::{Interval, seconds_between, to_nanos};
use super::logins::{Group, Logins};
use super::milestones::{due_in, last_not_at_replica};
use super::phases::Progress;
use super::rpo::Rpo;
use super::sessions::Sessions;
use super::timeline::Timeline;
use crate::model::{Milestone, Percent, Phase, Region, RegionRole};
use crate::scenario::Objective;

/// Whether an objective holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Whatever the truth within the bounds.
    Met,
    /// Missed, whatever the truth within the bounds.
    Missed,
    /// The target lies inside the bounds, or the run did not get so far.
    Inconclusive,
}

impl Verdict {
    /// The name in files and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Missed => "missed",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// What an objective's numbers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Seconds of scenario time; at most the target is good.
    Seconds,
    /// A share from 0 to 1; at least the target is good.
    Share,
    /// A share from 0 to 1; at most the target is good.
    CappedShare,
}

impl Unit {
    /// The name in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::Share | Self::CappedShare => "share",
        }
    }

    /// Which side of the target is good, as files have it.
    pub fn bound(self) -> &'static str {
        match self {
            Self::Seconds | Self::CappedShare => "at_most",
            Self::Share => "at_least",
        }
    }
}

/// An objective and what came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectiveResult {
    /// As `rto`, or `replica_success_rate`.
    pub name: String,
    /// What it demands, in words.
    pub demand: String,
    /// In [`ObjectiveResult::unit`].
    pub target: f64,
    /// What the numbers are.
    pub unit: Unit,
    /// Certainly at least so much; for a share, the lower end of Clopper and Pearson's 95 % interval.
    pub lower: Option<f64>,
    /// Certainly at most so much; for a share, the upper end of Clopper and Pearson's 95 % interval.
    pub upper: Option<f64>,
    /// The share that was observed, which decides; nothing for times.
    pub observed: Option<f64>,
    /// Whether it holds.
    pub verdict: Verdict,
    /// Why, where the bounds alone do not tell.
    pub reason: Option<String>,
}

/// What objectives are judged by.
pub(super) struct Evidence<'a> {
    pub line: &'a Timeline<'a>,
    pub progress: &'a Progress,
    pub logins: &'a Logins,
    pub rpo: Option<&'a Rpo>,
    pub sessions: Option<&'a Sessions>,
    pub region_of: &'a dyn Fn(RegionRole) -> Region,
    pub at: &'a dyn Fn(Milestone) -> Option<Interval>,
}

pub(super) fn objectives(all: &[Objective], evidence: &Evidence<'_>) -> Vec<ObjectiveResult> {
    all.iter().map(|objective| evidence.judge(objective, all)).collect()
}

impl Evidence<'_> {
    fn judge(&self, objective: &Objective, all: &[Objective]) -> ObjectiveResult {
        use Milestone as M;
        match objective {
            Objective::Detection { at_most } => {
                self.time("detection", at_most.0, M::FaultEffective, M::HealthCheckUnhealthy)
            }
            Objective::Rto { at_most } => self.time("rto", at_most.0, M::FaultEffective, M::FirstReplicaLogin),
            Objective::SustainedRto { at_most } => {
                self.time("sustained_rto", at_most.0, M::FaultEffective, M::ReplicaSustained)
            }
            Objective::Failback { at_most } => {
                self.time("failback", at_most.0, M::FaultReverted, M::FirstPrimaryLoginAfterFailback)
            }
            Objective::Rpo { at_most } => self.data_loss(at_most.0),
            Objective::SuccessRate { region, phase, at_least } => {
                let same =
                    |o: &&Objective| matches!(o, Objective::SuccessRate { region: other, .. } if other == region);
                let name = phased(format!("{}_success_rate", region.as_str()), *phase, all.iter().filter(same).count());
                self.success_rate(name, *region, *phase, *at_least)
            }
            Objective::ThrottledShare { region, phase, at_most } => {
                let same =
                    |o: &&Objective| matches!(o, Objective::ThrottledShare { region: other, .. } if other == region);
                let name =
                    phased(format!("{}_throttled_share", region.as_str()), *phase, all.iter().filter(same).count());
                self.throttled_share(name, *region, *phase, *at_most)
            }
            Objective::SessionsKept { at_least } => self.sessions_kept(*at_least),
        }
    }

    fn time(&self, name: &str, target: Duration, from: Milestone, to: Milestone) -> ObjectiveResult {
        let (start, end) = ((self.at)(from), (self.at)(to));
        let (lower, upper, reason) = match (start, end) {
            (Some(start), Some(end)) => {
                let took = end.since(start).at_least_zero();
                (Some(took.lower), Some(took.upper), None)
            }
            (None, _) => {
                (None, None, Some(format!("{} was not reached, so there is nothing to count from", from.as_str())))
            }
            (Some(start), None) => {
                let waited = self.waited(start, to);
                let why = match waited {
                    Some(_) => format!("{} was not reached as long as it was waited for", to.as_str()),
                    None if self.progress.passed(due_in(to)) => {
                        format!("nothing that was seen tells whether {} was reached", to.as_str())
                    }
                    None => format!("the run ended before {} could be expected", to.as_str()),
                };
                (waited, None, Some(why))
            }
        };
        let demand = format!("from {} to {}", from.as_str(), to.as_str());
        time_result(name, demand, target, lower, upper, reason)
    }

    /// How long it was waited after `start` and `to` was certainly not there, at least, where the phase was run to its own end.
    fn waited(&self, start: Interval, to: Milestone) -> Option<f64> {
        let (zero, phase) = (self.line.zero?, due_in(to));
        // What should happen in the outage may still happen in the hold: it was waited until the heal.
        let until = if phase < Phase::Restore { self.line.heal } else { None };
        let until = until.or_else(|| self.progress.end_of(phase))?;
        // Nothing is known of the time after the last look that saw the old state.
        let until = match to {
            Milestone::HealthCheckUnhealthy => {
                let well = self.line.health.iter().filter(|h| h.healthy && self.line.before_heal(h.window.sent));
                until.min(well.map(|h| h.window.sent).max()?)
            }
            Milestone::ReplicaSustained => until.min(last_not_at_replica(self.line)?),
            _ => until,
        };
        let waited = to_nanos(seconds_between(zero, until) - start.upper).max(0.0);
        self.progress.passed(phase).then_some(waited)
    }

    fn data_loss(&self, target: Duration) -> ObjectiveResult {
        let (lower, upper) = self.rpo.map_or((None, None), |rpo| (Some(rpo.lower_s), rpo.upper_s));
        let reason = match self.rpo {
            None => Some("no canary writes, or the fault's moment is not known".to_owned()),
            Some(rpo) if rpo.upper_s.is_none() => Some("no canary was seen at the replica before the fault".to_owned()),
            Some(_) => None,
        };
        let demand = "data-loss window when the fault became effective".to_owned();
        time_result("rpo", demand, target, lower, upper, reason)
    }

    fn success_rate(&self, name: String, role: RegionRole, phase: Phase, at_least: Percent) -> ObjectiveResult {
        let region = (self.region_of)(role);
        let attempted = self.logins.by_phase.get(&phase).map_or(0, |group| group.attempted);
        let served = self.logins.by_phase_and_region.get(&(phase, Some(region)));
        let succeeded = served.map_or(0, |group: &Group| group.succeeded);
        let demand = format!("share of the {} phase's logins that succeed at the {}", phase.as_str(), role.as_str());
        let share = Share { part: succeeded, of: attempted, unit: Unit::Share, nobody: "no login ended in the phase" };
        self.share(name, demand, at_least, phase, &share)
    }

    fn throttled_share(&self, name: String, role: RegionRole, phase: Phase, at_most: Percent) -> ObjectiveResult {
        let asked = self.logins.by_phase_and_region.get(&(phase, Some((self.region_of)(role))));
        let (throttled, attempted) = asked.map_or((0, 0), |group| (group.throttled, group.attempted));
        let demand =
            format!("share of the {} phase's logins at the {} that are throttled", phase.as_str(), role.as_str());
        let nobody = "no login of the phase reached the Region";
        let share = Share { part: throttled, of: attempted, unit: Unit::CappedShare, nobody };
        self.share(name, demand, at_most, phase, &share)
    }

    fn sessions_kept(&self, at_least: Percent) -> ObjectiveResult {
        let fates = self.sessions.map(|sessions| sessions.all).unwrap_or_default();
        let demand = "share of the sessions opened before the fault that are never refused anything".to_owned();
        let share = Share { part: fates.kept, of: fates.opened, unit: Unit::Share, nobody: "no session was opened" };
        self.share("sessions_kept".to_owned(), demand, at_least, Phase::Failback, &share)
    }

    /// Judged as observed, once the phase was run to its end.
    fn share(&self, name: String, demand: String, target: Percent, phase: Phase, share: &Share) -> ObjectiveResult {
        let observed = (share.of > 0).then(|| share.part as f64 / share.of as f64);
        let good = |observed: f64| if share.unit == Unit::Share { observed >= target.0 } else { observed <= target.0 };
        let (verdict, reason) = match observed {
            _ if !self.progress.completed(phase) => {
                (Verdict::Inconclusive, Some(format!("the {} phase was not run to its end", phase.as_str())))
            }
            None => (Verdict::Missed, Some(share.nobody.to_owned())),
            Some(observed) if good(observed) => (Verdict::Met, None),
            Some(_) => (Verdict::Missed, None),
        };
        let bounds = clopper_pearson_95(share.part, share.of);
        ObjectiveResult {
            name,
            demand,
            target: target.0,
            unit: share.unit,
            lower: bounds.map(|(lower, _)| lower),
            upper: bounds.map(|(_, upper)| upper),
            observed,
            verdict,
            reason,
        }
    }
}

/// A share, and what is to be said where there is none.
struct Share {
    part: u64,
    of: u64,
    unit: Unit,
    nobody: &'static str,
}

/// Objectives of one Region are told apart by phase, where there are several.
fn phased(name: String, phase: Phase, several: usize) -> String {
    if several > 1 { format!("{name}_{}", phase.as_str()) } else { name }
}

fn time_result(
    name: &str,
    demand: String,
    target: Duration,
    lower: Option<f64>,
    upper: Option<f64>,
    reason: Option<String>,
) -> ObjectiveResult {
    let target = target.as_secs_f64();
    let verdict = match (lower, upper) {
        (_, Some(upper)) if upper <= target => Verdict::Met,
        (Some(lower), _) if lower > target => Verdict::Missed,
        _ => Verdict::Inconclusive,
    };
    let (name, unit, observed) = (name.to_owned(), Unit::Seconds, None);
    ObjectiveResult { name, demand, target, unit, lower, upper, observed, verdict, reason }
}
