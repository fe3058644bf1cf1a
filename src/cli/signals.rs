//! The signals that ask a command to end.

use std::io::Write;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::Failure;

/// SIGINT, SIGTERM and SIGHUP: a terminal that is closed must not leave a network blackholed.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    /// Takes them over from now on.
    pub fn listen() -> Result<Self, Failure> {
        let take =
            |kind| signal(kind).map_err(|error| Failure::plain(format!("signals cannot be listened to: {error}")));
        Ok(Self {
            interrupt: take(SignalKind::interrupt())?,
            terminate: take(SignalKind::terminate())?,
            hangup: take(SignalKind::hangup())?,
        })
    }

    /// Waits for the next one; gives its name.
    pub async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.hangup.recv() => "SIGHUP",
        }
    }
}

/// While a view is drawn, what is said goes there, and is told again after it.
static VIEW: Mutex<Option<Sender<String>>> = Mutex::new(None);
static UNSEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// A terminal that takes no output must not hold up the end of a command for longer.
const PATIENCE: Duration = Duration::from_secs(1);

/// What the thread that writes to standard error is told.
enum Word {
    Line(String),
    /// To be answered once everything before it is written.
    Settle(Sender<()>),
}

/// Says something on standard error, which a hang-up may have taken away. Never waits for the terminal: one that was stopped (Ctrl-S), or a pipe
/// that nobody reads, would stop a restore.
pub fn say(text: &str) {
    if let Some(view) = &*lock(&VIEW)
        && view.send(text.to_owned()).is_ok()
    {
        lock(&UNSEEN).extend(text.lines().map(str::to_owned));
        return;
    }
    // The writer ends with the program.
    let _ = writer().send(Word::Line(text.to_owned()));
}

/// Waits until everything that was said is written, a second at most.
pub fn settle() {
    let (done, settled) = channel();
    if writer().send(Word::Settle(done)).is_ok() {
        let _ = settled.recv_timeout(PATIENCE);
    }
}

fn writer() -> &'static Sender<Word> {
    static WRITER: OnceLock<Sender<Word>> = OnceLock::new();
    WRITER.get_or_init(|| {
        let (sender, words) = channel();
        thread::spawn(move || write(&words));
        sender
    })
}

fn write(words: &Receiver<Word>) {
    for word in words {
        match word {
            Word::Line(text) => {
                let _ = writeln!(std::io::stderr(), "{text}");
            }
            Word::Settle(done) => {
                let _ = done.send(());
            }
        }
    }
}

/// Lets a view take what is said; nothing gives it back to standard error.
pub fn divert(view: Option<Sender<String>>) {
    *lock(&VIEW) = view;
}

/// What was said since the view was drawn last.
pub fn diverted() -> Vec<String> {
    std::mem::take(&mut lock(&UNSEEN))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
