use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use tokio::sync::broadcast;

use super::{Clock, Event, Record};

/// The append-only event log of a run: one JSON object a line, flushed line by line, and
/// handed on to whoever subscribed.
#[derive(Debug)]
pub struct EventLog {
    clock: Clock,
    inner: Mutex<Inner>,
    live: broadcast::Sender<Record>,
}

#[derive(Debug)]
struct Inner {
    file: File,
    path: PathBuf,
    next: u64,
    failed: Option<String>,
}

/// The event log could not be opened, written or read.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// An operation of the file system failed.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A line is not a record.
    #[error("{path}, line {line}: {reason}")]
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// Why.
        reason: String,
    },
}

impl EventLog {
    /// Creates the file; it must not be there yet.
    ///
    /// # Errors
    /// [`LogError::Io`] when it cannot be created.
    pub fn create(path: &Path, clock: Clock) -> Result<Self, LogError> {
        let io = |source| LogError::Io { path: path.to_owned(), source };
        let file = OpenOptions::new().write(true).create_new(true).open(path).map_err(io)?;
        let inner = Inner { file, path: path.to_owned(), next: 0, failed: None };
        Ok(Self { clock, inner: Mutex::new(inner), live: broadcast::channel(4096).0 })
    }

    /// Appends an event, stamped now. A write that fails is kept for [`EventLog::close`]: an
    /// observer cannot do anything about a full disk, and must not stop a restore.
    pub fn write(&self, event: Event) {
        let mut inner = self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let record = Record { seq: inner.next, at: self.clock.now(), event };
        inner.next += 1;
        let written = serde_json::to_vec(&record).map_err(std::io::Error::from).and_then(|mut line| {
            line.push(b'\n');
            inner.file.write_all(&line)
        });
        if let Err(error) = written {
            inner.failed.get_or_insert_with(|| error.to_string());
        }
        // No subscriber is no error.
        let _ = self.live.send(record);
    }

    /// The events from now on.
    pub fn subscribe(&self) -> broadcast::Receiver<Record> {
        self.live.subscribe()
    }

    /// Brings the log to disk.
    ///
    /// # Errors
    /// The first write that failed, or the failure to sync.
    pub fn close(&self) -> Result<(), LogError> {
        let inner = self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let io = |source| LogError::Io { path: inner.path.clone(), source };
        match &inner.failed {
            Some(error) => Err(io(std::io::Error::other(error.clone()))),
            None => inner.file.sync_all().map_err(io),
        }
    }
}

/// Reads an event log. A torn last line, as a crash leaves it, is left out.
///
/// # Errors
/// [`LogError::Io`] when it cannot be read, [`LogError::Line`] for a bad line before the last.
pub fn read_log(path: &Path) -> Result<Vec<Record>, LogError> {
    let io = |source| LogError::Io { path: path.to_owned(), source };
    let mut records = Vec::new();
    let mut torn: Option<LogError> = None;
    for (index, line) in BufReader::new(File::open(path).map_err(io)?).split(b'\n').enumerate() {
        if let Some(error) = torn.take() {
            return Err(error);
        }
        match serde_json::from_slice(&line.map_err(io)?) {
            Ok(record) => records.push(record),
            Err(error) => {
                torn = Some(LogError::Line { path: path.to_owned(), line: index + 1, reason: error.to_string() });
            }
        }
    }
    Ok(records)
}
