use std::fmt::Write;

use super::{Band, LEGEND, TOP, WIDTH, bands, fitting, tenth, ticks};
use crate::measure::{Curve, Outcome};
use crate::report::regions::{Regions, WindowShares};
use crate::report::users::drawn;
use crate::report::view::View;

/// Room for the shares on the left.
const LEFT: f64 = 56.0;
const RIGHT: f64 = 12.0;
/// Height of the plot.
const PLOT: f64 = 180.0;
/// A legend's entry, how much of it is the line, and how many stand in a row.
const ENTRY: f64 = 226.0;
const SAMPLE: f64 = 34.0;
const IN_A_ROW: usize = 4;
/// So many lines can be told apart by colour and dashes.
const MOST_LINES: usize = 8;

/// Shares over time, a line each.
pub(in crate::report) struct TimeChart {
    pub label: &'static str,
    pub width: f64,
    pub height: f64,
    pub left: f64,
    pub right: f64,
    pub bottom: f64,
    pub bands: Vec<Band>,
    pub ticks: Vec<(String, String)>,
    pub levels: Vec<(String, &'static str)>,
    pub lines: Vec<ChartLine>,
    /// Lines beyond those that can be told apart; the table has them.
    pub left_out: usize,
}

pub(in crate::report) struct ChartLine {
    pub number: usize,
    pub name: String,
    pub path: String,
    pub legend: (f64, f64),
}

/// What holds from one moment to the other, in seconds after the cut.
struct ChartStep {
    from: f64,
    to: f64,
    share: f64,
}

/// The share able to log in over time, a line for each cohort.
pub(in crate::report) fn recovery(outcome: &Outcome, view: &View) -> Option<TimeChart> {
    let recovery = outcome.recovery.as_ref()?;
    let steps = |curve: &Curve| -> Vec<ChartStep> {
        let step = |w: &crate::measure::RecoveryWindow| ChartStep {
            from: w.from_s,
            to: w.from_s + recovery.window_s,
            share: w.share(),
        };
        curve.windows.iter().map(step).collect()
    };
    let lines = drawn(recovery).into_iter().map(|(name, curve)| (name.to_owned(), steps(curve))).collect();
    chart("Success rate of logins over time; the table below holds its figures", lines, view)
}

/// The share of logins that succeeded at each Region, over time.
pub(in crate::report) fn regions(regions: &Regions, view: &View) -> Option<TimeChart> {
    let steps = |index: usize| -> Vec<ChartStep> {
        let step = |window: &WindowShares| {
            let share = *window.shares.get(index)?;
            Some(ChartStep { from: window.from_s, to: window.from_s + regions.width_s, share })
        };
        regions.windows.iter().filter_map(step).collect()
    };
    let lines = regions.names.iter().enumerate().map(|(index, name)| (name.clone(), steps(index))).collect();
    chart("Success rate at each Region over time; the table below holds its figures", lines, view)
}

fn chart(label: &'static str, lines: Vec<(String, Vec<ChartStep>)>, view: &View) -> Option<TimeChart> {
    let all = || lines.iter().flat_map(|(_, steps)| steps);
    let first = all().map(|step| step.from).reduce(f64::min)?;
    let last = all().map(|step| step.to).reduce(f64::max).filter(|last| *last > first)?;
    let x = |at: f64| LEFT + (at.clamp(first, last) - first) / (last - first) * (WIDTH - LEFT - RIGHT);
    let y = |share: f64| TOP + 8.0 + (1.0 - share) * (PLOT - 16.0);
    let bottom = TOP + PLOT;
    let left_out = lines.len().saturating_sub(MOST_LINES);
    let line = |(number, (name, steps)): (usize, (String, Vec<ChartStep>))| ChartLine {
        number,
        name: fitting(&name, ENTRY - SAMPLE),
        path: path(&steps, &x, &y),
        legend: (LEFT + ENTRY * (number % IN_A_ROW) as f64, bottom + 8.0 + LEGEND * (number / IN_A_ROW) as f64),
    };
    let lines: Vec<ChartLine> = lines.into_iter().take(MOST_LINES).enumerate().map(line).collect();
    let levels = [(1.0, "100 %"), (0.5, "50 %"), (0.0, "0 %")];
    Some(TimeChart {
        label,
        width: WIDTH,
        height: bottom + 12.0 + LEGEND * lines.len().div_ceil(IN_A_ROW) as f64,
        left: LEFT,
        right: WIDTH - RIGHT,
        bottom,
        bands: bands(view, first, &x),
        ticks: ticks(first, last, &x),
        levels: levels.map(|(share, text)| (tenth(y(share)), text)).into(),
        lines,
        left_out,
    })
}

/// A window is one step, so that nothing seems to happen before it did; one without logins interrupts the line.
fn path(steps: &[ChartStep], x: &dyn Fn(f64) -> f64, y: &dyn Fn(f64) -> f64) -> String {
    let mut path = String::new();
    let mut end = f64::NEG_INFINITY;
    for ChartStep { from, to, share } in steps {
        let pen = if from - end > (to - from) / 2.0 { 'M' } else { 'L' };
        // Cannot fail: a `String` takes every write.
        let _ = write!(path, "{pen}{:.1} {:.1}H{:.1}", x(*from), y(*share), x(*to));
        end = *to;
    }
    path
}
