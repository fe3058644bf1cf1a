use askama::Template;

use super::view::{MilestoneRow, PhaseRow, View};
use super::words::{seconds, span_s};
use crate::measure::Outcome;

#[derive(Template)]
#[template(path = "report.md", config = "templates/askama.toml")]
struct Document {
    view: View,
    gantt: Vec<GanttSection>,
    /// The bars of the waterfall; empty where there is no RTO.
    waterfall: Vec<Task>,
    recovery: Option<LineChart>,
    lag: Option<LineChart>,
}

/// A line over evenly spaced points, as Mermaid's `xychart-beta` draws it.
struct LineChart {
    from: String,
    to: String,
    top: String,
    points: String,
}

struct GanttSection {
    name: &'static str,
    tasks: Vec<Task>,
}

/// A bar; Mermaid reads its ends as milliseconds.
struct Task {
    text: String,
    mark: &'static str,
    start_ms: i64,
    end_ms: i64,
}

/// `report.md`, for GitHub and GitLab, with a Mermaid timeline.
#[expect(clippy::expect_used, reason = "rendering to memory")]
pub fn markdown(outcome: &Outcome) -> Vec<u8> {
    let view = View::of(outcome);
    let gantt = gantt(&view);
    let (waterfall, recovery, lag) = (waterfall(outcome), recovery_chart(outcome), lag_chart(outcome));
    // Cannot fail: a `String` takes every write, and the template calls nothing that fails.
    Document { view, gantt, waterfall, recovery, lag }.render().expect("a template in memory").into_bytes()
}

/// Milliseconds, as Mermaid's date format `x` takes them: whole and not negative.
fn ms(seconds: f64) -> i64 {
    (seconds * 1000.0).round().max(0.0) as i64
}

fn gantt(view: &View) -> Vec<GanttSection> {
    let phase = |row: &PhaseRow| {
        let (start, end) = row.at?;
        let task = Task { text: row.name.to_owned(), mark: "done, ", start_ms: ms(start), end_ms: ms(end) };
        (task.end_ms > task.start_ms).then_some(task)
    };
    let milestone = |row: &MilestoneRow| {
        let at = row.at?;
        // A bar of no width is not drawn.
        let (start_ms, end_ms) = (ms(at.lower), ms(at.upper).max(ms(at.lower) + 1));
        Some(Task { text: format!("{} {}", row.name, span_s(at)), mark: "crit, ", start_ms, end_ms })
    };
    let phases: Vec<Task> = view.phases.iter().filter_map(phase).collect();
    let milestones: Vec<Task> = view.milestones.iter().filter_map(milestone).collect();
    let sections =
        [GanttSection { name: "Phases", tasks: phases }, GanttSection { name: "Milestones", tasks: milestones }];
    sections.into_iter().filter(|section| !section.tasks.is_empty()).collect()
}

/// One bar for each link, by the middles of the milestones, which add up.
fn waterfall(outcome: &Outcome) -> Vec<Task> {
    let task = |bar: &crate::measure::Bar| {
        // One below zero is drawn where it lies, from its end to its beginning.
        let (start, end) = (bar.start_s.min(bar.end_s), bar.start_s.max(bar.end_s));
        let text = format!("{} {} ({})", bar.name, seconds(bar.end_s - bar.start_s), span_s(bar.cost));
        Task { text, mark: "", start_ms: ms(start), end_ms: ms(end).max(ms(start) + 1) }
    };
    outcome.chain.waterfall.iter().map(task).collect()
}

/// The share of everybody's logins that succeed, in the windows of the recovery curve. A window without a login is drawn as the one before it.
fn recovery_chart(outcome: &Outcome) -> Option<LineChart> {
    let recovery = outcome.recovery.as_ref()?;
    let windows = &recovery.all.windows;
    let (first, last) = (windows.first()?.from_s, windows.last()?.from_s);
    let count = ((last - first) / recovery.window_s).round() as usize + 1;
    let mut points = vec![f64::NAN; count];
    for window in windows {
        points[((window.from_s - first) / recovery.window_s).round() as usize] = window.share() * 100.0;
    }
    let middle = recovery.window_s / 2.0;
    LineChart::of(points, first + middle, last + middle, 100.0)
}

/// So many points of the lag's chart can be told apart.
const MOST_POINTS: f64 = 40.0;

/// The longest lag of the writes of each stretch of steady state, in seconds, by their upper bounds.
fn lag_chart(outcome: &Outcome) -> Option<LineChart> {
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
    LineChart::of(points, first, last, top)
}

impl LineChart {
    /// Nothing for a single point, which is no line. A point that is not known is drawn as the one before it.
    fn of(points: Vec<f64>, from: f64, to: f64, top: f64) -> Option<Self> {
        let mut known = points.first().copied().filter(|first| first.is_finite())?;
        let text = |point: f64| {
            known = if point.is_finite() { point } else { known };
            format!("{known:.2}")
        };
        let several = points.len() > 1 && from < to;
        let points: Vec<String> = points.into_iter().map(text).collect();
        let axis = |at: f64| format!("{at:.1}");
        several.then(|| Self { from: axis(from), to: axis(to), top: axis(top), points: points.join(", ") })
    }
}
