//! The phases of a run. One dispatcher; whatever happens, what was changed is put back before it ends.

mod back;
mod compare;
mod events;
mod forward;
mod gate;
mod load;
mod machine;
mod originals;
mod schedule;
mod shell;
mod signals;
mod stop;
mod user_cleanup;
mod waiting;

use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;

use futures::FutureExt;

use crate::preflight::Allowed;
use gameday_core::env::{Observe, Site};
use gameday_core::model::{Clock, ClockSync, EVENT_LOG_VERSION, Event, EventLog, RunFailure, RunId, RunStarted, Seed};
use gameday_core::scenario::Scenario;

pub use events::subscribe;
pub use gate::STEADY_STATE;
pub use signals::{Stop, StopLevel};

/// A run to make.
#[derive(Debug)]
pub struct Run {
    /// Its ID.
    pub id: RunId,
    /// What breaks, who logs in, what must hold.
    pub scenario: Scenario,
    /// The scenario file's name and hash.
    pub scenario_file: FileIdentity,
    /// Where.
    pub site: Site,
    /// The environment file's hash.
    pub environment_sha256: String,
    /// Scenario time.
    pub clock: Clock,
    /// Every random draw follows from it.
    pub seed: Seed,
    /// The folder of its files; it exists.
    pub folder: PathBuf,
    /// The event log in it.
    pub log: Arc<EventLog>,
    /// Signals, as they come.
    pub stop: Stop,
    /// What its user allows.
    pub allowed: Allowed,
    /// User and host, for the lock.
    pub owner: String,
}

/// A file by name and content.
#[derive(Debug, Clone)]
pub struct FileIdentity {
    /// Without folder and ending.
    pub name: String,
    /// SHA-256 of its bytes, in hex.
    pub sha256: String,
}

/// Makes a run. Everything that happens is in its event log; what comes back is why it did not go
/// its way to the end, if so.
pub async fn run(run: Run) -> Option<RunFailure> {
    let (log, journal) = (Arc::clone(&run.log), run.folder.join("journal.ndjson"));
    log.write(Event::RunStarted(Box::new(started(&run))));
    // Activities catch their own panics, and end in the restore. This is for the shell around them.
    let failure = AssertUnwindSafe(shell::drive(run)).catch_unwind().await.unwrap_or_else(|_| {
        let why = machine::INTERNAL.to_owned();
        Some(if journal.exists() { RunFailure::NotRestored(why) } else { RunFailure::Aborted(why) })
    });
    log.write(Event::RunEnded { failure: failure.clone() });
    failure
}

fn started(run: &Run) -> RunStarted {
    let Observe { health, authoritative, resolver, path, canary } = &run.site.observe;
    let polls = [
        ("health", health),
        ("authoritative", authoritative),
        ("resolver", resolver),
        ("path", path),
        ("canary", canary),
    ];
    RunStarted {
        schema_version: EVENT_LOG_VERSION,
        run_id: run.id.clone(),
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        scenario_name: run.scenario_file.name.clone(),
        scenario_sha256: run.scenario_file.sha256.clone(),
        // A scenario was read from a file, so it can be written to one.
        scenario: serde_json::to_value(&run.scenario).unwrap_or_default(),
        environment_name: run.site.name.clone(),
        environment_kind: run.site.kind.as_str().to_owned(),
        environment_sha256: run.environment_sha256.clone(),
        primary: run.site.primary.region.clone(),
        replica: run.site.replica.region.clone(),
        record: run.site.dns.record.clone(),
        speed: run.clock.speed(),
        virtual_time: Clock::is_virtual(),
        seed: run.seed.0,
        poll_s: polls.map(|(name, span)| (name.to_owned(), span.0.as_secs_f64())).into(),
        host: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        clock_sync: ClockSync::read(),
    }
}
