//! The terminal while the view is drawn, and as it was once it is not: also after a panic.

use std::io::{self, Stderr, Write};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, Once, PoisonError};

use crossterm::cursor::{Hide, Show};
use crossterm::execute;
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// Whether the alternate screen is shown.
static SHOWN: AtomicBool = AtomicBool::new(false);
/// How the terminal was.
static BEFORE: Mutex<Option<Termios>> = Mutex::new(None);
static HOOK: Once = Once::new();

/// The alternate screen of standard error, left when dropped.
pub(super) struct Screen {
    pub terminal: Terminal<CrosstermBackend<Stderr>>,
}

impl Screen {
    /// Shows it. Ctrl-C stays a signal: the terminal is not made raw, only its echo is off.
    pub(super) fn show() -> io::Result<Self> {
        HOOK.call_once(|| {
            let next = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |info| {
                leave();
                next(info);
            }));
        });
        let terminal = Terminal::new(CrosstermBackend::new(io::stderr()))?;
        quiet();
        SHOWN.store(true, Ordering::SeqCst);
        if let Err(error) = execute!(io::stderr(), EnterAlternateScreen, Hide) {
            leave();
            return Err(error);
        }
        Ok(Self { terminal })
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        leave();
    }
}

/// Keys that somebody presses would be drawn into the view.
fn quiet() {
    let Ok(before) = tcgetattr(io::stderr().as_fd()) else { return };
    let mut quiet = before.clone();
    quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ICANON);
    *BEFORE.lock().unwrap_or_else(PoisonError::into_inner) = Some(before);
    // A terminal that cannot is only less tidy.
    let _ = tcsetattr(io::stderr().as_fd(), OptionalActions::Now, &quiet);
}

/// Whether this process has the terminal. In the background it would be stopped as soon as it changes how the terminal works.
pub(super) fn in_foreground() -> bool {
    rustix::termios::tcgetpgrp(io::stderr().as_fd()).is_ok_and(|group| group == rustix::process::getpgrp())
}

/// Whether the terminal has no columns or no rows, so that nothing can be drawn on it.
pub(super) fn has_no_room() -> bool {
    rustix::termios::tcgetwinsize(io::stderr()).is_ok_and(|size| size.ws_col == 0 || size.ws_row == 0)
}

/// Whether it is shown.
pub(super) fn shown() -> bool {
    SHOWN.load(Ordering::SeqCst)
}

/// Puts the terminal back as it was; once, whoever comes first.
pub(super) fn leave() {
    if SHOWN.swap(false, Ordering::SeqCst) {
        // A terminal that is gone needs nothing.
        let _ = execute!(io::stderr(), Show, LeaveAlternateScreen);
        let _ = io::stderr().flush();
    }
    if let Some(before) = BEFORE.lock().unwrap_or_else(PoisonError::into_inner).take() {
        let _ = tcsetattr(io::stderr().as_fd(), OptionalActions::Now, &before);
    }
}
