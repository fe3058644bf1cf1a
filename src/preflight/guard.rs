//! The environment's guard rails, against what a scenario's faults cover.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;

use super::{Findings, Question};
use crate::cloud::{Cloud, CloudError};
use crate::env::Guard;
use crate::faults::{Plan, Target, held_by_another, subnets};
use crate::model::{Percent, RegionRole, Severity, format_duration};

/// Checks them.
pub async fn check(question: &Question<'_>, cloud: &Cloud, plan: &Plan, found: &mut Findings) {
    let guard = &question.site.guard;
    regions(guard, plan, found);
    for target in plan.faults.iter().flat_map(|fault| &fault.targets) {
        tags(guard, target, found);
    }
    forbidden(guard, plan, found);
    times(question, found);
    share(question, cloud, plan, found).await;
    alarms(question, cloud, found).await;
    locks(question, cloud, plan, found).await;
    if question.site.dead_man.is_none() && !question.allowed.no_dead_man {
        found.add(
            "GD911",
            Severity::Blocker,
            "Nothing heals the faults if this machine dies",
            "the environment has no `[dead_man]`",
            "Add `[dead_man]` with the role of `gameday iam-policy --dead-man`, or accept the risk with --no-dead-man",
        );
    }
}

fn regions(guard: &Guard, plan: &Plan, found: &mut Findings) {
    if guard.regions.is_empty() {
        return;
    }
    for fault in plan.faults.iter().filter(|fault| !guard.regions.contains(&fault.region)) {
        found.add(
            "GD902",
            Severity::Blocker,
            "A fault is meant for a Region that the environment does not allow",
            format!("fault {} ({}) is in {}", fault.number, fault.spec, fault.region),
            "Change the fault's `region`, or add the Region to `guard.regions`",
        );
    }
}

fn tags(guard: &Guard, target: &Target, found: &mut Findings) {
    for (key, value) in &guard.required_tags {
        let has = target.tags.get(key);
        if has != Some(value) {
            found.add(
                "GD903",
                Severity::Blocker,
                "A target does not carry a required tag",
                format!("{}: {key} must be {value}, is {}", target.label, has.map_or("not there", String::as_str)),
                "Tag it once its owner has agreed, or leave it out by the fault's `targets`",
            );
        }
    }
    for (key, value) in &guard.forbidden_tags {
        if let Some(has) = target.tags.get(key).filter(|has| value == "*" || *has == value) {
            found.add(
                "GD904",
                Severity::Blocker,
                "A target carries a forbidden tag",
                format!("{}: {key} is {has}", target.label),
                "Leave it out by the fault's `targets`, or by the environment's `subnets`",
            );
        }
    }
}

/// Everything by whose ID a fault could be forbidden: its targets, and where they are.
fn forbidden(guard: &Guard, plan: &Plan, found: &mut Findings) {
    let touched: BTreeSet<&str> = plan
        .faults
        .iter()
        .flat_map(|fault| {
            let cover = &fault.cover;
            let pairs = cover.subnets.iter().chain(&cover.interfaces).flat_map(|(vpc, id)| [vpc, id]);
            pairs.chain(&cover.touches).chain(fault.targets.iter().map(|target| &target.id)).map(String::as_str)
        })
        .collect();
    for id in guard.forbidden_ids.iter().filter(|id| touched.contains(id.as_str())) {
        found.add(
            "GD905",
            Severity::Blocker,
            "A fault covers a forbidden resource",
            format!("{id} is in `guard.forbidden_ids`"),
            "Leave it out by the fault's `targets`",
        );
    }
}

fn times(question: &Question<'_>, found: &mut Findings) {
    let (guard, phases) = (&question.site.guard, &question.scenario.phases);
    let broken = phases.outage.0 + phases.hold.0;
    if let Some(most) = guard.max_duration.filter(|most| broken > most.0) {
        found.add(
            "GD906",
            Severity::Blocker,
            "The fault may last longer than the environment allows",
            format!("outage and hold last up to {}; allowed: {most}", format_duration(broken)),
            "Shorten `phases.outage` and `phases.hold`, or raise `guard.max_duration`",
        );
    }
    if let Some(hours) = &guard.hours {
        let now = question.clock.wall_now();
        let longest = SignedDuration::try_from(phases.longest()).unwrap_or(SignedDuration::MAX);
        let ends = now.saturating_add(longest).unwrap_or(now);
        if !(hours.contain(now) && hours.contain(ends)) {
            found.add(
                "GD908",
                Severity::Blocker,
                "The run would not lie within the allowed hours",
                format!("from {now:.0} to {ends:.0}; allowed: {hours}"),
                "Run it within `guard.hours`",
            );
        }
    }
}

async fn share(question: &Question<'_>, cloud: &Cloud, plan: &Plan, found: &mut Findings) {
    let Some(most) = question.site.guard.max_share else { return };
    for role in [RegionRole::Primary, RegionRole::Replica] {
        let clients = cloud.region(role);
        let faults = plan.faults.iter().filter(|fault| fault.region == clients.region);
        let touched: BTreeSet<&String> = faults.flat_map(|fault| &fault.cover.touches).collect();
        if touched.is_empty() {
            continue;
        }
        let all = match subnets(clients, &question.site.region(role).subnets).await {
            Ok(all) => all,
            Err(error) => {
                found.not_checked(format!("the share of subnets that the faults cover: {error}"));
                continue;
            }
        };
        let share = touched.len() as f64 / all.len().max(1) as f64;
        if share > most.0 + 1e-9 {
            found.add(
                "GD907",
                Severity::Blocker,
                "The faults cover more subnets than the environment allows",
                format!(
                    "{} of {} selected subnets in {}, {}; allowed: {most}",
                    touched.len(),
                    all.len(),
                    clients.region,
                    Percent(share)
                ),
                "Narrow the faults by `targets` (zones, count, percentage), or raise `guard.max_share`",
            );
        }
    }
}

async fn alarms(question: &Question<'_>, cloud: &Cloud, found: &mut Findings) {
    let mut by_error = BTreeMap::new();
    for alarm in &question.site.guard.alarms {
        match crate::observe::in_alarm(cloud, std::slice::from_ref(alarm)).await {
            Ok(None) => {}
            Ok(Some(why)) => found.add(
                "GD909",
                Severity::Blocker,
                "An alarm that would stop the run is in ALARM already",
                why,
                "Wait until it is OK, or find out why it is not",
            ),
            Err(error) => {
                by_error.insert(error.to_string(), &alarm.name);
            }
        }
    }
    for (error, alarm) in by_error {
        found.add(
            "GD909",
            Severity::Blocker,
            "An alarm that should stop the run cannot be read",
            format!("{alarm}: {error}"),
            "Correct `guard.alarms`, or grant cloudwatch:DescribeAlarms",
        );
    }
}

async fn locks(question: &Question<'_>, cloud: &Cloud, plan: &Plan, found: &mut Findings) {
    for (region, vpc) in &plan.vpcs {
        let held: Result<Option<String>, CloudError> =
            async { held_by_another(cloud.of(region)?, vpc, question.run, question.clock.now()).await }.await;
        match held {
            Ok(None) => {}
            Ok(Some(holder)) => found.add(
                "GD910",
                Severity::Blocker,
                "Another run is at work in this environment",
                format!("{vpc} is locked by {holder}"),
                "Wait until it has ended; after a crash: gameday rollback --all on its machine, or gameday rollback --discover",
            ),
            Err(error) => found.add(
                "GD910",
                Severity::Blocker,
                "Whether another run is at work here cannot be found out",
                format!("{vpc}: {error}"),
                "Grant ec2:DescribeTags",
            ),
        }
    }
}
