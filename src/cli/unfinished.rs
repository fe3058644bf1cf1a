//! Runs that never said that everything was restored, under `reports/` and wherever else they were registered.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::cloud::Access;
use crate::faults::{Contents, JournalError, access_of, read_journal};
use gameday_core::env::{Environment, EnvironmentKind};
use gameday_core::model::read_log;
use gameday_core::report::escape::shell_word;

use super::registry::{self, Registered};
use super::{Exit, Failure};

/// Where runs are kept that name no folder.
const REPORTS: &str = "reports";

/// A run that has something to put back, or whose journal cannot tell.
pub(super) struct Unfinished {
    /// The run's folder.
    pub folder: PathBuf,
    /// What its journal says.
    pub contents: Result<Contents, JournalError>,
    /// Its registration.
    pub registered: Option<Registered>,
}

/// Unfinished runs.
#[derive(Default)]
pub(super) struct FoundRuns {
    /// The newest first.
    pub runs: Vec<Unfinished>,
    /// What could not be looked at, in words.
    pub unreadable: Vec<String>,
}

impl Unfinished {
    fn of(folder: PathBuf, registered: Option<Registered>) -> Self {
        let contents = read_journal(&folder.join("journal.ndjson"));
        Self { folder, contents, registered }
    }

    /// Which account it is about, as far as that can be read.
    fn access(&self) -> Option<Access> {
        match (&self.contents, &self.registered) {
            (Ok(contents), _) => Some(contents.access.clone()),
            (Err(_), Some(registered)) => Some(registered.run.access.clone()),
            (Err(_), None) => access_of(&self.folder.join("journal.ndjson")),
        }
    }

    /// The environment file that it was begun with, where that is known.
    pub(super) fn environment_file(&self) -> Option<&Path> {
        self.registered.as_ref()?.run.environment_file.as_deref()
    }

    /// Its process on this machine, where that lives.
    pub(super) fn living(&self) -> Option<u32> {
        let process = &self.registered.as_ref()?.run.process;
        (!process.is_dead()).then_some(process.id)
    }

    /// Whether its journal is gone, or was never there.
    fn lacks_journal(&self) -> bool {
        matches!(&self.contents, Err(JournalError::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound)
    }

    /// Whether nothing of it is left, as far as its files tell.
    fn is_finished(&self) -> bool {
        let never_begun = match &self.contents {
            // The world of an embedded lab ended with its run.
            Ok(contents) => return contents.closed || contents.access.embedded,
            Err(JournalError::NeverBegun { .. }) => true,
            Err(_) => self.lacks_journal() && (self.registered.is_none() || self.has_touched_nothing()),
        };
        let embedded = self.access().is_some_and(|access| access.embedded);
        // One that lives may be about to begin.
        embedded || (never_begun && (self.registered.is_none() || self.living().is_none()))
    }

    /// A run writes its journal before its first change, and what it has changed to its event log. One that was killed before it had a journal
    /// has a log without changes.
    fn has_touched_nothing(&self) -> bool {
        let mut touched = false;
        let read = read_log(&self.folder.join("events.ndjson"), |record| {
            touched |= matches!(record.event, gameday_core::model::Event::Mutation(_));
        });
        read.is_ok() && !touched
    }

    /// Its registration is of no use any more.
    pub(super) fn forget(&self) {
        if let Some(registered) = &self.registered {
            registered.remove();
        }
    }

    /// In a word or two.
    pub(super) fn name(&self) -> String {
        match (&self.contents, &self.registered) {
            (Ok(contents), _) => contents.run_id.to_string(),
            (Err(_), Some(registered)) => registered.run.run.to_string(),
            (Err(_), None) => self.folder.display().to_string(),
        }
    }
}

/// The unfinished run of a folder, whatever is known of it.
pub(super) fn at(folder: &Path) -> Unfinished {
    let same = |registered: &Registered| registered.run.folder == absolute(folder);
    Unfinished::of(folder.to_owned(), registry::read().runs.into_iter().find(same))
}

/// As a registration names it, also where it is gone.
fn absolute(folder: &Path) -> PathBuf {
    folder.canonicalize().or_else(|_| std::path::absolute(folder)).unwrap_or_else(|_| folder.to_owned())
}

/// The unfinished runs that are registered and those in folders of runs.
pub(super) fn find(places: &[&Path]) -> FoundRuns {
    let registry = registry::read();
    let mut looked = FoundRuns { unreadable: registry.unreadable, ..FoundRuns::default() };
    let mut known = BTreeMap::new();
    for registered in registry.runs {
        known.insert(registered.run.folder.clone(), registered);
    }
    let mut folders: Vec<PathBuf> = Vec::new();
    for place in places {
        match std::fs::read_dir(place) {
            Ok(entries) => folders.extend(entries.filter_map(|entry| Some(entry.ok()?.path()))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => looked.unreadable.push(format!("{}: {error}", place.display())),
        }
    }
    folders.sort();
    folders.dedup();
    let mut runs: Vec<Unfinished> = Vec::new();
    for folder in folders.into_iter().rev().filter(|folder| folder.join("journal.ndjson").exists()) {
        let registered = known.remove(&absolute(&folder));
        runs.push(Unfinished::of(folder, registered));
    }
    runs.extend(known.into_values().map(|registered| Unfinished::of(registered.run.folder.clone(), Some(registered))));
    for run in runs {
        if run.is_finished() {
            run.forget();
        } else {
            looked.runs.push(run);
        }
    }
    // A run's ID begins with when it began.
    looked.runs.sort_by_key(|run| std::cmp::Reverse(run.name()));
    looked
}

/// Those under `reports/` and those that are registered.
pub(super) fn all() -> FoundRuns {
    find(&[Path::new(REPORTS)])
}

/// Where [`all`] looks.
pub(super) fn places() -> String {
    let reports = absolute(Path::new(REPORTS));
    let places = std::iter::once(reports).chain(registry::folders());
    places.map(|place| place.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// Refuses to begin while a run of the same environment is not restored: one that is registered, one where this run's folder goes, or one
/// under `reports/`.
pub(super) fn refuse(environment: &Environment, out: Option<&Path>) -> Result<(), Failure> {
    if environment.kind == EnvironmentKind::Lab && environment.primary.is_none() {
        // A world of its own.
        return Ok(());
    }
    let beside =
        out.and_then(Path::parent).map(|parent| if parent.as_os_str().is_empty() { Path::new(".") } else { parent });
    let places: Vec<&Path> = std::iter::once(Path::new(REPORTS)).chain(beside).collect();
    let name = &environment.name;
    // Labs have one name, and each is a world of its own. A journal has more endpoints than a file, which names only those that replace AWS's.
    let elsewhere = |access: &Access| {
        [&environment.primary, &environment.replica].into_iter().flatten().any(|region| {
            let known = access.endpoints.get(&region.region);
            region.endpoints.iter().any(|(service, url)| {
                known.and_then(|known| known.get(service)).is_some_and(|known| !is_same_url(known, url))
            })
        })
    };
    let same = |run: &Unfinished| run.access().is_none_or(|access| access.environment == *name && !elsewhere(&access));
    // One that lives elsewhere holds the lock, which decides.
    let own: Vec<PathBuf> = places.iter().map(|place| absolute(place)).collect();
    let is_here =
        |run: &Unfinished| absolute(&run.folder).parent().is_some_and(|parent| own.iter().any(|own| own == parent));
    let looked = find(&places);
    let found = looked.runs.iter().find(|run| same(run) && (run.living().is_none() || is_here(run)));
    let Some(run) = found else { return Ok(()) };
    let folder = shell_word(&run.folder);
    let what = match &run.contents {
        Ok(contents) => format!("run {} in `{name}` is not restored: {folder}", contents.run_id),
        Err(error) => format!("run {} may not be restored: {error}", run.name()),
    };
    let help = match run.living() {
        Some(process) => format!("It is still in progress, in process {process}: wait for it, or stop it with Ctrl-C"),
        None => format!(
            "If it is still in progress, wait for it. Otherwise restore what it changed: gameday rollback {folder}"
        ),
    };
    Err(Failure::with_help(format!("{what}. Nothing was changed"), help).coded(Exit::Refused))
}

fn is_same_url(one: &str, other: &str) -> bool {
    one.trim_end_matches('/') == other.trim_end_matches('/')
}
