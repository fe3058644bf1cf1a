//! Reading a journal, and whether it is whole.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Contents, END_FILE, Entry, FORMAT, JournalError, Line, link};
use crate::cloud::Access;
use gameday_core::model::sha256;

/// Reads a journal. A torn last line is left out and reported.
///
/// # Errors
/// [`JournalError`].
pub fn read(path: &Path) -> Result<Contents, JournalError> {
    parse(path).map(|read| read.contents)
}

/// Whole lines of a journal, the hash at the end of its chain, and whether it says that everything was restored.
///
/// # Errors
/// [`JournalError`].
pub fn chain(path: &Path) -> Result<(u64, String, bool), JournalError> {
    parse(path).map(|read| (read.lines, read.head, read.contents.closed))
}

/// Which account the first line of a journal is about, whatever is wrong with the others.
pub fn access_of(path: &Path) -> Option<Access> {
    let text = std::fs::read_to_string(path).ok()?;
    let line: Line = serde_json::from_str(text.lines().next()?).ok()?;
    match line.entry {
        Entry::Opened { access, .. } => Some(access),
        _ => None,
    }
}

pub(super) fn end_path(journal: &Path) -> PathBuf {
    journal.with_file_name(END_FILE)
}

/// How many lines the file beside a journal counts, and the last one's hash.
fn end_of(journal: &Path) -> Option<(u64, String)> {
    let text = std::fs::read_to_string(end_path(journal)).ok()?;
    let (lines, head) = text.trim().split_once(' ')?;
    Some((lines.parse().ok()?, head.to_owned()))
}

/// What tells that a journal which is empty or gone had something to say.
pub(super) fn lost(path: &Path) -> Option<JournalError> {
    let told = match (end_of(path), changes_in_events(path)) {
        (Some((lines, _)), _) if lines > 1 => format!("{END_FILE} next to it counts {lines} lines"),
        (_, changes) if changes > 0 => format!("events.ndjson next to it records {changes} changes"),
        _ => return None,
    };
    Some(JournalError::Lost { path: path.to_owned(), told })
}

/// How many changes the event log beside a journal tells of that were made and took effect.
fn changes_in_events(journal: &Path) -> usize {
    #[derive(Deserialize)]
    struct JournaledChange {
        event: String,
        #[serde(default)]
        step: String,
        #[serde(default)]
        error: Option<String>,
    }
    let Ok(file) = File::open(journal.with_file_name("events.ndjson")) else { return 0 };
    let lines = BufReader::new(file).split(b'\n').map_while(Result::ok);
    let changes = lines.filter_map(|line| serde_json::from_slice::<JournaledChange>(&line).ok());
    let made = |change: &JournaledChange| {
        change.event == "mutation" && matches!(change.step.as_str(), "prepare" | "cut") && change.error.is_none()
    };
    changes.filter(made).count()
}

pub(super) struct Parsed {
    pub contents: Contents,
    pub head: String,
    pub lines: u64,
    pub bytes: Vec<u8>,
}

pub(super) fn parse(path: &Path) -> Result<Parsed, JournalError> {
    let io = |source| JournalError::Io { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    match File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(lost(path).unwrap_or(io(error))),
        read => read.map_err(io)?,
    };
    if !bytes.contains(&b'\n') {
        return Err(lost(path).unwrap_or(JournalError::NeverBegun { path: path.to_owned() }));
    }
    let (mut hashes, mut entries, mut whole, mut torn) = (Vec::<String>::new(), Vec::new(), 0, false);
    for (index, raw) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let seq = index as u64;
        let line: Result<Line, String> = match raw.last() {
            Some(b'\n') => serde_json::from_slice(raw).map_err(|error| error.to_string()),
            _ => Err("the line is torn".to_owned()),
        };
        let line = line.and_then(|line| {
            let head = hashes.last().map_or("", String::as_str);
            let expected = link_as_written(head, seq, raw, &line).map_err(|error| error.to_string())?;
            if line.seq == seq && line.sha256 == expected {
                Ok(line)
            } else {
                Err("the checksum does not match".to_owned())
            }
        });
        match line {
            Ok(line) => {
                whole += raw.len();
                hashes.push(line.sha256);
                entries.push(line.entry);
            }
            Err(_) if whole + raw.len() == bytes.len() && index > 0 => torn = true,
            Err(reason) => return Err(JournalError::Damaged { path: path.to_owned(), line: index + 1, reason }),
        }
    }
    bytes.truncate(whole);
    let format = match entries.first() {
        Some(Entry::Opened { format, .. }) => *format,
        _ => 1,
    };
    let mut contents = fold(entries, torn).ok_or_else(|| JournalError::Damaged {
        path: path.to_owned(),
        line: 1,
        reason: "it is not the first entry of a journal".to_owned(),
    })?;
    contents.incomplete = missing_end(path, format, &hashes, &contents);
    let lines = hashes.len() as u64;
    Ok(Parsed { contents, head: hashes.pop().unwrap_or_default(), lines, bytes })
}

/// Why it is not certain that a journal is whole.
fn missing_end(path: &Path, format: u32, hashes: &[String], contents: &Contents) -> Option<String> {
    if format < FORMAT {
        // Before it had an end of its own, the event log was the only witness.
        let (told, known) = (changes_in_events(path), contents.actions.len());
        let more = told > known && !contents.closed;
        return more.then(|| format!("events.ndjson records {told} changes, the journal {known}"));
    }
    let have = hashes.len() as u64;
    match end_of(path) {
        None => Some(format!("{END_FILE}, which records its end, is missing or damaged")),
        Some((lines, _)) if lines > have => Some(format!("it has {have} lines instead of {lines}")),
        Some((lines, head)) => {
            let index = usize::try_from(lines).ok().and_then(|lines| lines.checked_sub(1));
            let same = index.and_then(|index| hashes.get(index)).is_some_and(|hash| *hash == head);
            (!same).then(|| "it differs from the journal that its run wrote".to_owned())
        }
    }
}

fn fold(entries: Vec<Entry>, torn: bool) -> Option<Contents> {
    let mut entries = entries.into_iter();
    let Some(Entry::Opened { run_id, access, .. }) = entries.next() else { return None };
    let mut contents = Contents { torn, ..Contents::new(run_id, access) };
    for entry in entries {
        if matches!(entry, Entry::Opened { .. }) || !contents.take(entry) {
            return None;
        }
    }
    Some(contents)
}

/// The hash of a line as it was written: an older version's text of an entry may lack fields that this one adds.
fn link_as_written(previous: &str, seq: u64, raw: &[u8], line: &Line) -> std::io::Result<String> {
    let text = std::str::from_utf8(raw).map_err(std::io::Error::other)?;
    let begin = format!("{{\"seq\":{seq},\"entry\":");
    let end = format!(",\"sha256\":\"{}\"}}\n", line.sha256);
    match text.strip_prefix(&begin).and_then(|rest| rest.strip_suffix(&end)) {
        Some(entry) => Ok(sha256(format!("{previous}{seq}{entry}").as_bytes())),
        None => link(previous, seq, &line.entry),
    }
}
