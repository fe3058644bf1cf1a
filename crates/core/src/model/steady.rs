use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Percent;

/// Whether steady state was there, part by part, when the run asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SteadyState {
    /// When it was judged.
    #[serde(alias = "asked")]
    pub judged_at: JudgedAt,
    /// Whether every part holds.
    pub steady: bool,
    /// It was not there, and the run was told to go on all the same.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ignored: bool,
    /// What was looked at.
    pub parts: Vec<SteadyPart>,
}

/// When the run judges whether there is steady state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JudgedAt {
    /// At the end of the baseline: without it nothing is cut.
    BeforeFault,
    /// At the end of failback: the second half of the hypothesis.
    AfterFailback,
}

/// One part of steady state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SteadyPart {
    /// Whether it holds.
    pub steady: bool,
    /// What was seen.
    pub figures: SteadyFigures,
}

/// The figures of a part of steady state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "part", rename_all = "snake_case")]
pub enum SteadyFigures {
    /// Logins at the primary. One that got in elsewhere, or nowhere, did not.
    Logins {
        /// Those that ended.
        attempted: u64,
        /// Those that succeeded at the primary.
        succeeded: u64,
        /// The bounds of their share at 95 % confidence; nothing for no login.
        bounds: Option<(f64, f64)>,
        /// The share that must be reached.
        at_least: f64,
        /// How many logins are needed to judge.
        #[serde(alias = "least")]
        min_logins: u64,
        /// Those of the last 30 s.
        recent_attempted: u64,
        /// Those of the last 30 s that succeeded at the primary.
        recent_succeeded: u64,
    },
    /// The health check, as Route 53 tells.
    HealthCheck {
        /// The last answer; nothing where there was none.
        healthy: Option<bool>,
        /// Checkers that report healthy.
        #[serde(alias = "saying_healthy")]
        reporting_healthy: u32,
        /// Checkers.
        checkers: u32,
    },
    /// The failover record, at every authoritative server and resolver.
    Record {
        /// Servers that give the primary.
        at_primary: u32,
        /// Servers that give something else.
        elsewhere: Vec<String>,
        /// Servers that gave no answer.
        silent: Vec<String>,
    },
    /// Replication, by canary writes.
    ReplicationLag {
        /// Writes that the primary acknowledged.
        written: u64,
        /// Reads at the replica.
        read: u64,
        /// The longest lag that is certain, in seconds.
        certain_s: f64,
        /// What it must not exceed.
        at_most_s: f64,
    },
    /// The runner itself.
    Runner {
        /// Logins that were due.
        due: u64,
        /// Those that started more than 100 ms late, in real time.
        late: u64,
        /// The worst of them, in real milliseconds.
        worst_late_ms: f64,
        /// Records of the event log that the run itself could not take in time.
        unread: u64,
        /// For how long timers of the runner fired late or its machine slept, in all, in real milliseconds.
        #[serde(default)]
        stalled_ms: f64,
        /// File descriptors in use, and how many the process may have; nothing where the system does not tell.
        descriptors: Option<(u64, u64)>,
        /// The share of all processors that this process took; nothing where the system does not tell.
        processor_share: Option<f64>,
    },
}

impl JudgedAt {
    /// When it is, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::BeforeFault => "before the fault",
            Self::AfterFailback => "after failback",
        }
    }
}

impl SteadyState {
    /// What does not hold, in words.
    pub fn why_not(&self) -> String {
        let part = |part: &SteadyPart| format!("{}: {}", part.figures.name(), part.figures);
        self.unsteady().map(part).collect::<Vec<_>>().join("; ")
    }

    /// The parts that do not hold.
    pub fn unsteady(&self) -> impl Iterator<Item = &SteadyPart> {
        self.parts.iter().filter(|part| !part.steady)
    }
}

impl SteadyFigures {
    /// What it is about, in words.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Logins { .. } => "logins at the primary",
            Self::HealthCheck { .. } => "health check",
            Self::Record { .. } => "record",
            Self::ReplicationLag { .. } => "replication lag",
            Self::Runner { .. } => "runner",
        }
    }
}

/// The figures in words, without the part's name.
impl fmt::Display for SteadyFigures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Logins { attempted, succeeded, bounds, at_least, min_logins, recent_attempted, recent_succeeded } => {
                write!(f, "{succeeded} of {attempted} succeeded")?;
                if let Some((lower, upper)) = bounds {
                    let (lower, upper) = ((lower * 1e4).floor() / 1e2, (upper * 1e4).ceil() / 1e2);
                    write!(f, " ({lower:.2} % to {upper:.2} % at 95 % confidence)")?;
                }
                write!(f, ", {recent_succeeded} of {recent_attempted} in the last 30 s")?;
                write!(f, "; required: {} of at least {min_logins}", Percent(*at_least))
            }
            Self::HealthCheck { healthy: None, .. } => write!(f, "no answer"),
            Self::HealthCheck { healthy: Some(healthy), reporting_healthy, checkers } => {
                let status = if *healthy { "healthy" } else { "unhealthy" };
                write!(f, "{status}, {reporting_healthy} of {checkers} checkers report healthy")
            }
            Self::Record { at_primary, elsewhere, silent } => {
                let servers = *at_primary as usize + elsewhere.len() + silent.len();
                write!(f, "{at_primary} of {servers} DNS servers answer with the primary")?;
                for (servers, what) in [(elsewhere, "another answer from"), (silent, "no answer from")] {
                    if !servers.is_empty() {
                        write!(f, ", {what} {}", servers.join(", "))?;
                    }
                }
                Ok(())
            }
            Self::ReplicationLag { written, read, certain_s, at_most_s } => {
                write!(
                    f,
                    "at least {certain_s:.1} s, from {written} canary writes and {read} reads; limit: {at_most_s:.1} s"
                )
            }
            Self::Runner { due, late, worst_late_ms, unread, stalled_ms, descriptors, processor_share } => {
                write!(f, "{late} of {due} logins started late (longest delay: {worst_late_ms:.0} ms)")?;
                if *unread > 0 {
                    write!(f, ", {unread} records were not processed in time")?;
                }
                if *stalled_ms > 0.0 {
                    write!(f, ", stalled for {:.1} s in total", stalled_ms / 1000.0)?;
                }
                if let Some((used, most)) = descriptors {
                    write!(f, ", {used} of {most} file descriptors in use")?;
                }
                match processor_share {
                    Some(share) => write!(f, ", {:.0} % of the processors in use", share * 100.0),
                    None => Ok(()),
                }
            }
        }
    }
}
