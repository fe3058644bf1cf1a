//! `gameday plan`.

use comfy_table::{ContentArrangement, Table, presets};
use serde_json::json;

use crate::cloud::Cloud;
use crate::faults::{self, Fault, Subnet};
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

async fn look(scenario: &crate::scenario::Scenario, world: &World) -> Result<Vec<Fault>, Failure> {
    let cloud = Cloud::connect(&world.site).await.map_err(|error| Failure::plain(error.to_string()))?;
    let planned = faults::plan(&scenario.faults, &world.site, &cloud, &RunId::from("plan")).await;
    planned.map_err(|error| Failure::with_help(error.to_string(), "See also: gameday preflight"))
}

fn print_json(planned: &[Fault]) {
    let calls = planned.iter().flat_map(|fault| {
        fault.actions.iter().map(|action| {
            json!({
                "region": fault.region, "step": action.step(), "call": action.call(),
                "resource": action.resource(), "inverse": action.inverse(),
            })
        })
    });
    let targets = planned.iter().flat_map(|fault| {
        fault.subnets.iter().map(|subnet| {
            json!({ "region": fault.region, "id": subnet.id, "name": subnet.name, "zone": subnet.zone, "tags": subnet.tags })
        })
    });
    let plan = json!({ "calls": calls.collect::<Vec<_>>(), "targets": targets.collect::<Vec<_>>() });
    println!("{}", serde_json::to_string_pretty(&plan).unwrap_or_default());
}

fn print(planned: &[Fault]) {
    for fault in planned {
        let targets: Vec<String> = fault.subnets.iter().map(Subnet::label).collect();
        println!("nacl-blackhole in {}, {} subnets: {}", fault.region, targets.len(), targets.join(", "));
    }
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(["#", "step", "call", "what it changes", "inverse"]);
    let actions = planned.iter().flat_map(|fault| &fault.actions);
    for (number, action) in (1..).zip(actions) {
        let step = format!("{:?}", action.step()).to_lowercase();
        table.add_row([&format!("{number}"), &step, action.call(), &action.resource(), action.inverse()]);
    }
    println!("{table}");
    println!("Nothing was changed.");
}
