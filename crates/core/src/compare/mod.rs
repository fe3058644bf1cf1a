//! Whole runs beside each other, by what their `run.json` says: figures over quarters, and why two runs differ. Pure: no I/O, no clock.
//!
//! Every figure is an interval. Two runs differ in a figure only where their intervals lie further apart than chance explains; anything less is
//! no difference between the environments.

mod chance;
mod documents;
mod figure;
mod pair;
mod record;
mod strategies;
mod trend;

pub use chance::{ChainSettings, LagRange, Room};
pub use documents::{Document, pair_text, trend_text};
pub use figure::{Beside, Bounds, Change, Figure};
pub use pair::{Pair, Part, pair};
pub use record::{Finding, Link, Milestone, Objective, PhaseEnd, RecordError, Rpo, RunRecord};
pub use strategies::{Accepted, CLAIMS, Claim, Comparison, Contender, Probed, Verdict};
pub use trend::{Cell, Row, Series, Trend, trend};
