use std::collections::BTreeSet;

use askama::Template;
use jiff::Timestamp;

use super::chance::Room;
use super::figure::{Change, Figure, FigureBounds, difference};
use super::pair::{Pair, PairPart};
use super::trend::{Cell, Series, Trend, TrendRow};
use crate::model::RunId;
use crate::report::{PALETTE, seconds};

/// What to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ComparisonDocument {
    /// For GitHub and GitLab.
    Markdown,
    /// One file that needs nothing else.
    Html,
}

#[derive(Template)]
#[template(path = "trend.md", config = "templates/askama.toml")]
struct TrendMarkdown {
    series: Vec<SeriesView>,
    palette: &'static str,
}

#[derive(Template)]
#[template(path = "trend.html", config = "templates/askama.toml")]
struct TrendHtml {
    series: Vec<SeriesView>,
    width: f64,
    height: f64,
}

#[derive(Template)]
#[template(path = "compare.md", config = "templates/askama.toml")]
struct PairMarkdown<'a> {
    pair: &'a Pair,
    figures: Vec<PartView<'a>>,
    links: Vec<PartView<'a>>,
}

struct PartView<'a> {
    name: &'a str,
    before: String,
    after: String,
    difference: String,
    chance: String,
    mark: &'static str,
}

struct SeriesView {
    /// Whether its runs were simulations.
    lab: bool,
    scenario: String,
    environment: String,
    headers: Vec<(&'static str, &'static str)>,
    rows: Vec<RowView>,
    /// The RTO over the runs that had one, for Mermaid.
    line: Option<FigureLine>,
    charts: Vec<Chart>,
}

struct FigureLine {
    /// A name for each run that no other one has: Mermaid draws two of one name at one place.
    runs: String,
    /// The end of the axis, which begins at 0.
    top: String,
    middles: String,
}

struct RowView {
    /// Date and time.
    day: String,
    run: String,
    ending: &'static str,
    met: String,
    restored: &'static str,
    cells: Vec<(String, &'static str)>,
    notes: String,
}

/// One figure over the runs.
struct Chart {
    name: &'static str,
    meaning: &'static str,
    levels: Vec<(String, String)>,
    bars: Vec<RunBar>,
}

struct RunBar {
    x: String,
    top: String,
    height: String,
    middle: String,
    label: String,
    day: String,
    tone: &'static str,
}

/// The drawing of a figure, in SVG units.
const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 210.0;
const LEFT: f64 = 70.0;
/// Room above for the figures, below for the days.
const TOP: f64 = 28.0;
const BOTTOM: f64 = 180.0;
const BAR: f64 = 26.0;
/// Below that a bar cannot be seen.
const THINNEST: f64 = 3.0;
/// A bar's figures and day need so much room; with less of it they are left to the table.
const LABEL: f64 = 190.0;

/// A trend as a document.
#[expect(clippy::expect_used, reason = "rendering to memory")]
pub fn trend_text(trend: &Trend, document: ComparisonDocument) -> String {
    let series = trend.series.iter().map(view).collect();
    // Cannot fail: a `String` takes every write, and the templates call nothing that fails.
    match document {
        ComparisonDocument::Markdown => {
            TrendMarkdown { series, palette: PALETTE }.render().expect("a template in memory")
        }
        ComparisonDocument::Html => {
            TrendHtml { series, width: WIDTH, height: HEIGHT }.render().expect("a template in memory")
        }
    }
}

/// Two runs compared, for GitHub and GitLab.
#[expect(clippy::expect_used, reason = "rendering to memory")]
pub fn pair_text(pair: &Pair) -> String {
    let document = PairMarkdown {
        pair,
        figures: pair.figures.iter().map(part).collect(),
        links: pair.links.iter().map(part).collect(),
    };
    // Cannot fail, as above.
    document.render().expect("a template in memory")
}

fn part(part: &PairPart) -> PartView<'_> {
    let text =
        |bounds: Option<FigureBounds>| bounds.map_or_else(|| part.absent.to_owned(), |it| it.at_least_zero().text());
    PartView {
        name: &part.name,
        before: text(part.before),
        after: text(part.after),
        difference: part.difference_s.map(|(least, most)| difference(least, most)).unwrap_or_default(),
        chance: part.chance.map(Room::text).unwrap_or_default(),
        mark: part.change.mark(),
    }
}

fn view(series: &Series) -> SeriesView {
    SeriesView {
        lab: series.lab,
        scenario: series.scenario.clone(),
        environment: series.environment.clone(),
        headers: Figure::ALL.map(|figure| (figure.name(), figure.meaning())).into(),
        rows: series.runs.iter().map(row).collect(),
        line: line(series),
        charts: Figure::ALL.into_iter().filter_map(|figure| chart(series, figure)).collect(),
    }
}

fn line(series: &Series) -> Option<FigureLine> {
    let rto = |row: &TrendRow| Some(row.figures.iter().find(|cell| cell.figure == Figure::Rto)?.bounds?.middle());
    let (rows, middles): (Vec<&TrendRow>, Vec<f64>) =
        series.runs.iter().filter_map(|row| Some((row, rto(row)?))).unzip();
    let top = handy_top(middles.iter().copied().reduce(f64::max)?);
    let names: Vec<String> = names(&rows).into_iter().map(|name| format!("\"{name}\"")).collect();
    let middles: Vec<String> = middles.iter().map(|middle| format!("{middle:.2}")).collect();
    (rows.len() > 1).then(|| FigureLine { runs: names.join(", "), top: format!("{top}"), middles: middles.join(", ") })
}

/// The shortest name that no other run has: its date, or its time on a common day, or both; else its number.
fn names(rows: &[&TrendRow]) -> Vec<String> {
    let by = |format: &str| -> Vec<String> { rows.iter().map(|row| began(row).strftime(format).to_string()).collect() };
    let distinct = |names: &[String]| names.iter().collect::<BTreeSet<_>>().len();
    let dates = by("%Y-%m-%d");
    let times: &[&str] =
        if distinct(&dates) == 1 { &["%H:%M", "%H:%M:%S"] } else { &["%m-%d %H:%M", "%m-%d %H:%M:%S"] };
    let candidates = std::iter::once(dates).chain(times.iter().map(|format| by(format)));
    let numbered = || (1..=rows.len()).map(|number| format!("no. {number}")).collect();
    candidates.into_iter().find(|names| distinct(names) == names.len()).unwrap_or_else(numbered)
}

/// When a run began, by the wall clock: the scenario's clock of a lab may be ahead.
fn began(row: &TrendRow) -> Timestamp {
    RunId::from(row.run_id.as_str()).wall_time().unwrap_or(row.started_at)
}

/// Ends of an axis of seconds that a person reads well, their halves too.
const TOPS: [f64; 16] =
    [1.0, 2.0, 4.0, 6.0, 10.0, 20.0, 30.0, 60.0, 120.0, 240.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0, 14_400.0];

/// The end of an axis from 0 that holds so many seconds.
fn handy_top(most: f64) -> f64 {
    TOPS.into_iter().find(|top| *top >= most).unwrap_or_else(|| (most / 36_000.0).ceil() * 36_000.0)
}

fn row(row: &TrendRow) -> RowView {
    let listed = |what: &str, codes: &[String]| (!codes.is_empty()).then(|| format!("{what}: {}", codes.join(", ")));
    let notes: Vec<String> = [listed("new", &row.new_findings), listed("closed", &row.closed_findings)]
        .into_iter()
        .flatten()
        .chain(row.differences.iter().cloned())
        .collect();
    RowView {
        day: began(row).strftime("%Y-%m-%d %H:%M UTC").to_string(),
        run: row.run_id.clone(),
        ending: row.ending,
        met: format!("{} of {}", row.met.0, row.met.1),
        restored: match row.state_identical {
            Some(true) => "identical",
            Some(false) => "DIFFERENT",
            None => "not compared",
        },
        cells: row
            .figures
            .iter()
            .map(|cell| {
                let absent = if row.counts { cell.figure.absent() } else { "" };
                (shown(row, cell).map_or_else(|| absent.to_owned(), FigureBounds::text), cell.change.mark())
            })
            .collect(),
        notes: notes.join("; "),
    }
}

/// A figure as it is shown: a sustained RTO is never shorter than the RTO.
fn shown(row: &TrendRow, cell: &Cell) -> Option<FigureBounds> {
    let rto = row.figures.iter().find(|other| other.figure == Figure::Rto && cell.figure == Figure::SustainedRto);
    let bounds = cell.bounds?;
    Some(rto.and_then(|rto| rto.bounds).map_or(bounds, |rto| bounds.no_earlier(rto)))
}

fn chart(series: &Series, figure: Figure) -> Option<Chart> {
    let cell = |row: &TrendRow| row.figures.iter().find(|cell| cell.figure == figure).copied();
    let ends = series.runs.iter().filter_map(|row| cell(row)?.bounds);
    let most = handy_top(ends.map(|bounds| bounds.upper_s.unwrap_or(bounds.lower_s)).reduce(f64::max)?);
    let tenth = |value: f64| format!("{value:.1}");
    let y = |value: f64| BOTTOM - value / most * (BOTTOM - TOP);
    let slot = (WIDTH - LEFT) / series.runs.len() as f64;
    let names = names(&series.runs.iter().collect::<Vec<_>>());
    let bar = |(index, row): (usize, &TrendRow)| {
        let cell = cell(row)?;
        let bounds = shown(row, &cell)?;
        let middle = LEFT + slot * (index as f64 + 0.5);
        let (top, bottom) = (y(bounds.upper_s.unwrap_or(most)), y(bounds.lower_s));
        Some(RunBar {
            x: tenth(middle - BAR / 2.0),
            top: tenth(top.min(bottom - THINNEST)),
            height: tenth((bottom - top).max(THINNEST)),
            middle: tenth(middle),
            label: if slot >= LABEL { bounds.text() } else { String::new() },
            day: if slot >= LABEL { names.get(index).cloned().unwrap_or_default() } else { String::new() },
            tone: match cell.change {
                Change::Regression => "worse",
                Change::Improvement => "better",
                _ => "bar",
            },
        })
    };
    Some(Chart {
        name: figure.name(),
        meaning: figure.meaning(),
        levels: [0.0, most / 2.0, most].map(|level| (tenth(y(level)), seconds(level))).into(),
        bars: series.runs.iter().enumerate().filter_map(bar).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_ends_at_a_round_number_above_its_values() {
        let tops = [0.4, 7.0, 59.9, 90.31, 400.0, 2487.9].map(|most| handy_top(most) as u32);
        assert_eq!(tops, [1, 10, 60, 120, 600, 3600]);
    }
}
