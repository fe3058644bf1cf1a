//! Finds what runs left in an account, by the tags and names of what they made, with no journal at all.
//!
//! What is found becomes the same changes that the journal would have told, and is undone in the same way.

use std::collections::BTreeMap;

use aws_sdk_cognitoidentityprovider::types::UserPoolType;
use aws_sdk_ec2::types::{Filter, Tag};
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::OnceCell;

use crate::cloud::{CloudError, ErrorClass, RegionClients};
use gameday_core::env::Site;
use gameday_core::model::{Region, RunId};

use super::action::Action;
use super::changes::lock::{Holder, Lock};
use super::changes::mark::{Mark, Marked, is_gone, marks};
use super::changes::schedule::ScheduleHeal;
use super::tags::{MARK_TAG, RUNS_BEGIN};

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
    let mut finder = Finder { clients, site, scheduled: Vec::new(), found, pool: OnceCell::new() };
    // First what would heal: it tells of ACLs whose tags somebody took away.
    if let Some(settings) = &site.dead_man {
        finder.scheduled = finder.schedules(&settings.group).await?;
    }
    Action::leftovers(&mut finder).await?;
    finder.heal_scheduled().await
}

/// What changes find their leftovers with, in one Region.
pub struct Finder<'a> {
    /// Clients of the Region.
    pub clients: &'a RegionClients,
    /// Where.
    pub site: &'a Site,
    /// What schedules would undo, each with its run.
    pub scheduled: Vec<(String, Action)>,
    found: &'a mut BTreeMap<RunId, Discovered>,
    /// Described at most once.
    pool: OnceCell<Option<UserPoolType>>,
}

/// Tags of EC2.
pub fn tags(tags: &[Tag]) -> BTreeMap<String, String> {
    tags.iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned()))).collect()
}

/// What has a tag.
pub fn tagged(key: &str) -> Filter {
    Filter::builder().name("tag-key").values(key).build()
}

impl Finder<'_> {
    /// Adds what a run left.
    pub fn add(&mut self, run: &str, action: Action) {
        let run = self.found.entry(RunId::from(run)).or_default();
        run.actions.push((self.clients.region.clone(), action));
    }

    /// What a mark tells of; gives the run.
    pub fn marked(&mut self, on: Marked, tags: &BTreeMap<String, String>) -> Option<String> {
        let tags = marks(tags);
        let run = tags.get(MARK_TAG)?.clone();
        self.add(&run, Action::Mark(Mark { on, tags }));
        Some(run)
    }

    /// The tags of what may be marked; nothing where it is not there.
    ///
    /// # Errors
    /// [`CloudError`].
    pub async fn tags_of(&self, on: &Marked) -> Result<Option<BTreeMap<String, String>>, CloudError> {
        match on.tags(self.clients).await {
            Err(error) if is_gone(&error) => Ok(None),
            other => other.map(Some),
        }
    }

    /// The user pool; nothing where it is not there.
    ///
    /// # Errors
    /// [`CloudError`].
    pub async fn user_pool(&self) -> Result<Option<&UserPoolType>, CloudError> {
        let describe = async || {
            let call = self.clients.cognito.describe_user_pool().user_pool_id(&self.site.pool.id).send();
            match call.await.map_err(CloudError::of("cognito-idp:DescribeUserPool")) {
                Err(error) if is_gone(&error) => Ok(None),
                other => Ok(other?.user_pool),
            }
        };
        Ok(self.pool.get_or_try_init(describe).await?.as_ref())
    }

    /// A lock, once, though both its tag and its group tell of it.
    pub fn add_lock(&mut self, run: RunId, vpc: &str, holder: Holder) {
        let lock = (self.clients.region.clone(), Action::Lock(Lock { vpc: vpc.to_owned(), holder: holder.clone() }));
        let found = self.found.entry(run).or_default();
        if !found.actions.contains(&lock) {
            found.actions.push(lock);
        }
        found.holder = Some(holder);
    }

    /// The schedules of runs; gives the changes that they would undo, each with its run.
    async fn schedules(&mut self, group: &str) -> Result<Vec<(String, Action)>, CloudError> {
        let scheduler = &self.clients.reading.scheduler;
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
                heals: Box::new(heals.clone()),
            };
            self.add(run, Action::ScheduleHeal(arm));
            scheduled.push((run.to_owned(), heals));
        }
        Ok(scheduled)
    }

    /// Adds what schedules would heal and nothing else told of: a schedule must not go before that is healed.
    async fn heal_scheduled(&mut self) -> Result<(), CloudError> {
        for (run, action) in std::mem::take(&mut self.scheduled) {
            let known = self.found.get(&RunId::from(run.as_str())).map(|found| found.actions.as_slice());
            if known.unwrap_or_default().iter().any(|(_, known)| known.same_target(&action)) {
                continue;
            }
            if let Some(action) = action.scheduled_alone(self).await? {
                self.add(&run, action);
            }
        }
        Ok(())
    }
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
