//! `gameday run`.

use std::fs;
use std::panic::AssertUnwindSafe;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures::FutureExt;
use jiff::Timestamp;
use rand::RngExt;

use crate::cloud::Access;
use crate::engine::{self, FileIdentity, Run, Stop, StopLevel};
use crate::preflight::Allowed;
use gameday_core::files;
use gameday_core::measure::{self, History, Outcome};
use gameday_core::model::{Clock, EventLog, RunFailure, RunId, Seed, read_log};
use gameday_core::report;
use gameday_core::report::escape::shell_word;
use gameday_core::scenario::Phases;

use super::confirm::{Consent, confirm};
use super::output::{self, say};
use super::pause::RunPause;
use super::progress::Progress;
use super::registry::{self, Process, Registered, Registration};
use super::signals::Signals;
use super::world::{self, World};
use super::{Exit, Failure, Format, RunArgs, summary, unfinished};

/// Follows a run, and prints the result at its end.
pub(super) trait RunObserver {
    /// Called before the run's first event.
    fn start(&mut self, world: &World, log: &Arc<EventLog>, phases: &Phases);

    /// Called once the run's files are written.
    ///
    /// # Errors
    /// As the command's own.
    fn end(self, outcome: &Outcome, folder: &Path) -> Result<(), Failure>;
}

/// Shows what the run measured.
struct Summary(Format);

impl RunObserver for Summary {
    fn start(&mut self, _: &World, _: &Arc<EventLog>, _: &Phases) {}

    fn end(self, outcome: &Outcome, folder: &Path) -> Result<(), Failure> {
        match self.0 {
            Format::Json => {
                // Where they cannot be written, the same bytes are in run.json.
                let _ = output::print(&report::run_json(outcome));
            }
            Format::Human => summary::print(outcome, folder),
        }
        Ok(())
    }
}

/// Runs a scenario.
pub(super) async fn run(args: RunArgs) -> Result<Exit, Failure> {
    let summary = Summary(args.format);
    Box::pin(run_with(args, summary)).await
}

/// Runs a scenario with an observer.
pub(super) async fn run_with(args: RunArgs, mut observer: impl RunObserver) -> Result<Exit, Failure> {
    let (scenario, environment) = world::read(Some(&args.scenario), &args.place)?;
    world::simulable(&environment.value)?;
    let phases = &scenario.value.phases;
    let longest = gameday_core::model::format_duration(phases.outage_and_hold());
    let what = format!("\"{}\" will disrupt its primary Region for up to {longest}.", scenario.value.title);
    let consent = Consent { yes: args.yes, name: args.confirm.as_deref(), look: "with `gameday plan`" };
    confirm(consent, &environment.value, &what)?;
    unfinished::refuse(&environment.value, args.out.as_deref())?;
    let world = Box::pin(World::open(environment, &args.place)).await?;
    let began = world.clock.wall_now();
    let folder = folder(args.out.as_deref(), &scenario.name(), Clock::system_wall())?;
    let log = EventLog::create(&folder.join("events.ndjson"), world.clock);
    let log = Arc::new(log.map_err(|error| cannot_write(&folder, &error))?);
    let stop = Stop::default();
    listen(&stop, &folder)?;
    let heading = format!(
        "{} · {} · seed {} · {} · {}",
        scenario.value.title,
        world.site.name,
        world.seed.0,
        if Clock::is_virtual() { "virtual time".to_owned() } else { format!("speed {}", world.clock.speed()) },
        folder.display()
    );
    let margin = world.site.dead_man.as_ref().filter(|_| !args.no_dead_man).map(|settings| settings.margin.0);
    RunPause::follow(&log, world.clock, &scenario.value.phases, margin, world.is_embedded()).announce()?;
    let plain = args.no_progress || args.format == Format::Json;
    let progress = Progress::start(&log, world.clock, &scenario.value.phases, &heading, plain);
    let identity = FileIdentity { name: scenario.name(), sha256: scenario.sha256.clone() };
    observer.start(&world, &log, &scenario.value.phases);
    let id = run_id(began, world.seed);
    let registered = register(&id, &world, &folder, args.place.env.as_deref());
    let run = Run {
        id,
        scenario: scenario.value,
        scenario_file: identity,
        site: world.site.clone(),
        environment_sha256: world.environment_sha256.clone(),
        clock: world.clock,
        seed: world.seed,
        folder: folder.clone(),
        log: Arc::clone(&log),
        stop,
        allowed: Allowed {
            no_dead_man: args.no_dead_man,
            no_replica: args.allow_no_replica,
            ignore: args.ignore.clone(),
        },
        owner: owner(),
    };
    let failure = engine::run(run).await;
    progress.end().await;
    let closed = log.close();
    if let Err(error) = closed {
        say(&format!("warning: the event log is incomplete: {error}"));
    }
    let not_restored = matches!(failure, Some(RunFailure::NotRestored(_)));
    if let Some(registered) = registered.filter(|_| !not_restored) {
        registered.remove();
    }
    // A bug in a report must not hide how the run ended.
    let reported = AssertUnwindSafe(finish(observer, &world, &folder)).catch_unwind().await;
    let reported = reported
        .unwrap_or_else(|_| Err(Failure::plain("the reports failed with an internal error (a bug: please report it)")));
    world.close().await;
    if not_restored {
        // Outranks everything, a report that cannot be written included.
        say(&format!("\nSomething could not be restored. To try again:\n  gameday rollback {}", shell_word(&folder)));
        return reported.map(|_| Exit::NotRestored).map_err(|failure| failure.coded(Exit::NotRestored));
    }
    // The run was made and everything is back; only its reports could not be written, as on a full disk.
    reported.map_err(|failure| failure.coded(Exit::Aborted))
}

/// Writes the reports, and lets the observer print the result.
async fn finish(observer: impl RunObserver, world: &World, folder: &Path) -> Result<Exit, Failure> {
    let outcome = write_reports(folder)?;
    if let Some(truth) = world.truth(outcome.zero_at).await {
        let text = serde_json::to_string_pretty(&truth).unwrap_or_default() + "\n";
        save(&folder.join("truth.json"), text.as_bytes())?;
    }
    observer.end(&outcome, folder)?;
    Ok(Exit::of(outcome.exit_code))
}

/// Records that this run has begun, where every later command finds it. An embedded lab ends with its run and needs no record.
fn register(id: &RunId, world: &World, folder: &Path, environment_file: Option<&Path>) -> Option<Registered> {
    let access = Access::of(&world.site);
    if access.embedded {
        return None;
    }
    let absolute = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let registration = Registration {
        run: id.clone(),
        folder: absolute(folder),
        access,
        environment_file: environment_file.map(absolute),
        owner: owner(),
        process: Process::own(),
        started_at: world.clock.wall_now(),
    };
    registry::register(registration)
        .map_err(|why| {
            say(&format!(
                "warning: this run cannot be registered ({why}). If it is killed, `gameday rollback --all` finds it only from this folder; from \
                 another one, give the folder of the run: gameday rollback {}",
                shell_word(absolute(folder))
            ));
        })
        .ok()
}

/// User and host, as in the lock.
fn owner() -> String {
    let name = |key: &str| std::env::var(key).ok().filter(|name| !name.is_empty());
    let user = name("USER").or_else(|| name("LOGNAME")).unwrap_or_else(user);
    format!("{user}@{}", registry::host())
}

/// The name of the current user by passwd(5), or else the number.
fn user() -> String {
    let id = rustix::process::getuid().as_raw().to_string();
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let own =
        passwd.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|fields| fields.get(2) == Some(&&*id));
    own.and_then(|fields| fields.first().map(|name| (*name).to_owned())).unwrap_or(id)
}

fn cannot_write(folder: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::with_help(
        format!("the folder of the run, {}, cannot be written: {error}", folder.display()),
        "Choose a folder that you can write to with --out DIR; without it, the run goes to reports/ in the current folder",
    )
}

/// The folder of the run, created now, so that a bad path fails before anything else happens.
fn folder(out: Option<&Path>, scenario: &str, began: Timestamp) -> Result<PathBuf, Failure> {
    let path = out.map_or_else(
        || {
            let began = began.strftime("%Y-%m-%dT%H%M%SZ");
            Path::new("reports").join(format!("{began}-{scenario}"))
        },
        Path::to_owned,
    );
    let fail = |error: std::io::Error| cannot_write(&path, &error);
    fs::create_dir_all(&path).map_err(fail)?;
    if ["events.ndjson", "events.ndjson.zst"].iter().any(|log| path.join(log).exists()) {
        return Err(Failure::with_help(
            format!("{} already contains a run", path.display()),
            "Choose another folder with --out; a run is never overwritten",
        ));
    }
    fs::canonicalize(&path).map(|_| path.clone()).map_err(fail)
}

fn run_id(began: Timestamp, seed: Seed) -> RunId {
    let began = began.strftime("%Y%m%dt%H%M%Sz");
    let drawn: u32 = seed.unique("run-id").random();
    RunId(format!("gd-{began}-{:06x}", drawn >> 8))
}

/// The first signal restores now, the second stops observing, the third aborts the restore.
fn listen(stop: &Stop, folder: &Path) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    let (stop, folder) = (stop.clone(), folder.to_owned());
    tokio::spawn(async move {
        loop {
            let name = signals.next().await;
            let next = match stop.raise(name) {
                Some(StopLevel::Restore) => {
                    "restoring now, then observing the failback. Press again to stop observing.".to_owned()
                }
                Some(StopLevel::SkipObservers) => {
                    "restoring without observing. Press again to abort the restore.".to_owned()
                }
                Some(StopLevel::GiveUp) | None => {
                    let folder = shell_word(&folder);
                    format!("aborting the restore. To resume it:\n  gameday rollback {folder}")
                }
            };
            say(&format!("{name}: {next}"));
        }
    });
    Ok(())
}

/// Writes every report of a run from its event log.
pub(super) fn write_reports(folder: &Path) -> Result<Outcome, Failure> {
    let outcome = outcome_of(folder)?;
    for (name, bytes) in report::reports(&outcome) {
        save(&folder.join(name), &bytes)?;
    }
    Ok(outcome)
}

/// Reads what happened from a run's event log.
pub(super) fn outcome_of(folder: &Path) -> Result<Outcome, Failure> {
    let mut history = History::default();
    read_log(&folder.join("events.ndjson"), |record| history.take(record))
        .map_err(|error| Failure::with_help(error.to_string(), "Give the folder of a run, with its events.ndjson"))?;
    measure::outcome(&history).map_err(|error| Failure::plain(error.to_string()))
}

fn save(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    files::write_whole(path, bytes).map_err(|error| Failure::plain(format!("{}: {error}", path.display())))
}
