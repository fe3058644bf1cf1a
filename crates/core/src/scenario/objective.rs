//! What must hold, and whether the scenario's phases can show it.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::validate::{CHAIN, span};
use crate::files::{Document, FileFinding};
use crate::model::{Percent, Phase, RegionRole, Span, format_duration};

/// Something that must hold, and is measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "metric", rename_all = "snake_case", deny_unknown_fields)]
pub enum Objective {
    /// From `fault_effective` to `health_check_unhealthy`.
    Detection {
        /// At most so long.
        at_most: Span,
    },
    /// From `fault_effective` to `first_replica_login`.
    Rto {
        /// At most so long.
        at_most: Span,
    },
    /// From `fault_effective` to `replica_sustained`.
    SustainedRto {
        /// At most so long.
        at_most: Span,
    },
    /// The data-loss window at the moment of the fault, by canary writes.
    Rpo {
        /// At most so long.
        at_most: Span,
    },
    /// From `fault_reverted` to `first_primary_login_after_failback`.
    Failback {
        /// At most so long.
        at_most: Span,
    },
    /// The share of logins that succeeded at a Region in a phase.
    SuccessRate {
        /// Where they were served.
        region: RegionRole,
        /// In which phase they were scheduled: one of the phases of the scenario.
        phase: Phase,
        /// At least so many of them.
        at_least: Percent,
    },
    /// The share of logins at a Region that were throttled in a phase.
    ThrottledShare {
        /// Where they were asked.
        region: RegionRole,
        /// In which phase they were scheduled: one of the phases of the scenario.
        phase: Phase,
        /// At most so many of them.
        at_most: Percent,
    },
    /// The share of the sessions that were opened before the fault and never refused anything, up to the end of failback.
    SessionsKept {
        /// At least so many of them.
        at_least: Percent,
    },
}

fn phase_path(phase: Phase) -> Option<&'static str> {
    match phase {
        Phase::Baseline => Some("phases.baseline"),
        Phase::Outage => Some("phases.outage"),
        Phase::Hold => Some("phases.hold"),
        Phase::Failback => Some("phases.failback"),
        Phase::Preflight | Phase::Inject | Phase::Restore | Phase::Verify => None,
    }
}

/// An objective as far as it can be read.
struct ReadObjective {
    path: String,
    metric: String,
    region: Option<RegionRole>,
    phase: Option<Phase>,
}

impl ReadObjective {
    fn read(file: &Document, path: String) -> Option<Self> {
        let metric = file.get(&format!("{path}.metric"))?;
        let (region, phase) = (file.get(&format!("{path}.region")), file.get(&format!("{path}.phase")));
        Some(Self { path, metric, region, phase })
    }

    fn rate_is_known(&self) -> bool {
        let of_region = matches!(self.metric.as_str(), "success_rate" | "throttled_share");
        !of_region || (self.region.is_some() && self.phase.is_some())
    }

    fn same(&self, other: &Self) -> bool {
        (&self.metric, self.region, self.phase) == (&other.metric, other.region, other.phase)
    }
}

/// Reports everything that is wrong with the objectives.
pub(super) fn check(file: &mut Document) {
    if file.get::<Vec<serde_json::Value>>("objectives").is_some_and(|items| items.is_empty()) {
        let finding = FileFinding::at("objectives", "nothing must hold", "empty");
        file.report(
            finding.help("add an `[[objectives]]` table, for example with `metric = \"rto\"` and `at_most = \"2m\"`"),
        );
    }
    let mut seen: Vec<ReadObjective> = Vec::new();
    for path in file.items("objectives") {
        let Some(objective) = ReadObjective::read(file, path) else {
            continue;
        };
        if let Some(first) = seen.iter().find(|earlier| objective.rate_is_known() && earlier.same(&objective)) {
            let message = format!("the objective `{}` is there twice", objective.metric);
            let finding = FileFinding::at(&objective.path, message, "again here").and(&first.path, "first here");
            file.report(finding.help(
                "keep one: each metric has one target; success_rate and throttled_share one for each region and phase",
            ));
        }
        match objective.metric.as_str() {
            "success_rate" => success_rate(file, &objective),
            "throttled_share" => throttled_share(file, &objective),
            "sessions_kept" => sessions_kept(file, &objective),
            _ => at_most(file, &objective),
        }
        seen.push(objective);
    }
}

/// An objective that is a time: can the phases show whether it is met?
fn at_most(file: &mut Document, objective: &ReadObjective) {
    let path = format!("{}.at_most", objective.path);
    let Some(target) = span(file, &path) else {
        return;
    };
    let metric = &objective.metric;
    if target.is_zero() {
        let finding = FileFinding::at(path, format!("a target of zero for `{metric}` can never be met"), "zero");
        file.report(finding.help("every measured time has a width: write a target above zero"));
        return;
    }
    let watched: &[&str] = match metric.as_str() {
        "detection" | "rto" => &["outage"],
        "sustained_rto" => &["outage", "hold"],
        "failback" => &["failback"],
        _ => return,
    };
    let Some(long) = watched.iter().map(|phase| span(file, &format!("phases.{phase}"))).sum::<Option<Duration>>()
    else {
        return;
    };
    if target <= long {
        return;
    }
    let (target, long, names) = (format_duration(target), format_duration(long), watched.join(" and "));
    let message = format!("`{metric}` of {target} cannot be measured in {long}");
    let mut finding = FileFinding::at(path, message, format!("longer than {long}"));
    for phase in watched {
        finding = finding.and(format!("phases.{phase}"), format!("the {phase} phase"));
    }
    let remedy = format!("make {names} last {target} or longer, or lower the target");
    file.report(finding.help(if metric == "failback" { remedy } else { format!("{remedy}; {CHAIN}") }));
}

/// Must anyone succeed?
fn success_rate(file: &mut Document, objective: &ReadObjective) {
    let path = format!("{}.at_least", objective.path);
    if file.get::<Percent>(&path).is_some_and(|share| share.0 <= 0.0) {
        let finding = FileFinding::at(path, "a success rate of at least 0% always holds", "zero");
        file.report(finding.help("write the share that must succeed, for example \"99%\""));
    }
    of_phase(file, objective);
}

/// Is anyone refused there for asking too often?
fn throttled_share(file: &mut Document, objective: &ReadObjective) {
    let path = format!("{}.at_most", objective.path);
    if file.get::<Percent>(&path).is_some_and(|share| share.0 >= 1.0) {
        let finding = FileFinding::at(path, "a throttled share of at most 100% always holds", "everything");
        file.report(finding.help("write the share that may be throttled, for example \"1%\""));
    }
    of_phase(file, objective);
}

/// Are there sessions?
fn sessions_kept(file: &mut Document, objective: &ReadObjective) {
    let path = format!("{}.at_least", objective.path);
    if file.get::<Percent>(&path).is_some_and(|share| share.0 <= 0.0) {
        let finding = FileFinding::at(path, "at least 0% of the sessions are always kept", "zero");
        file.report(finding.help("write the share that must be kept, for example \"99%\""));
    }
    if file.items("users.sessions").is_empty() {
        let path = format!("{}.metric", objective.path);
        let finding = FileFinding::at(path, "the scenario has no sessions to keep", "nothing to measure");
        file.report(finding.help("add a `[[users.sessions]]` table, or take the objective out"));
    }
}

/// Is there such a phase, and is anyone at the Region in it?
fn of_phase(file: &mut Document, objective: &ReadObjective) {
    let path = |key: &str| format!("{}.{key}", objective.path);
    let Some(phase) = objective.phase else { return };
    let name = phase.as_str();
    let Some(lasts) = phase_path(phase) else {
        let finding = FileFinding::at(
            path("phase"),
            format!("no logins are counted in the phase `{name}`"),
            "not a phase of the scenario",
        );
        file.report(finding.help("write \"baseline\", \"outage\", \"hold\" or \"failback\""));
        return;
    };
    if span(file, lasts).is_some_and(|duration| duration.is_zero()) {
        let finding = FileFinding::at(path("phase"), format!("the scenario has no phase `{name}`"), "is not there")
            .and(lasts, "lasts no time");
        file.report(finding.help(format!("give `{lasts}` a duration, or take the objective out")));
    }
    if (objective.region, phase) == (Some(RegionRole::Replica), Phase::Baseline) {
        let finding =
            FileFinding::at(path("region"), "no user is served at the replica in the baseline", "not in steady state");
        file.report(
            finding
                .and(path("phase"), "before the fault")
                .help("ask for the replica in \"hold\", or for the primary in \"baseline\""),
        );
    }
}
