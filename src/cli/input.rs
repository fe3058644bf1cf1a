//! Which kind of file was given on the command line, so that swapped files are named as such.

use std::path::Path;

use gameday_core::env::Environment;
use gameday_core::files::Document;

use super::Failure;

/// The kind of a file, by the keys at its top.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FileKind {
    /// It has `kind`.
    Environment,
    /// It has `phases`, `faults`, `users` or `objectives` with a title.
    Scenario,
    /// It has `accept`: a file for `preflight --baseline`.
    Baseline,
    /// It is TOML, but none of GameDay's files.
    OtherToml,
    /// It is not TOML, and its name does not end in `.toml`.
    NotToml,
    /// It cannot be read, or it is TOML with mistakes: its own diagnostics are better than a guess.
    Unknown,
}

impl FileKind {
    /// Looks into the file.
    pub(super) fn of(path: &Path) -> Self {
        let Ok(file) = Document::open::<Environment>(path) else { return Self::Unknown };
        let is_named_toml = path.extension().is_some_and(|extension| extension == "toml");
        if !file.is_toml() {
            return if is_named_toml || file.has("schema_version") { Self::Unknown } else { Self::NotToml };
        }
        let has_any = |keys: &[&str]| keys.iter().any(|key| file.has(key));
        if file.has("kind") {
            Self::Environment
        } else if has_any(&["phases", "faults", "objectives", "hypothesis"]) {
            Self::Scenario
        } else if has_any(&["accept"]) {
            Self::Baseline
        } else if has_any(&["schema_version"]) {
            Self::Unknown
        } else {
            Self::OtherToml
        }
    }
}

/// Refuses what is not a scenario, as far as that is certain.
///
/// # Errors
/// With what the file is.
pub(super) fn want_scenario(path: &Path) -> Result<(), Failure> {
    let shown = path.display();
    match FileKind::of(path) {
        FileKind::Environment => Err(Failure::with_help(
            format!("{shown} is an environment file, but a scenario is expected here"),
            format!(
                "Give it with --env {shown}, after a scenario: the name of a built-in one (`gameday scenarios`) or a file"
            ),
        )),
        kind => want(kind, path, "a scenario"),
    }
}

/// Refuses what is not an environment, as far as that is certain.
///
/// # Errors
/// With what the file is.
pub(super) fn want_environment(path: &Path) -> Result<(), Failure> {
    let shown = path.display();
    match FileKind::of(path) {
        FileKind::Scenario => Err(Failure::with_help(
            format!("{shown} is a scenario, but --env expects an environment file"),
            "Give the scenario without --env; without an environment the built-in lab is used",
        )),
        kind => want(kind, path, "an environment file"),
    }
}

/// Refuses what is neither a scenario nor an environment, as far as that is certain.
///
/// # Errors
/// With what the file is.
pub(super) fn want_either(path: &Path) -> Result<(), Failure> {
    want(FileKind::of(path), path, "a scenario or an environment file")
}

fn want(kind: FileKind, path: &Path, wanted: &str) -> Result<(), Failure> {
    let shown = path.display();
    let keys = "A scenario has `phases`, `faults`, `users` and `objectives`; an environment file has `kind`";
    match kind {
        FileKind::NotToml => Err(Failure::with_help(format!("{shown} is not {wanted}: it is not TOML"), keys)),
        FileKind::OtherToml => {
            Err(Failure::with_help(format!("{shown} is not {wanted}: it is TOML, but has none of the keys"), keys))
        }
        FileKind::Baseline => Err(Failure::with_help(
            format!("{shown} is not {wanted}: it is a baseline of accepted findings"),
            format!("Give it with `gameday preflight --baseline {shown}`"),
        )),
        FileKind::Environment | FileKind::Scenario | FileKind::Unknown => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a17_a_file_is_called_what_it_is() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = tempfile::tempdir().unwrap();
        let own = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            FileKind::of(&path)
        };
        assert_eq!(FileKind::of(&root.join("README.md")), FileKind::NotToml);
        assert_eq!(FileKind::of(&root.join("Cargo.toml")), FileKind::OtherToml);
        assert_eq!(FileKind::of(&root.join("environments/lab.toml")), FileKind::Environment);
        assert_eq!(FileKind::of(&root.join("scenarios/single-az.toml")), FileKind::Scenario);
        assert_eq!(own("known.toml", "schema_version = 1\n[[accept]]\ncode = \"GD502\"\n"), FileKind::Baseline);
        // Diagnostics of such files are worth more than a guess.
        assert_eq!(own("half.toml", "schema_version = 1\ntitle = \n"), FileKind::Unknown);
        assert_eq!(own("begun.toml", "schema_version = 1\n"), FileKind::Unknown);
        assert_eq!(FileKind::of(Path::new("no-such-file.toml")), FileKind::Unknown);
    }
}
