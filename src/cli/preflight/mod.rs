//! `gameday preflight`.

mod human;
mod markdown;
mod pages;
mod sarif;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use serde_json::{Value, json};

use crate::preflight::{self, Allowed, NotChecked, PreflightInput, PreflightReport};
use gameday_core::env::{Baseline, load_baseline};
use gameday_core::files::Loaded;
use gameday_core::model::{Clock, EventLog, Finding, RunId, Seed, Severity};
use gameday_core::report::words::counted;
use gameday_core::scenario::Scenario;

use super::world::{self, World};
use super::{Exit, Failure, PreflightArgs, runs};

pub(super) use pages::ignorable;

/// The output format of preflight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum PreflightFormat {
    /// For a terminal
    Human,
    /// For programs
    Json,
    /// SARIF 2.1.0, for code scanning
    Sarif,
    /// For an issue or a wiki page
    Markdown,
}

/// The least severity at which the exit code is 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum FailOn {
    /// Findings that stop a run before it changes anything
    Blocker,
    /// Also findings that may harm a failover or the measurement
    Risk,
    /// Any finding
    Note,
}

impl FailOn {
    fn severity(self) -> Severity {
        match self {
            Self::Blocker => Severity::Blocker,
            Self::Risk => Severity::Risk,
            Self::Note => Severity::Note,
        }
    }
}

/// Everything that is reported.
struct PreflightDocument {
    findings: Vec<Finding>,
    /// The codes of the checks that found nothing, in order.
    passed: Vec<&'static str>,
    not_checked: Vec<NotChecked>,
    /// Entries of the baseline that accept nothing.
    idle: Vec<String>,
    calls: Vec<(&'static str, usize)>,
    took: Duration,
    /// The environment file's name.
    file: String,
    /// Whether nothing is as bad as `--fail-on`.
    ready: bool,
}

impl PreflightDocument {
    /// How many findings of a severity nobody accepted.
    fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|found| found.severity == severity && found.accepted.is_none()).count()
    }

    fn calls(&self) -> usize {
        self.calls.iter().map(|(_, count)| count).sum()
    }
}

/// Checks readiness; exit code 3 for a finding with at least the severity of `--fail-on`.
pub(super) async fn preflight(args: PreflightArgs) -> Result<Exit, Failure> {
    if let Some(code) = &args.explain {
        return pages::explain(code);
    }
    if args.list {
        return pages::list();
    }
    if let Some(folder) = &args.docs {
        return pages::write(folder);
    }
    let known: Vec<&str> = preflight::checks::pages().into_iter().map(|page| page.code).collect();
    let baseline = args.baseline.as_deref().map(|path| load_baseline(path, &known)).transpose()?;
    let (scenario, environment) = world::read(args.scenario.as_deref(), &args.place)?;
    let world = Box::pin(World::open(environment, &args.place)).await?;
    let began = Clock::real_now();
    let looked = look(&scenario.value, &world).await;
    let (took, now) = (Clock::real_now().duration_since(began), world.clock.wall_now());
    world.close().await;
    let PreflightReport { found, calls, passed } = looked?;
    let mut told = PreflightDocument {
        findings: found.findings,
        passed,
        not_checked: found.not_checked,
        idle: Vec::new(),
        calls: calls.into_iter().collect(),
        took,
        file: args.place.env.as_deref().unwrap_or(Path::new("environments/lab.toml")).display().to_string(),
        ready: true,
    };
    if let Some(Loaded { value, .. }) = baseline {
        let baseline: Baseline = value;
        told.idle = baseline.apply(&mut told.findings, now);
    }
    let bad = |found: &Finding| found.severity >= args.fail_on.severity() && found.accepted.is_none();
    told.ready = !told.findings.iter().any(bad);
    let text = match args.format {
        PreflightFormat::Human => human::text(&told),
        PreflightFormat::Json => format!("{:#}", as_json(&told)),
        PreflightFormat::Sarif => format!("{:#}", sarif::log(&told)),
        PreflightFormat::Markdown => markdown::text(&told),
    };
    runs::put(None, &text)?;
    Ok(if told.ready { Exit::Success } else { Exit::Refused })
}

async fn look(scenario: &Scenario, world: &World) -> Result<PreflightReport, Failure> {
    let folder = std::env::temp_dir().join(format!("gameday-{:016x}", rand::random::<u64>()));
    let fail = |error: String| Failure::plain(format!("preflight could not start: {error}"));
    std::fs::create_dir(&folder).map_err(|error| fail(error.to_string()))?;
    let log = EventLog::create(&folder.join("events.ndjson"), world.clock);
    let looked = match log {
        Ok(log) => {
            let question = PreflightInput {
                scenario,
                site: &world.site,
                run: &RunId::from("preflight"),
                clock: world.clock,
                seed: Seed(0),
                log: &Arc::new(log),
                phase: &Arc::default(),
                allowed: Allowed::default(),
            };
            Box::pin(preflight::look(&question)).await.map_err(|error| fail(error.to_string()))
        }
        Err(error) => Err(fail(error.to_string())),
    };
    // A folder that stays behind in the system's temporary folder harms nobody.
    let _ = std::fs::remove_dir_all(&folder);
    looked
}

fn as_json(told: &PreflightDocument) -> Value {
    json!({
        "ready": told.ready,
        "summary": summary(told),
        "findings": told.findings,
        "passed": told.passed,
        "not_checked": told.not_checked.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "baseline_idle": told.idle,
        "calls": { "total": told.calls(), "by_operation": told.calls.iter().copied().collect::<BTreeMap<_, _>>() },
        "seconds": told.took.as_secs_f64(),
    })
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Blocker => "blocker",
        Severity::Risk => "risk",
        Severity::Note => "note",
    }
}

/// The verdict: `READY: 160 checks passed, no findings`. No number in it changes from one look to the next unless something has changed.
fn summary(told: &PreflightDocument) -> String {
    let verdict = match (told.ready, told.not_checked.is_empty()) {
        (true, true) => "READY",
        (true, false) => "READY, as far as checked",
        (false, _) => "NOT READY",
    };
    let by_severity =
        [Severity::Blocker, Severity::Risk, Severity::Note].map(|severity| (told.count(severity), severity));
    let found =
        by_severity.into_iter().filter(|(count, _)| *count > 0).map(|(count, severity)| counted(count, word(severity)));
    let accepted = told.findings.iter().filter(|found| found.accepted.is_some()).count();
    let accepted = (accepted > 0).then(|| format!("{} accepted", counted(accepted, "finding")));
    let findings: Vec<String> = found.chain(accepted).collect();
    let findings = if findings.is_empty() { "no findings".to_owned() } else { findings.join(", ") };
    let not_checked = match told.not_checked.len() {
        0 => String::new(),
        count => format!("; {count} not checked"),
    };
    let passed = format!("{} passed", counted(told.passed.len(), "check"));
    // What refuses comes first.
    let both = if told.ready { format!("{passed}, {findings}") } else { format!("{findings}; {passed}") };
    format!("{verdict}: {both}{not_checked}")
}

/// A text with its numbers left out; those in a name, as in `eu-west-1`, stay.
fn without_numbers(text: &str) -> String {
    let is_number = |word: &&str| {
        let word = word.trim_matches(|c: char| c.is_ascii_punctuation());
        !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit())
    };
    text.split_whitespace().map(|word| if is_number(&word) { "#" } else { word }).collect::<Vec<_>>().join(" ")
}

/// What could not be checked, and the codes that it leaves open. Reasons that differ only in their numbers are one.
fn by_lack(told: &PreflightDocument) -> Vec<(String, Vec<&'static str>)> {
    struct NotCheckedGroup {
        without_numbers: String,
        first: String,
        others: usize,
        codes: Vec<&'static str>,
    }
    let mut groups: Vec<NotCheckedGroup> = Vec::new();
    for NotChecked { code, what } in &told.not_checked {
        let without_numbers = without_numbers(what);
        match groups.iter_mut().find(|group| group.without_numbers == without_numbers) {
            // The same reason for another check, or another one like it for the same check.
            Some(group) => {
                group.others += usize::from(group.first != *what);
                if !group.codes.contains(code) {
                    group.codes.push(code);
                }
            }
            None => groups.push(NotCheckedGroup { without_numbers, first: what.clone(), others: 0, codes: vec![code] }),
        }
    }
    let text = |group: NotCheckedGroup| match group.others {
        0 => (group.first, group.codes),
        others => (format!("{} (and {others} more like this)", group.first), group.codes),
    };
    groups.into_iter().map(text).collect()
}
