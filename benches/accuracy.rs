//! How far a report is from the truth: runs of the full failover on the lab, each with its own
//! seed, and for every milestone that the lab knows, and the RPO, the share of runs whose interval holds the true
//! moment, the error of the interval's middle, and whether it is as narrow as its observer allows.
//!
//! In virtual time, where no noise of a machine is in the figures: once as the environment is, and once with poll periods, arrivals, latencies and
//! the record's TTL drawn at random. Then in real time, ten times as fast, with the same draws and in a lab that others use meanwhile:
//! tests/conformance/observer.py asks for names, connects and signs in.
//!
//! `RUNS` says how many runs of each kind in virtual time (1000), `REAL` how many in real time (50), with 0 that part of the page stays as it is;
//! `SPEED` how fast these are (10), `GAMEDAY` which binary.

use std::error::Error;
use std::fmt::Write;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::{env, fs, thread};

use gameday_core::measure::clopper_pearson_95;
use jiff::Timestamp;
use serde_json::{Value, json};

type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// How a run's intervals and the truth differ; in scenario seconds.
struct Sample {
    milestone: String,
    truth: f64,
    interval: Option<(f64, f64)>,
    /// The observer's poll period and the time that its request took.
    allowed: f64,
}

impl Sample {
    fn covered(&self) -> bool {
        self.interval.is_some_and(|(lower, upper)| lower <= self.truth && self.truth <= upper)
    }

    fn width(&self) -> Option<f64> {
        self.interval.map(|(lower, upper)| upper - lower)
    }

    fn error(&self) -> Option<f64> {
        self.interval.map(|(lower, upper)| (f64::midpoint(lower, upper) - self.truth).abs())
    }
}

/// What is said of one milestone over all runs.
struct Summary {
    milestone: String,
    runs: usize,
    covered: usize,
    error_median: f64,
    /// What the median is between, at 95 % confidence.
    error_between: (f64, f64),
    error_max: f64,
    width_median: f64,
    width_max: f64,
    too_wide: usize,
}

fn main() -> Fallible<()> {
    let count = |name: &str, otherwise: u64| env::var(name).map_or(Ok(otherwise), |runs| runs.parse());
    let (runs, real) = (count("RUNS", 1000)?, count("REAL", 50)?);
    let speed = env::var("SPEED").unwrap_or_else(|_| "10".to_owned());
    let gameday = env::var_os("GAMEDAY").map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_gameday")), PathBuf::from);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = root.join("target/bench");
    fs::create_dir_all(&target)?;
    let python = root.join("target/conformance/venv/bin/python");
    if real > 0 && !python.exists() {
        return Err(format!("{} is missing: start this by `make bench-accuracy`", python.display()).into());
    }
    let bench = Bench { gameday, root: root.to_owned(), target: target.clone(), speed };
    let jobs = thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let plain = bench.measure(runs, jobs, "virtual", Bench::virtually)?;
    let drawn = bench.measure(runs, jobs, "virtual-drawn", Bench::virtually_drawn)?;
    let measured = bench.measure(real, jobs, "real", Bench::in_real_time)?;
    let tables = [&plain, &drawn, &measured].map(|summaries| table(summaries));
    println!("{}", tables.join("\n"));
    let rows = json!({ "rows": rows(&plain, ""), "drawn": rows(&drawn, "drawn "), "real": rows(&measured, "real ") });
    fs::write(target.join("accuracy.json"), serde_json::to_string_pretty(&rows)? + "\n")?;
    let page = root.join("docs/accuracy.md");
    let old = fs::read_to_string(&page).unwrap_or_default();
    fs::write(page, document(&tables, runs, real, &bench.speed, &old))?;
    Ok(())
}

/// The longest latency of a run's paths is drawn between these: within a Region, and between continents.
const LATENCY_MAX_MS: [f64; 2] = [4.0, 150.0];

struct Bench {
    gameday: PathBuf,
    root: PathBuf,
    target: PathBuf,
    speed: String,
}

/// Ended when dropped.
struct Beside(Child);

impl Drop for Beside {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Bench {
    /// A run of the full failover as it is.
    fn virtually(&self, seed: u64, folder: &Path) -> Fallible<ExitStatus> {
        let mut run = self.run(seed);
        Ok(run.args(["--time", "virtual", "scenarios/full-failover.toml", "--out"]).arg(folder).status()?)
    }

    /// The same with other arrivals, poll periods, latencies and TTL.
    fn virtually_drawn(&self, seed: u64, folder: &Path) -> Fallible<ExitStatus> {
        let place = self.draw(seed, folder, true)?;
        let mut run = self.run(seed);
        run.args(["--time", "virtual"]).arg(place.join("drawn.toml")).arg("--env").arg(place.join("env.toml"));
        Ok(run.arg("--out").arg(folder).status()?)
    }

    /// The same in real time, beside other clients.
    fn in_real_time(&self, seed: u64, folder: &Path) -> Fallible<ExitStatus> {
        let place = self.draw(seed, folder, false)?;
        let lab = place.join("lab.toml");
        let mut started = self.command("lab");
        started.args(["--speed", &self.speed, "--seed", &seed.to_string(), "--env"]).arg(place.join("env.toml"));
        let _lab = Beside(started.arg("--out").arg(&lab).spawn()?);
        for tries in 0.. {
            if lab.exists() {
                break;
            }
            if tries > 600 {
                return Err("the lab does not start".into());
            }
            thread::sleep(std::time::Duration::from_millis(100));
        }
        let mut others = Command::new(self.root.join("target/conformance/venv/bin/python"));
        others.arg(self.root.join("tests/conformance/observer.py")).arg(&lab);
        let _others = Beside(others.stdin(Stdio::piped()).stdout(Stdio::null()).spawn()?);
        let mut run = self.run(seed);
        Ok(run.arg(place.join("drawn.toml")).arg("--env").arg(&lab).arg("--out").arg(folder).status()?)
    }

    /// Scenario and environment with arrivals, poll periods, TTL and, where they can be chosen, latencies that follow from a seed, in a folder of
    /// their own.
    fn draw(&self, seed: u64, folder: &Path, latencies: bool) -> Fallible<PathBuf> {
        let place = folder.with_extension("lab");
        // An earlier lab's file would name addresses where nothing listens any more.
        if place.exists() {
            fs::remove_dir_all(&place)?;
        }
        fs::create_dir_all(&place)?;
        let mut draws = Draws(seed);
        let scenario = fs::read_to_string(self.root.join("scenarios/full-failover.toml"))?;
        let arrivals = format!("process = \"poisson\"\nrate = \"{:.2}/s\"", draws.between(1.0, 4.0));
        let (before, after) = scenario.split_once("process = \"constant\"").ok_or("no arrivals")?;
        let after = after.split_once("rate = \"2/s\"").ok_or("no rate")?.1;
        fs::write(place.join("drawn.toml"), format!("{before}{arrivals}{after}"))?;
        let mut text =
            "schema_version = 1\nname = \"lab\"\nkind = \"lab\"\n[account]\nallowed = [\"111122223333\"]\n".to_owned();
        let _ = writeln!(text, "[lab]\nttl = \"{}s\"", [5, 10, 20, 30, 60][seed as usize % 5]);
        if latencies {
            // From draws of their own, so that the others are those of real time.
            let longest = Draws(seed.wrapping_add(1 << 32)).between(LATENCY_MAX_MS[0], LATENCY_MAX_MS[1]);
            let _ = writeln!(text, "latency_max = \"{}ms\"", longest.round());
        }
        text.push_str("[observe]\n");
        for (name, most) in [("health", 4.0), ("authoritative", 2.0), ("resolver", 2.0), ("path", 2.0), ("canary", 4.0)]
        {
            let _ = writeln!(text, "{name} = \"{}ms\"", (draws.between(0.25, most) * 1000.0).round());
        }
        fs::write(place.join("env.toml"), text)?;
        Ok(place)
    }

    fn run(&self, seed: u64) -> Command {
        let mut run = self.command("run");
        run.args(["--no-progress", "--format", "json", "--yes", "--seed", &seed.to_string()]);
        run
    }

    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(&self.gameday);
        command.current_dir(&self.root).arg(name).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    /// Runs with the seeds from 1 on, some side by side.
    fn measure(
        &self,
        runs: u64,
        jobs: usize,
        name: &str,
        run: impl Fn(&Self, u64, &Path) -> Fallible<ExitStatus> + Sync,
    ) -> Fallible<Vec<Summary>> {
        let next = AtomicU64::new(1);
        let work = || -> Fallible<Vec<(u64, Vec<Sample>)>> {
            let mut samples = Vec::new();
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed > runs {
                    return Ok(samples);
                }
                let folder = self.target.join(format!("{name}-{seed}"));
                if folder.exists() {
                    fs::remove_dir_all(&folder)?;
                }
                let status = run(self, seed, &folder).inspect_err(|error| eprintln!("{name}, seed {seed}: {error}"))?;
                samples.push((seed, said(name, seed, status, &folder)?));
            }
        };
        let mut samples = thread::scope(|scope| {
            let workers: Vec<_> = (0..jobs).map(|_| scope.spawn(work)).collect();
            let joined = workers.into_iter().map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic)));
            joined.collect::<Fallible<Vec<_>>>()
        })?
        .into_iter()
        .flatten()
        .collect::<Vec<_>>();
        samples.sort_by_key(|(seed, _)| *seed);
        Ok(summarise(&samples.into_iter().flat_map(|(_, samples)| samples).collect::<Vec<_>>()))
    }
}

/// Numbers that follow from a seed (Marsaglia's xorshift); a benchmark needs no better ones.
struct Draws(u64);

impl Draws {
    fn between(&mut self, low: f64, high: f64) -> f64 {
        self.0 = self.0.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(1);
        self.0 ^= self.0 >> 29;
        low + (high - low) * (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Compares a run with its truth, and says how far they are apart.
fn said(name: &str, seed: u64, status: ExitStatus, folder: &Path) -> Fallible<Vec<Sample>> {
    {
        let of_run = compare(folder)?;
        let missed: Vec<&str> =
            of_run.iter().filter(|sample| !sample.covered()).map(|sample| sample.milestone.as_str()).collect();
        let wide: Vec<&str> = of_run
            .iter()
            .filter(|sample| sample.width().is_some_and(|width| width > sample.allowed))
            .map(|sample| sample.milestone.as_str())
            .collect();
        eprintln!("{name}, seed {seed}: {status}; not covered: {missed:?}; too wide: {wide:?}");
        if missed.is_empty() {
            fs::remove_dir_all(folder)?;
        } else {
            eprintln!("  kept: {}", folder.display());
        }
        Ok(of_run)
    }
}

fn read(path: &Path) -> Fallible<Value> {
    Ok(serde_json::from_str(&fs::read_to_string(path)?)?)
}

/// Compares one run with its truth.
fn compare(folder: &Path) -> Fallible<Vec<Sample>> {
    let run = read(&folder.join("run.json"))?;
    let truth = read(&folder.join("truth.json"))?;
    let events: Vec<Value> = fs::read_to_string(folder.join("events.ndjson"))?
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()?;
    let zero: Timestamp = run["zero_at"].as_str().ok_or("no zero_at")?.parse()?;
    let looks = Looks { events: &events, zero };
    let mut samples = Vec::new();
    for milestone in truth["milestones"].as_array().ok_or("truth without milestones")? {
        let name = milestone["name"].as_str().unwrap_or_default();
        let Some(truth) = milestone["at_s"].as_f64() else { continue };
        let reported = run["milestones"].as_array().and_then(|all| all.iter().find(|one| one["name"] == name));
        let interval = reported.and_then(|one| Some((one["lower_s"].as_f64()?, one["upper_s"].as_f64()?)));
        let allowed = interval.map_or(0.0, |interval| looks.allowed(name, interval));
        samples.push(Sample { milestone: name.to_owned(), truth, interval, allowed });
    }
    if let Some(truth) = truth["rpo"]["age_s"].as_f64() {
        let rpo = &run["rpo"];
        let interval = rpo["lower_s"].as_f64().zip(rpo["upper_s"].as_f64());
        samples.push(Sample { milestone: "rpo".to_owned(), truth, interval, allowed: looks.rpo_allowed() });
    }
    Ok(samples)
}

/// The observers' looks of one run.
struct Looks<'a> {
    events: &'a [Value],
    zero: Timestamp,
}

impl Looks<'_> {
    /// The poll period of a milestone's observer, plus the time of the longest of its requests that
    /// were answered in the interval's neighbourhood.
    fn allowed(&self, milestone: &str, (lower, upper): (f64, f64)) -> f64 {
        let (poll, kind, source) = match milestone {
            "fault_effective" | "fault_reverted" => ("path", "path", None),
            "health_check_unhealthy" | "health_check_healthy" => ("health", "health", None),
            "dns_flip_authoritative" | "dns_failback_authoritative" => {
                ("authoritative", "answer", Some("authoritative"))
            }
            "dns_flip_resolver" => ("resolver", "answer", Some("resolver")),
            _ => return self.login_allowed(milestone, upper),
        };
        let poll_s = self.events[0]["poll_s"][poll].as_f64().unwrap_or_default();
        let of_kind = self.events.iter().filter(|event| {
            event["event"] == kind && source.is_none_or(|source| event["source"] == source) && event["open"] != false
        });
        let near = of_kind.filter_map(|event| {
            let (sent, received) = (self.seconds(event, "sent")?, self.seconds(event, "received")?);
            (received >= lower - 1e-6 && sent <= upper + 1e-6).then_some(received - sent)
        });
        poll_s + near.fold(0.0, f64::max)
    }

    /// A login is its own observer: it asks once. What it tells is known no better than the gap between two of them: of all of them when logins began to
    /// hold, of those that ask for their way afresh when one became possible.
    fn login_allowed(&self, milestone: &str, upper: f64) -> f64 {
        let all = || self.events.iter().filter(|event| event["event"] == "login");
        let logins = || all().filter(|login| milestone == "replica_sustained" || login["cohort"] == "fresh-lookup");
        let took = all()
            .filter_map(|login| Some((self.seconds(login, "scheduled")?, self.seconds(login, "ended")?)))
            .find(|(_, ended)| (ended - upper).abs() < 1e-3)
            .map_or(0.0, |(scheduled, ended)| ended - scheduled);
        let scheduled: Vec<f64> = logins().filter_map(|login| self.seconds(login, "scheduled")).collect();
        let mut in_order = scheduled;
        in_order.sort_by(f64::total_cmp);
        let gap = in_order.windows(2).map(|pair| pair[1] - pair[0]).fold(0.0, f64::max);
        took + gap
    }

    /// A write is on the replica or not yet as of the last read before the fault and the first after it: a period each of writing,
    /// reading and trying the path, and a request.
    fn rpo_allowed(&self) -> f64 {
        let poll_s = |name: &str| self.events[0]["poll_s"][name].as_f64().unwrap_or_default();
        let reads = self.events.iter().filter(|event| event["event"] == "canary_read");
        let took = reads.filter_map(|read| Some(self.seconds(read, "received")? - self.seconds(read, "sent")?));
        2.0 * poll_s("canary") + poll_s("path") + took.fold(0.0, f64::max)
    }

    fn seconds(&self, event: &Value, key: &str) -> Option<f64> {
        let at = event.get(key).or_else(|| event["window"].get(key))?;
        let at: Timestamp = at.as_str()?.parse().ok()?;
        Some(at.duration_since(self.zero).as_secs_f64())
    }
}

fn summarise(samples: &[Sample]) -> Vec<Summary> {
    let mut names: Vec<&str> = Vec::new();
    for sample in samples {
        if !names.contains(&sample.milestone.as_str()) {
            names.push(&sample.milestone);
        }
    }
    let one = |name: &str| {
        let of: Vec<&Sample> = samples.iter().filter(|sample| sample.milestone == name).collect();
        let mut errors: Vec<f64> = of.iter().filter_map(|sample| sample.error()).collect();
        errors.sort_by(f64::total_cmp);
        let mut widths: Vec<f64> = of.iter().filter_map(|sample| sample.width()).collect();
        widths.sort_by(f64::total_cmp);
        Summary {
            milestone: name.to_owned(),
            runs: of.len(),
            covered: of.iter().filter(|sample| sample.covered()).count(),
            error_median: median(&errors),
            error_between: median_between(&errors),
            error_max: errors.last().copied().unwrap_or(f64::NAN),
            width_median: median(&widths),
            width_max: widths.last().copied().unwrap_or(f64::NAN),
            too_wide: of.iter().filter(|sample| sample.width().is_some_and(|width| width > sample.allowed)).count(),
        }
    };
    names.into_iter().map(one).collect()
}

fn median(sorted: &[f64]) -> f64 {
    match sorted.len() {
        0 => f64::NAN,
        odd if odd % 2 == 1 => sorted[odd / 2],
        even => f64::midpoint(sorted[even / 2 - 1], sorted[even / 2]),
    }
}

/// The order statistics that a median lies between at 95 % confidence: by the sign test, in its normal approximation, rounded outwards.
fn median_between(sorted: &[f64]) -> (f64, f64) {
    let count = sorted.len() as f64;
    let away = 1.96 * count.sqrt() / 2.0;
    let at = |index: f64| sorted.get((index.max(0.0) as usize).min(sorted.len().saturating_sub(1))).copied();
    let (low, high) = (at((count / 2.0 - away).floor()), at((count / 2.0 + away).ceil()));
    low.zip(high).unwrap_or((f64::NAN, f64::NAN))
}

fn rows(summaries: &[Summary], of: &str) -> Value {
    let mut rows = Vec::new();
    for summary in summaries {
        let name = format!("{of}{}", summary.milestone);
        let share = summary.covered as f64 / summary.runs.max(1) as f64;
        rows.push(json!({"name": format!("{name} coverage"), "value": share, "unit": "share"}));
        rows.push(json!({"name": format!("{name} error median"), "value": summary.error_median, "unit": "s"}));
        rows.push(json!({"name": format!("{name} error max"), "value": summary.error_max, "unit": "s"}));
        rows.push(json!({"name": format!("{name} width max"), "value": summary.width_max, "unit": "s"}));
        rows.push(json!({"name": format!("{name} too wide"), "value": summary.too_wide, "unit": "runs"}));
    }
    rows.into()
}

fn table(summaries: &[Summary]) -> String {
    let mut text = "| milestone | coverage | at 95 % confidence | error median (95 %) | error max | width median | width max | wider than poll + request |\n"
        .to_owned();
    text += "|---|---:|---:|---:|---:|---:|---:|---:|\n";
    for of in summaries {
        let (low, high) = clopper_pearson_95(of.covered as u64, of.runs as u64).unwrap_or((0.0, 1.0));
        let _ = writeln!(
            text,
            "| `{}` | {} of {} | {:.2} % to {:.2} % | {:.3} s ({:.3} s to {:.3} s) | {:.3} s | {:.3} s | {:.3} s | {} of {} |",
            of.milestone,
            of.covered,
            of.runs,
            (low * 10_000.0).floor() / 100.0,
            (high * 10_000.0).ceil() / 100.0,
            of.error_median,
            of.error_between.0,
            of.error_between.1,
            of.error_max,
            of.width_median,
            of.width_max,
            of.too_wide,
            of.runs
        );
    }
    text
}

/// Where the parts begin and end.
const PARTS: [&str; 3] = ["## Virtual time\n", "## Real time\n", "## What the columns mean\n"];

fn document([plain, drawn, real]: &[String; 3], runs: u64, real_runs: u64, speed: &str, old: &str) -> String {
    let kept = |part: usize| Some(old.split_once(PARTS[part])?.1.split_once(PARTS[part + 1])?.0.to_owned());
    let virtually = match kept(0) {
        Some(kept) if runs == 0 => kept,
        _ => format!(
            "\n{runs} runs of `scenarios/full-failover.toml` with `--time virtual` and the seeds 1 to {runs}. No noise of a machine is in these\n\
             figures, and they are the same on every machine.\n\n\
             {plain}\n\
             The same with arrivals at random, between 1 and 4 logins a second, poll periods between 0.25 s and 4 s, TTLs from 5 s to 60 s, and a\n\
             latency of each path between 1 ms and a longest one, which lies between 4 ms and 150 ms:\n\n\
             {drawn}\n"
        ),
    };
    let real = match kept(1) {
        Some(kept) if real_runs == 0 => kept,
        _ => format!(
            "\nThe same draws, but for latencies, which loopback does not have, with `--speed {speed}`, seeds 1 to {real_runs}, as many runs side by side as there are processors, and in each\n\
             lab another client at work (`tests/conformance/observer.py`). At that speed the noise of the machine counts {speed} times.\n\n{real}\n"
        ),
    };
    format!(
        "# Accuracy\n\n\
         How far a report is from what really happened. The lab notes its own ground truth (`truth.json`): when packets began to\n\
         vanish, when the health check changed, when the answer of each DNS server changed, from when on a sign-in would have succeeded,\n\
         which writes the replica did not have. The runner knows none of it; it sees what it would see in AWS. A report gives each\n\
         milestone as an interval; the difference between the two is the error of the instrument.\n\n\
         {}{virtually}{}{real}{}\n\
         - **coverage**: in how many runs the true moment lies inside the reported interval.\n\
         - **at 95 % confidence**: between which shares the coverage of all runs lies, by these (Clopper and Pearson).\n\
         - **error**: how far the middle of the interval is from the true moment; its median with the bounds at 95 % confidence (sign test).\n\
         - **width**: how wide the interval is, as a rule and at most.\n\
         - **wider than poll + request**: in how many runs an interval is wider than the poll period of its observer plus the time of\n\
         \x20 one request (the longest answered one near the interval). A login is its own observer, so the longest gap of arrivals is the\n\
         \x20 poll period: of all arrivals for `replica_sustained`, of clients that ask DNS for every login for `first_replica_login` and\n\
         \x20 `first_primary_login_after_failback`.\n\n\
         What each truth rests on, so that no figure is compared with what it made itself:\n\n\
         | figure | the truth of the lab | made by an observer of ours? |\n\
         |---|---|---|\n\
         | `fault_effective`, `fault_reverted` | the moment at which the network of the lab applies or removes a rule, at the last endpoint | no |\n\
         | `health_check_unhealthy`, `health_check_healthy` | the checkers of the lab | no |\n\
         | `dns_flip_authoritative`, `dns_failback_authoritative` | when the last server had the change | no |\n\
         | `dns_flip_resolver`, `replica_sustained` | the later of that and the end of what the resolver cached; a client that asks next gets it | no; what is cached depends on who asked before |\n\
         | `first_replica_login`, `first_primary_login_after_failback` | the same: from then on a client that asks is led there, and its sign-in succeeds; the first token that the API of the Region accepts shows that it serves | no; a client that needs no answer may be earlier, and then its own sign-in counts |\n\
         | `first_failed_login` | none: only the client knows when it gave up | left out |\n\
         | `rpo` | every write to the primary, by anyone | the writes of the canary are among them |\n\n\
         - **`rpo`** is no moment but an age: of the oldest write that the replica did not have when the fault became effective.\n\
         \x20 Three observers bound it, so its poll period is that of a write, a read and the path together. What the canary\n\
         \x20 writes between two reads, a report cannot tell apart, and its interval is for any write, not for canaries alone: the\n\
         \x20 middle is half a write period above the truth at best.\n\n\
         Measure again, which rewrites this file and `target/bench/accuracy.json`; `RUNS=100 REAL=0` is quicker, and 0 leaves a\n\
         part as it is:\n\n\
         \x20   make bench-accuracy\n",
        PARTS[0], PARTS[1], PARTS[2]
    )
}
