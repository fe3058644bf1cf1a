//! The table at the end of a run.

use std::fmt::Write;
use std::path::Path;

use comfy_table::{Cell, Color, ContentArrangement, Table, presets};

use gameday_core::measure::{Outcome, Prediction, PredictionOutcome, Verdict};
use gameday_core::model::{Finding, Severity};
use gameday_core::report::{shown_objectives, words};

use super::{output, text};

/// The kind of an environment that is a lab, as the event log has it.
const LAB: &str = "lab";

/// Prints verdict, objectives, milestones and where the report is.
pub(super) fn print(outcome: &Outcome, folder: &Path) {
    // If it cannot be written, the report has it anyway; the exit code stays the same.
    let _ = output::print(format!("{}\n", text(outcome, folder)).as_bytes());
}

fn text(outcome: &Outcome, folder: &Path) -> String {
    let mut lines = String::new();
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
    let mut milestones = table(["milestone", "time since fault injection"]);
    for reached in &outcome.milestones {
        let at = reached.at.map_or_else(|| reached.absence().to_owned(), words::span_s);
        milestones.add_row([reached.milestone.as_str().to_owned(), at]);
    }
    if outcome.zero_at.is_some() {
        let _ = writeln!(lines, "{milestones}\n{objectives}");
    }
    for objective in outcome.objectives.iter().filter(|objective| objective.verdict == Verdict::Inconclusive) {
        if let Some(reason) = objective.reason.as_ref().filter(|_| outcome.zero_at.is_some()) {
            let _ = writeln!(lines, "{} is inconclusive: {reason}", objective.name);
        }
    }
    for (index, finding) in outcome.findings.iter().enumerate() {
        if finding.severity != Severity::Note {
            let Finding { code, title, evidence, remedy, .. } = finding;
            let _ = writeln!(lines, "{code} {title}: {evidence}\n{}", text::markdown(remedy, "  "));
            if let Some(Prediction { outcome: PredictionOutcome::CameTrue(seen), .. }) = outcome.predictions.get(index)
            {
                let _ = writeln!(lines, "  The prediction was right: {seen}");
            }
        }
    }
    for steady in outcome.steady.iter().filter(|steady| !steady.steady) {
        let _ = writeln!(lines, "no steady state {}: {}", steady.judged_at.words(), steady.why_not());
    }
    for anomaly in outcome.anomalies.iter().filter(|anomaly| anomaly.severe || anomaly.of_runner) {
        let _ = writeln!(lines, "{}: {}", anomaly.code, anomaly.text);
    }
    let verdict = verdict(&outcome.run.environment_kind, &outcome.run.environment_name, &words::headline(outcome));
    let _ = write!(lines, "{verdict}\n{}", folder.join("report.md").display());
    lines
}

/// A rehearsal in the lab must not be taken for one on AWS.
fn verdict(kind: &str, environment: &str, headline: &str) -> String {
    if kind == LAB { format!("LAB (simulated environment `{environment}`): {headline}") } else { headline.to_owned() }
}

fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = empty_table();
    table.set_header(header);
    table
}

/// A table as every command prints it.
pub(super) fn empty_table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    // comfy-table colours only on terminals; NO_COLOR is not its concern.
    if std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) {
        table.force_no_tty();
    }
    if let Some(width) = text::replaced(table.width()) {
        table.set_width(width);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lab_is_called_a_lab_in_the_verdict() {
        let said = verdict("lab", "two-regions", "PASSED: all 7 objectives are met");
        assert_eq!(said, "LAB (simulated environment `two-regions`): PASSED: all 7 objectives are met");
        assert_eq!(verdict("aws", "staging", "PASSED"), "PASSED");
    }
}
