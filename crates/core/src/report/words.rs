//! How figures are written: always with their unit, bounds rounded outwards, so that rounding
//! never claims more than was measured.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::measure::{Interval, ObjectiveResult, Outcome, Unit, Verdict};
use crate::model::{Finding, LoginOutcome, RunFailure, Severity};

/// Below a minute a time is written in hundredths of a second, below an hour in tenths, and from there on in whole seconds.
const STEPS: [(f64, f64, usize); 3] = [(60.0, 100.0, 2), (3600.0, 10.0, 1), (f64::INFINITY, 1.0, 0)];
/// Binary fractions are off by less than this part of a step.
const NOISE: f64 = 1e-5;
/// Shares are written in hundredths of a percent: parts of the whole.
const PARTS_OF_THE_WHOLE: f64 = 10_000.0;
/// Binary fractions are off by less than this part of a hundredth of a percent; bounds of shares are measured to ten times that.
const SHARE_NOISE: f64 = 1e-6;
/// Targets of shares have at least this number of decimals.
const DECIMALS: usize = 2;

/// Counts of outcomes by [`LoginOutcome::label`].
pub fn by_label(counts: &BTreeMap<LoginOutcome, u64>) -> BTreeMap<String, u64> {
    let mut labelled = BTreeMap::new();
    for (outcome, count) in counts {
        *labelled.entry(outcome.label()).or_default() += count;
    }
    labelled
}

/// A lower bound in seconds, rounded down: `29.81 s`, `1 min 29.8 s`.
pub fn seconds_down(seconds: f64) -> String {
    written(seconds, true, |steps| (steps + NOISE).floor())
}

/// An upper bound in seconds, rounded up: `31.02 s`, `1 min 31.1 s`.
pub fn seconds_up(seconds: f64) -> String {
    written(seconds, true, |steps| (steps - NOISE).ceil())
}

/// A single figure in seconds, rounded to the nearest: `30.4 s`, `2 min`.
pub fn seconds(seconds: f64) -> String {
    written(seconds, false, f64::round)
}

/// As a person says it: `32.16 s`, `1 min 30 s`, `1 h 2 min 5 s`. What is whole is written without decimals, but for bounds, which are written
/// alike; zero is zero.
fn written(seconds: f64, bound: bool, round: impl Fn(f64) -> f64) -> String {
    let written = STEPS.into_iter().find_map(|(below, steps, decimals)| {
        // Rounding may reach the next minute or hour, which is written as such.
        let rounded = round(seconds * steps) / steps;
        (rounded.abs() < below).then_some((rounded, decimals))
    });
    let (rounded, decimals) = written.unwrap_or((seconds, 0));
    let sign = if rounded < 0.0 { "-" } else { "" };
    let total = rounded.abs();
    let (hours, minutes) = ((total / 3600.0).floor(), (total % 3600.0 / 60.0).floor());
    let rest = total - hours * 3600.0 - minutes * 60.0;
    let whole = (rest - rest.round()).abs() < NOISE;
    let rest = if whole && (!bound || total < NOISE) {
        format!("{:.0} s", rest.round().abs())
    } else {
        format!("{rest:.decimals$} s")
    };
    let larger = [(hours, "h"), (minutes, "min")].into_iter().filter(|(number, _)| *number > 0.0);
    let mut parts: Vec<String> = larger.map(|(number, unit)| format!("{number:.0} {unit}")).collect();
    if parts.is_empty() || rest != "0 s" {
        parts.push(rest);
    }
    format!("{sign}{}", parts.join(" "))
}

/// An interval: `29.81 s to 31.02 s`, or one figure where it is exact.
pub fn span_s(interval: Interval) -> String {
    let (lower, upper) = (seconds_down(interval.lower), seconds_up(interval.upper));
    if interval.width() == 0.0 { seconds(interval.upper) } else { format!("{lower} to {upper}") }
}

/// A window of time from and to, in seconds after fault injection: `30 s to 20 s before`, `1 min 20 s to 1 min 30 s`.
pub(super) fn window(from: f64, to: f64) -> String {
    match (from < 0.0, to <= 0.0) {
        (true, true) => format!("{} to {} before", seconds(-from), seconds(-to)),
        (true, false) => format!("{} before to {} after", seconds(-from), seconds(to)),
        _ => format!("{} to {}", seconds(from), seconds(to)),
    }
}

/// A latency: in milliseconds with a tenth, `312.4 ms`; from a second on as any other time, `2.38 s`.
pub(super) fn ms(ms: f64) -> String {
    if ms < 999.95 { format!("{ms:.1} ms") } else { seconds(ms / 1000.0) }
}

/// Whether a group is large enough for a percentile: at least one of its members lies above it. So p50 needs 2, p90 10 and p99 100.
pub(super) fn carries(percent: u64, members: u64) -> bool {
    members.saturating_mul(100 - percent) >= 100
}

/// A percentile, or that the group is too small for it: `too few (11)`.
pub(super) fn percentile(percent: u64, figure: f64, members: u64) -> String {
    if carries(percent, members) { ms(figure) } else { format!("too few ({members})") }
}

/// Those percentiles that a group is large enough for, and its longest: `p50 1.2 ms, p90 3.4 ms, max 4.5 ms`.
pub(super) fn percentiles([p50, p90, p99, max]: [f64; 4], members: u64) -> String {
    let carried = [(50, p50), (90, p90), (99, p99)].into_iter().filter(|(percent, _)| carries(*percent, members));
    let carried = carried.map(|(percent, figure)| format!("p{percent} {}", ms(figure)));
    carried.chain([format!("max {}", ms(max))]).collect::<Vec<_>>().join(", ")
}

/// What is said where [`percentiles`] left one out.
pub(super) fn too_few(members: u64, what: &str) -> String {
    let missing = [50, 90, 99].into_iter().find(|percent| !carries(*percent, members));
    missing.map_or_else(String::new, |percent| format!("; {} are too few for p{percent}", counted(members, what)))
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

/// A time of day in UTC for people, to the second: `2026-01-02 03:04:05 UTC`.
pub fn clock(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// A time of day in UTC by RFC 3339 with nanoseconds, for programs.
pub fn instant(at: Timestamp) -> String {
    format!("{at:.9}")
}

/// An objective's target: `at most 45 s`, `at least 99.998 %`.
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

/// `all 6 objectives are met`, `the 1 objective is met`.
fn all_of(number: usize, what: &str, one: &str, several: &str) -> String {
    match number {
        1 => format!("the only {what} {one}"),
        _ => format!("all {} {several}", counted(number, what)),
    }
}

/// The verdict on the run, in one sentence; and what others changed during the run.
pub fn headline(outcome: &Outcome) -> String {
    let others: Vec<&str> = outcome.rollback.by_others.iter().map(|other| other.resource.as_str()).collect();
    match others.len() {
        0 => verdict(outcome),
        _ => format!("{} Changed by others during the run, not restored: {}.", verdict(outcome), others.join(", ")),
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
            .not_reverted
            .first()
            .cloned()
            .unwrap_or_else(|| "the network configuration after the run differs from the one before".into()),
    };
    let by_others = outcome.changed_by_others();
    let back = match by_others {
        0 => "everything was restored".to_owned(),
        1 => "everything was restored; WARNING: others changed 1 resource during the run".to_owned(),
        more => format!("everything was restored; WARNING: others changed {more} resources during the run"),
    };
    match outcome.exit_code {
        Some(0) => {
            let met = format!("PASSED: {}", all_of(all, "objective", "is met", "are met"));
            match outcome.limits.len() {
                0 => format!("{met}, and {back}."),
                limits => format!("{met}, {}, and {back}.", all_of(limits, "expected limit", "held", "held")),
            }
        }
        Some(1) => {
            let mut parts = Vec::new();
            for (verdict, word) in [(Verdict::Missed, "missed"), (Verdict::Inconclusive, "inconclusive")] {
                let names = open(verdict);
                if !names.is_empty() {
                    parts.push(format!(
                        "{} of {} {word} ({})",
                        names.len(),
                        counted(all, "objective"),
                        names.join(", ")
                    ));
                }
            }
            parts.extend(open_limits(outcome));
            format!("FAILED: {}; {back}.", parts.join(", "))
        }
        Some(3) => refusal(outcome),
        Some(4) => format!("ABORTED: {}; {back}.", detail()),
        Some(_) => format!("NOT RESTORED: {}. Run `gameday rollback` with the run's folder to try again.", detail()),
        None => {
            "INTERRUPTED: the event log is incomplete; this report covers what was recorded and lists what is missing."
                .to_owned()
        }
    }
}

/// Why no fault was injected: what was found right before it, or a blocker of preflight, with its first evidence.
fn refusal(outcome: &Outcome) -> String {
    if let Some(RunFailure::Refused(why)) = &outcome.failure {
        return format!("REFUSED before fault injection: {why}.");
    }
    let blocks = |finding: &&Finding| finding.severity == Severity::Blocker && !finding.ignored;
    let mut blockers = outcome.findings.iter().filter(blocks);
    match (blockers.next(), blockers.count()) {
        (None, _) => "REFUSED: preflight found a blocker; nothing was changed.".to_owned(),
        (Some(first), more) => {
            let others = if more == 0 { String::new() } else { format!(", and {more} more") };
            format!("REFUSED: {}, {} ({}){others}; nothing was changed.", first.code, first.title, first.evidence)
        }
    }
}

/// The expected limits that did not hold, and those that were not verified.
fn open_limits(outcome: &Outcome) -> Vec<String> {
    let all = outcome.limits.len();
    let of = |held: Option<bool>, words: &str| {
        let names: Vec<&str> = outcome.limits.iter().filter(|l| l.held == held).map(|l| l.action.as_str()).collect();
        let all = counted(all, "expected limit");
        (!names.is_empty()).then(|| format!("{} of {all} {words} ({})", names.len(), names.join(", ")))
    };
    of(Some(false), "did not hold").into_iter().chain(of(None, "could not be verified")).collect()
}

/// What the run says about the hypothesis. A run that was aborted or not restored confirms nothing.
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

/// How the time of a run passed.
pub fn pace(speed: f64, virtual_time: bool) -> String {
    if virtual_time { "virtual time".to_owned() } else { format!("{speed} × real time") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_rounded_outwards() {
        assert_eq!(span_s(Interval::new(29.819, 31.011)), "29.81 s to 31.02 s");
        assert_eq!(span_s(Interval::new(0.3, 0.7)), "0.30 s to 0.70 s");
        assert_eq!(span_s(Interval::new(59.119, 89.711)), "59.11 s to 1 min 29.8 s");
        assert_eq!(span_s(Interval::exact(3.2)), "3.20 s");
    }

    #[test]
    fn a_person_reads_minutes_and_hours() {
        let times = [0.0, 45.0, 59.996, 60.0, 90.0, 89.84, 3599.97, 3725.4, 7200.0, -30.0];
        let written =
            ["0 s", "45 s", "1 min", "1 min", "1 min 30 s", "1 min 29.8 s", "1 h", "1 h 2 min 5 s", "2 h", "-30 s"];
        assert_eq!(times.map(seconds), written);
        assert_eq!((seconds_up(59.999), seconds_down(59.999)), ("1 min 0.0 s".to_owned(), "59.99 s".to_owned()));
        assert_eq!(seconds(-0.001), "0 s");
        assert_eq!([999.9, 999.96, 2375.7].map(ms), ["999.9 ms", "1 s", "2.38 s"]);
    }

    #[test]
    fn a_window_before_injection_has_no_negative_time() {
        assert_eq!(window(-30.0, -20.0), "30 s to 20 s before");
        assert_eq!(window(-5.0, 5.0), "5 s before to 5 s after");
        assert_eq!(window(80.0, 90.0), "1 min 20 s to 1 min 30 s");
    }

    #[test]
    fn a_percentile_needs_a_member_above_it() {
        assert_eq!(
            [1, 2, 10, 11, 100].map(|n| [50, 90, 99].map(|p| carries(p, n))),
            [[false, false, false], [true, false, false], [true, true, false], [true, true, false], [true, true, true],]
        );
        assert_eq!(percentiles([1.0, 2.0, 3.0, 3.0], 11), "p50 1.0 ms, p90 2.0 ms, max 3.0 ms");
        assert_eq!(too_few(11, "login"), "; 11 logins are too few for p99");
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
