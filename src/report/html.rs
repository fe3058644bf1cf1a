use askama::Template;

use super::curve::{self, CurveChart};
use super::view::View;
use super::words::{seconds, span_s};
use crate::measure::Outcome;

/// The timeline's drawing, in SVG units.
const WIDTH: f64 = 960.0;
/// Room for the names on the left and for the figures on the right.
const LEFT: f64 = 260.0;
const RIGHT: f64 = 150.0;
/// Height of the band of phases, with its axis, and of each milestone's row.
const TOP: f64 = 52.0;
const ROW: f64 = 24.0;
/// Below that a bar cannot be seen.
const THINNEST: f64 = 3.0;
/// A phase's name needs so much room.
const LABEL: f64 = 52.0;
/// At most so many steps on the axis.
const TICKS: f64 = 8.0;

#[derive(Template)]
#[template(path = "report.html", config = "templates/askama.toml")]
struct Document {
    view: View,
    chart: Option<Chart>,
    curve: Option<CurveChart>,
}

struct Chart {
    width: f64,
    height: f64,
    left: f64,
    bottom: f64,
    bands: Vec<Bar>,
    ticks: Vec<(f64, String)>,
    rows: Vec<ChartRow>,
}

pub(super) struct Bar {
    pub x: String,
    pub width: String,
    pub label: &'static str,
    pub middle: String,
    pub odd: bool,
}

struct ChartRow {
    y: f64,
    name: &'static str,
    bar: Option<(String, String)>,
    text: String,
}

/// `report.html`: one file that needs nothing else, no script, in light and dark.
#[expect(clippy::expect_used, reason = "rendering to memory")]
pub fn html(outcome: &Outcome) -> Vec<u8> {
    let view = View::of(outcome);
    let chart = chart(&view);
    let curve = curve::chart(outcome, &view);
    // Cannot fail: a `String` takes every write, and the template calls nothing that fails.
    Document { view, chart, curve }.render().expect("a template in memory").into_bytes()
}

fn chart(view: &View) -> Option<Chart> {
    let reached = view.milestones.iter().filter_map(|row| row.at).map(|at| at.upper);
    let phases = view.phases.iter().filter_map(|row| row.at).map(|(_, end)| end);
    let longest = reached.chain(phases).reduce(f64::max).filter(|longest| *longest > 0.0)?;
    let plot = WIDTH - LEFT - RIGHT;
    let x = |at: f64| LEFT + at.clamp(0.0, longest) / longest * plot;
    let tenth = |figure: f64| format!("{figure:.1}");
    let rows = view.milestones.iter().enumerate().map(|(index, row)| ChartRow {
        y: TOP + ROW * index as f64,
        name: row.name,
        bar: row.at.map(|at| (tenth(x(at.lower)), tenth((x(at.upper) - x(at.lower)).max(THINNEST)))),
        text: row.at.map_or_else(|| "not reached".to_owned(), span_s),
    });
    let step = tick_step(longest);
    let ticks = (0..).map(|n| f64::from(n) * step).take_while(|at| *at <= longest);
    let bottom = TOP + ROW * view.milestones.len() as f64;
    Some(Chart {
        width: WIDTH,
        height: bottom + 8.0,
        left: LEFT,
        bottom,
        bands: bands(view, 0.0, &x),
        ticks: ticks.map(|at| (x(at), seconds(at).replace(".00", ""))).collect(),
        rows: rows.collect(),
    })
}

/// The phases that end after `first`, drawn by `x`.
pub(super) fn bands(view: &View, first: f64, x: &dyn Fn(f64) -> f64) -> Vec<Bar> {
    let tenth = |figure: f64| format!("{figure:.1}");
    let shown = view.phases.iter().filter_map(|row| Some((row.name, row.at?))).filter(|(_, (_, end))| *end > first);
    let band = |(index, (name, (start, end))): (usize, (&'static str, (f64, f64)))| {
        let width = x(end) - x(start);
        let label = if width >= LABEL { name } else { "" };
        Bar {
            x: tenth(x(start)),
            width: tenth(width),
            label,
            middle: tenth(x(start) + width / 2.0),
            odd: index % 2 == 1,
        }
    };
    shown.enumerate().map(band).collect()
}

/// The smallest handy step that needs no more than [`TICKS`].
pub(super) fn tick_step(longest: f64) -> f64 {
    let handy = [1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0];
    handy.into_iter().find(|step| longest / step <= TICKS).unwrap_or(3600.0)
}
