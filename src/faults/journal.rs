//! The journal: what a run was about to change, written and synced before it changes it. Everything
//! that a restore needs is in it.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::cloud::Access;
use crate::model::{Region, RunId, sha256};

use super::action::Action;
use super::change::Applied;
use super::crash::crash_point;

/// Below this much free space a run does not start: a journal that cannot be written would leave
/// changes without a record. A run of 200 subnets writes less than 1 MiB.
const FREE_BYTES_NEEDED: u64 = 16 << 20;

/// One line of `journal.ndjson`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Line {
    seq: u64,
    entry: Entry,
    /// SHA-256 over the previous line's `sha256` and this line's `seq` and `entry`.
    sha256: String,
}

/// What a line says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub enum Entry {
    /// The first line.
    Opened {
        /// The run, as the tags on what it makes say.
        run_id: RunId,
        /// How to reach the account again.
        access: Access,
        /// When, in scenario time.
        at: Timestamp,
    },
    /// An action is about to be made.
    Intent {
        /// Its number.
        id: u64,
        /// Where.
        region: Region,
        /// What.
        action: Action,
    },
    /// An action was answered.
    Outcome {
        /// Its number.
        id: u64,
        /// What it made; the error's text where it failed.
        result: Result<Applied, String>,
    },
    /// An action was reverted, or needs no revert.
    Reverted {
        /// Its number.
        id: u64,
        /// What was found: reverted now, was already, or left to a human who changed it.
        how: String,
    },
    /// Everything was restored; nothing is left to do.
    Closed,
}

/// An action as the journal knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// Its number.
    pub id: u64,
    /// Where.
    pub region: Region,
    /// What.
    pub action: Action,
    /// What it made, where the answer came.
    pub applied: Option<Applied>,
    /// Whether it was not made or was refused, as far as its last try tells; a restore looks all the same.
    pub refused: bool,
}

/// What a journal says, read back.
#[derive(Debug, Clone, PartialEq)]
pub struct Contents {
    /// The run.
    pub run_id: RunId,
    /// How to reach the account again.
    pub access: Access,
    /// Its actions, in order.
    pub actions: Vec<Recorded>,
    /// Whether everything was restored.
    pub closed: bool,
    /// Whether the last line was torn by a crash.
    pub torn: bool,
}

/// The journal could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The file system refused.
    #[error("the journal {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Too little space to keep a record of what a run changes.
    #[error("only {free} bytes are free at {path}; a run needs {FREE_BYTES_NEEDED} to keep its journal")]
    NoSpace {
        /// The folder.
        path: PathBuf,
        /// Free bytes.
        free: u64,
    },
    /// A run that goes on writes it.
    #[error("the journal {path} belongs to a run that is still going on: stop that run instead, with Ctrl-C")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// It has no whole line: the run ended before it could change anything, since the first line is on disk before the
    /// first call.
    #[error("the journal {path} was never begun: its run has changed nothing")]
    NeverBegun {
        /// The file.
        path: PathBuf,
    },
    /// A line before the last was changed or damaged.
    #[error("the journal {path}, line {line}: {reason}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// Why.
        reason: String,
    },
}

/// An open journal.
#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    file: File,
    seq: u64,
    head: String,
    next_id: u64,
    /// Bytes of whole lines.
    length: u64,
}

impl Journal {
    /// Creates a journal, with its first line on disk, before anything is changed.
    ///
    /// # Errors
    /// [`JournalError::NoSpace`], [`JournalError::Io`] also when the file is there already.
    pub fn create(path: &Path, run_id: RunId, access: Access, at: Timestamp) -> Result<Self, JournalError> {
        let io = |source| JournalError::Io { path: path.to_owned(), source };
        let folder = path.parent().unwrap_or(Path::new("."));
        let stat = rustix::fs::statvfs(folder).map_err(|error| io(error.into()))?;
        let free = stat.f_bavail.saturating_mul(stat.f_frsize);
        if free < FREE_BYTES_NEEDED {
            return Err(JournalError::NoSpace { path: folder.to_owned(), free });
        }
        let file = OpenOptions::new().append(true).create_new(true).open(path).map_err(io)?;
        claim(&file, path)?;
        let state = State { file, seq: 0, head: String::new(), next_id: 0, length: 0 };
        let journal = Self { path: path.to_owned(), state: Mutex::new(state) };
        journal.append(vec![Entry::Opened { run_id, access, at }])?;
        // The file's name must be on disk too.
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(io)?;
        Ok(journal)
    }

    /// A journal that no file keeps: where none can be written, nothing may delay a restore.
    ///
    /// # Errors
    /// [`JournalError::Io`] where there is no memory.
    pub fn in_memory(run_id: RunId, access: Access, at: Timestamp) -> Result<Self, JournalError> {
        use std::os::fd::AsRawFd;
        let io = |error: rustix::io::Errno| JournalError::Io { path: "(memory)".into(), source: error.into() };
        let file = File::from(rustix::fs::memfd_create("journal", rustix::fs::MemfdFlags::CLOEXEC).map_err(io)?);
        let path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
        let state = State { file, seq: 0, head: String::new(), next_id: 0, length: 0 };
        let journal = Self { path, state: Mutex::new(state) };
        journal.append(vec![Entry::Opened { run_id, access, at }])?;
        Ok(journal)
    }

    /// Opens a journal to go on with it: a torn last line is cut off. One that cannot be written is read all the same, since nothing may
    /// delay a restore; what is done then cannot be recorded.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn reopen(path: &Path) -> Result<(Self, Contents), JournalError> {
        let io = |source| JournalError::Io { path: path.to_owned(), source };
        let (file, writable) = match OpenOptions::new().append(true).open(path) {
            Ok(file) => (file, true),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(io(error)),
            Err(_) => (File::open(path).map_err(io)?, false),
        };
        claim(&file, path)?;
        let read = parse(path)?;
        if writable {
            // What is torn stays where it cannot be cut off; the next write tries again.
            let _ = file.set_len(read.whole_bytes);
        }
        let next_id = read.contents.actions.iter().map(|action| action.id + 1).max().unwrap_or(0);
        let state = State { file, seq: read.lines, head: read.head, next_id, length: read.whole_bytes };
        Ok((Self { path: path.to_owned(), state: Mutex::new(state) }, read.contents))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the intents of a batch and syncs once; gives their numbers.
    ///
    /// # Errors
    /// [`JournalError::Io`]: nothing of the batch may be made then.
    pub fn intend(&self, actions: &[&(Region, Action)]) -> Result<Vec<u64>, JournalError> {
        let first = {
            let mut state = self.lock();
            let first = state.next_id;
            state.next_id += actions.len() as u64;
            first
        };
        let entries = (first..).zip(actions).map(|(id, (region, action))| Entry::Intent {
            id,
            region: region.clone(),
            action: action.clone(),
        });
        self.append(entries.collect())?;
        Ok((first..first + actions.len() as u64).collect())
    }

    /// Writes the outcome of an action.
    ///
    /// # Errors
    /// [`JournalError::Io`].
    pub fn outcome(&self, id: u64, result: Result<Applied, String>) -> Result<(), JournalError> {
        self.append(vec![Entry::Outcome { id, result }])
    }

    /// Writes that actions need no revert any more.
    ///
    /// # Errors
    /// [`JournalError::Io`].
    pub fn reverted(&self, ids: &[(u64, String)]) -> Result<(), JournalError> {
        self.append(ids.iter().map(|(id, how)| Entry::Reverted { id: *id, how: how.clone() }).collect())
    }

    /// Writes that nothing is left to do.
    ///
    /// # Errors
    /// [`JournalError::Io`].
    pub fn close(&self) -> Result<(), JournalError> {
        self.append(vec![Entry::Closed])
    }

    /// What it says so far.
    ///
    /// # Errors
    /// [`JournalError`].
    pub fn contents(&self) -> Result<Contents, JournalError> {
        read(&self.path)
    }

    fn append(&self, entries: Vec<Entry>) -> Result<(), JournalError> {
        let io = |source| JournalError::Io { path: self.path.clone(), source };
        let mut state = self.lock();
        let mut bytes = Vec::new();
        let (mut seq, mut head) = (state.seq, state.head.clone());
        for entry in entries {
            head = link(&head, seq, &entry).map_err(io)?;
            let line = Line { seq, entry, sha256: head.clone() };
            serde_json::to_writer(&mut bytes, &line).map_err(|error| io(error.into()))?;
            bytes.push(b'\n');
            seq += 1;
        }
        // What a full disk took of a line earlier must not run into this one: a journal damaged in its middle
        // cannot be restored from, while a torn last line can.
        if state.file.metadata().map_err(io)?.len() != state.length {
            state.file.set_len(state.length).map_err(io)?;
        }
        crash_point("journal", "before");
        if let Err(error) = state.file.write_all(&bytes).and_then(|()| state.file.sync_data()) {
            // Whole lines of what was refused must not be read back: nothing of it is done, and no later line may
            // refer to it. Where not even this can be done, the next write does it.
            let _ = state.file.set_len(state.length);
            return Err(io(error));
        }
        crash_point("journal", "after");
        state.length += bytes.len() as u64;
        state.seq = seq;
        state.head = head;
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Two writers would break the chain, and a rollback beside its run would undo what the run is just making. The claim
/// ends with the process, however that ends.
fn claim(file: &File, path: &Path) -> Result<(), JournalError> {
    match rustix::fs::flock(file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        // A file system without locks: the lock on the VPC keeps other runs away all the same.
        Ok(()) | Err(rustix::io::Errno::NOSYS | rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOLCK) => Ok(()),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(JournalError::InUse { path: path.to_owned() }),
        Err(error) => Err(JournalError::Io { path: path.to_owned(), source: error.into() }),
    }
}

/// Reads a journal. A torn last line is left out and reported.
///
/// # Errors
/// [`JournalError::Io`] or [`JournalError::Damaged`].
pub fn read(path: &Path) -> Result<Contents, JournalError> {
    parse(path).map(|read| read.contents)
}

/// Whole lines of a journal, the hash at the end of its chain, and whether it says that everything was restored.
///
/// # Errors
/// [`JournalError::Io`] or [`JournalError::Damaged`].
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

struct Parsed {
    contents: Contents,
    head: String,
    lines: u64,
    whole_bytes: u64,
}

fn parse(path: &Path) -> Result<Parsed, JournalError> {
    let io = |source| JournalError::Io { path: path.to_owned(), source };
    let mut bytes = Vec::new();
    File::open(path).and_then(|mut file| file.read_to_end(&mut bytes)).map_err(io)?;
    if !bytes.contains(&b'\n') {
        return Err(JournalError::NeverBegun { path: path.to_owned() });
    }
    let (mut head, mut entries, mut whole, mut torn) = (String::new(), Vec::new(), 0, false);
    for (index, raw) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let seq = index as u64;
        let line: Result<Line, String> = match raw.last() {
            Some(b'\n') => serde_json::from_slice(raw).map_err(|error| error.to_string()),
            _ => Err("the line is torn".to_owned()),
        };
        let line = line.and_then(|line| {
            let expected = link(&head, seq, &line.entry).map_err(|error| error.to_string())?;
            if line.seq == seq && line.sha256 == expected {
                Ok(line)
            } else {
                Err("the checksum does not match".to_owned())
            }
        });
        match line {
            Ok(line) => {
                whole += raw.len() as u64;
                head = line.sha256;
                entries.push(line.entry);
            }
            Err(_) if whole + raw.len() as u64 == bytes.len() as u64 && index > 0 => torn = true,
            Err(reason) => return Err(JournalError::Damaged { path: path.to_owned(), line: index + 1, reason }),
        }
    }
    let lines = entries.len() as u64;
    let contents = fold(entries, torn).ok_or_else(|| JournalError::Damaged {
        path: path.to_owned(),
        line: 1,
        reason: "it does not begin a journal".to_owned(),
    })?;
    Ok(Parsed { contents, head, lines, whole_bytes: whole })
}

fn fold(entries: Vec<Entry>, torn: bool) -> Option<Contents> {
    let mut entries = entries.into_iter();
    let Some(Entry::Opened { run_id, access, .. }) = entries.next() else { return None };
    let mut contents = Contents { run_id, access, actions: Vec::new(), closed: false, torn };
    for entry in entries {
        let known = |id: u64, actions: &mut Vec<Recorded>| actions.iter().position(|action| action.id == id);
        match entry {
            Entry::Opened { .. } => return None,
            Entry::Intent { id, region, action } => {
                contents.actions.push(Recorded { id, region, action, applied: None, refused: false });
            }
            Entry::Outcome { id, result } => {
                let index = known(id, &mut contents.actions)?;
                match result {
                    Ok(applied) => contents.actions[index].applied = Some(applied),
                    Err(_) => contents.actions[index].refused = true,
                }
            }
            // A record for readers: a restore reads live state, whatever was reverted before.
            Entry::Reverted { .. } => {}
            Entry::Closed => contents.closed = true,
        }
    }
    Some(contents)
}

fn link(previous: &str, seq: u64, entry: &Entry) -> std::io::Result<String> {
    let text = serde_json::to_string(entry)?;
    Ok(sha256(format!("{previous}{seq}{text}").as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access() -> Access {
        Access { environment: "test".to_owned(), ..Access::default() }
    }

    fn written(folder: &Path) -> PathBuf {
        let path = folder.join("journal.ndjson");
        let journal = Journal::create(&path, RunId::from("gd-1"), access(), Timestamp::UNIX_EPOCH).unwrap();
        let swap = Action::Swap(crate::faults::changes::network_acl::Swap {
            vpc: "vpc-1".into(),
            subnet: "subnet-1".into(),
            original: "acl-1".into(),
            clone: "0/acl-1".into(),
        });
        let ids = journal.intend(&[&(Region::from("us-east-1"), swap)]).unwrap();
        journal.outcome(ids[0], Ok(Applied::default())).unwrap();
        path
    }

    #[test]
    fn every_truncation_of_the_last_record_is_recognised_and_can_be_written_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path());
        let whole = std::fs::read(&path).unwrap();
        let last = whole[..whole.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
        for length in last + 1..whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            let contents = read(&path).unwrap();
            assert!(contents.torn && contents.actions[0].applied.is_none(), "cut at byte {length}");
            let (journal, _) = Journal::reopen(&path).unwrap();
            journal.close().unwrap();
            let contents = read(&path).unwrap();
            assert!(contents.closed && !contents.torn);
        }
    }

    #[test]
    fn a_changed_line_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path());
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("subnet-1", "subnet-2")).unwrap();
        assert!(matches!(read(&path), Err(JournalError::Damaged { line: 2, .. })));
    }

    #[test]
    fn what_a_full_disk_left_of_a_line_does_not_run_into_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path());
        let (journal, _) = Journal::reopen(&path).unwrap();
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"seq\":3,\"entry").unwrap();
        assert!(read(&path).unwrap().torn, "a restore can read it as it is");
        journal.close().unwrap();
        let contents = read(&path).unwrap();
        assert!(contents.closed && !contents.torn && contents.actions.len() == 1);
    }
}
