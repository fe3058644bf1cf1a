//! Progress on standard error: a view that is drawn again on a terminal, plain lines elsewhere.

mod board;
mod screen;
mod view;

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::output;
use crate::engine;
use board::Board;
use gameday_core::model::{Clock, EventLog, Record};
use gameday_core::scenario::Phases;
use screen::Screen;
use view::Palette;

/// Plain lines tell the state this often, in real time.
const PLAIN_EVERY: Duration = Duration::from_secs(10);
/// The view is drawn this often, in real time.
const DRAW_EVERY: Duration = Duration::from_millis(150);
/// A terminal that takes no output must not hold up the end of a run for longer.
const PATIENCE: Duration = Duration::from_secs(1);

/// Whether the terminal is left to others for a while.
static SUSPENDED: AtomicBool = AtomicBool::new(false);

/// Leaves the terminal as it was, for as long as this program is stopped. Waits a second at most.
pub(super) fn suspend() {
    SUSPENDED.store(true, Ordering::SeqCst);
    let until = Clock::real_now() + PATIENCE;
    while screen::shown() && Clock::real_now() < until {
        std::thread::sleep(Duration::from_millis(10));
    }
    // A terminal that takes no output holds up whoever draws.
    screen::leave();
    output::redirect(None);
}

/// The view may be drawn again.
pub(super) fn resume() {
    SUSPENDED.store(false, Ordering::SeqCst);
}

/// Shows what happens, until it is ended.
pub(super) struct Progress {
    way: Way,
    end: CancellationToken,
}

enum Way {
    Plain(JoinHandle<()>),
    /// A thread of its own: a terminal that takes no output stops it, and nothing else.
    View {
        ended: Receiver<()>,
        said: Receiver<String>,
    },
}

impl Progress {
    /// Follows the event log. `plain` asks for plain lines on a terminal too.
    pub(super) fn start(log: &Arc<EventLog>, clock: Clock, phases: &Phases, heading: &str, plain: bool) -> Self {
        let end = CancellationToken::new();
        let board = Board::new(clock.now(), phases.clone());
        let terminal = std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        let view = !plain && terminal && screen::in_foreground() && !screen::has_no_room();
        let screen = if view { Screen::show().ok() } else { None };
        let Some(screen) = screen else {
            output::say(heading);
            let follower = Follower { clock, board };
            return Self { way: Way::Plain(tokio::spawn(follower.follow(engine::subscribe(log), end.clone()))), end };
        };
        let ((done, ended), (keep, said)) = (channel(), channel());
        output::redirect(Some(keep.clone()));
        let (heading, events, stop) = (heading.to_owned(), engine::subscribe(log), end.clone());
        let clock = (!Clock::is_virtual()).then_some(clock);
        std::thread::spawn(move || {
            let drawer = Drawer { clock, board, heading, events, keep };
            // A panic of the view is printed like any other, on the restored terminal; the run continues without the view.
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drawer.draw(screen, &stop)));
            screen::leave();
            // Whatever ended it: what is said from here on is for standard error again.
            output::redirect(None);
            let _ = done.send(());
        });
        Self { way: Way::View { ended, said }, end }
    }

    /// Shows what is left, and puts the terminal back as it was.
    pub(super) async fn end(self) {
        self.end.cancel();
        match self.way {
            Way::Plain(task) => {
                // A panic in the display has nothing to tell.
                let _ = task.await;
            }
            Way::View { ended, said } => {
                let _ = tokio::task::spawn_blocking(move || ended.recv_timeout(PATIENCE)).await;
                output::redirect(None);
                // What only the view has shown is gone with it.
                for line in said.try_iter() {
                    output::say(&line);
                }
            }
        }
    }
}

/// What is told of events that came faster than they could be shown.
fn not_shown(count: u64) -> String {
    format!("note: {count} events arrived too fast to be shown; the event log has all of them")
}

struct Follower {
    clock: Clock,
    board: Board,
}

impl Follower {
    async fn follow(mut self, mut events: broadcast::Receiver<Arc<Record>>, end: CancellationToken) {
        let mut tick = tokio::time::interval(PLAIN_EVERY);
        tick.tick().await;
        loop {
            tokio::select! {
                biased;
                event = events.recv() => match event {
                    Ok(record) => self.board.take(&record).iter().for_each(|line| output::say(line)),
                    Err(RecvError::Lagged(count)) => output::say(&not_shown(count)),
                    Err(RecvError::Closed) => break,
                },
                () = end.cancelled() => break,
                _ = tick.tick() => output::say(&self.board.status(self.clock.now())),
            }
        }
    }
}

struct Drawer {
    /// Nothing in virtual time, which jumps: what happened last tells how late it is, since this thread's own time is real.
    clock: Option<Clock>,
    board: Board,
    heading: String,
    events: broadcast::Receiver<Arc<Record>>,
    /// What is told again when the view is gone.
    keep: Sender<String>,
}

impl Drawer {
    fn draw(mut self, screen: Screen, stop: &CancellationToken) {
        let no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let palette = Palette { colours: !no_colour };
        let _ = self.keep.send(self.heading.clone());
        let mut shown = Some(screen);
        loop {
            let stopping = stop.is_cancelled();
            self.take_events(shown.is_some());
            if stopping {
                return;
            }
            if SUSPENDED.load(Ordering::SeqCst) {
                // Its end leaves the terminal.
                shown = None;
            } else if shown.is_none() && screen::in_foreground() {
                shown = Screen::show().ok();
                output::redirect(shown.is_some().then(|| self.keep.clone()));
            }
            for line in output::redirected() {
                self.board.note(line);
            }
            if let Some(screen) = &mut shown
                && !self.draw_once(screen, palette)
            {
                return;
            }
            std::thread::sleep(DRAW_EVERY);
        }
    }

    /// What the view shows is kept, to be told again after it; while there is none, it is said at once.
    fn take_events(&mut self, in_view: bool) {
        loop {
            match self.events.try_recv() {
                Ok(record) => {
                    for line in self.board.take(&record) {
                        if in_view {
                            let _ = self.keep.send(line);
                        } else {
                            output::say(&line);
                        }
                    }
                }
                Err(TryRecvError::Lagged(count)) => self.board.note(not_shown(count)),
                Err(TryRecvError::Empty | TryRecvError::Closed) => return,
            }
        }
    }

    /// Tells whether there is something to draw on.
    fn draw_once(&mut self, screen: &mut Screen, palette: Palette) -> bool {
        // A panic elsewhere has left the screen; the run goes on, and nothing is drawn over its message.
        if !screen::shown() {
            return SUSPENDED.load(Ordering::SeqCst);
        }
        let now = self.clock.map_or(self.board.last, |clock| clock.now());
        self.board.advance(now);
        screen.terminal.draw(|frame| view::draw(frame, &self.board, &self.heading, now, palette)).is_ok()
    }
}
