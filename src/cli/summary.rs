//! The table at the end of a run.

use std::path::Path;

use comfy_table::{Cell, Color, ContentArrangement, Table, presets};

use crate::measure::{Outcome, Verdict};
use crate::model::Severity;
use crate::report::words;

/// Prints verdict, objectives, milestones and where the report is.
pub fn print(outcome: &Outcome, folder: &Path) {
    let mut objectives = table(["objective", "target", "measured", "verdict"]);
    for objective in &outcome.objectives {
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
        let at = reached.at.map_or_else(|| "not reached".to_owned(), words::span_s);
        milestones.add_row([reached.milestone.as_str().to_owned(), at]);
    }
    if outcome.zero_at.is_some() {
        println!("{milestones}");
        println!("{objectives}");
    }
    for finding in &outcome.findings {
        if finding.severity != Severity::Note {
            println!("{} {}: {}\n  {}", finding.code, finding.title, finding.evidence, finding.remedy);
        }
    }
    println!("{}", words::headline(outcome));
    println!("{}", folder.join("report.md").display());
}

fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    // comfy-table colours on terminals alone; NO_COLOR is ours to honour.
    if std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) {
        table.force_no_tty();
    }
    table.set_header(header);
    table
}
