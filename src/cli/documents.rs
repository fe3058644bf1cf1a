//! `gameday validate`, `schema` and `report`: files in, documents out.

use std::path::Path;

use gameday_core::model::compress_log;
use gameday_core::{env, report, scenario};

use super::input::{self, FileKind};
use super::output::{self, say, tell};
use super::run::{outcome_of, write_reports};
use super::{Exit, Failure, ReportArgs, ReportFormat, SchemaKind, ValidateArgs, library};

/// Checks scenarios, by file or by name, and environment files.
pub(super) fn validate(args: &ValidateArgs) -> Result<Exit, Failure> {
    let mut last = None;
    for path in &args.files {
        match check(path) {
            Ok(kind) => tell(&format!("{}: {kind}, valid", path.display())),
            Err(failure) => {
                if let Some(earlier) = last.replace(failure) {
                    earlier.print();
                }
            }
        }
    }
    last.map_or(Ok(Exit::Success), Err)
}

/// Gives what the file is, if nothing is wrong with it.
fn check(path: &Path) -> Result<&'static str, Failure> {
    if !library::is_file(path) {
        library::load(path, None)?;
        return Ok("built-in scenario");
    }
    input::want_either(path)?;
    if FileKind::of(path) == FileKind::Environment {
        env::load(path)?;
        return Ok("environment file");
    }
    scenario::load(path, None)?;
    Ok("scenario file")
}

/// Prints a schema.
pub(super) fn schema(kind: SchemaKind) -> Result<Exit, Failure> {
    let schema = match kind {
        SchemaKind::Scenario => scenario::schema(),
        SchemaKind::Environment => env::schema(),
        SchemaKind::Baseline => env::baseline_schema(),
        SchemaKind::Run => report::run_schema(),
    };
    let text = serde_json::to_string_pretty(&schema).map_err(|error| Failure::plain(error.to_string()))?;
    output::print(format!("{text}\n").as_bytes()).map(|()| Exit::Success)
}

/// Regenerates the reports, or prints one.
pub(super) fn report(args: &ReportArgs) -> Result<Exit, Failure> {
    let log = args.run_dir.join("events.ndjson");
    if args.compress_log && log.exists() {
        if !outcome_of(&args.run_dir)?.complete() {
            return Err(Failure::with_help(
                format!("{} is incomplete, or its run is still in progress", log.display()),
                "Only the event log of a finished run can be compressed",
            ));
        }
        compress_log(&log).map_err(|error| Failure::plain(error.to_string()))?;
    }
    let Some(format) = args.format else {
        let outcome = write_reports(&args.run_dir)?;
        tell(&args.run_dir.join("report.md").display().to_string());
        if !outcome.complete() {
            say(&format!(
                "warning: the event log is incomplete; the report lists what is missing: {}",
                outcome.missing.join("; ")
            ));
        }
        return Ok(Exit::Success);
    };
    let outcome = outcome_of(&args.run_dir)?;
    let bytes = match format {
        ReportFormat::Markdown => report::markdown(&outcome),
        ReportFormat::Html => report::html(&outcome),
        ReportFormat::Json => report::run_json(&outcome),
        ReportFormat::Junit => report::junit(&outcome),
        ReportFormat::Hlog => report::hlog(&outcome),
        ReportFormat::Openmetrics => report::openmetrics(&outcome),
        ReportFormat::Journal => report::chaos_journal(&outcome),
    };
    output::print(&bytes).map(|()| Exit::Success)
}
