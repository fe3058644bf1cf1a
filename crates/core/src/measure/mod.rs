//! From the event log of a run to everything that its reports say. Pure: no I/O, no clock.
//!
//! Every figure is an interval. A request that was sent at `s`, answered at `r` and saw a state
//! proves that the state held at some moment between the two. So "still the old state" proves that
//! the change came after `s`, and "already the new state" that it came before `r`.

mod availability;
mod chain;
mod confidence;
mod failures;
mod harness;
mod history;
mod interval;
mod lag;
mod limits;
mod logins;
mod milestones;
mod natural_variation;
mod notes;
mod objectives;
mod observer_notes;
mod outage;
mod outcome;
mod phases;
mod possible;
mod predictions;
mod propagation;
mod recovery;
mod refusals;
mod rpo;
mod sessions;
mod timeline;
mod user_notes;

pub use availability::{AVAILABILITY_WINDOW_S, Availability, ErrorBudget, Second, UserMinutes};
pub use chain::{Bar, Chain, Link, Took};
pub use confidence::{clopper_pearson_95, least_for, order_statistic_range};
pub use failures::{Failure, Raised, Throttled, Throttling, Tries};
pub use harness::Missed;
pub use history::History;
pub use interval::{Interval, seconds_between};
pub use lag::{Beyond, LAG_LEVELS_S, Lag, LagPoint};
pub use limits::LimitResult;
pub use logins::{Group, Latency, Logins, MissingClaim, StepLatency, Taken};
pub use milestones::{BeforeCut, Reached};
pub use natural_variation::NaturalVariation;
pub use notes::Anomaly;
pub use objectives::{ObjectiveResult, Unit, Verdict};
pub use outage::Outage;
pub use outcome::{ByOthers, FaultPlan, Outcome, Rollback, outcome};
pub use phases::PhaseSpan;
pub use predictions::{Prediction, PredictionOutcome};
pub use propagation::{DnsParty, Propagation};
pub use recovery::{Curve, Recovered, Recovery, RecoveryWindow};
pub use rpo::Rpo;
pub use sessions::{SessionCalls, SessionOutcomes, Sessions};

use crate::model::{EVENT_LOG_VERSION, EVENT_LOG_VERSIONS};

/// An event log that no outcome can be computed from.
#[derive(Debug, thiserror::Error)]
pub enum MeasureError {
    /// Without the first record there is no scenario to judge by.
    #[error("the event log does not begin with `run_started`, so it does not say what was rehearsed")]
    NotStarted,
    /// The log was written by another version of GameDay.
    #[error(
        "the event log has schema version {0}, and this GameDay reads versions {oldest} to {EVENT_LOG_VERSION}",
        oldest = EVENT_LOG_VERSIONS.start()
    )]
    SchemaVersion(u32),
    /// The scenario in the first record cannot be read.
    #[error("the scenario in the event log cannot be read: {0}")]
    Scenario(serde_json::Error),
}
