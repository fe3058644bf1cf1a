//! Journals of runs that never said that everything was restored.

use std::path::{Path, PathBuf};

use crate::faults::{Contents, JournalError, read_journal};

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
            Err(error) => !matches!(error, JournalError::NeverBegun { .. }),
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
    let same = found.into_iter().find(|run| match &run.contents {
        Ok(contents) => contents.access.environment == environment,
        Err(_) => true,
    });
    let Some(run) = same else { return Ok(()) };
    let folder = run.folder.display();
    let what = match run.contents {
        Ok(contents) => format!("{} in `{environment}` is not restored: {folder}", contents.run_id),
        Err(error) => format!("an earlier run may not be restored: {error}"),
    };
    let help = format!("If it is still going on, wait for it. Else put back what it left: gameday rollback {folder}");
    Err(Failure::with_help(format!("{what}. Nothing was touched"), help).coded(Exit::Refused))
}
