//! A rule that is taken out of a security group, and comes back.

use std::collections::BTreeMap;

use aws_sdk_ec2::types::SecurityGroup;
use futures::FutureExt;
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::leftovers;
use crate::cloud::{CloudError, ErrorClass};
use crate::faults::change::{Applied, Change, ChangeContext, RevertOutcome, Stage, Universal};
use crate::faults::changes::group_rule::{self, GroupRule, Source};
use crate::faults::dry_run::{DryRun, DryRunOutcome};
use crate::faults::finder::Finder;
use crate::faults::permits::Permits;
use crate::faults::state::{Attribute, FactKind, Own, Part};
use crate::faults::tags::tag;

/// ec2:RevokeSecurityGroupIngress; inverse ec2:AuthorizeSecurityGroupIngress.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Revoke {
    /// The group.
    pub group: String,
    /// The rule.
    pub rule: GroupRule,
    /// The rule's own ID; EC2 gives it another one when it is authorized again. Nothing in journals of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The rule's own tags, which it is authorized again with.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

impl Revoke {
    /// Rules that are authorized again get the tags that they had.
    fn permit_tags(&self, permits: &mut Permits<'_>) {
        if !self.tags.is_empty() {
            let rules = permits.ec2("security-group-rule/*");
            let tag = permits.statement("TagSecurityGroupRules").allow(["ec2:CreateTags"], [rules]);
            tag.only_tags("ForAllValues:StringEquals", self.tags.keys().cloned());
        }
    }

    async fn there(&self, context: &ChangeContext<'_>) -> Result<bool, CloudError> {
        let call = context.clients.ec2.describe_security_groups().group_ids(&self.group);
        let answer = call.send().await.map_err(CloudError::of("ec2:DescribeSecurityGroups"))?;
        let mut rules = answer.security_groups().iter().flat_map(SecurityGroup::ip_permissions).flat_map(GroupRule::of);
        Ok(rules.any(|rule| rule.is(&self.rule)))
    }

    /// Gives a rule that is back, by whom ever, the tags that it had; says whether it lacked some.
    async fn tag_again(&self, context: &ChangeContext<'_>) -> Result<RevertOutcome, CloudError> {
        if self.tags.is_empty() {
            return Ok(RevertOutcome::NoOp);
        }
        let rules = group_rule::described(context.clients, &self.group).await?;
        let own = rules.into_iter().find(|known| !known.egress && known.rule.is(&self.rule));
        let Some(own) = own.filter(|own| self.tags.iter().any(|(key, value)| own.tags.get(key) != Some(value))) else {
            return Ok(RevertOutcome::NoOp);
        };
        let tags = self.tags.iter().map(|(key, value)| tag(key, value)).collect();
        let call = context.clients.ec2_mutating.create_tags().resources(&own.id).set_tags(Some(tags)).send();
        let call = async { call.await.map(drop).map_err(CloudError::of("ec2:CreateTags")) };
        let resource = format!("{}: tags of {}", self.group, self.rule);
        context.unmake(self, "ec2:CreateTags", resource, Box::pin(call)).await?;
        Ok(RevertOutcome::Reverted)
    }
}

impl Change for Revoke {
    fn call(&self) -> &'static str {
        "ec2:RevokeSecurityGroupIngress"
    }

    fn resource(&self) -> String {
        format!("{}: {}", self.group, self.rule)
    }

    fn inverse(&self) -> &'static str {
        "ec2:AuthorizeSecurityGroupIngress"
    }

    fn stage(&self) -> Stage {
        Stage::Inject
    }

    fn cuts_ipv4(&self) -> bool {
        !matches!(self.rule.source, Source::Ipv6(_))
    }

    fn universal(&self, _: &dyn Fn(&str) -> Option<String>) -> Option<Universal> {
        let mut input = json!({ "GroupId": self.group, "IpPermissions": [self.rule.json()] });
        if !self.tags.is_empty() {
            let tags: Vec<_> = self.tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
            input["TagSpecifications"] = json!([{ "ResourceType": "security-group-rule", "Tags": tags }]);
        }
        Some(Universal { operation: "ec2:authorizeSecurityGroupIngress", input })
    }

    fn permit(&self, permits: &mut Permits<'_>) {
        let group = permits.ec2(&format!("security-group/{}", self.group));
        let calls = ["ec2:RevokeSecurityGroupIngress", "ec2:AuthorizeSecurityGroupIngress"];
        permits.statement("ChangeSecurityGroupRules").allow(calls, [group]);
        self.permit_tags(permits);
    }

    fn leftovers<'a>(finder: &'a mut Finder<'_>) -> BoxFuture<'a, Result<(), CloudError>> {
        leftovers::marked_groups(finder).boxed()
    }

    fn healed_by(operation: &str, input: &Value) -> Option<Self> {
        leftovers::rule_healed_by(operation, input)
    }

    fn same_target(&self, other: &Self) -> bool {
        self == other
    }

    fn permit_heal(&self, permits: &mut Permits<'_>) {
        let group = permits.ec2(&format!("security-group/{}", self.group));
        permits.statement("HealSecurityGroupRules").allow(["ec2:AuthorizeSecurityGroupIngress"], [group]);
        self.permit_tags(permits);
    }

    fn owns(&self) -> Option<(FactKind, Attribute, Own)> {
        let attribute = Attribute::GroupRule { egress: false, rule: self.rule.undescribed() };
        Some((FactKind::SecurityGroup, attribute, Own::Gone))
    }

    fn described_by(&self) -> Option<Part> {
        Some(Part::GroupRules)
    }

    fn touches(&self) -> String {
        self.group.clone()
    }

    fn drift<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<Option<String>, CloudError>> {
        async {
            let there = self.there(context).await?;
            Ok((!there).then(|| format!("{} no longer has the rule {}", self.group, self.rule)))
        }
        .boxed()
    }

    fn note(&self) -> Option<String> {
        let id = self.id.as_ref().map(|id| format!(" instead of {id}")).unwrap_or_default();
        Some(format!(
            "{}: the rule {} is revoked and authorized again, so it gets a new ID{id}: update everything that \
             stores the ID, such as Terraform state",
            self.group, self.rule
        ))
    }

    fn dry_run<'a>(&'a self, ask: &'a DryRun<'a>) -> BoxFuture<'a, Result<Option<DryRunOutcome>, CloudError>> {
        async {
            let ec2 = &ask.clients.ec2_mutating;
            // What it comes back with; it is there still, so that it would change nothing at all.
            let operation = "ec2:AuthorizeSecurityGroupIngress";
            let call = ec2.authorize_security_group_ingress().dry_run(true).group_id(&self.group);
            let call = call.ip_permissions(self.rule.permission());
            let call = call.set_tag_specifications(group_rule::tag_specifications(&self.tags)).send();
            let answer = call.await.map_err(CloudError::of(operation));
            Ok(Some(answer.map_or_else(DryRunOutcome::of, |_| DryRunOutcome::Made(operation))))
        }
        .boxed()
    }

    fn apply<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<Applied, CloudError>> {
        async {
            let call = context.clients.ec2_mutating.revoke_security_group_ingress().group_id(&self.group);
            let call = call.ip_permissions(self.rule.permission()).send();
            let call = async { call.await.map(drop).map_err(CloudError::of(self.call())) };
            context.make(self, Box::pin(call)).await?;
            Ok(Applied::default())
        }
        .boxed()
    }

    fn settled<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<Option<Applied>, CloudError>> {
        async { Ok((!self.there(context).await?).then(Applied::default)) }.boxed()
    }

    fn undo<'a>(&'a self, context: &'a ChangeContext<'a>) -> BoxFuture<'a, Result<RevertOutcome, CloudError>> {
        async {
            match self.there(context).await {
                Ok(true) if !context.blind => return self.tag_again(context).await,
                // The look may lag behind the revoke: authorizing again what is there is refused as a duplicate.
                Ok(_) => {}
                Err(error) if error.class == ErrorClass::NotFound => {
                    return Ok(RevertOutcome::ChangedByOthers(format!("{} no longer exists", self.group)));
                }
                Err(error) => return Err(error),
            }
            let call = context.clients.ec2_mutating.authorize_security_group_ingress().group_id(&self.group);
            let call = call.ip_permissions(self.rule.permission());
            let call = call.set_tag_specifications(group_rule::tag_specifications(&self.tags)).send();
            let name = "ec2:AuthorizeSecurityGroupIngress";
            let call = async { call.await.map(drop).map_err(CloudError::of(name)) };
            match context.unmake(self, name, self.resource(), Box::pin(call)).await {
                Ok(()) => Ok(RevertOutcome::Reverted),
                Err(error) if error.class == ErrorClass::Exists => self.tag_again(context).await,
                Err(error) => Err(error),
            }
        }
        .boxed()
    }
}
