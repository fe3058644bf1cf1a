//! Synthetic users: when they arrive, how they log in, and what became of it. Open loop: an
//! arrival starts at its scheduled instant whatever the earlier ones do.

mod arrivals;
mod attempt;
mod crowd;
mod wire;

pub use arrivals::{Arrival, ArrivalPlan};
pub use attempt::{Attempt, Credentials, Door, Ended, Lookup, attempt};
pub use crowd::{Crowd, CurrentPhase, Sessions};
pub use wire::OneConnection;
