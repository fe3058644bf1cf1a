//! `lambda-trigger-break`: a trigger of the user pool is throttled in one Region: the silent failure of a trigger that
//! nobody tried there.

use std::collections::BTreeSet;

use aws_sdk_cognitoidentityprovider::types::{LambdaConfigType, PreTokenGenerationVersionConfigType};

use super::{Kind, user_pool};
use crate::cloud::CloudError;
use crate::faults::action::Action;
use crate::faults::changes::function::{ThrottleFunction, reserved};
use crate::faults::changes::mark::Marked;
use crate::faults::plan::{BlastRadius, FaultError, PlanContext, PlannedFault, Target};
use crate::faults::state::{Part, Scope};
use gameday_core::scenario::Trigger;

pub const KIND: Kind = Kind { plan: |ask| Box::pin(plan(ask)), permit: user_pool };

async fn plan(ask: &PlanContext<'_>) -> Result<PlannedFault, FaultError> {
    let trigger = ask.spec.trigger.unwrap_or_default();
    let pool = &ask.site.pool.id;
    let call = ask.clients.cognito.describe_user_pool().user_pool_id(pool).send();
    let described = call.await.map_err(CloudError::of("cognito-idp:DescribeUserPool"))?;
    let config = described.user_pool.and_then(|pool| pool.lambda_config);
    let function = config
        .and_then(|config| function(&config, trigger))
        .ok_or_else(|| FaultError::NoTrigger(trigger.as_str(), pool.clone(), ask.clients.region.clone()))?;
    let was = reserved(ask.clients, &function).await?;
    if was == Some(0) {
        return Err(FaultError::Refused("the trigger's function has a reserved concurrency of 0 already"));
    }
    let label = format!("{function} ({})", trigger.as_str());
    let function = unqualified(&function).to_owned();
    let on = Marked::Function(function.clone());
    let tags = on.tags(ask.clients).await?;
    let starve = ThrottleFunction { function: function.clone(), was };
    let mark = ask.mark(on, &tags, [("state".to_owned(), starve.was_text())])?;
    Ok(PlannedFault {
        targets: vec![Target { id: function.clone(), label, tags }],
        cover: BlastRadius::default(),
        actions: vec![mark, Action::ThrottleFunction(starve)],
        scope: Scope::of(Part::Function, &ask.clients.region, &function),
    })
}

/// Concurrency and tags are the function's, not a version's or an alias's: seven parts of the ARN.
fn unqualified(arn: &str) -> &str {
    arn.match_indices(':').nth(6).map_or(arn, |(end, _)| &arn[..end])
}

/// The functions of all triggers that can be broken.
pub fn functions(config: &LambdaConfigType) -> BTreeSet<String> {
    Trigger::ALL
        .iter()
        .filter_map(|trigger| function(config, *trigger))
        .map(|arn| unqualified(&arn).to_owned())
        .collect()
}

fn function(config: &LambdaConfigType, trigger: Trigger) -> Option<String> {
    let arn = match trigger {
        Trigger::PreAuthentication => config.pre_authentication(),
        Trigger::PostAuthentication => config.post_authentication(),
        Trigger::PreTokenGeneration => config
            .pre_token_generation()
            .or_else(|| config.pre_token_generation_config().map(PreTokenGenerationVersionConfigType::lambda_arn)),
        Trigger::UserMigration => config.user_migration(),
        Trigger::DefineAuthChallenge => config.define_auth_challenge(),
    };
    arn.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_or_alias_is_cut_off() {
        let plain = "arn:aws:lambda:us-east-1:111122223333:function:pre-token";
        assert_eq!(unqualified(plain), plain);
        assert_eq!(unqualified(&format!("{plain}:live")), plain);
    }
}
