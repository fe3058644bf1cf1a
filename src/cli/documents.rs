//! `gameday validate`, `schema` and `report`: files in, documents out.

use gameday_core::model::compress_log;
use gameday_core::{env, report, scenario};

use super::output::{self, say, tell};
use super::run::{outcome_of, write_reports};
use super::world::is_environment;
use super::{Exit, Failure, ReportArgs, ReportFormat, SchemaKind, ValidateArgs};

/// Checks files of either kind: one with `kind` at its top is an environment.
pub fn validate(args: &ValidateArgs) -> Result<Exit, Failure> {
    let mut last = None;
    for path in &args.files {
        let is_environment = is_environment(path);
        let problems = if is_environment { env::load(path).err() } else { scenario::load(path, None).err() };
        match problems {
            None => {
                let kind = if is_environment { "environment" } else { "scenario" };
                tell(&format!("{}: {kind} file, no problem", path.display()));
            }
            Some(problems) => {
                if let Some(earlier) = last.replace(problems) {
                    say(&format!("{:?}", miette::Report::new(earlier)));
                }
            }
        }
    }
    last.map_or(Ok(Exit::Success), |problems| Err(problems.into()))
}

/// Prints a schema.
pub fn schema(kind: SchemaKind) -> Result<Exit, Failure> {
    let schema = match kind {
        SchemaKind::Scenario => scenario::schema(),
        SchemaKind::Environment => env::schema(),
        SchemaKind::Baseline => env::baseline_schema(),
        SchemaKind::Run => report::run_schema(),
    };
    let text = serde_json::to_string_pretty(&schema).map_err(|error| Failure::plain(error.to_string()))?;
    output::print(format!("{text}\n").as_bytes()).map(|()| Exit::Success)
}

/// Writes the reports again, or prints one.
pub fn report(args: &ReportArgs) -> Result<Exit, Failure> {
    let log = args.run_dir.join("events.ndjson");
    if args.compress_log && log.exists() {
        if !outcome_of(&args.run_dir)?.complete() {
            return Err(Failure::with_help(
                format!("{} breaks off, or its run is still going on", log.display()),
                "Only the log of a whole run is compressed",
            ));
        }
        compress_log(&log).map_err(|error| Failure::plain(error.to_string()))?;
    }
    let Some(format) = args.format else {
        let outcome = write_reports(&args.run_dir)?;
        tell(&args.run_dir.join("report.md").display().to_string());
        if !outcome.complete() {
            say(&format!("the event log breaks off; the report says what is missing: {}", outcome.missing.join("; ")));
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
