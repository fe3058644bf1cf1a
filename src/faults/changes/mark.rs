//! Marks on what a fault is about to change and does not make itself: the run, and how things were. With them
//! `gameday rollback --discover` needs neither journal nor schedule.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::Filter;
use aws_sdk_route53::types::TagResourceType;
use futures::FutureExt;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::cloud::{CloudError, RegionClients};
use crate::faults::change::{Applied, Change, ChangeContext, RevertOutcome, Stage};
use crate::faults::finder::{Finder, is_gone};
use crate::faults::permits::Permits;
use crate::faults::state::{FactKind, Snapshot, State, there};
use crate::faults::tags::{MARK_TAG, WAS_TAG, tag};

/// Tags on a resource, one of them [`MARK_TAG`]; inverse their removal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    /// What is marked.
    pub on: Marked,
    /// The marks.
    pub tags: BTreeMap<String, String>,
}

/// What can be marked, and by which API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Marked {
    /// A health check, by its ID: route53:ChangeTagsForResource.
    HealthCheck(String),
    /// A function, by its ARN: lambda:TagResource and lambda:UntagResource.
    Function(String),
    /// A security group, by its ID: ec2:CreateTags and ec2:DeleteTags.
    Group(String),
    /// A user pool, by its ARN: cognito-idp:TagResource and cognito-idp:UntagResource.
    Pool(String),
}

impl Marked {
    /// Its ID, or its ARN.
    pub fn id(&self) -> &str {
        match self {
            Self::HealthCheck(id) | Self::Function(id) | Self::Group(id) | Self::Pool(id) => id,
        }
    }

    /// Every tag that it has.
    ///
    /// # Errors
    /// [`CloudError`].
    pub async fn tags(&self, clients: &RegionClients) -> Result<BTreeMap<String, String>, CloudError> {
        Ok(match self {
            Self::HealthCheck(id) => {
                let call = clients.reading.route53.list_tags_for_resource().resource_id(id);
                let answer = call.resource_type(TagResourceType::Healthcheck).send().await;
                let answer = answer.map_err(CloudError::of("route53:ListTagsForResource"))?;
                let tags = answer.resource_tag_set.and_then(|set| set.tags).unwrap_or_default();
                tags.into_iter().filter_map(|tag| Some((tag.key?, tag.value?))).collect()
            }
            Self::Function(arn) => {
                let answer = clients.reading.lambda.list_tags().resource(arn).send().await;
                let answer = answer.map_err(CloudError::of("lambda:ListTags"))?;
                answer.tags.unwrap_or_default().into_iter().collect()
            }
            Self::Pool(arn) => {
                let answer = clients.reading.cognito.list_tags_for_resource().resource_arn(arn).send().await;
                let answer = answer.map_err(CloudError::of("cognito-idp:ListTagsForResource"))?;
                answer.tags.unwrap_or_default().into_iter().collect()
            }
            Self::Group(id) => {
                let filter = Filter::builder().name("resource-id").values(id).build();
                let mut pages = clients.ec2.describe_tags().filters(filter).into_paginator().items().send();
                let mut found = BTreeMap::new();
                while let Some(tag) = pages.next().await {
                    let tag = tag.map_err(CloudError::of("ec2:DescribeTags"))?;
                    found.extend(tag.key.zip(tag.value));
                }
                found
            }
        })
    }

    async fn add(&self, clients: &RegionClients, tags: &BTreeMap<String, String>) -> Result<(), CloudError> {
        match self {
            Self::HealthCheck(id) => {
                let call = clients.mutating.route53.change_tags_for_resource().resource_id(id);
                let call = call.resource_type(TagResourceType::Healthcheck).set_add_tags(Some(of_route53(tags)));
                call.send().await.map(drop).map_err(CloudError::of("route53:ChangeTagsForResource"))
            }
            Self::Function(arn) => {
                let tags = tags.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
                let call = clients.mutating.lambda.tag_resource().resource(arn).set_tags(Some(tags));
                call.send().await.map(drop).map_err(CloudError::of("lambda:TagResource"))
            }
            Self::Pool(arn) => {
                let tags = tags.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
                let call = clients.mutating.cognito.tag_resource().resource_arn(arn).set_tags(Some(tags));
                call.send().await.map(drop).map_err(CloudError::of("cognito-idp:TagResource"))
            }
            Self::Group(id) => {
                let tags = tags.iter().map(|(key, value)| tag(key, value)).collect();
                let call = clients.ec2_mutating.create_tags().resources(id).set_tags(Some(tags));
                call.send().await.map(drop).map_err(CloudError::of("ec2:CreateTags"))
            }
        }
    }

    async fn remove(&self, clients: &RegionClients, tags: &BTreeMap<String, String>) -> Result<(), CloudError> {
        let keys = || Some(tags.keys().cloned().collect::<Vec<String>>());
        match self {
            Self::HealthCheck(id) => {
                let call = clients.mutating.route53.change_tags_for_resource().resource_id(id);
                let call = call.resource_type(TagResourceType::Healthcheck).set_remove_tag_keys(keys());
                call.send().await.map(drop).map_err(CloudError::of("route53:ChangeTagsForResource"))
            }
            Self::Function(arn) => {
                let call = clients.mutating.lambda.untag_resource().resource(arn).set_tag_keys(keys());
                call.send().await.map(drop).map_err(CloudError::of("lambda:UntagResource"))
            }
            Self::Pool(arn) => {
                let call = clients.mutating.cognito.untag_resource().resource_arn(arn).set_tag_keys(keys());
                call.send().await.map(drop).map_err(CloudError::of("cognito-idp:UntagResource"))
            }
            Self::Group(id) => {
                let tags = tags.iter().map(|(key, value)| tag(key, value)).collect();
                let call = clients.ec2_mutating.delete_tags().resources(id).set_tags(Some(tags));
                call.send().await.map(drop).map_err(CloudError::of("ec2:DeleteTags"))
            }
        }
    }

    fn removal(&self) -> &'static str {
        match self {
            Self::HealthCheck(_) => "route53:ChangeTagsForResource",
            Self::Function(_) => "lambda:UntagResource",
            Self::Group(_) => "ec2:DeleteTags",
            Self::Pool(_) => "cognito-idp:UntagResource",
        }
    }
}

fn of_route53(tags: &BTreeMap<String, String>) -> Vec<aws_sdk_route53::types::Tag> {
    let tag = |(key, value)| aws_sdk_route53::types::Tag::builder().key(key).value(value).build();
    tags.iter().map(tag).collect()
}

/// The marks among a resource's tags.
pub(crate) fn marks(tags: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let own = |(key, _): &(&String, &String)| *key == MARK_TAG || key.starts_with(WAS_TAG);
    tags.iter().filter(own).map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// Of a user pool's tags, by its ARN.
pub(crate) const POOL_TAGS: Snapshot =
    Snapshot { reads: &[], describe: |clients, arn, state| Box::pin(pool_tags(clients, arn, state)) };

async fn pool_tags(clients: &RegionClients, arn: &str, state: &mut State) -> Result<(), CloudError> {
    let tags = there(Marked::Pool(arn.to_owned()).tags(clients).await)?.unwrap_or_default();
    state.add_tags(&clients.region, FactKind::UserPool, arn, tags);
    Ok(())
}

impl Finder<'_> {
    /// What a mark tells of; gives the run.
    pub fn marked(&mut self, on: Marked, tags: &BTreeMap<String, String>) -> Option<String> {
        let tags = marks(tags);
        let run = tags.get(MARK_TAG)?.clone();
        self.add(&run, Mark { on, tags });
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
}

impl Change for Mark {
    fn call(&self) -> &'static str {
        match self.on {
            Marked::HealthCheck(_) => "route53:ChangeTagsForResource",
            Marked::Function(_) => "lambda:TagResource",
            Marked::Group(_) => "ec2:CreateTags",
            Marked::Pool(_) => "cognito-idp:TagResource",
        }
    }

    fn resource(&self) -> String {
        format!("{}: tagged with the run and how it was", self.on.id())
    }

    fn inverse(&self) -> &'static str {
        self.on.removal()
    }

    fn stage(&self) -> Stage {
        Stage::Mark
    }

    fn permit(&self, permits: &mut Permits<'_>) {
        match &self.on {
            Marked::HealthCheck(id) => {
                let check = permits.health_check(id);
                permits.statement("MarkHealthCheck").allow(["route53:ChangeTagsForResource"], [check]);
            }
            Marked::Function(arn) => {
                let calls = ["lambda:TagResource", "lambda:UntagResource"];
                permits.statement("MarkFunctions").allow(calls, [arn.clone()]);
            }
            Marked::Pool(arn) => {
                let calls = ["cognito-idp:TagResource", "cognito-idp:UntagResource", "cognito-idp:ListTagsForResource"];
                permits.statement("MarkUserPool").allow(calls, [arn.clone()]);
            }
            Marked::Group(id) => {
                let group = permits.ec2(&format!("security-group/{id}"));
                let mark = permits.statement("MarkSecurityGroups");
                mark.allow(["ec2:CreateTags", "ec2:DeleteTags"], [group]);
                mark.only_tags("ForAllValues:StringLike", [MARK_TAG.to_owned(), format!("{WAS_TAG}*")]);
            }
        }
    }

    fn touches(&self) -> String {
        self.on.id().to_owned()
    }

    fn apply<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<Applied, CloudError>> {
        async {
            context.make(self, Box::pin(self.on.add(context.clients, &self.tags))).await?;
            Ok(Applied::default())
        }
        .boxed()
    }

    fn settled<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<Option<Applied>, CloudError>> {
        async { Ok((marks(&self.on.tags(context.clients).await?) == self.tags).then(Applied::default)) }.boxed()
    }

    fn undo<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<RevertOutcome, CloudError>> {
        async {
            let id = self.on.id();
            let there = match self.on.tags(context.clients).await {
                Err(error) if is_gone(&error) => {
                    return Ok(RevertOutcome::ChangedByOthers(format!("{id} no longer exists")));
                }
                other => marks(&other?),
            };
            if there.is_empty() {
                return Ok(RevertOutcome::NoOp);
            }
            if there.get(MARK_TAG) != self.tags.get(MARK_TAG) {
                return Ok(RevertOutcome::ChangedByOthers(format!(
                    "{id} is marked by another run and is left as it is"
                )));
            }
            let call = Box::pin(self.on.remove(context.clients, &there));
            context.unmake(self, self.on.removal(), format!("{id}: its tags as they were"), call).await?;
            Ok(RevertOutcome::Reverted)
        }
        .boxed()
    }
}
