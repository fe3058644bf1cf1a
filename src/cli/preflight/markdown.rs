//! For an issue or a wiki.

use askama::Template;

use super::pages::by_area;
use super::{PreflightDocument, by_lack, summary, word};
use crate::preflight::checks::RuleMetadata;
use gameday_core::model::Finding;

#[derive(Template)]
#[template(path = "preflight.md", config = "templates/askama.toml")]
struct Document<'a> {
    file: &'a str,
    summary: String,
    findings: Vec<FindingLine<'a>>,
    not_checked: Vec<(String, String)>,
    idle: &'a [String],
    passed: Vec<(&'static str, Vec<RuleMetadata>)>,
}

struct FindingLine<'a> {
    code: &'a str,
    severity: String,
    title: &'a str,
    evidence: &'a str,
    /// Markdown already where it is the page's own.
    remedy: &'a str,
}

/// The document.
#[expect(clippy::expect_used, reason = "rendering to memory")]
pub(super) fn text(told: &PreflightDocument) -> String {
    let document = Document {
        file: &told.file,
        summary: summary(told),
        findings: told.findings.iter().map(row).collect(),
        not_checked: by_lack(told).into_iter().map(|(lack, codes)| (codes.join(", "), lack)).collect(),
        idle: &told.idle,
        passed: by_area(&told.passed),
    };
    // Cannot fail: a `String` takes every write, and the template calls nothing that fails.
    document.render().expect("a template in memory")
}

fn row(found: &Finding) -> FindingLine<'_> {
    let Finding { code, title, evidence, remedy, .. } = found;
    let severity = word(found.severity);
    let severity = match &found.accepted {
        Some(by) => format!("{severity}, accepted by {} until {}: {}", by.owner, by.expires, by.reason),
        None => severity.to_owned(),
    };
    FindingLine { code, severity, title, evidence, remedy }
}
