//! What the version before this one wrote is still read: the log and the journal of a run of its own, as it left them.

use std::fs;
use std::path::{Path, PathBuf};

use gameday::faults::{JournalError, read_journal};

use crate::support::{gameday, json};

/// What its report said of the logins, and of the changes.
const ATTEMPTED: u64 = 325;
const CHANGES: usize = 12;

fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/predecessor")
}

/// A copy, since commands write beside what they read.
fn copied() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["events.ndjson.zst", "journal.ndjson"] {
        fs::copy(committed().join(name), folder.path().join(name)).unwrap();
    }
    folder
}

#[test]
fn its_log_is_reported() {
    let folder = copied();
    let done = gameday().arg("report").arg(folder.path()).output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let run = json(&folder.path().join("run.json"));
    assert_eq!(run["run_id"], "gd-20261128t212919z-31bdbc");
    assert_eq!(run["schema_version"], 2, "its log is of version 1");
    assert_eq!(run["logins"]["attempted"], ATTEMPTED);
    assert_eq!((&run["rollback"]["mutations"], &run["rollback"]["reverted"]), (&CHANGES.into(), &CHANGES.into()));
    let report = fs::read_to_string(folder.path().join("report.md")).unwrap();
    assert!(report.contains("A retry storm meets the replica"), "{report}");
}

#[test]
fn its_journal_is_read() {
    let contents = read_journal(&committed().join("journal.ndjson")).unwrap();
    assert!(contents.closed && contents.incomplete.is_none(), "{:?}", contents.incomplete);
    assert_eq!(contents.actions.len(), CHANGES);
    assert!(contents.actions.iter().all(|recorded| recorded.reverted));
}

/// It does not know its own end: what its log tells of more is missing.
#[test]
fn its_journal_that_lost_its_end_is_incomplete() {
    let folder = copied();
    let (path, log) = (folder.path().join("journal.ndjson"), folder.path().join("events.ndjson"));
    // A run that was killed has not compressed its log.
    let compressed = fs::File::open(committed().join("events.ndjson.zst")).unwrap();
    fs::write(log, zstd::decode_all(compressed).unwrap()).unwrap();
    let whole = fs::read_to_string(&path).unwrap();
    let end = whole.lines().position(|line| line.contains("\"reverted\"")).unwrap();
    let prefix = |lines: usize| whole.lines().take(lines).flat_map(|line| [line, "\n"]).collect::<String>();
    fs::write(&path, prefix(end)).unwrap();
    let contents = read_journal(&path).unwrap();
    assert_eq!((contents.closed, contents.incomplete, contents.actions.len()), (false, None, CHANGES));
    fs::write(&path, prefix(end / 2)).unwrap();
    let contents = read_journal(&path).unwrap();
    assert!(contents.incomplete.is_some() && !contents.closed && contents.actions.len() < CHANGES);
    fs::write(&path, "").unwrap();
    assert!(matches!(read_journal(&path), Err(JournalError::Damaged { .. } | JournalError::Lost { .. })));
}
