//! The tables of a report as text, the same for every format that people read. The text is not escaped
//! yet: each template does that in its own way.

use super::figures::Figures;
use super::users::Users;
use super::words::{
    headline, hypothesis_verdict, instant, measured, ms, percent, percent_down, percent_up, seconds, seconds_down,
    seconds_up, span_s, target, width,
};
use crate::measure::{Became, Failure, Foretold, Group, Interval, Latency, Outcome, Rpo, Verdict};
use crate::model::{ClockSync, Finding, LoginOutcome, Milestone, Region, Severity, SteadyPart, SteadyState};

pub(super) struct View {
    pub title: String,
    pub hypothesis: String,
    pub hypothesis_verdict: &'static str,
    pub headline: String,
    /// `good`, `bad` or `unsure`, for colour.
    pub tone: &'static str,
    pub missing: Vec<String>,
    pub claims: Vec<String>,
    pub objectives: Vec<ObjectiveRow>,
    pub anomalies: Vec<String>,
    pub steady: Vec<SteadyRow>,
    pub zero_at: Option<String>,
    pub milestones: Vec<MilestoneRow>,
    pub chain: Vec<ChainRow>,
    pub chain_notes: Vec<String>,
    pub login_sentence: String,
    pub by_phase: Vec<GroupRow>,
    pub groups: Vec<(&'static str, Vec<GroupRow>)>,
    pub steps: Vec<GroupRow>,
    pub users: Users,
    pub figures: Figures,
    pub rpo: Vec<(&'static str, String)>,
    pub restore: Vec<(&'static str, String)>,
    pub restore_problems: Vec<String>,
    /// What others changed meanwhile, and was left so.
    pub by_others: Vec<String>,
    pub faults: Vec<FaultRow>,
    pub findings: Vec<FindingRow>,
    /// Of the run itself, not of preflight.
    pub surprises: Vec<FindingRow>,
    pub not_checked: Vec<String>,
    pub facts: Vec<(&'static str, String)>,
    pub phases: Vec<PhaseRow>,
}

pub(super) struct ObjectiveRow {
    pub name: String,
    pub demand: String,
    pub target: String,
    pub measured: String,
    pub verdict: &'static str,
    pub reason: String,
}

/// A part of steady state.
pub(super) struct SteadyRow {
    pub asked: &'static str,
    pub part: &'static str,
    pub found: String,
    pub verdict: &'static str,
}

pub(super) struct MilestoneRow {
    pub name: &'static str,
    pub meaning: &'static str,
    pub lower: String,
    pub upper: String,
    pub width: String,
    pub at: Option<Interval>,
}

pub(super) struct ChainRow {
    pub name: &'static str,
    pub from: &'static str,
    pub to: &'static str,
    pub lower: String,
    pub upper: String,
    pub middle: String,
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

pub(super) struct FaultRow {
    pub fault: String,
    pub region: String,
    pub targets: Vec<String>,
}

pub(super) struct FindingRow {
    pub code: String,
    pub severity: &'static str,
    pub title: String,
    pub evidence: String,
    pub remedy: String,
    /// What became of it, in words; empty where it is no prediction.
    pub became: String,
    pub ignored: bool,
}

pub(super) struct PhaseRow {
    pub name: &'static str,
    pub started: String,
    pub lasted: String,
    /// Seconds after the cut, for the diagrams; nothing where nothing was cut.
    pub at: Option<(f64, f64)>,
}

/// Stands where there is no figure.
pub(super) const NONE: &str = "–";

impl View {
    pub fn of(outcome: &Outcome) -> Self {
        Self {
            title: outcome.scenario.title.clone(),
            hypothesis: outcome.scenario.hypothesis.clone(),
            hypothesis_verdict: hypothesis_verdict(outcome),
            headline: headline(outcome),
            tone: tone(outcome),
            missing: outcome.missing.clone(),
            claims: claims(outcome),
            objectives: objectives(outcome),
            anomalies: anomalies(outcome, false),
            steady: outcome.steady.iter().flat_map(steady).collect(),
            zero_at: outcome.zero_at.map(instant),
            milestones: milestones(outcome),
            chain: chain(outcome),
            chain_notes: chain_notes(outcome),
            login_sentence: login_sentence(outcome),
            by_phase: by_phase(outcome),
            groups: groups(outcome),
            steps: steps(outcome),
            users: Users::of(outcome),
            figures: Figures::of(outcome),
            rpo: outcome.rpo.as_ref().map(rpo).unwrap_or_default(),
            restore: restore(outcome),
            restore_problems: outcome.rollback.left.iter().chain(&outcome.rollback.differences).cloned().collect(),
            by_others: by_others(outcome),
            faults: faults(outcome),
            findings: outcome.foretold.iter().map(foretold).collect(),
            surprises: outcome.findings.iter().skip(outcome.foretold.len()).map(finding).collect(),
            not_checked: outcome.not_checked.clone(),
            facts: facts(outcome),
            phases: phases(outcome),
        }
    }
}

fn steady(state: &SteadyState) -> Vec<SteadyRow> {
    let verdict = |part: &SteadyPart| match (part.steady, state.ignored) {
        (true, _) => "steady",
        (false, false) => "not steady",
        (false, true) => "not steady, ignored",
    };
    let row = |part: &SteadyPart| SteadyRow {
        asked: state.asked.words(),
        part: part.figures.name(),
        found: part.figures.to_string(),
        verdict: verdict(part),
    };
    state.parts.iter().map(row).collect()
}

fn tone(outcome: &Outcome) -> &'static str {
    match outcome.exit_code {
        Some(0) => "good",
        Some(1)
            if outcome.objectives.iter().all(|objective| objective.verdict != Verdict::Missed)
                && outcome.limits.iter().all(|limit| limit.held != Some(false)) =>
        {
            "unsure"
        }
        Some(3 | 4) | None => "unsure",
        Some(_) => "bad",
    }
}

pub(super) fn region_name(region: Option<&Region>) -> String {
    region.map_or_else(|| "no Region reached".to_owned(), ToString::to_string)
}

fn claims(outcome: &Outcome) -> Vec<String> {
    let sentence = |missing: &crate::measure::MissingClaim| {
        let lacking = LoginOutcome::ClaimMissing { claim: missing.claim.clone() };
        let same = |failure: &&Failure| failure.outcome == lacking && failure.region == missing.region;
        let failure = outcome.failures.iter().find(same);
        let codes = failure.map(|failure| foretellers(outcome, failure)).unwrap_or_default();
        let place = missing.region.as_ref().map(|region| format!(" issued in {region}")).unwrap_or_default();
        format!(
            "{} tokens{place} lacked the required claim {}: such logins look successful and are not.{}",
            missing.count,
            missing.claim,
            predicted(&codes)
        )
    };
    outcome.logins.missing_claims.iter().map(sentence).chain(anomalies(outcome, true)).collect()
}

fn anomalies(outcome: &Outcome, grave: bool) -> Vec<String> {
    outcome.anomalies.iter().filter(|anomaly| anomaly.grave == grave).map(|anomaly| anomaly.text.clone()).collect()
}

fn objectives(outcome: &Outcome) -> Vec<ObjectiveRow> {
    let row = |objective: &crate::measure::ObjectiveResult| ObjectiveRow {
        name: objective.name.clone(),
        demand: objective.demand.clone(),
        target: target(objective),
        measured: measured(objective),
        verdict: objective.verdict.as_str(),
        reason: objective.reason.clone().unwrap_or_default(),
    };
    outcome.objectives.iter().map(row).collect()
}

fn meaning(milestone: Milestone) -> &'static str {
    match milestone {
        Milestone::FaultEffective => "packets vanish at every front door that the fault covers",
        Milestone::FirstFailedLogin => "the first login gave up",
        Milestone::HealthCheckUnhealthy => "the health check says unhealthy",
        Milestone::DnsFlipAuthoritative => "every authoritative server gives the replica",
        Milestone::DnsFlipResolver => "every resolver gives the replica",
        Milestone::FirstReplicaLogin => "a user can sign in at the replica",
        Milestone::ReplicaSustained => "from here on every login succeeds at the replica",
        Milestone::FaultReverted => "packets pass again at every front door",
        Milestone::HealthCheckHealthy => "the health check says healthy again",
        Milestone::DnsFailbackAuthoritative => "every authoritative server gives the primary again",
        Milestone::FirstPrimaryLoginAfterFailback => "a user can sign in at the primary again",
    }
}

fn milestones(outcome: &Outcome) -> Vec<MilestoneRow> {
    let text = |at: Option<Interval>, show: &dyn Fn(Interval) -> String| at.map_or_else(|| NONE.to_owned(), show);
    // Rounding outwards would make an exact moment look unsure.
    let bound = |at: Interval, rounded| if at.width() == 0.0 { seconds(at.upper) } else { rounded };
    let row = |reached: &crate::measure::Reached| MilestoneRow {
        name: reached.milestone.as_str(),
        meaning: meaning(reached.milestone),
        lower: if reached.at.is_none() {
            reached.absence().to_owned()
        } else {
            text(reached.at, &|at| bound(at, seconds_down(at.lower)))
        },
        upper: text(reached.at, &|at| bound(at, seconds_up(at.upper))),
        width: text(reached.at, &width),
        at: reached.at,
    };
    outcome.milestones.iter().map(row).collect()
}

fn chain(outcome: &Outcome) -> Vec<ChainRow> {
    let row = |name, from: Milestone, to: Milestone, cost: Option<Interval>| ChainRow {
        name,
        from: from.as_str(),
        to: to.as_str(),
        lower: cost.map_or_else(|| NONE.to_owned(), |cost| seconds_down(cost.lower)),
        upper: cost.map_or_else(|| NONE.to_owned(), |cost| seconds_up(cost.upper)),
        middle: cost.map_or_else(|| NONE.to_owned(), |cost| seconds(cost.middle())),
    };
    let links = outcome.chain.links.iter().map(|link| row(link.name, link.from, link.to, link.cost));
    let total = row("total (RTO)", Milestone::FaultEffective, Milestone::FirstReplicaLogin, outcome.chain.total);
    links.chain([total]).collect()
}

fn chain_notes(outcome: &Outcome) -> Vec<String> {
    let early = outcome.chain.links.iter().filter(|link| link.cost.is_some_and(|cost| cost.upper < 0.0));
    let note = |link: &crate::measure::Link| {
        format!(
            "“{}” is below zero: {} came before {}, so the chain did not run in its usual order.",
            link.name,
            link.to.as_str(),
            link.from.as_str()
        )
    };
    early.map(note).collect()
}

fn login_sentence(outcome: &Outcome) -> String {
    let all = &outcome.logins.all;
    let share = all.success_share().map(|share| format!(" ({})", percent(share))).unwrap_or_default();
    let cancelled = match outcome.logins.cancelled {
        0 => String::new(),
        count => format!(" {count} more were cancelled when the run ended and count nowhere."),
    };
    let own = match all.harness_failed {
        0 => String::new(),
        count => format!(" {count} more could not be made by the runner itself and count nowhere."),
    };
    let expected = match all.expected_refusals {
        0 => String::new(),
        count => format!(" {count} more were refused by the replica, as expected, and count nowhere."),
    };
    format!(
        "{} logins ended, {} of them succeeded{share}: a valid token with every required claim, accepted by the protected \
         API. Latency is that of successes, from the scheduled instant, in scenario time.{expected}{own}{cancelled}",
        all.attempted, all.succeeded
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
    let figure = |part: fn(Latency) -> f64| latency.map_or_else(|| NONE.to_owned(), |latency| ms(part(latency)));
    GroupRow {
        name,
        detail,
        attempted,
        succeeded,
        share: share.map_or_else(|| NONE.to_owned(), percent),
        bounds: NONE.to_owned(),
        p50: figure(|l| l.p50),
        p90: figure(|l| l.p90),
        p99: figure(|l| l.p99),
        max: figure(|l| l.max),
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
        row(name, "ended", step.ended).into_iter().chain(row(name, "not ended", step.not_ended))
    };
    outcome.logins.steps.iter().flat_map(rows).collect()
}

fn rpo(rpo: &Rpo) -> Vec<(&'static str, String)> {
    let mut rows = vec![
        ("Data-loss window, at least", seconds_down(rpo.lower_s)),
        ("Data-loss window, at most", rpo.upper_s.map_or_else(|| "unknown".to_owned(), seconds_up)),
        ("Canary writes acknowledged until the fault", rpo.writes_acknowledged.to_string()),
        (
            "Of these certainly not at the replica",
            rpo.writes_lost.map_or_else(|| "unknown".to_owned(), |lost| lost.to_string()),
        ),
        (
            "Age of the newest lost write",
            rpo.newest_lost_age.map_or_else(|| "none is certainly lost".to_owned(), span_s),
        ),
    ];
    if let Some(lag) = rpo.lag {
        let text = format!(
            "p50 {}, p90 {}, p99 {}, max {} ({} writes)",
            ms(lag.p50),
            ms(lag.p90),
            ms(lag.p99),
            ms(lag.max),
            lag.samples
        );
        rows.push(("Replication lag before the fault, at most", text));
    }
    rows
}

fn seconds_or_none(seconds: Option<f64>) -> String {
    seconds.map_or_else(|| "none was made".to_owned(), |seconds| format!("{seconds:.2} s"))
}

fn restore(outcome: &Outcome) -> Vec<(&'static str, String)> {
    let rollback = &outcome.rollback;
    if outcome.mutations.is_empty() && !rollback.reported {
        return vec![("Calls that changed something", "none".to_owned())];
    }
    let reverted = if rollback.reported {
        format!("{} of {}", rollback.reverted, rollback.mutations)
    } else {
        "the log does not say".to_owned()
    };
    let identical = match rollback.state_identical {
        Some(true) => "yes",
        Some(false) => "NO",
        None => "not compared",
    };
    let mut rows = vec![
        ("Calls that changed something", outcome.mutations.len().to_string()),
        ("From the first call that cuts to the answer of the last", seconds_or_none(outcome.cut_took_s)),
        ("From the first call that heals to the answer of the last", seconds_or_none(outcome.heal_took_s)),
        ("Changes reverted", reverted),
        ("Described network state identical before and after, association IDs aside", identical.to_owned()),
    ];
    if let Some((before, after)) = &rollback.sha256 {
        rows.push(("SHA-256 of the state before", before.clone()));
        rows.push(("SHA-256 of the state after", after.clone()));
    }
    rows
}

fn by_others(outcome: &Outcome) -> Vec<String> {
    let row = |other: &crate::measure::ByOthers| {
        let place = other.region.as_ref().map(|region| format!(" in {region}")).unwrap_or_default();
        format!("{}{place}: {}", other.resource, other.found)
    };
    outcome.rollback.by_others.iter().map(row).collect()
}

fn faults(outcome: &Outcome) -> Vec<FaultRow> {
    let row = |plan: &crate::measure::FaultPlan| FaultRow {
        fault: plan.fault.clone(),
        region: plan.region.to_string(),
        targets: plan.targets.clone(),
    };
    outcome.faults.iter().map(row).collect()
}

fn finding(finding: &Finding) -> FindingRow {
    let severity = match finding.severity {
        Severity::Note => "note",
        Severity::Risk => "risk",
        Severity::Blocker => "blocker",
    };
    let Finding { code, title, evidence, remedy, ignored, .. } = finding.clone();
    FindingRow { code, severity, title, evidence, remedy, became: String::new(), ignored }
}

fn foretold(foretold: &Foretold) -> FindingRow {
    let became = match &foretold.became {
        Became::CameTrue(seen) => format!("it came true: {seen}"),
        Became::DidNot(seen) => format!("it did not come true: {seen}"),
        Became::Untested(why) => format!("not tested: {why}"),
    };
    FindingRow { became, ..finding(&foretold.finding) }
}

/// The findings that foretold a failure of logins.
pub(super) fn foretellers<'a>(outcome: &'a Outcome, failure: &Failure) -> Vec<&'a str> {
    let told = outcome.foretold.iter().filter(|foretold| foretold.explains(failure, &outcome.run));
    let mut codes: Vec<&str> = told.map(|foretold| foretold.finding.code.as_str()).collect();
    codes.dedup();
    codes
}

/// ` Predicted by GD402.`, where a finding of preflight foretold a failure.
fn predicted(codes: &[&str]) -> String {
    if codes.is_empty() { String::new() } else { format!(" Predicted by {}.", codes.join(", ")) }
}

fn facts(outcome: &Outcome) -> Vec<(&'static str, String)> {
    let run = &outcome.run;
    let polls: Vec<String> = run.poll_s.iter().map(|(observer, period)| format!("{observer} {period} s")).collect();
    vec![
        ("Run", run.run_id.to_string()),
        ("Scenario", run.scenario_name.clone()),
        ("Scenario SHA-256", run.scenario_sha256.clone()),
        ("Environment", format!("{} ({})", run.environment_name, run.environment_kind)),
        ("Environment SHA-256", run.environment_sha256.clone()),
        ("Primary Region", run.primary.to_string()),
        ("Replica Region", run.replica.to_string()),
        ("Failover record", run.record.clone()),
        ("Started", instant(outcome.started_at)),
        ("Last event", instant(outcome.last_at)),
        ("Seed", run.seed.to_string()),
        ("Speed", format!("{} scenario seconds in each real second", run.speed)),
        ("Poll periods", polls.join(", ")),
        ("GameDay", run.tool_version.clone()),
        ("Runner", run.host.clone()),
        ("Runner's system clock", clock_sync(run.clock_sync)),
        (
            "Exit code",
            outcome.exit_code.map_or_else(|| "none: the run did not end".to_owned(), |code| code.to_string()),
        ),
    ]
}

/// How far the times of day may be from those of other logs.
fn clock_sync(told: Option<ClockSync>) -> String {
    match told {
        Some(ClockSync { synchronised: true, at_most_off_ms }) => {
            format!("synchronised, at most {at_most_off_ms:.1} ms off when the run began")
        }
        Some(_) => {
            "NOT synchronised by NTP: times of day may differ from those of other logs; durations do not depend on it"
                .to_owned()
        }
        None => "not known whether it is synchronised; durations do not depend on it".to_owned(),
    }
}

fn phases(outcome: &Outcome) -> Vec<PhaseRow> {
    let row = |span: &crate::measure::PhaseSpan| {
        let end = span.end.unwrap_or(outcome.last_at).max(span.start);
        let after_cut =
            |zero| (crate::measure::seconds_between(zero, span.start), crate::measure::seconds_between(zero, end));
        PhaseRow {
            name: span.phase.as_str(),
            started: instant(span.start),
            lasted: match span.end {
                Some(end) => seconds(crate::measure::seconds_between(span.start, end)),
                None => "broken off".to_owned(),
            },
            at: outcome.zero_at.map(after_cut),
        }
    };
    outcome.phases.iter().map(row).collect()
}
