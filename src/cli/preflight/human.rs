//! For people at a terminal.

use crate::cli::summary::{NARROWEST, empty_table};
use std::io::IsTerminal;

use comfy_table::{Attribute, Cell, Color, Table};

use super::{Told, by_lack, summary, word};
use gameday_core::model::{Finding, Severity};

/// Everything.
pub fn text(told: &Told) -> String {
    let mut lines = Vec::new();
    if !told.findings.is_empty() {
        lines.push(table(&told.findings).to_string());
    }
    for (lack, codes) in by_lack(told) {
        lines.push(wrapped(&format!("not checked: {}: {lack}", codes.join(", "))));
    }
    lines.extend(told.idle.iter().map(|entry| wrapped(&format!("baseline: {entry}"))));
    lines.push(wrapped(&summary(told)));
    if !told.findings.is_empty() {
        lines.push("More about one: gameday preflight --explain CODE".to_owned());
    }
    lines.join("\n")
}

fn wrapped(text: &str) -> String {
    textwrap::fill(text, textwrap::Options::new(NARROWEST.into()).subsequent_indent("  "))
}

fn table(findings: &[Finding]) -> Table {
    let mut table = empty_table();
    let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if plain || !std::io::stdout().is_terminal() {
        table.set_width(NARROWEST);
    }
    table.set_header(["code", "severity", "finding, what was seen, and what to do"]);
    for found in findings {
        table.add_row([Cell::new(&found.code), severity(found), Cell::new(cell(found))]);
    }
    table
}

/// Coloured; the table leaves colours out where it is not on a terminal.
fn severity(found: &Finding) -> Cell {
    let word = word(found.severity);
    if found.accepted.is_some() {
        return Cell::new(format!("{word}\n(accepted)"));
    }
    match found.severity {
        Severity::Blocker => Cell::new(word.to_uppercase()).fg(Color::Red).add_attribute(Attribute::Bold),
        Severity::Risk => Cell::new(word).fg(Color::Yellow),
        Severity::Note => Cell::new(word),
    }
}

fn cell(found: &Finding) -> String {
    let last = match &found.accepted {
        Some(by) => format!("Accepted by {} until {}: {}", by.owner, by.expires, by.reason),
        // A snippet is for the page.
        None => format!("Fix: {}", found.remedy.split("\n\n```").next().unwrap_or_default()),
    };
    format!("{}\nSeen: {}\n{last}", found.title, found.evidence)
}
