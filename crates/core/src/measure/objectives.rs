use std::time::Duration;

use super::confidence::{clopper_pearson_95, least_for};
use super::harness::Stalls;
use super::interval::{Interval, seconds_between, to_nanos};
use super::logins::{Group, Logins};
use super::milestones::{BeforeCut, due_in, last_not_at_replica};
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
    /// The share that was observed; nothing for times.
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
    pub before: &'a dyn Fn(Milestone) -> BeforeCut,
    pub stalls: &'a Stalls,
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
        let demand = format!("from {} to {}", from.as_str(), to.as_str());
        if let Some(reason) = self.so_before(&[from, to]) {
            return time_result(name, demand, target, ObjectiveBounds::default(), Some(reason));
        }
        let (start, end) = ((self.at)(from), (self.at)(to));
        let (seen, missed, reason) = match (start, end) {
            (Some(start), Some(end)) => {
                (ObjectiveBounds::of(end.since(start).at_least_zero()), self.missed(start.lower, end.upper), None)
            }
            (None, _) => {
                let why = format!("{} was not reached, so the time has no start", from.as_str());
                (ObjectiveBounds::default(), 0.0, Some(why))
            }
            (Some(start), None) => {
                let waited = self.waited(start, to);
                let why = match waited {
                    Some(_) => format!("{} was not reached while the run waited", to.as_str()),
                    None if self.progress.passed(due_in(to)) => {
                        format!("no observation shows whether {} was reached", to.as_str())
                    }
                    None => format!("the run ended before {} was expected", to.as_str()),
                };
                let missed = waited.map_or(0.0, |waited| self.missed(start.lower, start.upper + waited));
                (ObjectiveBounds { lower: waited, upper: None }, missed, Some(why))
            }
        };
        unsure_by(missed, seen, time_result(name, demand, target, seen.wider(missed), reason))
    }

    /// Why nothing is told by milestones of which one was reached before the cut, or may have been.
    fn so_before(&self, milestones: &[Milestone]) -> Option<String> {
        // Who was at the replica before the cut did not come back from there because of it.
        let needs = |milestone: &Milestone| match milestone {
            Milestone::FirstPrimaryLoginAfterFailback => Milestone::FirstReplicaLogin,
            other => *other,
        };
        milestones.iter().map(needs).find_map(|milestone| match (self.before)(milestone) {
            BeforeCut::No => None,
            BeforeCut::Already => Some(format!("{} was already so before the fault", milestone.as_str())),
            BeforeCut::Unseen => Some(format!(
                "no observation shortly before the fault shows that {} was not already so",
                milestone.as_str()
            )),
        })
    }

    /// What the runner missed between two moments in seconds after the cut.
    fn missed(&self, from: f64, to: f64) -> f64 {
        self.line.zero.map_or(0.0, |zero| self.stalls.within(zero, from, to))
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
        let seen = self
            .rpo
            .map_or(ObjectiveBounds::default(), |rpo| ObjectiveBounds { lower: Some(rpo.lower_s), upper: rpo.upper_s });
        let reason = match self.rpo {
            None => self
                .so_before(&[Milestone::FaultEffective])
                .or_else(|| Some("there were no canary writes, or the time of the fault is not known".to_owned())),
            Some(rpo) if rpo.upper_s.is_none() => Some("no canary was seen at the replica before the fault".to_owned()),
            Some(_) => None,
        };
        let demand = "data-loss window when the fault became effective".to_owned();
        let fault = (self.at)(Milestone::FaultEffective);
        let lost = self.rpo.map_or(0.0, |rpo| rpo.upper_s.unwrap_or(rpo.lower_s));
        let missed = fault.map_or(0.0, |fault| self.missed(fault.lower - lost, fault.upper));
        unsure_by(missed, seen, time_result("rpo", demand, target, seen.wider(missed), reason))
    }

    fn success_rate(&self, name: String, role: RegionRole, phase: Phase, at_least: Percent) -> ObjectiveResult {
        let region = (self.region_of)(role);
        let all = self.logins.by_phase.get(&phase).copied().unwrap_or_default();
        let served = self.logins.by_phase_and_region.get(&(phase, Some(region)));
        let part = served.map_or(0, |group: &Group| group.succeeded);
        let demand = format!("logins of the {} phase that succeed at the {}", phase.as_str(), role.as_str());
        let share = ShareBounds {
            part,
            of: all.attempted,
            // Without the runner's failures these might all have succeeded there, or none of them.
            least: (part, all.attempted + all.harness_failed),
            most: (part + all.in_doubt + all.harness_failed, all.attempted + all.harness_failed),
            unit: Unit::Share,
            nobody: "no login ended in the phase",
        };
        self.share(name, demand, at_least, phase, &share)
    }

    fn throttled_share(&self, name: String, role: RegionRole, phase: Phase, at_most: Percent) -> ObjectiveResult {
        let asked = self.logins.by_phase_and_region.get(&(phase, Some((self.region_of)(role))));
        let asked = asked.copied().unwrap_or_default();
        // Of those that the runner could not make it is not known where they would have gone.
        let lost = self.logins.by_phase.get(&phase).map_or(0, |group| group.harness_failed);
        let (throttled, attempted) = (asked.throttled, asked.attempted);
        let demand = format!("logins of the {} phase at the {} that are throttled", phase.as_str(), role.as_str());
        let nobody = "no login reached the Region in the phase";
        let share = ShareBounds {
            part: throttled,
            of: attempted,
            least: (throttled, attempted + lost),
            most: (throttled + lost, attempted + lost),
            unit: Unit::CappedShare,
            nobody,
        };
        self.share(name, demand, at_most, phase, &share)
    }

    fn sessions_kept(&self, at_least: Percent) -> ObjectiveResult {
        let outcomes = self.sessions.map(|sessions| sessions.all).unwrap_or_default();
        let demand = "sessions opened before the fault in which no call was refused".to_owned();
        let (part, of) = (outcomes.kept, outcomes.opened);
        let share = ShareBounds {
            part,
            of,
            least: (part, of),
            most: (part, of),
            unit: Unit::Share,
            nobody: "no session was opened",
        };
        self.share("sessions_kept".to_owned(), demand, at_least, Phase::Failback, &share)
    }

    /// Judged by its bounds, once the phase was run to its end: what so few logins show by chance is no proof.
    fn share(
        &self,
        name: String,
        demand: String,
        target: Percent,
        phase: Phase,
        share: &ShareBounds,
    ) -> ObjectiveResult {
        // What the runner itself failed may have been anything.
        let lower = clopper_pearson_95(share.least.0, share.least.1).map(|(lower, _)| lower);
        let upper = clopper_pearson_95(share.most.0, share.most.1).map(|(_, upper)| upper);
        let verdict = match (lower, upper) {
            _ if !self.progress.completed(phase) => Verdict::Inconclusive,
            (None, _) | (_, None) => Verdict::Missed,
            (Some(lower), Some(upper)) => match share.unit {
                Unit::CappedShare if upper <= target.0 => Verdict::Met,
                Unit::CappedShare if lower > target.0 => Verdict::Missed,
                Unit::Share if lower >= target.0 => Verdict::Met,
                Unit::Share if upper < target.0 => Verdict::Missed,
                _ => Verdict::Inconclusive,
            },
        };
        let reason = match verdict {
            _ if !self.progress.completed(phase) => Some(format!("the {} phase was not completed", phase.as_str())),
            Verdict::Missed if lower.is_none() => Some(share.nobody.to_owned()),
            Verdict::Inconclusive => Some(share.open(target.0)),
            _ => None,
        };
        let observed = (share.of > 0).then(|| share.part as f64 / share.of as f64);
        ObjectiveResult { name, demand, target: target.0, unit: share.unit, lower, upper, observed, verdict, reason }
    }
}

/// A share, and what is to be said where there is none.
struct ShareBounds {
    part: u64,
    of: u64,
    /// The least and the most that it may be in truth, with what the runner itself failed.
    least: (u64, u64),
    most: (u64, u64),
    unit: Unit,
    nobody: &'static str,
}

impl ShareBounds {
    /// Why it is open whether the target holds.
    fn open(&self, target: f64) -> String {
        let lost = (self.most.0 - self.least.0).max(self.most.1 - self.of);
        if lost > 0 {
            return format!("{lost} logins may have failed in the runner itself, so the result is open");
        }
        let share = if self.unit == Unit::CappedShare { 1.0 - target } else { target };
        let needed = least_for(share).filter(|needed| *needed > self.of);
        match needed {
            Some(needed) => format!("{} are too few to prove it: at least {needed} are needed", self.of),
            None => format!("the target lies within the bounds that {} of them give", self.of),
        }
    }
}

/// Objectives of one Region are told apart by phase, where there are several.
fn phased(name: String, phase: Phase, several: usize) -> String {
    if several > 1 { format!("{name}_{}", phase.as_str()) } else { name }
}

/// Says so where what the runner missed leaves open what would be sure without it.
fn unsure_by(missed: f64, seen: ObjectiveBounds, result: ObjectiveResult) -> ObjectiveResult {
    let sure = verdict(seen, result.target) != Verdict::Inconclusive;
    let reason = (sure && result.verdict == Verdict::Inconclusive)
        .then(|| format!("the runner stalled for {missed:.1} s of that time, so the result is open"));
    ObjectiveResult { reason: reason.or(result.reason), ..result }
}

/// Between what a time lies, in seconds, as far as is known.
#[derive(Debug, Clone, Copy, Default)]
struct ObjectiveBounds {
    lower: Option<f64>,
    upper: Option<f64>,
}

impl ObjectiveBounds {
    fn of(at: Interval) -> Self {
        Self { lower: Some(at.lower), upper: Some(at.upper) }
    }

    fn wider(self, by: f64) -> Self {
        let lower = self.lower.map(|lower| to_nanos(lower - by).max(0.0));
        Self { lower, upper: self.upper.map(|upper| to_nanos(upper + by)) }
    }
}

fn verdict(ObjectiveBounds { lower, upper }: ObjectiveBounds, target: f64) -> Verdict {
    match (lower, upper) {
        (_, Some(upper)) if upper <= target => Verdict::Met,
        (Some(lower), _) if lower > target => Verdict::Missed,
        _ => Verdict::Inconclusive,
    }
}

fn time_result(
    name: &str,
    demand: String,
    target: Duration,
    bounds: ObjectiveBounds,
    reason: Option<String>,
) -> ObjectiveResult {
    let (target, ObjectiveBounds { lower, upper }) = (target.as_secs_f64(), bounds);
    let (name, unit, observed, verdict) = (name.to_owned(), Unit::Seconds, None, verdict(bounds, target));
    ObjectiveResult { name, demand, target, unit, lower, upper, observed, verdict, reason }
}
