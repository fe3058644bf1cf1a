//! No reader that is gone, and no file that is in the way, changes what a command does.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::{FULL_FAILOVER, gameday, json, short_scenario, tools, variant};

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
fn a_lab_prints_what_a_hand_needs() {
    let folder = tempfile::tempdir().unwrap();
    let (env, output) = (folder.path().join("lab.toml"), folder.path().join("shown"));
    let shown = std::fs::File::create(&output).unwrap();
    let lab = gameday().args(["lab", "--out"]).arg(&env).stdout(shown).spawn().unwrap();
    let _lab = tools::Running(lab);
    let shown = || std::fs::read_to_string(&output).unwrap();
    tools::within(Duration::from_secs(30), "the lab to start", || shown().contains("runs until Ctrl-C"));
    let shown = shown();
    let file: toml::Table = toml::from_str(&std::fs::read_to_string(&env).unwrap()).unwrap();
    let secrets: toml::Table =
        toml::from_str(&std::fs::read_to_string(env.with_extension("secrets.toml")).unwrap()).unwrap();
    let pool = file["pool"]["id"].as_str().unwrap();
    for text in [pool, file["pool"]["client_id"].as_str().unwrap(), file["users"]["names"][0].as_str().unwrap()] {
        assert!(shown.contains(text), "{text}: {shown}");
    }
    assert!(
        shown.contains("lab.ca.pem") && shown.contains("`password` in ") && secrets.contains_key("password"),
        "{shown}"
    );
    assert!(!shown.contains(secrets["password"].as_str().unwrap()), "the password is in a file only");
    // Both lines work as they are printed, wherever they are typed.
    let line =
        |start: &str| shown.lines().find_map(|line| line.split_once(start).map(|(_, rest)| format!("{start}{rest}")));
    let typed = |line: &str| {
        let mut shell = Command::new(tools::on_path("bash"));
        shell.current_dir("/").args(["-c", line]).output().unwrap()
    };
    let keys = typed(&line("curl --cacert").unwrap());
    let keys: serde_json::Value = serde_json::from_slice(&keys.stdout).unwrap_or_else(|_| panic!("{keys:?}"));
    let exported = typed(&format!(
        "{}; printf %s \"$COGNITO_JWKS\"",
        line("export AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER=").unwrap()
    ));
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&exported.stdout).unwrap(), keys);
    assert!(keys["keys"][0]["kid"].is_string(), "{keys}");
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
    for command in [&["validate"][..], &["run"], &["plan", "full-failover", "--env"]] {
        let mut arguments = command.to_vec();
        arguments.push("README.md");
        let (code, text) = said(&arguments);
        assert!(code == Some(2) && text.contains("it is not TOML") && text.len() < 500, "{command:?}: {text}");
    }
    for (near, meant) in [
        (["validate", "scenarios/full-failovr.toml"], "did you mean scenarios/full-failover.toml?"),
        (["plan", "full-failovr"], "did you mean `full-failover`?"),
        (["validate", "environments/labb.toml"], "did you mean environments/lab.toml?"),
        (["runbook", "--env=environments/labb.toml"], "did you mean environments/lab.toml?"),
    ] {
        let (code, text) = said(&near);
        assert!(code == Some(2) && text.contains(meant), "{near:?}: {text}");
    }
}

#[test]
fn an_installed_program_works_in_an_empty_folder() {
    let folder = tempfile::tempdir().unwrap();
    let at_home = |arguments: &[&str]| {
        let done = gameday().current_dir(folder.path()).args(arguments).output().unwrap();
        let (out, err) =
            (String::from_utf8_lossy(&done.stdout).into_owned(), String::from_utf8_lossy(&done.stderr).into_owned());
        assert_eq!(done.status.code(), Some(0), "{arguments:?}: {err}");
        out
    };
    let list = at_home(&["scenarios"]);
    for name in ["full-failover", "single-az", "strategies"] {
        assert!(list.lines().any(|line| line.starts_with(&format!("{name} "))), "{name}: {list}");
    }
    assert!(at_home(&["scenarios", "single-az"]).contains("kind = \"nacl-blackhole\""));
    at_home(&["scenarios", "single-az", "--out", "mine.toml"]);
    let own = std::fs::read(folder.path().join("mine.toml")).unwrap();
    // But for the schema, which lies beside the original alone.
    let original = std::fs::read(tools::in_repository("scenarios/single-az.toml")).unwrap();
    assert!(original.ends_with(&own) && own.starts_with(b"# "));
    let again =
        gameday().current_dir(folder.path()).args(["scenarios", "cohorts", "--out", "mine.toml"]).output().unwrap();
    assert_eq!((again.status.code(), std::fs::read(folder.path().join("mine.toml")).unwrap()), (Some(2), own));
    at_home(&["validate", "full-failover", "mine.toml"]);
    at_home(&["plan", "full-failover"]);
    at_home(&["iam-policy", "single-az"]);
    at_home(&["preflight", "single-az"]);
    std::fs::remove_file(folder.path().join("mine.toml")).unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "something is left");
}

#[test]
fn a_green_preflight_lists_what_passed_and_ends_in_ready_in_every_format() {
    let printed = |format: &str| {
        let done = gameday().args(["preflight", "--format", format]).output().unwrap();
        assert_eq!(done.status.code(), Some(0), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    };
    let machine: serde_json::Value = serde_json::from_str(&printed("json")).unwrap();
    let passed = machine["passed"].as_array().unwrap();
    assert!(passed.len() > 100 && passed.contains(&"GD101".into()) && passed.contains(&"GD502".into()), "{machine}");
    let verdict = format!("READY: {} checks passed, no findings", passed.len());
    assert_eq!((&machine["ready"], &machine["summary"]), (&true.into(), &verdict.as_str().into()));
    let (human, markdown) = (printed("human"), printed("markdown"));
    assert!(human.trim_end().ends_with(&verdict) && human.contains("GD101 ") && human.contains("Routing ("), "{human}");
    assert!(markdown.contains(&verdict) && markdown.contains("GD101 "), "{markdown}");
    let sarif: serde_json::Value = serde_json::from_str(&printed("sarif")).unwrap();
    assert_eq!(sarif["runs"][0]["properties"]["summary"], verdict.as_str());
}

#[test]
fn a12_remedies_are_whole_in_every_format() {
    let broken = variant("GD301");
    let printed = |format: &str| {
        let arguments = ["preflight", "--seed", "7", "--format", format, "--env"];
        let done = gameday().args(arguments).arg(&broken).output().unwrap();
        assert_eq!(done.status.code(), Some(3), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    };
    let machine: serde_json::Value = serde_json::from_str(&printed("json")).unwrap();
    let finding = machine["findings"].as_array().unwrap().iter().find(|found| found["code"] == "GD301").unwrap();
    let remedy = finding["remedy"].as_str().unwrap();
    assert!(printed("markdown").contains(remedy), "{remedy}");
    let sarif: serde_json::Value = serde_json::from_str(&printed("sarif")).unwrap();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let result = results.iter().find(|result| result["ruleId"] == "GD301").unwrap();
    assert!(result["message"]["markdown"].as_str().unwrap().ends_with(remedy), "{result}");
    let human = printed("human");
    let words = |text: &str| text.replace('`', " ").split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" ");
    let fences = ["```sh", "```hcl", "```toml", "```json", "```"];
    let plain = fences.iter().fold(remedy.to_owned(), |text, fence| text.replace(fence, ""));
    assert!(words(&human).contains(&words(&plain)), "{plain}\n{human}");
    assert!(human.lines().any(|line| line.starts_with("NOT READY: ")), "{human}");
}

#[test]
fn a17_a_terminal_without_columns_is_taken_for_one_of_80() {
    for arguments in ["run --help", "validate no-such.toml", "preflight --list"] {
        let line = format!("stty cols 0 rows 0; {} {arguments}", env!("CARGO_BIN_EXE_gameday"));
        let mut command = Command::new(tools::on_path("script"));
        command.args(["-qec", &line, "/dev/null"]).env("NO_COLOR", "1").stdin(Stdio::null());
        let shown = String::from_utf8_lossy(&command.output().unwrap().stdout).into_owned();
        let longest = shown.lines().map(|line| line.trim_end().chars().count()).max().unwrap_or_default();
        assert!((40..=120).contains(&longest), "{arguments}: {longest}: {shown}");
    }
}

#[test]
fn a_run_in_a_folder_that_cannot_be_written_points_at_out() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("reports"), "a file").unwrap();
    let done = gameday().current_dir(folder.path()).args(["run", "full-failover"]).output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.code() == Some(2) && said.contains("--out DIR"), "{said}");
}

#[test]
fn every_command_has_examples_and_exit_codes_in_its_help() {
    let help = |arguments: &[&str]| {
        let done = gameday().args(arguments).arg("--help").output().unwrap();
        String::from_utf8(done.stdout).unwrap()
    };
    let all = help(&[]);
    let commands = all.lines().skip_while(|line| !line.starts_with("Commands:")).skip(1);
    let commands =
        commands.take_while(|line| !line.is_empty()).filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let mut commands: Vec<Vec<&str>> =
        commands.filter_map(|line| Some(vec![line.split_whitespace().next()?])).collect();
    commands.retain(|command| command[0] != "help" && command[0] != "users");
    commands.extend([vec!["users", "seed"], vec!["users", "purge"], vec!["evidence", "verify"]]);
    assert!(commands.len() > 18, "{commands:?}");
    for command in commands {
        let text = help(&command);
        assert!(text.contains("Examples:") && text.contains("Exit codes: 0 "), "{command:?}: {text}");
    }
}

#[test]
fn a_lab_is_called_a_lab_in_the_summary_of_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let (scenario, out) = (short_scenario(folder.path()), folder.path().join("run"));
    let env = crate::support::lab_with(folder.path(), crate::support::SHORT_TTL);
    let done = gameday()
        .arg("run")
        .arg(scenario)
        .args(["--speed", "20", "--seed", "3", "--env"])
        .arg(&env)
        .arg("--out")
        .arg(&out)
        .output()
        .unwrap();
    let name = json(&out.join("run.json"))["environment"]["name"].as_str().unwrap().to_owned();
    let shown = String::from_utf8_lossy(&done.stdout).into_owned();
    let verdict = format!("LAB (simulated environment `{name}`): ");
    assert!(shown.lines().any(|line| line.starts_with(&verdict)), "{shown}{}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn a17_a_check_is_explained_by_its_number_and_can_be_copied() {
    let explained = |code: &str| gameday().args(["preflight", "--explain", code]).output().unwrap().stdout;
    let text = String::from_utf8(explained("402")).unwrap();
    assert_eq!(text.as_bytes(), explained("gd402"));
    assert!(text.starts_with("GD402 ") && !text.contains("```"), "{text}");
    let unknown = gameday().args(["preflight", "--explain", "430"]).output().unwrap();
    let unknown = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert!(unknown.contains("the nearest is GD420"), "{unknown}");
    for whole in ["get-function-configuration", "--user-pool-id"] {
        assert!(text.lines().any(|line| line.contains(whole)), "{whole} is broken: {text}");
    }
}
