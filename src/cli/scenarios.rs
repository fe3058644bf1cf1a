//! `gameday scenarios`.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use gameday_core::report::escape::shell_word;

use super::output::{self, tell};
use super::{Exit, Failure, library, text};

#[derive(Debug, Args)]
pub(super) struct ScenariosArgs {
    /// The scenario to print; without it, all of them are listed.
    name: Option<String>,
    /// Write the scenario to this file, to change it there. An existing file is never overwritten.
    #[arg(long, value_name = "FILE", requires = "name")]
    out: Option<PathBuf>,
}

/// Lists the built-in scenarios, or prints or writes one.
pub(super) fn scenarios(args: &ScenariosArgs) -> Result<Exit, Failure> {
    let Some(name) = &args.name else {
        return output::print(list().as_bytes()).map(|()| Exit::Success);
    };
    // The path of the file in the repository is as good as its name.
    let stem = Path::new(name).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let scenario = library::named(stem).ok_or_else(|| library::unknown(Path::new(stem)))?;
    match &args.out {
        // The schema that its first line names lies in the repository.
        Some(path) => write(path, without_schema(scenario.text))?,
        None => output::print(scenario.text.as_bytes())?,
    }
    Ok(Exit::Success)
}

fn without_schema(text: &str) -> &str {
    text.strip_prefix("#:schema").and_then(|rest| rest.split_once('\n')).map_or(text, |(_, rest)| rest.trim_start())
}

fn write(path: &Path, content: &str) -> Result<(), Failure> {
    let written = OpenOptions::new().write(true).create_new(true).open(path);
    let written = written.and_then(|mut file| file.write_all(content.as_bytes()));
    written.map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Failure::with_help(
            format!("{} exists already", path.display()),
            "Give another file with --out; an existing file is never overwritten",
        ),
        _ => Failure::plain(format!("{}: {error}", path.display())),
    })?;
    tell(&format!("{}\nNext: gameday run {}", path.display(), shell_word(path)));
    Ok(())
}

fn list() -> String {
    let width = library::ALL.iter().map(|scenario| scenario.name.len()).max().unwrap_or_default() + 2;
    let mut lines = Vec::new();
    for scenario in library::ALL {
        let indent = " ".repeat(width);
        lines.push(text::hanging(&format!("{:width$}{}", scenario.name, scenario.title()), &indent));
        lines.push(text::indented(&scenario.description(), &indent));
    }
    lines.push("\nRun one:   gameday run NAME".to_owned());
    lines.push("Copy one:  gameday scenarios NAME --out FILE\n".to_owned());
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_is_written_once_and_never_over_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("mine.toml");
        let args = |name: &str| ScenariosArgs { name: Some(name.to_owned()), out: Some(out.clone()) };
        assert!(scenarios(&args("full-failover")).is_ok());
        let first = std::fs::read_to_string(&out).unwrap();
        // But for the schema, which lies beside the original alone.
        let original = library::named("full-failover").unwrap().text;
        assert!(
            original.starts_with("#:schema ") && original.ends_with(&first) && !first.contains("#:schema"),
            "{first}"
        );
        assert!(first.len() + 100 > original.len());
        assert!(scenarios(&args("single-az")).is_err());
        assert_eq!(std::fs::read_to_string(&out).unwrap(), first);
        assert!(scenarios(&args("full-failovr")).is_err());
    }
}
