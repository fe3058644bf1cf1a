//! Finds what runs left in an account, by the tags and names of what they made, with no journal at all.
//!
//! What is found becomes the same changes that the journal would have told, and is undone in the same way.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use crate::cloud::{CloudError, ErrorClass, RegionClients};
use gameday_core::env::Site;
use gameday_core::model::{Region, RunId};

use super::action::Action;
use super::changes::lock::Holder;
use super::finder::Finder;
use super::schedule::ScheduleHeal;
use super::tags::RUNS_BEGIN;

/// What one run left.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Discovered {
    /// Its changes.
    pub actions: Vec<(Region, Action)>,
    /// Who holds the lock, where the run's is still there.
    pub holder: Option<Holder>,
}

/// Finds what is left in one Region, by run. Of a search that fails, what would heal and the locks are left out: what they heal may be what
/// was not found.
///
/// # Errors
/// [`CloudError`].
pub async fn discover(
    clients: &RegionClients,
    site: &Site,
    found: &mut BTreeMap<RunId, Discovered>,
) -> Result<(), CloudError> {
    let searched = search(clients, site, found).await;
    if searched.is_err() {
        for left in found.values_mut() {
            left.actions.retain(|(region, action)| *region != clients.region || action.stage().is_of_fault());
        }
        found.retain(|_, left| !left.actions.is_empty());
    }
    searched
}

async fn search(
    clients: &RegionClients,
    site: &Site,
    found: &mut BTreeMap<RunId, Discovered>,
) -> Result<(), CloudError> {
    // First what would heal: it tells of ACLs whose tags somebody took away.
    let mut scheduled = Vec::new();
    if let Some(settings) = &site.dead_man {
        scheduled = schedules(clients, &settings.group).await?;
    }
    let add = |found: &mut BTreeMap<RunId, Discovered>, run: &str, action: Action| {
        found.entry(RunId::from(run)).or_default().add(&clients.region, action);
    };
    for (run, arm) in &scheduled {
        add(found, run, Action::ScheduleHeal(arm.clone()));
    }
    let heals = scheduled.iter().map(|(run, arm)| (run.as_str(), arm.heals.change())).collect();
    let mut finder = Finder::new(clients, site, heals);
    let mut searched = Action::leftovers(&mut finder).await;
    for (run, change) in finder.take() {
        match Action::of(change) {
            Ok(action) => add(found, &run, action),
            Err(error) => searched = Err(error),
        }
    }
    searched?;
    // What schedules would heal and was not found otherwise: a schedule must not go before that is healed.
    for (run, arm) in &scheduled {
        let known = found.get(&RunId::from(run.as_str())).map(|found| found.actions.as_slice());
        if known.unwrap_or_default().iter().any(|(_, known)| known.same_target(&arm.heals)) {
            continue;
        }
        if let Some(action) = Action::clone(&arm.heals).scheduled_alone(&finder).await? {
            add(found, run, action);
        }
    }
    Ok(())
}

impl Discovered {
    /// Adds what was found. Both its tag and its group tell of a lock, which is one.
    fn add(&mut self, region: &Region, action: Action) {
        let found = (region.clone(), action);
        if let Action::Lock(lock) = &found.1 {
            self.holder = Some(lock.holder.clone());
            if self.actions.contains(&found) {
                return;
            }
        }
        self.actions.push(found);
    }
}

/// The schedules of runs.
async fn schedules(clients: &RegionClients, group: &str) -> Result<Vec<(String, ScheduleHeal)>, CloudError> {
    let scheduler = &clients.reading.scheduler;
    let mut pages =
        scheduler.list_schedules().group_name(group).name_prefix(RUNS_BEGIN).into_paginator().items().send();
    let mut scheduled = Vec::new();
    while let Some(item) = pages.next().await {
        let item = item.map_err(CloudError::of("scheduler:ListSchedules"))?;
        let Some(name) = item.name() else { continue };
        let call = scheduler.get_schedule().name(name).group_name(group);
        let schedule = match call.send().await.map_err(CloudError::of("scheduler:GetSchedule")) {
            Err(error) if error.class == ErrorClass::NotFound => continue,
            other => other?,
        };
        // As `gd-20261124t100000z-0a1b2c-1-2`: the run, the fault and the change.
        let Some(run) = name.rsplitn(3, '-').nth(2) else { continue };
        let heals = schedule.target().and_then(|target| healed(target.arn(), target.input()?));
        let Some(heals) = heals else { continue };
        let arm = ScheduleHeal {
            name: name.to_owned(),
            group: group.to_owned(),
            role_arn: schedule.target().map(|target| target.role_arn().to_owned()).unwrap_or_default(),
            at: Timestamp::UNIX_EPOCH,
            heals: Box::new(heals),
        };
        scheduled.push((run.to_owned(), arm));
    }
    Ok(scheduled)
}

/// The change that a schedule's call undoes.
fn healed(target: &str, input: &str) -> Option<Action> {
    let input: Value = serde_json::from_str(input).ok()?;
    Action::healed_by(target.rsplit_once("aws-sdk:")?.1, &input)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::changes::function::ThrottleFunction;
    use crate::faults::changes::group_rule::{GroupRule, Source};
    use crate::faults::changes::health_check::InvertHealthCheck;
    use crate::faults::changes::limit::SetProvisionedLimit;
    use crate::faults::changes::security_group::Revoke;

    #[test]
    fn a_schedule_tells_the_change_that_it_heals() {
        let rule = GroupRule {
            protocol: "tcp".into(),
            ports: Some((443, 443)),
            source: Source::Ipv4("0.0.0.0/0".into()),
            description: Some("the world".into()),
            owner: None,
        };
        let tags = BTreeMap::from([("Name".to_owned(), "door".to_owned())]);
        let changes = [
            Action::InvertHealthCheck(InvertHealthCheck { health_check: "hc".into(), was: false }),
            Action::ThrottleFunction(ThrottleFunction { function: "f".into(), was: None }),
            Action::ThrottleFunction(ThrottleFunction { function: "f".into(), was: Some(7) }),
            Action::Revoke(Revoke { group: "sg-1".into(), rule, id: None, tags }),
            Action::SetProvisionedLimit(SetProvisionedLimit { rate: None, was: 120 }),
        ];
        for change in changes {
            let call = change.change().universal(&|_| None).unwrap();
            for region in ["us-east-1", "us-gov-west-1"].map(Region::from) {
                assert_eq!(healed(&call.arn(&region), &call.input.to_string()), Some(change.clone()));
            }
        }
    }
}
