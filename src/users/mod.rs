//! Synthetic users: when they arrive, how they log in, what became of it, and how they go on working. Open loop: an
//! arrival starts at its scheduled instant whatever the earlier ones do.

mod accounts;
mod arrivals;
mod attempt;
mod attempt_context;
mod cleanup;
mod client_profile;
mod flows;
mod limits;
mod load_generator;
mod login_target;
mod retry;
mod session;
mod synthetic;
mod virtual_user;
mod wire;

pub use accounts::{Account, Population, TOTP_STEP_SECONDS, Token, Tokens, Who};
pub use arrivals::{Arrival, ArrivalPlan};
pub use attempt::{LoginRequest, LoginResult, login};
pub use attempt_context::{LoginTrace, Lookup};
pub use cleanup::PasswordResets;
pub use client_profile::ClientProfile;
pub use gameday_protocols::srp::secret_hash;
pub use limits::{CreatedUser, LimitProbe};
pub use load_generator::{CurrentPhase, LoadGenerator};
pub use login_target::{AppClient, LoginTarget, Managed};
pub use synthetic::{Census, GROUP, Known, Made, Naming, Removed, Synthetics};
pub use wire::OneConnection;
