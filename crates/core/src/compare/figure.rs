use serde::Serialize;

use super::chance::Room;
use super::record::RunRecord;
use crate::measure::Interval;
use crate::model::Milestone;
use crate::report::{seconds, seconds_down, span_s};

/// What is compared between runs, in seconds; less is better in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// From the fault until the health check is unhealthy.
    Detection,
    /// From there until the resolvers answer with the replica, their caches included.
    Dns,
    /// From the fault to the first login at the replica.
    Rto,
    /// From the fault to the moment from which logins go on succeeding.
    SustainedRto,
    /// From the removal of the fault to the first login at the primary.
    Failback,
    /// How much would have been lost.
    Rpo,
}

impl Figure {
    /// In the order of a report.
    pub const ALL: [Self; 6] = [Self::Rto, Self::SustainedRto, Self::Detection, Self::Dns, Self::Failback, Self::Rpo];

    /// For people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Detection => "Detection",
            Self::Dns => "DNS propagation",
            Self::Rto => "RTO",
            Self::SustainedRto => "Sustained RTO",
            Self::Failback => "Failback",
            Self::Rpo => "RPO",
        }
    }

    /// What it is, for people.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Detection => "from the fault until the health check reports unhealthy",
            Self::Dns => "from the unhealthy health check until every resolver answers with the replica",
            Self::Rto => "from the fault until the first login at the replica",
            Self::SustainedRto => "from the fault until every login at the replica succeeds",
            Self::Failback => "from the removal of the fault until the first login at the primary",
            Self::Rpo => "age of the writes that would have been lost",
        }
    }

    /// For a table, where a run has none.
    pub fn absent(self) -> &'static str {
        match self {
            // Its bounds come from canary writes, and a run may make none.
            Self::Rpo => "not measured",
            _ => "not reached",
        }
    }

    /// What the second run's figure means compared with the first one's. A missing figure says something only if the run waited for it.
    pub fn beside(self, before: &RunRecord, now: &RunRecord) -> Beside {
        let bounds = (self.of(before), self.of(now));
        match bounds {
            (Some(then), Some(now_)) => {
                let chance = self.chance(before, now);
                Beside { change: now_.change(then, chance), chance }
            }
            (Some(then), None) if self != Self::Rpo => {
                let chance = self.chance_alone(before);
                Beside {
                    change: self.unreached(now).map_or(Change::Regression, |now| now.change(then, chance)),
                    chance,
                }
            }
            (None, Some(now_)) if self != Self::Rpo => {
                let chance = self.chance_alone(now);
                let back = self.unreached(before).map_or(Change::Regression, |then| then.change(now_, chance));
                Beside { change: back.mirrored(), chance }
            }
            _ => Beside::NOTHING,
        }
    }

    /// Of a run; nothing where it was not reached or not measured.
    pub fn of(self, run: &RunRecord) -> Option<FigureBounds> {
        let between = |from: Milestone, to: Milestone| {
            let span = run.milestone(to.as_str())?.since(run.milestone(from.as_str())?).at_least_zero();
            Some(FigureBounds { lower_s: span.lower, upper_s: Some(span.upper) })
        };
        // What the runner missed is in the times alone, and milestones are all that some versions wrote.
        let named = |name: &str| {
            let span = run.runner_stalled.and_then(|_| run.duration(name))?;
            Some(FigureBounds { lower_s: span.lower, upper_s: Some(span.upper) })
        };
        match self {
            Self::Detection => {
                named("detection").or_else(|| between(Milestone::FaultEffective, Milestone::HealthCheckUnhealthy))
            }
            Self::Dns => between(Milestone::HealthCheckUnhealthy, Milestone::DnsFlipResolver),
            Self::Rto => named("rto").or_else(|| between(Milestone::FaultEffective, Milestone::FirstReplicaLogin)),
            Self::SustainedRto => {
                named("sustained_rto").or_else(|| between(Milestone::FaultEffective, Milestone::ReplicaSustained))
            }
            Self::Failback => named("failback")
                .or_else(|| between(Milestone::FaultReverted, Milestone::FirstPrimaryLoginAfterFailback)),
            Self::Rpo => Some(FigureBounds { lower_s: run.rpo.lower_s?, upper_s: run.rpo.upper_s }),
        }
    }
}

/// A figure with its uncertainty.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct FigureBounds {
    /// At least so long, in seconds.
    pub lower_s: f64,
    /// At most; nothing where it is not bounded.
    pub upper_s: Option<f64>,
}

impl FigureBounds {
    /// With its unit: `1 min 29.8 s to 1 min 30.2 s`.
    pub fn text(self) -> String {
        match self.upper_s {
            Some(upper) => span_s(Interval::new(self.lower_s, upper)),
            None => format!("more than {}", seconds_down(self.lower_s)),
        }
    }

    /// The same for what cannot be negative.
    #[must_use]
    pub fn at_least_zero(self) -> Self {
        Self { lower_s: self.lower_s.max(0.0), upper_s: self.upper_s.map(|upper| upper.max(0.0)) }
    }

    /// The same, but not before another figure.
    #[must_use]
    pub fn no_earlier(self, than: Self) -> Self {
        let upper_s = self.upper_s.zip(than.upper_s).map(|(upper, than)| upper.max(than)).or(self.upper_s);
        Self { lower_s: self.lower_s.max(than.lower_s), upper_s }
    }

    /// The best single figure.
    pub fn middle(self) -> f64 {
        self.upper_s.map_or(self.lower_s, |upper| f64::midpoint(self.lower_s, upper))
    }

    /// What lies between the earlier figure and this one.
    pub fn since(self, before: Self) -> (f64, Option<f64>) {
        let least = before.upper_s.map_or(f64::NEG_INFINITY, |upper| self.lower_s - upper);
        (least, self.upper_s.map(|upper| upper - before.lower_s))
    }

    /// What a figure means beside the earlier one, where chance explains so much.
    pub fn change(self, before: Self, chance: Option<Room>) -> Change {
        let (least, most) = self.since(before);
        let beyond = |by: f64, explained: fn(Room) -> f64, change: Change| match chance.map(explained) {
            Some(explained) if by > explained => change,
            Some(_) => Change::WithinChance,
            None => Change::CannotTell,
        };
        match most {
            _ if least > 0.0 => beyond(least, |room| room.later_s, Change::Regression),
            Some(most) if most < 0.0 => beyond(-most, |room| room.earlier_s, Change::Improvement),
            _ => Change::WithinBounds,
        }
    }
}

/// What a figure means beside the earlier run's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Beside {
    /// In a word.
    pub change: Change,
    /// What chance explains; nothing where the runs do not tell.
    pub chance: Option<Room>,
}

impl Beside {
    /// There is nothing to compare with.
    pub const NOTHING: Self = Self { change: Change::First, chance: None };
}

/// A figure beside the last run's that had it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Longer, by more than the intervals and chance explain; or reached before and not reached now.
    Regression,
    /// Shorter, by more than the intervals and chance explain; or not reached before and reached now.
    Improvement,
    /// The intervals overlap: no difference that was measured.
    WithinBounds,
    /// The intervals do not overlap, but runs of an unchanged environment differ as much.
    WithinChance,
    /// The intervals do not overlap, and the runs do not say how far chance moves them.
    CannotTell,
    /// There is nothing to compare with.
    First,
}

impl Change {
    /// For a table.
    pub fn mark(self) -> &'static str {
        match self {
            Self::Regression => "▲ regression",
            Self::Improvement => "▼ improvement",
            Self::WithinBounds => "= within bounds",
            Self::WithinChance => "= within chance",
            Self::CannotTell => "? cannot tell",
            Self::First => "",
        }
    }

    /// What the earlier run is beside the later one.
    #[must_use]
    pub fn mirrored(self) -> Self {
        match self {
            Self::Regression => Self::Improvement,
            Self::Improvement => Self::Regression,
            other => other,
        }
    }
}

/// A signed difference: `+1.20 s to +3.40 s`.
pub(super) fn difference(least: f64, most: Option<f64>) -> String {
    let sign = |value: f64| if value > 0.0 { format!("+{}", seconds(value)) } else { seconds(value) };
    match (least.is_finite(), most) {
        (true, Some(most)) => format!("{} to {}", sign(least), sign(most)),
        (true, None) => format!("more than {}", sign(least)),
        (false, Some(most)) => format!("less than {}", sign(most)),
        (false, None) => "unlimited".to_owned(),
    }
}
