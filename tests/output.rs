//! No reader that is gone, and no file that is in the way, changes what a command does.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::{FULL_FAILOVER, gameday, tools, variant};

/// Ends with its own code although nobody reads standard output, or standard error.
fn ends_with(mut command: Command, code: i32) {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let done = command.stdin(Stdio::null()).stdout(writer).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert_eq!(done.status.code(), Some(code), "{:?}: {said}", command.get_args().collect::<Vec<_>>());
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn every_command_ends_with_its_own_code_when_its_reader_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("run.tar.zst");
    let (quarter, archive) = ("reports/sample-quarters/q1", archive.to_str().unwrap());
    let broken = variant("GD301");
    let broken = broken.to_str().unwrap();
    let commands: &[(&[&str], i32)] = &[
        (&["preflight", "--list"], 0),
        (&["preflight", "--explain", "GD402"], 0),
        (&["preflight", "--env", broken], 3),
        (&["preflight", "--env", broken, "--format", "markdown"], 3),
        (&["plan", FULL_FAILOVER], 0),
        (&["plan", FULL_FAILOVER, "--format", "json"], 0),
        (&["iam-policy", FULL_FAILOVER], 0),
        (&["lab", "--print-estate"], 0),
        (&["completions", "bash"], 0),
        (&["schema", "environment"], 0),
        (&["validate", FULL_FAILOVER], 0),
        (&["validate", "README.md"], 2),
        (&["report", quarter, "--format", "html"], 0),
        (&["trend", quarter, "reports/sample-quarters/q2"], 0),
        (&["compare", quarter, "reports/sample-quarters/q2"], 0),
        (&["runbook"], 0),
        (&["evidence", quarter, "--out", archive], 0),
        (&["evidence", "verify", archive], 0),
        (&["--help"], 0),
    ];
    for (arguments, code) in commands {
        let mut command = gameday();
        command.args(*arguments);
        ends_with(command, *code);
    }
    for more in [&["rollback"][..], &["rollback", "--all"]] {
        let mut command = gameday();
        command.current_dir(folder.path()).env("GAMEDAY_STATE_DIR", folder.path().join("state")).args(more);
        ends_with(command, 0);
    }
}

#[test]
fn a_product_that_could_not_be_written_is_an_error() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let done = gameday().args(["schema", "scenario"]).stdout(full).output().unwrap();
    assert_eq!(done.status.code(), Some(2), "{done:?}");
}

fn mode(path: &Path) -> u32 {
    std::fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_lab_writes_new_files_for_their_owner_alone_and_shows_its_secret_to_terminals_only() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("victim"), "mine").unwrap();
    symlink(at("victim"), at("lab.secrets.toml")).unwrap();
    std::fs::write(at("lab.toml"), "open to all").unwrap();
    std::fs::set_permissions(at("lab.toml"), std::fs::Permissions::from_mode(0o666)).unwrap();
    let shown = std::fs::File::create(at("shown")).unwrap();
    let mut command = gameday();
    let lab = command.args(["lab", "--out"]).arg(at("lab.toml")).stdout(shown).spawn().unwrap();
    let _lab = tools::Running(lab);
    let shown = || std::fs::read_to_string(at("shown")).unwrap();
    tools::within(Duration::from_secs(30), "the lab to start", || shown().contains("runs until Ctrl-C"));
    for name in ["lab.toml", "lab.secrets.toml", "lab.ca.pem"] {
        assert_eq!(mode(&at(name)), 0o600, "{name}");
        assert!(at(name).symlink_metadata().unwrap().is_file(), "{name}");
    }
    assert_eq!(std::fs::read_to_string(at("victim")).unwrap(), "mine");
    let secrets: toml::Table = toml::from_str(&std::fs::read_to_string(at("lab.secrets.toml")).unwrap()).unwrap();
    let key = secrets["secret_access_key"].as_str().unwrap();
    assert!(!shown().contains(key) && shown().contains("AWS_ACCESS_KEY_ID"), "{}", shown());
}

#[test]
fn a17_an_environment_in_place_of_a_scenario_is_named() {
    let said = |arguments: &[&str]| {
        let done = gameday().args(arguments).output().unwrap();
        (done.status.code(), String::from_utf8_lossy(&done.stderr).split_whitespace().collect::<Vec<_>>().join(" "))
    };
    for command in ["plan", "run", "iam-policy"] {
        let (code, text) = said(&[command, "environments/lab.toml"]);
        assert!(code == Some(2) && text.contains("is an environment") && text.contains("--env"), "{command}: {text}");
    }
    let (code, text) = said(&["plan", FULL_FAILOVER, "--env", FULL_FAILOVER]);
    assert!(code == Some(2) && text.contains("is a scenario"), "{text}");
}

#[test]
fn a17_a_check_is_explained_by_its_number_and_can_be_copied() {
    let explained = |code: &str| gameday().args(["preflight", "--explain", code]).output().unwrap().stdout;
    let text = String::from_utf8(explained("402")).unwrap();
    assert_eq!(text.as_bytes(), explained("gd402"));
    assert!(text.starts_with("GD402 "), "{text}");
    for whole in ["get-function-configuration", "--user-pool-id"] {
        assert!(text.lines().any(|line| line.contains(whole)), "{whole} is broken: {text}");
    }
}
