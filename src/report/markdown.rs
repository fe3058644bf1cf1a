use askama::Template;

use super::view::{MilestoneRow, PhaseRow, View};
use super::words::span_s;
use crate::measure::Outcome;

#[derive(Template)]
#[template(path = "report.md", config = "templates/askama.toml")]
struct Document {
    view: View,
    gantt: Vec<GanttSection>,
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
    // Cannot fail: a `String` takes every write, and the template calls nothing that fails.
    Document { view, gantt }.render().expect("a template in memory").into_bytes()
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
