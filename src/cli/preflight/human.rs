//! For people at a terminal.

use std::fmt::Write;

use comfy_table::{Attribute, Cell, Color, Table, presets};

use super::pages::by_area;
use super::{PreflightDocument, by_lack, summary, word};
use crate::cli::summary::empty_table;
use crate::cli::text;
use gameday_core::model::{Finding, Severity};

/// Under the code of a finding.
const INDENT: &str = "  ";

/// Everything: what passed first, then the findings, so that the verdict and its reasons are next to the prompt.
pub(super) fn text(told: &PreflightDocument) -> String {
    let mut parts = Vec::new();
    if !told.passed.is_empty() {
        parts.push(passed(told));
    }
    parts.extend(told.findings.iter().map(finding));
    for (lack, codes) in by_lack(told) {
        parts.push(text::hanging(&format!("Not checked: {}: {lack}", codes.join(", ")), INDENT));
    }
    parts.extend(told.idle.iter().map(|entry| text::hanging(&format!("Baseline: {entry}"), INDENT)));
    if !told.findings.is_empty() {
        parts.push("To explain a finding: gameday preflight --explain CODE".to_owned());
    }
    parts.push(text::hanging(&summary(told), INDENT));
    parts.join("\n\n")
}

/// The checks that found nothing. Their titles name the problem, so the heading says that it is absent.
fn passed(told: &PreflightDocument) -> String {
    let mut list = "Passed: none of these problems was found".to_owned();
    for (area, pages) in by_area(&told.passed) {
        let _ = write!(list, "\n{INDENT}{area} ({})", pages.len());
        for page in pages {
            let _ = write!(list, "\n{INDENT}{INDENT}{} {}", page.code, page.title);
        }
    }
    list
}

/// Not in a table: what is to be copied must not have borders in it.
fn finding(found: &Finding) -> String {
    let last = match &found.accepted {
        Some(by) => {
            let accepted = format!("Accepted by {} until {}: {}", by.owner, by.expires, by.reason);
            text::indented(&accepted, INDENT)
        }
        None => format!("{INDENT}What to do:\n{}", text::markdown(&found.remedy, INDENT)),
    };
    let seen = text::indented(&format!("Found: {}", found.evidence), INDENT);
    format!("{}\n{seen}\n{last}", head(found))
}

/// Coloured; the table leaves colours out where it is not on a terminal.
fn head(found: &Finding) -> String {
    let mut table: Table = empty_table();
    table.load_style(presets::NOTHING);
    let word = word(found.severity);
    let severity = match (found.severity, found.accepted.is_some()) {
        (_, true) => Cell::new(format!("{word} (accepted)")),
        (Severity::Blocker, _) => Cell::new(word.to_uppercase()).fg(Color::Red).add_attribute(Attribute::Bold),
        (Severity::Risk, _) => Cell::new(word).fg(Color::Yellow),
        (Severity::Note, _) => Cell::new(word),
    };
    table.add_row([Cell::new(&found.code), severity, Cell::new(&found.title)]);
    table.to_string().lines().map(str::trim).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::NotChecked;
    use super::*;
    use crate::preflight::checks::{Occurrence, pages};

    fn told(findings: &[&str], passed: &[&'static str]) -> PreflightDocument {
        let pages = pages();
        let page = |code: &&str| pages.iter().find(|page| page.code == *code).unwrap();
        PreflightDocument {
            findings: findings.iter().map(|code| page(code).finding(Occurrence::of("us-east-1: seen"))).collect(),
            passed: passed.to_vec(),
            not_checked: Vec::new(),
            idle: Vec::new(),
            calls: Vec::new(),
            took: Duration::ZERO,
            file: "lab.toml".to_owned(),
            ready: findings.is_empty(),
        }
    }

    #[test]
    fn a_green_preflight_lists_what_passed_and_ends_in_ready() {
        let shown = text(&told(&[], &["GD001", "GD101", "GD502"]));
        assert!(shown.ends_with("READY: 3 checks passed, no findings"), "{shown}");
        assert!(shown.contains("User pool (1)\n    GD101 ") && shown.contains("Routing (1)\n    GD502 "), "{shown}");
    }

    #[test]
    fn a_red_preflight_ends_in_not_ready_and_shows_each_remedy_whole() {
        let with_code = pages().into_iter().filter(|page| page.remedy.contains("```")).map(|page| page.code);
        let codes: Vec<&str> = with_code.collect();
        assert!(!codes.is_empty());
        let shown = text(&told(&codes, &["GD001"]));
        for page in pages().into_iter().filter(|page| codes.contains(&page.code)) {
            let mut fenced = false;
            for line in page.remedy.lines() {
                if line.trim_start().starts_with("```") {
                    fenced = !fenced;
                } else if fenced {
                    assert!(shown.lines().any(|shown| shown.trim() == line.trim()), "{}: {line}", page.code);
                }
            }
            let last = page.remedy.trim_end().trim_end_matches('`').lines().rfind(|line| !line.trim().is_empty());
            let last = last.unwrap_or_default().split_whitespace().next_back().unwrap_or_default().to_owned();
            assert!(shown.contains(&last), "{}: the remedy ends before {last}", page.code);
        }
        let end = shown.lines().last().unwrap_or_default();
        assert!(shown.contains("\nNOT READY: "), "{end}");
    }

    #[test]
    fn what_lacks_for_the_same_reason_is_one_line() {
        let lack = |number: u32| NotChecked {
            code: "GD104",
            what: format!("session {number} of 40 could not be opened: timeout"),
        };
        let told = PreflightDocument { not_checked: (1..=40).map(lack).collect(), ..told(&[], &["GD001"]) };
        let shown = text(&told).split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(shown.matches("Not checked").count(), 1, "{shown}");
        assert!(shown.contains("and 39 more like this"), "{shown}");
        assert!(shown.contains("READY, as far as checked: 1 check passed, no findings; 40 not checked"), "{shown}");
    }
}
