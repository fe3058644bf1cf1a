use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::chance::Room;
use super::figure::{Beside, Change, Figure, FigureBounds};
use super::record::RunRecord;
use crate::report::words::pace;

/// Runs over quarters.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trend {
    /// Each scenario in each environment apart: only their own runs are comparable.
    pub series: Vec<Series>,
}

/// The runs of one scenario in one environment, the earliest first.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Series {
    /// The scenario.
    pub scenario: String,
    /// The environment.
    pub environment: String,
    /// Whether that is a lab, so that every run is a simulation.
    #[serde(skip)]
    pub lab: bool,
    /// Its runs.
    pub runs: Vec<TrendRow>,
}

/// A run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrendRow {
    /// The run.
    pub run_id: String,
    /// When it began.
    pub started_at: Timestamp,
    /// GameDay's version.
    pub tool_version: String,
    /// How it ended.
    pub ending: &'static str,
    /// Whether its figures count: it went its way to the end.
    pub counts: bool,
    /// Whether something could not be restored.
    pub not_restored: bool,
    /// Whether the state after was the one before.
    pub state_identical: Option<bool>,
    /// Objectives that were met, and all of them.
    pub met: (usize, usize),
    /// In the order of [`Figure::ALL`].
    pub figures: Vec<Cell>,
    /// Codes that the run before did not have.
    pub new_findings: Vec<String>,
    /// Codes that only the previous run had.
    pub closed_findings: Vec<String>,
    /// What differs from the previous run, in words.
    pub differences: Vec<String>,
}

/// A figure of a run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Cell {
    /// Which.
    pub figure: Figure,
    /// With its uncertainty; nothing where it was not reached or not measured.
    pub bounds: Option<FigureBounds>,
    /// Compared with the previous run.
    pub change: Change,
    /// How much earlier and later chance alone may make it than the run before; nothing where the runs do not tell.
    pub chance: Option<Room>,
}

impl Trend {
    /// Figures of the latest run with figures of each series that are worse than before, beyond what bounds and chance explain.
    pub fn regressions(&self) -> Vec<(&Series, Cell)> {
        self.latest().filter(|(_, cell)| cell.change == Change::Regression).collect()
    }

    /// Figures of the latest run with figures of each series of which nothing can be told.
    pub fn untold(&self) -> Vec<(&Series, Cell)> {
        self.latest().filter(|(_, cell)| cell.change == Change::CannotTell).collect()
    }

    fn latest(&self) -> impl Iterator<Item = (&Series, Cell)> {
        let latest = |series: &Series| series.runs.iter().rev().find(|row| row.counts).map(|row| row.figures.clone());
        self.series
            .iter()
            .flat_map(move |series| latest(series).unwrap_or_default().into_iter().map(move |cell| (series, cell)))
    }

    /// The latest run of each series that has no figures.
    pub fn without_figures(&self) -> Vec<(&Series, &TrendRow)> {
        let latest = self.series.iter().filter_map(|series| Some((series, series.runs.last()?)));
        latest.filter(|(_, row)| !row.counts).collect()
    }
}

/// Sorts runs into series, and sets each beside the one before it.
pub fn trend(mut runs: Vec<RunRecord>) -> Trend {
    runs.sort_by(|a, b| (a.started_at, &a.run_id).cmp(&(b.started_at, &b.run_id)));
    let mut series: BTreeMap<(String, String), Vec<RunRecord>> = BTreeMap::new();
    for run in runs {
        series.entry((run.scenario.name.clone(), run.environment.name.clone())).or_default().push(run);
    }
    let of = |((scenario, environment), runs): ((String, String), Vec<RunRecord>)| Series {
        scenario,
        environment,
        lab: runs.iter().any(|run| run.environment.kind == "lab"),
        runs: rows(&runs),
    };
    Trend { series: series.into_iter().map(of).collect() }
}

fn rows(runs: &[RunRecord]) -> Vec<TrendRow> {
    let mut before: Option<&RunRecord> = None;
    runs.iter()
        .map(|run| {
            let row = row(run, before);
            if run.counts() {
                before = Some(run);
            }
            row
        })
        .collect()
}

fn row(run: &RunRecord, before: Option<&RunRecord>) -> TrendRow {
    let cell = |figure: Figure| {
        let bounds = figure.of(run).filter(|_| run.counts());
        let beside = match before {
            Some(before) if run.counts() => figure.beside(before, run),
            _ => Beside::NOTHING,
        };
        Cell { figure, bounds, change: beside.change, chance: beside.chance }
    };
    let (codes, known) = (run.by_code(), before.map(RunRecord::by_code).unwrap_or_default());
    let beyond = |a: &BTreeMap<&str, _>, b: &BTreeMap<&str, _>| -> Vec<String> {
        if before.is_none() {
            return Vec::new();
        }
        a.keys().filter(|code| !b.contains_key(*code)).map(|code| (*code).to_owned()).collect()
    };
    let met = run.objectives.iter().filter(|objective| objective.verdict == "met").count();
    TrendRow {
        run_id: run.run_id.clone(),
        started_at: run.started_at,
        tool_version: run.tool_version.clone(),
        ending: run.ending(),
        counts: run.counts(),
        not_restored: run.not_restored(),
        state_identical: run.rollback.state_identical,
        met: (met, run.objectives.len()),
        figures: Figure::ALL.map(cell).into(),
        new_findings: beyond(&codes, &known),
        closed_findings: beyond(&known, &codes),
        differences: before.map(|before| unequal(before, run)).unwrap_or_default(),
    }
}

/// What differs between two runs, apart from their figures.
pub(super) fn unequal(before: &RunRecord, run: &RunRecord) -> Vec<String> {
    let mut found = Vec::new();
    if before.scenario != run.scenario {
        found.push(if before.scenario.name == run.scenario.name {
            format!("the scenario `{}` was changed", run.scenario.name)
        } else {
            format!("the scenario was `{}` and is `{}`", before.scenario.name, run.scenario.name)
        });
    }
    if before.environment != run.environment {
        let named = |run: &RunRecord| format!("{} ({})", run.environment.name, run.environment.kind);
        found.push(format!("the environment was {} and is {}", named(before), named(run)));
    } else if before.environment_sha256 != run.environment_sha256 {
        found.push("the environment file was changed".to_owned());
    }
    if before.tool_version != run.tool_version {
        found.push(format!("GameDay was {} and is {}", before.tool_version, run.tool_version));
    }
    let time = |run: &RunRecord| pace(run.speed, run.virtual_time);
    if time(before) != time(run) {
        found.push(format!("time was {} and is {}", time(before), time(run)));
    }
    found
}
