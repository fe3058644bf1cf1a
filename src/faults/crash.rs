//! Places at which a test kills the process: before and after every journal write and every call.

/// In a debug build, kills the process with SIGKILL when it is the point whose number, counted from 1, is in the
/// environment variable `GAMEDAY_CRASH_AT`, and writes each point to the file in `GAMEDAY_CRASH_POINTS`. In a release
/// build it does nothing.
#[cfg(debug_assertions)]
pub(super) fn crash_point(what: &str, when: &str) {
    use std::io::Write;
    use std::sync::atomic::{AtomicU64, Ordering};

    static PASSED: AtomicU64 = AtomicU64::new(0);
    let number = PASSED.fetch_add(1, Ordering::SeqCst) + 1;
    if let Some(path) = std::env::var_os("GAMEDAY_CRASH_POINTS") {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        // A test that finds no points fails by itself.
        let _ = file.and_then(|mut file| writeln!(file, "{number} {when} {what}"));
    }
    let here = std::env::var("GAMEDAY_CRASH_AT").ok().and_then(|at| at.parse::<u64>().ok());
    if here == Some(number) {
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        // The signal is on its way; nothing more may happen.
        loop {
            std::thread::park();
        }
    }
}

/// Nothing, in a release build.
#[cfg(not(debug_assertions))]
pub(super) fn crash_point(_what: &str, _when: &str) {}
