use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::EvidenceError;
use crate::faults::{self, JournalError};
use gameday_core::model::{Event, Record, RunStarted, Sha256, read_log};

/// The manifest's name in the archive.
pub const MANIFEST: &str = "manifest.json";
/// The same hashes as `sha256sum --check` takes them.
pub const SUMS: &str = "SHA256SUMS";
/// Of the manifest's format.
pub(super) const MANIFEST_VERSION: u32 = 1;

/// What an archive holds, and of which run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Of this format.
    pub schema_version: u32,
    /// The run.
    pub run_id: String,
    /// The GameDay that made the run.
    pub tool_version: String,
    /// The scenario's name.
    pub scenario: String,
    /// SHA-256 of the scenario file.
    pub scenario_sha256: String,
    /// The environment's name.
    pub environment: String,
    /// `aws` or `lab`.
    pub environment_kind: String,
    /// SHA-256 of the environment file.
    pub environment_sha256: String,
    /// Who made the run, by `sts:GetCallerIdentity`; nothing where nobody was asked.
    pub caller: Option<CallerIdentity>,
    /// The first record's time.
    pub started_at: Timestamp,
    /// The last record's time.
    pub ended_at: Timestamp,
    /// The journal's chain of hashes; nothing for a run that changed nothing.
    pub journal: Option<Chain>,
    /// Every other file, by name.
    pub files: Vec<ManifestEntry>,
}

/// An identity in AWS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallerIdentity {
    /// The account.
    pub account: String,
    /// The principal.
    pub arn: String,
}

/// The end of the journal's chain: whoever keeps it can tell later that no line before it was changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// Whole lines.
    pub lines: u64,
    /// The last line's hash, which depends on all before it.
    pub head_sha256: String,
    /// Whether it says that everything was restored.
    pub closed: bool,
}

/// A file of the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestEntry {
    /// Its name.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// Of its content.
    pub sha256: String,
}

impl Manifest {
    /// Of a run's folder and the names of its files.
    pub(super) fn of(folder: &Path, names: &[String]) -> Result<Self, EvidenceError> {
        let log = folder.join("events.ndjson");
        let no_run = |reason: String| EvidenceError::NoRun { path: folder.to_owned(), reason };
        let RunIdentity { run, caller, first, last, changes } = told(&log).map_err(no_run)?;
        let journal = chain(folder).map_err(|error| no_run(error.to_string()))?;
        if journal.is_none() && changes > 0 {
            return Err(no_run(format!(
                "its event log records {changes} changes, but journal.ndjson is missing or empty"
            )));
        }
        let entry = |name: &String| {
            let path = folder.join(name);
            let (bytes, sha256) = File::open(&path).and_then(hash).map_err(EvidenceError::io(path))?;
            Ok(ManifestEntry { name: name.clone(), bytes, sha256 })
        };
        Ok(Self {
            schema_version: MANIFEST_VERSION,
            run_id: run.run_id.to_string(),
            tool_version: run.tool_version,
            scenario: run.scenario_name,
            scenario_sha256: run.scenario_sha256,
            environment: run.environment_name,
            environment_kind: run.environment_kind,
            environment_sha256: run.environment_sha256,
            caller,
            started_at: first,
            ended_at: last,
            journal,
            files: names.iter().map(entry).collect::<Result<_, EvidenceError>>()?,
        })
    }

    /// As it is written.
    pub fn text(&self) -> String {
        // Plain strings and numbers always serialise.
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// For `sha256sum --check`.
    pub fn sums(&self) -> String {
        self.files.iter().fold(String::new(), |mut text, file| {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{}  {}", file.sha256, file.name);
            text
        })
    }
}

/// What the event log says of its run.
struct RunIdentity {
    run: RunStarted,
    caller: Option<CallerIdentity>,
    first: Timestamp,
    last: Timestamp,
    /// Calls that changed something, each of which is in the journal too.
    changes: u64,
}

fn told(log: &Path) -> Result<RunIdentity, String> {
    let (mut found, mut caller, mut last, mut changes) = (None, None, None, 0);
    read_log(log, |Record { at, event, .. }| {
        last = Some(at);
        match event {
            Event::RunStarted(run) if found.is_none() => found = Some((*run, at)),
            Event::Caller { account, arn } if caller.is_none() => caller = Some(CallerIdentity { account, arn }),
            Event::Mutation(_) => changes += 1,
            _ => {}
        }
    })
    .map_err(|error| error.to_string())?;
    let (run, first) = found.ok_or("its event log does not start with `run_started`")?;
    Ok(RunIdentity { run, caller, first, last: last.unwrap_or(first), changes })
}

/// The chain of a folder's journal.
pub(super) fn chain(folder: &Path) -> Result<Option<Chain>, JournalError> {
    let path = folder.join("journal.ndjson");
    if !path.exists() {
        return Ok(None);
    }
    match faults::chain(&path) {
        Ok((lines, head_sha256, closed)) => Ok(Some(Chain { lines, head_sha256, closed })),
        Err(JournalError::NeverBegun { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Length and hash of what is left to read.
pub(super) fn hash(mut from: impl Read) -> io::Result<(u64, String)> {
    copy(&mut from, &mut io::sink())
}

/// Copies, with length and hash of what went by.
pub(super) fn copy(from: &mut impl Read, to: &mut impl Write) -> io::Result<(u64, String)> {
    let (mut sha256, mut bytes) = (Sha256::default(), 0);
    let mut block = vec![0; 1 << 16];
    loop {
        let read = match from.read(&mut block) {
            Ok(0) => return Ok((bytes, sha256.finish())),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        sha256.update(&block[..read]);
        to.write_all(&block[..read])?;
        bytes += read as u64;
    }
}

/// The files of a run's folder by name. What would be left out, or would change its name, is an error.
pub(super) fn files(folder: &Path) -> Result<Vec<String>, EvidenceError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(EvidenceError::io(folder))? {
        let entry = entry.map_err(EvidenceError::io(folder))?;
        let no_file = |reason| EvidenceError::NoFile { path: entry.path(), reason };
        if !entry.file_type().map_err(EvidenceError::io(entry.path()))?.is_file() {
            return Err(no_file("it is not a regular file"));
        }
        let name = entry.file_name().into_string().map_err(|_| no_file("its name is not UTF-8"))?;
        if name != MANIFEST && name != SUMS {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}
