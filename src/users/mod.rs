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
pub use attempt::{LoginRequest, LoginResult, Who, login};
pub use crowd::{CurrentPhase, LoadGenerator};
pub use door::{AppClient, LoginTarget, Managed};
pub use gameday_protocols::srp::secret_hash;
pub use limits::{CreatedUser, LimitProbe};
pub use put_back::PasswordResets;
pub use synthetic::{Census, GROUP, Known, Made, Naming, Removed, Synthetics};
pub use visit::Lookup;
pub use way::ClientProfile;
pub use wire::OneConnection;
