//! Journals of runs that never said that everything was restored.

use std::path::{Path, PathBuf};

use crate::cloud::Access;
use crate::faults::{Contents, JournalError, access_of, read_journal};

use super::{Exit, Failure};

/// Where runs are kept that name no folder.
const REPORTS: &str = "reports";

/// A run that has something to put back, or whose journal cannot tell.
pub struct Unfinished {
    /// The run's folder.
    pub folder: PathBuf,
    /// What its journal says.
    pub contents: Result<Contents, JournalError>,
}

impl Unfinished {
    /// Which account it is about, as far as that can be read.
    fn access(&self) -> Option<Access> {
        match &self.contents {
            Ok(contents) => Some(contents.access.clone()),
            Err(_) => access_of(&self.folder.join("journal.ndjson")),
        }
    }
}

/// The unfinished runs in a folder of runs, the newest first.
pub fn find(runs: &Path) -> Vec<Unfinished> {
    let entries = std::fs::read_dir(runs).into_iter().flatten();
    let mut folders: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    folders.sort();
    let unfinished = folders.into_iter().rev().filter_map(|folder| {
        let path = folder.join("journal.ndjson");
        path.exists().then(|| Unfinished { contents: read_journal(&path), folder })
    });
    unfinished
        .filter(|run| match &run.contents {
            // The world of an embedded lab ended with its run.
            Ok(contents) => !contents.closed && !contents.access.embedded,
            Err(JournalError::NeverBegun { .. }) => false,
            Err(_) => run.access().is_none_or(|access| !access.embedded),
        })
        .collect()
}

/// Those under `reports/`.
pub fn of_reports() -> Vec<Unfinished> {
    find(Path::new(REPORTS))
}

/// Refuses to begin while a run of the same environment is not restored, where this run's folder goes or under
/// `reports/`.
pub fn refuse(environment: &str, out: Option<&Path>) -> Result<(), Failure> {
    let beside =
        out.and_then(Path::parent).map(|parent| if parent.as_os_str().is_empty() { Path::new(".") } else { parent });
    let mut found = of_reports();
    found.extend(beside.into_iter().flat_map(find));
    let same = found.into_iter().find(|run| run.access().is_none_or(|access| access.environment == environment));
    let Some(run) = same else { return Ok(()) };
    let folder = run.folder.display();
    let what = match run.contents {
        Ok(contents) => format!("{} in `{environment}` is not restored: {folder}", contents.run_id),
        Err(error) => format!("an earlier run may not be restored: {error}"),
    };
    let help = format!("If it is still going on, wait for it. Else put back what it left: gameday rollback {folder}");
    Err(Failure::with_help(format!("{what}. Nothing was touched"), help).coded(Exit::Refused))
}
