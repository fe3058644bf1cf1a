//! What everything else speaks in: identifiers, the clock, the seed, events and their log,
//! phases and milestones. Knows no other module.

mod address;
mod clock;
mod event;
mod hash;
mod ids;
mod log;
mod login;
mod ntp;
mod partition;
mod pattern;
mod prediction;
mod ratio;
mod read;
mod record;
mod refusal;
mod seed;
mod span;
mod steady;
mod terms;
mod truth;

pub use address::{Cidr, PortRange};
pub use clock::{Clock, LATE_MS, Source};
pub use event::*;
pub use hash::{Sha256, sha256};
pub use ids::{AccountId, RUN_HEADER, Region, RunId, Secret};
pub use log::{COMPRESSION, EventLog, LogError, compress_log, read_log};
pub use login::{Expectation, FailedTry, Login, LoginOutcome, LoginStep, SessionCall, SessionStep, StepTime};
pub use ntp::ClockSync;
pub use partition::Partition;
pub use pattern::matches;
pub use prediction::Predicts;
pub use ratio::{Percent, Rate};
pub use read::{LONGEST_DOCUMENT, LONGEST_TEXT, read_at_most, read_text_at_most};
pub use refusal::not_allowed;
pub use seed::Seed;
pub use span::{Span, format_duration, parse_duration};
pub use steady::{JudgedAt, SteadyFigures, SteadyPart, SteadyState};
pub use terms::{AfterLogin, Cohort, Expect, Flow, Phase, RegionRole, UserAction};
pub use truth::{Draw, TRUTH_VERSION, TrueMilestone, TrueRpo, TruthReport};
