//! The tables of logins, as text: by phase and Region, and folded by everything else.

use super::view::{NONE, region_name};
use super::words::{counted, ms, percent, percent_down, percent_up, percentile};
use crate::measure::{Group, Latency, Outcome};

pub(super) struct LoginTables {
    /// How many logins there were, and what counts as a success.
    pub sentence: String,
    /// The one table that every reader sees: by phase and Region.
    pub by_phase: Vec<GroupRow>,
    /// The others, by what they group.
    pub groups: Vec<(&'static str, Vec<GroupRow>)>,
    pub steps: Vec<GroupRow>,
}

pub(super) struct GroupRow {
    /// The first columns.
    pub name: String,
    pub detail: String,
    pub attempted: u64,
    pub succeeded: u64,
    pub share: String,
    /// Of the share, at 95 % confidence.
    pub bounds: String,
    pub p50: String,
    pub p90: String,
    pub p99: String,
    pub max: String,
}

impl LoginTables {
    pub(super) fn of(outcome: &Outcome) -> Self {
        Self {
            sentence: login_sentence(outcome),
            by_phase: by_phase(outcome),
            groups: groups(outcome),
            steps: steps(outcome),
        }
    }
}

fn login_sentence(outcome: &Outcome) -> String {
    let all = &outcome.logins.all;
    let share = all.success_share().map(|share| format!(" ({})", percent(share))).unwrap_or_default();
    let cancelled = match outcome.logins.cancelled {
        0 => String::new(),
        count => format!(" Not counted: {} cancelled at the end of the run.", counted(count, "login")),
    };
    let own = match all.harness_failed {
        0 => String::new(),
        count => format!(" Not counted: {} that failed in the runner itself.", counted(count, "login")),
    };
    let expected = match all.expected_refusals {
        0 => String::new(),
        count => format!(" Not counted: {} that the replica refused as expected.", counted(count, "login")),
    };
    format!(
        "{} of {} succeeded{share}. A login succeeds if it gets a valid token with every required claim and the protected API \
         accepts the token. Latencies are those of successful logins, measured from the scheduled start, in scenario time.{expected}{own}{cancelled}",
        all.succeeded,
        counted(all.attempted, "login")
    )
}

fn group_row(name: String, detail: String, group: &Group) -> GroupRow {
    let row = latency_row(name, detail, (group.attempted, group.succeeded), group.success_share(), group.latency);
    let bounds =
        group.success_bounds().map(|(lower, upper)| format!("{} to {}", percent_down(lower), percent_up(upper)));
    GroupRow { bounds: bounds.unwrap_or(row.bounds), ..row }
}

fn latency_row(
    name: String,
    detail: String,
    (attempted, succeeded): (u64, u64),
    share: Option<f64>,
    latency: Option<Latency>,
) -> GroupRow {
    let shown = |part: Option<String>| part.unwrap_or_else(|| NONE.to_owned());
    let of = |percent, part: fn(Latency) -> f64| shown(latency.map(|it| percentile(percent, part(it), succeeded)));
    GroupRow {
        name,
        detail,
        attempted,
        succeeded,
        share: share.map_or_else(|| NONE.to_owned(), percent),
        bounds: NONE.to_owned(),
        p50: of(50, |l| l.p50),
        p90: of(90, |l| l.p90),
        p99: of(99, |l| l.p99),
        max: shown(latency.map(|latency| ms(latency.max))),
    }
}

fn by_phase(outcome: &Outcome) -> Vec<GroupRow> {
    let groups = outcome.logins.by_phase_and_region.iter();
    groups
        .map(|((phase, region), group)| group_row(phase.as_str().to_owned(), region_name(region.as_ref()), group))
        .collect()
}

fn groups(outcome: &Outcome) -> Vec<(&'static str, Vec<GroupRow>)> {
    let logins = &outcome.logins;
    let row = |name: String, group| group_row(name, String::new(), group);
    vec![
        ("Region", logins.by_region.iter().map(|(r, group)| row(region_name(r.as_ref()), group)).collect()),
        ("Phase", logins.by_phase.iter().map(|(p, group)| row(p.as_str().to_owned(), group)).collect()),
        ("Flow", logins.by_flow.iter().map(|(f, group)| row(f.clone(), group)).collect()),
        ("Cohort", logins.by_cohort.iter().map(|(c, group)| row(c.clone(), group)).collect()),
    ]
}

fn steps(outcome: &Outcome) -> Vec<GroupRow> {
    let row = |name: &str, detail: &str, taken: crate::measure::Taken| {
        let row = || latency_row(name.to_owned(), detail.to_owned(), (taken.count, taken.count), None, taken.latency);
        (taken.count > 0).then(row)
    };
    let rows = |step: &crate::measure::StepLatency| {
        let name = step.step.as_str();
        row(name, "completed", step.ended).into_iter().chain(row(name, "failed", step.unfinished))
    };
    outcome.logins.steps.iter().flat_map(rows).collect()
}
