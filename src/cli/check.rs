//! `gameday preflight`.

use std::sync::Arc;

use comfy_table::{ContentArrangement, Table, presets};
use serde_json::json;

use crate::model::{EventLog, RunId, Seed, Severity};
use crate::preflight::{self, Allowed, Findings, Question};

use super::world::{self, World};
use super::{Exit, Failure, Format, PreflightArgs};

/// Checks readiness; exit code 3 where a run would be refused.
pub async fn preflight(args: PreflightArgs) -> Result<Exit, Failure> {
    let (scenario, environment) = world::read(args.scenario.as_deref(), &args.place)?;
    let world = World::open(environment, &args.place).await?;
    let found = look(&scenario.value, &world).await;
    world.close().await;
    let found = found?;
    match args.format {
        Format::Json => {
            let out = json!({ "findings": found.findings, "not_checked": found.not_checked.iter().map(ToString::to_string).collect::<Vec<_>>() });
            println!("{}", serde_json::to_string_pretty(&out).unwrap_or_default());
        }
        Format::Human => print(&found),
    }
    Ok(if found.refused() { Exit::Refused } else { Exit::Success })
}

async fn look(scenario: &crate::scenario::Scenario, world: &World) -> Result<Findings, Failure> {
    let folder = std::env::temp_dir().join(format!("gameday-{:016x}", rand::random::<u64>()));
    let fail = |error: String| Failure::plain(format!("preflight could not look: {error}"));
    std::fs::create_dir(&folder).map_err(|error| fail(error.to_string()))?;
    let log = EventLog::create(&folder.join("events.ndjson"), world.clock);
    let checked = match log {
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
            Box::pin(preflight::look(&question))
                .await
                .map(|looked| looked.found)
                .map_err(|error| fail(error.to_string()))
        }
        Err(error) => Err(fail(error.to_string())),
    };
    // A folder that stays behind in the system's temporary folder harms nobody.
    let _ = std::fs::remove_dir_all(&folder);
    checked
}

fn print(found: &Findings) {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["code", "severity", "finding", "evidence", "what to do"]);
    for finding in &found.findings {
        let severity = match finding.severity {
            Severity::Blocker => "BLOCKER",
            Severity::Risk => "risk",
            Severity::Note => "note",
        };
        table.add_row([&finding.code, severity, &finding.title, &finding.evidence, &finding.remedy]);
    }
    if !found.findings.is_empty() {
        println!("{table}");
    }
    for what in &found.not_checked {
        println!("not checked: {what}");
    }
    let blockers = found.findings.iter().filter(|finding| finding.severity == Severity::Blocker).count();
    println!("{} findings, {blockers} of them blockers, {} not checked", found.findings.len(), found.not_checked.len());
}
