//! Whole runs by the binary, with a wire before the lab's EC2: exit codes and what is said.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use gameday_core::model::Phase;

use super::place::{Said, from_on};
use crate::proxy::{Call, Way, Wire};
use crate::support::{Lab, SHORT_TTL, current_phase, gameday, json, lab_with, short_scenario, tools};

const DENIED: Way = Way::Refused(403, "UnauthorizedOperation");

/// A lab, and the way to its EC2.
struct Bench {
    folder: tempfile::TempDir,
    lab: Lab,
    wire: Wire,
    environment: PathBuf,
}

impl Bench {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = lab_with(folder.path(), SHORT_TTL);
        let lab = Lab::start(folder.path(), &["--speed", "20", "--seed", "5", "--env", settings.to_str().unwrap()]);
        let text = std::fs::read_to_string(&lab.environment).unwrap();
        let (before, after) = text.split_once("ec2 = \"http://").unwrap();
        let (ec2, after) = after.split_once('"').unwrap();
        let wire = Wire::start(ec2.trim_end_matches('/').parse().unwrap());
        let environment = lab.environment.with_file_name("wire.toml");
        std::fs::write(&environment, format!("{before}ec2 = \"{}\"{after}", wire.url())).unwrap();
        Self { folder, lab, wire, environment }
    }

    fn out(&self) -> PathBuf {
        self.folder.path().join("run")
    }

    fn command(&self, out: &Path) -> Command {
        let mut command = gameday();
        command.arg("run").arg(short_scenario(self.folder.path())).args(["--seed", "5", "--env"]);
        command.arg(&self.environment).arg("--out").arg(out).stdin(Stdio::null());
        command
    }

    async fn run(&self) -> Said {
        let mut command = self.command(&self.out());
        Said::of(tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap())
    }

    async fn rollback(&self) -> Said {
        let mut command = gameday();
        command.arg("rollback").arg(self.out());
        Said::of(tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_may_no_more_says_what_is_left_and_is_rolled_back_later() {
    let bench = Bench::start();
    let before = bench.lab.world().await;
    // The lock, the clone, its rules and the moved subnets are made; the cut is not.
    bench.wire.rule(from_on(10, DENIED));
    let said = bench.run().await;
    assert_eq!(said.code, Some(5), "{said:?}");
    assert!(said.err.contains(&format!("gameday rollback {}", bench.out().display())), "{said:?}");
    let run = json(&bench.out().join("run.json"));
    let left: Vec<&str> =
        run["rollback"]["not_reverted"].as_array().unwrap().iter().filter_map(|one| one.as_str()).collect();
    // Two subnets, and the clone that they still use.
    assert_eq!((run["exit_code"].as_u64(), left.len()), (Some(5), 3), "{left:?}");
    assert_eq!(left.iter().filter(|one| one.starts_with("subnet-")).count(), 2, "{left:?}");
    let text = format!("{}{}", said.out, said.err);
    assert!(left.iter().all(|one| text.contains(one)), "{left:?} but {text}");
    assert_ne!(bench.lab.world().await, before);
    assert_eq!(bench.rollback().await.code, Some(5));
    bench.wire.open();
    assert_eq!(bench.rollback().await.code, Some(0));
    assert_eq!(bench.lab.world().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_permissions_come_back_restores_and_is_aborted() {
    let bench = Bench::start();
    let before = bench.lab.world().await;
    let mut refused = false;
    bench.wire.rule(move |call: &Call| {
        // Until what was refused is looked at again.
        let way = match call.number {
            Some(5) => DENIED,
            Some(_) if refused && call.action == "CreateNetworkAclEntry" => DENIED,
            _ => Way::Open,
        };
        refused |= way == DENIED;
        way
    });
    let said = bench.run().await;
    assert_eq!(said.code, Some(4), "{said:?}");
    let run = json(&bench.out().join("run.json"));
    assert_eq!(run["rollback"]["state_identical"], true, "{run}");
    assert_eq!(bench.lab.world().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_without_a_folder_touches_nothing() {
    let bench = Bench::start();
    let before = bench.lab.world().await;
    std::fs::write(bench.folder.path().join("file"), "").unwrap();
    // Not even root can make a folder in them.
    for out in [bench.folder.path().join("file/run"), PathBuf::from("/proc/self/run")] {
        let said = Said::of(bench.command(&out).output().unwrap());
        assert_eq!(said.code, Some(2), "{said:?}");
        assert!(said.err.contains("folder"), "{said:?}");
    }
    assert_eq!((bench.wire.seen().len(), bench.lab.world().await), (0, before));
}

/// No file of the process may grow from now on.
fn no_room_for(process: &Child, bytes: u64) {
    let limit = [format!("--pid={}", process.id()), format!("--fsize={bytes}")];
    assert!(Command::new("prlimit").args(limit).status().unwrap().success());
}

/// The disk is full when the fault is to begin, in the middle of that, and when it is to end; its log on standard error is
/// on the same disk.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_disk_is_full_is_restored() {
    for (phase, room) in [(Phase::Baseline, 0), (Phase::Baseline, 3000), (Phase::Outage, 0)] {
        let bench = Bench::start();
        let before = bench.lab.world().await;
        let (run, said) = (bench.command(&bench.out()), bench.folder.path().join("said"));
        // What a full disk does to write(2), but only to this process: EFBIG instead of ENOSPC.
        let mut ignoring = Command::new("bash");
        ignoring.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(run.get_program()).args(run.get_args());
        ignoring.env("GAMEDAY_STATE_DIR", crate::support::state_dir());
        ignoring.current_dir(env!("CARGO_MANIFEST_DIR")).stdin(Stdio::null()).stdout(Stdio::null());
        ignoring.stderr(std::fs::File::create(&said).unwrap());
        let mut process = tools::Running(ignoring.spawn().unwrap());
        tools::within(Duration::from_mins(1), "the phase", || current_phase(&bench.out()) == Some(phase));
        no_room_for(&process.0, room);
        let status = tokio::task::spawn_blocking(move || process.0.wait().unwrap()).await.unwrap();
        let what = format!("{}, {room} bytes: {}", phase.as_str(), std::fs::read_to_string(&said).unwrap());
        assert_eq!(bench.lab.world().await, before, "{what}");
        assert_eq!(status.code(), Some(4), "{what}");
        assert_eq!(bench.rollback().await.code, Some(0), "{what}");
    }
}
