//! The embedded lab, if this program was built with it.

use gameday_core::env::Environment;
use gameday_core::model::{Clock, Seed};

use super::Failure;

#[cfg(feature = "lab")]
pub(super) use gameday_lab::Lab;

/// Starts a lab by its environment's settings.
#[cfg(feature = "lab")]
pub(super) async fn start(environment: Environment, clock: Clock, seed: Seed) -> Result<Lab, Failure> {
    let options = gameday_lab::LabOptions {
        settings: environment.lab.unwrap_or_default(),
        observe: environment.observe,
        timeouts: environment.timeouts,
        name: environment.name,
        clock,
        seed,
    };
    Lab::start(options).await.map_err(|error| Failure::plain(format!("the lab could not start: {error}")))
}

/// There is no lab in this program.
#[cfg(not(feature = "lab"))]
#[derive(Debug)]
pub(super) enum Lab {}

#[cfg(not(feature = "lab"))]
mod without {
    use gameday_core::env::Environment;
    use gameday_core::model::TruthReport;
    use jiff::Timestamp;

    use super::Lab;

    impl Lab {
        pub(crate) fn environment(&self) -> Environment {
            match *self {}
        }

        pub(crate) fn trust_root_pem(&self) -> &str {
            match *self {}
        }

        pub(crate) fn truth_report(&self, _: Option<Timestamp>) -> TruthReport {
            match *self {}
        }

        pub(crate) fn shutdown(self) -> std::future::Ready<()> {
            match self {}
        }
    }
}

/// Refuses.
#[cfg(not(feature = "lab"))]
#[expect(clippy::unused_async, reason = "as where there is a lab")]
pub(super) async fn start(_: Environment, _: Clock, _: Seed) -> Result<Lab, Failure> {
    Err(missing())
}

/// The error if a lab is needed.
#[cfg(not(feature = "lab"))]
pub(super) fn missing() -> Failure {
    Failure::with_help(
        "this program was built without the lab",
        "Give an AWS environment with --env, or build the program with the lab: `cargo install --path .` without --no-default-features",
    )
}
