//! Journals that end in the middle of a record, and disks that are full at any of its writes.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use gameday::cloud::{Access, Cloud};
use gameday::faults::{Executor, Journal, Stage, plan, read_journal};
use gameday_core::env;
use gameday_core::model::{Clock, RunId};
use gameday_core::scenario::FaultSpec;
use tokio_util::sync::CancellationToken;

use super::place::{Place, Rehearsal};
use crate::support::{Lab, gameday};

const FOLDER: &str = "GAMEDAY_TEST_FOLDER";
const ENVIRONMENT: &str = "GAMEDAY_TEST_ENVIRONMENT";

/// How far a run came before its process ended.
#[derive(Debug, Clone, Copy)]
enum Ended {
    /// A clone was made, and its ID is in the last record.
    AfterMakingAClone,
    /// Subnets were about to be moved.
    BeforeMovingSubnets,
    /// The cut was made.
    AfterCutting,
}

impl Ended {
    async fn reach(self, rehearsal: &Rehearsal<'_>) {
        let (fault, stop) = (&rehearsal.plan.faults[0], CancellationToken::new());
        let last = match self {
            Self::AfterMakingAClone => Stage::Create,
            Self::BeforeMovingSubnets => Stage::Populate,
            Self::AfterCutting => Stage::Inject,
        };
        rehearsal.executor.make(&fault.of(|stage| stage <= last), &stop).await.unwrap();
        if matches!(self, Self::BeforeMovingSubnets) {
            let next = fault.of(|stage| stage == Stage::Associate);
            rehearsal.journal.intend(&next.iter().collect::<Vec<_>>()).unwrap();
        }
    }
}

/// Where the last record begins.
fn last_record(bytes: &[u8]) -> usize {
    bytes[..bytes.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1
}

/// What the file beside a journal said of its end before the last record was written: a crash tears what was not counted yet.
fn end_before(journal: &Path, lines: &[u8]) {
    let count = lines.split(|byte| *byte == b'\n').count() - 1;
    let last = serde_json::from_slice::<serde_json::Value>(&lines[last_record(lines)..]).unwrap();
    let end = format!("{count:>12} {}\n", last["sha256"].as_str().unwrap());
    std::fs::write(journal.with_file_name("journal.head"), end).unwrap();
}

/// A restore that has nothing but the journal, as another process would.
async fn restore_from_the_journal(rehearsal: &Rehearsal<'_>) -> Vec<String> {
    rehearsal.let_go();
    let (journal, _) = Journal::reopen(&rehearsal.folder.join("journal.ndjson")).unwrap();
    let (clients, clock) = ([rehearsal.place.primary().clone()], Clock::start(1.0));
    let executor = Executor::new(Arc::new(journal), clients, clock, Arc::new(|_| {}));
    executor.restore(&CancellationToken::new()).await.left
}

/// Cuts the last record off at each of its bytes, and restores.
async fn cut_off_at_every_byte(ended: Ended) {
    let place = Place::in_lab().await;
    let (mut kept, mut lengths) = (0, 1);
    while kept < lengths {
        let rehearsal = place.rehearsal().await;
        ended.reach(&rehearsal).await;
        let path = rehearsal.folder.join("journal.ndjson");
        let bytes = std::fs::read(&path).unwrap();
        let last = last_record(&bytes);
        lengths = bytes.len() - last;
        std::fs::write(&path, &bytes[..last + kept]).unwrap();
        end_before(&path, &bytes[..last]);
        assert_eq!(read_journal(&path).unwrap().torn, kept > 0);
        let what = format!("{ended:?}, {kept} of {lengths} bytes are kept");
        if kept % 50 == 0 || kept + 1 == lengths {
            let said = rehearsal.rollback().await;
            assert_eq!(said.code, Some(0), "{what}: {said:?}");
        } else {
            assert_eq!(restore_from_the_journal(&rehearsal).await, Vec::<String>::new(), "{what}");
        }
        rehearsal.is_back(&what).await;
        kept += 1;
    }
    println!("{ended:?}: a last record of {lengths} bytes, cut off at each");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_made_clone_whose_record_is_torn_is_found_and_deleted() {
    cut_off_at_every_byte(Ended::AfterMakingAClone).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_intent_that_is_torn_was_not_begun() {
    cut_off_at_every_byte(Ended::BeforeMovingSubnets).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_whose_last_record_is_torn_is_healed() {
    cut_off_at_every_byte(Ended::AfterCutting).await;
}

/// Not a test by itself: the process whose disk is full. It ends with a run's exit codes.
#[tokio::test]
#[ignore = "another test of this file starts it"]
async fn victim() {
    let variable = |name| PathBuf::from(std::env::var(name).unwrap());
    let (environment, folder) = (variable(ENVIRONMENT), variable(FOLDER));
    let pem = std::fs::read_to_string(environment.with_extension("ca.pem")).unwrap();
    let loaded = env::load(&environment).unwrap();
    let site = loaded.value.complete(environment.parent().unwrap().to_owned(), Some(pem)).unwrap();
    let run = RunId(format!("gd-{}", folder.file_name().unwrap().display()));
    let (cloud, clock) = (Cloud::connect(&site).await.unwrap(), Clock::start(1.0));
    let plan = plan(&[FaultSpec::default()], &site, &cloud, &run).await.unwrap();
    let path = folder.join("journal.ndjson");
    let Ok(journal) = Journal::create(&path, run, Access::of(&site), clock.now()) else { std::process::exit(4) };
    let journal = Arc::new(journal);
    let executor = Executor::new(Arc::clone(&journal), [cloud.primary.clone()], clock, Arc::new(|_| {}));
    let stop = CancellationToken::new();
    let mut injected = Ok(());
    for actions in [plan.prepare(), plan.cut_at(Duration::ZERO)] {
        if injected.is_ok() {
            injected = executor.make(&actions, &stop).await;
        }
    }
    let restored = executor.restore(&stop).await;
    let _ = journal.close();
    std::process::exit(match (restored.left.is_empty(), injected) {
        (false, _) => 5,
        (true, Err(_)) => 4,
        (true, Ok(())) => 0,
    });
}

/// Starts the victim, whose files may not grow beyond a length: write(2) fails with EFBIG there.
fn with_room_for(bytes: u64, lab: &Lab, folder: &Path) -> Option<i32> {
    std::fs::create_dir(folder).unwrap();
    let mut victim = Command::new("bash");
    victim.args(["-c", "trap '' XFSZ; exec prlimit --fsize=\"$0\" -- \"$@\"", &bytes.to_string()]);
    victim.arg(std::env::current_exe().unwrap()).args([
        "--exact",
        "wire::journals::victim",
        "--ignored",
        "--nocapture",
    ]);
    victim.env(FOLDER, folder).env(ENVIRONMENT, &lab.environment);
    let done = victim.output().unwrap();
    if done.status.code() != Some(0) {
        print!("{}", String::from_utf8_lossy(&done.stderr));
    }
    done.status.code()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_at_any_journal_write_strands_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let lab = Lab::start(folder.path(), &["--seed", "5"]);
    let before = lab.world().await;
    let whole = folder.path().join("run-99-99999");
    assert_eq!(with_room_for(1 << 20, &lab, &whole), Some(0));
    let text = std::fs::read_to_string(whole.join("journal.ndjson")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let last_outcome = lines.iter().rposition(|line| line.contains("\"entry\":\"outcome\"")).unwrap();
    let (mut at, mut writes) = (0, 0);
    for (number, line) in lines.iter().enumerate() {
        // In the middle of a line, and at its very beginning.
        for room in [at + line.len() as u64 / 2, at] {
            let run = folder.path().join(format!("run-{number:02}-{room:05}"));
            let code = with_room_for(room, &lab, &run);
            let what = format!("room for {room} bytes, line {}", number + 1);
            // Its times may be a digit longer than the first one's, so that between two lines either may be the last.
            let either = number == last_outcome + 1 && room == at;
            let expected = if number <= last_outcome || (either && code == Some(4)) { 4 } else { 0 };
            assert_eq!(code, Some(expected), "{what}");
            assert_eq!(lab.world().await, before, "{what}");
            let rollback = gameday().arg("rollback").arg(&run).output().unwrap();
            assert_eq!(rollback.status.code(), Some(0), "{what}: {rollback:?}");
            writes += 1;
        }
        at += line.len() as u64 + 1;
    }
    assert_eq!(lab.world().await, before);
    println!("the disk was full at {writes} places of {} lines", lines.len());
    assert!(writes >= 40);
}
