//! What a run of a million logins costs in memory and time: writing its event log, and `gameday report` on it.
//!
//! `LOGINS` says how many (1,000,000), `GAMEDAY` which binary.

#[path = "../crates/core/tests/synthetic/mod.rs"]
mod synthetic;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use gameday_core::model::{Clock, Event, EventLog, Login, Phase};
use jiff::SignedDuration;
use serde_json::json;

type Fallible<T> = Result<T, Box<dyn Error>>;

/// The most that either may hold in memory, in MiB, for a million logins.
const MOST_MIB: f64 = 300.0;
/// How often a process is asked for its memory. The figure is its peak, so asking late costs nothing but the last moment.
const LOOK_EVERY: Duration = Duration::from_millis(20);

fn main() -> Fallible<()> {
    let logins: u64 = env::var("LOGINS").map_or(Ok(1_000_000), |logins| logins.parse())?;
    if let Some(folder) = env::args().nth(1).and_then(|arg| arg.strip_prefix("record=").map(PathBuf::from)) {
        return record(&folder, logins);
    }
    let gameday = env::var_os("GAMEDAY").map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_gameday")), PathBuf::from);
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/bench");
    let folder = target.join("log");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder)?;
    let recorded = watch(Command::new(env::current_exe()?).arg(format!("record={}", folder.display())).spawn()?)?;
    let size = fs::metadata(folder.join("events.ndjson"))?.len() as f64 / 1e6;
    let reported = watch(Command::new(gameday).arg("report").arg(&folder).stdout(Stdio::null()).spawn()?)?;
    let rows = [
        ("logins", logins as f64, "1"),
        ("event log", size, "MB"),
        ("recording, peak memory", recorded.0, "MiB"),
        ("recording", recorded.1, "s"),
        ("gameday report, peak memory", reported.0, "MiB"),
        ("gameday report", reported.1, "s"),
    ];
    for (name, value, unit) in rows {
        println!("{name:30} {value:12.1} {unit}");
    }
    let rows: Vec<_> =
        rows.iter().map(|(name, value, unit)| json!({ "name": name, "value": value, "unit": unit })).collect();
    fs::write(target.join("log.json"), serde_json::to_string_pretty(&json!({ "rows": rows }))? + "\n")?;
    fs::remove_dir_all(&folder)?;
    let worst = recorded.0.max(reported.0);
    if worst > MOST_MIB { Err(format!("{worst:.0} MiB are more than {MOST_MIB:.0} MiB").into()) } else { Ok(()) }
}

/// Peak memory in MiB, and seconds, of a process that must succeed.
fn watch(mut child: Child) -> Fallible<(f64, f64)> {
    let (began, mut peak) = (Instant::now(), 0.0_f64);
    loop {
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        if let Some(kib) = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse::<f64>().ok()) {
            peak = peak.max(kib / 1024.0);
        }
        match child.try_wait()? {
            Some(status) if status.success() => return Ok((peak, began.elapsed().as_secs_f64())),
            Some(status) => return Err(format!("it ended with {status}").into()),
            None => thread::sleep(LOOK_EVERY),
        }
    }
}

/// Writes the sample run's log with so many logins, as a run does: through the event log, with a follower.
fn record(folder: &Path, logins: u64) -> Fallible<()> {
    let log = EventLog::create(&folder.join("events.ndjson"), Clock::start(1.0))?;
    let follower = gameday::engine::subscribe(&log);
    let (records, _) = synthetic::World::sample().run();
    let samples: Vec<Login> = records
        .iter()
        .filter_map(|record| if let Event::Login(login) = &record.event { Some(Login::clone(login)) } else { None })
        .collect();
    let times = logins.div_ceil(samples.len() as u64);
    let mut arrival = 0;
    for record in records {
        let Event::Login(sample) = record.event else {
            log.write(record.event);
            continue;
        };
        for turn in 0..times.min(logins - arrival) {
            let late = SignedDuration::from_nanos(i64::try_from(turn)? * 1_000_000);
            let mut login = Login::clone(&sample);
            login.arrival = arrival;
            login.scheduled += late;
            login.started += late;
            login.ended += late;
            login.api_sent = login.api_sent.map(|sent| sent + late);
            // Names are as long as in a run, and most of them differ.
            login.user = Some(format!("synthetic-{arrival:07}"));
            login.retry_of = (login.phase == Phase::Outage && arrival > 0).then(|| arrival - 1);
            log.write(Event::Login(Box::new(login)));
            arrival += 1;
        }
    }
    drop(follower);
    log.close()?;
    Ok(())
}
