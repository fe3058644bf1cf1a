//! What an environment must be, beyond its shape, before anything connects to it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Environment, EnvironmentKind, Site, guard, partitions, places, preflight};
use crate::files::{Document, FileFinding, FileProblems, Gap, Loaded};
use crate::model::{Span, format_duration};

/// The environment file of the embedded lab, which stands in where no other is named.
pub const BUILT_IN_LAB: &str = include_str!("../../../../environments/lab.toml");

/// The version of the environment file that this GameDay reads.
const SCHEMA_VERSION: u32 = 1;
/// Route 53 answers five API requests a second for each account (Route 53 developer guide, "Quotas").
const LEAST_HEALTH_POLL: Duration = Duration::from_millis(200);
/// The longest latency that a lab's paths may have: above the shortest of 1 ms, and so short that a connection is made before clients give up.
const LATENCIES: std::ops::RangeInclusive<Duration> = Duration::from_millis(2)..=Duration::from_millis(500);
/// The range of a health check's failure threshold (Route 53 API, HealthCheckConfig).
const THRESHOLDS: std::ops::RangeInclusive<u32> = 1..=10;
/// The app clients of the lab's user pool.
const LAB_CLIENTS: [&str; 5] = ["public", "confidential", "rotating", "web", "service"];
/// Every user of the lab has a verifier in memory, every health checker a task of its own; far above what a rehearsal needs.
const MOST_LAB_USERS: u32 = 10_000;
const MOST_LAB_CHECKERS: u32 = 1_000;
/// What an environment needs that does not start by itself.
const PARTS: [&str; 6] = ["primary", "replica", "pool", "front_door", "dns", "users"];

/// Reads an environment file and proves that it is complete for its kind.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load(path: &Path) -> Result<Loaded<Environment>, FileProblems> {
    finish(Document::open::<Environment>(path)?, Lists::MustBeThere)
}

/// [`load`] for who makes the users: their lists need not be there yet, nor what `gameday init` could not find and making users does not
/// need.
///
/// # Errors
/// Everything else that is wrong with it.
pub fn load_before_users(path: &Path) -> Result<Loaded<Environment>, FileProblems> {
    finish(Document::open_unfinished::<Environment>(path, &GAPS)?, Lists::MayCome)
}

/// What nobody needs to make users, and `gameday init` may leave open.
static GAPS: [Gap; 8] = [
    gap("RegionEnv", "primary", "direct", none),
    gap("RegionEnv", "replica", "direct", none),
    gap("Pool", "pool", "client_id", unknown),
    gap("FrontDoor", "front_door", "name", unknown),
    gap("FrontDoor", "front_door", "api_path", unknown),
    gap("Dns", "dns", "hosted_zone_id", unknown),
    gap("Dns", "dns", "record", unknown),
    gap("Dns", "dns", "health_check_id", unknown),
];

const fn gap(of: &'static str, table: &'static str, key: &'static str, placeholder: fn() -> toml::Value) -> Gap {
    Gap { of, table, key, placeholder }
}

fn none() -> toml::Value {
    toml::Value::Array(Vec::new())
}

fn unknown() -> toml::Value {
    "unknown.invalid".into()
}

/// [`load`] for a text that is at hand; `name` stands for the file in diagnostics, and paths count from its folder.
///
/// # Errors
/// Everything that is wrong with it.
pub fn read_str(name: &str, text: &str) -> Result<Loaded<Environment>, FileProblems> {
    finish(Document::parse::<Environment>(Path::new(name), text), Lists::MustBeThere)
}

/// The embedded lab's environment with its text and digest.
#[expect(clippy::expect_used, reason = "the text is a constant of this binary, and a unit test reads it")]
pub fn built_in() -> Loaded<Environment> {
    read_str("environments/lab.toml", BUILT_IN_LAB).expect("the built-in environment is correct")
}

/// The embedded lab's environment.
pub fn built_in_lab() -> Environment {
    built_in().value
}

/// The JSON Schema of environment files.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Environment).to_value()
}

impl Environment {
    /// The environment as a run needs it. `folder` is where its paths count from, `trust_root_pem` the text of its trust root.
    ///
    /// # Errors
    /// The names of the parts that are missing, as the embedded lab's are before it has started.
    pub fn complete(self, folder: PathBuf, trust_root_pem: Option<String>) -> Result<Site, Vec<&'static str>> {
        let there = [
            self.primary.is_some(),
            self.replica.is_some(),
            self.pool.is_some(),
            self.front_door.is_some(),
            self.dns.is_some(),
            self.users.is_some(),
        ];
        let missing = || PARTS.into_iter().zip(there).filter(|(_, there)| !there).map(|(part, _)| part).collect();
        let (Some(primary), Some(replica), Some(pool), Some(front_door), Some(dns), Some(users)) =
            (self.primary, self.replica, self.pool, self.front_door, self.dns, self.users)
        else {
            return Err(missing());
        };
        Ok(Site {
            name: self.name,
            kind: self.kind,
            production: self.production,
            account: self.account,
            guard: self.guard,
            dead_man: self.dead_man,
            tags: self.tags,
            credentials: self.credentials,
            primary,
            replica,
            pool,
            front_door,
            managed_login: self.managed_login,
            trust_root_pem,
            dns,
            users,
            timeouts: self.timeouts,
            observe: self.observe,
            preflight: self.preflight,
            runbook: self.runbook,
            folder,
        })
    }
}

/// Whether lists of users must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lists {
    MustBeThere,
    MayCome,
}

fn finish(mut file: Document, lists: Lists) -> Result<Loaded<Environment>, FileProblems> {
    if file.is_toml() {
        let kind = file.get::<EnvironmentKind>("kind");
        head(&mut file);
        parts(&mut file, kind);
        account(&mut file, kind);
        partitions::check(&mut file);
        places::check(&mut file, kind, lists);
        guard::check(&mut file);
        preflight::check(&mut file);
        times(&mut file, kind);
        lab(&mut file);
    }
    file.finish()
}

/// Whether the text at a path is there and fails a test.
pub(super) fn bad_text(file: &Document, path: &str, good: impl Fn(&str) -> bool) -> Option<String> {
    file.get::<String>(path).filter(|text| !good(text))
}

/// Refuses an empty text.
pub(super) fn not_empty(file: &mut Document, path: &str, help: &str) {
    if bad_text(file, path, |text| !text.trim().is_empty()).is_some() {
        file.report(FileFinding::at(path, format!("`{path}` is empty"), "empty").help(help));
    }
}

fn span(file: &Document, path: &str) -> Option<Duration> {
    file.get::<Span>(path).map(|span| span.0)
}

fn head(file: &mut Document) {
    if let Some(version) = file.get::<u32>("schema_version").filter(|version| *version != SCHEMA_VERSION) {
        let message = format!("schema_version {version} is not known");
        let finding = FileFinding::at("schema_version", message, format!("this GameDay reads {SCHEMA_VERSION}"));
        file.report(finding.help(format!("write `schema_version = {SCHEMA_VERSION}`")));
    }
    not_empty(file, "name", "name the environment: reports and confirmations show it");
}

/// Which parts the kind needs, and which it must not have.
fn parts(file: &mut Document, kind: Option<EnvironmentKind>) {
    let missing: Vec<String> =
        PARTS.into_iter().filter(|part| !file.has(part)).map(|part| format!("`[{part}]`")).collect();
    let list = missing.join(", ");
    match kind {
        Some(EnvironmentKind::Aws) => {
            if !missing.is_empty() {
                let finding =
                    FileFinding::at("kind", format!("an AWS environment needs {list}"), "needs more than there is");
                file.report(finding.help("environments/aws-example.toml has every part, with comments"));
            }
            if file.has("lab") {
                let finding =
                    FileFinding::at("lab", "`[lab]` has no place in an AWS environment", "the lab's settings")
                        .and("kind", "not the lab");
                file.report(finding.help("take it out, or write `kind = \"lab\"`"));
            }
        }
        Some(EnvironmentKind::Lab) if missing.len() == PARTS.len() => {
            for key in ["lab.clock", "lab.truth_url"].into_iter().filter(|key| file.has(key)).collect::<Vec<_>>() {
                let finding = FileFinding::at(
                    key,
                    format!("`{key}` belongs to a lab that runs already"),
                    "not for the embedded lab",
                );
                file.report(finding.help("take it out; `gameday lab --out FILE` writes it"));
            }
        }
        Some(EnvironmentKind::Lab) => {
            if !missing.is_empty() {
                let finding = FileFinding::at(
                    "kind",
                    format!("a lab that runs already needs {list}"),
                    "needs all of its parts, or none",
                );
                file.report(finding.help(
                    "take the file that `gameday lab --out FILE` wrote; for the embedded lab leave all of them out",
                ));
            }
            if !file.has("lab.clock") {
                let finding =
                    FileFinding::at("kind", "a lab that runs already needs `[lab.clock]`", "its clock is not known");
                file.report(finding.help("take the file that `gameday lab --out FILE` wrote"));
            }
        }
        None => {}
    }
}

fn account(file: &mut Document, kind: Option<EnvironmentKind>) {
    let accounts = file.items("account.allowed");
    if kind == Some(EnvironmentKind::Aws) && accounts.is_empty() && !file.has("account.allowed[0]") {
        let at = if file.has("account") { "account.allowed" } else { "kind" };
        let finding = FileFinding::at(at, "no account is allowed", "needs `account.allowed`");
        file.report(
            finding.help("list the account IDs that a run may touch: `[account]` with `allowed = [\"111122223333\"]`"),
        );
    }
    for path in accounts {
        if let Some(id) = bad_text(file, &path, |id| id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit())) {
            let finding = FileFinding::at(path, format!("`{id}` is not an account ID"), "not twelve digits");
            file.report(finding.help("account IDs have twelve digits and no dashes"));
        }
    }
}

fn times(file: &mut Document, kind: Option<EnvironmentKind>) {
    let keys = ["health", "authoritative", "resolver", "path", "canary"].map(|key| format!("observe.{key}"));
    for path in keys.into_iter().chain(["timeouts.connect", "timeouts.login"].map(str::to_owned)) {
        if span(file, &path).is_some_and(|period| period.is_zero()) {
            let finding = FileFinding::at(&path, format!("`{path}` is zero"), "zero");
            file.report(finding.help("write a time above zero, or leave the key out for its default"));
        }
    }
    let health = span(file, "observe.health").filter(|period| !period.is_zero() && *period < LEAST_HEALTH_POLL);
    if let (Some(period), Some(EnvironmentKind::Aws)) = (health, kind) {
        let message = format!("the health check's status cannot be asked for every {}", format_duration(period));
        let finding =
            FileFinding::at("observe.health", message, format!("shorter than {}", format_duration(LEAST_HEALTH_POLL)));
        file.report(
            finding
                .help("Route 53 answers five API requests a second for the whole account; 1s leaves room for others"),
        );
    }
    let default = super::Timeouts::default();
    let connect = span(file, "timeouts.connect").or((!file.has("timeouts.connect")).then_some(default.connect.0));
    let login = span(file, "timeouts.login").or((!file.has("timeouts.login")).then_some(default.login.0));
    if let (Some(connect), Some(login)) = (connect, login)
        && connect >= login
        && !login.is_zero()
    {
        let at = if file.has("timeouts.connect") { "timeouts.connect" } else { "timeouts.login" };
        let message = format!(
            "a connection may take {}, a whole login only {}",
            format_duration(connect),
            format_duration(login)
        );
        file.report(
            FileFinding::at(at, message, "connect must be shorter than login")
                .help("defaults are connect = \"3s\" and login = \"10s\""),
        );
    }
}

fn lab(file: &mut Document) {
    for (path, most) in [("lab.users", MOST_LAB_USERS), ("lab.checkers", MOST_LAB_CHECKERS)] {
        if file.get::<u32>(path).is_some_and(|number| number > most) {
            let finding =
                FileFinding::at(path, format!("`{path}` is more than the lab has room for"), format!("above {most}"));
            file.report(finding.help(format!("write {most} or less")));
        }
    }
    for path in ["lab.users", "lab.checkers", "lab.user_authentication_rps", "lab.service_quota_rps"] {
        if file.get::<u32>(path) == Some(0) {
            file.report(
                FileFinding::at(path, format!("`{path}` is zero"), "none")
                    .help("write 1 or more, or leave it out for the default"),
            );
        }
    }
    if let Some(threshold) =
        file.get::<u32>("lab.failure_threshold").filter(|threshold| !THRESHOLDS.contains(threshold))
    {
        let finding = FileFinding::at(
            "lab.failure_threshold",
            format!("Route 53 has no failure threshold of {threshold}"),
            "out of range",
        );
        file.report(finding.help(format!("write {} to {}; AWS's default is 3", THRESHOLDS.start(), THRESHOLDS.end())));
    }
    for path in ["lab.ttl", "lab.checker_interval"] {
        if span(file, path).is_some_and(|time| time.is_zero()) {
            file.report(
                FileFinding::at(path, format!("`{path}` is zero"), "zero")
                    .help("write a time above zero, or leave it out for the default"),
            );
        }
    }
    if span(file, "lab.latency_max").is_some_and(|longest| !LATENCIES.contains(&longest)) {
        let message = format!(
            "the longest latency of the lab is between {} and {}",
            format_duration(*LATENCIES.start()),
            format_duration(*LATENCIES.end())
        );
        file.report(
            FileFinding::at("lab.latency_max", message, "out of range")
                .help("write a time between them, or leave it out for 4ms"),
        );
    }
    let default = super::LabSettings::default();
    let median = span(file, "lab.lag_median").or((!file.has("lab.lag_median")).then_some(default.lag_median.0));
    let longest = span(file, "lab.lag_max").or((!file.has("lab.lag_max")).then_some(default.lag_max.0));
    if let (Some(median), Some(longest)) = (median, longest)
        && median > longest
    {
        let at = if file.has("lab.lag_max") { "lab.lag_max" } else { "lab.lag_median" };
        let message = format!(
            "a median lag of {} is longer than the longest of {}",
            format_duration(median),
            format_duration(longest)
        );
        file.report(
            FileFinding::at(at, message, "the longest must not be below the median")
                .help("make `lag_max` at least `lag_median`"),
        );
    }
    if file.get::<f64>("lab.clock.speed").is_some_and(|speed| !(speed > 0.0 && speed.is_finite())) {
        file.report(
            FileFinding::at("lab.clock.speed", "time does not run at this speed", "not above zero")
                .help("write 1.0 for real time"),
        );
    }
    for item in file.items("lab.missing_clients") {
        let path = format!("{item}.client");
        if let Some(name) = bad_text(file, &path, |name| LAB_CLIENTS.contains(&name)) {
            let finding =
                FileFinding::at(path, format!("the lab has no app client `{name}`"), "not a client of the lab");
            file.report(finding.help(format!("its app clients are {}", LAB_CLIENTS.join(", "))));
        }
    }
}
