use askama::Template;

use super::chance::Room;
use super::figure::{Change, Figure, difference};
use super::pair::{Pair, Part};
use super::trend::{Row, Series, Trend};
use crate::report::seconds;

/// What to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Document {
    /// For GitHub and GitLab.
    Markdown,
    /// One file that needs nothing else.
    Html,
}

#[derive(Template)]
#[template(path = "trend.md", config = "templates/askama.toml")]
struct TrendMarkdown {
    series: Vec<SeriesView>,
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
    scenario: String,
    environment: String,
    headers: Vec<(&'static str, &'static str)>,
    rows: Vec<RowView>,
    /// The RTO over the runs that had one: days and middles, for Mermaid.
    line: Option<(String, String)>,
    charts: Vec<Chart>,
}

struct RowView {
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
    bars: Vec<Bar>,
}

struct Bar {
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
const LABEL: f64 = 128.0;

/// A trend as a document.
#[expect(clippy::expect_used, reason = "rendering to memory")]
pub fn trend_text(trend: &Trend, document: Document) -> String {
    let series = trend.series.iter().map(view).collect();
    // Cannot fail: a `String` takes every write, and the templates call nothing that fails.
    match document {
        Document::Markdown => TrendMarkdown { series }.render().expect("a template in memory"),
        Document::Html => TrendHtml { series, width: WIDTH, height: HEIGHT }.render().expect("a template in memory"),
    }
}

/// Two runs beside each other, for GitHub and GitLab.
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

fn part(part: &Part) -> PartView<'_> {
    let text = |bounds: Option<super::Bounds>| bounds.map_or_else(|| part.absent.to_owned(), super::Bounds::text);
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
    let reached = |row: &Row| {
        let rto = row.figures.iter().find(|cell| cell.figure == Figure::Rto)?.bounds?;
        Some((format!("\"{}\"", day(row)), format!("{:.2}", rto.middle())))
    };
    let line: (Vec<String>, Vec<String>) = series.runs.iter().filter_map(reached).unzip();
    SeriesView {
        scenario: series.scenario.clone(),
        environment: series.environment.clone(),
        headers: Figure::ALL.map(|figure| (figure.name(), figure.meaning())).into(),
        rows: series.runs.iter().map(row).collect(),
        line: (line.0.len() > 1).then(|| (line.0.join(", "), line.1.join(", "))),
        charts: Figure::ALL.into_iter().filter_map(|figure| chart(series, figure)).collect(),
    }
}

fn day(row: &Row) -> String {
    row.started_at.strftime("%Y-%m-%d").to_string()
}

fn row(row: &Row) -> RowView {
    let listed = |what: &str, codes: &[String]| (!codes.is_empty()).then(|| format!("{what}: {}", codes.join(", ")));
    let notes: Vec<String> = [listed("new", &row.new_findings), listed("closed", &row.closed_findings)]
        .into_iter()
        .flatten()
        .chain(row.differences.iter().cloned())
        .collect();
    RowView {
        day: day(row),
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
                (cell.bounds.map_or_else(|| absent.to_owned(), super::Bounds::text), cell.change.mark())
            })
            .collect(),
        notes: notes.join("; "),
    }
}

fn chart(series: &Series, figure: Figure) -> Option<Chart> {
    let cell = |row: &Row| row.figures.iter().find(|cell| cell.figure == figure).copied();
    let ends = series.runs.iter().filter_map(|row| cell(row)?.bounds);
    let most = ends.map(|bounds| bounds.upper_s.unwrap_or(bounds.lower_s)).reduce(f64::max)?.max(1.0);
    let tenth = |value: f64| format!("{value:.1}");
    let y = |value: f64| BOTTOM - value / most * (BOTTOM - TOP);
    let slot = (WIDTH - LEFT) / series.runs.len() as f64;
    let bar = |(index, row): (usize, &Row)| {
        let cell = cell(row)?;
        let bounds = cell.bounds?;
        let middle = LEFT + slot * (index as f64 + 0.5);
        let (top, bottom) = (y(bounds.upper_s.unwrap_or(most)), y(bounds.lower_s));
        Some(Bar {
            x: tenth(middle - BAR / 2.0),
            top: tenth(top.min(bottom - THINNEST)),
            height: tenth((bottom - top).max(THINNEST)),
            middle: tenth(middle),
            label: if slot >= LABEL { bounds.text() } else { String::new() },
            day: if slot >= LABEL { day(row) } else { String::new() },
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
