//! Simulation testing: whole runs in virtual time, in which a seed draws what fails, what troubles AWS's API, what others do, which signals come and
//! when the runner dies. Whatever happened, everything is put back and nothing that is said is false.
//!
//! `make explore SEEDS=1..1000` plays more; a seed that fails is played again with `make explore SEEDS=17`.

mod ground;
mod play;
mod story;

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use gameday_core::model::Seed;

use crate::support::json_web_token;

const SEED: &str = "GAMEDAY_TEST_EXPLORE_SEED";
const FOLDER: &str = "GAMEDAY_TEST_EXPLORE_FOLDER";
/// How long one story may take of real time; most take a few seconds.
const HANGS: Duration = Duration::from_mins(3);

/// Not a test by itself: one story, in a process of its own.
#[test]
#[ignore = "the test below starts it"]
fn story() {
    let variable = |name| std::env::var(name).unwrap();
    let seed: u64 = variable(SEED).parse().unwrap();
    let story = story::Story::of(seed);
    println!("{story:#?}\n{}", story.scenario);
    let folder = PathBuf::from(variable(FOLDER));
    let played = gameday_protocols::timer::block_on_virtual(Seed(seed), || Box::pin(play::play(story, folder)));
    match played.unwrap() {
        Ok(told) => println!("PLAYED: {told}"),
        Err(wrong) => panic!("WRONG:\n{}", wrong.join("\n")),
    }
}

fn seeds() -> RangeInclusive<u64> {
    let text = std::env::var("SEEDS").unwrap_or_else(|_| "1..20".to_owned());
    let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("SEEDS is a number or FROM..TO, not {text}"));
    match text.split_once("..") {
        Some((from, to)) => number(from)..=number(to),
        None => number(&text)..=number(&text),
    }
}

#[test]
fn whatever_happens_everything_is_put_back() {
    let (seeds, began) = (seeds(), Instant::now());
    let (next, count) = (AtomicU64::new(*seeds.start()), seeds.end() + 1 - seeds.start());
    let failed = Mutex::new(Vec::new());
    let alone = count == 1;
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, std::num::NonZero::get) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed > *seeds.end() {
                        return;
                    }
                    let folder = tempfile::tempdir().unwrap();
                    match one(seed, folder.path(), alone) {
                        Ok(told) => println!("seed {seed}: {told}"),
                        Err(why) => {
                            println!("seed {seed}: FAILED\n{why}\n  to play it again: make explore SEEDS={seed}");
                            failed.lock().unwrap().push(seed);
                        }
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    println!("{count} seeds in {:.0} s, {} failed: {failed:?}", began.elapsed().as_secs_f64(), failed.len());
    assert!(failed.is_empty(), "{failed:?}");
}

/// What happened and what was put back follow from the seed, repeated calls of AWS's SDK and the wire included.
#[test]
fn a_seed_tells_the_same_story_twice() {
    // Lost answers, throttling, lagging descriptions, others at work, and a run that goes to its end.
    let seed = 66;
    let play = || {
        let folder = tempfile::tempdir().unwrap();
        one(seed, folder.path(), false).unwrap();
        // The journal names the file of the credentials, and seals its lines with hashes.
        std::fs::read_to_string(folder.path().join("run/events.ndjson")).unwrap()
    };
    let (first, second) = (play(), play());
    let differs = first.lines().zip(second.lines()).find(|(first, second)| first != second);
    assert!(first == second, "{differs:?}");
}

/// Plays one story; gives what it was, or what was wrong.
fn one(seed: u64, folder: &Path, whole: bool) -> Result<String, String> {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "explore::story", "--ignored", "--nocapture"]);
    command.env(SEED, seed.to_string()).env(FOLDER, folder).env("GAMEDAY_STATE_DIR", folder.join("state"));
    let (out, err) = (folder.join("stdout"), folder.join("stderr"));
    let file = |path| Stdio::from(std::fs::File::create(path).unwrap());
    let mut child = command.stdin(Stdio::null()).stdout(file(&out)).stderr(file(&err)).spawn().unwrap();
    let until = Instant::now() + HANGS;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break Some(status);
        }
        if Instant::now() > until {
            child.kill().unwrap();
            child.wait().unwrap();
            break None;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let said = |path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
    let (said, erred) = (said(&out), said(&err));
    let told = said.lines().find_map(|line| line.strip_prefix("PLAYED: ")).map(str::to_owned);
    let key = std::fs::read_to_string(folder.join("secrets.toml")).unwrap_or_default();
    let key = key.split('"').nth(1).map(str::to_owned);
    let tells = |text: &str| key.as_ref().is_some_and(|key| text.contains(key)) || json_web_token(text).is_some();
    if tells(&said) || tells(&erred) {
        return Err("its output tells a secret".to_owned());
    }
    if whole {
        println!("{said}\n{erred}");
    }
    match (status, told) {
        (Some(status), Some(told)) if status.success() => Ok(told),
        (None, _) => Err(format!("it takes longer than {HANGS:?}")),
        _ => {
            let wrong = erred.split_once("WRONG:\n").map_or(&*erred, |(_, wrong)| wrong);
            let lines: Vec<&str> =
                wrong.lines().take_while(|line| !line.starts_with("stack backtrace")).take(30).collect();
            Err(lines.join("\n"))
        }
    }
}
