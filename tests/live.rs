//! The view of a run on a real terminal, as tmux has one: it shows what happens, survives a change of size and a narrow terminal, and
//! leaves the terminal as it was, also where the run is stopped.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support;
use crate::support::tools;

/// A server of its own, ended when dropped.
struct Tmux {
    socket: PathBuf,
}

impl Drop for Tmux {
    fn drop(&mut self) {
        let _ = self.command(&["kill-server"]).output();
    }
}

impl Tmux {
    fn start(folder: &Path, width: u16, height: u16) -> Self {
        let tmux = Self { socket: folder.join("tmux.sock") };
        let (width, height) = (width.to_string(), height.to_string());
        let state = support::state_dir().display();
        let shell = format!(
            "env --ignore-environment TERM=screen HOME=/ GAMEDAY_STATE_DIR={state} PATH=\"$PATH\" PS1='ready> ' bash --norc --noprofile"
        );
        let done = tmux.command(&["-f", "/dev/null", "new-session", "-d", "-x", &width, "-y", &height, &shell]);
        let done = { done }.output().unwrap();
        assert!(done.status.success(), "{done:?}");
        tmux.until(|screen| screen.contains("ready>"));
        tmux
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(tools::on_path("tmux"));
        command.arg("-S").arg(&self.socket).args(arguments);
        command
    }

    fn call(&self, arguments: &[&str]) -> String {
        let done = self.command(arguments).output().unwrap();
        assert!(done.status.success(), "{arguments:?}: {done:?}");
        String::from_utf8(done.stdout).unwrap()
    }

    fn type_line(&self, line: &str) {
        self.call(&["send-keys", "-l", line]);
        self.call(&["send-keys", "Enter"]);
    }

    fn screen(&self) -> String {
        self.call(&["capture-pane", "-p"])
    }

    /// Whether a full-screen program has the terminal.
    fn taken(&self) -> bool {
        self.call(&["display-message", "-p", "#{alternate_on}"]).trim() == "1"
    }

    fn until(&self, shown: impl Fn(&str) -> bool) -> String {
        let begun = Instant::now();
        loop {
            let screen = self.screen();
            if shown(&screen) {
                return screen;
            }
            assert!(begun.elapsed() < Duration::from_mins(1), "waited a minute:\n{screen}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn resize(&self, width: u16, height: u16) {
        self.call(&["resize-window", "-x", &width.to_string(), "-y", &height.to_string()]);
    }
}

fn command(folder: &Path) -> String {
    let environment = support::lab_with(folder, "[lab]\nttl = \"10s\"\n");
    let (scenario, program) = (support::short_scenario(folder), env!("CARGO_BIN_EXE_gameday"));
    let (scenario, environment, out) = (scenario.display(), environment.display(), folder.join("run"));
    format!("{program} run {scenario} --env {environment} --speed 10 --seed 5 --out {}", out.display())
}

/// In virtual time the view shows the time of the scenario, and ends with the run.
#[test]
fn a_terminal_shows_virtual_time_too() {
    let folder = tempfile::tempdir().unwrap();
    let tmux = Tmux::start(folder.path(), 100, 40);
    tmux.type_line(&command(folder.path()).replace("--speed 10", "--time virtual"));
    let screen = tmux.until(|screen| screen.contains("✓ first login at the replica"));
    assert!(tmux.taken(), "{screen}");
    let end = tmux.until(|screen| screen.contains("report.md") && screen.contains("ready>"));
    assert!(!tmux.taken() && !end.contains("panicked"), "{end}");
}

#[test]
fn a_terminal_shows_the_chain_and_is_left_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let tmux = Tmux::start(folder.path(), 80, 24);
    tmux.type_line(&command(folder.path()));
    let screen = tmux.until(|screen| screen.contains("✓ first failed login"));
    assert!(tmux.taken());
    for text in
        ["· first login at the replica", "primary", "replica", "succeeded", "removed in at most ", "nacl-blackhole"]
    {
        assert!(screen.contains(text), "{text}:\n{screen}");
    }
    // Keys that somebody presses are not drawn.
    tmux.call(&["send-keys", "-l", "zzzz"]);
    tmux.resize(40, 8);
    let narrow = tmux.until(|screen| screen.contains("served by"));
    assert!(narrow.lines().all(|line| line.chars().count() <= 40) && !narrow.contains("zzzz"), "{narrow}");
    tmux.resize(1, 1);
    tmux.resize(100, 40);
    let screen = tmux.until(|screen| screen.contains("✓ first login at the replica") || screen.contains("ready>"));
    assert!(!screen.contains("panicked"), "{screen}");
    let end = tmux.until(|screen| screen.contains("report.md") && screen.contains("ready>"));
    assert!(!tmux.taken(), "{end}");
    // Lines that are longer than the terminal is wide, in one.
    let end = tmux.call(&["capture-pane", "-p", "-J"]);
    assert!(end.contains("everything was restored"), "{end}");
    // What the view showed last stays to be read, and the shell echoes again.
    let history = tmux.call(&["capture-pane", "-p", "-J", "-S", "-200"]);
    assert!(history.contains("phase: outage") && history.contains("logins are served by the replica"), "{history}");
    tmux.call(&["send-keys", "C-u"]);
    tmux.type_line("echo back-$((40 + 2))");
    tmux.until(|screen| screen.contains("echo back-") && screen.contains("back-42"));
}

#[test]
fn a_run_that_is_stopped_says_so_and_leaves_the_terminal_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let tmux = Tmux::start(folder.path(), 80, 24);
    tmux.type_line(&command(folder.path()));
    tmux.until(|screen| screen.contains("✓ fault injected"));
    tmux.call(&["send-keys", "C-c"]);
    let told = tmux.until(|screen| screen.contains("SIGINT: restoring now"));
    assert!(!told.contains("panicked"), "{told}");
    let end = tmux.until(|screen| screen.contains("ABORTED") && screen.contains("ready>"));
    assert!(!tmux.taken(), "{end}");
}

/// Ctrl-Z while the network is cut: the terminal is as it was, and says so, how to go on and when it heals by itself.
#[test]
fn a_run_that_is_suspended_says_that_the_network_is_cut_and_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let settings = support::lab_with(folder.path(), support::SHORT_TTL);
    let lab = support::Lab::start(folder.path(), &["--speed", "5", "--seed", "5", "--env", settings.to_str().unwrap()]);
    let (scenario, out) = (support::short_scenario(folder.path()), folder.path().join("run"));
    let program = env!("CARGO_BIN_EXE_gameday");
    let line =
        format!("{program} run {} --env {} --out {}", scenario.display(), lab.environment.display(), out.display());
    let tmux = Tmux::start(folder.path(), 120, 30);
    tmux.type_line(&line);
    tmux.until(|screen| screen.contains("✓ fault injected"));
    tmux.call(&["send-keys", "C-z"]);
    let said = tmux.until(|screen| screen.contains("Stopped") && screen.contains("ready>"));
    assert!(!tmux.taken(), "{said}");
    for text in ["THE FAULT IS STILL IN FORCE", "The dead-man switch restores the network in about", "fg", "kill -CONT"]
    {
        assert!(said.contains(text), "{text}: {said}");
    }
    // The shell echoes again.
    tmux.type_line("echo back-$((40 + 2))");
    tmux.until(|screen| screen.contains("back-42"));
    tmux.type_line("fg");
    let screen = tmux.until(|screen| screen.contains("✓ fault injected"));
    assert!(tmux.taken(), "{screen}");
    tmux.call(&["send-keys", "C-c"]);
    let end = tmux.until(|screen| screen.contains("ABORTED") && screen.contains("ready>"));
    assert!(!tmux.taken(), "{end}");
    let log = std::fs::read_to_string(out.join("events.ndjson")).unwrap();
    assert!(log.contains("the runner was suspended from its terminal (SIGTSTP) for "), "the pause is an event");
}

#[test]
fn without_colours_and_on_a_dumb_terminal_lines_are_plain() {
    let folder = tempfile::tempdir().unwrap();
    let tmux = Tmux::start(folder.path(), 100, 30);
    tmux.type_line(&format!("TERM=dumb {}", command(folder.path())));
    let screen = tmux.until(|screen| screen.contains("phase: outage"));
    assert!(!tmux.taken(), "{screen}");
    tmux.call(&["send-keys", "C-c"]);
    tmux.until(|screen| screen.contains("ABORTED"));

    let folder = tempfile::tempdir().unwrap();
    let tmux = Tmux::start(folder.path(), 80, 24);
    tmux.type_line(&format!("NO_COLOR=1 {}", command(folder.path())));
    tmux.until(|screen| screen.contains("✓ fault injected"));
    let drawn = tmux.call(&["capture-pane", "-p", "-e"]);
    // 39 and 49 are the terminal's own.
    let colours = (30..=38).chain(40..=48).chain(90..=107).map(|code| format!("\u{1b}[{code}"));
    assert!(!colours.into_iter().any(|colour| drawn.contains(&colour)), "{drawn:?}");
    tmux.call(&["send-keys", "C-c"]);
    tmux.until(|screen| screen.contains("ABORTED"));
}
