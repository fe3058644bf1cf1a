//! The figures of a run for a system that collects metrics.

use std::collections::BTreeMap;

use askama::Template;

use super::escape::one_line;
use crate::measure::{Interval, Latency, Outcome, Unit, Verdict, seconds_between};
use crate::model::{Milestone, Region, Severity};

/// The region of logins that reached none, as in `run.json`.
const NO_REGION: &str = "none";
const MS_PER_S: f64 = 1000.0;
const US_PER_S: f64 = 1e6;
const SECONDS: &str = "seconds";

#[derive(Template)]
#[template(path = "metrics.openmetrics", config = "templates/askama.toml")]
struct MetricsDocument {
    families: Vec<Family>,
}

/// A metric: its name ends with its unit, as OpenMetrics demands.
struct Family {
    name: &'static str,
    kind: &'static str,
    unit: &'static str,
    help: &'static str,
    samples: Vec<Sample>,
}

struct Sample {
    suffix: &'static str,
    labels: Labels,
    value: f64,
}

type Labels = Vec<(&'static str, String)>;

impl Family {
    fn new(kind: &'static str, name: &'static str, unit: &'static str, help: &'static str) -> Self {
        Self { name, kind, unit, help, samples: Vec::new() }
    }

    fn gauge(name: &'static str, unit: &'static str, help: &'static str) -> Self {
        Self::new("gauge", name, unit, help)
    }

    fn one(mut self, value: impl Into<Option<f64>>) -> Self {
        self.samples.extend(value.into().map(|value| sample("", Vec::new(), value)));
        self
    }

    fn with(mut self, samples: impl IntoIterator<Item = Sample>) -> Self {
        self.samples.extend(samples);
        self
    }
}

fn sample(suffix: &'static str, labels: Labels, value: f64) -> Sample {
    Sample { suffix, labels, value }
}

/// Latencies have microseconds; what binary fractions add below that is noise.
fn in_s(ms: f64) -> f64 {
    (ms / MS_PER_S * US_PER_S).round() / US_PER_S
}

/// The sample without a suffix for each bound that there is.
fn bounds(labels: &Labels, lower: Option<f64>, upper: Option<f64>) -> Vec<Sample> {
    let bound = |(name, value): (&str, Option<f64>)| {
        let labels = labels.iter().cloned().chain([("bound", name.to_owned())]).collect();
        Some(sample("", labels, value?))
    };
    [("lower", lower), ("upper", upper)].into_iter().filter_map(bound).collect()
}

fn within(labels: &Labels, interval: Option<Interval>) -> Vec<Sample> {
    bounds(labels, interval.map(|at| at.lower), interval.map(|at| at.upper))
}

/// `metrics.txt`: the run's figures as OpenMetrics text, without timestamps. Bounds are a label, and what was not measured is left out.
#[expect(clippy::expect_used, reason = "rendering to memory")]
pub fn openmetrics(outcome: &Outcome) -> Vec<u8> {
    let parts = [run(outcome), times(outcome), objectives(outcome), loss(outcome), logins(outcome), restored(outcome)];
    let families = parts.into_iter().flatten().filter(|family| !family.samples.is_empty()).collect();
    // Cannot fail: a `String` takes every write, and the template calls nothing that fails.
    let mut text = MetricsDocument { families }.render().expect("a template in memory");
    // A template's last line end is not part of it.
    text.push('\n');
    text.into_bytes()
}

fn run(outcome: &Outcome) -> Vec<Family> {
    let run = &outcome.run;
    let labels = vec![
        ("run_id", run.run_id.as_str().to_owned()),
        ("scenario", run.scenario_name.clone()),
        ("environment", run.environment_name.clone()),
        ("kind", run.environment_kind.clone()),
        ("primary", run.primary.to_string()),
        ("replica", run.replica.to_string()),
        ("tool_version", run.tool_version.clone()),
    ];
    let severity = |severity| outcome.findings.iter().filter(|f| f.severity == severity).count() as f64;
    let found = [("note", Severity::Note), ("risk", Severity::Risk), ("blocker", Severity::Blocker)];
    let findings = found.map(|(name, of)| sample("", vec![("severity", name.to_owned())], severity(of)));
    vec![
        Family::new("info", "gameday_run", "", "Run, scenario, environment (kind lab is a simulation) and version.")
            .with([sample("_info", labels, 1.0)]),
        Family::gauge(
            "gameday_run_start_timestamp_seconds",
            SECONDS,
            "Start of the run, in seconds since the Unix epoch; scenario time at another speed than 1.",
        )
        .one(outcome.started_at.as_millisecond() as f64 / MS_PER_S),
        Family::gauge(
            "gameday_run_duration_seconds",
            SECONDS,
            "Duration from the start to the last record, in scenario time.",
        )
        .one(seconds_between(outcome.started_at, outcome.last_at)),
        Family::gauge("gameday_run_complete", "", "1 if the event log is complete, 0 if it is incomplete.")
            .one(f64::from(u8::from(outcome.complete()))),
        Family::gauge("gameday_run_exit_code", "", "Exit code of gameday run; absent if the event log is incomplete.")
            .one(outcome.exit_code.map(f64::from)),
        Family::gauge("gameday_findings", "", "Findings of preflight and of the run, by severity.").with(findings),
    ]
}

fn times(outcome: &Outcome) -> Vec<Family> {
    let between = |from, to| Some(outcome.milestone(to)?.since(outcome.milestone(from)?).at_least_zero());
    let time =
        |name, help, from, to| Family::gauge(name, SECONDS, help).with(within(&Labels::new(), between(from, to)));
    let milestone = |reached: &crate::measure::Reached| {
        within(&vec![("milestone", reached.milestone.as_str().to_owned())], reached.at)
    };
    let link = |link: &crate::measure::Link| {
        let labels = vec![("from", link.from.as_str().to_owned()), ("to", link.to.as_str().to_owned())];
        within(&labels, link.cost)
    };
    let (fault, login) = (Milestone::FaultEffective, Milestone::FirstReplicaLogin);
    let (reverted, back) = (Milestone::FaultReverted, Milestone::FirstPrimaryLoginAfterFailback);
    vec![
        time(
            "gameday_detection_seconds",
            "Time from the effective fault until the health check reports unhealthy.",
            fault,
            Milestone::HealthCheckUnhealthy,
        ),
        time(
            "gameday_rto_seconds",
            "Time from the effective fault until the first login at the replica.",
            fault,
            login,
        ),
        time(
            "gameday_sustained_rto_seconds",
            "Time from the effective fault until every login at the replica succeeds.",
            fault,
            Milestone::ReplicaSustained,
        ),
        time(
            "gameday_failback_seconds",
            "Time from the removal of the fault until the first login at the primary.",
            reverted,
            back,
        ),
        Family::gauge("gameday_milestone_seconds", SECONDS, "Time of a milestone after fault injection.")
            .with(outcome.milestones.iter().flat_map(milestone)),
        Family::gauge(
            "gameday_link_seconds",
            SECONDS,
            "Time between two consecutive milestones of the failover; negative if the second came first.",
        )
        .with(outcome.chain.links.iter().flat_map(link)),
    ]
}

fn objectives(outcome: &Outcome) -> Vec<Family> {
    let mut seconds =
        Family::gauge("gameday_objective_seconds", SECONDS, "Time objectives: target and measured bounds.");
    let mut ratios =
        Family::gauge("gameday_objective_ratio", "ratio", "Ratio objectives: target and bounds at 95 % confidence.");
    let mut verdicts = Family::new("stateset", "gameday_objective_verdict", "", "Verdict on each objective.");
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    for objective in &outcome.objectives {
        // Two of the same name would be one metric with two values.
        let seen = names.entry(one_line(&objective.name)).or_default();
        *seen += 1;
        let name = if *seen == 1 { objective.name.clone() } else { format!("{} {seen}", objective.name) };
        let labels = vec![("objective", name)];
        let family = if objective.unit == Unit::Seconds { &mut seconds } else { &mut ratios };
        let target = labels.iter().cloned().chain([("bound", "target".to_owned())]).collect();
        family.samples.push(sample("", target, objective.target));
        family.samples.extend(bounds(&labels, objective.lower, objective.upper));
        for verdict in [Verdict::Met, Verdict::Missed, Verdict::Inconclusive] {
            let state = ("gameday_objective_verdict", verdict.as_str().to_owned());
            let labels = labels.iter().cloned().chain([state]).collect();
            verdicts.samples.push(sample("", labels, f64::from(u8::from(objective.verdict == verdict))));
        }
    }
    vec![seconds, ratios, verdicts]
}

fn loss(outcome: &Outcome) -> Vec<Family> {
    let Some(rpo) = &outcome.rpo else { return Vec::new() };
    let lost = rpo.writes_lost.map(|lost| sample("", vec![("state", "lost".to_owned())], lost as f64));
    let acknowledged = sample("", vec![("state", "acknowledged".to_owned())], rpo.writes_acknowledged as f64);
    let lag = rpo.lag.map(|lag| {
        let at = |(quantile, ms): (&str, f64)| sample("", vec![("quantile", quantile.to_owned())], in_s(ms));
        let levels = [("0.5", lag.p50), ("0.9", lag.p90), ("0.99", lag.p99), ("1.0", lag.max)];
        let mut samples: Vec<Sample> = levels.map(at).into();
        samples.push(sample("_count", Vec::new(), lag.samples as f64));
        samples
    });
    vec![
        Family::gauge(
            "gameday_rpo_seconds",
            SECONDS,
            "Age of the writes that would have been lost if the primary had not come back.",
        )
        .with(bounds(&Labels::new(), Some(rpo.lower_s), rpo.upper_s)),
        Family::gauge(
            "gameday_canary_writes",
            "",
            "Canary writes acknowledged before the fault, and those of them that were lost.",
        )
        .with([acknowledged].into_iter().chain(lost)),
        Family::new(
            "summary",
            "gameday_replication_lag_seconds",
            SECONDS,
            "Upper bound of the replication lag of canary writes before the fault. Quantiles of fewer writes than 1/(1-q) equal the maximum.",
        )
        .with(lag.into_iter().flatten()),
    ]
}

fn logins(outcome: &Outcome) -> Vec<Family> {
    let logins = &outcome.logins;
    let region_key = |region: Option<&Region>| one_line(region.map_or(NO_REGION, Region::as_str));
    // What differs only in characters that are left out is counted together.
    let mut counts: BTreeMap<(String, String), u64> = BTreeMap::new();
    for (region, group) in &logins.by_region {
        let mut count = |outcome: &str, count| {
            *counts.entry((region_key(region.as_ref()), outcome.to_owned())).or_default() += count;
        };
        count("succeeded", group.succeeded);
        if group.expected_refusals > 0 {
            count("expected refusal", group.expected_refusals);
        }
    }
    for failure in &outcome.failures {
        *counts.entry((region_key(failure.region.as_ref()), one_line(&failure.outcome.label()))).or_default() +=
            failure.count();
    }
    let count = |((region, outcome), count): ((String, String), u64)| {
        sample("_total", vec![("region", region), ("outcome", outcome)], count as f64)
    };
    let phase = |(phase, group): (&crate::model::Phase, &crate::measure::Group)| {
        let label = || ("phase", phase.as_str().to_owned());
        let at = |latency: Latency| {
            let levels = [
                ("0.5", latency.p50),
                ("0.9", latency.p90),
                ("0.99", latency.p99),
                ("0.999", latency.p999),
                ("1.0", latency.max),
            ];
            levels.map(|(level, ms)| sample("", vec![label(), ("quantile", level.to_owned())], in_s(ms)))
        };
        let count = sample("_count", vec![label()], group.succeeded as f64);
        group.latency.map(at).into_iter().flatten().chain([count]).collect::<Vec<_>>()
    };
    vec![
        Family::new(
            "counter",
            "gameday_logins",
            "",
            "Completed logins, by the Region that served or was contacted and by outcome.",
        )
        .with(counts.into_iter().map(count)),
        Family::new(
            "counter",
            "gameday_logins_cancelled",
            "",
            "Logins cancelled at the end of the run; not counted anywhere else.",
        )
        .with([sample("_total", Vec::new(), logins.cancelled as f64)]),
        Family::new(
            "summary",
            "gameday_login_latency_seconds",
            SECONDS,
            "Latency of successful logins from their scheduled start, by phase, in scenario time. Quantiles of fewer logins than 1/(1-q) equal the maximum.",
        )
        .with(logins.by_phase.iter().flat_map(phase)),
    ]
}

fn restored(outcome: &Outcome) -> Vec<Family> {
    let rollback = &outcome.rollback;
    let whole = rollback.state_identical.map(|identical| identical && rollback.not_reverted.is_empty());
    let changes = [
        ("made", outcome.mutations.len() as f64),
        ("reverted", f64::from(rollback.reverted)),
        ("not_reverted", rollback.not_reverted.len() as f64),
    ];
    vec![
        Family::gauge(
            "gameday_restored",
            "",
            "1 if the configuration after the run equals the one before, 0 if not; absent if unknown.",
        )
        .one(whole.map(|whole| f64::from(u8::from(whole)))),
        Family::gauge(
            "gameday_changes",
            "",
            "API calls that changed something, changes that were restored, and changes that were not.",
        )
        .with(changes.map(|(state, count)| sample("", vec![("state", state.to_owned())], count))),
    ]
}
