//! `gameday iam-policy`.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::faults::Policies;
use crate::preflight::checks;

use super::plan::resolve;
use super::world::{self, World};
use super::{Exit, Failure, IamPolicyArgs, runs};

/// The one call of a check that does more than read.
const INVOKE: &str = "lambda:InvokeFunction";

/// Prints the policies of exactly the calls that a run would make; only reads.
pub async fn iam_policy(args: IamPolicyArgs) -> Result<Exit, Failure> {
    let (scenario, environment) = world::read(Some(&args.scenario), &args.place)?;
    let world = Box::pin(World::open(environment, &args.place)).await?;
    let policies = policies(&scenario.value, &world, args.no_dead_man).await;
    let may_invoke = world.site.preflight.invoke_triggers == Some(true);
    world.close().await;
    let (runner, dead_man, trust) = policies?;
    let preflight = preflight(may_invoke);
    let shown = match args.of {
        None => {
            json!({ "runner": runner, "preflight": preflight, "dead_man": dead_man, "dead_man_trust": trust })
        }
        Some(PolicyOf::Runner) => runner,
        Some(PolicyOf::Preflight) => preflight,
        Some(PolicyOf::DeadMan) => dead_man,
        Some(PolicyOf::DeadManTrust) => trust,
    };
    runs::put(None, &runs::json(&shown)?)?;
    Ok(Exit::Success)
}

/// Which policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum PolicyOf {
    /// For whoever runs and rolls back.
    Runner,
    /// For whoever runs, too: what the checks read. Without it they are not checked.
    Preflight,
    /// For the role that heals if the runner cannot.
    DeadMan,
    /// Who may assume that role.
    DeadManTrust,
}

/// What the checks read. They look at resources that are only discovered on the way. The canary's write is the runner's.
fn preflight(may_invoke: bool) -> Value {
    let reads = |call: &&str| {
        let operation = call.split(':').nth(1).unwrap_or_default();
        ["Describe", "Get", "GET", "List", "AdminGet", "AdminList"].iter().any(|verb| operation.starts_with(verb))
    };
    let calls = checks::all().into_iter().flat_map(|check| check.calls).copied();
    let calls: BTreeSet<&str> = calls.filter(|call| reads(call) || (may_invoke && *call == INVOKE)).collect();
    json!({
        "Version": "2012-10-17",
        "Statement": [{ "Sid": "ReadForChecks", "Effect": "Allow", "Action": calls, "Resource": "*" }],
    })
}

async fn policies(
    scenario: &crate::scenario::Scenario,
    world: &World,
    no_dead_man: bool,
) -> Result<(Value, Value, Value), Failure> {
    let (cloud, plan) = resolve(scenario, world).await?;
    let caller = cloud.primary.caller().await.map_err(|error| Failure::plain(error.to_string()))?;
    let account = caller.account.as_str();
    let armed = world.site.dead_man.is_some() && !no_dead_man;
    let policies = Policies { scenario, plan: &plan, site: &world.site, account, armed };
    Ok((policies.runner(), policies.dead_man(), policies.dead_man_trust()))
}
