//! The signals that ask a command to end.

use std::sync::mpsc::Sender;
use std::sync::{Mutex, MutexGuard, PoisonError};

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

/// Says something on standard error, which a hang-up may have taken away.
pub fn say(text: &str) {
    use std::io::Write;
    if let Some(view) = &*lock(&VIEW)
        && view.send(text.to_owned()).is_ok()
    {
        lock(&UNSEEN).extend(text.lines().map(str::to_owned));
        return;
    }
    let _ = writeln!(std::io::stderr(), "{text}");
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
