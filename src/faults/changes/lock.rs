//! The lock: in each VPC of the environment a security group that nobody uses, whose name only one group of a VPC can have. EC2 refuses the
//! second one, however far its descriptions lag. Its tag says who is at work there, and until when; the same tag on the VPC says it where
//! people and older versions look.

use aws_sdk_ec2::types::{Filter, ResourceType, SecurityGroup, TagSpecification};
use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::cloud::{CloudError, ErrorClass, RegionClients};
use crate::faults::change::{Applied, Change, ChangeContext, RevertOutcome, Stage, gone};
use crate::faults::finder::Finder;
use crate::faults::tags::{LOCK_TAG, tag};
use gameday_core::model::RunId;

/// The name of the group.
pub(crate) const LOCK_GROUP: &str = "gameday-lock";

/// ec2:CreateSecurityGroup and ec2:CreateTags; inverse ec2:DeleteTags and ec2:DeleteSecurityGroup.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lock {
    /// The VPC.
    pub vpc: String,
    /// Who works there.
    pub holder: Holder,
}

/// Who holds a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The run.
    pub run: RunId,
    /// User and host.
    pub owner: String,
    /// It may be taken over after this.
    pub until: Timestamp,
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "run {} of {} until {}", self.run, self.owner, self.until)
    }
}

impl Holder {
    /// The tag's value: EC2 takes letters, digits, spaces and `_ . : / = + - @`, 256 in all.
    fn value(&self) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() || "_.:/=+-@".contains(c) { c } else { '-' };
        let owner: String = self.owner.chars().map(plain).take(100).collect();
        format!("{} {owner} {}", self.run, self.until)
    }
}

/// Who holds a lock, by its tag's value.
pub(crate) fn parse(value: &str) -> Option<Holder> {
    let mut parts = value.split(' ');
    let (run, owner, until) = (parts.next()?, parts.next()?, parts.next()?);
    Some(Holder { run: RunId::from(run), owner: owner.to_owned(), until: until.parse().ok()? })
}

fn filter(name: &str, value: &str) -> Filter {
    Filter::builder().name(name).values(value).build()
}

/// The value of the lock's tag on a VPC.
async fn tag_value(clients: &RegionClients, vpc: &str) -> Result<Option<String>, CloudError> {
    let call = clients.ec2.describe_tags().filters(filter("resource-id", vpc)).filters(filter("key", LOCK_TAG));
    let answer = call.send().await.map_err(CloudError::of("ec2:DescribeTags"))?;
    let value = answer.tags().iter().find(|tag| tag.key() == Some(LOCK_TAG)).and_then(|tag| tag.value());
    Ok(value.map(str::to_owned))
}

/// A lock's group: its ID, and what its tag says.
pub(crate) struct LockGroup {
    id: String,
    /// Its VPC.
    pub vpc: String,
    value: String,
}

impl LockGroup {
    fn of(group: &SecurityGroup) -> Option<Self> {
        let value = group.tags().iter().find(|tag| tag.key() == Some(LOCK_TAG)).and_then(|tag| tag.value());
        let (id, vpc) = (group.group_id()?.to_owned(), group.vpc_id()?.to_owned());
        Some(Self { id, vpc, value: value.unwrap_or_default().to_owned() })
    }

    /// Who holds it; nothing where its tag says nothing that can be read.
    pub(crate) fn holder(&self) -> Option<Holder> {
        parse(&self.value)
    }
}

/// The groups that lock VPCs; of one VPC, or of all.
///
/// # Errors
/// [`CloudError`].
pub(crate) async fn lock_groups(clients: &RegionClients, vpc: Option<&str>) -> Result<Vec<LockGroup>, CloudError> {
    let call = clients.ec2.describe_security_groups().filters(filter("group-name", LOCK_GROUP));
    let call = vpc.iter().fold(call, |call, vpc| call.filters(filter("vpc-id", vpc)));
    let answer = call.send().await.map_err(CloudError::of("ec2:DescribeSecurityGroups"))?;
    Ok(answer.security_groups().iter().filter_map(LockGroup::of).collect())
}

fn blocks(value: &str, run: &RunId, now: Timestamp) -> Option<String> {
    match parse(value) {
        Some(holder) if holder.run == *run || holder.until <= now => None,
        Some(holder) => Some(holder.to_string()),
        None => Some(format!("an unknown owner (\"{value}\")")),
    }
}

/// Who else holds the lock of a VPC now; nobody where it has expired.
///
/// # Errors
/// [`CloudError`].
pub async fn held_by_another(
    clients: &RegionClients,
    vpc: &str,
    run: &RunId,
    now: Timestamp,
) -> Result<Option<String>, CloudError> {
    if let Some(holder) = tag_value(clients, vpc).await?.and_then(|value| blocks(&value, run, now)) {
        return Ok(Some(holder));
    }
    let groups = lock_groups(clients, Some(vpc)).await?;
    Ok(groups.iter().find_map(|group| blocks(&group.value, run, now)))
}

impl Lock {
    fn refused(&self, holder: &str) -> CloudError {
        CloudError {
            operation: "ec2:CreateSecurityGroup",
            class: ErrorClass::Refused,
            code: None,
            message: format!("{} is locked by {holder}", self.vpc),
        }
    }

    fn is_own(&self, value: &str) -> bool {
        parse(value).is_some_and(|holder| holder.run == self.holder.run)
    }

    /// Makes the group, in place of one that has expired.
    async fn take(&self, context: &ChangeContext<'_>) -> Result<String, CloudError> {
        let tags = TagSpecification::builder()
            .resource_type(ResourceType::SecurityGroup)
            .tags(tag(LOCK_TAG, &self.holder.value()))
            .build();
        let ec2 = &context.clients.ec2_mutating;
        let call = ec2.create_security_group().vpc_id(&self.vpc).group_name(LOCK_GROUP);
        let call = call.description("GameDay: locked, no other run may start here").tag_specifications(tags).send();
        let call = async { call.await.map_err(CloudError::of("ec2:CreateSecurityGroup")) };
        let taken = match context.make(self, Box::pin(call)).await {
            Err(error) if error.class == ErrorClass::Exists => error,
            answer => {
                let id = answer?.group_id().map(str::to_owned);
                return id.ok_or_else(|| CloudError::incomplete("ec2:CreateSecurityGroup", "security group ID"));
            }
        };
        // Not described yet: whoever made it did so a moment ago, or an earlier try of this call did.
        let Some(group) = lock_groups(context.clients, Some(&self.vpc)).await?.into_iter().next() else {
            return Err(CloudError {
                message: format!("{} was locked by another run a moment ago", self.vpc),
                ..taken
            });
        };
        if self.is_own(&group.value) {
            return Ok(group.id);
        }
        if let Some(holder) = blocks(&group.value, &self.holder.run, context.clock.now()) {
            return Err(self.refused(&holder));
        }
        // By its ID: a group that somebody else makes in its place stays.
        let call = ec2.delete_security_group().group_id(&group.id).send();
        let call = call.map(|answer| gone(answer.map_err(CloudError::of("ec2:DeleteSecurityGroup"))));
        context.unmake(self, "ec2:DeleteSecurityGroup", format!("{}: expired lock", self.vpc), call).await?;
        Err(CloudError { message: format!("{} had a lock that has expired", self.vpc), ..taken })
    }
}

/// Locks, by their groups and by the tags of VPCs.
async fn locks(finder: &mut Finder<'_>) -> Result<(), CloudError> {
    let filter = |name: &str, value: &str| Filter::builder().name(name).values(value).build();
    let call = finder.clients.ec2.describe_tags().filters(filter("key", LOCK_TAG));
    let mut pages = call.filters(filter("resource-type", "vpc")).into_paginator().send();
    while let Some(page) = pages.next().await {
        for tag in page.map_err(CloudError::of("ec2:DescribeTags"))?.tags() {
            let Some((vpc, holder)) = tag.resource_id().zip(tag.value().and_then(parse)) else { continue };
            finder.add(holder.run.as_str(), Lock { vpc: vpc.to_owned(), holder: holder.clone() });
        }
    }
    for group in lock_groups(finder.clients, None).await? {
        if let Some(holder) = group.holder() {
            finder.add(holder.run.as_str(), Lock { vpc: group.vpc.clone(), holder: holder.clone() });
        }
    }
    Ok(())
}

impl Change for Lock {
    fn call(&self) -> &'static str {
        "ec2:CreateSecurityGroup"
    }

    fn resource(&self) -> String {
        format!("{}: lock", self.vpc)
    }

    fn inverse(&self) -> &'static str {
        "ec2:DeleteSecurityGroup"
    }

    fn stage(&self) -> Stage {
        Stage::Lock
    }

    fn makes(&self) -> Option<&str> {
        Some(&self.vpc)
    }

    fn leftovers<'a>(finder: &'a mut Finder<'_>) -> BoxFuture<'a, Result<(), CloudError>> {
        locks(finder).boxed()
    }

    fn vpc(&self) -> Option<&str> {
        Some(&self.vpc)
    }

    fn apply<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<Applied, CloudError>> {
        async {
            let now = context.clock.now();
            // Refused before anything is written, where it can be seen.
            if let Some(holder) = held_by_another(context.clients, &self.vpc, &self.holder.run, now).await? {
                return Err(self.refused(&holder));
            }
            let id = self.take(context).await?;
            context.made.put(&self.vpc, &id);
            let call = context.clients.ec2_mutating.create_tags().resources(&self.vpc);
            let call = call.tags(tag(LOCK_TAG, &self.holder.value())).send();
            context
                .make_by(self, "ec2:CreateTags", async {
                    call.await.map(drop).map_err(CloudError::of("ec2:CreateTags"))
                })
                .await?;
            Ok(Applied { id: Some(id) })
        }
        .boxed()
    }

    fn settled<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<Option<Applied>, CloudError>> {
        async {
            let groups = lock_groups(context.clients, Some(&self.vpc)).await?;
            let own = groups.into_iter().find(|group| self.is_own(&group.value));
            let tagged = tag_value(context.clients, &self.vpc).await?.is_some_and(|value| self.is_own(&value));
            Ok(own.filter(|_| tagged).map(|group| Applied { id: Some(group.id) }))
        }
        .boxed()
    }

    fn undo<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<RevertOutcome, CloudError>> {
        async {
            let ec2 = &context.clients.ec2_mutating;
            let mut undone = RevertOutcome::NoOp;
            let value = tag_value(context.clients, &self.vpc).await?.filter(|value| self.is_own(value));
            if let Some(value) = value.or_else(|| context.blind.then(|| self.holder.value())) {
                // By key and value: a lock that somebody else writes meanwhile stays.
                let call = ec2.delete_tags().resources(&self.vpc).tags(tag(LOCK_TAG, &value)).send();
                let call = async { call.await.map(drop).map_err(CloudError::of("ec2:DeleteTags")) };
                context.unmake(self, "ec2:DeleteTags", self.resource(), Box::pin(call)).await?;
                undone = RevertOutcome::Reverted;
            }
            let groups = lock_groups(context.clients, Some(&self.vpc)).await?;
            let own = groups.into_iter().find(|group| self.is_own(&group.value)).map(|group| group.id);
            if let Some(id) = context.made.get(&self.vpc).or(own) {
                let call = ec2.delete_security_group().group_id(id).send();
                let call = call.map(|answer| gone(answer.map_err(CloudError::of("ec2:DeleteSecurityGroup"))));
                let deleted = context.unmake(self, "ec2:DeleteSecurityGroup", self.resource(), call).await?;
                undone = if deleted == RevertOutcome::Reverted { deleted } else { undone };
            }
            Ok(undone)
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_reads_back_what_it_wrote_in_characters_that_ec2_takes() {
        let until = "2026-11-24T10:00:00Z".parse().unwrap();
        let holder = Holder { run: RunId::from("gd-1"), owner: "jo do@höst".into(), until };
        let read = parse(&holder.value()).unwrap();
        assert_eq!((read.run, read.owner.as_str(), read.until), (holder.run, "jo-do@h-st", until));
        assert_eq!(parse("whatever"), None);
    }
}
