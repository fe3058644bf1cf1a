//! The lock: a tag on each VPC of the environment that says who is at work there, and until when.

use std::time::Duration;

use aws_sdk_ec2::types::Filter;
use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::cloud::{CloudError, ErrorClass, RegionClients};
use crate::faults::change::{Applied, Change, Scene, Stage, Undone};
use crate::faults::tags::{LOCK_TAG, tag};
use crate::model::{Clock, RunId};

/// Between writing the tag and reading it back: whoever wrote at the same time is seen by then. Real time; our own
/// choice, since EC2 names no bound for its eventual consistency.
const SETTLING: Duration = Duration::from_secs(1);

/// ec2:CreateTags; inverse ec2:DeleteTags.
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
pub fn parse(value: &str) -> Option<Holder> {
    let mut parts = value.split(' ');
    let (run, owner, until) = (parts.next()?, parts.next()?, parts.next()?);
    Some(Holder { run: RunId::from(run), owner: owner.to_owned(), until: until.parse().ok()? })
}

/// What a lock's tag says.
///
/// # Errors
/// [`CloudError`].
pub async fn held(clients: &RegionClients, vpc: &str) -> Result<Option<(Option<Holder>, String)>, CloudError> {
    let filter = |name: &str, value: &str| Filter::builder().name(name).values(value).build();
    let call = clients.ec2.describe_tags().filters(filter("resource-id", vpc)).filters(filter("key", LOCK_TAG));
    let answer = call.send().await.map_err(CloudError::of("ec2:DescribeTags"))?;
    let value = answer.tags().iter().find(|tag| tag.key() == Some(LOCK_TAG)).and_then(|tag| tag.value());
    Ok(value.map(|value| (parse(value), value.to_owned())))
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
    Ok(match held(clients, vpc).await? {
        Some((Some(holder), _)) if holder.run == *run || holder.until <= now => None,
        Some((Some(holder), _)) => Some(holder.to_string()),
        Some((None, value)) => Some(format!("somebody who wrote \"{value}\"")),
        None => None,
    })
}

impl Lock {
    async fn others(&self, scene: &Scene<'_>) -> Result<(), CloudError> {
        match held_by_another(scene.clients, &self.vpc, &self.holder.run, scene.clock.now()).await? {
            None => Ok(()),
            Some(holder) => Err(CloudError {
                operation: "ec2:DescribeTags",
                class: ErrorClass::Refused,
                code: None,
                message: format!("{} is locked by {holder}", self.vpc),
            }),
        }
    }
}

impl Change for Lock {
    fn call(&self) -> &'static str {
        "ec2:CreateTags"
    }

    fn resource(&self) -> String {
        format!("{}: lock", self.vpc)
    }

    fn inverse(&self) -> &'static str {
        "ec2:DeleteTags"
    }

    fn stage(&self) -> Stage {
        Stage::Lock
    }

    fn apply<'a>(&'a self, scene: &'a Scene<'a>) -> BoxFuture<'a, Result<Applied, CloudError>> {
        async {
            let looked = Clock::real_now();
            self.others(scene).await?;
            let call = scene.clients.ec2_mutating.create_tags().resources(&self.vpc);
            let call = call.tags(tag(LOCK_TAG, &self.holder.value())).send();
            scene.make(self, async { call.await.map(drop).map_err(CloudError::of(self.call())) }).await?;
            if Clock::real_now().duration_since(looked) >= SETTLING {
                // Somebody may have looked, written and read back since this looked.
                return Err(CloudError {
                    operation: "ec2:CreateTags",
                    class: ErrorClass::Refused,
                    code: None,
                    message: format!("{} could not be locked in time: EC2 answers too slowly", self.vpc),
                });
            }
            tokio::time::sleep(SETTLING).await;
            self.others(scene).await?;
            Ok(Applied::default())
        }
        .boxed()
    }

    fn settled<'a>(&'a self, scene: &'a Scene<'a>) -> BoxFuture<'a, Result<Option<Applied>, CloudError>> {
        async {
            let held = held(scene.clients, &self.vpc).await?;
            let own = held.and_then(|(holder, _)| holder).is_some_and(|holder| holder.run == self.holder.run);
            Ok(own.then(Applied::default))
        }
        .boxed()
    }

    fn undo<'a>(&'a self, scene: &'a Scene<'a>) -> BoxFuture<'a, Result<Undone, CloudError>> {
        async {
            let Some((holder, value)) = held(scene.clients, &self.vpc).await? else { return Ok(Undone::Already) };
            if holder.is_none_or(|holder| holder.run != self.holder.run) {
                // Another's, who took over what had expired.
                return Ok(Undone::Already);
            }
            // By key and value: a lock that somebody else writes meanwhile stays.
            let call = scene.clients.ec2_mutating.delete_tags().resources(&self.vpc).tags(tag(LOCK_TAG, &value)).send();
            let call = async { call.await.map(drop).map_err(CloudError::of("ec2:DeleteTags")) };
            scene.unmake(self, "ec2:DeleteTags", self.resource(), call).await?;
            Ok(Undone::Reverted)
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
