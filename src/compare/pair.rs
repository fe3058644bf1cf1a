use std::collections::BTreeMap;

use serde::Serialize;

use super::figure::{Bounds, Change, Figure};
use super::record::{Link, RunRecord};
use super::trend::unequal;

/// Why two runs differ.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pair {
    /// The runs, in the order in which they were given.
    pub runs: [String; 2],
    /// The figures of both.
    pub figures: Vec<Part>,
    /// The links of the failover chain.
    pub links: Vec<Part>,
    /// What else differs, in words.
    pub differences: Vec<String>,
    /// The difference of the RTO in words, link by link.
    pub explanation: String,
    /// Objectives whose verdict changed: name, then, now.
    pub verdicts: Vec<(String, String, String)>,
    /// Findings of the second run alone: code and title.
    pub new_findings: Vec<(String, String)>,
    /// Findings of the first run alone.
    pub closed_findings: Vec<(String, String)>,
}

/// Something that both runs took time for.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Part {
    /// For people.
    pub name: String,
    /// In the first run.
    pub before: Option<Bounds>,
    /// In the second one.
    pub after: Option<Bounds>,
    /// How much longer it took, at least and at most, in seconds.
    pub difference_s: Option<(f64, Option<f64>)>,
    /// Whether that is beyond uncertainty.
    pub change: Change,
}

impl Part {
    fn new(name: String, before: Option<Bounds>, after: Option<Bounds>) -> Self {
        let (change, difference_s) = match (before, after) {
            (Some(before), Some(after)) => (after.change(before), Some(after.since(before))),
            (Some(_), None) => (Change::Regression, None),
            (None, Some(_)) => (Change::Improvement, None),
            (None, None) => (Change::First, None),
        };
        Self { name, before, after, difference_s, change }
    }

    /// The middles' difference.
    fn shift(&self) -> Option<f64> {
        Some(self.after?.middle() - self.before?.middle())
    }
}

/// Sets the second run beside the first.
pub fn pair(first: &RunRecord, second: &RunRecord) -> Pair {
    let figure = |figure: Figure| Part::new(figure.name().to_owned(), figure.of(first), figure.of(second));
    let cost = |links: &[Link], name: &str| {
        let link = links.iter().find(|link| link.name == name)?;
        Some(Bounds { lower_s: link.lower_s?, upper_s: Some(link.upper_s?) })
    };
    let link =
        |of: &Link| Part::new(of.name.clone(), cost(&first.chain.links, &of.name), cost(&second.chain.links, &of.name));
    let figures: Vec<Part> = Figure::ALL.into_iter().map(figure).collect();
    let links: Vec<Part> = first.chain.links.iter().map(link).collect();
    let verdict = |run: &RunRecord| -> BTreeMap<String, String> {
        run.objectives.iter().map(|objective| (objective.name.clone(), objective.verdict.clone())).collect()
    };
    let (then, now) = (verdict(first), verdict(second));
    let changed = |(name, then): (&String, &String)| {
        let now = now.get(name).map_or("no objective", String::as_str);
        (then != now).then(|| (name.clone(), then.clone(), now.to_owned()))
    };
    Pair {
        runs: [first.run_id.clone(), second.run_id.clone()],
        explanation: explanation(&figures, &links),
        figures,
        links,
        differences: unequal(first, second),
        verdicts: then.iter().filter_map(changed).collect(),
        new_findings: alone(second, first),
        closed_findings: alone(first, second),
    }
}

fn alone(one: &RunRecord, other: &RunRecord) -> Vec<(String, String)> {
    let known = other.by_code();
    let own = one.by_code().into_iter().filter(|(code, _)| !known.contains_key(code));
    own.map(|(code, finding)| (code.to_owned(), finding.title.clone())).collect()
}

/// Where the difference of the RTO comes from: the middles of the links add up to the middle of the whole.
fn explanation(figures: &[Part], links: &[Part]) -> String {
    let Some(rto) = figures.iter().find(|part| part.name == Figure::Rto.name()) else { return String::new() };
    let Some(total) = rto.shift() else {
        return match (rto.before, rto.after) {
            (Some(_), None) => "The second run had no login at the replica.".to_owned(),
            (None, Some(_)) => "The first run had no login at the replica.".to_owned(),
            _ => "Neither run had a login at the replica.".to_owned(),
        };
    };
    let verdict = match rto.change {
        Change::WithinBounds => "a difference that lies within the bounds, so none was measured",
        _ => "a difference beyond the bounds",
    };
    let mut parts: Vec<(&str, f64)> =
        links.iter().filter_map(|link| Some((link.name.as_str(), link.shift()?))).collect();
    parts.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    let words: Vec<String> = parts.iter().map(|(name, shift)| format!("{name} {shift:+.2} s")).collect();
    format!("By the middles of the intervals, the RTO changed by {total:+.2} s ({verdict}): {}.", words.join(", "))
}
