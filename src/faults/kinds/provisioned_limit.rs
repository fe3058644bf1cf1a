//! `provisioned-limit`: the rate of sign-ins that Cognito lets through in one Region is set to another: what an operator does when the
//! replica throttles everybody's logins (Cognito developer guide, "Managing provisioned limits"). It stops no packets.
//!
//! AWS lets only pools without managed login set the limit, up to the account's maximum in Service Quotas, and asks money for what is above
//! the default while it lasts.

use super::{Kind, user_pool};
use crate::faults::action::Action;
use crate::faults::changes::limit::{LIMIT, SetProvisionedLimit, provisioned};
use crate::faults::changes::mark::Marked;
use crate::faults::fault::{BlastRadius, FaultError, PlanContext, PlannedFault, Target};
use crate::faults::state::{Part, Scope};

pub(super) const KIND: Kind = Kind { plan: |context| Box::pin(plan(context)), permit: user_pool };

async fn plan(context: &PlanContext<'_>) -> Result<PlannedFault, FaultError> {
    let region = &context.clients.region;
    // Validation has proved that there is a rate, and that it is a whole one.
    let rate = context
        .spec
        .rate
        .map(|rate| rate.0.round() as i32)
        .ok_or(FaultError::Refused("provisioned-limit needs a rate"))?;
    let limit = provisioned(context.clients).await?;
    if rate < limit.free {
        let (free, message) = (limit.free, "the limit of sign-ins in");
        return Err(FaultError::Quota(format!(
            "{message} {region} cannot be below its default of {free}/s: {rate}/s is asked for"
        )));
    }
    if rate == limit.provisioned {
        return Err(FaultError::Refused("the limit for sign-ins already has that rate"));
    }
    let pool = pool_arn(context).await?;
    let on = Marked::Pool(pool.clone());
    let tags = on.tags(context.clients).await?;
    let provision = SetProvisionedLimit { rate: Some(rate), was: limit.provisioned };
    let mark = context.mark(on, &tags, [("limit".to_owned(), provision.text())])?;
    // The limit is the account's in this Region, and no resource: two faults cannot share it, whatever the pool.
    let target =
        Target { id: format!("{region}/UserAuthentication"), label: format!("UserAuthentication in {region}"), tags };
    Ok(PlannedFault {
        targets: vec![target],
        blast_radius: BlastRadius::default(),
        actions: vec![mark, Action::SetProvisionedLimit(provision)],
        scope: Scope::of(Part::Limit, region, LIMIT).with(Part::UserPool, region, &pool),
    })
}

async fn pool_arn(context: &PlanContext<'_>) -> Result<String, FaultError> {
    let operation = "cognito-idp:DescribeUserPool";
    let call = context.clients.cognito.describe_user_pool().user_pool_id(&context.site.pool.id).send();
    let described = call.await.map_err(crate::cloud::CloudError::of(operation))?;
    let arn = described.user_pool.and_then(|pool| pool.arn);
    Ok(arn.ok_or_else(|| crate::cloud::CloudError::incomplete(operation, "ARN"))?)
}
