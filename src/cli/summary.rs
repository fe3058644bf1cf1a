//! The table at the end of a run.

use std::fmt::Write;
use std::path::Path;

use comfy_table::{Cell, Color, ContentArrangement, Table, presets};

use gameday_core::measure::{Became, Foretold, Outcome, Verdict};
use gameday_core::model::Severity;
use gameday_core::report::{shown_objectives, words};

use super::output;

/// Prints verdict, objectives, milestones and where the report is.
pub fn print(outcome: &Outcome, folder: &Path) {
    // Where it cannot be written, the report has it all the same: that must not change how the run ends.
    let _ = output::print(format!("{}\n", text(outcome, folder)).as_bytes());
}

fn text(outcome: &Outcome, folder: &Path) -> String {
    let mut text = String::new();
    let mut objectives = table(["objective", "target", "measured", "verdict"]);
    for objective in &shown_objectives(outcome) {
        let color = match objective.verdict {
            Verdict::Met => Color::Green,
            Verdict::Missed => Color::Red,
            Verdict::Inconclusive => Color::Yellow,
        };
        objectives.add_row([
            Cell::new(&objective.name),
            Cell::new(words::target(objective)),
            Cell::new(words::measured(objective)),
            Cell::new(objective.verdict.as_str()).fg(color),
        ]);
    }
    let mut milestones = table(["milestone", "after the cut was sent"]);
    for reached in &outcome.milestones {
        let at = reached.at.map_or_else(|| reached.absence().to_owned(), words::span_s);
        milestones.add_row([reached.milestone.as_str().to_owned(), at]);
    }
    if outcome.zero_at.is_some() {
        let _ = writeln!(text, "{milestones}\n{objectives}");
    }
    for objective in outcome.objectives.iter().filter(|objective| objective.verdict == Verdict::Inconclusive) {
        if let Some(reason) = objective.reason.as_ref().filter(|_| outcome.zero_at.is_some()) {
            let _ = writeln!(text, "{} is inconclusive: {reason}", objective.name);
        }
    }
    for (index, finding) in outcome.findings.iter().enumerate() {
        if finding.severity != Severity::Note {
            let _ = writeln!(text, "{} {}: {}\n  {}", finding.code, finding.title, finding.evidence, finding.remedy);
            if let Some(Foretold { became: Became::CameTrue(seen), .. }) = outcome.foretold.get(index) {
                let _ = writeln!(text, "  Predicted, and it came: {seen}");
            }
        }
    }
    for steady in outcome.steady.iter().filter(|steady| !steady.steady) {
        let _ = writeln!(text, "steady state was not there {}: {}", steady.asked.words(), steady.why_not());
    }
    for anomaly in outcome.anomalies.iter().filter(|anomaly| anomaly.grave || anomaly.of_runner) {
        let _ = writeln!(text, "{}: {}", anomaly.code, anomaly.text);
    }
    let _ = write!(text, "{}\n{}", words::headline(outcome), folder.join("report.md").display());
    text
}

fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = empty_table();
    table.set_header(header);
    table
}

/// A table as every command prints it.
pub fn empty_table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    // comfy-table colours on terminals alone; NO_COLOR is ours to honour.
    if std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) {
        table.force_no_tty();
    }
    if let Some(width) = width(table.width()) {
        table.set_width(width);
    }
    table
}

/// As wide as a terminal is at least.
pub const NARROWEST: u16 = 80;

/// What a table is to be set to: a terminal that nobody has told its size, as under `docker run -t`, `ssh -tt` or `script`, has no columns.
fn width(terminal: Option<u16>) -> Option<u16> {
    (terminal == Some(0)).then_some(NARROWEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a17_a_terminal_without_columns_is_taken_for_one_of_80() {
        assert_eq!([Some(0), Some(120), None].map(width), [Some(80), None, None]);
    }
}
