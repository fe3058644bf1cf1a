//! `nacl-blackhole`: all traffic of the selected subnets vanishes, in both directions and IP families.

use super::{Kind, acl_clones, nothing_else};
use crate::faults::fault::{FaultError, PlanContext, PlannedFault};
use crate::faults::network::AclRule;

pub(super) const KIND: Kind = Kind { plan: |context| Box::pin(plan(context)), permit: nothing_else };

async fn plan(context: &PlanContext<'_>) -> Result<PlannedFault, FaultError> {
    let subnets = context.subnets().await?;
    let denied: Vec<AclRule> = [false, true]
        .into_iter()
        .flat_map(|ipv6| [false, true].map(|egress| AclRule::deny_all(egress, ipv6)))
        .collect();
    let actions = acl_clones::deny(context, &subnets, &denied).await?;
    Ok(PlannedFault::of_subnets(context, &subnets, actions))
}
