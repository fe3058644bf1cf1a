use askama::Template;
use jiff::civil::{DateTime, date};

use super::figures::{cost, link_name};
use super::view::{MilestoneRow, PhaseRow, View};
use crate::measure::{Bar, Outcome};

#[derive(Template)]
#[template(path = "report.md", config = "templates/askama.toml")]
struct MarkdownReport {
    view: View,
    gantt: Vec<GanttSection>,
    /// The bars of the waterfall; empty where there is no RTO.
    waterfall: Vec<Task>,
    /// How the axes of both are written.
    axis: &'static str,
    waterfall_axis: &'static str,
    recovery: Option<MermaidLine>,
    lag: Option<MermaidLine>,
    mermaid_date: &'static str,
    palette: &'static str,
}

/// How Mermaid reads the dates of a Gantt chart.
const MERMAID_DATE: &str = "YYYY-MM-DD HH:mm:ss.SSS";
/// And how they are written.
const STRFTIME: &str = "%Y-%m-%d %H:%M:%S.%3f";
/// Where a Gantt chart begins. Mermaid reads and shows dates in the reader's time zone, so this is midnight in every one; no time zone
/// changed its offset on that day.
const MIDNIGHT: DateTime = date(2001, 1, 1).at(0, 0, 0, 0);
/// Mermaid's own lines are hardly to be seen on white.
pub(crate) const PALETTE: &str =
    r##"%%{init: {"themeVariables": {"xyChart": {"plotColorPalette": "#1f5fbf, #c2621b"}}}}%%"##;

/// A line over evenly spaced points, as Mermaid's `xychart-beta` draws it.
struct MermaidLine {
    from: String,
    to: String,
    top: String,
    points: String,
}

struct GanttSection {
    name: &'static str,
    tasks: Vec<Task>,
}

/// A bar.
struct Task {
    text: String,
    mark: &'static str,
    start: String,
    end: String,
}

impl Task {
    /// From and to a time in milliseconds.
    fn new(text: String, mark: &'static str, (start, end): (i64, i64)) -> Self {
        let at = |ms| MIDNIGHT.saturating_add(jiff::SignedDuration::from_millis(ms)).strftime(STRFTIME).to_string();
        Self { text, mark, start: at(start), end: at(end) }
    }
}

/// The axis of a Gantt chart that is so long.
fn axis(longest_ms: i64) -> &'static str {
    const HOUR_MS: i64 = 3_600_000;
    if longest_ms < HOUR_MS { "%M:%S" } else { "%H:%M:%S" }
}

/// `report.md`, for GitHub and GitLab, with a Mermaid timeline.
#[expect(clippy::expect_used, reason = "rendering to memory")]
pub fn markdown(outcome: &Outcome) -> Vec<u8> {
    let view = View::of(outcome);
    let (gantt, longest) = gantt(&view);
    let (waterfall, total) = waterfall(outcome);
    let document = MarkdownReport {
        view,
        gantt,
        axis: axis(longest),
        waterfall,
        waterfall_axis: axis(total),
        recovery: recovery_chart(outcome),
        lag: lag_chart(outcome),
        mermaid_date: MERMAID_DATE,
        palette: PALETTE,
    };
    // Cannot fail: a `String` takes every write, and the template calls nothing that fails.
    document.render().expect("a template in memory").into_bytes()
}

/// Whole milliseconds, not before the chart's beginning.
fn ms(seconds: f64) -> i64 {
    (seconds * 1000.0).round().max(0.0) as i64
}

/// The sections, and where the last bar ends.
fn gantt(view: &View) -> (Vec<GanttSection>, i64) {
    let mut longest = 0;
    let phase = |row: &PhaseRow| {
        let (start, end) = row.at?;
        (ms(end) > ms(start)).then(|| (row.name, "done, ", (ms(start), ms(end))))
    };
    let milestone = |row: &MilestoneRow| {
        let at = row.at?;
        // A bar of no width is not drawn.
        Some((row.name, "crit, ", (ms(at.lower), ms(at.upper).max(ms(at.lower) + 1))))
    };
    let mut tasks = |bars: Vec<(&'static str, &'static str, (i64, i64))>| -> Vec<Task> {
        longest = bars.iter().map(|(_, _, (_, end))| *end).fold(longest, i64::max);
        bars.into_iter().map(|(name, mark, ends)| Task::new(name.to_owned(), mark, ends)).collect()
    };
    let phases = tasks(view.phases.iter().filter_map(phase).collect());
    let milestones = tasks(view.milestones.iter().filter_map(milestone).collect());
    let sections =
        [GanttSection { name: "Phases", tasks: phases }, GanttSection { name: "Milestones", tasks: milestones }];
    (sections.into_iter().filter(|section| !section.tasks.is_empty()).collect(), longest)
}

/// One bar for each part of the RTO, and where the last one ends.
fn waterfall(outcome: &Outcome) -> (Vec<Task>, i64) {
    let task = |(bar, (start, end)): (&Bar, (f64, f64))| {
        let text = format!("{} {}", link_name(bar.to), cost(Some(bar.cost)));
        Task::new(text, "", (ms(start), ms(end).max(ms(start) + 1)))
    };
    let bars = ends(&outcome.chain.waterfall);
    let total = bars.last().map_or(0, |(_, end)| ms(*end));
    (outcome.chain.waterfall.iter().zip(bars).map(task).collect(), total)
}

/// Where each bar of a waterfall is drawn, so that none goes back and the last one ends at the total: the middle of a milestone may lie before
/// that of the one before it.
pub(super) fn ends(bars: &[Bar]) -> Vec<(f64, f64)> {
    let total = bars.last().map_or(0.0, |bar| bar.end_s.max(0.0));
    let mut reached = 0.0_f64;
    let end = |bar: &Bar| {
        let start = reached;
        reached = reached.max(bar.end_s).min(total);
        (start, reached)
    };
    bars.iter().map(end).collect()
}

/// The share of all logins that succeed, in the windows of the recovery curve. A window without a login is drawn as the one before it.
fn recovery_chart(outcome: &Outcome) -> Option<MermaidLine> {
    let recovery = outcome.recovery.as_ref()?;
    let windows = &recovery.all.windows;
    let (first, last) = (windows.first()?.from_s, windows.last()?.from_s);
    let count = ((last - first) / recovery.window_s).round() as usize + 1;
    let mut points = vec![f64::NAN; count];
    for window in windows {
        points[((window.from_s - first) / recovery.window_s).round() as usize] = window.share() * 100.0;
    }
    let middle = recovery.window_s / 2.0;
    MermaidLine::of(points, first + middle, last + middle, 100.0)
}

/// Points of the lag's chart that can be told apart.
const MOST_POINTS: f64 = 40.0;

/// The longest lag of the writes of each stretch of steady state, in seconds, by their upper bounds.
fn lag_chart(outcome: &Outcome) -> Option<MermaidLine> {
    let lags = outcome.lag_over_time.iter().filter(|lag| lag.at_s < 0.0);
    let lags: Vec<(f64, f64)> = lags.filter_map(|lag| Some((lag.at_s, lag.upper_ms? / 1000.0))).collect();
    let (first, last) = (lags.first()?.0, lags.last()?.0);
    let count = (lags.len() as f64).min(MOST_POINTS) as usize;
    let mut points = vec![f64::NAN; count];
    for (at, lag) in &lags {
        let index = ((at - first) / (last - first) * (count - 1) as f64).round() as usize;
        let point = points.get_mut(index)?;
        *point = point.max(*lag);
    }
    let top = lags.iter().map(|(_, lag)| lag.ceil()).fold(1.0, f64::max);
    MermaidLine::of(points, first, last, top)
}

impl MermaidLine {
    /// Nothing for a single point, which is no line. A point that is not known is drawn as the one before it.
    fn of(points: Vec<f64>, from: f64, to: f64, top: f64) -> Option<Self> {
        let mut known = points.first().copied().filter(|first| first.is_finite())?;
        let text = |point: f64| {
            known = if point.is_finite() { point } else { known };
            format!("{known:.2}")
        };
        let several = points.len() > 1 && from < to;
        let points: Vec<String> = points.into_iter().map(text).collect();
        // Adding zero turns -0.0 into 0.0.
        let axis = |at: f64| format!("{:.1}", (at * 10.0).round() / 10.0 + 0.0);
        several.then(|| Self { from: axis(from), to: axis(to), top: axis(top), points: points.join(", ") })
    }
}
