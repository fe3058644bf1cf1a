//! Findings of an environment that somebody answers for: known, explained, and accepted until a date.

use std::path::Path;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::files::{Document, FileFinding, FileProblems, Loaded};
use crate::model::{Accepted, Finding as Found};

/// The version of the baseline file that this GameDay reads.
const SCHEMA_VERSION: u32 = 1;

/// A baseline as its file writes it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// The version of this file format; 1.
    pub schema_version: u32,
    /// Findings that are accepted.
    #[serde(default)]
    pub accept: Vec<Accept>,
}

/// A finding that is accepted, until a date.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Accept {
    /// The finding's code, as `GD502`.
    pub code: String,
    /// A part of its evidence, for one of several places; every place where this is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
    /// Who answers for it.
    pub owner: String,
    /// Why it is accepted.
    pub reason: String,
    /// The last day, in UTC, on which it is: `"2027-03-31"`.
    pub expires: Day,
}

/// A day, as `2027-03-31`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Day(Date);

impl TryFrom<String> for Day {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let day = Date::strptime("%Y-%m-%d", &text);
        day.map(Self).map_err(|_| format!("`{text}` is not a day; write it as \"2027-03-31\""))
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        day.0.to_string()
    }
}

/// The JSON Schema of baseline files.
pub fn baseline_schema() -> serde_json::Value {
    schemars::schema_for!(Baseline).to_value()
}

/// Reads a baseline file; `known` are the codes that there are.
///
/// # Errors
/// Everything that is wrong with it.
pub fn load_baseline(path: &Path, known: &[&str]) -> Result<Loaded<Baseline>, FileProblems> {
    check(Document::open::<Baseline>(path)?, known)
}

fn check(mut document: Document, known: &[&str]) -> Result<Loaded<Baseline>, FileProblems> {
    if let Some(version) = document.get::<u32>("schema_version").filter(|version| *version != SCHEMA_VERSION) {
        let finding = FileFinding::at("schema_version", format!("version {version} is not known"), "must be 1");
        document.report(finding.help("write schema_version = 1"));
    }
    for item in document.items("accept") {
        let code = document.get::<String>(&format!("{item}.code"));
        if let Some(code) = code.filter(|code| !known.contains(&code.as_str())) {
            let finding = FileFinding::at(format!("{item}.code"), format!("no check has the code {code}"), "not known");
            document.report(finding.help("`gameday preflight --list` tells them all"));
        }
        let expires = format!("{item}.expires");
        if let Some(Err(error)) = document.get::<String>(&expires).map(Day::try_from) {
            document.report(FileFinding::at(expires, error, "not a day").help("accept it until a day: \"2027-03-31\""));
        }
        for key in ["owner", "reason"] {
            let path = format!("{item}.{key}");
            if document.get::<String>(&path).is_some_and(|text| text.trim().is_empty()) {
                let finding = FileFinding::at(path, format!("`{key}` is empty"), "says nothing");
                document.report(finding.help("say who accepts the finding, and why"));
            }
        }
    }
    document.finish()
}

impl Baseline {
    /// Marks the findings that are accepted now, and tells the entries that accept nothing.
    pub fn apply(&self, findings: &mut [Found], now: Timestamp) -> Vec<String> {
        let today = TimeZone::UTC.to_datetime(now).date();
        let mut idle = Vec::new();
        for entry in &self.accept {
            let (code, until) = (&entry.code, entry.expires.0);
            let place = entry.evidence.as_ref().map(|text| format!(" ({text})")).unwrap_or_default();
            if today > until {
                let owner = &entry.owner;
                idle.push(format!("{code}{place}: accepted by {owner} until {until}, which is over"));
                continue;
            }
            let fits = |found: &&mut Found| {
                found.code == *code && entry.evidence.as_ref().is_none_or(|text| found.evidence.contains(text.as_str()))
            };
            let mut fitting = 0;
            for found in findings.iter_mut().filter(fits) {
                let (owner, reason) = (entry.owner.clone(), entry.reason.clone());
                found.accepted = Some(Accepted { owner, reason, expires: until.to_string() });
                fitting += 1;
            }
            if fitting == 0 {
                idle.push(format!("{code}{place}: was not found; take it out of the baseline"));
            }
        }
        idle
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Severity;

    fn read(text: &str) -> Result<Loaded<Baseline>, FileProblems> {
        check(Document::parse::<Baseline>(Path::new("baseline.toml"), text), &["GD502", "GD507"])
    }

    fn found(code: &str, evidence: &str) -> Found {
        Found {
            code: code.to_owned(),
            severity: Severity::Risk,
            regions: Vec::new(),
            predicts: None,
            title: String::new(),
            evidence: evidence.to_owned(),
            remedy: String::new(),
            accepted: None,
            ignored: false,
        }
    }

    #[test]
    fn an_entry_accepts_what_it_names_until_its_day_is_over() {
        let entry = |code: &str, more: &str| {
            format!(
                "[[accept]]\ncode = \"{code}\"\n{more}owner = \"ann\"\nreason = \"known\"\nexpires = \"2027-03-31\"\n"
            )
        };
        let text = format!("schema_version = 1\n{}{}", entry("GD502", "evidence = \"one\"\n"), entry("GD507", ""));
        let baseline = read(&text).unwrap().value;
        let mut findings = [found("GD502", "place one"), found("GD502", "place two")];
        let idle = baseline.apply(&mut findings, "2027-03-31T23:59:59Z".parse().unwrap());
        assert_eq!(idle, ["GD507: was not found; take it out of the baseline"]);
        assert_eq!(findings.map(|found| found.accepted.map(|by| by.owner)), [Some("ann".to_owned()), None]);

        let mut findings = [found("GD502", "place one")];
        let idle = baseline.apply(&mut findings, "2027-04-01T00:00:00Z".parse().unwrap());
        assert_eq!(idle.len(), 2);
        assert!(idle[0].contains("until 2027-03-31, which is over") && findings[0].accepted.is_none(), "{idle:?}");
    }

    #[test]
    fn every_mistake_is_told_at_its_place() {
        let text = "schema_version = 2\n[[accept]]\ncode = \"GD999\"\nowner = \" \"\nexpires = \"2027-03-31\"\n";
        let problems = read(text).unwrap_err();
        let told: Vec<String> = problems.problems().iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 4, "{told:?}");
        for part in ["version 2", "GD999", "`owner` is empty", "reason"] {
            assert!(told.iter().any(|problem| problem.contains(part)), "{part}: {told:?}");
        }
        let text =
            "schema_version = 1\n[[accept]]\ncode = \"GD502\"\nowner = \"a\"\nreason = \"b\"\nexpires = \"soon\"\n";
        assert!(read(text).unwrap_err().problems()[0].to_string().contains("is not a day"));
    }
}
