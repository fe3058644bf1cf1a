//! `gameday plan`.

use std::sync::Arc;
use std::time::Duration;

use comfy_table::Table;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::cloud::Cloud;
use crate::faults::{self, Action, Arming, Holder, Plan, Stage};
use crate::preflight::facts::Facts;
use crate::preflight::{self, Expectation};
use gameday_core::env::{DeadMan, SCHEDULER_PRECISION};
use gameday_core::model::{Region, RunId, Span, format_duration};
use gameday_core::report::words::counted;
use gameday_core::scenario::Scenario;

use super::resolution::Resolution;
use super::summary::empty_table;
use super::world::{self, World};
use super::{Exit, Failure, Format, PlanArgs, runs};

/// The price of EventBridge Scheduler for a million invocations, in US dollars, after the free ones of each month (Amazon
/// EventBridge pricing).
const DOLLARS_FOR_A_MILLION: f64 = 1.0;
/// The free invocations of a month (Amazon EventBridge pricing).
const FREE_INVOCATIONS: &str = "14 million";

/// Everything that a plan shows.
struct PlanDocument {
    plan: Plan,
    calls: Vec<PlannedCall>,
    checkers: String,
    chain: Vec<Expectation>,
    dead_man: Option<DeadMan>,
    resolution: Resolution,
}

/// One call, in the order in which a run makes them.
struct PlannedCall {
    /// After the first call that cuts; nothing for what comes before it.
    at: Option<Duration>,
    region: Region,
    action: Action,
}

/// Shows every call of a run with its inverse; only reads.
pub(super) async fn plan(args: PlanArgs) -> Result<Exit, Failure> {
    let (scenario, environment) = world::read(Some(&args.scenario), &args.place)?;
    let world = Box::pin(World::open(environment, &args.place)).await?;
    let dead_man = world.site.dead_man.clone().filter(|_| !args.no_dead_man);
    let planned = look(&scenario.value, &world, dead_man).await;
    world.close().await;
    let planned = planned?;
    let text = match args.format {
        Format::Json => runs::json(&as_json(&planned))?,
        Format::Human => human(&planned),
    };
    runs::put(None, &text)?;
    Ok(Exit::Success)
}

/// Plans a scenario's faults under a name that no run has.
pub(super) async fn resolve(scenario: &Scenario, world: &World) -> Result<(Cloud, Plan), Failure> {
    let cloud = Cloud::connect(&world.site).await.map_err(|error| Failure::plain(error.to_string()))?;
    let planned = faults::plan(&scenario.faults, &world.site, &cloud, &RunId::from("plan")).await;
    let plan = planned.map_err(|error| Failure::with_help(error.to_string(), "For details: gameday preflight"))?;
    Ok((cloud, plan))
}

async fn look(scenario: &Scenario, world: &World, dead_man: Option<DeadMan>) -> Result<PlanDocument, Failure> {
    let (cloud, plan) = resolve(scenario, world).await?;
    let facts = Facts::new(Arc::new(world.site.clone()), cloud, Arc::new(scenario.clone()), world.clock);
    let looked = Box::pin(preflight::expect(&facts, &plan)).await;
    let (checkers, chain) = looked.map_err(|error| Failure::with_help(error, "For details: gameday preflight"))?;
    let calls = calls(&plan, scenario, dead_man.as_ref());
    Ok(PlanDocument { plan, calls, checkers, chain, dead_man, resolution: Resolution::of(scenario) })
}

/// The order of the run that follows, and of its journal.
fn calls(plan: &Plan, scenario: &Scenario, dead_man: Option<&DeadMan>) -> Vec<PlannedCall> {
    let run = RunId::from("plan");
    let holder = Holder { run: run.clone(), owner: String::new(), until: Timestamp::UNIX_EPOCH };
    let longest = scenario.phases.outage_and_hold();
    let arm = dead_man.map(|settings| plan.arm(&Arming { settings, run: &run, now: Timestamp::UNIX_EPOCH, longest }));
    let before = plan.lock(&holder).into_iter().chain(plan.prepare()).chain(arm.unwrap_or_default());
    let before = before.map(|(region, action)| PlannedCall { at: None, region, action });
    let turns = plan.turns().into_iter().flat_map(|(at, cuts)| {
        cuts.into_iter().map(move |(region, action)| PlannedCall { at: Some(at), region, action })
    });
    before.chain(turns).collect()
}

fn step(stage: Stage) -> &'static str {
    match stage {
        Stage::Lock => "lock",
        Stage::Mark | Stage::Create | Stage::Populate | Stage::Associate => "prepare",
        Stage::ArmDeadMan => "arm",
        Stage::Inject => "cut",
        Stage::Users => "users",
    }
}

/// As a person calls it; the JSON form keeps its word.
fn step_name(stage: Stage) -> &'static str {
    match stage {
        Stage::Inject => "inject",
        other => step(other),
    }
}

fn schedules(planned: &PlanDocument) -> usize {
    planned.calls.iter().filter(|call| call.action.stage() == Stage::ArmDeadMan).count()
}

fn as_json(planned: &PlanDocument) -> Value {
    let calls = planned.calls.iter().map(|call| {
        let change = call.action.change();
        json!({
            "region": call.region, "step": step(change.stage()), "at_s": call.at.map(|at| at.as_secs_f64()),
            "call": change.call(), "resource": change.resource(), "inverse": change.inverse(),
        })
    });
    let targets = planned.plan.faults.iter().flat_map(|fault| {
        fault.targets.iter().map(|target| {
            json!({
                "fault": fault.number, "region": fault.region, "id": target.id, "label": target.label,
                "tags": target.tags,
            })
        })
    });
    let chain = planned.chain.iter().map(|expected| {
        json!({
            "event": expected.event, "from_s": expected.from.as_secs_f64(),
            "to_s": expected.to.map(|to| to.as_secs_f64()),
        })
    });
    json!({
        "calls": calls.collect::<Vec<_>>(),
        "targets": targets.collect::<Vec<_>>(),
        "notes": planned.plan.notes,
        "health_checkers": planned.checkers,
        "expected": chain.collect::<Vec<_>>(),
        "resolution": planned.resolution.json(),
        "dead_man": planned.dead_man.as_ref().map(|settings| json!({
            "schedules": schedules(planned), "margin_s": settings.margin.0.as_secs_f64(), "cost_usd": cost(planned),
        })),
    })
}

fn cost(planned: &PlanDocument) -> f64 {
    schedules(planned) as f64 * DOLLARS_FOR_A_MILLION / 1e6
}

fn table(header: &[&str]) -> Table {
    let mut table = empty_table();
    table.set_header(header);
    table
}

fn human(planned: &PlanDocument) -> String {
    let mut targets = table(&["fault", "Region", "target", "tags"]);
    for fault in &planned.plan.faults {
        for target in &fault.targets {
            let tags: Vec<String> = target.tags.iter().map(|(key, value)| format!("{key}={value}")).collect();
            let name = format!("{} {}", fault.number, fault.spec);
            targets.add_row([&name, fault.region.as_str(), &target.label, &tags.join(", ")]);
        }
    }
    let mut calls = table(&["#", "step", "Region", "call", "resource", "inverse"]);
    for (number, call) in (1..).zip(&planned.calls) {
        let change = call.action.change();
        let when = match call.at {
            Some(at) if !at.is_zero() => format!("{} +{}", step_name(change.stage()), format_duration(at)),
            _ => step_name(change.stage()).to_owned(),
        };
        let number = format!("{number}");
        let resource = change.resource();
        calls.add_row([&number, &when, call.region.as_str(), change.call(), &resource, change.inverse()]);
    }
    let mut chain = table(&["after injection", "expected"]);
    for expected in &planned.chain {
        let from = format_duration(expected.from);
        let when = expected.to.map_or_else(|| from.clone(), |to| format!("{from} to {}", format_duration(to)));
        chain.add_row([when, expected.event.clone()]);
    }
    let dead_man = match &planned.dead_man {
        Some(settings) => format!(
            "Dead-man switch: {} that restore everything {} to {} after the planned end if this machine cannot. Cost: \
             {:.6} USD, or nothing within the {FREE_INVOCATIONS} free invocations a month.",
            counted(schedules(planned), "schedule"),
            settings.margin,
            Span(settings.margin.0 + SCHEDULER_PRECISION.0),
            cost(planned),
        ),
        None => "Dead-man switch: none. A run needs `[dead_man]` in the environment file, or --no-dead-man.".to_owned(),
    };
    let notes = planned.plan.notes.iter().fold(String::new(), |notes, note| notes + "Note: " + note + "\n\n");
    format!(
        "Targets\n{targets}\n\nCalls, in this order; each has an inverse, and disruptive calls are reverted first\n{calls}\n\n\
         {notes}Health checkers: {}\n\n{chain}\n\n{}\n\n{dead_man}\nNothing was changed.",
        planned.checkers,
        planned.resolution.text()
    )
}
