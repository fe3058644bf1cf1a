//! The figures of times, propagation, availability and lag as text, the same for every format that people read.

use super::view::NONE;
use super::words::{carries, counted, ms, percent_demanded, percent_down, percent_up, seconds, seconds_up, span_s};
use crate::measure::{Availability, DnsParty, ErrorBudget, Interval, LAG_LEVELS_S, Lag, Link, Outcome, Propagation};
use crate::model::Milestone;

pub(super) struct Figures {
    /// Where the time went: the links of the failover, the way back, and their totals.
    pub times: Vec<TimeRow>,
    pub propagation: Vec<PropagationRow>,
    /// Names and values; empty where no fault was injected or there was no login.
    pub availability: Vec<(&'static str, String)>,
    /// The lag compared with its levels, in sentences.
    pub lag: Vec<String>,
}

pub(super) struct TimeRow {
    pub name: &'static str,
    pub from: &'static str,
    pub to: &'static str,
    pub took: String,
    /// Whether it is the sum of others.
    pub total: bool,
}

pub(super) struct PropagationRow {
    pub kind: &'static str,
    pub name: String,
    pub to_replica: String,
    pub after_fault: String,
    pub after_flip: String,
    pub to_primary: String,
}

impl Figures {
    pub(super) fn of(outcome: &Outcome) -> Self {
        Self {
            times: times(outcome),
            propagation: outcome.propagation.iter().map(propagation).collect(),
            availability: outcome.availability.as_ref().map(availability).unwrap_or_default(),
            lag: outcome.rpo.and_then(|rpo| rpo.lag).map(|lag| lag_words(&lag)).unwrap_or_default(),
        }
    }
}

/// A link of the failover chain, by the milestone where it ends.
pub(crate) fn link_name(to: Milestone) -> &'static str {
    match to {
        Milestone::HealthCheckUnhealthy => "Detection by the health check",
        Milestone::DnsFlipAuthoritative => "DNS change at the authoritative servers",
        Milestone::DnsFlipResolver => "Resolver caching (TTL)",
        Milestone::FirstReplicaLogin => "First login at the replica",
        other => other.as_str(),
    }
}

/// The times that are no link of the failover, by their names in `run.json`.
const OTHER_TIMES: [(&str, &str); 6] = [
    ("rto", "RTO: until the first login at the replica"),
    ("sustained_rto", "Sustained RTO: until every login succeeds"),
    ("fault", "Fault in force"),
    ("failback_detection", "Failback: detection by the health check"),
    ("failback_dns", "Failback: DNS change at the authoritative servers"),
    ("failback", "Failback: until the first login at the primary"),
];

/// How long something took that cannot be negative: where its end was certainly before its beginning, nothing is to be said of it.
pub(super) fn cost(cost: Option<Interval>) -> String {
    match cost {
        None => "not observed".to_owned(),
        Some(cost) if cost.upper < 0.0 => "out of order".to_owned(),
        Some(cost) => span_s(cost.at_least_zero()),
    }
}

fn times(outcome: &Outcome) -> Vec<TimeRow> {
    let duration = |from, to| outcome.durations.iter().find(|took| took.from == from && took.to == to)?.took;
    let link = |link: &Link| TimeRow {
        name: link_name(link.to),
        from: link.from.as_str(),
        to: link.to.as_str(),
        // With what the runner missed, where that is known.
        took: match link.cost {
            Some(out_of_order) if out_of_order.upper < 0.0 => cost(Some(out_of_order)),
            usual => cost(duration(link.from, link.to).or(usual)),
        },
        total: false,
    };
    let other = |(name, shown): (&str, &'static str)| {
        let took = outcome.durations.iter().find(|took| took.name == name)?;
        let at = if name == "sustained_rto" { sustained(outcome, took.took) } else { took.took };
        let total = matches!(name, "rto" | "failback");
        Some(TimeRow { name: shown, from: took.from.as_str(), to: took.to.as_str(), took: cost(at), total })
    };
    outcome.chain.links.iter().map(link).chain(OTHER_TIMES.into_iter().filter_map(other)).collect()
}

/// Logins cannot succeed for good before the first one does: the bounds of the sustained RTO are at least those of the RTO.
pub(super) fn sustained(outcome: &Outcome, at: Option<Interval>) -> Option<Interval> {
    let rto = outcome.durations.iter().find(|took| took.name == "rto").and_then(|took| took.took);
    Some(no_earlier(at?, rto))
}

/// The same interval, but not before another one.
pub(super) fn no_earlier(at: Interval, than: Option<Interval>) -> Interval {
    than.map_or(at, |than| Interval::new(at.lower.max(than.lower), at.upper.max(than.upper)))
}

/// How long after something else, which it may also have come before.
fn later(by: Interval) -> String {
    match by {
        Interval { upper, .. } if upper < 0.0 => "before that".to_owned(),
        Interval { lower, upper } if lower < 0.0 => format!("at most {}", seconds_up(upper)),
        _ => span_s(by),
    }
}

fn propagation(place: &Propagation) -> PropagationRow {
    let text = |at: Option<Interval>, none: &str| at.map_or_else(|| none.to_owned(), span_s);
    PropagationRow {
        kind: match place.place {
            DnsParty::Authoritative => "authoritative server",
            DnsParty::Resolver => "resolver",
            DnsParty::Cohort => "client cohort",
        },
        name: place.name.clone(),
        to_replica: text(place.to_replica, "never"),
        after_fault: place.after_fault.map_or_else(|| NONE.to_owned(), later),
        after_flip: place.after_flip.map_or_else(|| NONE.to_owned(), later),
        to_primary: text(place.to_primary, NONE),
    }
}

fn availability(availability: &Availability) -> Vec<(&'static str, String)> {
    let minutes = availability.user_minutes;
    let at_most = match minutes.upper {
        Some(upper) => format!("{:.1}", (upper * 10.0).ceil() / 10.0),
        None => format!(
            "unknown: for {} logins of their cohort and flow never succeeded again",
            counted(minutes.never_recovered, "user")
        ),
    };
    vec![
        ("Unavailable after fault injection, as time of full unavailability", span_s(availability.unavailable_s)),
        ("Failed logins after fault injection", minutes.users.to_string()),
        ("User-minutes lost, at least", format!("{:.1}", (minutes.lower * 10.0).floor() / 10.0)),
        ("User-minutes lost, at most", at_most),
        (
            if availability.budget.assumed {
                "Error budget (assumed: the scenario has no [slo])"
            } else {
                "Error budget"
            },
            budget(&availability.budget),
        ),
        ("Part of the error budget that this outage would use", used(&availability.budget)),
    ]
}

/// `43 min 12 s: 99.90 % over 30 days`.
pub(super) fn budget(budget: &ErrorBudget) -> String {
    // A day is 86,400 s; a window is usually a number of whole days.
    let days = (budget.window_s / 86_400.0).round();
    let whole = days >= 1.0 && (days * 86_400.0 - budget.window_s).abs() < 0.5;
    let window = if whole { counted(days as u64, "day") } else { seconds(budget.window_s) };
    format!("{}: {} over {window}", seconds(budget.budget_s), percent_demanded(budget.availability))
}

/// The part of an error budget that was used.
pub(super) fn used(budget: &ErrorBudget) -> String {
    format!("{} to {}", percent_down(budget.used.lower), percent_up(budget.used.upper))
}

fn lag_words(lag: &Lag) -> Vec<String> {
    let [(_, slo), (_, alarm), (_, page)] = LAG_LEVELS_S;
    // With fewer the percentile is the maximum.
    let (writes, most) = if carries(99, lag.samples) {
        (format!("99 % of {} canary writes", lag.samples), lag.p99)
    } else {
        (format!("all {} canary writes that were seen there", lag.samples), lag.max)
    };
    let judged = if most <= slo * 1000.0 { "within" } else { "not proved to be within" };
    let mut words = vec![format!(
        "Replication before the fault: {writes} were visible at the replica within {}, {judged} the service level objective of {slo} s.",
        ms(most)
    )];
    let names =
        [format!("the objective of {slo} s"), format!("the alarm at {alarm} s"), format!("the page at {page} s")];
    let beyond = names.iter().zip(lag.beyond).filter(|(_, beyond)| beyond.possibly > 0);
    let beyond: Vec<String> = beyond
        .map(|(name, beyond)| {
            let possibly = counted(beyond.possibly, "write");
            format!("{possibly} possibly lagged beyond {name}, {} of them certainly", beyond.certainly)
        })
        .collect();
    words.push(if beyond.is_empty() {
        format!("No write lagged beyond the objective (alarm at {alarm} s, page at {page} s).")
    } else {
        format!("{}.", beyond.join("; "))
    });
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sustained_rto_is_never_shown_before_the_rto() {
        let rto = Some(Interval::new(89.93, 90.19));
        assert_eq!(no_earlier(Interval::new(89.36, 90.24), rto), Interval::new(89.93, 90.24));
        assert_eq!(no_earlier(Interval::new(95.0, 96.0), rto), Interval::new(95.0, 96.0));
        assert_eq!(no_earlier(Interval::new(1.0, 2.0), None), Interval::new(1.0, 2.0));
    }

    #[test]
    fn what_cannot_be_negative_is_not_shown_as_negative() {
        assert_eq!(cost(Some(Interval::new(-0.83, 0.67))), "0 s to 0.67 s");
        assert_eq!(cost(Some(Interval::new(-3.0, -1.0))), "out of order");
        assert_eq!(cost(None), "not observed");
        let places = [Interval::new(-32.4, 30.47), Interval::new(-3.0, -1.0), Interval::new(1.0, 2.0)];
        assert_eq!(places.map(later), ["at most 30.47 s", "before that", "1.00 s to 2.00 s"]);
    }
}
