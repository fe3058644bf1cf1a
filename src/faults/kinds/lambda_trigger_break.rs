//! `lambda-trigger-break`: a trigger of the user pool is throttled in one Region: the silent failure of a trigger that
//! nobody tried there.

use super::{Kind, user_pool};
use crate::cloud::CloudError;
use crate::faults::action::Action;
use crate::faults::changes::function::{ThrottleFunction, of_trigger, reserved, unqualified};
use crate::faults::changes::mark::Marked;
use crate::faults::fault::{BlastRadius, FaultError, PlanContext, PlannedFault, Target};
use crate::faults::state::{Part, Scope};

pub(crate) const KIND: Kind = Kind { plan: |context| Box::pin(plan(context)), permit: user_pool };

async fn plan(context: &PlanContext<'_>) -> Result<PlannedFault, FaultError> {
    let trigger = context.spec.trigger.unwrap_or_default();
    let pool = &context.site.pool.id;
    let call = context.clients.cognito.describe_user_pool().user_pool_id(pool).send();
    let described = call.await.map_err(CloudError::of("cognito-idp:DescribeUserPool"))?;
    let config = described.user_pool.and_then(|pool| pool.lambda_config);
    let function = config
        .and_then(|config| of_trigger(&config, trigger))
        .ok_or_else(|| FaultError::NoTrigger(trigger.as_str(), pool.clone(), context.clients.region.clone()))?;
    let was = reserved(context.clients, &function).await?;
    if was == Some(0) {
        return Err(FaultError::Refused("the trigger's function has a reserved concurrency of 0 already"));
    }
    let label = format!("{function} ({})", trigger.as_str());
    let function = unqualified(&function).to_owned();
    let on = Marked::Function(function.clone());
    let tags = on.tags(context.clients).await?;
    let throttle = ThrottleFunction { function: function.clone(), was };
    let mark = context.mark(on, &tags, [("state".to_owned(), throttle.was_text())])?;
    Ok(PlannedFault {
        targets: vec![Target { id: function.clone(), label, tags }],
        blast_radius: BlastRadius::default(),
        actions: vec![mark, Action::ThrottleFunction(throttle)],
        scope: Scope::of(Part::Function, &context.clients.region, &function),
    })
}
