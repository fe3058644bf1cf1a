//! The journal: what a run was about to change, written and synced before it changes it. Everything
//! that a restore needs is in it.
//!
//! It proves its own end: how many lines it has, and the hash of the last one, stand in a file beside it. What a living run wrote, it also
//! knows: it restores from memory, whatever becomes of the files.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::cloud::Access;
use gameday_core::model::{Region, RunId, sha256};
use gameday_protocols::timer;

use super::action::Action;
use super::change::Applied;
use super::crash::crash_point;

mod read;

pub use read::{access_of, chain, read};
use read::{end_path, lost, parse};

/// Below this much free space a run does not start: a journal that cannot be written would leave
/// changes without a record. A run of 200 subnets writes less than 1 MiB.
const FREE_BYTES_NEEDED: u64 = 16 << 20;

/// The version of the journal that this program writes. From 2 on a journal has its end beside it.
const FORMAT: u32 = 2;
/// The file beside a journal that holds its end.
const END_FILE: &str = "journal.head";

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
pub(super) enum Entry {
    /// The first line.
    Opened {
        /// The run, as the tags on what it makes say.
        run_id: RunId,
        /// How to reach the account again.
        access: Access,
        /// When, in scenario time.
        at: Timestamp,
        /// The journal's version; 1 where it is not there.
        #[serde(default = "first_format")]
        format: u32,
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

fn first_format() -> u32 {
    1
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
    /// Whether its revert was answered since it was made.
    pub reverted: bool,
}

impl Recorded {
    /// Whether nobody knows whether its call took effect, or still will.
    pub fn unanswered(&self) -> bool {
        self.applied.is_none() && !self.refused
    }
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
    /// Why it is not certain that these are all actions; nothing where it is.
    pub incomplete: Option<String>,
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
    #[error("the journal {path} belongs to a run that is still in progress: stop that run with Ctrl-C instead")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// It has no whole line: the run ended before it could change anything, since the first line is on disk before the
    /// first call.
    #[error("the journal {path} has no entry: its run has changed nothing")]
    NeverBegun {
        /// The file.
        path: PathBuf,
    },
    /// It is empty or gone, although its run has changed something.
    #[error("the journal {path} is empty or missing, but {told}. Search the account for the changes that the run left")]
    Lost {
        /// The file.
        path: PathBuf,
        /// What tells of changes.
        told: String,
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

/// A request to write, and whom to tell.
type Waiting = (Vec<Entry>, oneshot::Sender<Result<(), JournalError>>);

/// An open journal.
#[derive(Debug, Clone)]
pub struct Journal {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    /// Whether another process wrote it before.
    resumed: bool,
    state: Mutex<JournalState>,
    /// Entries that wait for the next write, each with whom to tell.
    waiting: Mutex<Vec<Waiting>>,
}

#[derive(Debug)]
struct JournalState {
    file: File,
    /// Where the end is kept; nothing where that file could not be opened.
    end: Option<File>,
    head: String,
    next_id: u64,
    /// Its whole lines.
    bytes: Vec<u8>,
    /// How many they are.
    seq: u64,
    /// What they say, and what could not be written.
    contents: Contents,
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
        lock_file(&file, path)?;
        let end = OpenOptions::new().write(true).create(true).truncate(true).open(end_path(path)).map_err(io)?;
        let contents = Contents::new(run_id.clone(), access.clone());
        let state =
            JournalState { file, end: Some(end), head: String::new(), next_id: 0, bytes: Vec::new(), seq: 0, contents };
        let journal = Self { inner: Arc::new(Inner::new(path, false, state)) };
        journal.inner.append(vec![Entry::Opened { run_id, access, at, format: FORMAT }])?;
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
        let contents = Contents::new(run_id.clone(), access.clone());
        let state =
            JournalState { file, end: None, head: String::new(), next_id: 0, bytes: Vec::new(), seq: 0, contents };
        let journal = Self { inner: Arc::new(Inner::new(&path, false, state)) };
        journal.inner.append(vec![Entry::Opened { run_id, access, at, format: FORMAT }])?;
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
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(lost(path).unwrap_or(io(error))),
            Err(_) => (File::open(path).map_err(io)?, false),
        };
        lock_file(&file, path)?;
        let read = parse(path)?;
        if writable {
            // What is torn stays where it cannot be cut off; the next write tries again.
            let _ = file.set_len(read.bytes.len() as u64);
        }
        let next_id = read.contents.actions.iter().map(|action| action.id + 1).max().unwrap_or(0);
        // The end of an incomplete journal stays as it is, to go on saying so.
        let end = OpenOptions::new().write(true).open(end_path(path)).ok();
        let end = end.filter(|_| read.contents.incomplete.is_none());
        let contents = read.contents.clone();
        let state = JournalState {
            file,
            end,
            head: read.head,
            next_id,
            bytes: read.bytes,
            seq: read.lines,
            contents: read.contents,
        };
        Ok((Self { inner: Arc::new(Inner::new(path, true, state)) }, contents))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// Writes the intents of a batch and syncs once; gives their numbers.
    ///
    /// # Errors
    /// [`JournalError::Io`]: nothing of the batch may be made then.
    pub fn intend(&self, actions: &[&(Region, Action)]) -> Result<Vec<u64>, JournalError> {
        let (ids, entries) = self.inner.numbered(actions);
        self.inner.append(entries)?;
        Ok(ids)
    }

    /// The same, on a thread where waiting for a disk keeps nobody from working.
    ///
    /// # Errors
    /// [`JournalError::Io`]: nothing of the batch may be made then.
    pub async fn record_intents(&self, actions: &[&(Region, Action)]) -> Result<Vec<u64>, JournalError> {
        let (ids, entries) = self.inner.numbered(actions);
        self.record(entries).await?;
        Ok(ids)
    }

    /// Writes the outcome of an action. The journal knows it even where it cannot be written.
    ///
    /// # Errors
    /// [`JournalError::Io`].
    pub async fn record_outcome(&self, id: u64, result: Result<Applied, String>) -> Result<(), JournalError> {
        self.record(vec![Entry::Outcome { id, result }]).await
    }

    /// Writes that reverts were answered. The journal knows it even where it cannot be written.
    ///
    /// # Errors
    /// [`JournalError::Io`].
    pub async fn record_reverts(&self, ids: &[(u64, String)]) -> Result<(), JournalError> {
        self.record(ids.iter().map(|(id, how)| Entry::Reverted { id: *id, how: how.clone() }).collect()).await
    }

    /// Writes entries together with whatever else waits: one sync for all.
    async fn record(&self, entries: Vec<Entry>) -> Result<(), JournalError> {
        if entries.is_empty() {
            return Ok(());
        }
        let (sender, receiver) = oneshot::channel();
        guard(&self.inner.waiting).push((entries, sender));
        let inner = Arc::clone(&self.inner);
        // Whoever waits hears what became of it by the channel, since one flush may write for many.
        drop(timer::compute(move || inner.flush()).await);
        let gone = || JournalError::Io {
            path: self.inner.path.clone(),
            source: std::io::Error::other("the runtime ended before it was written"),
        };
        receiver.await.unwrap_or_else(|_| Err(gone()))
    }

    /// Writes that nothing is left to do.
    ///
    /// # Errors
    /// [`JournalError::Io`].
    pub fn close(&self) -> Result<(), JournalError> {
        self.inner.append(vec![Entry::Closed])
    }

    /// Whether another process wrote it, and may have calls under way.
    pub fn is_resumed(&self) -> bool {
        self.inner.resumed
    }

    /// What it says so far, with what could not be written.
    pub fn contents(&self) -> Contents {
        guard(&self.inner.state).contents.clone()
    }
}

fn guard<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Inner {
    fn new(path: &Path, resumed: bool, state: JournalState) -> Self {
        Self { path: path.to_owned(), resumed, state: Mutex::new(state), waiting: Mutex::default() }
    }

    fn numbered(&self, actions: &[&(Region, Action)]) -> (Vec<u64>, Vec<Entry>) {
        let mut state = guard(&self.state);
        let first = state.next_id;
        state.next_id += actions.len() as u64;
        let intent = |(id, (region, action)): (u64, &&(Region, Action))| Entry::Intent {
            id,
            region: region.clone(),
            action: action.clone(),
        };
        let entries = (first..).zip(actions).map(intent).collect();
        ((first..first + actions.len() as u64).collect(), entries)
    }

    /// Writes what waits, at once.
    fn flush(&self) {
        // Whoever comes while this one writes waits for the state, and then finds more to write, or nothing.
        let mut state = guard(&self.state);
        let waiting = std::mem::take(&mut *guard(&self.waiting));
        if waiting.is_empty() {
            return;
        }
        let (entries, senders): (Vec<Vec<Entry>>, Vec<_>) = waiting.into_iter().unzip();
        let result = state.append(&self.path, entries);
        for sender in senders {
            let copy = result.as_ref().copied().map_err(|error| JournalError::Io {
                path: self.path.clone(),
                source: std::io::Error::new(error.kind(), error.to_string()),
            });
            // Whoever asked may have been dropped.
            let _ = sender.send(copy);
        }
    }

    fn append(&self, entries: Vec<Entry>) -> Result<(), JournalError> {
        let result = guard(&self.state).append(&self.path, vec![entries]);
        result.map_err(|source| JournalError::Io { path: self.path.clone(), source })
    }
}

impl JournalState {
    /// Appends the entries of some requests, and syncs once.
    fn append(&mut self, path: &Path, requests: Vec<Vec<Entry>>) -> std::io::Result<()> {
        for _ in &requests {
            crash_point("journal", "before");
        }
        let points = requests.len();
        let entries: Vec<Entry> = requests.into_iter().flatten().collect();
        let written = self.write(&entries);
        for entry in entries {
            // An intent that is not on disk is not carried out; what was done is known all the same.
            if written.is_ok() || !matches!(entry, Entry::Intent { .. }) {
                self.contents.take(entry);
            }
        }
        written?;
        self.write_end(path);
        for _ in 0..points {
            crash_point("journal", "after");
        }
        Ok(())
    }

    fn write(&mut self, entries: &[Entry]) -> std::io::Result<()> {
        let mut new = Vec::new();
        let (mut seq, mut head) = (self.seq, self.head.clone());
        for entry in entries {
            head = link(&head, seq, entry)?;
            let line = Line { seq, entry: entry.clone(), sha256: head.clone() };
            serde_json::to_writer(&mut new, &line)?;
            new.push(b'\n');
            seq += 1;
        }
        let (length, found) = (self.bytes.len() as u64, self.file.metadata()?.len());
        if found > length {
            // What a full disk took of a line earlier must not run into this one: a journal damaged in its middle
            // cannot be restored from, while a torn last line can.
            self.file.set_len(length)?;
        } else if found < length {
            // Somebody cut it. What was written is known, and is written again.
            self.file.set_len(0)?;
            self.file.write_all(&self.bytes)?;
        }
        if let Err(error) = self.file.write_all(&new).and_then(|()| self.file.sync_data()) {
            // Whole lines of what was refused must not be read back: nothing of it is done, and no later line may
            // refer to it. Where not even this can be done, the next write does it.
            let _ = self.file.set_len(length);
            return Err(error);
        }
        self.bytes.extend(new);
        self.seq = seq;
        self.head = head;
        Ok(())
    }

    /// Says how long the journal is. Not synced: an end that lags behind the journal after a power cut proves less, never what is wrong.
    fn write_end(&mut self, path: &Path) {
        let Some(file) = &self.end else { return };
        if file.write_all_at(format!("{:>12} {}\n", self.seq, self.head).as_bytes(), 0).is_err() {
            // A full disk: an end that is torn would prove nothing.
            let _ = std::fs::remove_file(end_path(path));
            self.end = None;
        }
    }
}

/// Two writers would break the chain, and a rollback beside its run would undo what the run is just making. The claim
/// ends with the process, however that ends.
fn lock_file(file: &File, path: &Path) -> Result<(), JournalError> {
    match rustix::fs::flock(file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        // A file system without locks: the lock on the VPC keeps other runs away all the same.
        Ok(()) | Err(rustix::io::Errno::NOSYS | rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOLCK) => Ok(()),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(JournalError::InUse { path: path.to_owned() }),
        Err(error) => Err(JournalError::Io { path: path.to_owned(), source: error.into() }),
    }
}

impl Contents {
    fn new(run_id: RunId, access: Access) -> Self {
        Self { run_id, access, actions: Vec::new(), closed: false, torn: false, incomplete: None }
    }

    /// Takes an entry into account; false where it does not fit what came before.
    fn take(&mut self, entry: Entry) -> bool {
        let known = |id: u64, actions: &mut Vec<Recorded>| actions.iter().position(|action| action.id == id);
        match entry {
            // The first line; its contents were there before it.
            Entry::Opened { .. } => {}
            Entry::Intent { id, region, action } => {
                self.actions.push(Recorded { id, region, action, applied: None, refused: false, reverted: false });
            }
            Entry::Outcome { id, result } => {
                let Some(index) = known(id, &mut self.actions) else { return false };
                match result {
                    Ok(applied) => self.actions[index].applied = Some(applied),
                    Err(_) => self.actions[index].refused = true,
                }
            }
            // What a living run need not undo blindly; a restore after it looks at the live state all the same.
            Entry::Reverted { id, .. } => {
                let Some(index) = known(id, &mut self.actions) else { return true };
                self.actions[index].reverted = true;
            }
            Entry::Closed => self.closed = true,
        }
        true
    }
}

fn link(previous: &str, seq: u64, entry: &Entry) -> std::io::Result<String> {
    let text = serde_json::to_string(entry)?;
    Ok(sha256(format!("{previous}{seq}{text}").as_bytes()))
}

#[cfg(test)]
mod tests;
