//! Whether AWS would refuse what a plan creates, replaces or authorizes: EC2's `DryRun` asks and changes nothing. It finds what no policy of this
//! account shows, as a service control policy of the organization.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::{ResourceType, TagSpecification};

use super::tags::{LOCK_TAG, RUN_TAG, tag};
use crate::cloud::{CloudError, ErrorClass, RegionClients};
use gameday_core::model::RunId;

/// What EC2 answers where a call would be made (EC2 API reference, "Error codes").
const WOULD_SUCCEED: &str = "DryRunOperation";

/// What a dry run told.
pub enum DryRunOutcome {
    /// The call would be made.
    Fine,
    /// It would be refused.
    Refused(CloudError),
    /// It was made although it was a dry run, and is undone.
    Made(&'static str),
}

impl DryRunOutcome {
    /// Of what EC2 answers to a dry run. Anything but a refusal is no finding: the call itself will tell.
    pub fn of(error: CloudError) -> Self {
        let refused = error.class == ErrorClass::Denied && error.code.as_deref() != Some(WOULD_SUCCEED);
        if refused { Self::Refused(error) } else { Self::Fine }
    }
}

/// What dry runs are made with.
pub struct DryRun<'a> {
    /// Clients of the Region.
    pub clients: &'a RegionClients,
    /// The run, for tags.
    pub run: &'a RunId,
}

impl DryRun<'_> {
    /// The lock's tag.
    pub async fn lock(&self, vpc: &str) -> DryRunOutcome {
        let ec2 = &self.clients.ec2_mutating;
        let lock = || tag(LOCK_TAG, "dry run");
        let call = ec2.create_tags().dry_run(true).resources(vpc).tags(lock()).send();
        if let Err(error) = call.await.map_err(CloudError::of("ec2:CreateTags")) {
            return DryRunOutcome::of(error);
        }
        let undone = ec2.delete_tags().resources(vpc).tags(lock()).send().await;
        undone
            .map_err(CloudError::of("ec2:DeleteTags"))
            .map_or_else(DryRunOutcome::of, |_| DryRunOutcome::Made("ec2:CreateTags"))
    }

    /// The tags of something new: those that the environment asks for, and the run's.
    pub fn tags(&self, of: ResourceType, asked_for: &BTreeMap<String, String>) -> TagSpecification {
        let all = asked_for.iter().map(|(key, value)| tag(key, value)).chain([tag(RUN_TAG, self.run.as_str())]);
        TagSpecification::builder().resource_type(of).set_tags(Some(all.collect())).build()
    }
}
