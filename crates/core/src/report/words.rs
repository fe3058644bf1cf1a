//! How figures are written: always with their unit, bounds rounded outwards, so that rounding
//! never claims more than was measured.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::measure::{Interval, ObjectiveResult, Outcome, Unit, Verdict};
use crate::model::{Finding, LoginOutcome, RunFailure, Severity};

/// Times are written with so many parts of a second.
const PARTS_OF_A_SECOND: f64 = 100.0;
/// Binary fractions are off by less than this part of a hundredth of a second.
const NOISE: f64 = 1e-5;
/// Shares are written in hundredths of a percent: so many parts of the whole.
const PARTS_OF_THE_WHOLE: f64 = 10_000.0;
/// Binary fractions are off by less than this part of a hundredth of a percent; bounds of shares are measured to ten times that.
const SHARE_NOISE: f64 = 1e-6;
/// Targets of shares have at least so many decimals.
const DECIMALS: usize = 2;

/// Counts of outcomes by [`LoginOutcome::label`].
pub fn by_label(counts: &BTreeMap<LoginOutcome, u64>) -> BTreeMap<String, u64> {
    let mut labelled = BTreeMap::new();
    for (outcome, count) in counts {
        *labelled.entry(outcome.label()).or_default() += count;
    }
    labelled
}

/// A lower bound in seconds, rounded down: `29.81 s`.
pub fn seconds_down(seconds: f64) -> String {
    hundredths((seconds * PARTS_OF_A_SECOND + NOISE).floor())
}

/// An upper bound in seconds, rounded up: `31.02 s`.
pub fn seconds_up(seconds: f64) -> String {
    hundredths((seconds * PARTS_OF_A_SECOND - NOISE).ceil())
}

/// A single figure in seconds, rounded to the nearest: `30.40 s`.
pub fn seconds(seconds: f64) -> String {
    hundredths((seconds * PARTS_OF_A_SECOND).round())
}

fn hundredths(hundredths: f64) -> String {
    // Adding zero turns -0.0 into 0.0.
    format!("{:.2} s", hundredths / PARTS_OF_A_SECOND + 0.0)
}

/// An interval: `29.81 s to 31.02 s`, or one figure where it is exact.
pub fn span_s(interval: Interval) -> String {
    let (lower, upper) = (seconds_down(interval.lower), seconds_up(interval.upper));
    if interval.width() == 0.0 { seconds(interval.upper) } else { format!("{lower} to {upper}") }
}

/// The width of an interval as its bounds are written, so that a reader's subtraction agrees.
pub(super) fn width(interval: Interval) -> String {
    if interval.width() == 0.0 {
        return seconds(0.0);
    }
    let upper = (interval.upper * PARTS_OF_A_SECOND - NOISE).ceil();
    hundredths(upper - (interval.lower * PARTS_OF_A_SECOND + NOISE).floor())
}

/// Milliseconds of a latency, with a tenth: `312.4 ms`.
pub(super) fn ms(ms: f64) -> String {
    format!("{ms:.1} ms")
}

/// A share from 0 to 1 as observed, rounded to the nearest: `99.25 %`. Only what is nothing, or the whole, is written as that.
pub(super) fn percent(share: f64) -> String {
    let nearest = (share * PARTS_OF_THE_WHOLE).round();
    let inside = share > 0.0 && share < 1.0;
    percent_of(if inside { nearest.clamp(1.0, PARTS_OF_THE_WHOLE - 1.0) } else { nearest })
}

/// A lower bound of a share, rounded down.
pub(super) fn percent_down(share: f64) -> String {
    percent_of((share * PARTS_OF_THE_WHOLE + SHARE_NOISE).floor())
}

/// An upper bound of a share, rounded up.
pub(super) fn percent_up(share: f64) -> String {
    percent_of((share * PARTS_OF_THE_WHOLE - SHARE_NOISE).ceil())
}

fn percent_of(hundredths: f64) -> String {
    // Adding zero turns -0.0 into 0.0.
    format!("{:.2} %", hundredths / 100.0 + 0.0)
}

/// A share that was demanded, with as many decimals as it has: `99.00 %`, `99.998 %`.
pub(super) fn percent_demanded(share: f64) -> String {
    // As exact as `Percent` writes it.
    let percent = (share * 1e8).round() / 1e6;
    let decimals = percent.to_string().split_once('.').map_or(0, |(_, decimals)| decimals.len()).max(DECIMALS);
    format!("{percent:.decimals$} %")
}

/// A time of day in UTC by RFC 3339, with nanoseconds.
pub fn instant(at: Timestamp) -> String {
    format!("{at:.9}")
}

/// An objective's target: `at most 45.00 s`, `at least 99.998 %`.
pub fn target(objective: &ObjectiveResult) -> String {
    match objective.unit {
        Unit::Seconds => format!("at most {}", seconds(objective.target)),
        Unit::Share => format!("at least {}", percent_demanded(objective.target)),
        Unit::CappedShare => format!("at most {}", percent_demanded(objective.target)),
    }
}

/// What was measured for an objective, with its bounds.
pub fn measured(objective: &ObjectiveResult) -> String {
    match (objective.unit, objective.lower, objective.upper) {
        (Unit::Seconds, Some(lower), Some(upper)) => span_s(Interval::new(lower, upper)),
        (Unit::Seconds, Some(lower), None) => format!("more than {}", seconds_down(lower)),
        (Unit::Share | Unit::CappedShare, Some(lower), Some(upper)) => {
            let bounds = format!("{} to {} at 95 % confidence", percent_down(lower), percent_up(upper));
            objective.observed.map_or(bounds.clone(), |share| format!("{} ({bounds})", percent(share)))
        }
        _ => "not measured".to_owned(),
    }
}

/// A number of things: `1 target`, `2 targets`.
pub fn counted(number: impl TryInto<u64>, one: &str) -> String {
    // What is no u64 is more than one.
    let number = number.try_into().unwrap_or(u64::MAX);
    format!("{number} {one}{}", if number == 1 { "" } else { "s" })
}

/// The verdict on the run, in one sentence; and, where there is something, what others changed meanwhile.
pub fn headline(outcome: &Outcome) -> String {
    let others: Vec<&str> = outcome.rollback.by_others.iter().map(|other| other.resource.as_str()).collect();
    match others.len() {
        0 => verdict(outcome),
        _ => format!("{} Left alone, since others changed it meanwhile: {}.", verdict(outcome), others.join(", ")),
    }
}

fn verdict(outcome: &Outcome) -> String {
    let all = outcome.objectives.len();
    let open = |verdict| -> Vec<&str> {
        outcome.objectives.iter().filter(|o| o.verdict == verdict).map(|o| o.name.as_str()).collect()
    };
    let detail = || match &outcome.failure {
        Some(RunFailure::Aborted(why) | RunFailure::NotRestored(why)) => why.clone(),
        _ => outcome
            .rollback
            .left
            .first()
            .cloned()
            .unwrap_or_else(|| "the state after differs from the state before".into()),
    };
    let by_others = outcome.changed_by_others();
    let back = match by_others {
        0 => "everything was put back".to_owned(),
        1 => "everything was put back; WARNING: others changed something meanwhile".to_owned(),
        more => format!("everything was put back; WARNING: others changed {more} things meanwhile"),
    };
    match outcome.exit_code {
        Some(0) => match outcome.limits.len() {
            0 => format!("PASSED: all {all} objectives are met, and {back}."),
            limits => format!("PASSED: all {all} objectives are met, all {limits} expected limits held, and {back}."),
        },
        Some(1) => {
            let mut parts = Vec::new();
            for (verdict, word) in [(Verdict::Missed, "missed"), (Verdict::Inconclusive, "inconclusive")] {
                let names = open(verdict);
                if !names.is_empty() {
                    parts.push(format!("{} of {all} objectives {word} ({})", names.len(), names.join(", ")));
                }
            }
            parts.extend(open_limits(outcome));
            format!("FAILED: {}; {back}.", parts.join(", "))
        }
        Some(3) => refusal(outcome),
        Some(4) => format!("ABORTED: {}; {back}.", detail()),
        Some(_) => format!("NOT RESTORED: {}. `gameday rollback` with the run's folder tries again.", detail()),
        None => {
            "INTERRUPTED: the event log breaks off; what it holds is below, and what is missing is listed.".to_owned()
        }
    }
}

/// Why nothing was cut: what was found right before it, or what preflight found that no run gets past, with its first evidence.
fn refusal(outcome: &Outcome) -> String {
    if let Some(RunFailure::Refused(why)) = &outcome.failure {
        return format!("REFUSED before anything was cut: {why}.");
    }
    let blocks = |finding: &&Finding| finding.severity == Severity::Blocker && !finding.ignored;
    let mut blockers = outcome.findings.iter().filter(blocks);
    match (blockers.next(), blockers.count()) {
        (None, _) => "REFUSED: preflight found a blocker; nothing was touched.".to_owned(),
        (Some(first), more) => {
            let others = if more == 0 { String::new() } else { format!(", and {more} more") };
            format!("REFUSED: {}, {} ({}){others}; nothing was touched.", first.code, first.title, first.evidence)
        }
    }
}

/// The expected limits that did not hold, and those that could not be told.
fn open_limits(outcome: &Outcome) -> Vec<String> {
    let all = outcome.limits.len();
    let of = |held: Option<bool>, words: &str| {
        let names: Vec<&str> = outcome.limits.iter().filter(|l| l.held == held).map(|l| l.action.as_str()).collect();
        (!names.is_empty()).then(|| format!("{} of {all} expected limits {words} ({})", names.len(), names.join(", ")))
    };
    of(Some(false), "did not hold").into_iter().chain(of(None, "could not be told")).collect()
}

/// What the run says about the hypothesis. One that was aborted, or not put back, confirms nothing.
pub fn hypothesis_verdict(outcome: &Outcome) -> &'static str {
    let any = |verdict| outcome.objectives.iter().any(|objective| objective.verdict == verdict);
    let limit = |held| outcome.limits.iter().any(|limit| limit.held == held);
    if any(Verdict::Missed) || limit(Some(false)) {
        "refuted"
    } else if any(Verdict::Inconclusive) || limit(None) || !matches!(outcome.exit_code, Some(0 | 1)) {
        "neither confirmed nor refuted"
    } else {
        "confirmed"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_rounded_outwards() {
        assert_eq!(span_s(Interval::new(29.819, 31.011)), "29.81 s to 31.02 s");
        assert_eq!(span_s(Interval::new(0.3, 0.7)), "0.30 s to 0.70 s");
        assert_eq!(span_s(Interval::new(-0.001, 0.0)), "-0.01 s to 0.00 s");
        assert_eq!(span_s(Interval::exact(3.2)), "3.20 s");
    }

    #[test]
    fn bounds_of_shares_are_rounded_outwards() {
        assert_eq!([0.999_97, 0.988_1, 1.0, 0.57].map(percent_down), ["99.99 %", "98.81 %", "100.00 %", "57.00 %"]);
        assert_eq!([0.000_03, 0.022_5, 0.0, 0.57].map(percent_up), ["0.01 %", "2.25 %", "0.00 %", "57.00 %"]);
        // The most and the least that a bound can be measured to be beside the whole and nothing.
        assert_eq!((percent_down(0.999_999_999), percent_up(1e-9)), ("99.99 %".to_owned(), "0.01 %".to_owned()));
    }

    #[test]
    fn a_share_is_written_as_the_whole_or_nothing_only_where_it_is() {
        assert_eq!(percent(999_970.0 / 1_000_000.0), "99.99 %");
        assert_eq!(
            [1.0, 0.0, 1e-6, 0.787_48, 0.999_949].map(percent),
            ["100.00 %", "0.00 %", "0.01 %", "78.75 %", "99.99 %"]
        );
    }

    #[test]
    fn a_demanded_share_keeps_its_decimals() {
        let demanded = ["99%", "99.998%", "99.9%", "100%", "0.1%", "99.99999%"];
        let written = demanded.map(|text| percent_demanded(crate::model::Percent::parse(text).unwrap().0));
        assert_eq!(written, ["99.00 %", "99.998 %", "99.90 %", "100.00 %", "0.10 %", "99.99999 %"]);
    }
}
