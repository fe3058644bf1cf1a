//! `gameday trend`, `compare` and `runbook`: whole runs compared, and turned into a document for operators.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use comfy_table::{Cell, Color};

use gameday_core::compare::{self, Change, ComparisonDocument, Figure, Pair, PairPart, RunRecord, Trend, TrendRow};
use gameday_core::files::write_whole;
use gameday_core::model::{LONGEST_DOCUMENT, read_at_most};
use gameday_core::runbook;

use super::output::{self, say};
use super::summary::empty_table;
use super::world::{self, World};
use super::{Exit, Failure, Place};

/// The output format of `trend`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum TrendFormat {
    /// A table for the terminal
    Human,
    /// For GitHub and GitLab, with a Mermaid chart
    Markdown,
    /// One self-contained file, with charts
    Html,
    /// For programs
    Json,
}

#[derive(Debug, Args)]
pub(super) struct TrendArgs {
    /// Folders of runs, such as reports/*; folders without run.json are skipped with a warning
    #[arg(required = true, value_name = "DIR")]
    runs: Vec<PathBuf>,
    /// The output format
    #[arg(long, value_enum, default_value = "human")]
    format: TrendFormat,
    /// Write to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Exit with code 1 if the latest measured run of a scenario is worse than the one before by more than the bounds and chance explain, or
    /// if the latest run was not restored
    #[arg(long)]
    fail_on_regression: bool,
}

/// The output format of `compare`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum CompareFormat {
    /// Tables for the terminal
    Human,
    /// For GitHub and GitLab
    Markdown,
    /// For programs
    Json,
}

#[derive(Debug, Args)]
pub(super) struct CompareArgs {
    /// The folder of the earlier run
    first: PathBuf,
    /// The folder of the later run
    second: PathBuf,
    /// The output format
    #[arg(long, value_enum, default_value = "human")]
    format: CompareFormat,
}

#[derive(Debug, Args)]
pub(super) struct RunbookArgs {
    /// The environment file; without it, the built-in lab
    #[arg(long, value_name = "FILE")]
    env: Option<PathBuf>,
    /// The folder of the last run, whose measured times are filled in
    #[arg(long, value_name = "DIR")]
    run: Option<PathBuf>,
    /// Write to this file instead of standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Writes the runbook.
pub(super) async fn runbook(args: RunbookArgs) -> Result<Exit, Failure> {
    let run = args.run.as_deref().map(read).transpose()?;
    let environment = world::environment(args.env.as_deref())?;
    let place = Place { env: args.env, speed: None, seed: None };
    let world = Box::pin(World::open(environment, &place)).await?;
    let text = runbook::markdown(&world.site, run.as_ref());
    world.close().await;
    put(args.out.as_deref(), &text)?;
    Ok(Exit::Success)
}

/// Compares runs over quarters.
pub(super) fn trend(args: &TrendArgs) -> Result<Exit, Failure> {
    let mut runs = Vec::new();
    for folder in &args.runs {
        let path = folder.join("run.json");
        if path.exists() {
            runs.push(read(folder)?);
        } else {
            say(&format!("warning: {} has no run.json and is skipped", folder.display()));
        }
    }
    if runs.is_empty() {
        return Err(Failure::with_help(
            "none of these folders has a run.json",
            "Give folders of runs, such as `gameday trend reports/*`",
        ));
    }
    let trend = compare::trend(runs);
    let text = match args.format {
        TrendFormat::Human => human(&trend),
        TrendFormat::Markdown => compare::trend_text(&trend, ComparisonDocument::Markdown),
        TrendFormat::Html => compare::trend_text(&trend, ComparisonDocument::Html),
        TrendFormat::Json => json(&trend)?,
    };
    put(args.out.as_deref(), &text)?;
    let regressions = trend.regressions();
    for (series, cell) in &regressions {
        let bounds = cell.bounds.map_or_else(|| cell.figure.absent().to_owned(), compare::FigureBounds::text);
        let name = cell.figure.name();
        say(&format!(
            "regression: {} in {}: {name} is worse than in the run before: {bounds}",
            series.scenario, series.environment
        ));
    }
    for (series, cell) in trend.untold() {
        say(&format!(
            "{} in {}: it is not known whether the change of {} is more than chance; `gameday report DIR` updates an older run.json",
            series.scenario,
            series.environment,
            cell.figure.name()
        ));
    }
    let without_figures = trend.without_figures();
    for (series, row) in &without_figures {
        let TrendRow { run_id, ending, .. } = row;
        say(&format!(
            "{} in {}: the latest run, {run_id}, has no figures: {ending}",
            series.scenario, series.environment
        ));
    }
    let bad = !regressions.is_empty() || without_figures.iter().any(|(_, row)| row.not_restored);
    let worse = args.fail_on_regression && bad;
    Ok(if worse { Exit::Missed } else { Exit::Success })
}

/// Explains why two runs differ.
pub(super) fn compare(args: &CompareArgs) -> Result<Exit, Failure> {
    let pair = compare::pair(&read(&args.first)?, &read(&args.second)?);
    let text = match args.format {
        CompareFormat::Human => side_by_side(&pair),
        CompareFormat::Markdown => compare::pair_text(&pair),
        CompareFormat::Json => json(&pair)?,
    };
    put(None, &text)?;
    Ok(Exit::Success)
}

/// The run.json of a run's folder.
pub(super) fn read(folder: &Path) -> Result<RunRecord, Failure> {
    let path = folder.join("run.json");
    let text = read_at_most(&path, LONGEST_DOCUMENT).map_err(|error| {
        Failure::with_help(
            format!("{}: {error}", path.display()),
            "Give the folder of a run; `gameday report DIR` regenerates its run.json",
        )
    })?;
    RunRecord::read(&text).map_err(|error| Failure::plain(format!("{}: {error}", path.display())))
}

/// To a file or to standard output.
pub(super) fn put(out: Option<&Path>, text: &str) -> Result<(), Failure> {
    let text = format!("{}\n", text.trim_end());
    match out {
        Some(path) => {
            write_whole(path, text.as_bytes()).map_err(|error| Failure::plain(format!("{}: {error}", path.display())))
        }
        None => output::print(text.as_bytes()),
    }
}

pub(super) fn json(value: &impl serde::Serialize) -> Result<String, Failure> {
    serde_json::to_string_pretty(value).map_err(|error| Failure::plain(error.to_string()))
}

fn colour(change: Change) -> Color {
    match change {
        Change::Regression => Color::Red,
        Change::Improvement => Color::Green,
        _ => Color::Reset,
    }
}

fn human(trend: &Trend) -> String {
    let mut parts = Vec::new();
    for series in &trend.series {
        let mut table = empty_table();
        let figures = Figure::ALL.map(Figure::name);
        table.set_header(["day", "ended"].into_iter().chain(figures).chain(["findings new, closed"]));
        for row in &series.runs {
            let mut cells = vec![Cell::new(row.started_at.strftime("%Y-%m-%d")), Cell::new(row.ending)];
            for cell in &row.figures {
                let absent = if row.counts { cell.figure.absent() } else { "" };
                let bounds = cell.bounds.map_or_else(|| absent.to_owned(), compare::FigureBounds::text);
                cells.push(Cell::new(format!("{bounds}\n{}", cell.change.mark()).trim_end()).fg(colour(cell.change)));
            }
            let codes = |sign: &str, codes: &[String]| {
                codes.iter().map(|code| format!("{sign}{code}")).collect::<Vec<_>>().join(" ")
            };
            let findings = format!("{} {}", codes("+", &row.new_findings), codes("-", &row.closed_findings));
            cells.push(Cell::new(findings.trim()));
            table.add_row(cells);
        }
        parts.push(format!("{} in {}\n{table}", series.scenario, series.environment));
    }
    parts.push(
        "A figure is marked as better or worse only if it differs from the run before by more than chance explains."
            .into(),
    );
    parts.join("\n\n")
}

fn side_by_side(pair: &Pair) -> String {
    let side = |title: &str, parts: &[PairPart]| {
        let mut table = empty_table();
        table.set_header([title, "first run", "second run", "by chance", "change"]);
        for part in parts {
            let text = |bounds: Option<compare::FigureBounds>| {
                bounds.map_or_else(|| part.absent.into(), compare::FigureBounds::text)
            };
            table.add_row([
                Cell::new(&part.name),
                Cell::new(text(part.before)),
                Cell::new(text(part.after)),
                Cell::new(part.chance.map(compare::Room::text).unwrap_or_default()),
                Cell::new(part.change.mark()).fg(colour(part.change)),
            ]);
        }
        table.to_string()
    };
    let mut parts = vec![
        format!("{} and {}", pair.runs[0], pair.runs[1]),
        side("figure", &pair.figures),
        side("step of the failover", &pair.links),
        pair.explanation.clone(),
    ];
    parts.extend(pair.differences.iter().map(|text| format!("difference: {text}")));
    parts.extend(pair.verdicts.iter().map(|(name, then, now)| format!("objective {name}: {then}, now {now}")));
    parts.extend(pair.new_findings.iter().map(|(code, title)| format!("new finding {code}: {title}")));
    parts.extend(pair.closed_findings.iter().map(|(code, title)| format!("closed finding {code}: {title}")));
    parts.join("\n\n")
}
