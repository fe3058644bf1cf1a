//! `gameday plan`.

use comfy_table::{ContentArrangement, Table, presets};
use serde_json::json;

use crate::cloud::Cloud;
use crate::faults::{self, Plan, Stage};
use crate::model::RunId;

use super::world::{self, World};
use super::{Exit, Failure, Format, PlanArgs};

/// Shows every call of a run with its inverse; only reads.
pub async fn plan(args: PlanArgs) -> Result<Exit, Failure> {
    let (scenario, environment) = world::read(Some(&args.scenario), &args.place)?;
    let world = World::open(environment, &args.place).await?;
    let planned = look(&scenario.value, &world).await;
    world.close().await;
    let planned = planned?;
    match args.format {
        Format::Json => print_json(&planned),
        Format::Human => print(&planned),
    }
    Ok(Exit::Success)
}

async fn look(scenario: &crate::scenario::Scenario, world: &World) -> Result<Plan, Failure> {
    let cloud = Cloud::connect(&world.site).await.map_err(|error| Failure::plain(error.to_string()))?;
    let planned = faults::plan(&scenario.faults, &world.site, &cloud, &RunId::from("plan")).await;
    planned.map_err(|error| Failure::with_help(error.to_string(), "See also: gameday preflight"))
}

fn step(stage: Stage) -> &'static str {
    if stage == Stage::Cut { "cut" } else { "prepare" }
}

fn print_json(planned: &Plan) {
    let calls = planned.faults.iter().flat_map(|fault| {
        fault.actions.iter().map(|action| {
            let change = action.change();
            json!({
                "region": fault.region, "step": step(change.stage()), "call": change.call(),
                "resource": change.resource(), "inverse": change.inverse(),
            })
        })
    });
    let targets = planned.faults.iter().flat_map(|fault| {
        fault.targets.iter().map(
            |target| json!({ "region": fault.region, "id": target.id, "label": target.label, "tags": target.tags }),
        )
    });
    let plan = json!({ "calls": calls.collect::<Vec<_>>(), "targets": targets.collect::<Vec<_>>() });
    println!("{}", serde_json::to_string_pretty(&plan).unwrap_or_default());
}

fn print(planned: &Plan) {
    for fault in &planned.faults {
        let targets: Vec<&str> = fault.targets.iter().map(|target| target.label.as_str()).collect();
        println!("{} in {}, {} targets: {}", fault.spec, fault.region, targets.len(), targets.join(", "));
    }
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["#", "step", "call", "what it changes", "inverse"]);
    let actions = planned.faults.iter().flat_map(|fault| &fault.actions);
    for (number, action) in (1..).zip(actions) {
        let change = action.change();
        let number = format!("{number}");
        table.add_row([&number, step(change.stage()), change.call(), &change.resource(), change.inverse()]);
    }
    println!("{table}");
    println!("Nothing was changed.");
}
