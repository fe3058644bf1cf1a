//! What the conformance tests share: the tools that `make test` installs, a lab of their own, and
//! scripts that find the lab by environment variables.

#![allow(dead_code, reason = "tests and benchmarks use its parts")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// No script may take longer; `timeout` of GNU coreutils ends it.
const SCRIPT_S: &str = "180";

/// A path in this repository.
pub fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A program of the Python environment.
pub fn python_tool(name: &str) -> PathBuf {
    there(in_repository("target/conformance/venv/bin").join(name))
}

/// ministack, which has a Python environment of its own.
pub fn ministack() -> PathBuf {
    there(in_repository("target/conformance/ministack/bin/ministack"))
}

/// Python with what reads reports.
pub fn report_reader() -> PathBuf {
    there(in_repository("target/conformance/reports/bin/python"))
}

/// The folder of the Node packages.
pub fn node_modules() -> PathBuf {
    there(in_repository("target/conformance/node/node_modules"))
}

fn there(path: PathBuf) -> PathBuf {
    assert!(path.exists(), "{} is missing; `make test` installs it", path.display());
    path
}

/// A program on the `PATH`.
pub fn on_path(name: &str) -> PathBuf {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&folders).map(|folder| folder.join(name)).find(|path| path.is_file());
    found.unwrap_or_else(|| panic!("`{name}` is not on the PATH; `make test` installs it"))
}

/// A process that ends with this value.
pub struct Running(pub Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A stand-alone lab.
pub struct Lab {
    _process: Running,
    folder: tempfile::TempDir,
    variables: BTreeMap<String, String>,
}

impl Lab {
    /// Starts `gameday lab` at ten times real speed, and waits for its environment file.
    pub fn start() -> Self {
        Self::with("10", &[])
    }

    /// The same at a speed at which a script on a busy machine still finds its codes of 30 s current: twice real speed.
    pub fn for_codes() -> Self {
        Self::with("2", &[])
    }

    /// The same at a fifth of real speed, so that any client can ask more often than is allowed in a second.
    pub fn slow() -> Self {
        Self::with("0.2", &[])
    }

    /// The same at that speed with these settings of `[lab]`.
    pub fn with(speed: &str, settings: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("lab.toml");
        let given = folder.path().join("given.toml");
        let text = std::fs::read_to_string(in_repository("environments/lab.toml")).unwrap();
        let mut environment: toml::Table = toml::from_str(&text).unwrap();
        let lab = environment["lab"].as_table_mut().unwrap();
        lab.extend(settings.iter().map(|&(key, value)| (key.to_owned(), value.into())));
        std::fs::write(&given, environment.to_string()).unwrap();
        let output = std::fs::File::create(folder.path().join("lab.out")).unwrap();
        let lab = Command::new(env!("CARGO_BIN_EXE_gameday"))
            .args(["lab", "--speed", speed, "--seed", "7", "--env"])
            .arg(&given)
            .arg("--out")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(output.try_clone().unwrap())
            .stderr(output)
            .spawn()
            .unwrap();
        let mut lab = Running(lab);
        let told = || std::fs::read_to_string(folder.path().join("lab.out")).unwrap_or_default();
        // Its last line follows the environment file.
        within(Duration::from_mins(1), "the lab to start", || {
            assert!(lab.0.try_wait().unwrap().is_none(), "the lab has ended: {}", told());
            told().contains("runs until Ctrl-C")
        });
        let variables = variables(folder.path());
        Self { _process: lab, folder, variables }
    }

    /// Runs a script of `tests/conformance` with the lab in its environment; it must succeed.
    pub fn passes(&self, interpreter: &Path, script: &str) {
        passes(interpreter, script, self.folder.path(), &self.variables);
    }
}

/// Runs a script of `tests/conformance` in that folder with more variables; it must succeed.
pub fn passes(interpreter: &Path, script: &str, folder: &Path, variables: &BTreeMap<String, String>) {
    let mut command = Command::new(on_path("timeout"));
    command.arg(SCRIPT_S).arg(interpreter).arg(in_repository("tests/conformance").join(script));
    let output = command.envs(variables).current_dir(folder).stdin(Stdio::null()).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{script}: {}\n{out}\n{err}", output.status);
}

/// Asks again every 50 ms until it holds.
pub fn within(patience: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < patience, "waited {} s for {what}", patience.as_secs());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// What the scripts need to know, from the file that the lab wrote.
fn variables(folder: &Path) -> BTreeMap<String, String> {
    let read =
        |name: &str| -> toml::Value { toml::from_str(&std::fs::read_to_string(folder.join(name)).unwrap()).unwrap() };
    let (lab, secrets) = (read("lab.toml"), read("lab.secrets.toml"));
    let text = |value: &toml::Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let list = |value: &toml::Value| value.as_array().unwrap().iter().map(text).collect::<Vec<_>>().join(" ");
    let file = |path: PathBuf| path.to_str().unwrap().to_owned();
    let mut variables = BTreeMap::from([
        ("AWS_ACCESS_KEY_ID", text(&lab["credentials"]["access_key_id"])),
        ("AWS_SECRET_ACCESS_KEY", text(&secrets["secret_access_key"])),
        // Nothing of whoever runs the tests may reach the lab, nor the other way round.
        ("AWS_CONFIG_FILE", "/dev/null".to_owned()),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null".to_owned()),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ("AWS_PAGER", String::new()),
        ("NO_PROXY", "127.0.0.0/8,gameday.test".to_owned()),
        ("AWS", file(python_tool("aws"))),
        ("NODE_MODULES", file(node_modules())),
        ("PRIMARY_API", text(&lab["primary"]["endpoints"]["ec2"])),
        ("REPLICA_API", text(&lab["replica"]["endpoints"]["ec2"])),
        ("PRIMARY_REGION", text(&lab["primary"]["region"])),
        ("REPLICA_REGION", text(&lab["replica"]["region"])),
        ("PRIMARY_ADDRESSES", list(&lab["primary"]["direct"])),
        ("REPLICA_ADDRESSES", list(&lab["replica"]["direct"])),
        ("PRIMARY_SUBNETS", list(&lab["primary"]["subnets"]["ids"])),
        ("POOL_ID", text(&lab["pool"]["id"])),
        ("CLIENT_ID", text(&lab["pool"]["client_id"])),
        ("FRONT_DOOR", text(&lab["front_door"]["name"])),
        ("FRONT_DOOR_PORT", text(&lab["front_door"]["port"])),
        ("IDENTITY_PROVIDER", text(&lab["managed_login"]["identity_provider"])),
        ("REGION_CLAIM", text(&lab["front_door"]["region_claim"])),
        ("API_PATH", text(&lab["front_door"]["api_path"])),
        ("CA_FILE", file(folder.join("lab.ca.pem"))),
        ("HOSTED_ZONE_ID", text(&lab["dns"]["hosted_zone_id"])),
        ("HEALTH_CHECK_ID", text(&lab["dns"]["health_check_id"])),
        ("AUTHORITATIVE", list(&lab["dns"]["authoritative"])),
        ("RESOLVER", list(&lab["dns"]["resolvers"])),
        ("USERNAME_OF_A_USER", text(&lab["users"]["names"][0])),
        ("PASSWORD_OF_A_USER", text(&secrets["password"])),
        ("USERS", list(&lab["users"]["names"])),
        // Scenario time is what has passed since then, so many times as fast.
        ("CLOCK_ANCHOR", text(&lab["lab"]["clock"]["anchor"])),
        ("CLOCK_SPEED", text(&lab["lab"]["clock"]["speed"])),
        ("ISSUER", text(&lab["lab"]["issuer"])),
    ])
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect::<BTreeMap<_, _>>();
    let secret = |reference: &toml::Value| text(&secrets[reference["key"].as_str().unwrap()]);
    let of = |what: &str, named: &toml::Value| {
        format!("{what}_OF_{}", text(&named["name"]).to_uppercase().replace('-', "_"))
    };
    for client in lab["pool"]["clients"].as_array().unwrap() {
        variables.insert(of("CLIENT_ID", client), text(&client["id"]));
        if let Some(uri) = client.get("redirect_uri") {
            variables.insert(of("REDIRECT_URI", client), text(uri));
        }
        if let Some(reference) = client.get("secret") {
            variables.insert(of("CLIENT_SECRET", client), secret(reference));
        }
    }
    for population in lab["users"]["populations"].as_array().unwrap() {
        variables.insert(of("USERS", population), list(&population["names"]));
        for (what, key) in [("PASSWORD", "password"), ("TOTP_SECRET", "totp_secret")] {
            if let Some(reference) = population.get(key) {
                variables.insert(of(what, population), secret(reference));
            }
        }
    }
    variables
}
