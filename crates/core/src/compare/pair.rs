use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::chance::{Room, link_chance};
use super::figure::{Beside, Change, Figure, FigureBounds};
use super::record::{RecordedLink, RunRecord};
use super::trend::unequal;
use crate::model::Milestone;
use crate::report::link_name;

/// Why two runs differ.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pair {
    /// The runs, in the order in which they were given.
    pub runs: [String; 2],
    /// The figures of both.
    pub figures: Vec<PairPart>,
    /// The links of the failover chain.
    pub links: Vec<PairPart>,
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

/// Something that took time in both runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PairPart {
    /// For people.
    pub name: String,
    /// In the first run.
    pub before: Option<FigureBounds>,
    /// In the second one.
    pub after: Option<FigureBounds>,
    /// For a table, where a run has none.
    #[serde(skip)]
    pub absent: &'static str,
    /// How much longer it took, at least and at most, in seconds; nothing where there is nothing to compare with.
    pub difference_s: Option<(f64, Option<f64>)>,
    /// Whether that is beyond what bounds and chance explain.
    pub change: Change,
    /// How much shorter and longer chance alone may make it; nothing where the runs do not tell.
    pub chance: Option<Room>,
}

impl PairPart {
    fn new(name: &str, absent: &'static str, [before, after]: [Option<FigureBounds>; 2], beside: Beside) -> Self {
        let Beside { change, chance } = beside;
        let difference_s = match change {
            Change::First => None,
            _ => before.zip(after).map(|(before, after)| after.since(before)),
        };
        Self { name: name.to_owned(), before, after, absent, difference_s, change, chance }
    }

    /// The middles' difference.
    fn shift(&self) -> Option<f64> {
        Some(self.after?.middle() - self.before?.middle())
    }
}

/// Compares the second run with the first.
pub fn pair(first: &RunRecord, second: &RunRecord) -> Pair {
    let which = [("first", first), ("second", second)];
    let without_figures: Vec<String> = which
        .iter()
        .filter(|(_, run)| !run.counts())
        .map(|(which, run)| format!("the {which} run was {}: its figures say nothing about a failover", run.ending()))
        .collect();
    let counted = |beside: Beside| if without_figures.is_empty() { beside } else { Beside::NOTHING };
    let figure = |figure: Figure| {
        let (before, after) = (figure.of(first), figure.of(second));
        PairPart::new(figure.name(), figure.absent(), [before, after], counted(figure.beside(first, second)))
    };
    // By its milestones: versions may name a link differently.
    let cost = |links: &[RecordedLink], of: &RecordedLink| {
        let link = links.iter().find(|link| (&link.from, &link.to) == (&of.from, &of.to))?;
        Some(FigureBounds { lower_s: link.lower_s?, upper_s: Some(link.upper_s?) })
    };
    let link = |of: &RecordedLink| {
        let (before, after) = (cost(&first.chain.links, of), cost(&second.chain.links, of));
        // A link that was not observed took its time all the same: it is in the one after it.
        let beside = before.zip(after).map_or(Beside::NOTHING, |(before, after)| {
            let chance = link_chance(first, second, of);
            Beside { change: after.change(before, chance), chance }
        });
        PairPart::new(&shown(of), "not observed", [before, after], counted(beside))
    };
    let figures: Vec<PairPart> = Figure::ALL.into_iter().map(figure).collect();
    let links: Vec<PairPart> = first.chain.links.iter().map(link).collect();
    let verdict = |run: &RunRecord| -> BTreeMap<String, String> {
        run.objectives.iter().map(|objective| (objective.name.clone(), objective.verdict.clone())).collect()
    };
    let (then, now) = (verdict(first), verdict(second));
    let of = |verdicts: &BTreeMap<String, String>, name: &String| {
        verdicts.get(name).map_or("no objective", String::as_str).to_owned()
    };
    let objectives: BTreeSet<&String> = then.keys().chain(now.keys()).collect();
    let verdicts = objectives.into_iter().map(|name| (name.clone(), of(&then, name), of(&now, name)));
    Pair {
        runs: [first.run_id.clone(), second.run_id.clone()],
        explanation: if without_figures.is_empty() {
            explanation(&figures, &links)
        } else {
            "The figures are not compared.".to_owned()
        },
        figures,
        links,
        verdicts: verdicts.filter(|(_, then, now)| then != now).collect(),
        differences: without_figures.into_iter().chain(unequal(first, second)).collect(),
        new_findings: alone(second, first),
        closed_findings: alone(first, second),
    }
}

/// The name of a link for people.
fn shown(link: &RecordedLink) -> String {
    let to = Milestone::ALL.into_iter().find(|milestone| milestone.as_str() == link.to);
    to.map_or_else(|| link.name.clone(), |to| link_name(to).to_owned())
}

fn alone(one: &RunRecord, other: &RunRecord) -> Vec<(String, String)> {
    let known = other.by_code();
    let own = one.by_code().into_iter().filter(|(code, _)| !known.contains_key(code));
    own.map(|(code, finding)| (code.to_owned(), finding.title.clone())).collect()
}

/// Where the difference of the RTO comes from: the middles of the links, with those that were not observed, add up to the middle of the whole.
fn explanation(figures: &[PairPart], links: &[PairPart]) -> String {
    let Some(rto) = figures.iter().find(|part| part.name == Figure::Rto.name()) else { return String::new() };
    let Some(total) = rto.shift() else {
        return match (rto.before, rto.after) {
            (Some(_), None) => "The second run had no login at the replica.".to_owned(),
            (None, Some(_)) => "The first run had no login at the replica.".to_owned(),
            _ => "Neither run had a login at the replica.".to_owned(),
        };
    };
    let verdict = match rto.change {
        Change::WithinBounds => "the intervals overlap, so no difference was measured",
        Change::WithinChance => "a difference that chance alone can explain",
        Change::CannotTell => "the intervals do not overlap; these runs do not record how much chance explains",
        _ => "a difference larger than bounds and chance explain",
    };
    let mut parts: Vec<(&str, f64)> =
        links.iter().filter_map(|link| Some((link.name.as_str(), link.shift()?))).collect();
    parts.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    let mut words: Vec<String> = parts.iter().map(|(name, shift)| format!("{name} {shift:+.2} s")).collect();
    if parts.len() < links.len() {
        let rest = total - parts.iter().map(|(_, shift)| shift).sum::<f64>();
        words.push(format!("{rest:+.2} s in parts that one run did not observe"));
    }
    format!("By the middles of the intervals, the RTO changed by {total:+.2} s ({verdict}): {}.", words.join(", "))
}
