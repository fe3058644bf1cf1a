//! The scenarios inside this program, by name, and where a scenario argument leads: to a file or to one of them.

use std::path::Path;
use std::time::Duration;

use gameday_core::files::{Document, Loaded, nearest, nearest_file};
use gameday_core::scenario::{self, Scenario};

use super::Failure;

/// A scenario inside this program.
#[derive(Debug, Clone, Copy)]
pub(super) struct BuiltIn {
    /// The name of its file, without folder and extension.
    pub name: &'static str,
    /// The text of its file.
    pub text: &'static str,
}

macro_rules! built_in {
    ($($name:literal)*) => {
        [$(BuiltIn { name: $name, text: include_str!(concat!("../../scenarios/", $name, ".toml")) }),*]
    };
}

/// All of them, in the order of their names.
pub(super) const ALL: [BuiltIn; 15] = built_in! {
    "cohorts"
    "every-flow"
    "flapping"
    "full-failover"
    "health-check-drill"
    "jwks-outage"
    "missing-app-client"
    "quota-throttle"
    "retry-storm"
    "sessions"
    "sg-blackhole"
    "silent-trigger-failure"
    "single-az"
    "strategies"
    "waf-block"
};

/// The scenario that `preflight` and `rollback` use if none is given.
pub(super) const DEFAULT: &str = "full-failover";

impl BuiltIn {
    /// The path of its file in the repository; reports and diagnostics show it.
    pub(super) fn file(&self) -> String {
        format!("scenarios/{}.toml", self.name)
    }

    /// Its title.
    pub(super) fn title(&self) -> String {
        Document::parse::<Scenario>(Path::new(self.name), self.text).get("title").unwrap_or_default()
    }

    /// The first sentence of the comment at the top of its file.
    pub(super) fn description(&self) -> String {
        let lines = self.text.lines().skip_while(|line| !line.starts_with("# "));
        let lines = lines.map_while(|line| line.strip_prefix("# "));
        let comment = lines.collect::<Vec<_>>().join(" ");
        match comment.split_once(". ") {
            Some((first, _)) => format!("{first}."),
            None => comment,
        }
    }

    fn read(&self, ttl: Option<Duration>) -> Result<Loaded<Scenario>, Failure> {
        Ok(scenario::read_str(&self.file(), self.text, ttl)?)
    }
}

/// The scenario with that name.
pub(super) fn named(name: &str) -> Option<BuiltIn> {
    ALL.into_iter().find(|scenario| scenario.name == name)
}

/// Reads the scenario that an argument means: the file at that path, if there is one; otherwise the built-in scenario of that name.
///
/// # Errors
/// What is wrong with the file; or that there is neither a file nor a scenario of that name, with the nearest one.
pub(super) fn load(argument: &Path, ttl: Option<Duration>) -> Result<Loaded<Scenario>, Failure> {
    if is_file(argument) {
        return Ok(scenario::load(argument, ttl)?);
    }
    match argument.to_str().and_then(named) {
        Some(built_in) => built_in.read(ttl),
        None => Err(unknown(argument)),
    }
}

/// The default scenario. It is not run as it is, so its hold need not fit the TTL of the lab.
///
/// # Errors
/// None, as long as the program's own file is right.
pub(super) fn default() -> Result<Loaded<Scenario>, Failure> {
    load(Path::new(DEFAULT), None)
}

/// Whether an argument is the path of something that can be read; a folder is not, so that it never hides a name.
pub(super) fn is_file(argument: &Path) -> bool {
    argument.exists() && !argument.is_dir()
}

/// Whether an argument is written as a path: with a folder or an extension.
fn is_path(argument: &Path) -> bool {
    argument.components().count() > 1 || argument.extension().is_some()
}

/// Neither a file nor a name.
pub(super) fn unknown(argument: &Path) -> Failure {
    let shown = argument.display();
    let stem = argument.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let built_in = nearest(stem, ALL.iter().map(|scenario| scenario.name));
    let file = nearest_file(argument);
    let list = "`gameday scenarios` lists the built-in ones";
    if is_path(argument) {
        let help = match (file, built_in) {
            (Some(file), _) => format!("did you mean {}?", file.display()),
            (None, Some(name)) => format!("did you mean the built-in scenario `{name}`? {list}"),
            (None, None) => format!("paths are relative to the current folder; {list}"),
        };
        let what = if argument.is_dir() { "it is a folder" } else { "no such file" };
        return Failure::with_help(format!("cannot read the scenario {shown}: {what}"), help);
    }
    let help = match (built_in, file) {
        (Some(name), _) => format!("did you mean `{name}`? {list}"),
        (None, Some(file)) => format!("did you mean the file {}? {list}", file.display()),
        (None, None) => list.to_owned(),
    };
    Failure::with_help(format!("`{shown}` is neither a file nor a built-in scenario"), help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_of_the_repository_is_built_in_and_described_in_one_line() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let files = entries.filter(|path| path.extension().is_some_and(|extension| extension == "toml"));
        let mut names: Vec<String> = files.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
        names.sort();
        assert_eq!(names, ALL.map(|scenario| scenario.name));
        for scenario in ALL {
            let loaded = scenario.read(None).unwrap();
            assert_eq!((loaded.name().as_str(), loaded.value.title), (scenario.name, scenario.title()));
            let description = scenario.description();
            assert!(description.ends_with('.') && (20..=160).contains(&description.len()), "{description}");
        }
    }

    #[test]
    fn a_file_wins_over_a_name_and_a_near_miss_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let own = named("single-az").unwrap().text.replace("One Availability Zone", "My zone");
        std::fs::write(at("full-failover"), &own).unwrap();
        assert!(load(&at("full-failover"), None).unwrap().value.title.starts_with("My zone"));
        // The record of a run is the same, whether the scenario came by its name or by its file.
        let (named, file) = (default().unwrap(), load(Path::new("scenarios/full-failover.toml"), None).unwrap());
        assert_eq!((named.name(), &named.sha256, &named.path), (file.name(), &file.sha256, &file.path));

        let said = |argument: &Path| format!("{:?}", load(argument, None).unwrap_err());
        std::fs::write(at("drill.toml"), &own).unwrap();
        for (argument, expected) in [
            (Path::new("full-failovr").to_owned(), "did you mean `full-failover`?"),
            (at("dril.toml"), "drill.toml?"),
            (at("none/full-failover.toml"), "built-in scenario `full-failover`"),
            (at("nothing-near.toml"), "`gameday scenarios` lists"),
            (Path::new("zzz").to_owned(), "is neither a file nor a built-in scenario"),
        ] {
            let text = said(&argument).replace('\n', " ");
            let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(words.contains(expected), "{}: {words}", argument.display());
        }
    }
}
