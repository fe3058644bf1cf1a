use std::fmt::Write;

use super::html::{Bar, bands, tick_step};
use super::users::drawn;
use super::view::View;
use super::words::seconds;
use crate::measure::{Curve, Outcome};

/// The drawing of the recovery curves, in SVG units.
const WIDTH: f64 = 960.0;
/// Room for the shares on the left.
const LEFT: f64 = 56.0;
const RIGHT: f64 = 12.0;
/// Height of the band of phases with its axis, and of the plot.
const TOP: f64 = 52.0;
const PLOT: f64 = 180.0;
/// A legend's entry, and how many stand in a row.
const ENTRY: f64 = 226.0;
const ENTRY_HEIGHT: f64 = 22.0;
const IN_A_ROW: usize = 4;
/// So many lines can be told apart by colour and dashes.
const MOST_LINES: usize = 8;

/// The share able to log in over time, a line for each cohort.
pub(super) struct CurveChart {
    pub width: f64,
    pub height: f64,
    pub left: f64,
    pub right: f64,
    pub bottom: f64,
    pub bands: Vec<Bar>,
    pub ticks: Vec<(String, String)>,
    pub levels: Vec<(String, &'static str)>,
    pub lines: Vec<Line>,
}

pub(super) struct Line {
    pub number: usize,
    pub name: String,
    pub path: String,
    pub legend: (f64, f64),
}

pub(super) fn chart(outcome: &Outcome, view: &View) -> Option<CurveChart> {
    let recovery = outcome.recovery.as_ref()?;
    let (first, last) = (recovery.all.windows.first()?.from_s, recovery.all.windows.last()?.from_s + recovery.window_s);
    let x = |at: f64| LEFT + (at.clamp(first, last) - first) / (last - first) * (WIDTH - LEFT - RIGHT);
    let y = |share: f64| TOP + 8.0 + (1.0 - share) * (PLOT - 16.0);
    let path = |curve: &Curve| {
        let mut path = String::new();
        let mut end = f64::NEG_INFINITY;
        for window in &curve.windows {
            // A window is one step, so that nothing seems to happen before it did; one without logins interrupts the line.
            let (from, to) = (window.from_s, window.from_s + recovery.window_s);
            let pen = if from - end > recovery.window_s / 2.0 { 'M' } else { 'L' };
            // Cannot fail: a `String` takes every write.
            let _ = write!(path, "{pen}{:.1} {:.1}H{:.1}", x(from), y(window.share()), x(to));
            end = to;
        }
        path
    };
    let bottom = TOP + PLOT;
    let lines: Vec<Line> = drawn(recovery)
        .into_iter()
        .take(MOST_LINES)
        .enumerate()
        .map(|(number, (name, curve))| Line {
            number,
            name: name.to_owned(),
            path: path(curve),
            legend: (
                LEFT + ENTRY * (number % IN_A_ROW) as f64,
                bottom + 8.0 + ENTRY_HEIGHT * (number / IN_A_ROW) as f64,
            ),
        })
        .collect();
    let step = tick_step(last - first);
    let from = (first / step).ceil();
    let ticks = (0..).map(|n| (from + f64::from(n)) * step).take_while(|at| *at <= last);
    let levels = [(1.0, "100 %"), (0.5, "50 %"), (0.0, "0 %")];
    Some(CurveChart {
        width: WIDTH,
        height: bottom + 12.0 + ENTRY_HEIGHT * lines.len().div_ceil(IN_A_ROW) as f64,
        left: LEFT,
        right: WIDTH - RIGHT,
        bottom,
        bands: bands(view, first, &x),
        ticks: ticks.map(|at| (format!("{:.1}", x(at)), seconds(at).replace(".00", ""))).collect(),
        levels: levels.map(|(share, text)| (format!("{:.1}", y(share)), text)).into(),
        lines,
    })
}
