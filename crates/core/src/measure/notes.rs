use super::failures::Throttling;
use super::harness::Stalls;
use super::history::LoginRef;
use super::interval::{Interval, seconds_between};
use super::milestones::not_bitten;
use super::observer_notes::of_observers;
use super::phases::PhaseSpan;
use super::timeline::Timeline;
use super::user_notes::of_logins;
use crate::model::{Event, Milestone, Phase, Record, RegionRole, Step};

/// A limitation of a run that a reader of its figures must know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anomaly {
    /// What kind, as `fault_did_not_bite`.
    pub code: &'static str,
    /// In words.
    pub text: String,
    /// Whether it is a diagnosis that belongs above everything else.
    pub severe: bool,
    /// Whether it tells of the runner itself, whose figures are less sure for it.
    pub of_runner: bool,
}

impl Anomaly {
    pub(super) fn new(code: &'static str, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), severe: false, of_runner: false }
    }

    pub(super) fn of_runner(code: &'static str, text: impl Into<String>) -> Self {
        Self { of_runner: true, ..Self::new(code, text) }
    }

    pub(super) fn severe(code: &'static str, text: impl Into<String>) -> Self {
        Self { severe: true, ..Self::new(code, text) }
    }
}

/// The code of what others changed during the run.
pub(super) const CHANGED_BY_OTHERS: &str = "changed_by_others";

/// Everything that bends the figures or their reading.
pub(super) fn anomalies(
    records: &[Record],
    line: &Timeline<'_>,
    speed: f64,
    throttling: &[Throttling],
    stalls: &Stalls,
    at: &dyn Fn(Milestone) -> Option<Interval>,
) -> Vec<Anomaly> {
    let mut found = Vec::new();
    stops_and_notices(records, &mut found);
    path(line, &mut found);
    tracked(line, at(Milestone::FaultEffective), &mut found);
    health(line, &mut found);
    order(at, &mut found);
    before_the_fault(line, &mut found);
    of_logins(line.logins, throttling, speed, &mut found);
    of_observers(records, line, stalls, at, &mut found);
    found
}

fn stops_and_notices(records: &[Record], found: &mut Vec<Anomaly>) {
    for record in records {
        match &record.event {
            Event::Abort { reason } => {
                found.push(Anomaly::new("aborted", format!("The run was stopped early: {reason}")));
            }
            Event::ChangedByOthers { found: what, .. } => {
                let text = format!(
                    "Changed by others during the run, found at {}: {what}",
                    record.at.strftime("%H:%M:%S UTC")
                );
                found.push(Anomaly::new(CHANGED_BY_OTHERS, text));
            }
            Event::Notice { text } => found.push(Anomaly::new("notice", text.clone())),
            _ => {}
        }
    }
}

fn path(line: &Timeline<'_>, found: &mut Vec<Anomaly>) {
    for (address, seconds) in not_bitten(line) {
        let text = format!(
            "The fault had no effect on {address}: it still accepted connections {seconds:.1} s after the last call of the injection was \
             answered, and accepted them until the fault was removed."
        );
        found.push(Anomaly::new("fault_did_not_bite", text));
    }
    let probed = |zero| line.paths.values().flatten().any(|probe| probe.window.sent >= zero);
    if line.stops_packets && line.zero.is_some_and(|zero| !probed(zero)) {
        let text = "No network probe of the runner shows the fault: fault_effective and fault_reverted are based on the answers of the API, not on packets.";
        found.push(Anomaly::new("no_path_probes", text));
    }
    let failed = |step| line.mutations.iter().filter(move |m| m.step == step && m.error.is_some()).count();
    for (step, verb) in [(Step::Cut, "inject"), (Step::Heal, "remove")] {
        let text = match failed(step) {
            0 => continue,
            1 => format!("1 call to {verb} the fault failed before it succeeded."),
            count => format!("{count} calls to {verb} the fault failed before they succeeded."),
        };
        found.push(Anomaly::new("calls_failed", text));
    }
}

/// Logins that a stateful fault let through: connected before it was effective, done after it.
fn tracked(line: &Timeline<'_>, effective: Option<Interval>, found: &mut Vec<Anomaly>) {
    let (Some(fault), Some(zero), Some(effective)) = (line.stateful.first(), line.zero, effective) else { return };
    let rode = |login: &LoginRef<'_>| {
        login.succeeded()
            && login.role() == Some(RegionRole::Primary)
            && line.before_heal(login.ended())
            && seconds_between(zero, login.started()) + login.connect_s() < effective.upper
            && seconds_between(zero, login.ended()) > effective.upper
    };
    let count = line.logins.iter().filter(rode).count();
    let text = format!(
        "{fault}: security groups are stateful, so connections that are already open may continue. Logins at the primary that used \
         such a connection, opened before the fault took effect, and succeeded after it: {count}."
    );
    found.push(Anomaly::new("tracked_connections", text));
}

fn health(line: &Timeline<'_>, found: &mut Vec<Anomaly>) {
    let Some(zero) = line.zero else { return };
    let mut during = line.health.iter().filter(|h| h.window.sent >= zero && line.before_heal(h.window.received));
    if let Some(last) = during.next_back()
        && !last.healthy
        && last.saying_healthy > 0
    {
        let (blind, all) = (last.saying_healthy, last.checkers);
        let text = format!(
            "{blind} of {all} health checkers still reported healthy when the fault ended: they did not detect it."
        );
        found.push(Anomaly::new("checkers_blind", text));
    }
}

fn order(at: &dyn Fn(Milestone) -> Option<Interval>, found: &mut Vec<Anomaly>) {
    let login = at(Milestone::FirstReplicaLogin);
    let flips = [
        (Milestone::DnsFlipAuthoritative, "at the authoritative servers"),
        (Milestone::DnsFlipResolver, "at every resolver"),
    ];
    for (flip, place) in flips {
        if let (Some(login), Some(flip)) = (login, at(flip))
            && login.upper < flip.lower
        {
            let early = flip.lower - login.upper;
            let text = format!(
                "The first login at the replica came at least {early:.1} s before the DNS change was complete {place}: a client \
                 had a newer DNS answer than others, or did not use DNS."
            );
            found.push(Anomaly::new("login_before_dns_flip", text));
        }
    }
}

fn before_the_fault(line: &Timeline<'_>, found: &mut Vec<Anomaly>) {
    let Some(zero) = line.zero else { return };
    if line.health.iter().rfind(|h| h.window.received <= zero).is_some_and(|h| !h.healthy) {
        found.push(Anomaly::new(
            "unhealthy_before_fault",
            "The health check reported unhealthy before the fault: the detection time is not meaningful.",
        ));
    }
    let before = |answer: &&super::timeline::Answer<'_>| answer.window.received <= zero;
    if line.answers.iter().rfind(before).is_some_and(|answer| answer.role == Some(RegionRole::Replica)) {
        found.push(Anomaly::new(
            "replica_before_fault",
            "DNS already answered with the replica before the fault: the RTO is not meaningful.",
        ));
    }
}

/// What the log of an incomplete run does not contain.
pub(super) fn missing(records: &[Record], line: &Timeline<'_>, phases: &[PhaseSpan]) -> Vec<String> {
    let has = |wanted: fn(&Event) -> bool| records.iter().any(|record| wanted(&record.event));
    if has(|event| matches!(event, Event::RunEnded { .. })) {
        return Vec::new();
    }
    let mut missing = vec!["The log ends without `run_ended`: the runner was killed, or is still running.".to_owned()];
    let run = |phase: Phase| phases.iter().any(|span| span.phase == phase);
    let left: Vec<&str> = Phase::ALL.into_iter().filter(|phase| !run(*phase)).map(Phase::as_str).collect();
    if !left.is_empty() {
        missing.push(format!("Phases that did not start: {}.", left.join(", ")));
    }
    if !line.mutations.is_empty() && !has(|event| matches!(event, Event::Restored { .. })) {
        missing.push(
            "The result of the restoration. `gameday rollback` with the run's folder restores the network from the journal."
                .to_owned(),
        );
    }
    if !has(|event| matches!(event, Event::StateCompared { .. })) {
        missing.push("The comparison of the network configuration before and after.".to_owned());
    }
    missing
}
