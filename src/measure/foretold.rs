//! What became of the findings of preflight: each predicts something, and the run shows whether it came.

use super::failures::{Failure, Throttling};
use super::logins::Logins;
use super::milestones::Reached;
use super::objectives::{ObjectiveResult, Verdict};
use crate::model::{Finding, Milestone, Phase, Region, RunFailure, RunStarted};

/// A finding of preflight, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foretold {
    /// What was found.
    pub finding: Finding,
    /// Whether what it predicts came.
    pub became: Became,
}

/// What became of a prediction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Became {
    /// It came true; how it was seen.
    CameTrue(String),
    /// It did not; what was seen instead.
    DidNot(String),
    /// The run does not tell; why.
    Untested(String),
}

impl Became {
    /// `came_true`, `did_not` or `untested`, as in `run.json`.
    pub fn verdict(&self) -> &'static str {
        match self {
            Self::CameTrue(_) => "came_true",
            Self::DidNot(_) => "did_not",
            Self::Untested(_) => "untested",
        }
    }

    /// What was seen.
    pub fn evidence(&self) -> &str {
        match self {
            Self::CameTrue(text) | Self::DidNot(text) | Self::Untested(text) => text,
        }
    }
}

/// What a code predicts of a failover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Predicts {
    /// Users do not get in at the primary, even before the fault.
    PrimaryFails,
    /// Users do not get in at the replica, or get tokens that are of no use.
    ReplicaFails,
    /// The record does not lead to the replica.
    NoFailover,
    /// The failover takes longer than it may.
    Slow,
    /// The replica throttles.
    Throttled,
    /// Nothing that a run could show.
    Nothing,
}

fn predicts(code: &str) -> Predicts {
    match code {
        "GD101" => Predicts::PrimaryFails,
        "GD502" | "GD507" => Predicts::Slow,
        // Found in the run, not before it.
        "GD103" => Predicts::Nothing,
        _ => match code.as_bytes().get(2) {
            Some(b'1'..=b'4' | b'7') => Predicts::ReplicaFails,
            Some(b'5') => Predicts::NoFailover,
            Some(b'6') => Predicts::Throttled,
            _ => Predicts::Nothing,
        },
    }
}

/// What a run showed.
pub(super) struct Shown<'a> {
    pub run: &'a RunStarted,
    pub failure: Option<&'a RunFailure>,
    /// Whether anything was cut.
    pub cut: bool,
    pub logins: &'a Logins,
    pub failures: &'a [Failure],
    pub throttling: &'a [Throttling],
    pub milestones: &'a [Reached],
    pub objectives: &'a [ObjectiveResult],
}

/// What became of each finding.
pub(super) fn foretold(findings: &[Finding], shown: &Shown<'_>) -> Vec<Foretold> {
    findings.iter().map(|finding| Foretold { finding: finding.clone(), became: shown.became(&finding.code) }).collect()
}

impl Foretold {
    /// Whether it foretold these logins' failure.
    pub fn explains(&self, failure: &Failure, run: &RunStarted) -> bool {
        let true_at = |region: &Region| failure.region.as_ref() == Some(region);
        let came = matches!(self.became, Became::CameTrue(_));
        came && match predicts(&self.finding.code) {
            Predicts::PrimaryFails => true_at(&run.primary) && failure.by_phase.contains_key(&Phase::Baseline),
            Predicts::ReplicaFails => true_at(&run.replica),
            Predicts::Throttled => true_at(&run.replica) && failure.label.starts_with("throttled"),
            // Whoever goes on to the primary finds nobody there.
            Predicts::NoFailover => !true_at(&run.replica),
            Predicts::Slow | Predicts::Nothing => false,
        }
    }
}

impl Shown<'_> {
    fn became(&self, code: &str) -> Became {
        let predicted = predicts(code);
        if predicted == Predicts::Nothing {
            return Became::Untested("a run does not show it".to_owned());
        }
        if self.failure == Some(&RunFailure::PreflightRefused) {
            return Became::Untested("the run was refused".to_owned());
        }
        if !self.cut && predicted != Predicts::PrimaryFails {
            return Became::Untested("nothing was cut".to_owned());
        }
        match predicted {
            Predicts::PrimaryFails => self.logins_at(&self.run.primary, Some(Phase::Baseline)),
            Predicts::ReplicaFails => self.logins_at(&self.run.replica, None),
            Predicts::NoFailover => self.failover(),
            Predicts::Slow => self.slow(),
            Predicts::Throttled => self.throttled(),
            Predicts::Nothing => Became::Untested(String::new()),
        }
    }

    /// In one phase, or in all of them.
    fn logins_at(&self, region: &Region, phase: Option<Phase>) -> Became {
        let count = |failure: &Failure| match phase {
            Some(phase) => failure.by_phase.get(&phase).copied().unwrap_or_default(),
            None => failure.count(),
        };
        let mine = self.failures.iter().filter(|failure| failure.region.as_ref() == Some(region));
        let mut failed: Vec<(u64, &str)> =
            mine.map(|failure| (count(failure), failure.label.as_str())).filter(|(count, _)| *count > 0).collect();
        failed.sort_by(|a, b| b.cmp(a));
        let groups = self.logins.by_phase_and_region.iter();
        let groups =
            groups.filter(|((of, at), _)| phase.is_none_or(|phase| *of == phase) && at.as_ref() == Some(region));
        let (attempted, succeeded) =
            groups.fold((0, 0), |(all, good), (_, group)| (all + group.attempted, good + group.succeeded));
        match failed.first() {
            Some((most, label)) => {
                let all: u64 = failed.iter().map(|(count, _)| count).sum();
                Became::CameTrue(format!("{all} of {attempted} logins at {region} failed, {most} of them: {label}"))
            }
            None if succeeded > 0 => {
                Became::DidNot(format!("{succeeded} logins at {region} succeeded, and none failed"))
            }
            None => Became::Untested(format!("nobody tried to log in at {region}")),
        }
    }

    fn failover(&self) -> Became {
        let flip = self.milestones.iter().find(|reached| reached.milestone == Milestone::DnsFlipAuthoritative);
        match flip.and_then(|reached| reached.at) {
            None => Became::CameTrue("the record never led to the replica".to_owned()),
            Some(at) => {
                Became::DidNot(format!("the record led to the replica at most {:.1} s after the cut", at.upper))
            }
        }
    }

    fn slow(&self) -> Became {
        let timed = self.objectives.iter().filter(|objective| objective.name.contains("rto"));
        let (mut missed, mut met) = (Vec::new(), Vec::new());
        for objective in timed {
            match objective.verdict {
                Verdict::Missed => missed.push(objective.name.as_str()),
                Verdict::Met => met.push(objective.name.as_str()),
                Verdict::Inconclusive => {}
            }
        }
        match (missed.is_empty(), met.is_empty()) {
            (false, _) => Became::CameTrue(format!("missed: {}", missed.join(", "))),
            (true, false) => Became::DidNot(format!("met: {}", met.join(", "))),
            (true, true) => {
                Became::Untested("no objective says how long it may take, or none could be judged".to_owned())
            }
        }
    }

    fn throttled(&self) -> Became {
        let replica = &self.run.replica;
        let throttled = self.throttling.iter().find(|at| at.region == *replica && at.all.throttled > 0);
        match throttled {
            Some(at) => {
                let (throttled, attempted) = (at.all.throttled, at.all.attempted);
                Became::CameTrue(format!("{throttled} of {attempted} logins at {replica} were throttled"))
            }
            None => Became::DidNot(format!("no login at {replica} was throttled")),
        }
    }
}
