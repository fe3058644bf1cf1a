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
pub use documents::{ComparisonDocument, pair_text, trend_text};
pub use figure::{Beside, Change, Figure, FigureBounds};
pub use pair::{Pair, PairPart, pair};
pub use record::{
    PhaseEnd, RecordError, RecordedFinding, RecordedLink, RecordedMilestone, RecordedObjective, RecordedRpo, RunRecord,
};
pub use strategies::{AcceptedPassword, CLAIMS, Claim, ClaimVerdict, Comparison, Contender, Probed};
pub use trend::{Cell, Series, Trend, TrendRow, trend};
