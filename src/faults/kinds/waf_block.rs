//! `waf-block`: sign-ins at the user pool are refused by a rule of AWS WAF in one Region: what breaks a client that talks to Cognito's own API,
//! which no network ACL of a customer can reach. It stops no packets: users get an answer, and health checks that do not sign in see nothing.

use super::{Kind, user_pool};
use crate::cloud::CloudError;
use crate::faults::action::Action;
use crate::faults::changes::web_acl::{AssociateBlockingAcl, CreateBlockingAcl, is_copy, name, of_pool};
use crate::faults::fault::{BlastRadius, FaultError, PlanContext, PlannedFault, Target};
use crate::faults::state::{Part, Scope};
use gameday_core::scenario::Blocks;

pub(super) const KIND: Kind = Kind { plan: |context| Box::pin(plan(context)), permit: user_pool };

async fn plan(context: &PlanContext<'_>) -> Result<PlannedFault, FaultError> {
    let operation = "cognito-idp:DescribeUserPool";
    let id = context.site.pool.id_at(context.spec.region);
    let described = context.clients.cognito.describe_user_pool().user_pool_id(id).send().await;
    let described = described.map_err(CloudError::of(operation))?.user_pool;
    let tags =
        described.as_ref().and_then(|pool| pool.user_pool_tags.clone()).unwrap_or_default().into_iter().collect();
    let pool = described.and_then(|pool| pool.arn).ok_or_else(|| CloudError::incomplete(operation, "ARN"))?;
    let acl = of_pool(context.clients, &pool).await?;
    if let Some(acl) = &acl {
        if is_copy(acl) {
            return Err(FaultError::Refused(
                "the user pool has the web ACL of another run: roll back that run first, with `gameday rollback`",
            ));
        }
        // Their rule groups belong to the organization's administrator, and cannot be part of a copy.
        let managed = |groups: &Option<Vec<_>>| groups.as_ref().is_some_and(|groups| !groups.is_empty());
        if managed(&acl.pre_process_firewall_manager_rule_groups)
            || managed(&acl.post_process_firewall_manager_rule_groups)
        {
            return Err(FaultError::Refused(
                "the user pool's web ACL has rule groups of AWS Firewall Manager, which no copy can have",
            ));
        }
    }
    if let Some(acl) = &acl
        && acl.label_namespace().is_some_and(|own| acl.rules().iter().any(|rule| format!("{rule:?}").contains(own)))
    {
        return Err(FaultError::Refused(
            "a rule of the user pool's web ACL matches labels by the web ACL's own name, which no copy can have",
        ));
    }
    let original = acl.map(|acl| acl.arn);
    let copy = format!("{}/web-acl", context.number);
    let associate = AssociateBlockingAcl { pool: pool.clone(), original: original.clone(), copy: copy.clone() };
    let name = name(context.run.as_str(), context.number)
        .ok_or(FaultError::Refused("the run's ID is too long for the name of a web ACL"))?;
    let create = CreateBlockingAcl {
        pool: pool.clone(),
        original,
        copy,
        name,
        everyone: context.spec.blocks == Some(Blocks::Everyone),
        tags: context.site.tags.clone(),
    };
    Ok(PlannedFault {
        targets: vec![Target { id: pool.clone(), label: format!("user pool {id}"), tags }],
        blast_radius: BlastRadius::default(),
        actions: vec![Action::CreateBlockingAcl(create), Action::AssociateBlockingAcl(associate)],
        scope: Scope::of(Part::WebAcl, &context.clients.region, &pool),
    })
}
