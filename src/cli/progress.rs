//! Live progress: one line that is drawn again on a terminal, plain lines elsewhere. On standard error.

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::sync::Arc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use jiff::Timestamp;
use tokio::sync::broadcast::error::RecvError;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::signals;
use crate::model::{Clock, DnsSource, Event, EventLog, LoginOutcome, Phase, Record, RegionRole, Step};

/// Plain lines tell the state this often, in real time.
const PLAIN_EVERY: Duration = Duration::from_secs(10);

/// Shows what happens, until it is ended.
pub struct Progress {
    bar: Option<ProgressBar>,
    task: JoinHandle<()>,
    end: CancellationToken,
}

impl Progress {
    /// Follows the event log. `plain` asks for plain lines on a terminal too.
    pub fn start(log: &Arc<EventLog>, clock: Clock, plain: bool) -> Self {
        let live = !plain && std::io::stderr().is_terminal();
        let bar = live.then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        let end = CancellationToken::new();
        let follower = Follower { clock, bar: bar.clone(), state: State::default(), started: clock.now() };
        let task = tokio::spawn(follower.follow(log.subscribe(), end.clone()));
        Self { bar, task, end }
    }

    /// Prints a line above whatever is drawn.
    pub fn say(&self, text: &str) {
        say(self.bar.as_ref(), text);
    }

    /// Shows what is left, and clears the drawn line.
    pub async fn end(self) {
        self.end.cancel();
        // A panic in the display has nothing to tell.
        let _ = self.task.await;
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

fn say(bar: Option<&ProgressBar>, text: &str) {
    match bar {
        Some(bar) => bar.println(text),
        None => signals::say(text),
    }
}

#[derive(Default)]
struct State {
    phase: Option<Phase>,
    phase_started: Option<Timestamp>,
    healthy: Option<bool>,
    answers: BTreeMap<String, RegionRole>,
    served: Option<RegionRole>,
    /// Outcomes of the last logins, newest last.
    recent: Vec<bool>,
    latest: Option<String>,
}

struct Follower {
    clock: Clock,
    bar: Option<ProgressBar>,
    state: State,
    started: Timestamp,
}

impl Follower {
    async fn follow(mut self, mut events: tokio::sync::broadcast::Receiver<Arc<Record>>, end: CancellationToken) {
        let every = if self.bar.is_some() { Duration::from_millis(200) } else { PLAIN_EVERY };
        let mut tick = tokio::time::interval(every);
        tick.tick().await;
        loop {
            tokio::select! {
                biased;
                event = events.recv() => match event {
                    Ok(record) => self.take(&record),
                    Err(RecvError::Lagged(_)) => {}
                    Err(RecvError::Closed) => break,
                },
                () = end.cancelled() => break,
                _ = tick.tick() => self.draw(),
            }
        }
    }

    fn draw(&self) {
        match &self.bar {
            Some(bar) => bar.set_message(self.status()),
            None => signals::say(&self.status()),
        }
    }

    fn status(&self) -> String {
        let now = self.clock.now();
        let since = |start: Option<Timestamp>| start.map_or(0.0, |start| now.duration_since(start).as_secs_f64());
        let phase = self.state.phase.map_or("starting", Phase::as_str);
        let rate = match self.state.recent.len() {
            0 => "no login yet".to_owned(),
            all => {
                let good = self.state.recent.iter().filter(|good| **good).count();
                format!("{:.0} % of the last {all} logins", 100.0 * good as f64 / all as f64)
            }
        };
        let served = self.state.served.map_or("nobody", RegionRole::as_str);
        let latest = self.state.latest.as_deref().unwrap_or("-");
        format!(
            "{:5.0} s  {phase} {:.0} s · served by {served} · {rate} · {latest}",
            since(Some(self.started)),
            since(self.state.phase_started)
        )
    }

    fn milestone(&mut self, at: Timestamp, text: &str) {
        let seconds = at.duration_since(self.started).as_secs_f64();
        say(self.bar.as_ref(), &format!("{seconds:5.1} s  {text}"));
        self.state.latest = Some(text.to_owned());
    }

    fn take(&mut self, record: &Record) {
        let at = record.at;
        match &record.event {
            Event::PhaseStarted { phase } => {
                self.state.phase = Some(*phase);
                self.state.phase_started = Some(at);
                let seconds = at.duration_since(self.started).as_secs_f64();
                say(self.bar.as_ref(), &format!("{seconds:5.1} s  phase: {}", phase.as_str()));
            }
            Event::Mutation(mutation) if matches!(mutation.step, Step::Cut | Step::Heal) => {
                let word = if mutation.step == Step::Cut { "cut" } else { "heal" };
                self.milestone(at, &format!("{word}: {} {}", mutation.call, mutation.resource));
            }
            Event::Health { status_healthy, healthy, checkers, .. } => {
                let before = self.state.healthy.replace(*status_healthy);
                if before == Some(!status_healthy) {
                    let word = if *status_healthy { "healthy" } else { "unhealthy" };
                    self.milestone(at, &format!("health check {word} ({healthy} of {checkers} checkers say healthy)"));
                }
            }
            Event::Answer { source, server, role: Some(role), .. } => self.answer(at, *source, server, *role),
            Event::Login(login) if login.refused_as_expected() => {}
            Event::Login(login) => self.login(at, &login.outcome, login.role),
            Event::Notice { text } => say(self.bar.as_ref(), &format!("note: {text}")),
            Event::Abort { reason } => say(self.bar.as_ref(), &format!("aborting: {reason}")),
            _ => {}
        }
    }

    fn answer(&mut self, at: Timestamp, source: DnsSource, server: &str, role: RegionRole) {
        let before = self.state.answers.insert(server.to_owned(), role);
        if before.is_some_and(|before| before != role) {
            let kind = match source {
                DnsSource::Authoritative => "authoritative server",
                DnsSource::Resolver => "resolver",
            };
            self.milestone(at, &format!("DNS: {kind} {server} gives the {}", role.as_str()));
        }
    }

    fn login(&mut self, at: Timestamp, outcome: &LoginOutcome, role: Option<RegionRole>) {
        let good = *outcome == LoginOutcome::Succeeded;
        self.state.recent.push(good);
        if self.state.recent.len() > 20 {
            self.state.recent.remove(0);
        }
        if let Some(role) = role.filter(|_| good)
            && self.state.served.replace(role) != Some(role)
        {
            self.milestone(at, &format!("logins are served by the {}", role.as_str()));
        }
    }
}
