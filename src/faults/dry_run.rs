//! Whether AWS would refuse what a plan creates, replaces or authorizes: EC2's `DryRun` asks and changes nothing. It finds what no policy of this
//! account shows, as a service control policy of the organization.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::types::{ResourceType, TagSpecification};

use super::action::Action;
use super::changes::group_rule;
use super::network::Vpc;
use super::plan::Plan;
use super::tags::{LOCK_TAG, RUN_TAG, tag};
use crate::cloud::{Cloud, CloudError, ErrorClass, RegionClients};
use crate::model::{Region, RunId};

/// What EC2 answers where a call would be made (EC2 API reference, "Error codes").
const WOULD_SUCCEED: &str = "DryRunOperation";

/// What dry runs told.
#[derive(Debug, Default)]
pub struct DryRuns {
    /// Calls that would be refused: where, and the service's words.
    pub refused: Vec<(Region, CloudError)>,
    /// A call that was made although it was a dry run, as some emulators do; it was undone, and none followed.
    pub ignored: Option<&'static str>,
}

impl Plan {
    /// Asks for the first call of each kind in each Region.
    ///
    /// # Errors
    /// [`CloudError`] of what is described for it.
    pub async fn dry_runs(&self, cloud: &Cloud, run: &RunId) -> Result<DryRuns, CloudError> {
        let mut told = DryRuns::default();
        let mut asked = BTreeSet::new();
        for fault in &self.faults {
            let asking = Asking { clients: cloud.of(&fault.region)?, run };
            for action in &fault.actions {
                let call = action.change().call();
                if !asked.insert((fault.region.clone(), call)) {
                    continue;
                }
                if let Some(answer) = asking.about(action).await? {
                    told.take(&fault.region, answer);
                }
                if told.ignored.is_some() {
                    return Ok(told);
                }
            }
        }
        for (region, vpc) in &self.vpcs {
            let answer = Asking { clients: cloud.of(region)?, run }.lock(vpc).await;
            told.take(region, answer);
            if told.ignored.is_some() {
                break;
            }
        }
        Ok(told)
    }
}

impl DryRuns {
    fn take(&mut self, region: &Region, answer: Answer) {
        match answer {
            Answer::Fine => {}
            Answer::Refused(error) => self.refused.push((region.clone(), error)),
            Answer::Made(call) => self.ignored = Some(call),
        }
    }
}

enum Answer {
    Fine,
    Refused(CloudError),
    Made(&'static str),
}

struct Asking<'a> {
    clients: &'a RegionClients,
    run: &'a RunId,
}

impl Asking<'_> {
    /// Nothing where the call has no dry run, or needs what is not there yet.
    async fn about(&self, action: &Action) -> Result<Option<Answer>, CloudError> {
        let ec2 = &self.clients.ec2_mutating;
        Ok(match action {
            Action::CreateClone(change) => {
                let call = ec2.create_network_acl().dry_run(true).vpc_id(&change.vpc);
                let call = call.tag_specifications(self.tags(ResourceType::NetworkAcl, &change.tags)).send();
                match call.await.map_err(CloudError::of("ec2:CreateNetworkAcl")) {
                    Err(error) => Some(judged(error)),
                    Ok(made) => {
                        let id = made.network_acl().and_then(|acl| acl.network_acl_id()).unwrap_or_default();
                        let undone = ec2.delete_network_acl().network_acl_id(id).send().await;
                        undone.map_err(CloudError::of("ec2:DeleteNetworkAcl"))?;
                        Some(Answer::Made("ec2:CreateNetworkAcl"))
                    }
                }
            }
            Action::Swap(change) => {
                let operation = "ec2:ReplaceNetworkAclAssociation";
                let described = Vpc::describe(self.clients, &change.vpc).await?;
                // To the ACL that it has, so that it would change nothing at all.
                let Some(used) = described.association(&change.subnet) else { return Ok(None) };
                let call = ec2.replace_network_acl_association().dry_run(true).association_id(&used.id);
                let answer = call.network_acl_id(&used.acl).send().await.map_err(CloudError::of(operation));
                Some(answer.map_or_else(judged, |_| Answer::Made(operation)))
            }
            Action::CreateEmpty(change) => {
                let call = ec2.create_security_group().dry_run(true).vpc_id(&change.vpc).group_name(&change.name);
                let call = call.description("GameDay: nothing passes");
                let call = call.tag_specifications(self.tags(ResourceType::SecurityGroup, &change.tags)).send();
                match call.await.map_err(CloudError::of("ec2:CreateSecurityGroup")) {
                    Err(error) => Some(judged(error)),
                    Ok(made) => {
                        let undone = ec2.delete_security_group().set_group_id(made.group_id).send().await;
                        undone.map_err(CloudError::of("ec2:DeleteSecurityGroup"))?;
                        Some(Answer::Made("ec2:CreateSecurityGroup"))
                    }
                }
            }
            // What a revoked rule comes back with; it is there still, so that it would change nothing at all.
            Action::Revoke(change) => {
                let operation = "ec2:AuthorizeSecurityGroupIngress";
                let call = ec2.authorize_security_group_ingress().dry_run(true).group_id(&change.group);
                let call = call.ip_permissions(change.rule.permission());
                let call = call.set_tag_specifications(group_rule::tag_specifications(&change.tags)).send();
                let answer = call.await.map_err(CloudError::of(operation));
                Some(answer.map_or_else(judged, |_| Answer::Made(operation)))
            }
            _ => None,
        })
    }

    /// The lock's tag.
    async fn lock(&self, vpc: &str) -> Answer {
        let ec2 = &self.clients.ec2_mutating;
        let lock = || tag(LOCK_TAG, "dry run");
        let call = ec2.create_tags().dry_run(true).resources(vpc).tags(lock()).send();
        if let Err(error) = call.await.map_err(CloudError::of("ec2:CreateTags")) {
            return judged(error);
        }
        let undone = ec2.delete_tags().resources(vpc).tags(lock()).send().await;
        undone.map_err(CloudError::of("ec2:DeleteTags")).map_or_else(judged, |_| Answer::Made("ec2:CreateTags"))
    }

    fn tags(&self, of: ResourceType, asked_for: &BTreeMap<String, String>) -> TagSpecification {
        let all = asked_for.iter().map(|(key, value)| tag(key, value)).chain([tag(RUN_TAG, self.run.as_str())]);
        TagSpecification::builder().resource_type(of).set_tags(Some(all.collect())).build()
    }
}

/// Anything but a refusal is no finding: the call itself will tell.
fn judged(error: CloudError) -> Answer {
    let refused = error.class == ErrorClass::Denied && error.code.as_deref() != Some(WOULD_SUCCEED);
    if refused { Answer::Refused(error) } else { Answer::Fine }
}
