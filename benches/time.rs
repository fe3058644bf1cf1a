//! How much processor time a drill in virtual time takes, and how many seconds of the scenario that is for each of them.
//!
//! `RUNS` says how many runs (5), `GAMEDAY` which binary: `GAMEDAY=target/release/gameday` measures an optimised one.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use jiff::Timestamp;
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use serde_json::{Value, json};

type Fallible<T> = Result<T, Box<dyn Error>>;

/// Scenarios of different kinds.
const SCENARIOS: [&str; 3] = ["full-failover", "single-az", "health-check-drill"];

struct Sample {
    scenario_s: f64,
    processor_s: f64,
}

fn main() -> Fallible<()> {
    let runs: u64 = env::var("RUNS").map_or(Ok(5), |runs| runs.parse())?;
    let gameday = env::var_os("GAMEDAY").map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_gameday")), PathBuf::from);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = root.join("target/bench");
    fs::create_dir_all(&target)?;
    let mut rows = Vec::new();
    println!("| scenario | scenario time | processor time | scenario seconds for each |\n|---|---:|---:|---:|");
    for name in SCENARIOS {
        let mut samples = (1..=runs).map(|seed| run(&gameday, root, name, seed)).collect::<Fallible<Vec<_>>>()?;
        samples.sort_by(|one, other| one.processor_s.total_cmp(&other.processor_s));
        let Sample { scenario_s, processor_s } = &samples[samples.len() / 2];
        let ratio = scenario_s / processor_s;
        println!("| `{name}` | {scenario_s:.1} s | {processor_s:.2} s | {ratio:.1} |");
        rows.push(json!({"name": format!("{name} scenario time"), "value": scenario_s, "unit": "s"}));
        rows.push(json!({"name": format!("{name} processor time"), "value": processor_s, "unit": "s"}));
        rows.push(json!({"name": format!("{name} scenario seconds for each processor second"), "value": ratio, "unit": "ratio"}));
    }
    fs::write(target.join("time.json"), serde_json::to_string_pretty(&json!({ "rows": rows }))? + "\n")?;
    Ok(())
}

/// One run, and the processor time of its process: the median of them is shown.
fn run(gameday: &Path, root: &Path, name: &str, seed: u64) -> Fallible<Sample> {
    let folder = root.join(format!("target/bench/time-{name}-{seed}"));
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let mut command = Command::new(gameday);
    command.current_dir(root).args(["run", "--time", "virtual", "--no-progress", "--format", "json"]);
    command.arg(format!("scenarios/{name}.toml")).args(["--seed", &seed.to_string(), "--out"]).arg(&folder);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    // Ended, and not yet forgotten by the system.
    let id = Pid::from_child(&child);
    waitid(WaitId::Pid(id), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT)?;
    let stat = fs::read_to_string(format!("/proc/{}/stat", child.id()))?;
    let status = child.wait()?;
    if !matches!(status.code(), Some(0 | 1)) {
        return Err(format!("{name}, seed {seed}: {status}").into());
    }
    // After the name, which may hold spaces: utime and stime are fields 14 and 15 (proc_pid_stat(5)).
    let fields: Vec<&str> = stat.rsplit_once(')').ok_or("no name")?.1.split_whitespace().collect();
    let ticks = fields[11].parse::<f64>()? + fields[12].parse::<f64>()?;
    let processor_s = ticks / rustix::param::clock_ticks_per_second() as f64;
    let run: Value = serde_json::from_str(&fs::read_to_string(folder.join("run.json"))?)?;
    let at = |time: &Value| -> Fallible<Timestamp> { Ok(time.as_str().ok_or("no time")?.parse()?) };
    let ended = run["phases"].as_array().and_then(|phases| phases.last()).ok_or("no phases")?;
    let scenario_s = at(&ended["ended_at"])?.duration_since(at(&run["started_at"])?).as_secs_f64();
    fs::remove_dir_all(&folder)?;
    Ok(Sample { scenario_s, processor_s })
}
