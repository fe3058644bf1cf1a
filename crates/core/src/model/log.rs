use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, SyncSender};
use std::sync::{Arc, Mutex};
use std::thread;

use super::{Clock, Event, Record};

/// What event logs and archives of runs are compressed with by zstd: well, at hundreds of megabytes a second.
pub const COMPRESSION: i32 = 9;

/// The longest line of an event log: its first one, with the scenario in it, is a few times as long as that. Our own choice.
const LONGEST_LINE: u64 = 16 << 20;

/// So many records are handed on at a time, and so many times before somebody takes them, when a log is read.
const BATCH: usize = 256;
const BATCHES: usize = 8;

/// The append-only event log of a run: one JSON object a line, flushed line by line, and
/// handed on to its followers.
#[derive(Debug)]
pub struct EventLog {
    clock: Clock,
    inner: Mutex<Inner>,
}

/// Called with every record, until it returns false.
type Follower = Box<dyn FnMut(&Arc<Record>) -> bool + Send>;

#[derive(Default)]
struct Followers(Vec<Follower>);

impl std::fmt::Debug for Followers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} followers", self.0.len())
    }
}

#[derive(Debug)]
struct Inner {
    file: File,
    path: PathBuf,
    /// How long the file is up to its last whole line.
    whole: u64,
    next: u64,
    /// The line under way; kept, so that a login costs no allocation here.
    line: Vec<u8>,
    failed: Option<String>,
    followers: Followers,
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
        let inner = Inner {
            file,
            path: path.to_owned(),
            whole: 0,
            next: 0,
            line: Vec::new(),
            failed: None,
            followers: Followers::default(),
        };
        Ok(Self { clock, inner: Mutex::new(inner) })
    }

    /// Appends an event, stamped now. A write that fails is kept for [`EventLog::close`]: an
    /// observer cannot do anything about a full disk, and must not stop a restore.
    pub fn write(&self, event: Event) {
        let mut inner = self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let record = Record { seq: inner.next, at: self.clock.now(), event };
        inner.next += 1;
        let Inner { file, line, whole, .. } = &mut *inner;
        line.clear();
        let written = serde_json::to_writer(&mut *line, &record).map_err(std::io::Error::from).and_then(|()| {
            line.push(b'\n');
            file.write_all(line)
        });
        match written {
            Ok(()) => *whole += line.len() as u64,
            Err(error) => {
                // Half a line would spoil the next one, once there is room again.
                let _ = file.set_len(*whole).and_then(|()| file.seek(SeekFrom::Start(*whole)));
                inner.failed.get_or_insert_with(|| error.to_string());
            }
        }
        let record = Arc::new(record);
        inner.followers.0.retain_mut(|follower| follower(&record));
    }

    /// Calls `follower` with each record from now on, in the order of the log, until it returns false. It must not wait, nor write to the log.
    pub fn follow(&self, follower: impl FnMut(&Arc<Record>) -> bool + Send + 'static) {
        let mut inner = self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        inner.followers.0.push(Box::new(follower));
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

/// Where an event log is once it was compressed.
fn compressed(path: &Path) -> PathBuf {
    path.with_added_extension("zst")
}

/// Puts a compressed event log in a whole one's place, a tenth of its size or less; [`read_log`] reads either.
///
/// # Errors
/// [`LogError::Io`]; the log is still there then.
pub fn compress_log(path: &Path) -> Result<(), LogError> {
    let (to, part) = (compressed(path), path.with_added_extension("zst.part"));
    let io = |path: &Path| {
        let path = path.to_owned();
        |source| LogError::Io { path, source }
    };
    let mut from = File::open(path).map_err(io(path))?;
    let written = File::create(&part).and_then(|file| {
        let mut encoder = zstd::Encoder::new(file, COMPRESSION)?;
        std::io::copy(&mut from, &mut encoder)?;
        encoder.finish()?.sync_all()?;
        std::fs::rename(&part, &to)?;
        // The name, too, must be on disk before the log goes.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()
    });
    if written.is_err() {
        // What is left of it only takes room.
        let _ = std::fs::remove_file(&part);
    }
    written.map_err(io(&to))?;
    std::fs::remove_file(path).map_err(io(path))
}

fn open(path: &Path) -> Result<Box<dyn BufRead + Send>, LogError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        |source| LogError::Io { path, source }
    };
    match File::open(path) {
        Ok(file) => Ok(Box::new(BufReader::new(file))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && compressed(path).exists() => {
            let path = compressed(path);
            let decoder = File::open(&path).and_then(zstd::Decoder::new).map_err(io(&path))?;
            Ok(Box::new(BufReader::new(decoder)))
        }
        Err(error) => Err(io(path)(error)),
    }
}

/// Reads an event log, compressed or not, and hands on its records one by one, so that nobody has to hold a log of millions of logins. A
/// torn last line, as a crash leaves it, is left out.
///
/// # Errors
/// [`LogError::Io`] when it cannot be read, [`LogError::Line`] for a bad line before the last.
pub fn read_log(path: &Path, take: impl FnMut(Record)) -> Result<(), LogError> {
    let file = open(path)?;
    // Reading and what is made of it share the time: each has a thread.
    thread::scope(|scope| {
        let (sender, batches) = mpsc::sync_channel(BATCHES);
        let reader = scope.spawn(move || parse(path, file, &sender));
        batches.into_iter().flatten().for_each(take);
        reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// Hands on the records of a log, some at a time, until nobody takes them.
fn parse(path: &Path, mut file: impl BufRead, records: &SyncSender<Vec<Record>>) -> Result<(), LogError> {
    let io = |source| LogError::Io { path: path.to_owned(), source };
    let bad = |line, reason: String| LogError::Line { path: path.to_owned(), line, reason };
    let (mut torn, mut text) = (None, Vec::new());
    let mut batch = Vec::with_capacity(BATCH);
    for line in 1.. {
        text.clear();
        let more = file.by_ref().take(LONGEST_LINE + 1).read_until(b'\n', &mut text).map_err(io)? > 0;
        if text.len() as u64 > LONGEST_LINE {
            return Err(bad(line, format!("it is longer than {} MiB, which no record is", LONGEST_LINE >> 20)));
        }
        if batch.len() == BATCH || !more {
            let full = std::mem::replace(&mut batch, Vec::with_capacity(BATCH));
            if records.send(full).is_err() || !more {
                break;
            }
        }
        if let Some(error) = torn.take() {
            return Err(error);
        }
        match serde_json::from_slice(&text) {
            Ok(record) => batch.push(record),
            Err(error) => torn = Some(bad(line, error.to_string())),
        }
    }
    Ok(())
}
