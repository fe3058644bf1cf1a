use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Deserialize;

use super::chance::ChainSettings;
use crate::measure::Interval;
use crate::model::{RUN_VERSION, RUN_VERSIONS, Severity};

/// A `run.json` that cannot be compared with others.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// Not JSON, or not that of a run.
    #[error("not the run.json of a run: {0}")]
    Format(#[from] serde_json::Error),
    /// Of another version of GameDay.
    #[error(
        "its schema version is {0}, and this GameDay reads versions {oldest} to {RUN_VERSION}; write it again with `gameday report`",
        oldest = RUN_VERSIONS.start()
    )]
    SchemaVersion(u32),
}

/// What comparisons need of `run.json`; other keys are left alone.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct RunRecord {
    schema_version: u32,
    /// The run.
    pub run_id: String,
    /// Name and SHA-256 of the scenario.
    pub scenario: File,
    /// Where.
    pub environment: EnvironmentRecord,
    /// SHA-256 of the environment file.
    pub environment_sha256: String,
    /// GameDay's.
    pub tool_version: String,
    /// Scenario seconds in one real second.
    pub speed: f64,
    /// Whether time was virtual.
    #[serde(default)]
    pub virtual_time: bool,
    /// Of every random draw.
    pub seed: u64,
    /// When the run began.
    pub started_at: Timestamp,
    /// As the contract has it; nothing for a run that broke off.
    pub exit_code: Option<u8>,
    /// Whether its log is whole.
    pub complete: bool,
    /// In causal order.
    pub milestones: Vec<RecordedMilestone>,
    /// As the scenario has them.
    pub objectives: Vec<RecordedObjective>,
    /// The links of the failover chain.
    pub chain: RecordedChain,
    /// Data loss.
    pub rpo: RecordedRpo,
    /// Whether the state after is the one before.
    pub rollback: RecordedRollback,
    /// Of preflight and of the run.
    pub findings: Vec<RecordedFinding>,
    /// Times between milestones by their names, with what the runner missed as a part of their bounds.
    #[serde(default)]
    pub durations: Vec<RecordedMilestone>,
    /// When the runner itself did not keep up; nothing where it did.
    #[serde(default)]
    pub runner_stalled: Option<RecordedStall>,
    /// What makes its figures differ from those of a run of an unchanged environment; nothing in files of versions that did not write it.
    #[serde(default, alias = "chance")]
    pub natural_variation: Option<ChainSettings>,
    /// When the first call that cuts was sent.
    #[serde(default)]
    pub zero_at: Option<Timestamp>,
    /// In their order.
    #[serde(default)]
    pub phases: Vec<PhaseEnd>,
}

/// When a phase was over.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PhaseEnd {
    /// As `outage`.
    pub name: String,
    /// Nothing where the log breaks off in it.
    pub ended_at: Option<Timestamp>,
}

/// Times in which a run's own runner did not keep up, in seconds of scenario time.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct RecordedStall {
    /// How often.
    pub times: u64,
    /// All of them together.
    #[serde(alias = "all_s")]
    pub total_s: f64,
    /// The longest.
    pub longest_s: f64,
}

/// A scenario.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct File {
    /// Without folder and ending.
    pub name: String,
    /// Of its bytes.
    pub sha256: String,
}

/// An environment.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct EnvironmentRecord {
    /// `aws` or `lab`.
    pub kind: String,
    /// Its name.
    pub name: String,
}

/// When something was reached, in seconds after the cut; nothing where it was not.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct RecordedMilestone {
    /// By the contract.
    pub name: String,
    /// Certainly not before.
    pub lower_s: Option<f64>,
    /// Certainly not after.
    pub upper_s: Option<f64>,
    /// Why it has no bounds: `already` so before the cut, or `unseen`.
    #[serde(default)]
    pub before_cut: Option<String>,
}

/// An objective and what came of it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct RecordedObjective {
    /// As `rto`.
    pub name: String,
    /// `met`, `missed` or `inconclusive`.
    pub verdict: String,
}

/// The failover chain.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct RecordedChain {
    /// In order.
    pub links: Vec<RecordedLink>,
}

/// One link of it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct RecordedLink {
    /// What takes its time here.
    pub name: String,
    /// A milestone.
    pub from: String,
    /// A milestone.
    pub to: String,
    /// The least it can have cost, in seconds.
    pub lower_s: Option<f64>,
    /// The most.
    pub upper_s: Option<f64>,
}

/// Data loss, in seconds.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct RecordedRpo {
    /// At least.
    pub lower_s: Option<f64>,
    /// At most; nothing where no read tells.
    pub upper_s: Option<f64>,
}

/// The proof that everything was put back.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RecordedRollback {
    /// Nothing where it was not compared.
    pub state_identical: Option<bool>,
    /// What could not be restored.
    #[serde(alias = "left")]
    pub not_reverted: Vec<String>,
}

/// A finding.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct RecordedFinding {
    /// As `GD501`.
    pub code: String,
    /// How bad.
    pub severity: Severity,
    /// In a few words.
    pub title: String,
}

impl RunRecord {
    /// Reads a `run.json`.
    ///
    /// # Errors
    ///
    /// It is none, or one of a version that is not read.
    pub fn read(text: &[u8]) -> Result<Self, RecordError> {
        /// The version first: the rest may have another shape.
        #[derive(Deserialize)]
        struct Version {
            schema_version: u32,
        }
        match serde_json::from_slice::<Version>(text)?.schema_version {
            version if RUN_VERSIONS.contains(&version) => Ok(serde_json::from_slice(text)?),
            other => Err(RecordError::SchemaVersion(other)),
        }
    }

    /// When a milestone was reached, in seconds after the cut.
    pub fn milestone(&self, name: &str) -> Option<Interval> {
        let found = self.milestones.iter().find(|milestone| milestone.name == name)?;
        Some(Interval::new(found.lower_s?, found.upper_s?))
    }

    /// A time between milestones by its name, in seconds.
    pub fn duration(&self, name: &str) -> Option<Interval> {
        let found = self.durations.iter().find(|duration| duration.name == name)?;
        Some(Interval::new(found.lower_s?, found.upper_s?))
    }

    /// Whether its figures say something of a failover: it went its way to the end, and put everything back.
    pub fn counts(&self) -> bool {
        self.complete && matches!(self.exit_code, Some(0 | 1))
    }

    /// Whether something could not be put back.
    pub fn not_restored(&self) -> bool {
        self.exit_code == Some(5)
    }

    /// Every finding's title by its code.
    pub fn by_code(&self) -> BTreeMap<&str, &RecordedFinding> {
        self.findings.iter().map(|finding| (finding.code.as_str(), finding)).collect()
    }

    /// How it ended, in a word.
    pub fn ending(&self) -> &'static str {
        match self.exit_code {
            Some(0 | 1) if !self.complete => "incomplete",
            Some(0) => "passed",
            Some(1) => "failed",
            Some(3) => "refused",
            Some(4) => "aborted",
            Some(_) => "not restored",
            None => "interrupted",
        }
    }
}
