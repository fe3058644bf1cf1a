//! Synthetic users: when they arrive, how they log in, what became of it, and how they go on working. Open loop: an
//! arrival starts at its scheduled instant whatever the earlier ones do.

mod accounts;
mod arrivals;
mod attempt;
mod comer;
mod crowd;
mod door;
mod flows;
mod limits;
mod put_back;
mod retry;
mod session;
mod synthetic;
mod visit;
mod way;
mod wire;

pub use accounts::{Account, Population, TOTP_STEP_SECONDS, Token, Tokens};
pub use arrivals::{Arrival, ArrivalPlan};
pub use attempt::{Attempt, Ended, Who, login};
pub use crowd::{Crowd, CurrentPhase};
pub use door::{AppClient, Door, Managed};
pub use gameday_protocols::srp::secret_hash;
pub use limits::{Arrived, Trial};
pub use put_back::Chores;
pub use synthetic::{Census, GROUP, Known, Made, Naming, Removed, Synthetics};
pub use visit::Lookup;
pub use way::Way;
pub use wire::OneConnection;
