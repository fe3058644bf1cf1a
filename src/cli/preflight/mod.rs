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

use crate::preflight::{self, Allowed, Looked, NotChecked, Question};
use gameday_core::env::{Baseline, load_baseline};
use gameday_core::files::Loaded;
use gameday_core::model::{Clock, EventLog, Finding, RunId, Seed, Severity};
use gameday_core::report::words::counted;
use gameday_core::scenario::Scenario;

use super::world::{self, World};
use super::{Exit, Failure, PreflightArgs, runs};

pub use pages::ignorable;

/// How the findings are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PreflightFormat {
    /// For people at a terminal.
    Human,
    /// For programs.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// For an issue or a wiki.
    Markdown,
}

/// From which severity on the exit code tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// What a run is refused by.
    Blocker,
    /// What may spoil a failover or a figure.
    Risk,
    /// Anything.
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

/// Everything that is told.
struct Told {
    findings: Vec<Finding>,
    not_checked: Vec<NotChecked>,
    /// Entries of the baseline that accept nothing.
    idle: Vec<String>,
    calls: Vec<(&'static str, usize)>,
    took: Duration,
    /// The environment file's name.
    file: String,
}

impl Told {
    /// How many findings of a severity nobody accepted.
    fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|found| found.severity == severity && found.accepted.is_none()).count()
    }

    fn calls(&self) -> usize {
        self.calls.iter().map(|(_, count)| count).sum()
    }
}

/// Checks readiness; exit code 3 where a finding is as bad as `--fail-on` says.
pub async fn preflight(args: PreflightArgs) -> Result<Exit, Failure> {
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
    let Looked { found, calls } = looked?;
    let mut told = Told {
        findings: found.findings,
        not_checked: found.not_checked,
        idle: Vec::new(),
        calls: calls.into_iter().collect(),
        took,
        file: args.place.env.as_deref().unwrap_or(Path::new("environments/lab.toml")).display().to_string(),
    };
    if let Some(Loaded { value, .. }) = baseline {
        let baseline: Baseline = value;
        told.idle = baseline.apply(&mut told.findings, now);
    }
    let text = match args.format {
        PreflightFormat::Human => human::text(&told),
        PreflightFormat::Json => format!("{:#}", as_json(&told)),
        PreflightFormat::Sarif => format!("{:#}", sarif::log(&told)),
        PreflightFormat::Markdown => markdown::text(&told),
    };
    runs::put(None, &text)?;
    let bad = |found: &Finding| found.severity >= args.fail_on.severity() && found.accepted.is_none();
    Ok(if told.findings.iter().any(bad) { Exit::Refused } else { Exit::Success })
}

async fn look(scenario: &Scenario, world: &World) -> Result<Looked, Failure> {
    let folder = std::env::temp_dir().join(format!("gameday-{:016x}", rand::random::<u64>()));
    let fail = |error: String| Failure::plain(format!("preflight could not look: {error}"));
    std::fs::create_dir(&folder).map_err(|error| fail(error.to_string()))?;
    let log = EventLog::create(&folder.join("events.ndjson"), world.clock);
    let looked = match log {
        Ok(log) => {
            let question = Question {
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

fn as_json(told: &Told) -> Value {
    json!({
        "findings": told.findings,
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

/// `1 blocker, 2 risks, 0 notes`, and what else there is to know of them.
fn summary(told: &Told) -> String {
    let [blockers, risks, notes] = [Severity::Blocker, Severity::Risk, Severity::Note]
        .map(|severity| counted(told.count(severity), word(severity)));
    let accepted = told.findings.iter().filter(|found| found.accepted.is_some()).count();
    let accepted = if accepted == 0 { String::new() } else { format!(", {accepted} accepted") };
    format!(
        "{blockers}, {risks}, {notes}{accepted}; {} not checked. {} in {:.1} s",
        told.not_checked.len(),
        counted(told.calls(), "call"),
        told.took.as_secs_f64()
    )
}

/// What could not be looked at, and the codes that it leaves open.
fn by_lack(told: &Told) -> Vec<(String, Vec<&'static str>)> {
    let mut lacks: Vec<(String, Vec<&'static str>)> = Vec::new();
    for NotChecked { code, what } in &told.not_checked {
        match lacks.iter_mut().find(|(lack, _)| lack == what) {
            Some((_, codes)) => codes.push(code),
            None => lacks.push((what.clone(), vec![code])),
        }
    }
    lacks
}
