//! `waf-block`: sign-ins at the user pool are refused by a rule of AWS WAF in one Region: what breaks a client that talks to Cognito's own API,
//! which no network ACL of a customer can reach. It stops no packets: users get an answer, and health checks that do not sign in see nothing.

use aws_sdk_wafv2::types::{Rule, Statement};

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
        && let Some(own) = acl.label_namespace()
        && acl.rules().iter().filter_map(Rule::statement).any(|statement| matches_label(statement, own))
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

/// Whether a statement, or one inside of it, matches a label by its full name that begins so.
fn matches_label(statement: &Statement, own: &str) -> bool {
    let inside = |inner: &[Statement]| inner.iter().any(|statement| matches_label(statement, own));
    let one = |inner: Option<&Statement>| inner.is_some_and(|statement| matches_label(statement, own));
    statement.label_match_statement().is_some_and(|label| label.key().starts_with(own))
        || statement.and_statement().is_some_and(|and| inside(and.statements()))
        || statement.or_statement().is_some_and(|or| inside(or.statements()))
        || one(statement.not_statement().and_then(|not| not.statement()))
        || one(statement.rate_based_statement().and_then(|rate| rate.scope_down_statement()))
        || one(statement.managed_rule_group_statement().and_then(|group| group.scope_down_statement()))
}

#[cfg(test)]
mod tests {
    use aws_sdk_wafv2::types::{AndStatement, LabelMatchScope, LabelMatchStatement, NotStatement};

    use super::*;

    #[test]
    fn a_label_of_the_web_acls_own_name_is_found_however_deep() {
        let label = |key: &str| {
            let label = LabelMatchStatement::builder().scope(LabelMatchScope::Label).key(key).build().unwrap();
            Statement::builder().label_match_statement(label).build()
        };
        let deep = |key: &str| {
            let not = Statement::builder().not_statement(NotStatement::builder().statement(label(key)).build()).build();
            let and = AndStatement::builder().statements(label("other:x")).statements(not).build().unwrap();
            Statement::builder().and_statement(and).build()
        };
        let own = "awswaf:111122223333:webacl:identity:";
        assert!(matches_label(&deep("awswaf:111122223333:webacl:identity:seen"), own));
        assert!(!matches_label(&deep("awswaf:managed:aws:bot-control:bot"), own));
    }
}
