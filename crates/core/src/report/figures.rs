//! The figures of times, propagation, availability and lag as text, the same for every format that people read.

use super::view::NONE;
use super::words::{ms, percent_demanded, percent_down, percent_up, seconds_down, seconds_up, span_s};
use crate::measure::{Availability, ErrorBudget, Interval, LAG_LEVELS_S, Lag, Outcome, Place, Propagation, Took};

pub(super) struct Figures {
    pub durations: Vec<DurationRow>,
    pub propagation: Vec<PropagationRow>,
    /// Names and values; empty where nothing was cut or nobody tried.
    pub availability: Vec<(&'static str, String)>,
    /// What the lag means by its levels, in sentences.
    pub lag: Vec<String>,
}

pub(super) struct DurationRow {
    pub name: &'static str,
    pub from: &'static str,
    pub to: &'static str,
    pub lower: String,
    pub upper: String,
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
    pub fn of(outcome: &Outcome) -> Self {
        Self {
            durations: outcome.durations.iter().map(duration).collect(),
            propagation: outcome.propagation.iter().map(propagation).collect(),
            availability: outcome.availability.as_ref().map(availability).unwrap_or_default(),
            lag: outcome.rpo.and_then(|rpo| rpo.lag).map(|lag| lag_words(&lag)).unwrap_or_default(),
        }
    }
}

fn duration(took: &Took) -> DurationRow {
    DurationRow {
        name: took.name,
        from: took.from.as_str(),
        to: took.to.as_str(),
        lower: took.took.map_or_else(|| NONE.to_owned(), |took| seconds_down(took.lower)),
        upper: took.took.map_or_else(|| NONE.to_owned(), |took| seconds_up(took.upper)),
    }
}

fn propagation(place: &Propagation) -> PropagationRow {
    let text = |at: Option<Interval>, none: &str| at.map_or_else(|| none.to_owned(), span_s);
    PropagationRow {
        kind: match place.place {
            Place::Authoritative => "authoritative server",
            Place::Resolver => "resolver",
            Place::Cohort => "cohort",
        },
        name: place.name.clone(),
        to_replica: text(place.to_replica, "never"),
        after_fault: text(place.after_fault, NONE),
        after_flip: text(place.after_flip, NONE),
        to_primary: text(place.to_primary, NONE),
    }
}

fn availability(availability: &Availability) -> Vec<(&'static str, String)> {
    let minutes = availability.user_minutes;
    let at_most = match minutes.upper {
        Some(upper) => format!("{:.2} min", (upper * 100.0).ceil() / 100.0),
        None => format!("unknown: {} users' cohort and flow never succeeded again", minutes.never_back),
    };
    vec![
        ("Unavailable after the cut, as seconds of full unavailability", span_s(availability.unavailable_s)),
        ("Users who were turned away after the cut", minutes.users.to_string()),
        ("User-minutes lost, at least", format!("{:.2} min", (minutes.lower * 100.0).floor() / 100.0)),
        ("User-minutes lost, at most", at_most),
        (
            if availability.budget.assumed {
                "Error budget (assumed, because the scenario has no [slo])"
            } else {
                "Error budget"
            },
            budget(&availability.budget),
        ),
        ("Share of the error budget that this outage would take", used(&availability.budget)),
    ]
}

fn budget(budget: &ErrorBudget) -> String {
    // A day is 86,400 s; a window is as a rule some of them.
    let availability = percent_demanded(budget.availability);
    format!("{:.0} s: {availability} over {} days", budget.budget_s, budget.window_s / 86_400.0)
}

fn used(budget: &ErrorBudget) -> String {
    format!("{} to {}", percent_down(budget.used.lower), percent_up(budget.used.upper))
}

fn lag_words(lag: &Lag) -> Vec<String> {
    let [(_, slo), (_, alarm), (_, page)] = LAG_LEVELS_S;
    let p99 = ms(lag.p99);
    let judged = if lag.p99 <= slo * 1000.0 { "within" } else { "beyond, or not proved to be within," };
    let mut words = vec![format!(
        "Replication before the fault: 99 % of the canary writes were visible at the replica within {p99}, {judged} the service level \
         objective of {slo} s."
    )];
    let names =
        [format!("the objective of {slo} s"), format!("the alarm at {alarm} s"), format!("the page at {page} s")];
    let beyond = names.iter().zip(lag.beyond).filter(|(_, beyond)| beyond.possibly > 0);
    let told: Vec<String> = beyond
        .map(|(name, beyond)| {
            format!("{} writes certainly and {} possibly lagged beyond {name}", beyond.certainly, beyond.possibly)
        })
        .collect();
    words.push(if told.is_empty() {
        format!("No write lagged beyond the objective (alarm at {alarm} s, page at {page} s).")
    } else {
        format!("{}.", told.join("; "))
    });
    words
}
