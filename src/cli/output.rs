//! Everything that the program prints. No closed pipe, full disk, stopped terminal or reader that reads nothing may panic, stop a restore or
//! change an exit code, so nothing else in this program writes to standard output or standard error.

use std::io::{self, ErrorKind, Write};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use super::Failure;

/// While a view is drawn, what is said goes there, and is told again after it.
static VIEW: Mutex<Option<Sender<String>>> = Mutex::new(None);
static UNSEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// A terminal that takes no output must not hold up the end of a command for longer.
const PATIENCE: Duration = Duration::from_secs(1);

/// What a thread that writes is sent.
enum WriterMessage {
    Text(Vec<u8>),
    /// To be answered once everything before it is written.
    Flush(Sender<()>),
}

#[derive(Clone, Copy)]
enum Stream {
    Out,
    Err,
}

impl Stream {
    fn write(self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Out => whole(&mut io::stdout(), bytes),
            Self::Err => whole(&mut io::stderr(), bytes),
        }
    }

    /// Its thread, which ends with the program. Each has one: a reader of standard output that reads nothing must not keep a warning back.
    fn writer(self) -> &'static Sender<WriterMessage> {
        static OUT: OnceLock<Sender<WriterMessage>> = OnceLock::new();
        static ERR: OnceLock<Sender<WriterMessage>> = OnceLock::new();
        let writer = match self {
            Self::Out => &OUT,
            Self::Err => &ERR,
        };
        writer.get_or_init(|| {
            let (sender, messages) = channel();
            thread::spawn(move || self.work(&messages));
            sender
        })
    }

    fn work(self, messages: &Receiver<WriterMessage>) {
        for message in messages {
            match message {
                WriterMessage::Text(bytes) => {
                    let _ = self.write(&bytes);
                }
                WriterMessage::Flush(done) => {
                    let _ = done.send(());
                }
            }
        }
    }

    fn send(self, bytes: Vec<u8>) {
        let _ = self.writer().send(WriterMessage::Text(bytes));
    }

    fn flush(self) {
        let (done, flushed) = channel();
        if self.writer().send(WriterMessage::Flush(done)).is_ok() {
            let _ = flushed.recv_timeout(PATIENCE);
        }
    }
}

fn whole(to: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    to.write_all(bytes).and_then(|()| to.flush())
}

fn line(text: &str) -> Vec<u8> {
    format!("{text}\n").into_bytes()
}

/// Says something on standard error. Never waits for it: a terminal that was stopped (Ctrl-S), or a pipe that nobody reads, would stop a restore.
pub(super) fn say(text: &str) {
    if let Some(view) = &*lock(&VIEW)
        && view.send(text.to_owned()).is_ok()
    {
        lock(&UNSEEN).extend(text.lines().map(str::to_owned));
        return;
    }
    Stream::Err.send(line(text));
}

/// Says on standard output how work goes on. Never waits for it, as [`say`].
pub(super) fn tell(text: &str) {
    Stream::Out.send(line(text));
}

/// Asks a question on standard error, whose answer follows on the same line.
pub(super) fn ask(question: &str) {
    Stream::Err.send(question.as_bytes().to_vec());
    Stream::Err.flush();
}

/// Writes the product of a command to standard output, however long its reader takes. Whoever reads no further has read enough.
///
/// # Errors
/// Where it could not be written, as on a full disk: the product is not there.
pub(super) fn print(bytes: &[u8]) -> Result<(), Failure> {
    Stream::Out.flush();
    match Stream::Out.write(bytes) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Failure::plain(format!("standard output: {error}"))),
        _ => Ok(()),
    }
}

/// Waits until everything that was said is written, a second at most.
pub(super) fn flush() {
    Stream::Out.flush();
    Stream::Err.flush();
}

/// Lets a view take what is said; nothing gives it back to standard error.
pub(super) fn redirect(view: Option<Sender<String>>) {
    *lock(&VIEW) = view;
}

/// What was said since the view was drawn last.
pub(super) fn redirected() -> Vec<String> {
    std::mem::take(&mut lock(&UNSEEN))
}

/// Where the debug log goes: to standard error, and never waits for it either.
pub(super) struct DebugLog;

impl Write for DebugLog {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Stream::Err.send(bytes.to_vec());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
